#include "http/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <latch>
#include <stdexcept>
#include <thread>

#include "http/client.h"
#include "http/raw_peer.h"

namespace tessera::http {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;
using namespace std::chrono_literals;

Response text(std::string body) {
  Response response;
  response.body = std::move(body);
  return response;
}

std::vector<Route> test_routes() {
  return {{"GET", "/metrics", [](const Request&) { return text("page"); }},
          {"GET", "/query", [](const Request& r) { return text(r.path + "|" + r.query); }},
          {"GET", "/gpus/{uuid}", [](const Request& r) { return text("gpu=" + std::string(r.param("uuid"))); }},
          {"GET", "/gpus/all", [](const Request&) { return text("all"); }},
          {"POST", "/echo", [](const Request& r) { return text(r.body + "|" + std::string(r.header("X-A"))); }},
          {"PUT", "/echo", [](const Request& r) { return text("put " + r.body); }},
          {"GET", "/throws", [](const Request&) -> Response { throw std::runtime_error("out of order"); }},
          {"GET", "/splits",
           [](const Request&) {
             Response response;
             response.headers.emplace_back("X-Name", "a\r\nSet-Cookie: b");
             return response;
           }},
          {"DELETE", "/gone", [](const Request&) {
             Response response;
             response.status = 204;
             return response;
           }}};
}

std::unique_ptr<Server> started(ServerOptions options = {}, std::vector<Route> routes = test_routes()) {
  options.address = "127.0.0.1:0";
  auto server = Server::listen(std::move(options), std::move(routes));
  if (!server) throw std::runtime_error(server.error().what);
  return *std::move(server);
}

TEST(Request, DecodesTheValuesOfItsQuery) {
  static constexpr struct {
    std::string_view query, want;
  } kCases[] = {{"", ""},
                {"pod=a", "a"},
                {"x=1&pod=a%2Fb+c&pod=second", "a/b c"},
                {"pods=a&apod=b", ""},
                {"p%6Fd=a", "a"},
                {"pod", ""},
                {"pod=", ""},
                {"pod=a=b", "a=b"},
                {"pod=%zz", ""},
                {"&&pod=a", "a"}};
  for (const auto& c : kCases) {
    Request request;
    request.query = c.query;
    EXPECT_EQ(request.query_value("pod"), c.want) << c.query;
  }
}

TEST(Server, FindsTheRoute) {
  const auto server = started();
  static constexpr struct {
    std::string_view request, status, ending;
  } kCases[] = {
      {"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", "200 OK", "page"},
      {"GET /query?a=1&b=%20 HTTP/1.1\r\nHost: a\r\n\r\n", "200 OK", "/query|a=1&b=%20"},
      {"GET /%71uery HTTP/1.1\r\nHost: a\r\n\r\n", "200 OK", "/query|"},
      {"GET http://a:1/query?x HTTP/1.1\r\nHost: a\r\n\r\n", "200 OK", "/query|x"},
      {"GET /gpus/GPU-1%2F2 HTTP/1.1\r\nHost: a\r\n\r\n", "200 OK", "gpu=GPU-1/2"},
      {"GET /gpus/all HTTP/1.1\r\nHost: a\r\n\r\n", "200 OK", "\r\n\r\nall"},
      {"GET /gpus/ HTTP/1.1\r\nHost: a\r\n\r\n", "404 Not Found", "  GET /gpus/{uuid}\n"},
      {"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n", "404 Not Found", "  GET /gpus/{uuid}\n"},
      {"GET /metrics/ HTTP/1.1\r\nHost: a\r\n\r\n", "404 Not Found", "  GET /gpus/{uuid}\n"},
      {"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", "400 Bad Request", "\n"},
      {"GET metrics HTTP/1.1\r\nHost: a\r\n\r\n", "400 Bad Request", "\n"},
      {"DELETE /echo HTTP/1.1\r\nHost: a\r\n\r\n", "405 Method Not Allowed", "it takes POST, PUT\n"},
      {"POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "405 Method Not Allowed", "GET, HEAD\n"},
      {"DELETE /gone HTTP/1.1\r\nHost: a\r\n\r\n", "204 No Content", "\r\n\r\n"},
      {"POST /echo HTTP/1.1\r\nHost: a\r\nx-a: v\r\nContent-Length: 2\r\n\r\nhi", "200 OK", "hi|v"},
      {"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n1\r\n!\r\n0\r\n\r\n", "200 OK",
       "hi!|"},
      {"GET /metrics HTTP/1.1\r\n\r\n", "400 Bad Request", "9112, 3.2)\n"},
      {"GET /metrics HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400 Bad Request", "9112, 3.2)\n"},
      {"GET /metrics HTTP/1.0\r\n\r\n", "200 OK", "page"},
      {"\x16\x03\x01 what\r\n\r\n", "400 Bad Request", "\n"},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505 HTTP Version Not Supported", "HTTP/1.1\n"},
  };
  for (const auto& c : kCases) {
    const std::string reply = RawPeer(server->port()).ask(c.request);
    EXPECT_THAT(reply, StartsWith("HTTP/1.1 " + std::string(c.status))) << c.request;
    EXPECT_THAT(reply, EndsWith(std::string(c.ending))) << c.request;
  }
}

TEST(Server, NamesTheMethodsThatAPathTakes) {
  const auto server = started();
  EXPECT_THAT(RawPeer(server->port()).ask("DELETE /metrics HTTP/1.1\r\nHost: a\r\n\r\n"),
              HasSubstr("\r\nAllow: GET, HEAD\r\n"));
}

TEST(Server, AnswersHeadWithTheHeadOfGet) {
  const auto server = started();
  RawPeer peer(server->port());
  peer.send("HEAD /metrics HTTP/1.1\r\nHost: a\r\n\r\n" + get("/gpus/all"));
  EXPECT_THAT(peer.read_head(), HasSubstr("Content-Length: 4\r\n"));
  const std::string next = peer.read_reply();
  EXPECT_THAT(next, StartsWith("HTTP/1.1 200 "));  // directly behind: there was no body
  EXPECT_THAT(next, EndsWith("\r\n\r\nall"));
}

TEST(Server, AnswersRequestsSentAheadInOrder) {
  const auto server = started();
  RawPeer peer(server->port());
  std::string requests;
  for (int i = 0; i < 100; ++i) requests += get("/gpus/" + std::to_string(i));
  peer.send(requests);
  for (int i = 0; i < 100; ++i) EXPECT_THAT(peer.read_reply(), EndsWith("\r\n\r\ngpu=" + std::to_string(i)));
}

TEST(Server, KeepsOrClosesAsTheRequestSays) {
  const auto server = started();
  static constexpr struct {
    std::string_view request, said;
  } kCases[] = {{"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "close"},
                {"GET /metrics HTTP/1.0\r\n\r\n", "close"}};
  for (const auto& c : kCases) {
    RawPeer peer(server->port());
    peer.send(c.request);
    EXPECT_THAT(peer.read_to_end(), HasSubstr("\r\nConnection: close\r\n")) << c.request;
  }
  RawPeer old(server->port());
  EXPECT_THAT(old.ask("GET /metrics HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
              HasSubstr("\r\nConnection: keep-alive\r\n"));
  EXPECT_THAT(old.ask("GET /metrics HTTP/1.0\r\n\r\n"), EndsWith("page"));
}

TEST(Server, AddsItsHeadersToEveryReply) {
  ServerOptions options;
  options.headers = {{"X-Frame-Options", "deny"}};
  const auto server = started(options);
  for (const auto* target : {"/metrics", "/nothing", "/throws"})
    EXPECT_THAT(RawPeer(server->port()).ask(get(target)), HasSubstr("\r\nX-Frame-Options: deny\r\n")) << target;
}

TEST(Server, LivesOnWhenAHandlerThrows) {
  const auto server = started();
  RawPeer peer(server->port());
  EXPECT_THAT(peer.ask(get("/throws")), StartsWith("HTTP/1.1 500 "));
  const std::string split = peer.ask(get("/splits"));  // a line break in a header must never reach the wire
  EXPECT_THAT(split, StartsWith("HTTP/1.1 500 "));
  EXPECT_THAT(split, Not(HasSubstr("Set-Cookie")));
  EXPECT_THAT(peer.ask(get("/metrics")), EndsWith("page"));
  EXPECT_EQ(server->stats().failed_handlers, 2);
}

TEST(Server, AsksForTheBodyWhereTheClientWaitsForThat) {
  const auto server = started();
  RawPeer peer(server->port());
  peer.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(peer.read_head(), "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_THAT(peer.ask("hi"), EndsWith("hi|"));
}

TEST(Server, RefusesWhatIsTooLong) {
  ServerOptions options;
  options.max_header_bytes = 1000;
  options.max_body_bytes = 1000;
  const auto server = started(options);
  const std::string big(100'000, 'a');
  const std::string head = "POST /echo HTTP/1.1\r\nHost: a\r\n";
  EXPECT_THAT(RawPeer(server->port()).ask(get("/metrics", "X-Long: " + big + "\r\n")), StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(RawPeer(server->port()).ask(get("/" + big)), StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(RawPeer(server->port()).ask(head + "Content-Length: 100000\r\n\r\n" + big), StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(RawPeer(server->port()).ask(head + "Transfer-Encoding: chunked\r\n\r\n186a0\r\n" + big),
              StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(RawPeer(server->port()).ask(head + "Content-Length: 1000\r\n\r\n" + big.substr(0, 1000)),
              StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(server->stats().refused_headers, 2);
  EXPECT_EQ(server->stats().refused_bodies, 2);
}

TEST(Server, CutsConnectionsThatAreTooSlow) {
  ServerOptions options;
  options.read_timeout = 50ms;
  options.idle_timeout = 50ms;
  const auto server = started(options);
  static constexpr struct {
    std::string_view sent;
    std::uint64_t timeouts;  ///< counted so far, when this has been cut
  } kCases[] = {{"", 0},     // nothing was begun, so nothing is counted
                {"GET /metr", 1},
                {"GET /metrics HTTP/1.1\r\nHost: a\r\n", 2},
                {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhi", 3}};
  for (const auto& c : kCases) {
    RawPeer peer(server->port());
    peer.send(c.sent);
    EXPECT_THAT(peer.read_to_end(), IsEmpty()) << c.sent;
    EXPECT_TRUE(eventually([&] { return server->stats().timeouts == c.timeouts; })) << c.sent;
  }
  RawPeer idle(server->port());
  EXPECT_THAT(idle.ask(get("/metrics")), EndsWith("page"));
  EXPECT_THAT(idle.read_to_end(), IsEmpty());
}

TEST(Server, CutsAReaderThatDoesNotRead) {
  ServerOptions options;
  options.write_timeout = 50ms;
  const auto page = std::make_shared<const std::string>(64U << 20U, 'x');
  const auto server = started(options, {{"GET", "/", [&](const Request&) {
                                           Response response;
                                           response.shared_body = page;
                                           return response;
                                         }}});
  RawPeer peer(server->port(), 4096);
  peer.send(get("/"));
  EXPECT_TRUE(eventually([&] { return server->stats().timeouts == 1 && server->stats().connections == 0; }));
  EXPECT_TRUE(eventually([&] { return page.use_count() <= 2; }));  // ours, and none of the dead connection
}

TEST(Server, RefusesConnectionsOverTheLimit) {
  ServerOptions options;
  options.max_connections = 2;
  const auto server = started(options);
  auto first = std::make_unique<RawPeer>(server->port());
  RawPeer second(server->port());
  EXPECT_THAT(first->ask(get("/metrics")), EndsWith("page"));
  EXPECT_THAT(second.ask(get("/metrics")), EndsWith("page"));
  const std::string refusal = RawPeer(server->port()).read_to_end();
  EXPECT_THAT(refusal, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(refusal, HasSubstr("\r\nRetry-After: 1\r\n"));
  EXPECT_EQ(server->stats().refused_connections, 1);
  first.reset();
  ASSERT_TRUE(eventually([&] { return server->stats().connections == 1; }));
  EXPECT_THAT(RawPeer(server->port()).ask(get("/metrics")), EndsWith("page"));
  EXPECT_THAT(second.ask(get("/metrics")), EndsWith("page"));
}

TEST(Server, ServesManyKeptConnectionsAtOnce) {
  constexpr int kThreads = 8;
  constexpr int kRequests = 100;
  const auto page = std::make_shared<const std::string>(300'000, 'x');
  const auto server = started({}, {{"GET", "/metrics", [&](const Request&) {
                                      Response response;
                                      response.shared_body = page;
                                      return response;
                                    }}});
  std::atomic<int> good{0};
  std::vector<std::jthread> threads;
  for (int i = 0; i < kThreads; ++i)
    threads.emplace_back([&] {
      Client client;
      ClientRequest request;
      request.url = "http://" + server->address() + "/metrics";
      for (int j = 0; j < kRequests; ++j)
        if (const auto reply = client.send(request); reply && reply->status == 200 && reply->body == *page) ++good;
    });
  threads.clear();
  EXPECT_EQ(good, kThreads * kRequests);
  EXPECT_TRUE(eventually([&] { return server->stats().requests == kThreads * kRequests; }));
}

TEST(Server, KeepsNoPageForAnIdleConnection) {
  const auto page = std::make_shared<const std::string>("page");
  const auto server = started({}, {{"GET", "/", [&](const Request&) {
                                      Response response;
                                      response.shared_body = page;
                                      return response;
                                    }}});
  RawPeer peer(server->port());
  EXPECT_THAT(peer.ask(get("/")), EndsWith("page"));
  EXPECT_TRUE(eventually([&] { return page.use_count() == 1; }));
  EXPECT_EQ(server->stats().connections, 1);
}

/// With so many threads for handlers; 0: those that do I/O run them.
class ServerOfHandlers : public testing::TestWithParam<unsigned> {
 protected:
  ServerOptions options() const {
    ServerOptions out;
    out.handlers = GetParam();
    return out;
  }
};
INSTANTIATE_TEST_SUITE_P(Threads, ServerOfHandlers, testing::Values(0U, 2U), testing::PrintToStringParamName());

TEST_P(ServerOfHandlers, LetsARunningReplyEndAndClosesTheRest) {
  std::latch entered{1};
  std::promise<void> release;
  const auto page = std::make_shared<const std::string>(16U << 20U, 'x');
  auto server = started(
      options(), {{"GET", "/", [](const Request&) { return text("page"); }}, {"GET", "/slow", [&](const Request&) {
                                                                                entered.count_down();
                                                                                release.get_future().wait();
                                                                                Response response;
                                                                                response.shared_body = page;
                                                                                return response;
                                                                              }}});
  RawPeer idle(server->port());
  EXPECT_THAT(idle.ask(get("/")), EndsWith("page"));
  RawPeer running(server->port());
  running.send(get("/slow"));
  entered.wait();
  std::jthread ending([&] { server.reset(); });
  EXPECT_THAT(idle.read_to_end(), IsEmpty());  // closed at once, while the other still runs
  release.set_value();
  const std::string reply = running.read_to_end();
  EXPECT_THAT(reply.substr(0, 200), HasSubstr("Connection: close"));
  EXPECT_THAT(reply.size(), testing::Gt(page->size()));
}

TEST(Server, HandlersThatWaitKeepNoReadingWaiting) {
  std::latch entered{1};
  std::promise<void> release;
  ServerOptions options;
  options.threads = 1;
  options.handlers = 1;
  const auto server = started(options, {{"GET", "/slow", [&](const Request&) {
                                           entered.count_down();
                                           release.get_future().wait();
                                           return text("late");
                                         }}});
  RawPeer slow(server->port());
  slow.send(get("/slow"));
  entered.wait();
  EXPECT_THAT(RawPeer(server->port()).ask(get("/nowhere")), HasSubstr("404"));
  release.set_value();
  EXPECT_THAT(slow.read_reply(), EndsWith("late"));
}

TEST_P(ServerOfHandlers, EndsWhileAReplyIsOnItsWay) {
  const auto page = std::make_shared<const std::string>(32U << 20U, 'x');
  auto server = started(options(), {{"GET", "/", [&](const Request&) {
                                       Response response;
                                       response.shared_body = page;
                                       return response;
                                     }}});
  RawPeer peer(server->port(), 4096);
  peer.send(get("/"));
  peer.read_head();  // the body is far longer than any buffer: it is still being sent
  std::jthread ending([&] { server.reset(); });
  EXPECT_GE(peer.read_to_end().size(), page->size());
}

TEST(Server, SaysWhatIsWrongWithAnAddress) {
  const auto server = started();
  static const struct {
    std::string address;
    Code code;
    std::string_view says;
  } kCases[] = {{server->address(), Code::Unavailable, "is in use (EADDRINUSE"},
                {server->address(), Code::Unavailable, "choose another with --address, or stop the program"},
                {"9400", Code::Invalid, "expected HOST:PORT"},
                {"a:b", Code::Invalid, "expected HOST:PORT"},
                {":65536", Code::Invalid, "0 to 65535"},
                {"::1:80", Code::Invalid, "brackets"},
                {"192.0.2.1:0", Code::Unavailable, "does not have that address"}};
  for (const auto& c : kCases) {
    ServerOptions options;
    options.address = c.address;
    const auto second = Server::listen(options, {});
    ASSERT_FALSE(second) << c.address;
    EXPECT_EQ(second.error().code, c.code) << second.error().what;
    EXPECT_THAT(second.error().what, HasSubstr(std::string(c.says)));
    EXPECT_THAT(second.error().what, HasSubstr(c.address));
  }
}

TEST(Server, RefusesRoutesThatCannotBeMeant) {
  const auto nothing = [](const Request&) { return Response{}; };
  EXPECT_FALSE(Server::listen({}, {{"GET", "metrics", nothing}}));
  EXPECT_FALSE(Server::listen({}, {{"GET", "/{a", nothing}}));
  EXPECT_FALSE(Server::listen({}, {{"GET", "/a", nothing}, {"GET", "/a", nothing}}));
}

TEST(Server, ServesIPv6AndIPv4) {
  ServerOptions options;
  options.address = "[::1]:0";
  const auto alone = Server::listen(options, test_routes());
  if (!alone) GTEST_SKIP() << "this machine has no IPv6 loopback: " << alone.error().what;
  options.address = ":0";
  const auto both = Server::listen(options, test_routes());
  ASSERT_TRUE(both) << both.error().what;
  const std::string port = std::to_string((*both)->port());
  EXPECT_EQ((*both)->address(), "[::]:" + port);
  Client client;
  for (const auto& host : {"http://" + (*alone)->address(), "http://127.0.0.1:" + port, "http://[::1]:" + port}) {
    ClientRequest request;
    request.url = host + "/metrics";
    const auto reply = client.send(request);
    ASSERT_TRUE(reply) << reply.error().what;
    EXPECT_EQ(reply->body, "page") << host;
  }
}

TEST(Server, AsksForUserAndPassword) {
  ServerOptions options;
  options.authenticate = [](std::string_view user, std::string_view password) {
    if (user == "trouble") throw std::runtime_error("no entropy");
    return user == "ann" && password == "s:e cret";
  };
  const auto server = started(options);
  static constexpr struct {
    std::string_view header, status;
  } kCases[] = {{"", "401"},
                {"Authorization: Basic YW5uOnM6ZSBjcmV0\r\n", "200"},
                {"Authorization: basic  YW5uOnM6ZSBjcmV0\r\n", "200"},
                {"Authorization: Basic YW5uOnM6ZSBjcmV1\r\n", "401"},
                {"Authorization: Basic YW5u\r\n", "401"},
                {"Authorization: Basic ===\r\n", "401"},
                {"Authorization: Bearer YW5uOnM6ZSBjcmV0\r\n", "401"},
                {"Authorization: Basic dHJvdWJsZTp4\r\n", "500"}};
  for (const auto& c : kCases)
    EXPECT_THAT(RawPeer(server->port()).ask(get("/metrics", c.header)), StartsWith("HTTP/1.1 " + std::string(c.status)))
        << c.header;
  EXPECT_THAT(RawPeer(server->port()).ask(get("/nothing")), HasSubstr("\r\nWWW-Authenticate: Basic"));
  EXPECT_EQ(server->stats().unauthorized, 6);
  // Refused before the body is there, and with the connection's end, because the body will not be read.
  RawPeer poster(server->port());
  poster.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
  EXPECT_THAT(poster.read_reply(), HasSubstr("Connection: close"));
}

}  // namespace
}  // namespace tessera::http
