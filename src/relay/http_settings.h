#pragma once
// HttpSettings of the configuration, put into a request that is about to go out.
#include "base/result.h"
#include "http/client.h"
#include "relay/config.h"

namespace tessera::relay {

/// Authentication, TLS, proxy, headers and redirects. Files of passwords and tokens are read now, at every use, because
/// they change; an error names the file. Headers that the request has already are not replaced.
Result<void> add_http_settings(const HttpSettings& settings, http::ClientRequest& request);

/// Whether that reads files, so that another request may say something else.
bool reads_files(const HttpSettings& settings);

/// Whether `no_proxy` (hosts, .suffixes, networks, "*", by comma) exempts the host of this URL.
bool bypasses_proxy(std::string_view no_proxy, std::string_view url);

}  // namespace tessera::relay
