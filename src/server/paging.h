#pragma once
// Lists in pages: sorted by what the caller asks for, cut behind the last row of the page before (not at a number, so
// that rows which come and go meanwhile do not make others appear twice).
#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

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
  std::string fingerprint;  ///< of the filters and the sort
};

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

  Pager(Query& query, std::span<const SortColumn<Row>> known, std::string_view fallback, std::string_view identity)
      : columns(known) {
    std::vector<ColumnName> names;
    for (const auto& column : columns) names.push_back({column.name, column.same_as});
    paging = read_paging(query, names, fallback, identity);
  }

  /// Leaves the page in `rows`. Returns the cursor of the next one; empty on the last.
  std::string cut(std::vector<Row>& rows) const {
    const auto order = [this](const Row& a, const Row& b) {
      for (const SortTerm& term : paging.terms)
        if (const int way = compare(columns[term.column].of(a), columns[term.column].of(b), term.descending))
          return way < 0;
      return false;
    };
    if (paging.has_after) std::erase_if(rows, [this](const Row& row) { return !is_behind(row); });
    const std::size_t wanted = std::min(rows.size(), paging.limit + 1);
    std::partial_sort(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(wanted), rows.end(), order);
    if (rows.size() <= paging.limit) return {};
    rows.resize(paging.limit);
    std::vector<SortValue> last;
    for (const SortTerm& term : paging.terms) last.push_back(columns[term.column].of(rows.back()));
    return cursor_of(paging, last);
  }

 private:
  bool is_behind(const Row& row) const {
    for (std::size_t i = 0; i < paging.terms.size(); ++i) {
      const SortTerm& term = paging.terms[i];
      if (const int way = compare(columns[term.column].of(row), paging.after[i], term.descending)) return way > 0;
    }
    return false;
  }
};

}  // namespace tessera::server
