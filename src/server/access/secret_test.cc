#include "server/access/secret.h"

#include <gtest/gtest.h>

#include "server/access/buckets.h"
#include "server/access/viewer.h"

namespace tessera::server {
namespace {
using namespace std::chrono_literals;

TEST(Secret, IsRandomAndKnowsItsId) {
  const auto one = make_key(), other = make_key();
  ASSERT_TRUE(one && other);
  EXPECT_NE(one->secret, other->secret);
  EXPECT_EQ(one->secret.size(), 56U);
  EXPECT_EQ(key_id(one->secret), one->id);
  EXPECT_EQ(one->secret.substr(0, 13), "tsk_" + one->id + "_");
}

TEST(Secret, OnlyAWholeKeyIsOne) {
  const std::string good = make_key()->secret;
  ASSERT_TRUE(key_id(good));
  std::string bad_id = good, bad_letter = good, no_mark = good, no_bar = good;
  bad_id[4] = 'A';
  bad_letter.back() = '=';
  no_mark[0] = 'T';
  no_bar[12] = '-';
  for (const std::string& bad : {std::string(), std::string("tsk_"), good.substr(1), good + "a", good.substr(0, 55),
                                 bad_id, bad_letter, no_mark, no_bar})
    EXPECT_FALSE(key_id(bad)) << bad;
}

TEST(Secret, SameBytes) {
  EXPECT_TRUE(same_bytes("", ""));
  EXPECT_TRUE(same_bytes("ab", "ab"));
  EXPECT_FALSE(same_bytes("ab", "ac"));
  EXPECT_FALSE(same_bytes("ab", "abc"));
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Secret, IsShownInThreeWays) {
  using Kind = Credential::Kind;
  const std::string key = "tsk_abcdefgh_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
  // echo -n "grafana:$key" | base64 -w0
  const std::string basic =
      "Basic Z3JhZmFuYTp0c2tfYWJjZGVmZ2hfQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQQ==";
  struct Case {
    std::vector<std::pair<std::string, std::string>> headers;
    Kind kind;
    std::string text;
  };
  const Case kCases[] = {
      {{}, Kind::None, ""},
      {{{"Authorization", "Bearer " + key}}, Kind::Key, key},
      {{{"authorization", "bearer   " + key + " "}}, Kind::Key, key},
      {{{"X-API-Key", key}}, Kind::Key, key},
      {{{"Authorization", basic}}, Kind::Key, key},
      {{{"Authorization", basic}, {"X-Api-Key", key}}, Kind::Key, key},
      {{{"Authorization", "Bearer a.b.c"}}, Kind::Token, "a.b.c"},
      {{{"Authorization", "Bearer a.b.c"}, {"X-API-Key", key}}, Kind::Unknown, ""},
      {{{"Authorization", "Bearer nothing"}}, Kind::Unknown, "nothing"},
      {{{"Authorization", key}}, Kind::Key, key},
      {{{"Authorization", "Basic %%%"}}, Kind::Unknown, "Basic %%%"},
  };
  for (const Case& c : kCases) {
    http::Request request;
    request.headers = c.headers;
    const Credential shown = credential_of(request);
    EXPECT_EQ(shown.kind, c.kind) << (c.headers.empty() ? "" : c.headers[0].second);
    EXPECT_EQ(shown.text, c.text);
  }
}

TEST(Viewer, ScopesHaveOthersInThem) {
  constexpr Scope kAll[] = {Scope::Read, Scope::Write, Scope::Ingest, Scope::Operate, Scope::Admin};
  const auto allowed = [&](Scopes scopes) {
    std::string out;
    for (const Scope one : kAll) out += scopes.allow(one) ? '1' : '0';
    return out;
  };
  EXPECT_EQ(allowed({}), "00000");
  EXPECT_EQ(allowed({Scope::Read}), "10000");
  EXPECT_EQ(allowed({Scope::Write}), "11000");
  EXPECT_EQ(allowed({Scope::Ingest}), "00100");
  EXPECT_EQ(allowed({Scope::Operate}), "10010");
  EXPECT_EQ(allowed({Scope::Admin}), "11111");
  for (const Scope one : kAll) EXPECT_EQ(scope_named(scope_name(one)), one);
}

TEST(Viewer, ATeamIsItsNamespaces) {
  const Teams teams = {{"ml", "research"}, {"web", "shop"}, {"lab", "research"}};
  const auto viewer = viewer_of("k", "k", {Scope::Read}, Restriction{{"own", ""}, {"research"}}, teams);
  EXPECT_EQ(viewer->spaces, (std::set<std::string>{"lab", "ml", "own"}));
  EXPECT_TRUE(viewer->sees("ml"));
  EXPECT_FALSE(viewer->sees("web"));
  EXPECT_FALSE(viewer->sees("")) << "what belongs to nobody";
  EXPECT_EQ(viewer->visible({"ml", "web"}), (std::vector<std::string>{"ml"}));
  EXPECT_EQ(viewer->visible({"web"}), (std::vector<std::string>{" "})) << "an empty list would mean all";
  const auto nobody = viewer_of("k", "k", {Scope::Read}, Restriction{{}, {"gone"}}, teams);
  EXPECT_TRUE(nobody->restricted());
  EXPECT_FALSE(nobody->sees("ml"));
  EXPECT_TRUE(everybody().sees("web"));
}

TEST(Buckets, GiveWhatIsThere) {
  Buckets buckets({2, 4});
  const SteadyTime start{};
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(buckets.take("a", 1, start).given);
  const Draw none = buckets.take("a", 1, start);
  EXPECT_FALSE(none.given);
  EXPECT_EQ(none.wait_seconds, 0.5);
  EXPECT_EQ(none.full_in_seconds, 2);
  EXPECT_TRUE(buckets.take("b", 1, start).given) << "each has one of his own";
  EXPECT_TRUE(buckets.take("a", 1, start + 500ms).given);
  EXPECT_EQ(buckets.take("a", 1, start + 60s).left, 3) << "never above the burst";
}

TEST(Buckets, ADebtIsWaitedFor) {
  Buckets buckets({10, 10});
  const SteadyTime start{};
  EXPECT_TRUE(buckets.take("a", 0, start, true).given);
  buckets.charge("a", 25, start);
  EXPECT_FALSE(buckets.take("a", 0, start + 1s, true).given);
  EXPECT_TRUE(buckets.take("a", 0, start + 1600ms, true).given);
}

TEST(Buckets, AreForgottenBoundedly) {
  Buckets buckets({1, 2}, 3);
  const SteadyTime start{};
  EXPECT_TRUE(buckets.take("empty", 2, start).given);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(buckets.take(std::to_string(i), 1, start).given);
  EXPECT_FALSE(buckets.take("empty", 2, start).given) << "the fullest goes first";
}

}  // namespace
}  // namespace tessera::server
