#pragma once
// Rows of JSON as a table (RFC 4180).
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>

namespace tessera::server {

/// A text that a spreadsheet would take for a formula gets a `'` before it, here and below; a number is none.
void append_csv_line(std::string& out, std::span<const std::string> cells);

void append_csv_head(std::string& out, std::span<const std::string_view> columns);

/// `columns` are paths as `utilization.device`. Lists of values are joined by `;`, lists of objects are their number,
/// members of an object are `name=value` joined by `;`, and what is absent or null is empty. A text that a spreadsheet
/// would take for a formula gets a `'` before it.
void append_csv_row(std::string& out, std::span<const std::string_view> columns, const nlohmann::ordered_json& row);

}  // namespace tessera::server
