#include "server/csv.h"

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace tessera::server {
namespace {
using Json = nlohmann::ordered_json;

const Json* at_path(const Json& row, std::string_view path) {
  const Json* here = &row;
  for (const std::string_view name : split(path, '.')) {
    const auto found = here->is_object() ? here->find(std::string(name)) : here->end();
    if (found == here->end()) return nullptr;
    here = &*found;
  }
  return here;
}

void append_text(std::string& out, std::string_view text) {
  constexpr std::string_view kFormulas = "=+-@\t\r";
  const bool guarded = !text.empty() && kFormulas.find(text[0]) != std::string_view::npos && !parse_double(text);
  const bool quoted = text.find_first_of(",\"\r\n") != std::string_view::npos;
  if (quoted) out += '"';
  if (guarded) out += '\'';
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  if (quoted) out += '"';
}

std::string plain(const Json& value) {
  if (value.is_null()) return {};
  return value.is_string() ? value.get<std::string>() : value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string joined(const Json& value) {
  std::string out;
  for (const auto& [name, member] : value.items()) {
    if (!out.empty()) out += ';';
    if (value.is_object()) out += name + '=';
    out += plain(member);
  }
  return out;
}

void append_cell(std::string& out, const Json& value) {
  if (value.is_array() && !value.empty() && value.front().is_object())
    out += std::to_string(value.size());
  else if (value.is_structured())
    append_text(out, joined(value));
  else if (value.is_string())
    append_text(out, value.get_ref<const std::string&>());
  else
    out += plain(value);
}

}  // namespace

void append_csv_line(std::string& out, std::span<const std::string> cells) {
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) out += ',';
    append_text(out, cells[i]);
  }
  out += "\r\n";
}

void append_csv_head(std::string& out, std::span<const std::string_view> columns) {
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (i > 0) out += ',';
    append_text(out, columns[i]);
  }
  out += "\r\n";
}

void append_csv_row(std::string& out, std::span<const std::string_view> columns, const Json& row) {
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (i > 0) out += ',';
    if (const Json* cell = at_path(row, columns[i])) append_cell(out, *cell);
  }
  out += "\r\n";
}

}  // namespace tessera::server
