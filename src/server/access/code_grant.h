#pragma once
// A browser has signed in at the issuer and come back with a code: what is sent to the issuer's token endpoint for it,
// and what comes back (OpenID Connect Core, 3.1.3; PKCE, RFC 7636). Pure.
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/client.h"

namespace tessera::server {

/// What a browser has brought back, and what it began with.
struct CodeGrant {
  std::string code;
  std::string verifier;  ///< whose SHA-256 the issuer was given at the beginning
  std::string redirect_uri;
  std::string nonce;
};
/// Of a request's body; Invalid with what is wrong with it.
Result<CodeGrant> parse_code_grant(std::string_view body);

/// Invalid for what is no `https://HOST[:PORT]` or `http://HOST[:PORT]`; empty is fine.
Result<void> check_public_url(std::string_view url);

/// Invalid where the issuer would lead to another page than `page` of this server, which is at `public_url`; where that
/// is empty, at `host`, as the request names it.
Result<void> check_redirect(std::string_view redirect_uri, std::string_view page, std::string_view public_url,
                            std::string_view host);

struct TokenEndpoint {
  std::string url;
  bool secret_in_body = false;  ///< client_secret_post; else client_secret_basic
};
/// `client_secret` is empty for a public client.
http::ClientRequest token_request(const TokenEndpoint& endpoint, std::string_view client_id,
                                  std::string_view client_secret, const CodeGrant& grant);

/// The ID token in the endpoint's reply. Invalid, with the issuer's own words, where the code is not good (any more);
/// Unavailable where this server's client is not taken, or the reply is none of such an endpoint.
Result<std::string> id_token_in(const http::ClientResponse& reply, std::string_view url);

/// A text from outside as it stands in a message or a log: one line of at most `most` bytes.
std::string shown(std::string_view text, std::size_t most = 100);

}  // namespace tessera::server
