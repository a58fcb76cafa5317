#include "server/schema_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <regex>
#include <stdexcept>

#include "base/text.h"

namespace tessera::server {
namespace {

using config::Node;
using Json = nlohmann::ordered_json;

std::string text_of(const Node& node) {
  const auto text = node.text();
  if (!text) throw std::runtime_error(text.error().what);
  return *text;
}

std::vector<Node> list_of(const Node& node) {
  const auto list = node.list();
  if (!list) throw std::runtime_error(list.error().what);
  return *list;
}

std::vector<Node::Entry> entries_of(const Node& node) {
  const auto entries = node.entries();
  if (!entries) throw std::runtime_error(entries.error().what);
  return *entries;
}

bool is_type(const Json& value, const std::string& type) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  if (type == "boolean") return value.is_boolean();
  if (type == "null") return value.is_null();
  throw std::runtime_error("no such type: " + type);
}

bool same(const Json& value, const Node& wanted) {
  if (wanted.is_null()) return value.is_null();
  const std::string text = text_of(wanted);
  return value.is_string() ? value.get<std::string>() == text : value.dump() == text;
}

const std::map<std::string, std::string> kFormats = {
    {"date-time", R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)"}, {"uri", R"([a-z]+:\S+)"}, {"int64", ""}};

/// Compiled once: a reply of a thousand members asks for the same few again and again.
const std::regex& compiled(const std::string& pattern) {
  static std::map<std::string, std::regex> all;
  return all.try_emplace(pattern, pattern).first->second;
}

class Walk {
 public:
  Walk(const SchemaCheck& document, std::vector<std::string>& wrong) : document_(document), wrong_(wrong) {}

  void check(const Json& value, const Node& schema, const std::string& path) {
    hold(value, schema, path);
    if (!value.is_object()) return;
    const auto names = document_.members(schema);
    if (names.contains("*")) return;
    for (const auto& [name, member] : value.items())
      if (!names.contains(name)) say(path + "." + name, "a member that the schema does not have");
  }

 private:
  void say(const std::string& path, const std::string& what) { wrong_.push_back(path + ": " + what); }

  /// All but whether there are other members, which the schemas of an allOf say together.
  void hold(const Json& value, const Node& schema, const std::string& path) {
    for (const auto& [key, wanted] : entries_of(schema)) {
      if (key == "$ref")
        hold(value, document_.resolved(schema), path);
      else if (key == "allOf")
        for (const Node& one : list_of(wanted)) hold(value, one, path);
      else if (key == "type")
        hold_type(value, wanted, path);
      else if (key == "enum")
        hold_enum(value, wanted, path);
      else if (key == "const" && !same(value, wanted))
        say(path, "not the constant");
      else if (key == "additionalProperties" && wanted.is_map() && value.is_object())
        hold_others(value, schema, wanted, path);
      else if (!hold_by_kind(value, key, wanted, path) && !is_known(key))
        throw std::runtime_error("a keyword that is not checked: " + key);
    }
  }

  /// Those that `properties` does not name.
  void hold_others(const Json& value, const Node& schema, const Node& wanted, const std::string& path) {
    const auto named = schema.find("properties");
    for (const auto& [name, member] : value.items())
      if (!named || !named->find(name)) check(member, wanted, path + "." + name);
  }

  static bool is_known(const std::string& key) {
    static const std::set<std::string> kKnown = {"$ref",
                                                 "allOf",
                                                 "type",
                                                 "enum",
                                                 "const",
                                                 "description",
                                                 "example",
                                                 "default",
                                                 "required",
                                                 "properties",
                                                 "items",
                                                 "additionalProperties",
                                                 "pattern",
                                                 "format",
                                                 "minimum",
                                                 "maximum",
                                                 "exclusiveMinimum",
                                                 "minLength",
                                                 "maxLength",
                                                 "minItems",
                                                 "uniqueItems"};
    return kKnown.contains(key);
  }

  void hold_type(const Json& value, const Node& wanted, const std::string& path) {
    std::vector<std::string> types;
    if (wanted.is_list())
      for (const Node& one : list_of(wanted)) types.push_back(text_of(one));
    else
      types.push_back(text_of(wanted));
    if (std::ranges::none_of(types, [&](const std::string& type) { return is_type(value, type); }))
      say(path, fmt::format("{} is not of type {}", value.dump(), types.front()));
  }

  void hold_enum(const Json& value, const Node& wanted, const std::string& path) {
    const auto all = list_of(wanted);
    if (std::ranges::none_of(all, [&](const Node& one) { return same(value, one); }))
      say(path, value.dump() + " is none of the enumeration");
  }

  bool hold_by_kind(const Json& value, const std::string& key, const Node& wanted, const std::string& path) {
    if (value.is_object()) return hold_object(value, key, wanted, path);
    if (value.is_array()) return hold_array(value, key, wanted, path);
    if (value.is_string()) return hold_text(value.get<std::string>(), key, wanted, path);
    return value.is_number() && hold_number(value.get<double>(), key, wanted, path);
  }
  bool hold_object(const Json& value, const std::string& key, const Node& wanted, const std::string& path) {
    if (key == "required") {
      for (const Node& name : list_of(wanted))
        if (!value.contains(text_of(name))) say(path + "." + text_of(name), "is missing");
    } else if (key == "properties") {
      for (const auto& [name, schema] : entries_of(wanted))
        if (value.contains(name)) check(value[name], schema, path + "." + name);
    } else {
      return false;
    }
    return true;
  }

  bool hold_array(const Json& value, const std::string& key, const Node& wanted, const std::string& path) {
    if (key == "items")
      for (std::size_t i = 0; i < value.size(); ++i) check(value[i], wanted, fmt::format("{}[{}]", path, i));
    else if (key == "uniqueItems")
      for (std::size_t i = 1; i < value.size(); ++i)
        if (std::ranges::count(value, value[i]) > 1) say(path, "not unique");
    return key == "items" || key == "uniqueItems";
  }

  bool hold_text(const std::string& value, const std::string& key, const Node& wanted, const std::string& path) {
    if (key == "pattern" && !std::regex_search(value, compiled(text_of(wanted))))
      say(path, value + " does not match the pattern");
    if (key == "format" && !std::regex_match(value, compiled(kFormats.at(text_of(wanted)))))
      say(path, value + " has not the format");
    return key == "pattern" || key == "format";
  }

  bool hold_number(double value, const std::string& key, const Node& wanted, const std::string& path) {
    if (key != "minimum" && key != "maximum") return false;
    const double limit = parse_double(text_of(wanted)).value();
    if (key == "minimum" ? value < limit : value > limit) say(path, fmt::format("{} is beyond the {}", value, key));
    return true;
  }

  const SchemaCheck& document_;
  std::vector<std::string>& wrong_;
};

}  // namespace

std::vector<std::string> SchemaCheck::wrong_in(const Json& value, const Node& schema) const {
  std::vector<std::string> out;
  Walk(*this, out).check(value, schema, "$");
  return out;
}

Node SchemaCheck::at(const std::vector<std::string>& path) const {
  Node here = document_;
  for (const std::string& name : path) {
    const auto next = here.find(name);
    if (!next) throw std::runtime_error(fmt::format("no '{}' in '{}' of the document", name, here.path()));
    here = *next;
  }
  return here;
}

Node SchemaCheck::resolved(const Node& node) const {
  const auto ref = node.find("$ref");
  if (!ref) return node;
  std::vector<std::string> path;
  const std::string target = text_of(*ref);
  for (const std::string_view part : split(std::string_view(target).substr(2), '/')) path.emplace_back(part);
  return resolved(at(path));
}

std::set<std::string> SchemaCheck::members(const Node& schema) const {
  const Node real = resolved(schema);
  std::set<std::string> out;
  if (const auto all = real.find("allOf"))
    for (const Node& one : list_of(*all)) out.merge(members(one));
  if (const auto properties = real.find("properties"))
    for (const auto& entry : entries_of(*properties)) out.insert(entry.key);
  if (const auto more = real.find("additionalProperties"); more && more->is_map()) out.insert("*");
  return out;
}

std::optional<Node> SchemaCheck::member(const Node& schema, const std::string& name) const {
  const Node real = resolved(schema);
  if (const auto properties = real.find("properties"))
    if (auto found = properties->find(name)) return found;
  if (const auto all = real.find("allOf"))
    for (const Node& one : list_of(*all))
      if (auto found = member(one, name)) return found;
  return std::nullopt;
}

}  // namespace tessera::server
