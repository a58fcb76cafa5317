#pragma once
// A message to a receiver.
#include <string>

#include "http/client.h"

namespace tessera::server {

/// Scheme and host: a user, a password, a path or a query may be a secret.
std::string shown_url(const std::string& url);

/// The text of a file that has one line which may be a secret.
Result<std::string> secret_in(const std::string& file);

/// POST of JSON. Denied where the credentials that it has are refused (401, 403), Invalid where the receiver refuses it
/// for what it is (any other 4xx but 408 and 429), Unavailable otherwise. `name`: of the receiver. What it says of why
/// it takes nothing may have the URL in it, and is told only where it `may_say`.
Result<void> post_json(http::Client& client, http::ClientRequest request, const std::string& name, bool may_say);

}  // namespace tessera::server
