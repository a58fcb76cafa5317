// Relay and server as pods of a real cluster would run them: with the account, the rights and the configuration that
// the chart gives them, and with no others.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>

#include "base/files.h"
#include "base/text.h"
#include "http/client.h"
#include "tests/e2e/node.h"
#include "tests/e2e/prometheus.h"
#include "tests/e2e_relay/relay.h"
#include "tests/kube/cluster_test.h"

namespace tessera::e2e {
namespace {
using testing::HasSubstr;
using testing::Not;

class ClusterPrograms : public OnCluster {
 protected:
  static constexpr const char* kSpace = "running";
  /// One release for the relays of these tests.
  Installed& release() {
    if (!release_) release_ = std::make_unique<Installed>(cluster(), "tessera", kSpace, "cluster: seoul");
    return *release_;
  }
  static void TearDownTestSuite() { release_.reset(); }
  /// A relay of that release, which sends to nobody.
  std::unique_ptr<Relay> relay(const std::vector<std::string>& more = {}) {
    release();
    std::vector<std::string> flags = {"--service-account", cluster().service_account(kSpace, "tessera-relay").string()};
    flags.insert(flags.end(), more.begin(), more.end());
    return std::make_unique<Relay>("builtinTargets: {tesseraAgent: true}\nglobalInterval: 1s\n", std::move(flags),
                                   cluster().environment());
  }

  /// The agents' pods of a release that are here to stay, by node; with an address where they run.
  std::map<std::string, std::string> agents(const Installed& of, bool running) {
    std::map<std::string, std::string> out;
    const Json all = cluster().get(of.in("v1", "pods?labelSelector=app.kubernetes.io/name=tessera-agent"));
    for (const Json& pod : all["items"])
      if (pod["spec"].contains("nodeName") && !pod["metadata"].contains("deletionTimestamp") &&
          (!running || pod["status"].contains("podIP")))
        out[pod["spec"]["nodeName"]] = pod["metadata"]["name"];
    return out;
  }
  /// How often the relay's account has listed pods so far.
  std::size_t lists_of_pods() {
    const std::string us = fmt::format("system:serviceaccount:{}:tessera-relay", kSpace);
    const auto all = cluster().requests();
    return static_cast<std::size_t>(std::ranges::count_if(all, [&](const Json& request) {
      return request.at("user").value("username", "") == us && request.at("verb") == "list" &&
             request.value("objectRef", Json::object()).value("resource", "") == "pods";
    }));
  }

  static std::unique_ptr<Installed> release_;
};
std::unique_ptr<Installed> ClusterPrograms::release_;

TEST_F(ClusterPrograms, TheRelayFindsTheAgentsByItsShippedRights) {
  const auto relay = this->relay();
  // As they are found: all hollow pods have one address, so that all but one are doubles later.
  const auto finds = [&](double agents) {
    return soon([&] { return relay->sum("tessera_relay_discovery_source_targets") == agents; });
  };
  EXPECT_TRUE(soon([&] { return agents(release(), true).size() == 2; }));
  EXPECT_TRUE(finds(2)) << relay->page("/targets");
  cluster().done({"label", "node", std::string(kGpuNode), "nvidia.com/gpu.present-"});
  EXPECT_TRUE(finds(1)) << relay->page("/targets");

  // It is held while the API server begins anew, a pod comes, and etcd forgets what was before: without a cache, the
  // server could tell it all from there else.
  relay->process().signal(SIGSTOP);
  cluster().restart_api_server({"--watch-cache=false"});
  cluster().done({"label", "node", std::string(kGpuNode), "nvidia.com/gpu.present=true"});
  EXPECT_TRUE(soon([&] { return agents(release(), true).size() == 2; }));
  cluster().compact();
  const std::size_t lists = lists_of_pods();
  relay->process().signal(SIGCONT);
  EXPECT_TRUE(finds(2)) << relay->process().output();
  EXPECT_GT(lists_of_pods(), lists) << "it went on from a version that is forgotten\n" << relay->process().output();

  // No more than that.
  const std::string as = fmt::format("--as=system:serviceaccount:{}:tessera-relay", kSpace);
  EXPECT_THAT(cluster().kubectl({"auth", "can-i", "list", "secrets", as}).output, HasSubstr("no"));
  EXPECT_THAT(cluster().kubectl({"auth", "can-i", "delete", "pods", as}).output, HasSubstr("no"));
}

TEST_F(ClusterPrograms, RelaysSeeEachOtherByLeases) {
  std::vector<std::unique_ptr<Relay>> relays;
  for (int i = 0; i < 2; ++i)
    relays.push_back(this->relay(
        {"--shard", fmt::format("{}/2", i), "--shard-lease-duration", "3s", "--shard-lease", "tessera-relay"}));
  const auto living = [&](std::size_t i) {
    return relays[i]->sum("tessera_relay_shard_members", {"state=\"living\""});
  };
  EXPECT_TRUE(soon([&] { return living(0) == 2 && living(1) == 2; })) << relays[0]->process().output();
  const std::string leases = release().in("coordination.k8s.io/v1", "leases");
  EXPECT_TRUE(soon([&] { return cluster().get(leases)["items"].size() == 2; })) << cluster().get(leases);
  const Json account = at(release().in("v1", "serviceaccounts/tessera-relay"), "/metadata/uid");
  for (const Json& lease : cluster().get(leases)["items"]) {
    EXPECT_EQ(lease["metadata"]["ownerReferences"][0]["uid"], account) << "an uninstall leaves none";
  }
  relays[1]->kill();
  EXPECT_TRUE(soon([&] { return living(0) == 1; })) << relays[0]->process().output();
}

/// A server of the release "tessera" in its account's place, and where it answers.
class ClusterServer {
 public:
  ClusterServer(ControlPlane& cluster, const std::string& space, const std::string& settings)
      : server_({program("tessera-server"), "--config", config_of(cluster, space, settings), "--data",
                 (folder_.path() / "data").string(), "--address", "127.0.0.1:0"},
                cluster.environment()) {
    std::string address = server_.after("server ready");
    EXPECT_THAT(address, HasSubstr("address=")) << server_.output();
    address = address.substr(address.find("address=") + 8);
    url_ = "http://" + address.substr(0, address.find(' '));
  }
  bool shows(const std::string& line) {
    return eventually([&] { return fetch(client_, url_ + "/metrics").find(line) != std::string::npos; });
  }
  http::ClientResponse post(const std::string& path, const std::string& token) {
    http::ClientRequest request;
    request.method = "POST";
    request.url = url_ + path;
    request.body = R"({"devices":[]})";
    request.headers = {{"Content-Type", "application/json"}, {"Authorization", "Bearer " + token}};
    auto reply = client_.send(request);
    if (!reply) throw std::runtime_error(reply.error().what);
    return *std::move(reply);
  }
  std::string output() const { return server_.output(); }

