#include "tests/kube_stub/selectors.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/text.h"

namespace tessera::kube_stub {
namespace {

using Json = nlohmann::json;

/// Parts between commas that stand in no parentheses.
std::vector<std::string_view> rules_of(std::string_view text) {
  std::vector<std::string_view> rules;
  int depth = 0;
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && text[i] == '(') ++depth;
    if (i < text.size() && text[i] == ')') --depth;
    if (i < text.size() && (text[i] != ',' || depth > 0)) continue;
    if (const auto rule = trim(text.substr(begin, i - begin)); !rule.empty()) rules.push_back(rule);
    begin = i + 1;
  }
  return rules;
}

std::optional<std::string> label(const Json& object, const std::string& key) {
  const auto metadata = object.find("metadata");
  if (metadata == object.end()) return std::nullopt;
  const auto labels = metadata->find("labels");
  if (labels == metadata->end() || !labels->is_object() || !labels->contains(key)) return std::nullopt;
  const auto& value = labels->at(key);
  return value.is_string() ? value.get<std::string>() : std::string();
}

/// An absent field is the empty string, as in the API.
std::string field(const Json& object, const std::string& path) {
  const Json* at = &object;
  for (const auto part : split(path, '.')) {
    if (!at->is_object()) return "";
    const auto next = at->find(std::string(part));
    if (next == at->end()) return "";
    at = &*next;
  }
  return at->is_string() ? at->get<std::string>() : at->dump();
}

}  // namespace

Result<Selector::Rule> Selector::label_rule(std::string_view text) {
  Rule rule;
  if (const auto set = text.find('('); set != std::string_view::npos && text.ends_with(')')) {
    const auto words = trim(text.substr(0, set));
    const auto blank = words.find(' ');
    const auto word = blank == std::string_view::npos ? "" : trim(words.substr(blank));
    if (word != "in" && word != "notin") return fail(Code::Invalid, "unable to parse requirement: {}", text);
    rule.key = words.substr(0, blank);
    rule.wanted = word == "in";
    for (const auto value : split(text.substr(set + 1, text.size() - set - 2), ','))
      rule.values.emplace_back(trim(value));
    return rule;
  }
  const auto sign = text.find('=');
  if (sign == std::string_view::npos) {
    rule.wanted = !text.starts_with('!');
    rule.key = trim(text.substr(rule.wanted ? 0 : 1));
    return rule;
  }
  rule.wanted = sign == 0 || text[sign - 1] != '!';
  rule.key = trim(text.substr(0, rule.wanted ? sign : sign - 1));
  rule.values.emplace_back(trim(text.substr(
      text.find_first_not_of('=', sign) == std::string_view::npos ? text.size() : text.find_first_not_of('=', sign))));
  if (rule.key.empty()) return fail(Code::Invalid, "unable to parse requirement: {}", text);
  return rule;
}

Result<Selector::Rule> Selector::field_rule(std::string_view text) {
  if (text.find('=') == std::string_view::npos) return fail(Code::Invalid, "invalid field selector: {}", text);
  Rule rule = TRY(label_rule(text));
  rule.is_field = true;
  return rule;
}

Result<Selector> Selector::parse(std::string_view labels, std::string_view fields) {
  Selector selector;
  for (const auto rule : rules_of(labels)) selector.rules_.push_back(TRY(label_rule(rule)));
  for (const auto rule : rules_of(fields)) selector.rules_.push_back(TRY(field_rule(rule)));
  return selector;
}

bool Selector::matches(const Json& object) const {
  return std::all_of(rules_.begin(), rules_.end(), [&](const Rule& rule) {
    const auto value = rule.is_field ? std::optional(field(object, rule.key)) : label(object, rule.key);
    const bool named = rule.values.empty()
                           ? value.has_value()
                           : value && std::find(rule.values.begin(), rule.values.end(), *value) != rule.values.end();
    return named == rule.wanted;
  });
}

}  // namespace tessera::kube_stub
