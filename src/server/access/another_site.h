#pragma once
// Whether a browser sends a request for a page of another site. Where nobody is asked who he is, that page would have
// all rights of whoever looks at it: a key in a header is what other sites' pages cannot send.
#include <string>
#include <string_view>

#include "http/server.h"

namespace tessera::server {

/// Why it is one, in a sentence; empty where it is none, or no browser's. A change (all but GET) has to come from the
/// origin that it is sent to, by Origin and Sec-Fetch-Site. `only_loopback`: the Host is this machine's, or that of
/// `public_url`: a name of somebody's that leads here by its DNS is his page's own origin to a browser.
std::string another_site(const http::Request& request, bool only_loopback, std::string_view public_url);

}  // namespace tessera::server
