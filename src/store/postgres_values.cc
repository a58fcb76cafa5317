#include "store/postgres_values.h"

#include <fmt/format.h>

#include <charconv>
#include <iterator>

namespace tessera::store {
namespace {

// Object ids of types, from PostgreSQL's pg_type.dat: they never change.
constexpr unsigned kBool = 16, kBytea = 17, kInt8 = 20, kInt2 = 21, kInt4 = 23, kOid = 26, kFloat4 = 700, kFloat8 = 701,
                   kNumeric = 1700;

template <class T>
Value number(std::string_view text) {
  T out{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc{} || end != text.data() + text.size()) return std::string(text);
  return out;
}

unsigned nibble(char digit) { return static_cast<unsigned>(digit <= '9' ? digit - '0' : digit - 'a' + 10); }

Blob unhexed(std::string_view text) {  // \x0aff
  Blob out;
  for (std::size_t i = 2; i + 1 < text.size(); i += 2)
    out.bytes += static_cast<char>(nibble(text[i]) << 4U | nibble(text[i + 1]));
  return out;
}

struct Make {
  Result<Parameter> operator()(std::monostate) const { return Parameter{.null = true}; }
  Result<Parameter> operator()(std::int64_t value) const {
    return Parameter{.type = kInt8, .text = std::to_string(value)};
  }
  Result<Parameter> operator()(double value) const {
    return Parameter{.type = kFloat8, .text = fmt::format("{}", value)};
  }
  Result<Parameter> operator()(const std::string& value) const {
    if (value.find('\0') != std::string::npos)
      return fail(Code::Internal, "a text of {} bytes has a zero byte in it, which PostgreSQL cannot hold",
                  value.size());
    return Parameter{.text = value};
  }
  Result<Parameter> operator()(const Blob& value) const {
    return Parameter{.type = kBytea, .binary = true, .text = value.bytes};
  }
};

struct StateRow {
  std::string_view state;  ///< its beginning
  Code code;
  std::string_view advice;
};
constexpr StateRow kStates[] = {
    {"53100", Code::Unavailable, "its disk is full: make room there"},
    {"53300", Code::Unavailable, "raise its max_connections, or run fewer servers"},
    {"25006", Code::Unavailable, "it is a standby, or read-only: point database.url at the primary"},
    {"25P03", Code::Unavailable, ""},
    {"28", Code::Denied, "check user, password and pg_hba.conf"},
    {"42501", Code::Denied, "grant the user its tables: docs/operations.md"},
    {"3D000", Code::NotFound, "create the database: docs/operations.md"},
    {"08", Code::Unavailable, ""},
    {"40", Code::Unavailable, ""},
    {"53", Code::Unavailable, ""},
    {"55", Code::Unavailable, ""},
    {"57", Code::Unavailable, ""},
    {"58", Code::Unavailable, "its log says more"},
    {"XX", Code::Unavailable, "its log says more"},
};

const StateRow* row_of(std::string_view state) {
  for (const StateRow& row : kStates)
    if (state.starts_with(row.state)) return &row;
  return nullptr;
}

}  // namespace

Result<Parameter> parameter_of(const Value& value) { return std::visit(Make{}, value); }

Value value_of(unsigned type, std::string_view text) {
  switch (type) {
    case kBool:
      return std::int64_t{text == "t"};
    case kInt2:
    case kInt4:
    case kInt8:
    case kOid:
      return number<std::int64_t>(text);
    case kNumeric:  // sums of BIGINT, mostly
      if (text.find_first_of(".eN") == std::string_view::npos) return number<std::int64_t>(text);
      return number<double>(text);
    case kFloat4:
    case kFloat8:
      return number<double>(text);
    case kBytea:
      return unhexed(text);
    default:
      return std::string(text);
  }
}

Result<void> append_copy_row(std::string& out, std::span<const Value> row) {
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (i > 0) out += '\t';
    if (const auto* blob = std::get_if<Blob>(&row[i])) {
      out += "\\\\x";
      for (const char byte : blob->bytes)
        fmt::format_to(std::back_inserter(out), "{:02x}", static_cast<unsigned char>(byte));
      continue;
    }
    const Parameter one = TRY(parameter_of(row[i]));
    if (one.null) {
      out += "\\N";
      continue;
    }
    for (const char c : one.text) {
      constexpr std::string_view kSpecial = "\\\t\n\r", kNames = "\\tnr";
      const auto special = kSpecial.find(c);
      if (special == std::string_view::npos)
        out += c;
      else
        (out += '\\') += kNames[special];
    }
  }
  out += '\n';
  return {};
}

std::optional<CopyPlan> copy_plan(std::string_view head) {
  constexpr std::string_view kBegin = "INSERT INTO ";
  const auto open = head.find(" ("), close = head.rfind(')');
  if (!head.starts_with(kBegin) || open == std::string_view::npos || close == std::string_view::npos)
    return std::nullopt;
  const std::string_view table = head.substr(kBegin.size(), open - kBegin.size());
  const std::string_view columns = head.substr(open + 2, close - open - 2);
  const std::string copied = fmt::format("copied_{}_{:x}", table, std::hash<std::string_view>{}(columns));
  return CopyPlan{
      fmt::format("CREATE TEMPORARY TABLE IF NOT EXISTS {0} ON COMMIT DELETE ROWS AS SELECT {1} FROM {2} WITH NO "
                  "DATA; DELETE FROM {0}",
                  copied, columns, table),
      fmt::format("COPY {} ({}) FROM STDIN", copied, columns),
      fmt::format("{} SELECT {} FROM {}", head, columns, copied)};
}

Code code_of_state(std::string_view state) {
  const StateRow* row = row_of(state);
  return row ? row->code : state.empty() ? Code::Unavailable : Code::Internal;
}

std::string_view advice_for_state(std::string_view state) {
  const StateRow* row = row_of(state);
  return row ? row->advice : std::string_view();
}

}  // namespace tessera::store
