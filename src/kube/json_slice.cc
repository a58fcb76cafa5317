#include "kube/json_slice.h"

#include <nlohmann/json.hpp>

namespace tessera::kube {
namespace {

using Json = nlohmann::json;

/// Reads forward, value by value; every step ends within the text.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}

  char peek() {
    at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size());
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool skip(char wanted) {
    if (peek() != wanted) return false;
    ++at_;
    return true;
  }
  std::string_view string() {
    const auto begin = at_++;
    while (at_ < text_.size() && text_[at_] != '"') at_ += text_[at_] == '\\' ? 2 : 1;
    at_ = std::min(at_ + 1, text_.size());
    return text_.substr(begin, at_ - begin);
  }
  std::string_view value() {
    const char first = peek();
    if (first == '"') return string();
    const auto begin = at_;
    if (first == '{' || first == '[') {
      nested();
    } else {
      at_ = std::min(text_.find_first_of(",]} \t\r\n", at_), text_.size());
    }
    return text_.substr(begin, at_ - begin);
  }

 private:
  void nested() {
    std::size_t depth = 0;
    do {
      const char c = text_[at_];
      if (c == '"') {
        string();
        continue;
      }
      if (c == '{' || c == '[') ++depth;
      if (c == '}' || c == ']') --depth;
      ++at_;
    } while (depth > 0 && at_ < text_.size());
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

bool is_json(std::string_view text) { return Json::accept(text.begin(), text.end()); }

std::optional<std::string_view> member(std::string_view object, std::string_view name) {
  Cursor cursor(object);
  if (!cursor.skip('{')) return std::nullopt;
  while (cursor.peek() == '"') {
    const std::string_view key = cursor.string();
    if (!cursor.skip(':')) return std::nullopt;
    const std::string_view value = cursor.value();
    if (key.size() == name.size() + 2 && key.substr(1, name.size()) == name) return value;
    if (!cursor.skip(',')) return std::nullopt;
  }
  return std::nullopt;
}

std::string text_member(std::string_view object, std::string_view name) {
  return text_of(member(object, name).value_or(""));
}

std::string text_of(std::string_view value) {
  if (value.size() < 2 || value.front() != '"' || value.back() != '"') return "";
  const std::string_view inner = value.substr(1, value.size() - 2);
  if (inner.find('\\') == std::string_view::npos) return std::string(inner);
  const Json text = Json::parse(value.begin(), value.end(), nullptr, false);
  return text.is_string() ? text.get<std::string>() : "";
}

void each_member(std::string_view object, const std::function<void(const std::string&, std::string_view)>& take) {
  Cursor cursor(object);
  if (!cursor.skip('{')) return;
  while (cursor.peek() == '"') {
    const std::string name = text_of(cursor.string());
    if (!cursor.skip(':')) return;
    take(name, cursor.value());
    if (!cursor.skip(',')) return;
  }
}

void each_item(std::string_view list, const std::function<void(std::string_view)>& take) {
  Cursor cursor(list);
  if (!cursor.skip('[')) return;
  while (cursor.peek() != ']' && cursor.peek() != '\0') {
    take(cursor.value());
    if (!cursor.skip(',')) return;
  }
}

}  // namespace tessera::kube
