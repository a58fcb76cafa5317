#pragma once
// The parameters of a request, typed. What is wrong with them is gathered, so that one reply names all of it; a
// parameter that nobody asked for is wrong too, because a filter with a slip in its name would match everything.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/duration.h"
#include "base/result.h"
#include "http/server.h"
#include "server/problem.h"

namespace tessera::server {

class Query {
 public:
  explicit Query(const http::Request& request);

  // Each notes that the name is known. Of a wrong value the fault is noted, and it reads as if it were absent.
  std::optional<std::string> text(std::string_view name);
  std::vector<std::string> texts(std::string_view name);  ///< `a,b`; empty: not given
  std::vector<std::string> each(std::string_view name);   ///< as often as it was given, each as it stands
  std::int64_t whole(std::string_view name, std::int64_t least, std::int64_t most, std::int64_t fallback);
  std::optional<bool> flag(std::string_view name);
  std::optional<EpochMs> time(std::string_view name);           ///< RFC 3339, or seconds since the epoch
  std::optional<Milliseconds> duration(std::string_view name);  ///< `5m`; more than nothing
  /// Positions in `allowed`.
  std::optional<std::size_t> word(std::string_view name, const std::vector<std::string_view>& allowed);
  std::vector<std::size_t> words(std::string_view name, const std::vector<std::string_view>& allowed);

  std::string_view path(std::string_view name) const { return request_.param(name); }
  /// Whether the reply is to be a table.
  bool csv() const;
  const http::Request& request() const { return request_; }
  /// Decoded, as they came.
  const std::vector<std::pair<std::string, std::string>>& given() const { return given_; }

  void fault(std::string_view parameter, std::string detail);
  /// Anything else than a wrong parameter; the first stands.
  void refuse(Problem problem);
  /// Called when all parameters have been asked for: whether there is anything to be done.
  bool finish();
  const std::optional<Problem>& problem() const { return problem_; }

 private:
  std::optional<std::size_t> position(std::string_view name, std::string_view word,
                                      const std::vector<std::string_view>& allowed);

  const http::Request& request_;
  std::vector<std::pair<std::string, std::string>> given_;
  std::vector<std::string_view> known_;
  std::vector<Fault> faults_;
  std::optional<Problem> problem_;
};

/// RFC 3339 (a blank may stand for the + of an offset, as URLs have it), or seconds since the epoch, with a fraction or
/// without.
Result<EpochMs> parse_time(std::string_view text);

}  // namespace tessera::server
