#pragma once
#include <cstdint>
#include <optional>

#include "base/duration.h"

namespace tessera::nvml {

/// Two looks at the driver closer together than this say little: the driver itself averages over longer.
inline constexpr Milliseconds kLeastWindow{100};

/// The speed of a driver's counter. A counter that goes backwards (reload, wrap) gives no rate for one round.
class Rate {
 public:
  /// Units per second since the look before; none at the first look. Within kLeastWindow, the last rate again.
  std::optional<double> update(std::uint64_t count, SteadyTime now);

 private:
  std::optional<std::uint64_t> count_;
  SteadyTime time_;
  std::optional<double> last_;
};

}  // namespace tessera::nvml
