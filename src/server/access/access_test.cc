// Who comes in, by key: through a real server, as an outsider sees it.
#include "server/access/access.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "http/client.h"
#include "server/access/api_access.h"
#include "server/access/secret.h"
#include "server/problem.h"

namespace tessera::server {
namespace {
using testing::Contains;
using testing::HasSubstr;
using testing::Key;
using testing::Pair;
using Json = nlohmann::ordered_json;

constexpr const char* kApi = "/k8s-monitor/api/v1";

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().what);
  return *std::move(result);
}

struct AccessTest : testing::Test {
  std::unique_ptr<store::Database> database() const {
    return must(store::Database::open("sqlite:" + (folder.path() / "tessera.db").string()));
  }
  std::string key(KeyWish wish) {
    if (wish.name.empty()) wish.name = "test";
    if (wish.scopes.empty()) wish.scopes = {"read"};
    const MadeKey made = must(make_key(wish, "test", now_epoch_ms()));
    const auto db = database();
    EXPECT_TRUE(db->atomically([&] { return add_key(*db, made); }));
    last = made.row;
    EXPECT_TRUE(!access || access->reload());
    return made.secret;
  }
  void serve(AccessSettings settings = {}) {
    access = must(Access::open(database(), std::move(settings), "127.0.0.1:0"));
    const auto told = [](const http::Request& request) {
      http::Response out;
      out.body = viewer_of(request).caller;
      return out;
    };
    std::vector<http::Route> routes = {{"GET", std::string(kApi) + "/gpu/overview", told},
                                       {"GET", "/metrics", told},
                                       {"GET", "/livez", told},
                                       {"GET", std::string(kApi) + "/no/rule", told},
                                       {"POST", std::string(kApi) + "/write", [this](const http::Request& request) {
                                          access->charge_samples(request, request.body.size());
                                          return http::Response{};
                                        }}};
    for (auto& one : access_routes(*access, kApi)) routes.push_back(std::move(one));
    http::ServerOptions options;
    options.address = "127.0.0.1:0";
    options.finish = [](const http::Request& request, http::Response& reply) { finish_reply(request, reply, false); };
    server = must(http::Server::listen(std::move(options), access->guard(std::move(routes), "/k8s-monitor")));
  }
  http::ClientResponse ask(const std::string& method, const std::string& path, const std::string& secret = "",
                           const std::string& body = "",
                           std::vector<std::pair<std::string, std::string>> headers = {}) {
    http::ClientRequest request;
    request.url =
        "http://" + server->address() +
        (path.starts_with("/gpu") || path.starts_with("/a") || path == "/write" || path.starts_with("/no/") ? kApi
                                                                                                            : "") +
        path;
    request.method = method;
    request.body = body;
    if (!body.empty()) headers.emplace_back("Content-Type", "application/json");
    if (!secret.empty()) headers.emplace_back("Authorization", "Bearer " + secret);
    request.headers = std::move(headers);
    return must(client.send(request));
  }
  int status(const std::string& method, const std::string& path, const std::string& secret = "") {
    return ask(method, path, secret).status;
  }
  static Json json(const http::ClientResponse& reply) { return Json::parse(reply.body, nullptr, false); }

  TempDir folder;
  store::KeyRow last;
  std::unique_ptr<Access> access;
  std::unique_ptr<http::Server> server;  // before access goes
  http::Client client;
};

TEST_F(AccessTest, LoopbackIsOpenUntilThereIsAKey) {
  serve();
  EXPECT_TRUE(access->open_to_everybody());
  EXPECT_EQ(ask("GET", "/gpu/overview").body, "anonymous");
  EXPECT_EQ(status("GET", "/gpu/overview", "some.thing.else"), 200) << "nobody looks yet";
  const std::string read = key({});
  EXPECT_EQ(status("GET", "/gpu/overview"), 401);
  EXPECT_EQ(ask("GET", "/gpu/overview", read).body, "key:" + last.id);
  EXPECT_EQ(status("GET", "/livez"), 200);
}

TEST_F(AccessTest, ARevokedKeyDoesNotOpenTheDoorAgain) {
  serve();
  const std::string admin = key({.name = "a", .scopes = {"admin"}});
  EXPECT_EQ(status("DELETE", "/access/keys/" + last.id, admin), 204);
  EXPECT_EQ(status("GET", "/gpu/overview", admin), 401);
  EXPECT_EQ(status("GET", "/gpu/overview"), 401);
}

