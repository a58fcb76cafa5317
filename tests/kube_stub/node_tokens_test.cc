// Whose token a node agent shows, against the played API; and who asks for a node's layout by one.
#include "server/access/node_tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "http/client.h"
#include "server/access/access.h"
#include "server/access/secret.h"
#include "server/problem.h"
#include "tests/kube_stub/stub.h"

namespace tessera::server {
namespace {
using namespace std::chrono_literals;
using kube_stub::Json;
using testing::HasSubstr;

constexpr const char* kLayout = "/k8s-monitor/api/v1/nodes/{node}/layout";

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().what);
  return *std::move(result);
}

/// As an API server tells of a token that was made for a pod; newer ones tell the node too.
kube_stub::KnownToken token_of(const std::string& account, const std::string& pod, const std::string& node = "") {
  Json extra = Json::object();
  if (!pod.empty())
    extra = {{"authentication.kubernetes.io/pod-name", {pod}}, {"authentication.kubernetes.io/pod-uid", {"u-" + pod}}};
  if (!node.empty()) extra["authentication.kubernetes.io/node-name"] = {node};
  return {{{"username", "system:serviceaccount:" + account}, {"extra", std::move(extra)}}, {"tessera"}};
}

Json pod(const std::string& name, const std::string& uid, const std::string& node) {
  return {{"apiVersion", "v1"},
          {"kind", "Pod"},
          {"metadata", {{"name", name}, {"namespace", "gpu"}, {"uid", uid}}},
          {"spec", {{"nodeName", node}}}};
}

struct NodeTokensTest : testing::Test {
  NodeTokensTest() {
    kube_stub::KnownToken other_audience = token_of("gpu:agent", "a-1", "w-1");
    other_audience.audiences = {"https://kubernetes.default.svc"};
    stub->know_tokens({{"t.old.1", token_of("gpu:agent", "a-1")},
                       {"t.new.2", token_of("gpu:agent", "a-2", "w-2")},
                       {"t.of.another", token_of("gpu:else", "a-1", "w-1")},
                       {"t.of.nobody", {{{"username", "admin"}}, {"tessera"}}},
                       {"t.bound.not", token_of("gpu:agent", "")},
                       {"t.pod.gone", token_of("gpu:agent", "a-9")},
                       {"t.pod.anew", token_of("gpu:agent", "a-3")},
                       {"t.for.others", other_audience}});
    put(pod("a-1", "u-a-1", "w-1"));
    put(pod("a-3", "another", "w-3"));
  }
  void put(const Json& one) const { ASSERT_LT(stub->store().put(one).code, 300) << one; }
  std::string node_of(const std::string& token, SteadyTime now = {}) {
    const auto node = tokens->node_of(token, now);
    return node ? *node : std::to_string(static_cast<int>(node.error().code)) + ": " + node.error().what;
  }
  static std::string refused(Code code) { return std::to_string(static_cast<int>(code)) + ": "; }
  std::size_t reviews() const {
    const auto log = stub->log();
    return static_cast<std::size_t>(
        std::ranges::count_if(log, [](const auto& one) { return one.path.ends_with("/tokenreviews"); }));
  }

  std::unique_ptr<kube_stub::Stub> stub = must(kube_stub::Stub::start());
  std::shared_ptr<NodeTokens> tokens =
      std::make_shared<NodeTokens>(kube::ApiServer{.url = stub->url()}, std::set<std::string>{"gpu/agent"});
};

TEST_F(NodeTokensTest, AreOfTheNodeOfTheirPod) {
  EXPECT_EQ(node_of("t.old.1"), "w-1") << "asked of the pod";
  EXPECT_EQ(node_of("t.new.2"), "w-2") << "told with the token";
}

