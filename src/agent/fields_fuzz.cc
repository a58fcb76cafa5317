// Whatever the parser takes, written out with every cell in quotes, is taken again and means the same.
#include <cstdlib>

#include "agent/fields.h"
#include "agent/fields_csv.h"

using namespace tessera;
using namespace tessera::agent;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

std::string written(const std::vector<CsvRow>& rows) {
  std::string out;
  for (const CsvRow& row : rows) {
    for (const CsvCell& cell : row) {
      out += &cell == &row.front() ? "\"" : ",\"";
      for (const char c : cell.text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
      out += '"';
    }
    out += '\n';
  }
  return out;
}

void require_same_rows(const std::vector<CsvRow>& a, const std::vector<CsvRow>& b) {
  require(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    require(a[i].size() == b[i].size());
    for (std::size_t j = 0; j < a[i].size(); ++j) require(a[i][j].text == b[i][j].text);
  }
}

void require_same_fields(const FieldSet& a, const FieldSet& b) {
  require(a.values.size() == b.values.size() && a.labels.size() == b.labels.size());
  for (std::size_t i = 0; i < a.values.size(); ++i) {
    const auto& [x, y] = std::pair(a.values[i], b.values[i]);
    require(x.field == y.field && x.metric.name == y.metric.name && x.metric.type == y.metric.type &&
            x.metric.help == y.metric.help);
  }
  for (std::size_t i = 0; i < a.labels.size(); ++i)
    require(a.labels[i].field == b.labels[i].field && a.labels[i].name == b.labels[i].name);
  require(a.without_source.size() == b.without_source.size() && a.warnings.size() == b.warnings.size());
  for (std::size_t i = 0; i < a.without_source.size(); ++i)
    require(a.without_source[i]->name == b.without_source[i]->name);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto rows = parse_csv(text, "fuzz.csv");
  if (!rows) {
    require(rows.error().what.starts_with("fuzz.csv:"));
    require(!parse_fields(text, "fuzz.csv", DcgmNames::V4_8));
    return 0;
  }
  const std::string again = written(*rows);
  if (again.size() > kMaxCsvBytes) return 0;
  const auto rows_again = parse_csv(again, "fuzz.csv");
  require(static_cast<bool>(rows_again));
  require_same_rows(*rows, *rows_again);
  for (const DcgmNames names : {DcgmNames::V4_8, DcgmNames::V4_9}) {
    const auto fields = parse_fields(text, "fuzz.csv", names);
    const auto fields_again = parse_fields(again, "fuzz.csv", names);
    require(static_cast<bool>(fields) == static_cast<bool>(fields_again));
    if (fields) require_same_fields(**fields, **fields_again);
  }
  return 0;
}
