#include "server/paging.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace tessera::server {
namespace {
using Json = nlohmann::json;

constexpr std::int64_t kRows = 100;
constexpr std::int64_t kMostRows = 1'000;
constexpr std::int64_t kMostRowsCsv = 100'000;
constexpr std::string_view kHex = "0123456789abcdef";

std::string hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += kHex[byte >> 4U];
    out += kHex[byte & 15U];
  }
  return out;
}

std::optional<std::string> unhex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string out;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const auto high = kHex.find(text[i]), low = kHex.find(text[i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
  }
  return out;
}

/// What makes two pages be of one list.
std::string list_of(const Query& query) {
  std::vector<std::string> parts;
  for (const auto& [name, value] : query.given())
    if (name != "cursor" && name != "limit") parts.push_back(fmt::format("{}={}", name, value));
  std::ranges::sort(parts);
  return fmt::format("{} {}", query.request().path, fmt::join(parts, "&"));
}

/// A cursor belongs to a list of certain rows in a certain order.
std::string fingerprint_of(std::string_view list) {
  std::uint64_t hash = 0xcbf29ce484222325U;  // FNV-1a
  for (const char c : list) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return fmt::format("{:016x}", hash);
}

void add_terms(Query& query, std::string_view text, const std::vector<ColumnName>& columns,
               std::vector<SortTerm>& out) {
  for (std::string_view name : split(text, ',')) {
    const bool descending = name.starts_with('-');
    if (descending) name.remove_prefix(1);
    const auto found = std::ranges::find(columns, name, &ColumnName::name);
    if (found == columns.end()) {
      std::vector<std::string_view> names;
      for (const ColumnName& one : columns) names.push_back(one.name);
      return query.fault("sort", fmt::format("'{}', but some of {} are expected", name, fmt::join(names, ", ")));
    }
    std::vector<SortTerm> terms = {{static_cast<std::size_t>(found - columns.begin()), descending}};
    if (!found->same_as.empty()) {
      terms.clear();
      add_terms(query, found->same_as, columns, terms);
      for (SortTerm& term : terms) term.descending ^= descending;
    }
    for (const SortTerm& term : terms)
      if (std::ranges::find(out, term.column, &SortTerm::column) == out.end()) out.push_back(term);
  }
}

/// Whether what follows the first term is `identity`, but for that term's column.
bool is_order_of(std::string_view identity, const std::vector<ColumnName>& columns,
                 const std::vector<SortTerm>& terms) {
  std::vector<std::string_view> rest;
  for (std::size_t i = 1; i < terms.size(); ++i) {
    if (terms[i].descending) return false;
    rest.push_back(columns[terms[i].column].name);
  }
  std::vector<std::string_view> wanted = split(identity, ',');
  std::erase(wanted, columns[terms.front().column].name);
  return rest == wanted;
}

bool read_cursor(std::string_view text, Paging& into) {
  const auto plain = unhex(text);
  const Json cursor = plain ? Json::parse(*plain, nullptr, false) : Json();
  if (!cursor.is_array() || cursor.size() != into.terms.size() + 1 || cursor[0] != into.fingerprint) return false;
  into.kept.reserve(cursor.size());  // the texts do not move
  for (std::size_t i = 1; i < cursor.size(); ++i) {
    if (cursor[i].is_string())
      into.after.emplace_back(std::string_view(into.kept.emplace_back(cursor[i].get<std::string>())));
    else if (cursor[i].is_number())
      into.after.emplace_back(cursor[i].get<double>());
    else if (cursor[i].is_null())
      into.after.emplace_back();
    else
      return false;
  }
  into.has_after = true;
  return true;
}

}  // namespace

int compare(const SortValue& a, const SortValue& b, bool descending) {
  if (a.kind != b.kind) return a.kind < b.kind ? -1 : 1;
  int way = 0;
  if (a.kind == SortValue::Kind::Text)
    way = a.text.compare(b.text);
  else if (a.kind == SortValue::Kind::Number)
    way = static_cast<int>(a.number > b.number) - static_cast<int>(a.number < b.number);
  return descending ? -way : way;
}

Paging read_paging(Query& query, const std::vector<ColumnName>& columns, std::string_view fallback,
                   std::string_view identity) {
  Paging out;
  out.limit = static_cast<std::size_t>(query.whole("limit", 1, query.csv() ? kMostRowsCsv : kMostRows, kRows));
  const auto sort = fallback.empty() ? std::nullopt : query.text("sort");
  if (!fallback.empty()) add_terms(query, sort ? *sort : fallback, columns, out.terms);
  add_terms(query, identity, columns, out.terms);
  out.rest_is_identity = is_order_of(identity, columns, out.terms);
  out.list = list_of(query);
  out.fingerprint = fingerprint_of(out.list);
  const auto cursor = query.text("cursor");
  if (cursor && !read_cursor(*cursor, out))
    query.fault("cursor", "it belongs to no page of this list; begin without it, with the same filters and sort");
  return out;
}

std::string cursor_of(const Paging& paging, const std::vector<SortValue>& last) {
  Json out = Json::array({paging.fingerprint});
  for (const SortValue& value : last) {
    if (value.kind == SortValue::Kind::Text)
      out.push_back(value.text);
    else if (value.kind == SortValue::Kind::Number)
      out.push_back(value.number);
    else
      out.push_back(nullptr);
  }
  return hex(out.dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace tessera::server
