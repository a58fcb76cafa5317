#pragma once
// Values on their way to PostgreSQL and back, and what its errors mean.
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "store/database.h"

namespace tessera::store {

/// A parameter as libpq takes it. Numbers say their type, so that `? * 1000` is reckoned in 64 bits; for text and NULL
/// the statement says it.
struct Parameter {
  unsigned type = 0;
  bool null = false;
  bool binary = false;
  std::string text{};
};
/// Internal for a text with a zero byte, which PostgreSQL cannot hold.
Result<Parameter> parameter_of(const Value& value);

/// A column that is not NULL, in text form, of a type by its object id.
Value value_of(unsigned type, std::string_view text);

/// A row of values as COPY's text form has it, with its line end. Internal for a text with a zero byte.
Result<void> append_copy_row(std::string& out, std::span<const Value> row);

/// How rows for `INSERT INTO table (columns)` come in by COPY: into a table of the session's own, and from there, so
/// that ON CONFLICT holds.
struct CopyPlan {
  std::string make;    ///< an empty table, anew or still
  std::string copy;    ///< COPY … FROM STDIN
  std::string insert;  ///< what comes behind, but for ON CONFLICT
};
/// Nothing where the head has another form.
std::optional<CopyPlan> copy_plan(std::string_view head);

/// What an SQLSTATE means for the caller.
Code code_of_state(std::string_view state);
/// What to do about it; empty where the message says all.
std::string_view advice_for_state(std::string_view state);

}  // namespace tessera::store
