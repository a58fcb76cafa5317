#pragma once
// A page of the text format, read apart from the product's own parser, which has the product's own mistakes.
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tessera::e2e {

using Labels = std::map<std::string, std::string>;

struct Row {
  std::string name;
  std::vector<std::pair<std::string, std::string>> labels;  ///< in the page's order
  double value = 0;
  std::string label(std::string_view label_name) const;  ///< empty where absent
  std::vector<std::string> label_names() const;
  Labels label_map() const { return {labels.begin(), labels.end()}; }
};

struct Page {
  std::vector<Row> rows;
  std::map<std::string, std::string> types;  ///< of the TYPE lines
  /// The rows of a name that have all these labels.
  std::vector<Row> of(std::string_view name, const Labels& labels = {}) const;
  /// The value of the only such row; fails the test and is NaN where there is none or more than one.
  double value(std::string_view name, const Labels& labels = {}) const;
};

/// nullopt for a page that ends in the middle or has a line that is neither a comment nor a sample.
std::optional<Page> read_page(std::string_view text);

}  // namespace tessera::e2e
