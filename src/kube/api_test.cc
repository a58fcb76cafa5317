#include "kube/api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <mutex>

#include "base/files.h"
#include "http/server.h"
#include "kube/status.h"

namespace tessera::kube {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(InCluster, IsFoundByTheEnvironment) {
  static const struct {
    const char *host, *port, *url;
  } kCases[] = {{"10.0.0.1", "443", "https://10.0.0.1:443"},
                {"fd00::1", "6443", "https://[fd00::1]:6443"},
                {"", "443", nullptr},
                {"10.0.0.1", nullptr, nullptr}};
  for (const auto& c : kCases) {
    ::setenv("KUBERNETES_SERVICE_HOST", c.host, 1);
    c.port ? ::setenv("KUBERNETES_SERVICE_PORT", c.port, 1) : ::unsetenv("KUBERNETES_SERVICE_PORT");
    const auto server = in_cluster("/account");
    ASSERT_EQ(static_cast<bool>(server), c.url != nullptr);
    if (!server) {
      EXPECT_EQ(server.error().code, Code::NotFound);
      continue;
    }
    EXPECT_EQ(server->url, c.url);
    EXPECT_EQ(server->token_file, "/account/token");
    EXPECT_EQ(server->ca_file, "/account/ca.crt");
  }
  ::unsetenv("KUBERNETES_SERVICE_HOST");
  ::unsetenv("KUBERNETES_SERVICE_PORT");
}

TEST(WithQuery, EncodesWhatItMust) {
  EXPECT_EQ(with_query("/api/v1/pods", {}), "/api/v1/pods");
  EXPECT_EQ(with_query("/api/v1/pods", {{"labelSelector", "a in (b,c),!d"}, {"limit", "5"}}),
            "/api/v1/pods?labelSelector=a%20in%20%28b%2Cc%29%2C%21d&limit=5");
  EXPECT_EQ(with_query("/x?a=1", {{"b", "\xc3\xa9"}}), "/x?a=1&b=%C3%A9");
}

/// Answers 401 unless the token is the wanted one, and remembers what came.
class Guarded {
 public:
  Guarded() {
    http::ServerOptions options;
    options.address = "127.0.0.1:0";
    const auto show = [this](const http::Request& request) {
      const std::lock_guard lock(mutex_);
      tokens_.emplace_back(request.header("authorization"));
      http::Response response;
      if (tokens_.back() != "Bearer " + wanted_) response.status = 401;
      response.body = "hello";
      return response;
    };
    auto server = http::Server::listen(std::move(options), {{"GET", "/api", show}});
    if (!server) throw std::runtime_error(server.error().what);
    server_ = *std::move(server);
  }
  std::string url() const { return "http://" + server_->address(); }
  void want(std::string token) {
    const std::lock_guard lock(mutex_);
    wanted_ = std::move(token);
  }
  std::vector<std::string> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(tokens_, {});
  }

 private:
  std::mutex mutex_;
  std::string wanted_;
  std::vector<std::string> tokens_;
  std::unique_ptr<http::Server> server_;
};

TEST(Api, ReadsTheTokenAgainOnARefusalOnly) {
  const TempDir dir;
  Guarded guarded;
  ApiServer server;
  server.url = guarded.url() + "/";
  server.token_file = dir.path() / "token";
  Api api(server);
  EXPECT_FALSE(api.get("/api"));  // no token file
  ASSERT_TRUE(write_file_atomically(server.token_file, "one\n"));
  guarded.want("one");
  ASSERT_TRUE(api.get("/api"));
  EXPECT_EQ(*api.get("/api"), "hello");
  ASSERT_TRUE(write_file_atomically(server.token_file, "two\n"));
  ASSERT_TRUE(api.get("/api"));  // the old one is still good, and is used
  guarded.take();
  guarded.want("two");
  ASSERT_TRUE(api.get("/api"));
  ASSERT_TRUE(api.get("/api"));
  EXPECT_THAT(guarded.take(), ElementsAre("Bearer one", "Bearer two", "Bearer two"));
  guarded.want("three");
  const auto refused = api.get("/api");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::Denied);
  EXPECT_THAT(refused.error().what, HasSubstr("GET " + guarded.url() + "/api: 401"));
  EXPECT_EQ(guarded.take().size(), 2);  // one retry
}

TEST(ReadStatus, TakesTheServersWordOrTheCode) {
  const auto told = read_status(504, R"({"kind":"Status","message":"Too large","reason":"Timeout","code":504,
    "details":{"causes":[{"reason":"ResourceVersionTooLarge"},{"reason":"x"}],"retryAfterSeconds":2}})");
  EXPECT_EQ(told, (Status{504, "Timeout", "Too large", "ResourceVersionTooLarge", Milliseconds(2'000)}));
  EXPECT_EQ(read_status(429, "slow down\n", "7"), (Status{429, "", "slow down", "", Milliseconds(7'000)}));
  EXPECT_EQ(read_status(500, R"({"kind":"Status","code":410,"reason":"Gone"})").code, 410);  // within a watch
  EXPECT_EQ(read_status(500, R"({"kind":"Status","code":"x"})").code, 500);
  EXPECT_EQ(read_status(503, "", "Wed, 21 Oct 2026 07:28:00 GMT").retry_after, std::nullopt);
}

TEST(NeededRight, NamesVerbResourceAndPlace) {
  static const struct {
    std::string_view method, path;
    bool watching;
    std::string_view want;
  } kCases[] = {{"GET", "/api/v1/pods", false, R"("list" on "pods")"},
                {"GET", "/api/v1/pods", true, R"("watch" on "pods")"},
                {"GET", "/api/v1/namespaces/a/pods", false, R"("list" on "pods" in namespace "a")"},
                {"GET", "/api/v1/namespaces/a", false, R"("get" on "namespaces")"},
                {"PATCH", "/api/v1/namespaces/a/pods/b/status", false, R"("patch" on "pods/status" in namespace "a")"},
                {"PUT", "/apis/coordination.k8s.io/v1/namespaces/a/leases/l", false,
                 R"("update" on "leases" of group "coordination.k8s.io" in namespace "a")"},
                {"GET", "/version", false, R"("get" on the path /version)"},
                {"GET", "/apis/apps", false, R"("get" on the path /apis/apps)"}};
  for (const auto& c : kCases) EXPECT_EQ(needed_right(c.method, c.path, c.watching), c.want) << c.path;
}

TEST(Refusal, TellsWhatACallerMayBranchOn) {
  static const struct {
    int code;
    Code want;
  } kCases[] = {{400, Code::Invalid}, {401, Code::Denied},      {403, Code::Denied},      {404, Code::NotFound},
                {422, Code::Invalid}, {429, Code::Unavailable}, {500, Code::Unavailable}, {409, Code::Unavailable}};
  for (const auto& c : kCases) {
    Status status;
    status.code = c.code;
    EXPECT_EQ(refusal(status, "GET x", "r").code, c.want) << c.code;
  }
  Status status;
  status.code = 403;
  status.reason = "Forbidden";
  status.message = "pods is forbidden";
  EXPECT_EQ(refusal(status, "GET x", "\"list\" on \"pods\"").what,
            "GET x: 403 Forbidden: pods is forbidden; a role bound to this account must allow \"list\" on \"pods\"");
}

}  // namespace
}  // namespace tessera::kube
