#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <future>
#include <thread>

#include "base/files.h"
#include "http/client.h"
#include "http/listener.h"
#include "http/server.h"
#include "http/test_certificate.h"

namespace tessera::http {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

constexpr std::string_view kHead = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Takes one connection, reads one request, sends these bytes, and holds the connection until `release`.
class OneReply {
 public:
  OneReply(std::string bytes, bool hold) {
    auto listening = listen_on("127.0.0.1:0");
    if (!listening) throw std::runtime_error(listening.error().what);
    url_ = "http://" + listening->address + "/";
    socket_ = std::move(listening->socket);
    thread_ = std::jthread([this, bytes = std::move(bytes), hold](const std::stop_token& stop) {
      const Socket peer = accept_one(stop);
      if (!peer) return;
      char request[4096];
      if (::recv(peer.fd(), request, sizeof request, 0) <= 0) return;
      ::send(peer.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (hold) gone_.set_value(::recv(peer.fd(), request, sizeof request, 0) <= 0);  // until the client leaves
    });
  }
  ClientRequest request() const {
    ClientRequest request;
    request.url = url_;
    request.deadline = 30s;
    return request;
  }
  bool client_left() { return gone_.get_future().get(); }

 private:
  Socket accept_one(const std::stop_token& stop) const {
    while (!stop.stop_requested()) {
      const int fd = ::accept(socket_.fd(), nullptr, nullptr);
      if (fd >= 0) return Socket(fd);
      std::this_thread::yield();
    }
    return Socket();
  }
  Socket socket_;
  std::string url_;
  std::promise<bool> gone_;
  std::jthread thread_;
};

TEST(ClientStream, HandsOverChunksUntilTheirEnd) {
  OneReply peer(std::string(kHead) + "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", false);
  std::string heard;
  int calls = 0;
  const auto reply = Client().stream(peer.request(),
                                     [&](std::string_view chunk) {
                                       EXPECT_EQ(chunk.empty(), calls++ == 0);
                                       heard += chunk;
                                       return true;
                                     },
                                     {});
  ASSERT_TRUE(reply) << reply.error().what;
  EXPECT_EQ(reply->status, 200);
  EXPECT_EQ(reply->body, "");
  EXPECT_EQ(heard, "abcde");
}

TEST(ClientStream, TellsACutFromAnEnd) {
  OneReply peer(std::string(kHead) + "3\r\nabc\r\n2\r\nd", false);
  std::string heard;
  const auto reply = Client().stream(peer.request(), [&](std::string_view chunk) { return heard += chunk, true; }, {});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, Code::Unavailable);
  EXPECT_EQ(heard, "abcd");
}

TEST(ClientStream, KeepsTheBodyOfARefusal) {
  OneReply peer("HTTP/1.1 410 Gone\r\nContent-Length: 4\r\n\r\ngone", false);
  const auto reply = Client().stream(peer.request(), [](std::string_view) { return ADD_FAILURE(), true; }, {});
  ASSERT_TRUE(reply) << reply.error().what;
  EXPECT_EQ(reply->status, 410);
  EXPECT_EQ(reply->body, "gone");
}

TEST(ClientStream, EndsWhenItsListenerHasEnough) {
  OneReply peer(std::string(kHead) + "3\r\nabc\r\n", true);
  const auto reply = Client().stream(peer.request(), [](std::string_view chunk) { return chunk.empty(); }, {});
  ASSERT_TRUE(reply) << reply.error().what;
  EXPECT_TRUE(peer.client_left());
}

TEST(ClientStream, EndsAtAStopInSilence) {
  OneReply peer(std::string(kHead), true);
  std::stop_source stop;
  std::promise<void> begun;
  std::jthread stopper([&] {
    begun.get_future().wait();
    stop.request_stop();
  });
  const auto reply =
      Client().stream(peer.request(), [&](std::string_view) { return begun.set_value(), true; }, stop.get_token());
  ASSERT_FALSE(reply);
  EXPECT_THAT(reply.error().what, HasSubstr("told to stop"));
  EXPECT_TRUE(peer.client_left());
}

TEST(ClientStream, BoundsEachSilence) {
  static const struct {
    std::string_view sent;
    Milliseconds deadline, stall;
    std::string_view says;
  } kCases[] = {{"", 50ms, 0ms, "no reply within 50ms"}, {kHead, 30s, 50ms, "nothing came for 50ms"}};
  for (const auto& c : kCases) {
    OneReply peer(std::string(c.sent), true);
    ClientRequest request = peer.request();
    request.deadline = c.deadline;
    request.stall_limit = c.stall;
    const auto reply = Client().stream(request, [](std::string_view) { return true; }, {});
    ASSERT_FALSE(reply);
    EXPECT_THAT(reply.error().what, HasSubstr(c.says));
  }
}

std::unique_ptr<Server> serve(std::vector<Route> routes, std::optional<TlsOptions> tls = {}) {
  ServerOptions options;
  options.address = tls ? "127.0.0.2:0" : "127.0.0.1:0";  // which no test certificate names
  options.tls = std::move(tls);
  auto server = Server::listen(std::move(options), std::move(routes));
  if (!server) throw std::runtime_error(server.error().what);
  return *std::move(server);
}

Response text(std::string body) {
  Response response;
  response.body = std::move(body);
  return response;
}

Response to(std::string place) {
  Response response;
  response.status = 302;
  response.headers = {{"Location", std::move(place)}};
  return response;
}

TEST(ClientRoute, FollowsAsManyRedirectsAsItIsTold) {
  const auto server = serve({{"GET", "/a", [](const Request&) { return to("/b"); }},
                             {"GET", "/b", [](const Request&) { return to("/c"); }},
                             {"GET", "/c", [](const Request&) { return text("there"); }},
                             {"GET", "/file", [](const Request&) { return to("file:///etc/passwd"); }}});
  ClientRequest request;
  request.url = "http://" + server->address() + "/a";
  request.max_redirects = 2;
  const auto there = Client().send(request);
  ASSERT_TRUE(there) << there.error().what;
  EXPECT_EQ(there->body, "there");
  EXPECT_EQ(there->status, 200);
  EXPECT_EQ(there->header("location"), "");
  request.max_redirects = 1;
  EXPECT_FALSE(Client().send(request));
  request.url = "http://" + server->address() + "/file";
  EXPECT_FALSE(Client().send(request));
}

TEST(ClientRoute, AsksAProxyForAHostItNeedNotKnow) {
  OneReply proxy("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nproxy", false);
  ClientRequest request;
  request.url = "http://nowhere.invalid/metrics";
  request.proxy_url = proxy.request().url;
  const auto reply = Client().send(request);
  ASSERT_TRUE(reply) << reply.error().what;
  EXPECT_EQ(reply->body, "proxy");
  request.proxy_url = "http://ann:s3cret@127.0.0.1:1";
  const auto failed = Client().send(request);
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().what, HasSubstr("GET http://nowhere.invalid/metrics through http://127.0.0.1:1: "));
}

