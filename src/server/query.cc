#include "server/query.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

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

std::int64_t Query::whole(std::string_view name, std::int64_t least, std::int64_t most, std::int64_t fallback) {
  const auto given = text(name);
  if (!given) return fallback;
  const auto number = parse_int(*given);
  if (number && *number >= least && *number <= most) return *number;
  fault(name, fmt::format("'{}': a number from {} to {} is expected", *given, least, most));
  return fallback;
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
