#include "server/access/another_site.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace tessera::server {
namespace {

/// `host:port` of `scheme://host:port/path`.
std::string_view authority_of(std::string_view url) {
  const auto scheme = url.find("://");
  if (scheme != std::string_view::npos) url.remove_prefix(scheme + 3);
  return url.substr(0, url.find('/'));
}

std::string_view host_of(std::string_view authority) {
  if (authority.starts_with('[')) return authority.substr(0, authority.find(']') + 1);
  return authority.substr(0, authority.find(':'));
}

/// A name leads to where its owner wants; an address, and what resolvers keep for this machine, does not.
bool cannot_be_led(std::string_view host) {
  const bool address =
      host.starts_with('[') ||
      (!host.empty() && std::ranges::all_of(host, [](char c) { return c == '.' || (c >= '0' && c <= '9'); }));
  return address || host == "localhost" || host.ends_with(".localhost");
}

}  // namespace

std::string another_site(const http::Request& request, bool only_loopback, std::string_view public_url) {
  const std::string own = lower(trim(request.header("Host"))), known = lower(authority_of(public_url));
  if (only_loopback && !own.empty() && !cannot_be_led(host_of(own)) && own != known)
    return fmt::format("it is sent to '{}', which is neither localhost nor an address nor server.public-url",
                       valid_utf8(own));
  if (request.method == "GET" || request.method == "HEAD") return {};
  const std::string_view site = trim(request.header("Sec-Fetch-Site"));
  if (!site.empty() && site != "same-origin" && site != "none")
    return fmt::format("a browser says that it is {}", valid_utf8(site));
  const std::string origin = lower(trim(request.header("Origin")));
  const std::string from(authority_of(origin));
  if (!origin.empty() && from != own && (known.empty() || from != known))
    return fmt::format("a page of '{}' has sent it", valid_utf8(origin));
  return {};
}

}  // namespace tessera::server
