#pragma once
// A program's own metrics as data: its page is written from them, and so is what docs/metrics.md says of them.
#include <span>
#include <string>
#include <string_view>

#include "metrics/page.h"

namespace tessera::metrics {

struct Described {
  Metric metric;
  std::string_view labels;
  std::string_view source;  ///< where the number comes from
};

inline std::string_view or_dash(std::string_view text) { return text.empty() ? "–" : text; }

/// `introduction`, and behind it a Markdown table with a row for each.
std::string reference(std::string_view introduction, std::span<const Described* const> all);

}  // namespace tessera::metrics
