// Relay and server as pods of a real cluster would run them: with the account, the rights and the configuration that
// the chart gives them, and with no others.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>

#include "base/text.h"
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
  /// A relay of the release "tessera", which sends to nobody.
  std::unique_ptr<Relay> relay(const std::string& space, const std::vector<std::string>& more = {}) {
    std::vector<std::string> flags = {"--service-account", cluster().service_account(space, "tessera-relay").string()};
    flags.insert(flags.end(), more.begin(), more.end());
    return std::make_unique<Relay>("builtinTargets: {tesseraAgent: true}\nglobalInterval: 1s\n", std::move(flags),
                                   cluster().environment());
  }
};

TEST_F(ClusterPrograms, TheRelayFindsTheAgentsByItsShippedRights) {
  const Installed release(cluster(), "tessera", "relaying");
  const auto relay = this->relay("relaying");
  // As they are found: all hollow pods have one address, so that all but one are doubles later.
  const auto finds = [&](double agents) {
    return soon([&] { return relay->sum("tessera_relay_discovery_source_targets") == agents; });
  };
  EXPECT_TRUE(finds(2)) << relay->page("/targets");
  cluster().done({"label", "node", std::string(kGpuNode), "nvidia.com/gpu.present-"});
  EXPECT_TRUE(finds(1)) << relay->page("/targets");
  cluster().kill("kube-apiserver");
  EXPECT_TRUE(soon([&] {
    return cluster().kubectl({"label", "node", std::string(kGpuNode), "nvidia.com/gpu.present=true"}).code == 0;
  }));
  EXPECT_TRUE(finds(2)) << "after the API server was away\n" << relay->process().output();
  // No more than that.
  const std::string as = "--as=system:serviceaccount:relaying:tessera-relay";
  EXPECT_THAT(cluster().kubectl({"auth", "can-i", "list", "secrets", as}).output, HasSubstr("no"));
  EXPECT_THAT(cluster().kubectl({"auth", "can-i", "delete", "pods", as}).output, HasSubstr("no"));
}

TEST_F(ClusterPrograms, RelaysSeeEachOtherByLeases) {
  const Installed release(cluster(), "tessera", "sharing");
  std::vector<std::unique_ptr<Relay>> relays;
  for (int i = 0; i < 2; ++i)
    relays.push_back(this->relay("sharing", {"--shard", fmt::format("{}/2", i), "--shard-lease-duration", "3s",
                                             "--shard-lease", "tessera-relay"}));
  const auto living = [&](std::size_t i) {
    return relays[i]->sum("tessera_relay_shard_members", {"state=\"living\""});
  };
  EXPECT_TRUE(soon([&] { return living(0) == 2 && living(1) == 2; })) << relays[0]->process().output();
  const std::string leases = release.in("coordination.k8s.io/v1", "leases");
  EXPECT_TRUE(soon([&] { return cluster().get(leases)["items"].size() == 2; })) << cluster().get(leases);
  relays[1]->kill();
  EXPECT_TRUE(soon([&] { return living(0) == 1; })) << relays[0]->process().output();
}

TEST_F(ClusterPrograms, TheServerWatchesTheClusterByItsShippedRights) {
  const Installed release(cluster(), "tessera", "serving");
  const TempDir folder;
  const auto config = folder.path() / "server.yaml";
  ASSERT_TRUE(write_file_atomically(
      config, fmt::format("cluster-metadata: {{enabled: 'true', cluster: seoul, service-account: {}}}\n",
                          cluster().service_account("serving", "tessera-server").string())));
  Child server({program("tessera-server"), "--config", config.string(), "--data", (folder.path() / "data").string(),
                "--address", "127.0.0.1:0"},
               cluster().environment());
  std::string address = server.after("server ready");
  ASSERT_THAT(address, HasSubstr("address=")) << server.output();
  address = address.substr(address.find("address=") + 8);
  address = address.substr(0, address.find(' '));
  http::Client client;
  const auto shows = [&](const std::string& line) {
    return eventually(
        [&] { return fetch(client, fmt::format("http://{}/metrics", address)).find(line) != std::string::npos; });
  };
  EXPECT_TRUE(shows("tessera_server_cluster_objects{resource=\"nodes\"} 3")) << server.output();
  for (const char* resource : {"nodes", "namespaces", "pods"})
    EXPECT_TRUE(shows(fmt::format("tessera_server_cluster_watch_connected{{resource=\"{}\"}} 1", resource)));
  cluster().done({"create", "-f", "-"}, "{apiVersion: v1, kind: Node, metadata: {name: comes-and-goes}}");
  EXPECT_TRUE(shows("tessera_server_cluster_objects{resource=\"nodes\"} 4"));
  cluster().kill("kube-apiserver");
  EXPECT_TRUE(soon([&] { return cluster().kubectl({"delete", "node", "comes-and-goes"}).code == 0; }));
  EXPECT_TRUE(shows("tessera_server_cluster_objects{resource=\"nodes\"} 3")) << "after the API server was away\n"
                                                                             << server.output();
  EXPECT_THAT(server.output(), Not(HasSubstr("forbidden")));
}

}  // namespace
}  // namespace tessera::e2e