TEST_F(AccessTest, AnotherAddressNeedsAKeyFirst) {
  for (const char* address : {":8080", "0.0.0.0:1", "10.0.0.1:80", "[::]:8080", "gpu.example:80"}) {
    const auto refused = Access::open(database(), {}, address);
    ASSERT_FALSE(refused) << address;
    EXPECT_THAT(refused.error().what, HasSubstr("tessera-server keys create --data DIR --name NAME --scope admin"));
    EXPECT_THAT(refused.error().what, HasSubstr("--insecure-no-auth"));
  }
  AccessSettings open;
  open.insecure = true;
  EXPECT_TRUE(must(Access::open(database(), open, ":8080"))->stats().open_to_all);
  EXPECT_FALSE(must(Access::open(database(), open, "127.0.0.1:8080"))->stats().open_to_all);
  key({});
  EXPECT_FALSE(must(Access::open(database(), {}, ":8080"))->stats().open_to_all);
}

TEST_F(AccessTest, AFileMayHoldTheFirstKey) {
  AccessSettings with;
  const std::string path = (folder.path() / "key").string();
  with.key_files = {{"admin", path}};
  EXPECT_FALSE(Access::open(database(), with, ":8080")) << "there is no such file";
  ASSERT_TRUE(write_file_atomically(path, "not a key"));
  EXPECT_THAT(Access::open(database(), with, ":8080").error().what, HasSubstr("keys generate"));
  const std::string secret = must(make_key()).secret;
  ASSERT_TRUE(write_file_atomically(path, secret + "\n"));
  EXPECT_TRUE(Access::open(database(), with, ":8080"));
  serve(with);
  EXPECT_EQ(json(ask("GET", "/audit", secret))["total"], 1) << "it is taken once";
  EXPECT_EQ(status("DELETE", "/access/keys/" + secret.substr(4, 8), secret), 204);
  server.reset();
  access.reset();
  serve(with);
  EXPECT_EQ(status("GET", "/gpu/overview", secret), 401) << "a restart does not give it back";
}

TEST_F(AccessTest, AFileMayHoldAKeyThatSendsAndNoMore) {
  AccessSettings with;
  const std::string path = (folder.path() / "key").string();
  with.key_files = {{"admin", ""}, {"ingest", path}};
  ASSERT_TRUE(write_file_atomically(path, "not a key"));
  EXPECT_THAT(Access::open(database(), with, ":8080").error().what, HasSubstr("server.access.ingest-key-file " + path));
  const std::string secret = must(make_key()).secret;
  ASSERT_TRUE(write_file_atomically(path, secret));
  serve(with);
  EXPECT_EQ(status("GET", "/gpu/overview", secret), 403);
  EXPECT_EQ(status("POST", "/access/keys", secret), 403);
  EXPECT_EQ(status("POST", "/write", secret), 200);
}

TEST_F(AccessTest, EachWayToBeWrongIsTold) {
  serve();
  const std::string read = key({.name = "r"});
  const std::string old = key({.name = "o", .expires_in = Milliseconds(1)});
  const std::string gone = key({.name = "g"});
  const auto db = database();
  ASSERT_TRUE(store::revoke_key(*db, last.id, 1));
  ASSERT_TRUE(access->reload());
  std::string wrong = read;
  wrong.back() = wrong.back() == 'A' ? 'B' : 'A';
  while (now_epoch_ms() < *must(store::keys(*db))[1].expires) std::this_thread::yield();
  struct Case {
    std::string secret, detail;
  };
  for (const Case& c : {Case{"", "an API key is needed"}, Case{wrong, "no API key that is known"},
                        Case{old, "has expired"}, Case{gone, "has been revoked"}, Case{"tsk_x", "no API key"}}) {
    const auto reply = ask("GET", "/gpu/overview", c.secret);
    EXPECT_EQ(reply.status, 401);
    EXPECT_THAT(reply.body, HasSubstr(c.detail));
    EXPECT_THAT(std::string(reply.header("www-authenticate")), HasSubstr("Bearer"));
    EXPECT_EQ(reply.header("content-type"), "application/problem+json");
    EXPECT_EQ(json(reply)["requestId"], std::string(reply.header("x-request-id")));
  }
  EXPECT_EQ(access->stats().refused, (std::array<std::uint64_t, kRefused>{1, 2, 1, 1, 0, 0, 0, 0}));
  EXPECT_EQ(access->stats().keys, 1U);
}

