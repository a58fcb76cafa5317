#include "tests/e2e/parsed_page.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <charconv>
#include <limits>

#include "base/text.h"

namespace tessera::e2e {
namespace {

/// The labels between braces, `rest` then begins behind them.
bool read_labels(std::string_view& rest, Row& row) {
  while (!rest.empty() && rest.front() != '}') {
    const auto equals = rest.find("=\"");
    if (equals == std::string_view::npos) return false;
    const std::string name(rest.substr(0, equals));
    std::string value;
    std::size_t at = equals + 2;
    for (; at < rest.size() && rest[at] != '"'; ++at) {
      const bool escaped = rest[at] == '\\';
      if (escaped) ++at;
      if (at == rest.size()) return false;
      value += escaped && rest[at] == 'n' ? '\n' : rest[at];
    }
    if (at >= rest.size()) return false;
    row.labels.emplace_back(name, value);
    rest.remove_prefix(at + 1);
    if (rest.starts_with(',')) rest.remove_prefix(1);
  }
  if (rest.empty()) return false;
  rest.remove_prefix(1);
  return true;
}

std::optional<Row> read_row(std::string_view line) {
  Row row;
  const auto end = line.find_first_of("{ ");
  if (end == std::string_view::npos || end == 0) return std::nullopt;
  row.name = line.substr(0, end);
  std::string_view rest = line.substr(end);
  if (rest.front() == '{') {
    rest.remove_prefix(1);
    if (!read_labels(rest, row)) return std::nullopt;
  }
  if (!rest.starts_with(' ')) return std::nullopt;
  rest.remove_prefix(1);
  const auto [stop, error] = std::from_chars(rest.data(), rest.data() + rest.size(), row.value);
  if (error != std::errc{} || stop != rest.data() + rest.size()) return std::nullopt;
  return row;
}

}  // namespace

std::string Row::label(std::string_view label_name) const {
  const auto found = std::ranges::find(labels, label_name, [](const auto& l) -> std::string_view { return l.first; });
  return found == labels.end() ? std::string() : found->second;
}

std::vector<std::string> Row::label_names() const {
  std::vector<std::string> names;
  for (const auto& [label_name, text] : labels) names.push_back(label_name);
  return names;
}

std::vector<Row> Page::of(std::string_view name, const Labels& labels) const {
  std::vector<Row> out;
  for (const Row& row : rows) {
    const bool all =
        std::ranges::all_of(labels, [&](const auto& want) { return row.label(want.first) == want.second; });
    if (row.name == name && all) out.push_back(row);
  }
  return out;
}

double Page::value(std::string_view name, const Labels& labels) const {
  const auto found = of(name, labels);
  EXPECT_EQ(found.size(), 1U) << name;
  return found.size() == 1 ? found[0].value : std::numeric_limits<double>::quiet_NaN();
}

std::optional<Page> read_page(std::string_view text) {
  if (!text.ends_with('\n')) return std::nullopt;
  Page page;
  for (const auto line : split(text.substr(0, text.size() - 1), '\n')) {
    if (line.starts_with("# TYPE ")) {
      const auto words = split(line, ' ');
      if (words.size() != 4) return std::nullopt;
      page.types.emplace(words[2], words[3]);
    } else if (!line.starts_with('#')) {
      auto row = read_row(line);
      if (!row) return std::nullopt;
      page.rows.push_back(*std::move(row));
    }
  }
  return page;
}

}  // namespace tessera::e2e
