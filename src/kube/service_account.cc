#include "kube/service_account.h"

#include <nlohmann/json.hpp>

#include "base/base64url.h"
#include "base/text.h"

namespace tessera::kube {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kLongest = 16U << 10U;

/// Empty where there is none, or something else than a text.
std::string text_at(const Json& claims, const char* pointer) {
  const Json::json_pointer at(pointer);
  return claims.contains(at) && claims[at].is_string() ? claims[at].get<std::string>() : "";
}

}  // namespace

std::optional<ServiceAccount> service_account_of(std::string_view token) {
  const auto parts = split(trim(token), '.');
  if (token.size() > kLongest || parts.size() != 3) return std::nullopt;
  const auto bytes = base64url_decoded(parts[1]);
  const Json claims = bytes ? Json::parse(*bytes, nullptr, false) : Json();
  if (!claims.is_object()) return std::nullopt;
  // A '/' in a name is ~1 in a pointer (RFC 6901).
  static constexpr const char* kPlaces[][3] = {
      {"/kubernetes.io/namespace", "/kubernetes.io/serviceaccount/name", "/kubernetes.io/serviceaccount/uid"},
      {"/kubernetes.io~1serviceaccount~1namespace", "/kubernetes.io~1serviceaccount~1service-account.name",
       "/kubernetes.io~1serviceaccount~1service-account.uid"}};
  for (const auto& [space, name, uid] : kPlaces) {
    ServiceAccount account{text_at(claims, space), text_at(claims, name), text_at(claims, uid)};
    if (!account.space.empty() && !account.name.empty() && !account.uid.empty()) return account;
  }
  return std::nullopt;
}

}  // namespace tessera::kube
