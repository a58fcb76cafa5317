#include "server/advice/settings.h"

#include <fmt/format.h>

namespace tessera::server {
namespace {

constexpr Milliseconds kMinute{60'000}, kDay{std::chrono::hours(24)};

Result<Milliseconds> at_least(const config::Node& node, Milliseconds least) {
  const Milliseconds out = TRY(node.duration());
  if (out < least) return node.error(fmt::format("at least {} expected", format_duration(least)));
  return out;
}

}  // namespace

Result<void> read_advice_every(const config::Node& node, AdviceSettings& into) {
  into.every = TRY(at_least(node, kMinute));
  return {};
}

Result<void> read_advice_window(const config::Node& node, AdviceSettings& into) {
  into.windowing.most = TRY(at_least(node, kDay));
  if (into.windowing.most % into.windowing.slot != Milliseconds(0))
    return node.error(fmt::format("a multiple of {} expected", format_duration(into.windowing.slot)));
  return {};
}

Result<void> read_advice_loading(const config::Node& node, AdviceSettings& into) {
  into.windowing.loading = TRY(node.duration());
  return {};
}

Result<void> read_advice_window_scale(const config::Node& node, AdviceSettings& into) {
  constexpr double kLeast = 0.01, kMost = 10;
  into.options.time_scale = TRY(node.number(kLeast, kMost));
  return {};
}

Result<void> read_advice_memory_headroom(const config::Node& node, AdviceSettings& into) {
  constexpr double kMost = 10;
  into.options.memory_headroom = TRY(node.number(0, kMost));
  return {};
}

Result<void> read_advice_compute_headroom(const config::Node& node, AdviceSettings& into) {
  constexpr double kMost = 10;
  into.options.compute_headroom = TRY(node.number(0, kMost));
  return {};
}

Result<void> read_advice_least_saving(const config::Node& node, AdviceSettings& into) {
  const auto money = fleet::parse_decimal(TRY(node.text()));
  if (!money || *money < 0) return node.error("money of a month expected, as 50 or 49.90, and not below 0");
  into.options.least_per_month = *money;
  return {};
}

Result<void> read_advice_least_confidence(const config::Node& node, AdviceSettings& into) {
  into.options.least_confidence = TRY(node.number(0, 1));
  return {};
}

Result<void> read_advice_off(const config::Node& node, AdviceSettings& into) {
  std::vector<std::string_view> names;
  for (const auto& one : fleet::advice::kinds()) names.push_back(one.name);
  into.options.off.clear();
  for (const config::Node& one : TRY(node.list()))
    into.options.off.insert(*fleet::advice::kind_named(TRY(one.word(names))));
  return {};
}

}  // namespace tessera::server
