// What a namespace may have, against what it had.
#include <fmt/format.h>

#include <cmath>

#include "fleet/advice/rules.h"

namespace tessera::fleet::advice {
namespace {

constexpr double kRoom = 1.5;          ///< what it had at most, times this, is left to it
constexpr std::int64_t kFarAbove = 2;  ///< times what it would be lowered to

}  // namespace

Said quota(const Quota& of, const Options& options) {
  Rhythm by;
  by.from = of.from;
  by.to = by.told_until = of.to;
  by.observed = of.observed;
  // One is left to who had none: a quota of 0 shuts the namespace out, and that is another decision.
  const auto enough = std::max<std::int64_t>(1, std::llround(std::ceil(static_cast<double>(of.had_most) * kRoom)));
  if (of.hard < kFarAbove * enough || !is_enough(Kind::Quota, by, options)) return std::nullopt;
  Subject subject;
  subject.cluster = of.cluster;
  subject.space = of.space;
  subject.kind = "ResourceQuota";
  subject.name = fmt::format("{} ({})", of.name, of.resource);
  Advice out =
      begun(Kind::Quota, std::move(subject),
            {of.from,
             of.to,
             of.observed,
             {{"hard", static_cast<double>(of.hard), "parts"}, {"hadMost", static_cast<double>(of.had_most), "parts"}}},
            options);
  out.sentence = fmt::format("Namespace {} may have {} of {} and had {} at once at most.", of.space, of.hard,
                             of.resource, of.had_most);
  out.aim = fmt::format("{} of {}", enough, of.resource);
  take(out, quota_steps(of, enough));
  return out;
}

}  // namespace tessera::fleet::advice
