// The operator on a real control plane: one command installs all, by the rights that the chart gives it; what is
// changed is repaired, what is switched off goes, and where nothing changes nothing is written.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>

#include "base/text.h"
#include "http/client.h"
#include "tests/e2e/node.h"
#include "tests/e2e/prometheus.h"
#include "tests/kube/cluster_test.h"

namespace tessera::e2e {
namespace {
using testing::IsEmpty;

class ClusterOperator : public OnCluster {
 protected:
  static constexpr const char* kSpace = "operated";
  /// The program that the chart's pods would be, of its account.
  std::unique_ptr<Child> start() {
    auto out = std::make_unique<Child>(
        std::vector<std::string>{program("tessera-operator"), "--address", "127.0.0.1:0", "--lease-duration", "3s",
                                 "--service-account", cluster().service_account(kSpace, "tessera-operator").string()},
        cluster().environment());
    EXPECT_TRUE(out->says("operator ready")) << out->output();
    return out;
  }
  std::string in(const std::string& group, const std::string& rest) {
    return fmt::format("/apis/{}/namespaces/{}/{}", group, kSpace, rest);
  }
  bool is_there(const std::string& path) {
    return soon([&] { return cluster().has(path); });
  }
  bool is_gone(const std::string& path) {
    return soon([&] { return !cluster().has(path); });
  }
  /// What the operator has asked for so far, of writes or of everything, but for its lease.
  std::vector<std::string> asked(const std::set<std::string>& verbs) {
    const std::string us = fmt::format("system:serviceaccount:{}:tessera-operator", kSpace);
    std::vector<std::string> out;
    for (const Json& request : cluster().requests())  // of whom nobody knows yet has no name
      if (request.at("user").value("username", "") == us && verbs.contains(request.at("verb")) &&
          request.value("objectRef", Json::object()).value("resource", "") != "leases")
        out.push_back(
            fmt::format("{} {}", request["verb"].get<std::string>(), request["requestURI"].get<std::string>()));
    return out;
  }
  std::string metrics(Child& one) {
    std::string address = one.after("operator ready");
    address = address.substr(address.find("address=") + 8);
    address = address.substr(0, address.find(' '));
    return fetch(client_, fmt::format("http://{}/metrics", address));
  }
  bool leads(Child& one) { return metrics(one).find("\ntessera_operator_leader 1") != std::string::npos; }
  /// Of a counter on its page, over all its labels.
  double sum(Child& one, const std::string& name, const std::string& label) {
    double out = 0;
    const std::string page = metrics(one);
    for (const auto line : split(page, '\n'))
      if (line.starts_with(name + '{') && line.find(label) != std::string_view::npos)
        out += parse_double(line.substr(line.rfind(' ') + 1)).value_or(0);
    return out;
  }
  bool tells(const std::string& condition, const std::string& reason, const std::string& words) {
    return soon([&] {
      for (const Json& one : at(kMonitors + "/tessera", "/status/conditions"))
        if (one["type"] == condition)
          return one["reason"] == reason && one["message"].get<std::string>().find(words) != std::string::npos;
      return false;
    });
  }
  Json lease() { return at(in("coordination.k8s.io/v1", "leases/tessera-operator"), "/spec"); }
  /// Waits until the leader has renewed its lease so often: the clock that the operator itself goes by.
  bool renews(int times) {
    for (Json last = lease(); times > 0; --times) {
      const bool renewed = soon([&] {
        const Json now = lease();
        return now.value("renewTime", "") != std::exchange(last, now).value("renewTime", "");
      });
      if (!renewed) return false;
    }
    return true;
  }
  /// What is written in a window of ten renewals, as soon as there is one without a write: until then the cluster
  /// itself changes. Whoever writes without need does so in every window.
  std::vector<std::string> written_at_rest() {
    constexpr int kWindows = 8, kRenewals = 10;
    std::vector<std::string> written;
    for (int i = 0; i < kWindows; ++i) {
      const std::size_t before = asked(kWrites).size();
      EXPECT_TRUE(renews(kRenewals));
      const auto after = asked(kWrites);
      written.assign(after.begin() + static_cast<std::ptrdiff_t>(std::min(before, after.size())), after.end());
      if (written.empty()) break;
    }
    return written;
  }
  http::Client client_;
  const std::set<std::string> kReads = {"get", "list", "watch"};
  const std::set<std::string> kWrites = {"create", "update", "patch", "delete", "deletecollection"};
};

/// How often the operator has read each of what it watches, since `from` of its reads: "list /api/v1/pods?…" to 3.
std::map<std::string, int> reads_since(const std::vector<std::string>& reads, std::size_t from) {
  std::map<std::string, int> out;
  for (std::size_t i = from; i < reads.size(); ++i) ++out[reads[i].substr(0, reads[i].find('?'))];
  return out;
}

constexpr const char* kValues = "operator: {enabled: true}\ncluster: seoul\n";
constexpr const char* kWithAdmission = "server: {admission: {enabled: true}}\n";

TEST_F(ClusterOperator, OneCommandInstallsAllAndKeepsIt) {
  Installed release(cluster(), "tessera", kSpace, std::string(kValues) + kWithAdmission);
  cluster().done({"create", "quota", "none", "--hard=pods=0", "--namespace", kSpace});
  const auto first = start(), second = start();
  EXPECT_TRUE(tells("NodeAgentReady", "PodsRefused", "exceeded quota")) << first->output() << second->output();
  cluster().done({"delete", "quota", "none", "--namespace", kSpace});
  const std::string agents = in("apps/v1", "daemonsets/tessera-node-agent"),
                    relay = in("apps/v1", "statefulsets/tessera-relay"),
                    server = in("apps/v1", "deployments/tessera-server"),
                    webhook =
                        "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/tessera-server-admission",
                    certificate = fmt::format("/api/v1/namespaces/{}/secrets/tessera-server-admission", kSpace);
  EXPECT_TRUE(becomes(agents, "/status/desiredNumberScheduled", 2)) << first->output() << second->output();
  for (const auto& path : {relay, server, webhook}) EXPECT_TRUE(is_there(path)) << path;
  EXPECT_EQ(at(webhook, "/webhooks/0/clientConfig/caBundle"), at(certificate, "/data/ca.crt"));
  EXPECT_TRUE(soon([&] { return at(kMonitors + "/tessera", "/status/conditions").is_array(); })) << first->output();

  // Deleted, and changed.
  cluster().done({"delete", "daemonset", "tessera-node-agent", "--namespace", kSpace});
  EXPECT_TRUE(becomes(agents, "/status/desiredNumberScheduled", 2));
  cluster().done({"scale", "statefulset", "tessera-relay", "--replicas=4", "--namespace", kSpace});
  EXPECT_TRUE(becomes(relay, "/spec/replicas", 1));
  cluster().done({"annotate", "deployment", "tessera-server", "mine=kept", "--namespace", kSpace});
  cluster().done({"delete", "clusterrolebinding", "tessera-relay"});
  cluster().done({"delete", "mutatingwebhookconfiguration", "tessera-server-admission"});
  EXPECT_TRUE(is_there(webhook));
  EXPECT_TRUE(is_there("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/tessera-relay"));
  EXPECT_EQ(at(server, "/metadata/annotations/mine"), "kept");

  // The leader dies; which of the two it is, its own page says.
  const bool first_leads = leads(*first);
  Child &leader = first_leads ? *first : *second, &left = first_leads ? *second : *first;
  leader.signal(SIGKILL);
  cluster().done({"delete", "daemonset", "tessera-node-agent", "--namespace", kSpace});
  EXPECT_TRUE(becomes(agents, "/status/desiredNumberScheduled", 2)) << first->output() << second->output();

  // The API server does, while the operator is held; what it knows is from before what etcd still knows, and its token
  // is no longer good.
  const double expired = sum(left, "tessera_operator_watch_errors_total", "error=\"expired\"");
  left.signal(SIGSTOP);
  cluster().renew_token(kSpace, "tessera-operator");
  cluster().restart_api_server({"--watch-cache=false"});
  cluster().done({"delete", "service", "tessera-server", "--namespace", kSpace, "--wait=false"});
  cluster().compact();
  left.signal(SIGCONT);
  EXPECT_TRUE(is_there(fmt::format("/api/v1/namespaces/{}/services/tessera-server", kSpace))) << left.output();
  EXPECT_GT(sum(left, "tessera_operator_watch_errors_total", "error=\"expired\""), expired) << metrics(left);

  // Nothing changes: nothing is written.
  EXPECT_THAT(written_at_rest(), IsEmpty());

  // A feature is switched off, and then all.
  release.install(std::string(kValues) + "relay: {enabled: false}\nserver: {enabled: false}");
  EXPECT_TRUE(is_gone(relay));
  for (const auto& path : {server, webhook, certificate}) EXPECT_TRUE(is_gone(path)) << path;
  EXPECT_TRUE(is_there(agents));
  release.uninstall();
  EXPECT_THAT(cluster().get(kMonitors)["items"], IsEmpty()) << "by now no operator may be left";
  EXPECT_TRUE(is_gone(agents));
  first->stop();
  second->stop();
  cluster().done({"delete", "persistentvolumeclaims", "--all", "--namespace", kSpace, "--wait=false"});
  EXPECT_TRUE(soon([&] { return cluster().ours().empty(); })) << fmt::format("{}", cluster().ours());
  const std::string leases = in("coordination.k8s.io/v1", "leases");
  EXPECT_TRUE(soon([&] { return cluster().get(leases)["items"].empty(); })) << cluster().get(leases);
  cluster().done({"delete", "crd", "gpumonitors.tessera.dev"});
}

/// For ten minutes, as tests/soak/operator_rest.sh asks for it by TESSERA_REST_SECONDS: what every window of a second
/// or ten has none of.
TEST_F(ClusterOperator, AtRestItWritesNothingAndReadsNoWatchOftenerThanOnceAMinute) {
  const char* seconds = std::getenv("TESSERA_REST_SECONDS");
  if (!seconds) GTEST_SKIP() << "TESSERA_REST_SECONDS is not set: ./dev soak does";
  Installed release(cluster(), "tessera", kSpace, std::string(kValues) + kWithAdmission);
  const auto one = start();
  EXPECT_TRUE(is_there(in("apps/v1", "deployments/tessera-server"))) << one->output();
  EXPECT_THAT(written_at_rest(), IsEmpty());
  const std::size_t writes = asked(kWrites).size(), reads = asked(kReads).size();
  EXPECT_TRUE(renews(std::atoi(seconds))) << "once a second, with a lease of three";
  EXPECT_EQ(asked(kWrites).size(), writes);
  const double minutes = std::atoi(seconds) / 60.0;
  const auto all = asked(kReads);
  for (const auto& [what, times] : reads_since(all, reads)) EXPECT_LE(times, std::max(1.0, minutes)) << what;
  std::printf("in %s renewals of the lease: %zu reads, %zu writes\n", seconds, all.size() - reads,
              asked(kWrites).size() - writes);
  release.uninstall();  // while the operator is there
}

}  // namespace
}  // namespace tessera::e2e
