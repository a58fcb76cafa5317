// Tokens of a real issuer (test_issuer.h).
#include "server/access/oidc.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/base64url.h"
#include "server/access/access.h"
#include "server/access/test_issuer.h"

namespace tessera::server {
namespace {
using testing::HasSubstr;
using Json = nlohmann::json;

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().what);
  return *std::move(result);
}

struct OidcTest : testing::Test, TestIssuer {
  OidcSettings settings() const {
    OidcSettings out;
    out.issuer = issuer;
    out.audience = "tessera";
    out.roles = {{"gpu-admins", {"admin"}},
                 {"ml", {"read", "operate"}, {{"ml", "lab"}}},
                 {"research", {"read"}, std::nullopt, {{"research"}}}};
    return out;
  }
};

TEST_F(OidcTest, TakesTokensOfItsIssuer) {
  Oidc oidc(settings(), {{"web", "research"}});
  for (const Signer* signer : {&rsa, &ec}) {
    const std::string token = signer->sign(claims());
    EXPECT_FALSE(oidc.known(token, now));
    const auto viewer = must(oidc.viewer(token, now));
    EXPECT_EQ(viewer->actor, "oidc:u-1 ada");
    EXPECT_EQ(viewer->scopes, (Scopes{Scope::Read, Scope::Operate}));
    EXPECT_EQ(viewer->spaces, (std::set<std::string>{"lab", "ml"}));
    EXPECT_EQ(oidc.known(token, now), viewer);
    EXPECT_FALSE(oidc.known(token, now + 700'000)) << "it has expired";
  }
  EXPECT_FALSE(must(oidc.viewer(rsa.sign(claims({{"groups", "gpu-admins"}})), now))->restricted());
  EXPECT_EQ(must(oidc.viewer(rsa.sign(claims({{"groups", {"research"}}})), now))->spaces,
            (std::set<std::string>{"web"}));
  EXPECT_EQ(must(oidc.viewer(rsa.sign(claims({{"groups", {"ml", "gpu-admins"}}})), now))->scopes,
            (Scopes{Scope::Admin}))
      << "the table's order decides, not the token's";
  const auto nobody = oidc.viewer(rsa.sign(claims({{"groups", {"x"}}})), now);
  EXPECT_EQ(nobody.error().code, Code::Denied);
  EXPECT_EQ(oidc.viewer(rsa.sign(claims({{"groups", nullptr}})), now).error().code, Code::Denied);
  EXPECT_EQ(fetches, 1);
}

TEST_F(OidcTest, TakesNoOthers) {
  Oidc oidc(settings(), {});
  const Signer stranger(Signer::Kind::Rsa, "k1"), strange_ec(Signer::Kind::Ec, "k2");
  const std::string good = rsa.sign(claims());
  const auto first = good.find('.'), second = good.rfind('.');
  const std::string unsigned_head = base64url(R"({"alg":"none"})"),
                    secret_head = base64url(R"({"alg":"HS256","kid":"k1"})");
  const std::string body = good.substr(first, second - first);
  std::string flipped = good;
  flipped[second + 5] = flipped[second + 5] == 'A' ? 'B' : 'A';
  const std::pair<std::string, const char*> kCases[] = {
      {stranger.sign(claims()), "signature is not that"},
      {strange_ec.sign(claims()), "signature is not that"},
      {flipped, "signature is not that"},
      {good.substr(0, first) + "." + base64url(claims({{"groups", {"gpu-admins"}}}).dump()) + good.substr(second),
       "signature is not that"},
      {unsigned_head + body + ".", "signed by 'none'"},
      {secret_head + body + ".AAAA", "signed by 'HS256'"},
      {rsa.sign(claims(), {{"alg", "ES256"}}), "signature is not that"},
      {rsa.sign(claims(), {{"crit", {"b64"}}}), "crit"},
      {rsa.sign(claims({{"iss", issuer + "/"}})), "another issuer"},
      {rsa.sign(claims({{"aud", "grafana"}})), "another audience"},
      {rsa.sign(claims({{"aud", nullptr}})), "another audience"},
      {rsa.sign(claims({{"exp", now / 1000 - 61}})), "has expired"},
      {rsa.sign(claims({{"exp", "soon"}})), "exp is no time"},
      {rsa.sign(claims({{"nbf", now / 1000 + 120}})), "not good yet"},
      {rsa.sign(claims({{"iat", now / 1000 + 120}})), "of the future"},
      {rsa.sign(claims({{"sub", ""}})), "names nobody"},
      {"a.b.c", "not base64url"},
      {base64url("[1]") + "." + base64url("{}") + ".AAAA", "no JSON object"},
      {"a.b", "2 parts"},
      {good + "=", "not base64url"},
  };
  for (const auto& [token, why] : kCases) {
    const auto refused = oidc.viewer(token, now);
    ASSERT_FALSE(refused) << why;
    EXPECT_EQ(refused.error().code, Code::Invalid) << why;
    EXPECT_THAT(refused.error().what, HasSubstr(why));
  }
  Json without = claims();
  without.erase("exp");
  EXPECT_THAT(oidc.viewer(rsa.sign(without), now).error().what, HasSubstr("never expires"));
  EXPECT_TRUE(oidc.viewer(rsa.sign(claims({{"exp", now / 1000 - 30}, {"nbf", now / 1000 + 30}})), now))
      << "clocks differ by a little";
}

TEST_F(OidcTest, AKeyThatIsNewIsFetchedButNotAllDay) {
  OidcSettings with = settings();
  with.fetch_again_after = Milliseconds(0);
  Oidc eager(with, {});
  EXPECT_TRUE(eager.viewer(rsa.sign(claims()), now));
  const Signer next(Signer::Kind::Ec, "k3");
  EXPECT_FALSE(eager.viewer(next.sign(claims()), now));
  publish(Json::array({next.public_key()}));
  EXPECT_TRUE(eager.viewer(next.sign(claims()), now));
  EXPECT_FALSE(eager.known(rsa.sign(claims()), now)) << "what the old key has signed is looked at again";
  EXPECT_FALSE(eager.viewer(rsa.sign(claims()), now)) << "and its key is gone";
  Oidc patient(settings(), {});
  EXPECT_TRUE(patient.viewer(next.sign(claims()), now));
  const int before = fetches;
  for (int i = 0; i < 20; ++i)
    EXPECT_FALSE(patient.viewer(Signer(Signer::Kind::Ec, "new" + std::to_string(i)).sign(claims()), now));
  EXPECT_EQ(fetches, before);
}

TEST_F(OidcTest, AnIssuerThatFailsTakesNothingAway) {
  OidcSettings with = settings();
  with.fetch_again_after = Milliseconds(0);
  Oidc oidc(with, {});
  broken = true;
  EXPECT_EQ(oidc.viewer(rsa.sign(claims()), now).error().code, Code::Unavailable);
  broken = false;
  EXPECT_TRUE(oidc.viewer(rsa.sign(claims()), now));
  broken = true;
  oidc.look(std::chrono::steady_clock::now() + std::chrono::hours(2));
  EXPECT_TRUE(oidc.viewer(ec.sign(claims()), now)) << "the keys that are known stay good";
  broken = false;
  told_issuer = "http://127.0.0.1/other";
  Oidc fooled(with, {});
  EXPECT_EQ(fooled.viewer(rsa.sign(claims()), now).error().code, Code::Unavailable);
}

TEST_F(OidcTest, WeakAndOddKeysAreNoKeys) {
  const Signer weak(Signer::Kind::SmallRsa, "w");
  Json other_use = rsa.public_key(), other_curve = ec.public_key(), off = ec.public_key();
  other_use["use"] = "enc";
  other_curve["crv"] = "P-384";
  off["y"] = off["x"];  // no point of the curve
  const Json odd = {weak.public_key(),
                    other_use,
                    other_curve,
                    off,
                    {{"kty", "oct"}, {"k", "AAAA"}},
                    7,
                    {{"kty", "RSA"}, {"n", "***"}, {"e", "AQAB"}}};
  EXPECT_EQ(must(Jwks::parse(Json{{"keys", odd}}.dump())).size(), 0U);
  for (const char* bad : {"", "[]", "{}", R"({"keys":{}})"}) EXPECT_FALSE(Jwks::parse(bad)) << bad;
}

TEST_F(OidcTest, SettingsMustBeSafe) {
  const auto wrong = [&](const std::function<void(OidcSettings&)>& change) {
    OidcSettings out = settings();
    change(out);
    const auto checked = check(out);
    return checked ? std::string() : checked.error().what;
  };
  EXPECT_EQ(wrong([](OidcSettings&) {}), "");
  EXPECT_THAT(wrong([](OidcSettings& s) { s.issuer = "http://idp.example"; }), HasSubstr("https://"));
  EXPECT_THAT(wrong([](OidcSettings& s) { s.issuer = "http://localhost.example"; }), HasSubstr("https://"));
  EXPECT_THAT(wrong([](OidcSettings& s) { s.audience = ""; }), HasSubstr("audience"));
  EXPECT_EQ(wrong([](OidcSettings& s) { s.client_id = std::exchange(s.audience, ""); }), "");
  EXPECT_THAT(wrong([](OidcSettings& s) { s.client_secret_file = "f"; }), HasSubstr("client-id belongs to it"));
  EXPECT_THAT(wrong([](OidcSettings& s) { s.scopes = "profile email"; }), HasSubstr("openid is expected"));
  EXPECT_THAT(wrong([](OidcSettings& s) { s.roles[0].scopes = {"root"}; }), HasSubstr("'root' is no scope"));
  EXPECT_THAT(wrong([](OidcSettings& s) { s.roles[1].scopes = {"admin"}; }), HasSubstr("cannot be restricted"));
}

TEST_F(OidcTest, ATokenOpensTheDoor) {
  AccessSettings with;
  with.oidc = settings();
  const auto access = must(Access::open(must(store::Database::open("sqlite::memory:")), with, ":8080"));
  EXPECT_FALSE(access->open_to_everybody());
  auto routes = access->guard({{"GET", "/metrics", {}}, {"GET", "/api/v1/audit", {}}}, "");
  const auto status = [&](std::size_t route, const std::string& token) {
    http::Request request;
    request.method = "GET";
    request.path = routes[route].path;
    if (!token.empty()) request.headers = {{"Authorization", "Bearer " + token}};
    const auto refused = routes[route].admit(request);
    return refused ? refused->status : 200;
  };
  const auto late = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (status(0, rsa.sign(claims())) == 503 && std::chrono::steady_clock::now() < late)
    std::this_thread::yield();  // the keys are being fetched
  EXPECT_EQ(status(0, ""), 401);
  EXPECT_EQ(status(0, rsa.sign(claims())), 403) << "restricted";
  EXPECT_EQ(status(0, rsa.sign(claims({{"groups", {"gpu-admins"}}}))), 200);
  EXPECT_EQ(status(1, rsa.sign(claims({{"groups", {"gpu-admins"}}}))), 200);
  EXPECT_EQ(status(0, rsa.sign(claims({{"groups", {"x"}}}))), 403);
  EXPECT_EQ(status(0, Signer(Signer::Kind::Ec, "k2").sign(claims())), 401);
}

}  // namespace
}  // namespace tessera::server
