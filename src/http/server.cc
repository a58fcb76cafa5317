#include "http/server.h"

#include <pthread.h>
#include <sys/socket.h>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cerrno>
#include <cstring>
#include <exception>
#include <optional>
#include <thread>
#include <utility>

#include "base/log.h"
#include "http/connection.h"
#include "http/listener.h"
#include "http/service.h"
#include "http/tls.h"

namespace tessera::http {
namespace {

namespace net = boost::asio;
using ErrorCode = boost::system::error_code;
using Strand = net::strand<net::io_context::executor_type>;
using Acceptor = net::basic_socket_acceptor<net::ip::tcp, Strand>;

constexpr Milliseconds kDrain{5'000};        // for running replies, when the server ends
constexpr Milliseconds kAcceptPause{100};    // when the process is out of descriptors or memory
constexpr std::size_t kPoliteRefusals = 32;  // connections over the limit that still get a 503
constexpr int kAcceptsAtOnce = 64;

}  // namespace

class Server::Impl {
 public:
  Impl(ServerOptions options, Router router, Listening listening, std::unique_ptr<TlsContext> tls);
  ~Impl();

  const std::string& address() const { return address_; }
  std::uint16_t port() const { return port_; }
  ServerStats stats() const;

 private:
  void run();
  void await_connections();
  void accept_connections();
  void take(Socket socket);
  void pause(int error);

  Service service_;
  const std::unique_ptr<TlsContext> tls_;
  const std::string address_;
  const std::uint16_t port_;
  const bool ipv6_;
  net::io_context io_;  // after service_: the connections that it may still hold at its end use that
  Acceptor acceptor_;
  net::basic_waitable_timer<std::chrono::steady_clock, net::wait_traits<std::chrono::steady_clock>, Strand> pause_;
  bool out_of_resources_ = false;  // on the acceptor's strand
  std::optional<net::thread_pool> handlers_;
  std::vector<std::jthread> threads_;  // last: they use all of the above
};

// Threads that do I/O run handlers too. A reply then needs no hand-over between threads (two context switches saved
// on each scrape), and a server of two threads is two threads. The price: handlers that wait keep I/O waiting, so a
// program whose handlers query databases asks for threads for them. More threads for both would do too, but each piece
// of I/O wakes one of those that have nothing to do: of sixteen, a hundred times for a request of half a megabyte.
Server::Impl::Impl(ServerOptions options, Router router, Listening listening, std::unique_ptr<TlsContext> tls)
    : service_(std::move(options), std::move(router)),
      tls_(std::move(tls)),
      address_(std::move(listening.address)),
      port_(listening.port),
      ipv6_(listening.ipv6),
      io_(static_cast<int>(service_.options.threads)),
      acceptor_(net::make_strand(io_), ipv6_ ? net::ip::tcp::v6() : net::ip::tcp::v4(), listening.socket.release()),
      pause_(acceptor_.get_executor()) {
  if (service_.options.handlers > 0) service_.handlers = &handlers_.emplace(service_.options.handlers);
  await_connections();
  for (unsigned i = 0; i < std::max(1U, service_.options.threads); ++i) threads_.emplace_back([this] { run(); });
}

Server::Impl::~Impl() {
  net::post(acceptor_.get_executor(), [this] {
    ErrorCode ignored;
    acceptor_.close(ignored);
    pause_.cancel();
    service_.connections.drain_all();  // here, where no connection can be added any more
  });
  if (!service_.connections.wait_until_none(kDrain))
    log::warn("HTTP connections cut at the end", {{"address", address_}});
  io_.stop();
}

void Server::Impl::run() {
  ::pthread_setname_np(::pthread_self(), "http");
  for (;;) try {
      io_.run();
      return;
    } catch (const std::exception& error) {  // out of memory, say: one connection is lost, the server is not
      log::error("HTTP connection failed", {{"error", error.what()}});
    }
}

void Server::Impl::await_connections() {
  acceptor_.async_wait(Acceptor::wait_read, [this](const ErrorCode& code) {
    if (acceptor_.is_open() && !code) accept_connections();
  });
}

void Server::Impl::accept_connections() {
  for (int i = 0; i < kAcceptsAtOnce; ++i) {
    Socket socket(::accept4(acceptor_.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (socket) {
      out_of_resources_ = false;
      take(std::move(socket));
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      return pause(errno);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      break;
    }  // anything else is the end of that one connection
  }
  await_connections();
}

void Server::Impl::pause(int error) {
  if (!std::exchange(out_of_resources_, true))
    log::error("no more connections can be accepted for now", {{"address", address_}, {"error", std::strerror(error)}});
  pause_.expires_after(kAcceptPause);
  pause_.async_wait([this](const ErrorCode& code) {
    if (!code && acceptor_.is_open()) accept_connections();
  });
}

void Server::Impl::take(Socket socket) {
  const std::size_t open = service_.connections.count();
  const std::size_t most = service_.options.max_connections;
  if (open < most) return serve(io_, std::move(socket), ipv6_, tls_ ? tls_->current() : nullptr, service_);
  ++service_.counters.refused_connections;
  if (!tls_ && open < most + kPoliteRefusals) refuse(io_, std::move(socket), ipv6_, service_);
}

ServerStats Server::Impl::stats() const {
  const Counters& c = service_.counters;
  return {c.requests,
          service_.connections.count(),
          c.refused_connections,
          c.refused_headers,
          c.refused_bodies,
          c.unauthorized,
          c.timeouts,
          c.failed_handlers,
          c.streams,
          c.cut_streams};
}

Result<std::unique_ptr<Server>> Server::listen(ServerOptions options, std::vector<Route> routes) {
  Router router = TRY(Router::build(std::move(routes)));
  std::unique_ptr<TlsContext> tls;
  if (options.tls) tls = TRY(TlsContext::open(*options.tls));
  Listening listening = TRY(listen_on(options.address));
  const std::string address = listening.address;
  try {
    return std::unique_ptr<Server>(new Server(
        std::make_unique<Impl>(std::move(options), std::move(router), std::move(listening), std::move(tls))));
  } catch (const std::exception& error) {  // no epoll or no thread to be had
    return fail(Code::Unavailable, "serve HTTP on {}: {}", address, error.what());
  }
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;
std::string Server::address() const { return impl_->address(); }
std::uint16_t Server::port() const { return impl_->port(); }
ServerStats Server::stats() const { return impl_->stats(); }

}  // namespace tessera::http
