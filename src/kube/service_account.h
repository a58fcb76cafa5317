#pragma once
// Who a token of the API server is of, as the token itself says. Pure, and defined on any bytes.
#include <optional>
#include <string>
#include <string_view>

namespace tessera::kube {

struct ServiceAccount {
  std::string space{}, name{}, uid{};
  bool operator==(const ServiceAccount&) const = default;
};

/// Of a token that is bound (claim `kubernetes.io`, kept by the TokenRequest API) or that of a Secret (claims
/// `kubernetes.io/serviceaccount/…`, clusters before 1.24). nullopt: no such token, or one that does not say all three.
/// Nothing is verified: that is the API server's, which the token is sent to.
std::optional<ServiceAccount> service_account_of(std::string_view token);

}  // namespace tessera::kube
