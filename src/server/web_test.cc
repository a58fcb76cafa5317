// The dashboard's files as a browser gets them.
#include "server/web.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <sstream>

#include "http/router.h"
#include "server/access/rules.h"

namespace tessera::server {
namespace {
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kIndex =
    R"(<link href="./assets/a-1.css"><script type="module" src="./assets/a-1.js"></script>)";

struct WebTest : testing::Test {
  std::string index = http::gzip(kIndex);
  std::string script = http::gzip("let a = 1;");
  std::vector<WebFile> files{{"assets/a-1.js", script, "0123456789abcdef"}, {"index.html", index, "fedcba9876543210"}};

  http::Response get(const std::string& path, const std::string& context = "/k8s-monitor",
                     std::vector<std::pair<std::string, std::string>> headers = {}) {
    auto router = http::Router::build(web_routes(files, context));
    if (!router) throw std::runtime_error(router.error().what);
    auto found = router->find("GET", path);
    if (auto* reply = std::get_if<http::Response>(&found)) return *reply;
    http::Request request;
    request.method = "GET";
    request.path = path;
    request.headers = std::move(headers);
    return std::get<http::Router::Match>(found).route->handle(request);
  }
  static std::string header(const http::Response& reply, std::string_view name) {
    for (const auto& [key, value] : reply.headers)
      if (key == name) return value;
    return "";
  }
};

TEST_F(WebTest, EveryPageIsTheIndexWithItsFilesAtTheirPlace) {
  for (const char* path : {"/k8s-monitor", "/k8s-monitor/", "/k8s-monitor/inventory/n-1/n-1-GPU-00",
                           "/k8s-monitor/pods/ml/%3Cscript%3E", "/k8s-monitor/settings"}) {
    const auto reply = get(path);
    ASSERT_EQ(reply.status, 200) << path;
    EXPECT_THAT(*reply.shared_body, HasSubstr(R"(src="/k8s-monitor/assets/a-1.js")")) << path;
    EXPECT_EQ(reply.content_type, "text/html; charset=utf-8");
    EXPECT_EQ(header(reply, "Cache-Control"), "no-cache");
  }
  EXPECT_EQ(get("/k8s-monitor/nowhere").status, 404);
  EXPECT_THAT(*get("/a/b", "/a/b").shared_body, HasSubstr(R"("/a/b/assets/a-1.css")"));
}

TEST_F(WebTest, FilesAreKeptForGoodAndSentPackedWhereAsked) {
  const std::string path = "/k8s-monitor/assets/a-1.js";
  const auto plain = get(path);
  EXPECT_EQ(*plain.shared_body, "let a = 1;");
  EXPECT_EQ(header(plain, "Content-Encoding"), "");
  EXPECT_THAT(header(plain, "Cache-Control"), HasSubstr("immutable"));
  const auto packed = get(path, "/k8s-monitor", {{"Accept-Encoding", "gzip, br"}});
  EXPECT_EQ(*packed.shared_body, script);
  EXPECT_EQ(header(packed, "Content-Encoding"), "gzip");
  EXPECT_EQ(header(packed, "Vary"), "Accept-Encoding");
  EXPECT_NE(header(packed, "ETag"), header(plain, "ETag"));
  EXPECT_EQ(packed.content_type, "text/javascript; charset=utf-8");
}

TEST_F(WebTest, WhatIsKnownIsNotSentAgain) {
  for (const char* known : {"\"fedcba9876543210\"", "W/\"fedcba9876543210\"", "\"x\", \"fedcba9876543210\"",
                            "\"fedcba9876543210-gzip\"", "*"}) {
    const auto reply = get("/k8s-monitor", "/k8s-monitor", {{"If-None-Match", known}});
    EXPECT_EQ(reply.status, 304) << known;
    EXPECT_FALSE(reply.shared_body);
    EXPECT_EQ(header(reply, "ETag"), "\"fedcba9876543210\"");
  }
  EXPECT_EQ(get("/k8s-monitor", "/k8s-monitor", {{"If-None-Match", "\"other\""}}).status, 200);
}

TEST_F(WebTest, ThePolicyAllowsNothingInlineAndNothingFromElsewhere) {
  for (const char* path : {"/k8s-monitor", "/k8s-monitor/assets/a-1.js"}) {
    const std::string policy = header(get(path), "Content-Security-Policy");
    EXPECT_THAT(policy, HasSubstr("default-src 'none'"));
    EXPECT_THAT(policy, HasSubstr("script-src 'self';"));
    EXPECT_THAT(policy, Not(HasSubstr("unsafe")));
    EXPECT_THAT(policy, Not(HasSubstr("http")));
    EXPECT_THAT(policy, Not(HasSubstr("data:")));
  }
}

TEST_F(WebTest, PagesNeedNoKey) {
  for (const http::Route& route : web_routes(files, "/k8s-monitor")) {
    const Rule* rule = rule_of(route.method, route.path, "/k8s-monitor");
    ASSERT_TRUE(rule) << route.path << ": access/rules.cc has no row for it";
    EXPECT_FALSE(rule->scope) << route.path;
  }
  EXPECT_TRUE(rule_of("GET", "/k8s-monitor/api/v1/gpu/overview", "/k8s-monitor")->scope);
}

TEST_F(WebTest, PagesAreThoseOfTheApplication) {
  std::stringstream text;
  text << std::ifstream(std::string(TESSERA_SOURCE_DIR) + "/web/src/frame/pages.ts").rdbuf();
  const std::string source = text.str();
  std::set<std::string> written{""};
  const std::regex row(R"((?:path: |other\(|used\(|managed\(|plans\()'([^']+)')");
  for (auto at = std::sregex_iterator(source.begin(), source.end(), row); at != std::sregex_iterator(); ++at)
    written.insert(std::regex_replace((*at)[1].str(), std::regex(":(\\w+)"), "{$1}"));
  EXPECT_EQ(std::set<std::string>(web_pages().begin(), web_pages().end()), written);
}

TEST(WebFilesTest, AProgramWithoutThemHasNoPages) { EXPECT_TRUE(web_routes({}, "/k8s-monitor").empty()); }

}  // namespace
}  // namespace tessera::server
