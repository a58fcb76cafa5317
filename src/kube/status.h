#pragma once
// What the API server says instead of an answer, from its Status object or from the bare HTTP code. Pure.
#include <optional>
#include <string>
#include <string_view>

#include "base/duration.h"
#include "base/result.h"

namespace tessera::kube {

struct Status {
  int code = 0;
  std::string reason{};   ///< "Expired", "Forbidden"; empty where a proxy or load balancer answered
  std::string message{};  ///< the first bytes of the body where it is no Status
  std::string cause{};    ///< reason of the first cause
  std::optional<Milliseconds> retry_after{};
  bool operator==(const Status&) const = default;
};

/// From a reply that is no success; `retry_after` is the header's value.
Status read_status(int http_code, std::string_view body, std::string_view retry_after = {});

/// The right that a request needs, as one says it in a role: `"list" on "pods" in namespace "a"`.
std::string needed_right(std::string_view method, std::string_view path, bool watching);

/// `tried` is what was asked of whom. Denied (401, 403: with the right that is missing), NotFound, Invalid or
/// Unavailable.
Error refusal(const Status& status, std::string_view tried, std::string_view right);

}  // namespace tessera::kube