TEST_F(NodeTokensTest, OfAnybodyElseAreRefused) {
  const struct {
    const char* token;
    Code code;
    const char* says;
  } kCases[] = {{"t.not.known", Code::Invalid, "does not take this token for the audience 'tessera'"},
                {"t.for.others", Code::Invalid, "does not take this token for the audience 'tessera'"},
                {"t.of.another", Code::Denied, "gpu/else"},
                {"t.of.nobody", Code::Denied, "'admin' is no service account"},
                {"t.bound.not", Code::Denied, "bound to no pod"},
                {"t.pod.gone", Code::Denied, "pod gpu/a-9 of the token is gone"},
                {"t.pod.anew", Code::Denied, "pod gpu/a-3 of the token is gone"}};
  for (const auto& c : kCases)
    EXPECT_THAT(node_of(c.token), AllOf(testing::StartsWith(refused(c.code)), HasSubstr(c.says))) << c.token;
}

TEST_F(NodeTokensTest, AreLookedUpOnceAMinute) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(node_of("t.new.2", SteadyTime(59s)), "w-2");
  EXPECT_EQ(reviews(), 1U);
  stub->know_tokens({});
  EXPECT_EQ(node_of("t.new.2", SteadyTime(118s)), "w-2");
  EXPECT_THAT(node_of("t.new.2", SteadyTime(120s)), testing::StartsWith(refused(Code::Invalid)));
  EXPECT_EQ(reviews(), 2U);
}

TEST_F(NodeTokensTest, AnApiServerThatIsAwayIsNoRefusal) {
  stub->go_away();
  EXPECT_THAT(node_of("t.new.2"), testing::StartsWith(refused(Code::Unavailable)));
  ASSERT_TRUE(stub->come_back());
  EXPECT_EQ(node_of("t.new.2"), "w-2");
}

/// A server of one route, which tells who asked it.
struct NodeTokensAtTheDoor : NodeTokensTest {
  NodeTokensAtTheDoor() {
    AccessSettings settings;
    settings.key_files = {{"admin", (folder.path() / "key").string()}};
    if (!write_file_atomically(folder.path() / "key", secret)) throw std::runtime_error("no key file");
    settings.node_of_token = [this](const std::string& token) { return tokens->node_of(token, {}); };
    access = must(Access::open(must(store::Database::open("sqlite:" + (folder.path() / "t.db").string())),
                               std::move(settings), "127.0.0.1:0"));
    const auto told = [](const http::Request& request) {
      http::Response out;
      out.body = viewer_of(request).name;
      return out;
    };
    http::ServerOptions options;
    options.address = "127.0.0.1:0";
    server = must(http::Server::listen(
        std::move(options),
        access->guard({{"POST", kLayout, told}, {"GET", "/k8s-monitor/api/v1/gpu/overview", told}}, "/k8s-monitor")));
  }
  http::ClientResponse ask(const std::string& method, const std::string& path, const std::string& token) {
    http::ClientRequest request;
    request.method = method;
    request.url = "http://" + server->address() + "/k8s-monitor/api/v1" + path;
    request.headers = {{"Authorization", "Bearer " + token}};
    if (method == "POST") request.body = "{}";
    return must(client.send(request));
  }
  TempDir folder;
  const std::string secret = must(make_key()).secret;
  std::unique_ptr<Access> access;
  std::unique_ptr<http::Server> server;  // before access goes
  http::Client client;
};

TEST_F(NodeTokensAtTheDoor, OpenTheNodesOwnRouteAndNoOther) {
  const auto mine = ask("POST", "/nodes/w-2/layout", "t.new.2");
  EXPECT_EQ(mine.status, 200) << mine.body;
  EXPECT_EQ(mine.body, "w-2") << "by which the route knows the node from others";
  EXPECT_EQ(ask("POST", "/nodes/w-1/layout", "t.of.another").status, 403);
  EXPECT_EQ(ask("POST", "/nodes/w-1/layout", "t.not.known").status, 401);
  EXPECT_EQ(ask("GET", "/gpu/overview", "t.new.2").status, 401) << "a token of a node is good for its layout alone";
  EXPECT_EQ(ask("POST", "/nodes/w-1/layout", secret).status, 200) << "keys as before";
  stub->go_away();
  const auto away = ask("POST", "/nodes/w-1/layout", "t.old.1");
  EXPECT_EQ(away.status, 503);
  EXPECT_THAT(away.body, HasSubstr("cluster-unavailable"));
}

}  // namespace
}  // namespace tessera::server
