#include "tests/e2e_relay/cluster.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include <csignal>
#include <list>
#include <nlohmann/json.hpp>
#include <thread>

#include "http/listener.h"
#include "http/test_certificate.h"
#include "http/tls.h"

namespace tessera::e2e {
namespace {
using kube_stub::Json;
constexpr int kLookMs = 20;

http::Socket connect_to(std::uint16_t port) {
  http::Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  if (::connect(socket.fd(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return http::Socket();
  return socket;
}

bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

/// Both ways until one side ends.
void pump(const std::stop_token& stop, SSL* tls, int client, int server) {
  char bytes[16'384];
  while (!stop.stop_requested()) {
    pollfd ready[2] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
    if (SSL_pending(tls) == 0 && ::poll(ready, 2, kLookMs) <= 0) continue;
    if (SSL_pending(tls) > 0 || ready[0].revents != 0) {
      const int got = SSL_read(tls, bytes, sizeof bytes);
      if (got <= 0 || !send_all(server, {bytes, static_cast<std::size_t>(got)})) return;
    }
    if (ready[1].revents != 0) {
      const auto got = ::recv(server, bytes, sizeof bytes, 0);
      if (got <= 0 || SSL_write(tls, bytes, static_cast<int>(got)) <= 0) return;
    }
  }
}

}  // namespace

class TlsFront {
 public:
  TlsFront(std::uint16_t upstream, http::SslContext context) : upstream_(upstream), context_(std::move(context)) {
    std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes to clients that may have gone
    auto listening = http::listen_on("127.0.0.1:0");
    EXPECT_TRUE(listening) << (listening ? "" : listening.error().what);
    listening_ = *std::move(listening);
    accepting_ = std::jthread([this](const std::stop_token& stop) { accept_all(stop); });
  }
  std::uint16_t port() const { return listening_.port; }

 private:
  void accept_all(const std::stop_token& stop) {
    std::list<std::jthread> connections;
    while (!stop.stop_requested()) {
      pollfd ready{listening_.socket.fd(), POLLIN, 0};
      if (::poll(&ready, 1, kLookMs) <= 0) continue;
      const int fd = ::accept4(listening_.socket.fd(), nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) continue;
      connections.emplace_back([this, fd](const std::stop_token& over) { serve(over, http::Socket(fd)); });
    }
  }
  void serve(const std::stop_token& stop, const http::Socket& client) const {
    constexpr timeval kPatient{.tv_sec = 10, .tv_usec = 0};  // for a handshake that never ends
    ::setsockopt(client.fd(), SOL_SOCKET, SO_RCVTIMEO, &kPatient, sizeof kPatient);
    const std::unique_ptr<SSL, decltype(&SSL_free)> tls(SSL_new(context_.get()), SSL_free);
    SSL_set_fd(tls.get(), client.fd());
    if (SSL_accept(tls.get()) != 1) return;
    const http::Socket server = connect_to(upstream_);
    if (server) pump(stop, tls.get(), client.fd(), server.fd());
  }

  const std::uint16_t upstream_;
  const http::SslContext context_;
  http::Listening listening_;
  std::jthread accepting_;
};

Cluster::Cluster() {
  auto stub = kube_stub::Stub::start("127.0.0.1:0", Milliseconds(200));
  EXPECT_TRUE(stub) << (stub ? "" : stub.error().what);
  stub_ = *std::move(stub);
  const auto in = [this](const char* name) { return account_.path() / name; };
  const http::TestCertificate authority("authority");
  authority.write(in("ca.crt"), in("ca.key"));
  http::TestCertificate("127.0.0.1", &authority).write(in("server.crt"), in("server.key"));
  http::TlsOptions tls;
  tls.cert_file = in("server.crt");
  tls.key_file = in("server.key");
  auto context = http::load_tls(tls);
  EXPECT_TRUE(context) << (context ? "" : context.error().what);
  const std::string url = stub_->url();
  front_ = std::make_unique<TlsFront>(static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1))),
                                      *std::move(context));
  EXPECT_TRUE(write_file_atomically(in("namespace"), "monitoring"));
  rotate_token("first");
}
Cluster::~Cluster() { front_.reset(); }

void Cluster::put(const PlayedPod& pod) {
  Json ports = Json::array();
  for (const auto& [name, number] : pod.ports) {
    ports.push_back({{"containerPort", number}});
    if (!name.empty()) ports.back()["name"] = name;
  }
  const auto answer = stub_->store().put(
      {{"apiVersion", "v1"},
       {"kind", "Pod"},
       {"metadata", {{"name", pod.name}, {"namespace", pod.space}, {"labels", pod.labels}}},
       {"spec",
        {{"nodeName", "worker-01"},
         {"containers", {{{"name", "main"}, {"image", pod.image}, {"command", pod.command}, {"ports", ports}}}}}},
       {"status", {{"phase", pod.phase}, {"podIP", pod.ip}, {"podIPs", {{{"ip", pod.ip}}}}}}});
  EXPECT_LT(answer.code, 300);
}

void Cluster::remove(const std::string& space, const std::string& name) {
  const kube_stub::Resource pods{.version = "v1", .plural = "pods", .kind = "Pod"};
  stub_->store().remove(pods, space, name);
}

void Cluster::rotate_token(const std::string& token) {
  EXPECT_TRUE(write_file_atomically(account_.path() / "token", token));
  EXPECT_TRUE(stub_->faults().add({{"token", token}}));
}

std::map<std::string, std::string> Cluster::environment() const {
  return {{"KUBERNETES_SERVICE_HOST", "127.0.0.1"}, {"KUBERNETES_SERVICE_PORT", std::to_string(front_->port())}};
}

std::vector<std::string> Cluster::flags() const { return {"--service-account", account_.path().string()}; }

}  // namespace tessera::e2e