TEST_F(AccessTest, EachRouteAsksForItsScope) {
  serve();
  const std::string read = key({.name = "r"}), ingest = key({.name = "i", .scopes = {"ingest"}});
  const std::string admin = key({.name = "a", .scopes = {"admin"}});
  const std::string team = key({.name = "t", .scopes = {"read"}, .namespaces = {{"ml"}}});
  struct Case {
    const char *method, *path;
    int read, ingest, admin, team;
  };
  const Case kCases[] = {
      {"GET", "/gpu/overview", 200, 403, 200, 200},  {"GET", "/metrics", 200, 403, 200, 403},
      {"POST", "/write", 403, 200, 200, 403},        {"GET", "/access/keys", 403, 403, 200, 403},
      {"GET", "/access/whoami", 200, 403, 200, 200}, {"GET", "/audit", 403, 403, 200, 403},
      {"GET", "/no/rule", 403, 403, 200, 403},
  };
  for (const Case& c : kCases) {
    EXPECT_EQ(status(c.method, c.path, read), c.read) << c.path;
    EXPECT_EQ(status(c.method, c.path, ingest), c.ingest) << c.path;
    EXPECT_EQ(status(c.method, c.path, admin), c.admin) << c.path;
    EXPECT_EQ(status(c.method, c.path, team), c.team) << c.path;
  }
  EXPECT_THAT(ask("POST", "/write", read, "x").body, HasSubstr("needs the scope ingest; key:"));
  const Json me = json(ask("GET", "/access/whoami", team));
  EXPECT_EQ(me["namespaces"], Json({"ml"}));
  EXPECT_EQ(me["scopes"], Json({"read"}));
  EXPECT_EQ(me["expires"], nullptr);
}

TEST_F(AccessTest, MetricsMayBeOpen) {
  AccessSettings settings;
  settings.open_metrics = true;
  serve(settings);
  key({});
  EXPECT_EQ(status("GET", "/metrics"), 200);
  EXPECT_EQ(status("GET", "/gpu/overview"), 401);
}

TEST_F(AccessTest, AKeyIsMadeShownOnceAndRevoked) {
  serve();
  const std::string admin = key({.name = "root", .scopes = {"admin"}});
  const auto made = ask("POST", "/access/keys", admin,
                        R"({"name":"grafana","scopes":["read"],"namespaces":["ml"],"expiresIn":"90d"})");
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string secret = json(made)["secret"], id = json(made)["id"];
  EXPECT_EQ(made.header("location"), std::string(kApi) + "/access/keys/" + id);
  EXPECT_EQ(ask("GET", "/gpu/overview", secret).body, "key:" + id) << "at once";
  EXPECT_TRUE(json(made)["expires"].is_string());
  EXPECT_EQ(json(ask("GET", "/access/whoami", secret))["expires"], json(made)["expires"]);
  const auto shown = ask("GET", "/access/keys/" + id, admin);
  EXPECT_EQ(json(shown)["state"], "active");
  EXPECT_FALSE(json(shown)["lastUsed"].is_null());
  for (const std::string& page : {shown.body, ask("GET", "/access/keys", admin).body, ask("GET", "/audit", admin).body})
    EXPECT_THAT(page, testing::Not(HasSubstr(secret.substr(13))));
  const std::string etag(shown.header("etag"));
  EXPECT_EQ(ask("GET", "/access/keys/" + id, admin, "", {{"If-None-Match", etag}}).status, 304);
  EXPECT_EQ(ask("DELETE", "/access/keys/" + id, admin, "", {{"If-Match", "\"old\""}}).status, 412);
  EXPECT_EQ(ask("DELETE", "/access/keys/" + id, admin, "", {{"If-Match", "\"old\", " + etag}}).status, 204);
  EXPECT_EQ(status("GET", "/gpu/overview", secret), 401);
  EXPECT_EQ(status("DELETE", "/access/keys/nobody", admin), 404);
  const Json log = json(ask("GET", "/audit", admin));
  ASSERT_EQ(log["items"].size(), 4U) << log.dump(1);
  EXPECT_EQ(log["items"][0]["action"], "key.create");
  EXPECT_EQ(log["items"][0]["object"], "key:" + id);
  EXPECT_THAT(log["items"][0]["actor"].get<std::string>(), testing::EndsWith(" root"));
  EXPECT_THAT(log["items"][1]["result"].get<std::string>(), HasSubstr("refused: If-Match"));
  EXPECT_EQ(log["items"][2]["result"], "done");
  EXPECT_EQ(log["items"][3]["object"], "key:nobody");
  EXPECT_EQ(log["headHash"], log["items"][3]["hash"]);
  EXPECT_EQ(log["items"][0]["peer"], "127.0.0.1");
}

