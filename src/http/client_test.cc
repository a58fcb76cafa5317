#include "http/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <future>
#include <thread>

#include "base/files.h"
#include "http/listener.h"
#include "http/raw_peer.h"
#include "http/server.h"

namespace tessera::http {
namespace {

using testing::HasSubstr;
using testing::Not;
using namespace std::chrono_literals;

std::unique_ptr<Server> echo() {
  ServerOptions options;
  options.address = "127.0.0.1:0";
  const auto show = [](const Request& r) {
    Response response;
    response.body = r.method + "|" + std::string(r.header("content-type")) + "|" + std::string(r.header("expect")) +
                    "|" + std::string(r.header("x-empty")) + "|" + r.body;
    response.headers = {{"X-Twice", "one"}, {"X-Twice", "two"}};
    return response;
  };
  const auto redirect = [](const Request&) {
    Response response;
    response.status = 302;
    response.headers = {{"Location", "/"}};
    return response;
  };
  auto server = Server::listen(
      options, {{"GET", "/", show}, {"POST", "/", show}, {"DELETE", "/", show}, {"GET", "/elsewhere", redirect}});
  if (!server) throw std::runtime_error(server.error().what);
  return *std::move(server);
}

TEST(Client, SendsWhatItIsTold) {
  const auto server = echo();
  Client client;
  static const struct {
    std::string method, body;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string want;
  } kCases[] = {{"GET", "", {}, "GET||||"},
                {"POST", "", {}, "POST||||"},
                {"POST", "text", {}, "POST||||text"},
                {"POST", std::string("a\0b", 3), {{"Content-Type", "x/y"}}, std::string("POST|x/y|||a\0b", 14)},
                {"DELETE", "", {{"X-Empty", ""}}, "DELETE||||"},
                {"POST", std::string(500'000, 'x'), {}, "POST||||" + std::string(500'000, 'x')},
                {"HEAD", "", {}, ""},
                {"GET", "", {}, "GET||||"}};
  for (const auto& c : kCases) {
    ClientRequest request;
    request.url = "http://" + server->address() + "/";
    request.method = c.method;
    request.body = c.body;
    request.headers = c.headers;
    const auto reply = client.send(request);
    ASSERT_TRUE(reply) << reply.error().what;
    EXPECT_EQ(reply->status, 200);
    EXPECT_EQ(reply->body, c.want);
    EXPECT_EQ(reply->header("x-Twice"), "two");
    EXPECT_EQ(reply->header("absent"), "");
  }
  EXPECT_EQ(server->stats().connections, 1);  // one, kept
}

TEST(Client, LeavesNoFreshConnectionBehind) {
  const auto server = echo();
  Client client;
  ClientRequest request;
  request.url = "http://" + server->address() + "/";
  request.fresh_connection = true;
  ASSERT_TRUE(client.send(request));
  EXPECT_TRUE(eventually([&] { return server->stats().connections == 0; }));
}

TEST(Client, DoesNotFollowRedirects) {
  const auto server = echo();
  ClientRequest request;
  request.url = "http://" + server->address() + "/elsewhere";
  const auto reply = Client().send(request);
  ASSERT_TRUE(reply) << reply.error().what;
  EXPECT_EQ(reply->status, 302);
  EXPECT_EQ(reply->header("location"), "/");
}

TEST(Client, RefusesALongBody) {
  const auto server = echo();
  ClientRequest request;
  request.url = "http://" + server->address() + "/";
  request.max_body_bytes = 7;
  EXPECT_TRUE(Client().send(request));
  request.max_body_bytes = 6;
  const auto reply = Client().send(request);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, Code::Unavailable);
  EXPECT_THAT(reply.error().what, HasSubstr("longer than 6 bytes"));
}

TEST(Client, SaysWhatFailedWithoutSecrets) {
  std::uint16_t closed_port = 0;
  {
    const auto listening = listen_on("127.0.0.1:0");
    ASSERT_TRUE(listening);
    closed_port = listening->port;
  }
  const std::string closed = "127.0.0.1:" + std::to_string(closed_port);
  static const struct {
    std::string url, unix_socket, method, header, value;
    Code code;
    std::string says;
  } kCases[] = {
      {"http://ann:s3cret@" + closed + "/x?y", "", "GET", "", "", Code::Unavailable, "GET http://" + closed + "/x?y: "},
      {"http://" + closed + "/", "", "GET", "", "", Code::Unavailable, "Connection refused"},
      {"http://kubelet/", "/none/kubelet.sock", "GET", "", "", Code::Unavailable, "No such file or directory"},
      {"ftp://" + closed + "/", "", "GET", "", "", Code::Invalid, "must begin with http"},
      {"http://" + closed + "/\n", "", "GET", "", "", Code::Invalid, "line break"},
      {"http://" + closed + "/", "", "GET /", "", "", Code::Invalid, "capital letters"},
      {"http://" + closed + "/", "", "GET", "X", "a\r\nY: b", Code::Invalid, "line break"},
      {"http://" + closed + "/", "", "GET", "X: Y", "a", Code::Invalid, "colon"},
  };
  Client client;
  for (const auto& c : kCases) {
    ClientRequest request;
    request.url = c.url;
    request.unix_socket = c.unix_socket;
    request.method = c.method;
    if (!c.header.empty()) request.headers.emplace_back(c.header, c.value);
    const auto reply = client.send(request);
    ASSERT_FALSE(reply) << c.says;
    EXPECT_EQ(reply.error().code, c.code) << reply.error().what;
    EXPECT_THAT(reply.error().what, HasSubstr(c.says));
    EXPECT_THAT(reply.error().what, Not(HasSubstr("s3cret")));
  }
}

TEST(Client, EndsAtItsDeadline) {
  const auto listening = listen_on("127.0.0.1:0");  // the kernel connects, nobody ever answers
  ASSERT_TRUE(listening);
  for (const auto deadline : {50ms, 0ms}) {
    ClientRequest request;
    request.url = "http://" + listening->address + "/";
    request.deadline = deadline;
    const auto reply = Client().send(request);
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code, Code::Unavailable);
    EXPECT_THAT(reply.error().what, HasSubstr("no full reply within " + format_duration(deadline)));
  }
}

