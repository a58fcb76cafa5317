#include "http/router.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "base/text.h"
#include "http/reply.h"

namespace tessera::http {
namespace {

constexpr std::size_t kShownPath = 200;  // of a path we do not know, in the reply's text

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool serves(const Route& route, std::string_view method) {
  return route.method == method || (method == "HEAD" && route.method == "GET");
}

}  // namespace

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const int high = i + 1 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text)
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.' || c == '~')
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  return out;
}

std::string Request::query_value(std::string_view name) const {
  std::string spaced = query;
  std::ranges::replace(spaced, '+', ' ');
  for (const std::string_view pair : split(spaced, '&')) {
    const auto equals = pair.find('=');
    if (percent_decoded(pair.substr(0, equals)) != name) continue;
    return equals == std::string_view::npos ? "" : percent_decoded(pair.substr(equals + 1)).value_or("");
  }
  return "";
}

Result<std::vector<Router::Part>> Router::parts_of(const Route& route) {
  if (!route.path.starts_with('/')) return fail(Code::Invalid, "route '{}': the path must begin with '/'", route.path);
  std::vector<Part> parts;
  for (const auto text : split(std::string_view(route.path).substr(1), '/')) {
    const bool param = text.size() > 2 && text.front() == '{' && text.back() == '}';
    const auto name = param ? text.substr(1, text.size() - 2) : text;
    if (name.find_first_of("{}") != std::string_view::npos)
      return fail(Code::Invalid, "route '{}': '{{' and '}}' must enclose a whole part, as in /a/{{name}}", route.path);
    parts.push_back({param, std::string(name)});
  }
  return parts;
}

Result<Router> Router::build(std::vector<Route> routes) {
  Router router;
  for (auto& route : routes) {
    auto parts = TRY(parts_of(route));
    for (const auto& entry : router.entries_)
      if (entry.route.method == route.method && entry.route.path == route.path)
        return fail(Code::Invalid, "route {} {} is there twice", route.method, route.path);
    Entry next{std::move(route), std::move(parts)};
    const auto at = std::upper_bound(router.entries_.begin(), router.entries_.end(), next, more_literal);
    router.entries_.insert(at, std::move(next));
  }
  return router;
}

// "/gpus/all" before "/gpus/{uuid}": the first match is the most exact one.
bool Router::more_literal(const Entry& a, const Entry& b) {
  return std::lexicographical_compare(a.parts.begin(), a.parts.end(), b.parts.begin(), b.parts.end(),
                                      [](const Part& x, const Part& y) { return !x.param && y.param; });
}

bool Router::matches(const Entry& entry, const std::vector<std::string>& parts) {
  return std::equal(
      entry.parts.begin(), entry.parts.end(), parts.begin(), parts.end(),
      [](const Part& part, const std::string& text) { return part.param ? !text.empty() : part.text == text; });
}

std::variant<Router::Match, Response> Router::find(std::string_view method, std::string_view raw_path) const {
  if (!raw_path.starts_with('/')) return plain_reply(400, "the request's target must begin with '/'");
  std::vector<std::string> parts;
  for (const auto raw : split(raw_path.substr(1), '/')) {
    auto part = percent_decoded(raw);
    if (!part) return plain_reply(400, "the path has a '%' without two hex digits behind it");
    parts.push_back(*std::move(part));
  }
  std::string allowed;
  for (const auto& entry : entries_) {
    if (!matches(entry, parts)) continue;
    if (serves(entry.route, method)) {
      Match match{&entry.route, {}};
      for (std::size_t i = 0; i < parts.size(); ++i)
        if (entry.parts[i].param) match.params.emplace_back(entry.parts[i].text, std::move(parts[i]));
      return match;
    }
    allowed += fmt::format("{}{}", allowed.empty() ? "" : ", ", entry.route.method);
    if (entry.route.method == "GET") allowed += ", HEAD";
  }
  if (allowed.empty()) return not_found(raw_path);
  Response response = plain_reply(405, fmt::format("this path does not take that method; it takes {}", allowed));
  response.headers.emplace_back("Allow", allowed);
  return response;
}

Response Router::not_found(std::string_view raw_path) const {
  std::string text = fmt::format("there is nothing at {}; there are:", valid_utf8(raw_path.substr(0, kShownPath)));
  for (const auto& entry : entries_) text += fmt::format("\n  {} {}", entry.route.method, entry.route.path);
  return plain_reply(404, std::move(text));
}

}  // namespace tessera::http
