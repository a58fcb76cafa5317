#pragma once
// A set of labels: sorted by name, every name once, no empty value; so equal sets compare equal.
#include <compare>
#include <string>
#include <string_view>
#include <vector>

namespace tessera::relay {

struct Label {
  std::string name, value;
  auto operator<=>(const Label&) const = default;
};

/// Sorted by name, names unique, values not empty. Made by to_labels(), kept so by set_label() and erase_label().
using Labels = std::vector<Label>;

/// Any pairs as a set: the last of a repeated name wins, empty values are left out.
Labels to_labels(std::vector<Label> pairs);

/// The value, or "" where there is no such label (which is what no label means to everything that reads one).
std::string_view value_of(const Labels& labels, std::string_view name);

/// An empty value erases the label.
void set_label(Labels& labels, std::string_view name, std::string_view value);
void erase_label(Labels& labels, std::string_view name);

/// `[a-zA-Z_][a-zA-Z0-9_]*`: what every receiver takes.
bool is_label_name(std::string_view text);
/// `[a-zA-Z_:][a-zA-Z0-9_:]*`, likewise.
bool is_metric_name(std::string_view text);

/// `{a="b", c="d"}` for people, with values escaped as a page escapes them.
std::string shown(const Labels& labels);

}  // namespace tessera::relay
