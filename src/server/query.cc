#include "server/query.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/text.h"
#include "http/router.h"

namespace tessera::server {
namespace {

std::optional<std::string> decoded(std::string_view text) {
  std::string blanks(text);
  std::ranges::replace(blanks, '+', ' ');
  auto out = http::percent_decoded(blanks);
  return out && is_utf8(*out) ? out : std::nullopt;
}

constexpr double kLastSecond = 253'402'300'799;  // of the year 9999

/// Digits at a place of a text.
std::optional<int> digits(std::string_view text, std::size_t at, std::size_t count) {
  if (text.size() < at + count) return std::nullopt;
  int out = 0;
  for (const char c : text.substr(at, count)) {
    if (c < '0' || c > '9') return std::nullopt;
    out = out * 10 + (c - '0');
  }
  return out;
}

/// Milliseconds of `+02:00`, `Z`.
std::optional<EpochMs> offset_of(std::string_view text) {
  if (text == "Z" || text == "z") return 0;
  const auto hours = digits(text, 1, 2), minutes = digits(text, 4, 2);
  if (text.size() != 6 || !hours || !minutes || text[3] != ':' || *hours > 23 || *minutes > 59) return std::nullopt;
  if (text[0] != '+' && text[0] != ' ' && text[0] != '-') return std::nullopt;
  return (text[0] == '-' ? -1 : 1) * EpochMs{*hours * 60 + *minutes} * 60'000;
}

std::optional<EpochMs> rfc3339(std::string_view text) {
  const auto year = digits(text, 0, 4), month = digits(text, 5, 2), day = digits(text, 8, 2),
             hour = digits(text, 11, 2), minute = digits(text, 14, 2), second = digits(text, 17, 2);
  if (!year || !month || !day || !hour || !minute || !second || *hour > 23 || *minute > 59 || *second > 60)
    return std::nullopt;
  if (text[4] != '-' || text[7] != '-' || (text[10] != 'T' && text[10] != 't' && text[10] != ' ') || text[13] != ':' ||
      text[16] != ':')
    return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  if (!date.ok()) return std::nullopt;
  std::string_view rest = text.substr(19);
  EpochMs fraction = 0;
  if (rest.starts_with('.')) {
    std::size_t length = 1;
    for (EpochMs worth = 100; length < rest.size() && rest[length] >= '0' && rest[length] <= '9'; ++length, worth /= 10)
      fraction += worth * (rest[length] - '0');
    if (length == 1) return std::nullopt;
    rest.remove_prefix(length);
  }
  const auto offset = offset_of(rest);
  if (!offset) return std::nullopt;
  const EpochMs day_ms = std::chrono::sys_days(date).time_since_epoch().count() * EpochMs{86'400'000};
  return day_ms + (EpochMs{*hour} * 3600 + *minute * 60 + *second) * 1000 + fraction - *offset;
}

}  // namespace

Query::Query(const http::Request& request) : request_(request) {
  for (const std::string_view part : split(request.query, '&')) {
    if (part.empty()) continue;
    const auto equals = part.find('=');
    auto name = decoded(part.substr(0, equals));
    auto value = decoded(equals == std::string_view::npos ? std::string_view() : part.substr(equals + 1));
    if (name && value)
      given_.emplace_back(*std::move(name), *std::move(value));
    else
      fault(name.value_or("?"), "not percent-encoded UTF-8");
  }
}

bool Query::csv() const { return http::prefers(request_.header("Accept"), "text/csv", "application/json"); }

std::optional<std::string> Query::text(std::string_view name) {
  known_.push_back(name);
  std::optional<std::string> out;
  for (const auto& [key, value] : given_) {
    if (key != name) continue;
    if (out) fault(name, "given twice");
    if (value.empty()) fault(name, "a value is expected");
    out = value;
  }
  return out && out->empty() ? std::nullopt : out;
}

std::vector<std::string> Query::texts(std::string_view name) {
  known_.push_back(name);
  std::vector<std::string> out;
  for (const auto& [key, value] : given_) {
    if (key != name) continue;
    for (const std::string_view one : split(value, ',')) {
      if (one.empty()) fault(name, "a value is expected; several are separated by commas");
      out.emplace_back(one);
    }
  }
  return out;
}

std::vector<std::string> Query::each(std::string_view name) {
  known_.push_back(name);
  std::vector<std::string> out;
  for (const auto& [key, value] : given_)
    if (key == name) out.push_back(value);
  return out;
}

std::int64_t Query::whole(std::string_view name, std::int64_t least, std::int64_t most, std::int64_t fallback) {
  const auto given = text(name);
  if (!given) return fallback;
  const auto number = parse_int(*given);
  if (number && *number >= least && *number <= most) return *number;
  fault(name, fmt::format("'{}': a number from {} to {} is expected", *given, least, most));
  return fallback;
}

Result<EpochMs> parse_time(std::string_view text) {
  if (const auto time = rfc3339(text); time && *time >= 0) return *time;
  const auto seconds = parse_double(text);
  if (seconds && *seconds >= 0 && *seconds <= kLastSecond) return static_cast<EpochMs>(std::llround(*seconds * 1000));
  return fail(Code::Invalid, "'{}': RFC 3339 (2026-07-31T10:00:00Z) or seconds since the epoch expected", text);
}

std::optional<EpochMs> Query::time(std::string_view name) {
  const auto given = text(name);
  if (!given) return std::nullopt;
  const auto out = parse_time(*given);
  if (!out) fault(name, out.error().what);
  return out ? std::optional(*out) : std::nullopt;
}

std::optional<Milliseconds> Query::duration(std::string_view name) {
  const auto given = text(name);
  if (!given) return std::nullopt;
  const auto out = parse_duration(*given);
  if (out && *out > Milliseconds(0)) return *out;
  fault(name, out ? fmt::format("'{}': more than nothing is expected", *given) : out.error().what);
  return std::nullopt;
}

std::optional<bool> Query::flag(std::string_view name) {
  const auto at = word(name, {"false", "true"});
  return at ? std::optional(*at == 1) : std::nullopt;
}

std::optional<std::size_t> Query::position(std::string_view name, std::string_view word,
                                           const std::vector<std::string_view>& allowed) {
  const auto found = std::ranges::find(allowed, word);
  if (found != allowed.end()) return static_cast<std::size_t>(found - allowed.begin());
  fault(name, fmt::format("'{}', but one of {} is expected", word, fmt::join(allowed, ", ")));
  return std::nullopt;
}

std::optional<std::size_t> Query::word(std::string_view name, const std::vector<std::string_view>& allowed) {
  const auto given = text(name);
  return given ? position(name, *given, allowed) : std::nullopt;
}

std::vector<std::size_t> Query::words(std::string_view name, const std::vector<std::string_view>& allowed) {
  std::vector<std::size_t> out;
  for (const std::string& one : texts(name))
    if (const auto at = position(name, one, allowed)) out.push_back(*at);
  return out;
}

void Query::fault(std::string_view parameter, std::string detail) {
  faults_.push_back({std::string(parameter), std::move(detail)});
}

void Query::refuse(Problem problem) {
  if (!problem_) problem_ = std::move(problem);
}

bool Query::finish() {
  for (const auto& [name, value] : given_) {
    if (std::ranges::find(known_, name) != known_.end()) continue;
    const std::string_view near = nearest(name, known_);
    std::string detail = "there is no such parameter here";
    if (!near.empty()) detail += fmt::format("; the nearest is {}", near);
    if (known_.empty())
      detail += "; this takes none";
    else if (near.empty())
      detail += fmt::format("; there are {}", fmt::join(known_, ", "));
    fault(name, std::move(detail));
  }
  if (!faults_.empty())
    refuse({400, "invalid-parameter",
            fmt::format("{} {}: {}: {}", request_.method, request_.path, faults_.front().parameter,
                        faults_.front().detail),
            faults_});
  return !problem_;
}

}  // namespace tessera::server
