#pragma once
// Labels as one text, so that a row is told apart by them.
#include <map>
#include <string>
#include <string_view>

namespace tessera::store {

/// A line for each, `key=value`; a backslash stands before one of a value, and in the place of its line breaks.
std::string label_text(const std::map<std::string, std::string>& labels);
std::map<std::string, std::string> labels_of(std::string_view text);

}  // namespace tessera::store
