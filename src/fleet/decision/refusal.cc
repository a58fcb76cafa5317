#include "fleet/decision/refusal.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "fleet/decision/text.h"

namespace tessera::fleet::decision {
namespace {

constexpr std::size_t kNearest = 3;

std::string devices_text(std::size_t count) { return count == 1 ? "1 device" : fmt::format("{} devices", count); }

constexpr std::array<std::string_view, kCauses> kWhy = {"not well",
                                                        "of another model",
                                                        "without MIG, or with it, against what was asked for",
                                                        "too small in memory",
                                                        "too small in compute",
                                                        "too dear",
                                                        "full",
                                                        "free in pieces that are too small",
                                                        "well, but not enough of them together"};

Miss miss_of(Cause cause, const Supply& supply, std::span<const Failure> failures) {
  std::vector<std::size_t> of;
  for (std::size_t i = 0; i < failures.size(); ++i)
    if (failures[i].cause == cause) of.push_back(i);
  std::ranges::sort(of, {}, [&](std::size_t i) { return std::pair(failures[i].far, i); });
  Miss out{cause, of.size(), {}, {}};
  for (std::size_t i = 0; i < std::min(kNearest, of.size()); ++i)
    out.nearest.push_back({supply.candidates[of[i]].id, failures[of[i]].what});
  out.sentence = fmt::format("{} {} {}", devices_text(of.size()), of.size() == 1 ? "is" : "are",
                             kWhy[static_cast<std::size_t>(cause)]);
  if (!out.nearest.empty())
    out.sentence += fmt::format("; nearest is {}: {}", out.nearest[0].device_id, out.nearest[0].what);
  return out;
}

}  // namespace

std::string_view cause_name(Cause cause) {
  constexpr std::array<std::string_view, kCauses> kNames = {"unhealthy", "model", "mig",     "memory",  "compute",
                                                            "price",     "held",  "no_room", "together"};
  return kNames[static_cast<std::size_t>(cause)];
}

std::string_view remedy_kind_name(RemedyKind kind) {
  constexpr std::array<std::string_view, 7> kNames = {"ask_for_less", "wait",     "move",       "switch_mig_on",
                                                      "repair",       "pay_more", "other_model"};
  return kNames[static_cast<std::size_t>(kind)];
}

Refusal refuse(const Supply& supply, const Need& /*need*/, std::span<const Failure> failures) {
  Refusal out;
  for (std::size_t cause = 0; cause < kCauses; ++cause) {
    Miss miss = miss_of(static_cast<Cause>(cause), supply, failures);
    if (miss.devices > 0) out.misses.push_back(std::move(miss));
  }
  std::vector<std::string> parts;
  for (const Miss& one : out.misses)
    parts.push_back(fmt::format("{} {}", devices_text(one.devices), kWhy[static_cast<std::size_t>(one.cause)]));
  out.sentence = failures.empty() ? "There are no devices"
                                  : fmt::format("Of {} none serves it: {}", devices_text(failures.size()), join(parts));
  return out;
}

}  // namespace tessera::fleet::decision
