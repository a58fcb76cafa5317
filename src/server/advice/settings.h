#pragma once
// gpu.management.advice: how advice is given, and which.
#include "config/yaml.h"
#include "fleet/advice/advice.h"

namespace tessera::server {

struct AdviceSettings {
  bool enabled = true;
  Milliseconds every{std::chrono::hours(1)};
  fleet::advice::Options options{};
  fleet::advice::Windowing windowing{};
};

// How the settings write what is no plain value.
Result<void> read_advice_every(const config::Node& node, AdviceSettings& into);             ///< 1h; a minute at least
Result<void> read_advice_window(const config::Node& node, AdviceSettings& into);            ///< 14d; a day at least
Result<void> read_advice_loading(const config::Node& node, AdviceSettings& into);           ///< 2h
Result<void> read_advice_window_scale(const config::Node& node, AdviceSettings& into);      ///< 1.5
Result<void> read_advice_memory_headroom(const config::Node& node, AdviceSettings& into);   ///< 0.2
Result<void> read_advice_compute_headroom(const config::Node& node, AdviceSettings& into);  ///< 0.1
Result<void> read_advice_least_saving(const config::Node& node, AdviceSettings& into);      ///< 50.00
Result<void> read_advice_least_confidence(const config::Node& node, AdviceSettings& into);  ///< 0.6
Result<void> read_advice_off(const config::Node& node, AdviceSettings& into);               ///< [share, spot]

}  // namespace tessera::server
