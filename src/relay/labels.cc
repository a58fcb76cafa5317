#include "relay/labels.h"

#include <algorithm>
#include <map>

namespace tessera::relay {
namespace {

bool begins_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

Labels to_labels(std::vector<Label> pairs) {
  std::map<std::string, std::string> by_name;
  for (Label& pair : pairs) by_name.insert_or_assign(std::move(pair.name), std::move(pair.value));
  Labels out;
  for (const auto& [name, value] : by_name)
    if (!value.empty()) out.push_back({name, value});
  return out;
}

std::string_view value_of(const Labels& labels, std::string_view name) {
  const auto at = std::ranges::lower_bound(labels, name, {}, &Label::name);
  return at != labels.end() && at->name == name ? std::string_view(at->value) : std::string_view();
}

void set_label(Labels& labels, std::string_view name, std::string_view value) {
  if (value.empty()) return erase_label(labels, name);
  const auto at = std::ranges::lower_bound(labels, name, {}, &Label::name);
  if (at != labels.end() && at->name == name)
    at->value = value;
  else
    labels.insert(at, {std::string(name), std::string(value)});
}

void erase_label(Labels& labels, std::string_view name) {
  const auto at = std::ranges::lower_bound(labels, name, {}, &Label::name);
  if (at != labels.end() && at->name == name) labels.erase(at);
}

bool is_label_name(std::string_view text) {
  return !text.empty() && begins_name(text.front()) &&
         std::ranges::all_of(text, [](char c) { return begins_name(c) || is_digit(c); });
}

bool is_metric_name(std::string_view text) {
  const auto fits = [](char c) { return begins_name(c) || c == ':'; };
  return !text.empty() && fits(text.front()) &&
         std::ranges::all_of(text, [&](char c) { return fits(c) || is_digit(c); });
}

std::string shown(const Labels& labels) {
  std::string out = "{";
  for (const Label& label : labels) {
    if (out.size() > 1) out += ", ";
    out += label.name + "=\"";
    for (const char c : label.value) {
      if (c == '\\' || c == '"') out += '\\';
      if (c == '\n')
        out += "\\n";
      else
        out += c;
    }
    out += '"';
  }
  return out + "}";
}

}  // namespace tessera::relay
