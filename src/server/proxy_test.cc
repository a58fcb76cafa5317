#include "server/proxy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <latch>
#include <thread>

#include "base/files.h"

namespace tessera::server {
namespace {
using testing::HasSubstr;
using testing::Not;

/// An engine that tells what it was asked.
struct ProxyTest : testing::Test {
  static std::string value(const http::Request& request, std::string_view name) {
    return std::string(name) + "=" + std::string(request.header(name)) + " ";
  }
  void SetUp() override {
    http::ServerOptions options;
    options.address = "127.0.0.1:0";
    options.threads = 8;
    const auto tell = [](const http::Request& request) {
      http::Response out;
      out.content_type = "application/json";
      out.headers = {{"Set-Cookie", "secret"}, {"X-Engine", "7"}};
      out.body = request.method + " " + request.path + "?" + request.query + " " + value(request, "Authorization") +
                 value(request, "Cookie") + value(request, "Content-Type") + value(request, "X-Api-Key") + request.body;
      return out;
    };
    const auto refuse = [](int status, const char* type) {
      return [status, type](const http::Request&) {
        http::Response out;
        out.status = status;
        out.content_type = type;
        out.body = "inner detail";
        return out;
      };
    };
    auto made = http::Server::listen(options, {{"GET", "/at/api/v1/query", tell},
                                               {"POST", "/at/api/v1/query", tell},
                                               {"GET", "/at/api/v1/label/{name}/values", tell},
                                               {"GET", "/at/api/v1/labels", refuse(401, "application/json")},
                                               {"GET", "/at/api/v1/series", refuse(400, "application/json")},
                                               {"GET", "/at/api/v1/query_range", [this](const http::Request&) {
                                                  arrived.count_down();
                                                  go_on.wait();
                                                  http::Response out;
                                                  out.content_type = "application/json";
                                                  return out;
                                                }}});
    ASSERT_TRUE(made) << made.error().what;
    engine = *std::move(made);
    ASSERT_TRUE(write_file_atomically(token, "t0ken\n"));
    proxy = std::make_unique<Proxy>(ProxyOptions{
        .url = "http://" + engine->address() + "/at/", .bearer_token_file = token, .max_request_bytes = 100});
  }
  static http::Request asking(std::string method, std::string query, std::string body = "") {
    http::Request out;
    out.method = std::move(method);
    out.path = "/k8s-monitor/prometheus/api/v1/query";
    out.query = std::move(query);
    out.headers = {{"Authorization", "Bearer of-the-caller"},
                   {"Cookie", "theirs"},
                   {"X-Api-Key", "theirs"},
                   {"Content-Type", "application/x-www-form-urlencoded"}};
    out.body = std::move(body);
    return out;
  }

  TempDir folder;
  std::string token = (folder.path() / "token").string();
  std::latch arrived{4};
  std::latch go_on{1};
  std::unique_ptr<http::Server> engine;
  std::unique_ptr<Proxy> proxy;
};

TEST_F(ProxyTest, HandsOnTheQueryAndNothingElse) {
  const auto got = proxy->forward(asking("GET", "query=up"), "/api/v1/query");
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.body, "GET /at/api/v1/query?query=up Authorization=Bearer t0ken Cookie= Content-Type= X-Api-Key= ");
  for (const auto& [name, value] : got.headers) EXPECT_EQ(name, "X-Request-Id");
  const auto posted = proxy->forward(asking("POST", "", "query=up"), "/api/v1/query");
  EXPECT_THAT(posted.body, HasSubstr("Content-Type=application/x-www-form-urlencoded X-Api-Key= query=up"));
  auto label = asking("GET", "");
  label.params = {{"name", "job"}};
  EXPECT_THAT(proxy->label_values(label).body, HasSubstr("GET /at/api/v1/label/job/values?"));
  label.params = {{"name", "../admin"}};
  EXPECT_EQ(proxy->label_values(label).status, 400);
}

TEST_F(ProxyTest, WhatTheEngineSaysOfUsIsNotForTheCaller) {
  const auto denied = proxy->forward(asking("GET", ""), "/api/v1/labels");
  EXPECT_EQ(denied.status, 502);
  EXPECT_THAT(denied.body, Not(HasSubstr("inner detail")));
  const auto wrong = proxy->forward(asking("GET", ""), "/api/v1/series");
  EXPECT_EQ(wrong.status, 400) << "what is wrong with the query is";
  EXPECT_EQ(wrong.body, "inner detail");
  EXPECT_EQ(proxy->stats().failed, 1U);
}

TEST_F(ProxyTest, HasLimits) {
  EXPECT_EQ(proxy->forward(asking("GET", std::string(101, 'x')), "/api/v1/query").status, 413);
  auto json = asking("POST", "", "{}");
  json.headers.back().second = "application/json";
  EXPECT_EQ(proxy->forward(json, "/api/v1/query").status, 415);
  std::vector<std::jthread> slow;
  for (int i = 0; i < 4; ++i)
    slow.emplace_back([this] { EXPECT_EQ(proxy->forward(asking("GET", ""), "/api/v1/query_range").status, 200); });
  arrived.wait();
  EXPECT_EQ(proxy->forward(asking("GET", ""), "/api/v1/query").status, 503);
  go_on.count_down();
  slow.clear();
  EXPECT_EQ(proxy->forward(asking("GET", ""), "/api/v1/query").status, 200);
}

TEST_F(ProxyTest, SaysWhatIsWrong) {
  EXPECT_FALSE(proxy->trouble());
  Proxy none({});
  EXPECT_EQ(none.forward(asking("GET", ""), "/api/v1/query").status, 404);
  Proxy away({.url = "http://127.0.0.1:1"});
  const auto reply = away.forward(asking("GET", ""), "/api/v1/query");
  EXPECT_EQ(reply.status, 502);
  EXPECT_THAT(reply.body, HasSubstr("the server's log says why"));
  EXPECT_TRUE(away.trouble());
  Proxy keyless({.url = "http://" + engine->address(), .bearer_token_file = "/nowhere/token"});
  const auto secret = keyless.forward(asking("GET", ""), "/api/v1/query");
  EXPECT_EQ(secret.status, 502);
  EXPECT_THAT(secret.body, Not(HasSubstr("/nowhere")));
}

}  // namespace
}  // namespace tessera::server
