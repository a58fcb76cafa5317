#pragma once
// The rows of a comma-separated file, with the place of every cell for error texts. Pure, defined on any bytes.
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tessera::agent {

inline constexpr std::size_t kMaxCsvBytes = 1U << 20U;
inline constexpr std::size_t kMaxCsvRows = 4096;

struct CsvCell {
  std::string text;  ///< without outer blanks and quotes
  std::size_t line = 0;
  std::size_t column = 0;  ///< of its first byte, from 1
};
using CsvRow = std::vector<CsvCell>;  ///< never empty

/// Skips blank lines and lines that begin with `#`. A cell may be in double quotes, with quotes doubled inside; it may
/// then hold commas and line ends. Invalid with `file:line:column` otherwise.
Result<std::vector<CsvRow>> parse_csv(std::string_view text, std::string_view file);

}  // namespace tessera::agent
