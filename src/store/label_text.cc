#include "store/label_text.h"

#include "base/text.h"

namespace tessera::store {
namespace {

std::string escaped(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (c == '\\' || c == '\n') out += '\\';
    out += c == '\n' ? 'n' : c;
  }
  return out;
}

std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size())
      out += text[i];
    else
      out += text[++i] == 'n' ? '\n' : text[i];
  }
  return out;
}

}  // namespace

std::string label_text(const std::map<std::string, std::string>& labels) {
  std::string out;
  for (const auto& [key, value] : labels) out += key + '=' + escaped(value) + '\n';
  return out;
}

std::map<std::string, std::string> labels_of(std::string_view text) {
  std::map<std::string, std::string> out;
  for (const std::string_view line : split(text, '\n'))
    if (const auto equals = line.find('='); equals != std::string_view::npos)
      out.emplace(line.substr(0, equals), unescaped(line.substr(equals + 1)));
  return out;
}

}  // namespace tessera::store