TEST_F(AccessTest, AWishMustMakeSense) {
  serve();
  const std::string admin = key({.name = "root", .scopes = {"admin"}});
  for (const char* bad :
       {"[]", "{", R"({"scopes":["read"]})", R"({"name":"x"})", R"({"name":"x","scopes":["all"]})",
        R"({"name":"x","scopes":"read"})", R"({"name":"x","scopes":["read"],"expiresIn":"soon"})",
        R"({"name":"x","scopes":["read"],"expiresIn":"0s"})", R"({"name":"x","scopes":["read"],"namespaces":["a b"]})",
        R"({"name":"x","scopes":["admin"],"namespaces":["ml"]})", R"({"name":"x","scopes":["ingest"],"teams":[]})",
        R"({"name":"x","scopes":["read"],"scope":1})", R"({"name":"a\nb","scopes":["read"]})"}) {
    const auto reply = ask("POST", "/access/keys", admin, bad);
    EXPECT_EQ(reply.status, 400) << bad << reply.body;
  }
  const auto form = ask("POST", "/access/keys", admin, "", {{"Content-Type", "text/plain"}});
  EXPECT_EQ(form.status, 415);
  EXPECT_EQ(access->keys()->all().size(), 1U);
}

TEST_F(AccessTest, TheSameRequestAgainIsDoneOnce) {
  serve();
  const std::string admin = key({.name = "root", .scopes = {"admin"}});
  const std::string other = key({.name = "other", .scopes = {"admin"}});
  const char* wish = R"({"name":"x","scopes":["read"]})";
  const auto first = ask("POST", "/access/keys", admin, wish, {{"Idempotency-Key", "k1"}});
  const auto again = ask("POST", "/access/keys", admin, wish, {{"Idempotency-Key", "k1"}});
  EXPECT_EQ(first.status, 201);
  EXPECT_EQ(again.status, 201);
  EXPECT_EQ(json(first)["id"], json(again)["id"]);
  EXPECT_EQ(again.header("idempotency-replayed"), "true");
  EXPECT_EQ(again.header("location"), first.header("location"));
  EXPECT_TRUE(json(again)["secret"].is_null()) << "it is shown once";
  EXPECT_EQ(ask("POST", "/access/keys", admin, R"({"name":"y","scopes":["read"]})", {{"Idempotency-Key", "k1"}}).status,
            422);
  EXPECT_NE(json(ask("POST", "/access/keys", other, wish, {{"Idempotency-Key", "k1"}}))["id"], json(first)["id"])
      << "each caller has his own";
  EXPECT_EQ(ask("POST", "/access/keys", admin, wish, {{"Idempotency-Key", std::string(300, 'k')}}).status, 400);
  EXPECT_EQ(json(ask("GET", "/audit", admin))["total"], 2);
}

TEST_F(AccessTest, WhatAnotherProgramChangesIsSeen) {
  serve();
  const MadeKey made = must(make_key({.name = "beside", .scopes = {"read"}}, "command line", now_epoch_ms()));
  const auto db = database();
  ASSERT_TRUE(db->atomically([&] { return add_key(*db, made); }));
  const auto late = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (access->keys()->empty() && std::chrono::steady_clock::now() < late) std::this_thread::yield();
  EXPECT_EQ(status("GET", "/gpu/overview", made.secret), 200);
}

