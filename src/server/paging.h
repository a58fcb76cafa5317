#pragma once
// Lists in pages: sorted by what the caller asks for, cut behind the last row of the page before (not at a number, so
// that rows which come and go meanwhile do not make others appear twice).
#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/list_heads.h"
#include "server/query.h"

namespace tessera::server {

/// What rows are sorted by. Null is last, whichever way a column is turned.
struct SortValue {
  enum class Kind : std::uint8_t { Number, Text, Null };
  Kind kind = Kind::Null;
  double number = 0;
  std::string_view text;

  SortValue() = default;
  SortValue(std::string_view value) : kind(Kind::Text), text(value) {}
  SortValue(double value) : kind(Kind::Number), number(value) {}
  template <class T>
  SortValue(const std::optional<T>& value) {
    if (value) *this = SortValue(static_cast<double>(*value));
  }
};

/// Below, equal or above 0, as std::strcmp has it.
int compare(const SortValue& a, const SortValue& b, bool descending);

template <class Row>
struct SortColumn {
  std::string_view name;
  SortValue (*of)(const Row&);
  std::string_view same_as = {};  ///< other columns, where `of` is null
};

struct SortTerm {
  std::size_t column = 0;
  bool descending = false;
};

struct Paging {
  std::size_t limit = 0;
  std::vector<SortTerm> terms;
  bool has_after = false;
  std::vector<SortValue> after;  ///< the last row of the page before; texts are in `kept`
  std::vector<std::string> kept;
  std::string list;               ///< path, filters and sort
  std::string fingerprint;        ///< of `list`
  bool rest_is_identity = false;  ///< what follows the first term is the order of the identity
};

/// Whether the caller's rows come in the order of their identity.
enum class RowsCome : std::uint8_t { AnyHow, InOrder };

struct ColumnName {
  std::string_view name;
  std::string_view same_as;
};

/// Reads sort, limit and cursor. `fallback` is the order where none is asked for, empty where none can be; `identity`
/// makes it total, and is put behind every other.
Paging read_paging(Query& query, const std::vector<ColumnName>& columns, std::string_view fallback,
                   std::string_view identity);

/// Opaque.
std::string cursor_of(const Paging& paging, const std::vector<SortValue>& last);

template <class Row>
struct Pager {
  std::span<const SortColumn<Row>> columns;
  Paging paging;

  RowsCome come;

  Pager(Query& query, std::span<const SortColumn<Row>> known, std::string_view fallback, std::string_view identity,
        RowsCome rows_come = RowsCome::AnyHow)
      : columns(known), come(rows_come) {
    std::vector<ColumnName> names;
    for (const auto& column : columns) names.push_back({column.name, column.same_as});
    paging = read_paging(query, names, fallback, identity);
  }

  /// Leaves the page in `rows`. Returns the cursor of the next one; empty on the last.
  std::string cut(std::vector<Row>& rows) const {
    if (paging.has_after) std::erase_if(rows, [this](const Row& row) { return !is_behind(row); });
    const bool more = rows.size() > paging.limit;
    keep_first(rows, paging.limit);
    return more ? cursor_behind(rows.back()) : "";
  }

  static constexpr std::size_t kHeadRows = 2'000;
  struct Cut {
    std::vector<Row> rows;
    std::size_t total = 0;  ///< rows of all pages
    std::string next;       ///< the cursor of the next one; empty on the last
  };
  /// The page of a list whose rows, all of them, come from `select`: asked for once as long as pages lie in its head.
  template <class Select>
  Cut page(ListHeads& heads, const Select& select) const {
    const auto head = heads.of<Row>(paging.list, [&] {
      std::vector<Row> rows = select();
      const std::size_t total = rows.size();
      keep_first(rows, kHeadRows);
      return ListHead<Row>{std::move(rows), total};
    });
    if (auto cut = cut_of(*head)) return *std::move(cut);
    Cut out;
    out.rows = select();
    out.total = out.rows.size();
    out.next = this->cut(out.rows);
    return out;
  }

 private:
  struct Keyed {
    SortValue first;
    Row* row;
  };
  std::string cursor_behind(const Row& row) const {
    std::vector<SortValue> last;
    for (const SortTerm& term : paging.terms) last.push_back(columns[term.column].of(row));
    return cursor_of(paging, last);
  }

  /// The first `wanted` rows in their order; the others go.
  void keep_first(std::vector<Row>& rows, std::size_t wanted) const {
    // What is sorted by may have to be worked out, and is for each row once; the other terms only among equals.
    std::vector<Keyed> keyed;
    keyed.reserve(rows.size());
    for (Row& row : rows) keyed.push_back({columns[paging.terms.front().column].of(row), &row});
    const auto before = [this](const Keyed& a, const Keyed& b) { return is_before(a, b); };
    if (wanted < keyed.size()) {
      std::nth_element(keyed.begin(), keyed.begin() + static_cast<std::ptrdiff_t>(wanted), keyed.end(), before);
      keyed.resize(wanted);
    }
    std::sort(keyed.begin(), keyed.end(), before);
    std::vector<Row> kept;
    kept.reserve(keyed.size());
    for (const Keyed& one : keyed) kept.push_back(std::move(*one.row));
    rows = std::move(kept);
  }

  /// Nullopt where the page reaches behind the head.
  std::optional<Cut> cut_of(const ListHead<Row>& head) const {
    auto begin = head.rows.begin();
    if (paging.has_after)
      begin = std::partition_point(begin, head.rows.end(), [this](const Row& r) { return !is_behind(r); });
    const auto left = static_cast<std::size_t>(head.rows.end() - begin);
    const bool is_all = head.rows.size() == head.total;
    if (left <= paging.limit && !is_all) return std::nullopt;
    Cut out{{begin, begin + static_cast<std::ptrdiff_t>(std::min(left, paging.limit))}, head.total, {}};
    if (left > paging.limit) out.next = cursor_behind(out.rows.back());
    return out;
  }

  bool is_before(const Keyed& a, const Keyed& b) const {
    if (const int way = compare(a.first, b.first, paging.terms.front().descending)) return way < 0;
    if (come == RowsCome::InOrder && paging.rest_is_identity) return a.row < b.row;  // reads neither
    for (std::size_t i = 1; i < paging.terms.size(); ++i) {
      const SortTerm& term = paging.terms[i];
      if (const int way = compare(columns[term.column].of(*a.row), columns[term.column].of(*b.row), term.descending))
        return way < 0;
    }
    return false;
  }
  bool is_behind(const Row& row) const {
    for (std::size_t i = 0; i < paging.terms.size(); ++i) {
      const SortTerm& term = paging.terms[i];
      if (const int way = compare(columns[term.column].of(row), paging.after[i], term.descending)) return way > 0;
    }
    return false;
  }
};

}  // namespace tessera::server
