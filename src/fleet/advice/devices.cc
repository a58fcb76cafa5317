// What is about devices themselves.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <map>

#include "fleet/advice/rules.h"

namespace tessera::fleet::advice {
namespace {

constexpr Milliseconds kHour{std::chrono::hours(1)};

struct Sign {
  std::string_view alert;
  Milliseconds firing;  ///< at least, in the window
  unsigned times;       ///< or so often
  bool sick;            ///< else slowed down
  std::string_view sentence;
};
constexpr std::array kSigns = {
    Sign{"GPURowRemapFailed", Milliseconds{0}, 1, true, "has no spare memory rows left"},
    Sign{"GPUXidDevice", Milliseconds{0}, 2, true, "has had XIDs after which a GPU is taken out"},
    // It fires until the driver is loaded anew: that it comes back is the sign, not for how long it fires.
    Sign{"GPUEccUncorrectable", Milliseconds{0}, 2, true, "has had uncorrected memory errors again"},
    Sign{"GPUNotAnswering", 24 * kHour, 4, true, "does not answer the driver"},
    Sign{"GPUThermalThrottling", kHour, 4, false, "is slowed down by heat"},
    Sign{"GPUPowerBrake", kHour, 4, false, "is slowed down by its power supply"},
    Sign{"GPUThrottledMoreThanNeighbours", kHour, 4, false, "is slowed down more of the time than its neighbours"},
    Sign{"GPUThrottledMoreThanUsual", kHour, 4, false, "is slowed down more of the time than in its own last week"},
};

bool shows(const Trouble& of, const Sign& sign) {
  const bool long_enough = sign.firing.count() > 0 && of.firing >= sign.firing;
  const std::string& original = of.copy_of.empty() ? of.alert : of.copy_of;
  return original == sign.alert && (long_enough || of.times >= sign.times);
}

Advice told(const Trouble& of, const Sign& sign, const Options& options) {
  Subject subject;
  subject.cluster = of.cluster;
  subject.device_id = of.device_id;
  subject.device_uuid = of.device_uuid;
  subject.model = of.model;
  Advice out = begun(Kind::Hardware, std::move(subject),
                     {of.from,
                      of.to,
                      of.observed,
                      {{"times", static_cast<double>(of.times), "times"},
                       {"firing", static_cast<double>(of.firing.count()) / 3'600'000, "hours"}}},
                     options);
  out.confidence = 1;  // an alert is evidence by itself
  out.sentence = fmt::format("{} {} ({}, {} times).", of.device_id, sign.sentence, of.alert, of.times);
  out.aim = std::string(of.alert);
  if (sign.sick && of.per_hour) out.saving = saving_of(*of.per_hour, "what the board costs, " + hourly(*of.per_hour));
  take(out, cordon_steps(of.node));
  return out;
}

}  // namespace

std::vector<Advice> hardware(const std::vector<Trouble>& of, const Options& options) {
  std::map<std::pair<std::string, std::string>, Advice> out;  // one for a device: of its worst sign
  for (const Sign& sign : kSigns)
    for (const Trouble& one : of)
      if (const std::pair device(one.cluster, one.device_uuid.empty() ? one.device_id : one.device_uuid);
          shows(one, sign) && !out.contains(device))
        out.emplace(device, told(one, sign, options));
  std::vector<Advice> list;
  for (auto& [device, one] : out) list.push_back(std::move(one));
  return list;
}

std::vector<std::string> hardware_alerts() {
  std::vector<std::string> out;
  for (const Sign& sign : kSigns) out.emplace_back(sign.alert);
  return out;
}

Said defragment(const Scattered& of, const Options& options) {
  if (of.frees.empty() || Milliseconds(of.now - of.since) < least_window(Kind::Defragment, options))
    return std::nullopt;
  Subject subject;
  subject.cluster = of.cluster;
  subject.model = of.model;
  Advice out = begun(Kind::Defragment, std::move(subject),
                     {of.since,
                      of.now,
                      of.observed,
                      {{"moves", static_cast<double>(of.moves.size()), "moves"},
                       {"frees", static_cast<double>(of.frees.size()), "devices"}}},
                     options);
  out.sentence = fmt::format("{} moves would free {} of {}: {}.", of.moves.size(), of.frees.size(), of.model,
                             fmt::join(of.frees, ", "));
  out.aim = fmt::format("{} free", of.frees.size());
  if (of.per_hour)
    if (const auto money = narrow(Wide{*of.per_hour} * static_cast<Micros>(of.frees.size()), "money of an hour"))
      out.saving = saving_of(*money, fmt::format("{} GPUs that need not be bought or may go, {} each", of.frees.size(),
                                                 hourly(*of.per_hour)));
  out.change = {"api", "GET /k8s-monitor/api/v1/gpu/defragmentation\n" + fmt::format("{}", fmt::join(of.moves, "\n"))};
  out.undo = by_hand(Saying{"none-needed", {}, "None is needed: who has moved is as well off as before."});
  return out;
}

}  // namespace tessera::fleet::advice
