#pragma once
// Pages like dcgm-exporter's: metric by metric, a line of some 200 bytes per device, values of the usual kinds.
#include <cstdint>
#include <string>

namespace tessera::bench {

/// What every exposed series' name begins with; `up` and its like do not.
inline constexpr char kExposed[] = "DCGM_FI_";

struct Shape {
  unsigned metrics, devices;
  unsigned samples() const { return metrics * devices; }
};

/// `node` is a part of every series. Values differ from round to round: some stay, some are whole, some are ratios.
std::string page(const Shape& shape, unsigned node, unsigned round);

/// The same series, and every value is `value`.
std::string uniform_page(const Shape& shape, unsigned node, std::uint64_t value);

}  // namespace tessera::bench
