// What a namespace may have, against what it had and what it was refused.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "fleet/advice/rules.h"

namespace tessera::fleet::advice {
namespace {

constexpr double kRoom = 1.5;          ///< what it had at most, times this, is left to it
constexpr std::int64_t kFarAbove = 2;  ///< times what it would be lowered to

// Of one that is too small: fewer days are no habit, and what was refused last week may not be wanted any longer.
constexpr std::size_t kDays = 3;
constexpr Milliseconds kOfADay{std::chrono::hours(1)}, kOfLate{std::chrono::hours(48)};

template <class Of>
Subject subject_of(const Of& of) {
  Subject out;
  out.cluster = of.cluster;
  out.space = of.space;
  out.kind = "ResourceQuota";
  out.name = fmt::format("{} ({})", of.name, of.resource);
  return out;
}

/// As many more as would have been enough on all but the two worst of these days.
std::int64_t more_of(const QuotaShortage& of) {
  std::vector<std::int64_t> wanted;
  for (const QuotaShortage::Day& day : of.days)
    if (day.refused >= kOfADay) wanted.push_back(day.wanted);
  std::ranges::sort(wanted, std::greater());
  return wanted.size() < kDays ? 0 : wanted[kDays - 1];
}

}  // namespace

Said quota(const Quota& of, const Options& options) {
  const Rhythm by{.from = of.from, .to = of.to, .observed = of.observed, .told_until = of.to};
  // One is left to who had none: a quota of 0 shuts the namespace out, and that is another decision.
  const auto enough = std::max<std::int64_t>(1, std::llround(std::ceil(static_cast<double>(of.had_most) * kRoom)));
  if (of.hard < kFarAbove * enough || !is_enough(Kind::Quota, by, options)) return std::nullopt;
  Advice out =
      begun(Kind::Quota, subject_of(of),
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

Said quota_too_small(const QuotaShortage& of, const Options& options) {
  const Rhythm by{.from = of.from, .to = of.to, .observed = of.observed, .told_until = of.told_until};
  const std::int64_t more = more_of(of);
  if (of.hard == 0) return std::nullopt;  // its namespace is to have none
  if (more < 1 || of.to - of.refused_last > kOfLate.count() || !is_enough(Kind::QuotaTooSmall, by, options))
    return std::nullopt;
  Milliseconds refused{0};
  for (const QuotaShortage::Day& day : of.days) refused += day.refused;
  Advice out = begun(Kind::QuotaTooSmall, subject_of(of),
                     {of.from,
                      of.to,
                      of.observed,
                      {{"hard", static_cast<double>(of.hard), "parts"},
                       {"refused", static_cast<double>(refused.count()) / 3'600'000, "hours"},
                       {"refusedDays", static_cast<double>(of.days.size()), "days"},
                       {"wanted", static_cast<double>(more), "parts"},
                       {"unusedElsewhere", static_cast<double>(of.unused_elsewhere), "parts"}}},
                     options);
  out.sentence =
      fmt::format("Namespace {} may have {} of {}, and its pods were refused on {} days while there was room.",
                  of.space, of.hard, of.resource, of.days.size());
  out.aim = fmt::format("{} of {}", of.hard + more, of.resource);
  if (of.per_hour)
    if (const auto money = narrow(Wide{*of.per_hour} * more, "money of an hour"))
      out.cost = saving_of(*money, fmt::format("{} more at {} each at most", more, hourly(*of.per_hour)));
  take(out, quota_steps({of.cluster, of.space, of.name, of.resource, of.hard}, of.hard + more));
  return out;
}

}  // namespace tessera::fleet::advice
