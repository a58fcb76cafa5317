#include "server/access/code_grant.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tessera::server {
namespace {
using testing::HasSubstr;

const std::string kVerifier(43, 'v');

std::string body(const std::string& verifier, const std::string& rest = R"(,"redirectUri":"r","nonce":"n")") {
  return R"({"code":"c","codeVerifier":")" + verifier + '"' + rest + '}';
}

TEST(CodeGrant, IsReadOfABody) {
  const auto grant = parse_code_grant(body(kVerifier));
  ASSERT_TRUE(grant) << grant.error().what;
  EXPECT_EQ(grant->code, "c");
  EXPECT_EQ(grant->verifier, kVerifier);
  EXPECT_EQ(grant->redirect_uri, "r");
  EXPECT_EQ(grant->nonce, "n");
  const std::pair<std::string, const char*> kCases[] = {
      {"", "no JSON object"},
      {"[]", "no JSON object"},
      {body(std::string(42, 'v')), "codeVerifier: 43 to 128"},
      {body(std::string(129, 'v')), "codeVerifier: 43 to 128"},
      {body(kVerifier + "+"), "codeVerifier: 43 to 128"},
      {body(kVerifier, R"(,"redirectUri":"r")"), "nonce: a text expected"},
      {body(kVerifier, R"(,"redirectUri":7,"nonce":"n")"), "redirectUri: a text expected"},
      {body(kVerifier, R"(,"redirectUri":"","nonce":"n")"), "redirectUri: a text expected"},
      {body(kVerifier, R"(,"redirectUri":"r","nonce":"n","client_id":"x")"), "client_id: there is no such member"},
      {body(kVerifier, R"(,"redirectUri":"r","nonce":")" + std::string(5'000, 'n') + '"'), "nonce: at most 4096"},
  };
  for (const auto& [text, why] : kCases) {
    const auto refused = parse_code_grant(text);
    ASSERT_FALSE(refused) << text;
    EXPECT_THAT(refused.error().what, HasSubstr(why));
  }
}

TEST(CodeGrant, ComesBackToThisServerAlone) {
  struct Case {
    const char *redirect_uri, *public_url, *host;
    bool fine;
  };
  static constexpr Case kCases[] = {
      {"https://gpu.example/k/signin", "", "gpu.example", true},
      {"http://127.0.0.1:8080/k/signin", "", "127.0.0.1:8080", true},
      {"https://gpu.example/k/signin", "https://gpu.example", "10.0.0.1:8080", true},
      {"https://gpu.example/k/signin", "", "10.0.0.1:8080", false},
      {"http://gpu.example/k/signin", "https://gpu.example", "gpu.example", false},
      {"https://evil.example/k/signin", "https://gpu.example", "evil.example", false},
      {"https://gpu.example/k/signin/", "", "gpu.example", false},
      {"https://gpu.example/k/signin?to=x", "", "gpu.example", false},
      {"https://gpu.example/other", "", "gpu.example", false},
      {"https://gpu.example@evil.example/k/signin", "", "gpu.example", false},
      {"https://evil.example/#//gpu.example/k/signin", "", "gpu.example", false},
      {"javascript://gpu.example/k/signin", "", "gpu.example", false},
      {"/k/signin", "", "gpu.example", false},
      {"https:///k/signin", "", "", false},
  };
  for (const Case& c : kCases)
    EXPECT_EQ(bool(check_redirect(c.redirect_uri, "/k/signin", c.public_url, c.host)), c.fine)
        << c.redirect_uri << ' ' << c.public_url << ' ' << c.host;
}

TEST(CodeGrant, APublicUrlIsAnOrigin) {
  for (const char* fine : {"", "https://gpu.example", "http://localhost:8080", "https://[fd00::1]:8443"})
    EXPECT_TRUE(check_public_url(fine)) << fine;
  for (const char* wrong : {"gpu.example", "https://", "https://gpu.example/", "https://gpu.example/k", "ftp://x",
                            "https://a@b", "https://a b", "https://a?b"})
    EXPECT_FALSE(check_public_url(wrong)) << wrong;
}

TEST(CodeGrant, IsSentAsTheClientIsKnown) {
  const CodeGrant grant{"a b&c", kVerifier, "https://gpu.example/k/signin", "n"};
  const auto open = token_request({"https://i/token", false}, "web", "", grant);
  EXPECT_EQ(open.body,
            "grant_type=authorization_code&code=a%20b%26c&redirect_uri=https%3A%2F%2Fgpu.example%2Fk%2F"
            "signin&code_verifier=" +
                kVerifier + "&client_id=web");
  EXPECT_EQ(open.basic_user, "");
  const auto basic = token_request({"https://i/token", false}, "w:b", "s/t", grant);
  EXPECT_EQ(basic.basic_user, "w%3Ab");
  EXPECT_EQ(basic.basic_password, "s%2Ft");
  EXPECT_THAT(basic.body, testing::Not(HasSubstr("client_id")));
  const auto posted = token_request({"https://i/token", true}, "web", "s/t", grant);
  EXPECT_EQ(posted.basic_user, "");
  EXPECT_THAT(posted.body, testing::EndsWith("&client_id=web&client_secret=s%2Ft"));
}

TEST(CodeGrant, FaultsOfAReplyAreToldApart) {
  struct Case {
    int status;
    const char* body;
    Code code;
    const char* why;
  };
  static constexpr Case kCases[] = {
      {400, R"({"error":"invalid_grant","error_description":"too\nlate"})", Code::Invalid, "invalid_grant: too?late"},
      {401, R"({"error":"invalid_client"})", Code::Unavailable, "u said invalid_client"},
      {500, "<html>", Code::Unavailable, "HTTP status 500"},
      {200, "{}", Code::Unavailable, "no id_token"},
      {200, R"({"id_token":7})", Code::Unavailable, "no id_token"},
  };
  for (const Case& c : kCases) {
    const auto refused = id_token_in({.status = c.status, .headers = {}, .body = c.body}, "u");
    ASSERT_FALSE(refused) << c.body;
    EXPECT_EQ(refused.error().code, c.code) << c.body;
    EXPECT_THAT(refused.error().what, HasSubstr(c.why));
  }
}

}  // namespace
}  // namespace tessera::server
