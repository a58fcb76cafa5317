#pragma once
// Tables for terminals.
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tessera {

using Cells = std::vector<std::string>;

/// Columns as wide as their widest cell, two blanks apart; `right` names the columns that hold numbers. The first line
/// has as many cells as all others.
void append_grid(std::string& out, const std::vector<Cells>& lines, const std::vector<std::size_t>& right);

/// The text in one line and without control characters: nothing that a file or a peer says may steer the terminal.
std::string harmless(std::string_view text);

}  // namespace tessera
