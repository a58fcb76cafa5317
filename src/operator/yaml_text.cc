#include "operator/yaml_text.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/text.h"

namespace tessera::operate {
namespace {

using Json = nlohmann::ordered_json;

/// What a reader of YAML might take for something else than text, in any version of YAML.
bool is_word_of_yaml(std::string_view text) {
  static constexpr std::string_view kWords[] = {"", "~", "null", "true", "false", "yes", "no", "on", "off", "y", "n"};
  return std::ranges::count(kWords, lower(text)) > 0 || parse_double(text).has_value();
}

/// Whether it may stand without quotes: letters, digits and a few signs that mean nothing to YAML where they stand.
bool is_plain(std::string_view text) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  if (is_word_of_yaml(text)) return false;
  const char first = text.front();
  const bool flag = text.size() > 2 && text.starts_with("--") && letter(text[2]);
  if (!letter(first) && first != '/' && first != '$' && !flag) return false;  // "12:30" is a number in YAML 1.1
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (letter(c) || digit(c) || std::string_view("-_./$()=@+,;'").find(c) != std::string_view::npos) continue;
    const bool last = i + 1 == text.size();
    if (c == ':' && !last && text[i + 1] != ' ') continue;
    if (c == ' ' && !last && text[i + 1] != '#') continue;
    return false;
  }
  return true;
}

/// A literal block says all of it: no control characters, no line that begins or ends with a blank at its outer edges.
bool is_block(std::string_view text) {
  return text.size() > 1 && text.ends_with('\n') && !text.ends_with("\n\n") && text.front() != ' ' &&
         text.front() != '\n' &&
         std::ranges::all_of(text, [](unsigned char c) { return c == '\n' || c == '\t' || (c >= ' ' && c != 0x7f); });
}

std::string scalar(const Json& value) {
  if (!value.is_string()) return value.dump();
  const auto& text = value.get_ref<const std::string&>();
  return is_plain(text) ? text : value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

class Writer {
 public:
  std::string take() && { return std::move(out_); }

  /// A value after "key:" or "-", at the indentation of what stands below it.
  void value(const Json& value, std::size_t indent, bool in_list) {
    if (value.is_object() && !value.empty()) return map(value, indent, in_list);
    if (value.is_array() && !value.empty()) return list(value, indent);
    if (value.is_string() && is_block(value.get_ref<const std::string&>()))
      return block(value.get_ref<const std::string&>(), indent);
    if (!out_.empty() && out_.back() != '\n') out_ += ' ';
    out_ += scalar(value) + '\n';
  }

 private:
  void map(const Json& value, std::size_t indent, bool in_list) {
    bool first = in_list;  // then the first key stands behind the dash
    if (!in_list && !out_.empty() && out_.back() != '\n') out_ += '\n';
    for (const auto& [key, item] : value.items()) {
      if (first)
        out_ += ' ';
      else
        out_.append(indent, ' ');
      first = false;
      out_ += scalar(Json(key)) + ':';
      this->value(item, indent + 2, false);
    }
  }

  void list(const Json& value, std::size_t indent) {
    if (!out_.empty() && out_.back() != '\n') out_ += '\n';
    for (const auto& item : value) {
      out_.append(indent, ' ');
      out_ += '-';
      this->value(item, indent + 2, true);
    }
  }

  void block(std::string_view text, std::size_t indent) {
    out_ += " |\n";
    text.remove_suffix(1);
    for (const auto line : split(text, '\n')) {
      if (!line.empty()) out_.append(indent, ' ').append(line);
      out_ += '\n';
    }
  }

  std::string out_;
};

}  // namespace

std::string yaml_text(const Json& value) {
  Writer writer;
  writer.value(value, 0, false);
  return std::move(writer).take();
}

std::string yaml_text(const std::vector<Json>& documents) {
  std::string out;
  for (const Json& document : documents) {
    if (!out.empty()) out += "---\n";
    out += yaml_text(document);
  }
  return out;
}

}  // namespace tessera::operate
