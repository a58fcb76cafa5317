#pragma once
// Inside the room: how a field of the resource is told. `describe(visitor, value)` of spec_fields.h calls, for each
// field of a struct,
//
//   visitor.field({key, about, ...}, value.member);     a member's first value is the schema's default
//   visitor.rule("CEL", "message", holds);              what several fields must be together, in both languages
//   visitor.check(result);                              the same, where CEL cannot say it
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tessera::operate {

/// What a text must look like.
enum class Form : std::uint8_t {
  Any,
  Name,       ///< of a namespace or an object: lower-case letters, digits, '-'
  LabelName,  ///< of a metric's label
  Port,       ///< a port's name, or a number, written with quotes or without
  Path,
  Url,
  Address,   ///< "host:port"
  Quantity,  ///< "500m", "2Gi", a number
  Duration,
  Retention,  ///< "30d": a duration of one unit, as both engines take it
  Window,     ///< "22:00-04:00": a time of the day
};

struct FormRow {
  Form form;
  std::string_view pattern;   ///< what the API server checks; empty: nothing, or any number or text
  std::string_view expected;  ///< in an error
  bool (*fits)(std::string_view);
  bool number_too;
};
const FormRow& row_of(Form form);

struct Field {
  std::string_view key;
  std::string_view about;
  Form form = Form::Any;                     ///< of a text, or of a map's or list's texts
  std::vector<std::string_view> words = {};  ///< of a text: one of these
  std::int64_t least = 0, most = 0;          ///< of a number, or of a duration in ms; 0 and 0: any
  bool required = false;
  std::string_view list_key = {};  ///< of a list: what its items are told apart by
  std::size_t longest = 0;         ///< of a text, instead of kLongestText
};

// The API server can bound the cost of a CEL rule only where lengths are bounded.
inline constexpr std::size_t kLongestText = 1024;
inline constexpr std::size_t kLongestFile = 262'144;
inline constexpr std::size_t kMostItems = 64;

}  // namespace tessera::operate
