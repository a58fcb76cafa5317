#pragma once
// Small text functions that several rooms need. All are pure and defined on any bytes.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tessera {

/// The parts between separators; "a,,b" has three, "" has one empty.
std::vector<std::string_view> split(std::string_view text, char separator);

/// Without leading and trailing blanks, tabs, CR and LF.
std::string_view trim(std::string_view text);

std::string lower(std::string_view text);

/// "logFormat" for "log-format": the key that a flag is in a YAML file.
std::string camel_case(std::string_view dashed);

/// A whole decimal number and nothing else.
std::optional<std::int64_t> parse_int(std::string_view text);
std::optional<double> parse_double(std::string_view text);

/// Whether every byte is part of valid UTF-8.
bool is_utf8(std::string_view text);

/// The text with every byte that is not part of valid UTF-8 replaced by U+FFFD.
std::string valid_utf8(std::string_view text);

/// The candidate within edit distance 2 (or a third of its length) of `word`, for "did you mean" hints; empty if none.
std::string_view nearest(std::string_view word, const std::vector<std::string_view>& candidates);

}  // namespace tessera
