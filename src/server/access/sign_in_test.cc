// Signing in at an issuer by a browser, through a real server, as the dashboard does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "base/files.h"
#include "http/client.h"
#include "server/access/api_access.h"
#include "server/access/test_issuer.h"
#include "server/problem.h"
#include "server/schema_check.h"

namespace tessera::server {
namespace {
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Json = nlohmann::json;

constexpr const char* kApi = "/k/api/v1";

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().what);
  return *std::move(result);
}

struct SignInTest : testing::Test, TestIssuer {
  AccessSettings settings() const {
    AccessSettings out;
    out.oidc.emplace();
    out.oidc->issuer = issuer;
    out.oidc->client_id = "tessera";
    out.oidc->roles = {{"ml", {"read"}}};
    return out;
  }
  void serve(AccessSettings with) {
    server.reset();
    access = must(Access::open(must(store::Database::open("sqlite::memory:")), std::move(with), "127.0.0.1:0"));
    auto routes = access_routes(*access, kApi);
    for (auto& one : sign_in_routes(*access, "/k")) routes.push_back(std::move(one));
    http::ServerOptions options;
    options.address = "127.0.0.1:0";
    options.finish = [](const http::Request& request, http::Response& reply) { finish_reply(request, reply, false); };
    server = must(http::Server::listen(std::move(options), access->guard(std::move(routes), "/k")));
    page = "http://" + server->address() + "/k/signin";
    const auto late = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (ask("GET", "/access/oidc").status == 503 && std::chrono::steady_clock::now() < late)
      std::this_thread::yield();  // discovery
  }
  http::ClientResponse ask(const std::string& method, const std::string& path, const std::string& body = "",
                           const std::string& token = "") {
    http::ClientRequest request;
    request.method = method;
    request.url = "http://" + server->address() + kApi + path;
    request.body = body;
    if (!body.empty()) request.headers.emplace_back("Content-Type", "application/json");
    if (!token.empty()) request.headers.emplace_back("Authorization", "Bearer " + token);
    return must(client.send(request));
  }
  /// What a browser has when it comes back, where it has led somebody with these claims to the issuer.
  Json come_back(const Json& more = Json::object()) {
    Json claims_with = claims({{"nonce", "n-1"}});
    claims_with.update(more);
    return {{"code", authorize(challenge_of(verifier), page, rsa.sign(claims_with))},
            {"codeVerifier", verifier},
            {"redirectUri", page},
            {"nonce", "n-1"}};
  }
  http::ClientResponse exchange(const Json& body) { return ask("POST", "/access/oidc/token", body.dump()); }
  /// The problem's type, after its status.
  static std::string problem(const http::ClientResponse& reply) {
    const Json body = Json::parse(reply.body, nullptr, false);
    const std::string type = body.is_object() ? body.value("type", "") : "";
    return std::to_string(reply.status) + " " + type.substr(type.rfind(':') + 1);
  }
  void expect_documented(const http::ClientResponse& reply, const char* schema) const {
    EXPECT_THAT(check.wrong_in(nlohmann::ordered_json::parse(reply.body), check.at({"components", "schemas", schema})),
                IsEmpty())
        << reply.body;
  }

  const std::string verifier = std::string(50, 'v');
  std::string page;
  const SchemaCheck& check = own_schema();
  TempDir folder;
  std::unique_ptr<Access> access;
  std::unique_ptr<http::Server> server;  // before access goes
  http::Client client;
};

TEST_F(SignInTest, ACodeBecomesATokenOnce) {
  serve(settings());
  const Json body = come_back();
  const auto reply = exchange(body);
  ASSERT_EQ(reply.status, 200) << reply.body;
  expect_documented(reply, "SignedIn");
  const std::string token = Json::parse(reply.body)["token"];
  EXPECT_EQ(Json::parse(ask("GET", "/access/whoami", "", token).body)["actor"], "oidc:u-1 ada");
  EXPECT_EQ(reply.header("cache-control"), "no-store");
  EXPECT_EQ(reply.header("set-cookie"), "");
  const auto again = exchange(body);
  EXPECT_EQ(problem(again), "400 sign-in-refused");
  EXPECT_THAT(again.body, HasSubstr("invalid_grant: no such code"));
  expect_documented(again, "Problem");
}

