#include "server/access/jwt.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/base64url.h"
#include "base/text.h"

namespace tessera::server {
namespace {
using Json = nlohmann::json;

constexpr std::size_t kLongest = 16U << 10U;
constexpr std::size_t kMostWords = 1'000;  // of one list
constexpr int kDeepest = 16;

Result<Json> object_of(std::string_view part, std::string_view what) {
  const auto bytes = base64url_decoded(part);
  if (!bytes) return fail(Code::Invalid, "the token's {} is not base64url", what);
  bool deep = false;
  const auto shallow = [&](int depth, Json::parse_event_t, Json&) {
    deep |= depth > kDeepest;
    return !deep;
  };
  Json json = Json::parse(*bytes, shallow, false);
  if (deep || !json.is_object() || !is_utf8(*bytes))
    return fail(Code::Invalid, "the token's {} is no JSON object", what);
  return json;
}

/// A text, or a list of texts.
std::vector<std::string> texts_of(const Json& value) {
  std::vector<std::string> out;
  if (value.is_string()) out.push_back(value.get<std::string>());
  if (!value.is_array()) return out;
  for (const Json& one : value)
    if (one.is_string() && out.size() < kMostWords) out.push_back(one.get<std::string>());
  return out;
}

/// A claim by its name, which may have dots (`https://…/groups`), else by the path that the name is.
const Json* claim_at(const Json& claims, std::string_view name) {
  if (const auto whole = claims.find(std::string(name)); whole != claims.end()) return &*whole;
  const Json* here = &claims;
  for (const std::string_view part : split(name, '.')) {
    const auto found = here->is_object() ? here->find(std::string(part)) : here->end();
    if (found == here->end()) return nullptr;
    here = &*found;
  }
  return here;
}

/// Seconds since the epoch, as tokens have them.
Result<std::optional<EpochMs>> time_in(const Json& claims, const char* name) {
  constexpr double kLatest = 1e11;  // the year 5138
  const auto found = claims.find(name);
  if (found == claims.end()) return std::optional<EpochMs>();
  const double seconds = found->is_number() ? found->get<double>() : -1;
  if (!(seconds >= 0 && seconds < kLatest)) return fail(Code::Invalid, "the token's {} is no time", name);
  return std::optional(static_cast<EpochMs>(std::floor(seconds * 1000)));
}

Result<void> read_claims(const Json& claims, std::string_view groups_claim, Jwt& into) {
  into.issuer = text_in(claims, "iss");
  into.subject = text_in(claims, "sub");
  if (const auto audience = claims.find("aud"); audience != claims.end()) into.audiences = texts_of(*audience);
  into.authorized_party = text_in(claims, "azp");
  into.nonce = text_in(claims, "nonce");
  into.expires = TRY(time_in(claims, "exp"));
  into.not_before = TRY(time_in(claims, "nbf"));
  into.issued = TRY(time_in(claims, "iat"));
  if (const Json* groups = claim_at(claims, groups_claim)) into.groups = texts_of(*groups);
  into.name = text_in(claims, "preferred_username");
  if (into.name.empty()) into.name = text_in(claims, "email");
  return {};
}

}  // namespace

std::string text_in(const Json& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Result<Jwt> parse_jwt(std::string_view token, std::string_view groups_claim) {
  if (token.size() > kLongest) return fail(Code::Invalid, "the token has {} bytes; at most {}", token.size(), kLongest);
  const auto parts = split(token, '.');
  if (parts.size() != 3) return fail(Code::Invalid, "the token has {} parts; a signed one has 3", parts.size());
  const Json header = TRY(object_of(parts[0], "header"));
  const Json claims = TRY(object_of(parts[1], "claims"));
  Jwt out;
  const std::string algorithm = text_in(header, "alg");
  if (algorithm != "RS256" && algorithm != "ES256")
    return fail(Code::Invalid, "the token is signed by '{}'; RS256 and ES256 are taken", algorithm);
  if (header.contains("crit")) return fail(Code::Invalid, "the token has extensions that must be understood (crit)");
  out.algorithm = algorithm == "RS256" ? Algorithm::Rs256 : Algorithm::Es256;
  out.key_id = text_in(header, "kid");
  out.signed_part = token.substr(0, parts[0].size() + 1 + parts[1].size());
  auto signature = base64url_decoded(parts[2]);
  if (!signature || signature->empty()) return fail(Code::Invalid, "the token's signature is not base64url");
  out.signature = *std::move(signature);
  TRY(read_claims(claims, groups_claim, out));
  return out;
}

Result<void> check_claims(const Jwt& token, std::string_view issuer, const std::vector<std::string>& audiences,
                          EpochMs now, Milliseconds leeway) {
  if (token.issuer != issuer) return fail(Code::Invalid, "the token is of another issuer");
  if (std::ranges::find_first_of(token.audiences, audiences) == token.audiences.end())
    return fail(Code::Invalid, "the token is for another audience than '{}'", fmt::join(audiences, "' or '"));
  if (token.subject.empty()) return fail(Code::Invalid, "the token names nobody (sub)");
  if (!token.expires) return fail(Code::Invalid, "the token never expires (exp)");
  if (*token.expires + leeway.count() <= now) return fail(Code::Invalid, "the token has expired");
  if (token.not_before && *token.not_before - leeway.count() > now)
    return fail(Code::Invalid, "the token is not good yet (nbf)");
  if (token.issued && *token.issued - leeway.count() > now)
    return fail(Code::Invalid, "the token is of the future (iat)");
  return {};
}

}  // namespace tessera::server
