#include "bench/forecast/wide_csv.h"

#include <cmath>

#include "base/text.h"

namespace tessera::bench {
namespace {

std::string_view unquoted(std::string_view cell) {
  cell = trim(cell);
  if (cell.size() >= 2 && cell.front() == '"' && cell.back() == '"') cell = cell.substr(1, cell.size() - 2);
  return cell;
}

Result<NamedSeries> read_series(std::string_view line, std::size_t number) {
  const auto cells = split(line, ',');
  NamedSeries series{std::string(unquoted(cells.front())), {}};
  if (series.name.empty()) return fail(Code::Invalid, "line {}: a series without a name", number);
  std::size_t last = cells.size();
  while (last > 1 && unquoted(cells[last - 1]).empty()) --last;
  for (std::size_t column = 1; column < last; ++column) {
    const std::string_view cell = unquoted(cells[column]);
    const auto value = parse_double(cell);
    if (!value || !std::isfinite(*value))
      return fail(Code::Invalid, "line {}, column {}: '{}': a number expected", number, column + 1, cell);
    series.values.push_back(*value);
  }
  return series;
}

}  // namespace

Result<std::vector<NamedSeries>> read_wide_csv(std::string_view text) {
  std::vector<NamedSeries> all;
  const auto lines = split(text, '\n');
  for (std::size_t i = 1; i < lines.size(); ++i)  // the first is the header
    if (!trim(lines[i]).empty()) all.push_back(TRY(read_series(trim(lines[i]), i + 1)));
  return all;
}

}  // namespace tessera::bench
