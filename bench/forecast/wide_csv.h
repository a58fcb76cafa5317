#pragma once
// The wide CSV of the M4 competition: a header, then a series a line, its name first; cells may be quoted, and a series
// ends where its cells are empty.
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tessera::bench {

struct NamedSeries {
  std::string name;
  std::vector<double> values;
};

/// In the order of the lines. Every value is finite. An error names line and column.
Result<std::vector<NamedSeries>> read_wide_csv(std::string_view text);

}  // namespace tessera::bench