TEST_F(SignInTest, WhatIsNotOfThisSignInIsRefused) {
  serve(settings());
  const Signer stranger(Signer::Kind::Rsa, "k1");
  Json verifier_of_another = come_back(), nonce_of_another = come_back(), elsewhere = come_back();
  verifier_of_another["codeVerifier"] = std::string(50, 'w');
  nonce_of_another["nonce"] = "n-2";
  Json forged = come_back();
  forged["code"] = authorize(challenge_of(verifier), page, stranger.sign(claims({{"nonce", "n-1"}})));
  const std::tuple<Json, const char*, const char*> kCases[] = {
      {verifier_of_another, "400 sign-in-refused", "PKCE?verification failed"},
      {nonce_of_another, "400 sign-in-refused", "another sign-in (nonce)"},
      {come_back({{"nonce", nullptr}}), "400 sign-in-refused", "another sign-in (nonce)"},
      {come_back({{"aud", "grafana"}}), "400 sign-in-refused", "another audience"},
      {come_back({{"azp", "grafana"}}), "400 sign-in-refused", "another client than 'tessera' (azp)"},
      {come_back({{"iss", "https://other"}}), "400 sign-in-refused", "another issuer"},
      {come_back({{"exp", now / 1000 - 61}}), "400 sign-in-refused", "has expired"},
      {forged, "400 sign-in-refused", "signature is not that"},
      {come_back({{"groups", {"x"}}}), "403 out-of-scope", "none of the 1 groups"},
  };
  for (const auto& [body, type, why] : kCases) {
    const auto reply = exchange(body);
    EXPECT_EQ(problem(reply), type) << why;
    EXPECT_THAT(reply.body, HasSubstr(why));
    EXPECT_THAT(reply.body, Not(HasSubstr("eyJ"))) << "no token of it gets out";
  }
  const int asked = exchanges;
  elsewhere["redirectUri"] = "https://evil.example/k/signin";
  EXPECT_EQ(problem(exchange(elsewhere)), "400 invalid-parameter");
  EXPECT_EQ(problem(exchange({{"code", "c"}})), "400 invalid-parameter");
  EXPECT_EQ(exchanges, asked) << "the issuer is not asked for what is not of this server";
  http::ClientRequest form;
  form.method = "POST";
  form.url = "http://" + server->address() + kApi + "/access/oidc/token";
  form.body = come_back().dump();
  form.headers = {{"Content-Type", "text/plain"}};
  EXPECT_EQ(must(client.send(form)).status, 415) << "what any page may have a browser send";
}

TEST_F(SignInTest, TellsABrowserWhereToBegin) {
  AccessSettings with = settings();
  with.public_url = "https://gpu.example";
  serve(with);
  const auto reply = ask("GET", "/access/oidc");
  expect_documented(reply, "SignInOffer");
  EXPECT_EQ(Json::parse(reply.body), (Json{{"offered", true},
                                           {"issuer", issuer},
                                           {"authorizationEndpoint", issuer + "/authorize"},
                                           {"clientId", "tessera"},
                                           {"scopes", "openid profile email"},
                                           {"redirectUri", "https://gpu.example/k/signin"}}));
  EXPECT_EQ(problem(exchange(come_back())), "400 invalid-parameter") << "asked at another origin than the public one";
  with.oidc->audience = std::exchange(with.oidc->client_id, "");
  serve(with);
  const auto none = ask("GET", "/access/oidc");
  expect_documented(none, "SignInOffer");
  EXPECT_EQ(Json::parse(none.body)["offered"], false);
  EXPECT_EQ(Json::parse(none.body)["redirectUri"], nullptr);
  EXPECT_EQ(problem(exchange(come_back())), "404 not-found");
}

TEST_F(SignInTest, AnIssuerThatIsAwayIsSaid) {
  told_issuer = "http://127.0.0.1/other";
  access = must(Access::open(must(store::Database::open("sqlite::memory:")), settings(), "127.0.0.1:0"));
  EXPECT_EQ(access->sign_in_offer().error().code, Code::Unavailable);
  EXPECT_THAT(access->sign_in_offer().error().what, HasSubstr(issuer));
}

TEST_F(SignInTest, AClientMayHaveASecret) {
  client_secret = "s e:c/r%t";
  AccessSettings with = settings();
  with.oidc->client_secret_file = (folder.path() / "secret").string();
  serve(with);
  const auto missing = exchange(come_back());
  EXPECT_EQ(problem(missing), "503 issuer-unavailable");
  EXPECT_THAT(missing.body, Not(HasSubstr(folder.path().string()))) << "strangers are not told of files";
  ASSERT_TRUE(write_file_atomically(with.oidc->client_secret_file, "wrong"));
  const auto wrong = exchange(come_back());
  EXPECT_EQ(problem(wrong), "503 issuer-unavailable") << "not the fault of who signs in";
  EXPECT_THAT(wrong.body, HasSubstr("invalid_client"));
  ASSERT_TRUE(write_file_atomically(with.oidc->client_secret_file, client_secret + "\n"));
  EXPECT_EQ(exchange(come_back()).status, 200) << "it is read for each sign-in";
  takes_secret_in_body = true;
  serve(with);
  EXPECT_EQ(exchange(come_back()).status, 200);
}

TEST_F(SignInTest, WhoGuessesIsHeldUp) {
  serve(settings());
  int refused = 0;
  while (refused < 40 &&
         problem(exchange({{"code", "guess"}, {"codeVerifier", verifier}, {"redirectUri", page}, {"nonce", "n"}})) ==
             "400 sign-in-refused")
    ++refused;
  EXPECT_GE(refused, 20);
  const int asked = exchanges;
  const auto held = exchange(come_back());
  EXPECT_EQ(problem(held), "429 too-many-requests");
  EXPECT_NE(held.header("retry-after"), "");
  EXPECT_EQ(exchanges, asked) << "and the issuer is not asked";
}

}  // namespace
}  // namespace tessera::server