/// Answers each of `count` connections on a unix socket with the same bytes.
class UnixServer {
 public:
  UnixServer(const std::filesystem::path& path, std::string reply, int count)
      : listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    path.string().copy(name.sun_path, sizeof name.sun_path - 1);
    if (::bind(listener_.fd(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0 ||
        ::listen(listener_.fd(), 8) != 0)
      throw std::runtime_error("cannot listen on " + path.string());
    thread_ = std::jthread([this, reply = std::move(reply), count] {
      for (int i = 0; i < count; ++i) {
        const Socket socket(::accept(listener_.fd(), nullptr, nullptr));
        char request[4096];
        if (::recv(socket.fd(), request, sizeof request, 0) > 0)
          ::send(socket.fd(), reply.data(), reply.size(), MSG_NOSIGNAL);
      }
    });
  }

 private:
  Socket listener_;
  std::jthread thread_;
};

TEST(Client, SpeaksOverAUnixSocket) {
  const TempDir dir;
  const auto path = dir.path() / "s";
  const UnixServer server(path, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi", 1);
  ClientRequest request;
  request.url = "http://kubelet/";
  request.unix_socket = path.string();
  const auto reply = Client().send(request);
  ASSERT_TRUE(reply) << reply.error().what;
  EXPECT_EQ(reply->body, "hi");
}

TEST(Client, TakesNonsenseForAFailure) {
  const TempDir dir;
  const std::string endless = "HTTP/1.1 200 OK\r\n" + [] {
    std::string lines;
    for (int i = 0; i < 10'000; ++i) lines += "X-Line: 012345678901234567890123456789\r\n";
    return lines;
  }();
  int number = 0;
  for (const std::string& nonsense :
       {std::string("SSH-2.0\r\n"), std::string("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi"), endless}) {
    const auto path = dir.path() / std::to_string(++number);
    const UnixServer server(path, nonsense, 1);
    ClientRequest request;
    request.url = "http://kubelet/";
    request.unix_socket = path.string();
    const auto reply = Client().send(request);
    ASSERT_FALSE(reply) << number;
    EXPECT_EQ(reply.error().code, Code::Unavailable);
    EXPECT_THAT(reply.error().what, HasSubstr("GET http://kubelet/ over " + path.string()));
  }
}

TEST(Client, IsDeniedASocketWithoutAccess) {
  const TempDir dir;
  const auto path = dir.path() / "s";
  const Socket socket(::socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  path.string().copy(name.sun_path, sizeof name.sun_path - 1);
  ASSERT_EQ(::bind(socket.fd(), reinterpret_cast<const sockaddr*>(&name), sizeof name), 0);
  ASSERT_EQ(::chmod(path.c_str(), 0), 0);
  ClientRequest request;
  request.url = "http://kubelet/";
  request.unix_socket = path.string();
  const auto user = ::geteuid();
  if (user == 0 && ::seteuid(65534) != 0) GTEST_SKIP() << "root passes every mode, and cannot become nobody here";
  const auto reply = Client().send(request);
  ASSERT_EQ(::seteuid(user), 0);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, Code::Denied) << reply.error().what;
}

}  // namespace
}  // namespace tessera::http