 private:
  std::string config_of(ControlPlane& cluster, const std::string& space, const std::string& settings) const {
    const auto file = folder_.path() / "server.yaml";
    const std::string account = cluster.service_account(space, "tessera-server").string();
    if (!write_file_atomically(file,
                               fmt::format("cluster-metadata: {{enabled: 'true', cluster: seoul, service-account: "
                                           "{}}}\n{}",
                                           account, settings)))
      throw std::runtime_error("cannot write " + file.string());
    return file.string();
  }
  const TempDir folder_;
  Child server_;
  std::string url_;
  http::Client client_;
};

void expect_layouts_are_told_to_their_nodes(ControlPlane& cluster, ClusterServer& server,
                                            std::map<std::string, std::string> pods) {
  const auto token = [&](const std::string& audience, const std::string& pod) {
    return std::string(trim(cluster.done({"create", "token", "tessera-agent", "--namespace", "cutting", "--audience",
                                          audience, "--bound-object-kind", "Pod", "--bound-object-name", pod})));
  };
  const auto ask = [&](std::string_view node, const std::string& shown) {
    return server.post(fmt::format("/k8s-monitor/api/v1/nodes/{}/layout?cluster=seoul", node), shown);
  };
  const std::string pod = pods[std::string(kGpuNode)], mine = token("tessera", pod);
  EXPECT_THAT(ask(kGpuNode, mine).body, HasSubstr("unknown-cluster"))
      << "it is let in, and nobody has told of GPUs yet";
  EXPECT_THAT(ask(kTaintedNode, mine).body, HasSubstr("another-node"));
  EXPECT_THAT(ask(kGpuNode, token("tessera", pods[std::string(kTaintedNode)])).body, HasSubstr("another-node"));
  EXPECT_EQ(ask(kGpuNode, token("https://kubernetes.default.svc", pod)).status, 401) << "for somebody else";
}

TEST_F(ClusterPrograms, TheServerWatchesTheClusterByItsShippedRights) {
  release_.reset();
  // Its agents get no further than to their nodes: hollow ones have no /dev for what cuts devices.
  const Installed release(cluster(), "tessera", "cutting", "cluster: seoul\nagent: {layout: {enabled: true}}");
  EXPECT_TRUE(soon([&] { return agents(release, false).size() == 2; }));
  ClusterServer server(cluster(), "cutting", "server: {access: {node-accounts: [cutting/tessera-agent]}}");
  EXPECT_TRUE(server.shows("tessera_server_cluster_objects{resource=\"nodes\"} 3")) << server.output();
  for (const char* resource : {"nodes", "namespaces", "pods", "resourcequotas"})
    EXPECT_TRUE(server.shows(fmt::format("tessera_server_cluster_watch_connected{{resource=\"{}\"}} 1", resource)));
  expect_layouts_are_told_to_their_nodes(cluster(), server, agents(release, false));
  cluster().done({"create", "-f", "-"}, "{apiVersion: v1, kind: Node, metadata: {name: comes-and-goes}}");
  EXPECT_TRUE(server.shows("tessera_server_cluster_objects{resource=\"nodes\"} 4"));
  EXPECT_THAT(server.output(), Not(HasSubstr("forbidden")));
  cluster().restart_api_server();  // which may refuse everybody until it has read all roles
  cluster().done({"delete", "node", "comes-and-goes"});
  EXPECT_TRUE(server.shows("tessera_server_cluster_objects{resource=\"nodes\"} 3")) << "after the API server was away\n"
                                                                                    << server.output();
}

}  // namespace
}  // namespace tessera::e2e
