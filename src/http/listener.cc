#include "http/listener.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <tuple>

#include "base/text.h"

namespace tessera::http {
namespace {

constexpr int kBacklog = 128;

struct Place {
  std::string host;  ///< empty: all interfaces
  std::string port;
};

struct FreeAddresses {
  void operator()(addrinfo* list) const noexcept { ::freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

Result<Place> place_of(const std::string& address) {
  const auto colon = address.rfind(':');
  const auto port = colon == std::string::npos ? std::nullopt : parse_int(std::string_view(address).substr(colon + 1));
  if (!port || *port < 0 || *port > 65535)
    return fail(Code::Invalid, "listen on '{}': expected HOST:PORT, [IPv6]:PORT or :PORT with a port from 0 to 65535",
                address);
  std::string host = address.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed)
    host = host.substr(1, host.size() - 2);
  else if (host.find_first_of(":[]") != std::string::npos)
    return fail(Code::Invalid, "listen on '{}': an IPv6 address stands in brackets, as in [::1]:9400", address);
  return Place{std::move(host), std::to_string(*port)};
}

Result<Addresses> resolve(const std::string& address, const Place& place) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const int rc = ::getaddrinfo(place.host.c_str(), place.port.c_str(), &hints, &list);
  if (rc != 0) return fail(Code::Invalid, "listen on '{}': host '{}': {}", address, place.host, ::gai_strerror(rc));
  return Addresses(list);
}

// A name such as localhost may have both; IPv4 is what people type next.
const addrinfo* preferred(const addrinfo* list) {
  for (const auto* one = list; one; one = one->ai_next)
    if (one->ai_family == AF_INET) return one;
  return list;
}

Error why(const std::string& address, int error) {
  const char* const cause = std::strerror(error);
  switch (error) {
    case EADDRINUSE:
      return fail(
          Code::Unavailable,
          "listen on {}: the port is in use (EADDRINUSE: {}); choose another with --address, or stop the program "
          "that listens there",
          address, cause);
    case EACCES:
      return fail(Code::Denied,
                  "listen on {}: {} (EACCES); ports below 1024 need CAP_NET_BIND_SERVICE, or choose another with "
                  "--address",
                  address, cause);
    case EADDRNOTAVAIL:
      return fail(Code::Unavailable,
                  "listen on {}: this machine does not have that address (EADDRNOTAVAIL: {}); choose another with "
                  "--address",
                  address, cause);
    default:
      return fail(Code::Unavailable, "listen on {}: {} (errno {})", address, cause, error);
  }
}

/// The socket, or errno.
std::pair<Socket, int> bound(const sockaddr* name, socklen_t size, bool both_families) {
  Socket socket(::socket(name->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return {Socket(), errno};
  const int on = 1;
  const int v6_only = both_families ? 0 : 1;
  ::setsockopt(socket.fd(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (name->sa_family == AF_INET6) ::setsockopt(socket.fd(), IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof v6_only);
  if (::bind(socket.fd(), name, size) != 0 || ::listen(socket.fd(), kBacklog) != 0) return {Socket(), errno};
  return {std::move(socket), 0};
}

Listening named(Socket socket) {
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  ::getsockname(socket.fd(), reinterpret_cast<sockaddr*>(&name), &size);
  char text[NI_MAXHOST] = "";
  ::getnameinfo(reinterpret_cast<const sockaddr*>(&name), size, text, sizeof text, nullptr, 0, NI_NUMERICHOST);
  const bool ipv6 = name.ss_family == AF_INET6;
  const auto port = ntohs(ipv6 ? reinterpret_cast<const sockaddr_in6*>(&name)->sin6_port
                               : reinterpret_cast<const sockaddr_in*>(&name)->sin_port);
  return {std::move(socket), ipv6, ipv6 ? fmt::format("[{}]:{}", text, port) : fmt::format("{}:{}", text, port), port};
}

Result<Listening> listen_everywhere(const std::string& address, const Place& place) {
  const auto port = htons(static_cast<std::uint16_t>(*parse_int(place.port)));
  sockaddr_in6 both{};
  both.sin6_family = AF_INET6;
  both.sin6_port = port;
  auto [socket, error] = bound(reinterpret_cast<const sockaddr*>(&both), sizeof both, true);
  if (error == EAFNOSUPPORT || error == EADDRNOTAVAIL) {  // IPv6 is off in this kernel or network namespace
    sockaddr_in ipv4{};
    ipv4.sin_family = AF_INET;
    ipv4.sin_port = port;
    std::tie(socket, error) = bound(reinterpret_cast<const sockaddr*>(&ipv4), sizeof ipv4, false);
  }
  if (error != 0) return why(address, error);
  return named(std::move(socket));
}

}  // namespace

Socket::~Socket() {
  if (fd_ >= 0) ::close(fd_);
}

Result<Listening> listen_on(const std::string& address) {
  const Place place = TRY(place_of(address));
  if (place.host.empty()) return listen_everywhere(address, place);
  const Addresses addresses = TRY(resolve(address, place));
  const addrinfo* const one = preferred(addresses.get());
  auto [socket, error] = bound(one->ai_addr, one->ai_addrlen, false);
  if (error != 0) return why(address, error);
  return named(std::move(socket));
}

}  // namespace tessera::http