TEST_F(AccessTest, TheLastUseIsSavedInTheEnd) {
  serve();
  const std::string read = key({});
  EXPECT_EQ(status("GET", "/gpu/overview", read), 200);
  server.reset();
  access.reset();
  EXPECT_TRUE(must(store::keys(*database()))[0].last_used);
}

TEST_F(AccessTest, ManyRequestsOfOneKeyWait) {
  AccessSettings settings;
  settings.requests_per_second = 2;
  settings.samples_per_second = 10;
  serve(settings);
  const std::string one = key({.name = "1", .scopes = {"admin"}}), other = key({.name = "2"});
  const auto first = ask("GET", "/gpu/overview", one);
  EXPECT_EQ(first.header("ratelimit-policy"), "\"requests\";q=2;w=1");
  EXPECT_EQ(first.header("ratelimit"), "\"requests\";r=1;t=1");
  int refused = 0;
  http::ClientResponse reply;
  for (int i = 0; i < 100 && reply.status != 429; ++i, ++refused) reply = ask("GET", "/gpu/overview", one);
  EXPECT_EQ(reply.status, 429);
  EXPECT_EQ(reply.header("retry-after"), "1");
  EXPECT_THAT(reply.headers, Contains(Pair("ratelimit", HasSubstr("r=0"))));
  EXPECT_EQ(status("GET", "/gpu/overview", other), 200);
  const std::string sender = key({.name = "s", .scopes = {"ingest"}});
  EXPECT_EQ(ask("POST", "/write", sender, std::string(1000, 'x')).status, 200) << "its size is known when it is taken";
  EXPECT_EQ(ask("POST", "/write", sender, "x").status, 429);
}

TEST_F(AccessTest, WhoGuessesWaits) {
  serve();
  const std::string read = key({});
  http::ClientResponse reply;
  for (int i = 0; i < 100 && reply.status != 429; ++i) reply = ask("GET", "/gpu/overview", "wrong");
  EXPECT_EQ(reply.status, 429);
  EXPECT_THAT(reply.headers, Contains(Key("retry-after")));
  EXPECT_EQ(status("GET", "/gpu/overview", read), 200) << "a good key is not held up by its neighbours";
}

TEST_F(AccessTest, EveryReplyHasAnIdAndKeepsBrowsersOut) {
  serve();
  const std::string read = key({});
  const std::pair<const char*, int> kCases[] = {
      {"/livez", 200}, {"/gpu/overview", 401}, {"/nothing/here", 404}, {"/%zz", 400}};
  for (const auto& [path, wanted] : kCases) {
    const auto reply = ask("GET", path);
    EXPECT_EQ(reply.status, wanted) << path;
    for (const char* name : {"x-request-id", "content-security-policy", "x-frame-options", "referrer-policy"})
      EXPECT_THAT(reply.headers, Contains(Key(name))) << path;
    EXPECT_EQ(reply.header("x-content-type-options"), "nosniff");
    if (wanted >= 400) {
      EXPECT_EQ(reply.header("content-type"), "application/problem+json") << path;
      EXPECT_EQ(json(reply)["status"], wanted);
      EXPECT_EQ(json(reply)["requestId"], std::string(reply.header("x-request-id")));
    }
  }
  const auto method = ask("DELETE", "/gpu/overview", read);
  EXPECT_EQ(method.status, 405);
  EXPECT_EQ(method.header("allow"), "GET, HEAD");
  EXPECT_EQ(json(method)["type"], "urn:tessera:problem:method-not-allowed");
  EXPECT_EQ(ask("GET", "/livez", "", "", {{"X-Request-Id", "abc-1"}}).header("x-request-id"), "abc-1");
  const auto large = ask("GET", "/livez", "", "", {{"X-Large", std::string(20'000, 'x')}});
  EXPECT_EQ(large.status, 431);
  EXPECT_EQ(json(large)["type"], "urn:tessera:problem:too-large");
}

TEST_F(AccessTest, ABodyIsNotTakenFromWhoMayNotSend) {
  serve();
  key({});
  EXPECT_EQ(ask("POST", "/write", "", std::string(900'000, 'x')).status, 401);
}

}  // namespace
}  // namespace tessera::server