TEST(ClientRoute, VerifiesTheNameItIsTold) {
  const TempDir dir;
  const auto file = [&](const std::string& name) { return (dir.path() / name).string(); };
  const TestCertificate authority("test CA");
  authority.write(file("ca.pem"), file("ca.key"));
  TestCertificate("server", &authority).write(file("server.pem"), file("server.key"));
  TlsOptions tls;
  tls.cert_file = file("server.pem");
  tls.key_file = file("server.key");
  const auto server = serve({{"GET", "/", [](const Request& r) { return text(std::string(r.header("host"))); }}}, tls);
  ClientRequest request;
  request.url = "https://" + server->address() + "/";
  request.ca_file = file("ca.pem");
  static const struct {
    std::string name;
    bool skip, works;
  } kCases[] = {
      {"", false, false}, {"localhost", false, true}, {"other.example", false, false}, {"other.example", true, true}};
  for (const auto& c : kCases) {
    request.server_name = c.name;
    request.insecure_skip_verify = c.skip;
    const auto reply = Client().send(request);
    EXPECT_EQ(static_cast<bool>(reply), c.works) << c.name << (reply ? "" : ": " + reply.error().what);
    if (reply) {
      EXPECT_EQ(reply->body, server->address());
    }
  }
  request.server_name = "a/b";
  const auto refused = Client().send(request);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::Invalid);
}

}  // namespace
}  // namespace tessera::http
