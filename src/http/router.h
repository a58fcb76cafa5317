#pragma once
// Which handler a request is for. Pure: no I/O, no Beast.
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "http/server.h"

namespace tessera::http {

/// The bytes that `%41` forms stand for; nullopt where a '%' is not followed by two hex digits.
std::optional<std::string> percent_decoded(std::string_view text);

/// The text as a part of a URL or a value of a form: all but letters, digits, `-`, `_`, `.` and `~` as `%41` forms.
std::string percent_encoded(std::string_view text);

class Router {
 public:
  /// Invalid for a path that does not begin with '/', has an unfinished `{`, or is there twice with one method.
  static Result<Router> build(std::vector<Route> routes);

  struct Match {
    const Route* route;
    std::vector<std::pair<std::string, std::string>> params;
  };
  /// `raw_path` is still percent-encoded, so that an encoded slash stays inside its part. No match is a reply: 400, 404
  /// or 405, which says what there is.
  std::variant<Match, Response> find(std::string_view method, std::string_view raw_path) const;

 private:
  struct Part {
    bool param;
    std::string text;  ///< the parameter's name or the literal
  };
  struct Entry {
    Route route;
    std::vector<Part> parts;
  };
  static Result<std::vector<Part>> parts_of(const Route& route);
  static bool matches(const Entry& entry, const std::vector<std::string>& parts);
  static bool more_literal(const Entry& a, const Entry& b);
  Response not_found(std::string_view raw_path) const;

  std::vector<Entry> entries_;
};

}  // namespace tessera::http
