#include "relay/http_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/files.h"

namespace tessera::relay {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

http::ClientRequest applied(const HttpSettings& settings, http::ClientRequest request = {}) {
  if (request.url.empty()) request.url = "http://h:1/";
  const auto added = add_http_settings(settings, request);
  EXPECT_TRUE(added) << added.error().what;
  return request;
}

TEST(HttpSettings, ReadsSecretsFromTheirFilesAtEveryUse) {
  const TempDir dir;
  const std::string file = dir.path() / "token";
  HttpSettings settings;
  settings.authorization = Authorization{"Bearer", {}, file};
  for (const std::string token : {"first", "second"}) {
    ASSERT_TRUE(write_file_atomically(file, token + "\n"));
    EXPECT_THAT(applied(settings).home_headers, ElementsAre(Pair("Authorization", "Bearer " + token)));
  }
  settings.authorization->credentials_file = dir.path() / "absent";
  http::ClientRequest request;
  const auto missing = add_http_settings(settings, request);
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().what, HasSubstr("absent"));
}

TEST(HttpSettings, KeepsWhatTheRequestHas) {
  HttpSettings settings;
  settings.headers = {{"user-agent", Secret("mine"), ""}, {"X-Scope-OrgID", Secret("a"), ""}};
  http::ClientRequest request;
  request.headers = {{"User-Agent", "tessera"}};
  EXPECT_THAT(applied(settings, request).headers, ElementsAre(Pair("User-Agent", "tessera")));
  EXPECT_THAT(applied(settings, request).home_headers, ElementsAre(Pair("X-Scope-OrgID", "a")));
}

TEST(HttpSettings, PutsAllOfTlsIntoTheRequest) {
  HttpSettings settings;
  settings.tls = {"ca", "cert", "key", "ca text", "cert text", Secret("key text"), "name", true, "TLS12", "TLS13"};
  const auto request = applied(settings);
  EXPECT_EQ(request.ca_file + request.cert_file + request.key_file, "cacertkey");
  EXPECT_EQ(request.ca_pem + request.cert_pem + request.key_pem, "ca textcert textkey text");
  EXPECT_EQ(request.server_name + request.tls_least + request.tls_most, "nameTLS12TLS13");
  EXPECT_TRUE(request.insecure_skip_verify);
  EXPECT_EQ(request.max_redirects, 10U);
}

TEST(HttpSettings, GoesAroundTheProxyWhereItShould) {
  static constexpr struct {
    const char *exempt, *url;
    bool bypasses;
  } kCases[] = {{"*", "http://a/", true},
                {"a.b", "http://a.b:80/x", true},
                {"b", "https://u:p@a.b/", true},
                {".b", "http://a.b/", true},
                {"b", "http://ab/", false},
                {"x, 10.0.0.0/8 ,y", "http://10.1.2.3:9/", true},
                {"10.0.0.0/8", "http://11.1.2.3/", false},
                {"fd00::/9", "http://[fd12::1]:9/", true},
                {"fd00::/9", "http://[fe80::1]/", false},
                {"10.0.0.0/99", "http://10.0.0.0/", false},
                {"", "http://a/", false}};
  for (const auto& c : kCases) {
    EXPECT_EQ(bypasses_proxy(c.exempt, c.url), c.bypasses) << c.exempt << ' ' << c.url;
    HttpSettings settings;
    settings.proxy.url = "http://proxy:1";
    settings.proxy.username = "me";
    settings.proxy.password = Secret("pw");
    settings.proxy.no_proxy = c.exempt;
    http::ClientRequest request;
    request.url = c.url;
    const auto made = applied(settings, request);
    EXPECT_EQ(made.proxy_url, c.bypasses ? "" : "http://proxy:1") << c.exempt;
    EXPECT_EQ(made.proxy_user + "|" + made.proxy_password, c.bypasses ? "|" : "me|pw") << c.exempt;
  }
}

TEST(HttpSettings, KeepsUserAndPasswordOutOfTheProxysUrl) {
  static constexpr struct {
    const char *given, *url, *user, *password;
  } kCases[] = {{"http://proxy:1", "http://proxy:1", "", ""},
                {"proxy:1", "proxy:1", "", ""},
                {"me:pw@proxy:1", "proxy:1", "me", "pw"},
                {"http://me@proxy:1", "http://proxy:1", "me", ""},
                {"http://:pw@proxy:1", "http://proxy:1", "", "pw"},
                {"https://m%40e%3a%2F%25:p%40s%3As%2f%25@proxy:1", "https://proxy:1", "m@e:/%", "p@s:s/%"},
                {"socks5://me:p@s:s/w%zz@proxy:1", "socks5://proxy:1", "me", "p@s:s/w%zz"}};
  HttpSettings settings;
  settings.proxy.from_environment = true;
  for (const auto& c : kCases) {
    ASSERT_EQ(setenv("http_proxy", c.given, 1), 0);
    const auto made = applied(settings);
    unsetenv("http_proxy");
    EXPECT_EQ(made.proxy_url, c.url) << c.given;
    EXPECT_EQ(made.proxy_user, c.user) << c.given;
    EXPECT_EQ(made.proxy_password, c.password) << c.given;
  }
  settings.proxy = {};
  settings.proxy.url = "http://proxy:1";
  settings.proxy.username = "m@e:/%";
  settings.proxy.password = Secret("p@s:s/%");
  const auto made = applied(settings);
  EXPECT_EQ(made.proxy_url, "http://proxy:1");
  EXPECT_EQ(made.proxy_user + "|" + made.proxy_password, "m@e:/%|p@s:s/%");
}

}  // namespace
}  // namespace tessera::relay
