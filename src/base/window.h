#pragma once
// Maintenance windows: times of the day in which something may be changed.
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/duration.h"

namespace tessera {

/// Minutes since midnight, UTC; one that ends before it begins goes over midnight.
struct Window {
  unsigned from = 0;
  unsigned to = 0;
  bool operator==(const Window&) const = default;
};

/// "22:00-04:00,12:00-12:30". Invalid with the part that is wrong.
Result<std::vector<Window>> parse_windows(std::string_view text);
std::string text_of(std::span<const Window> windows);

/// Whether that time is in one of them; always where there are none.
bool is_open(std::span<const Window> windows, EpochMs time);

}  // namespace tessera
