#include "server/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/files.h"

namespace tessera::server {
namespace {
using namespace std::chrono_literals;
using testing::HasSubstr;

Environment none() {
  return [](std::string_view) -> std::optional<std::string> { return std::nullopt; };
}

TEST(Settings, TakeEverySpelling) {
  for (const auto* text : {
           "gpu:\n  management:\n    metrics:\n      collection-interval: 15s\n",
           "gpu:\n  management:\n    metrics:\n      collectionInterval: 15s\n",
           "gpu.management.metrics.collection_interval: 15s\n",
           "gpu:\n  management.metrics:\n    COLLECTION-INTERVAL: 15s\n",
       }) {
    const auto settings = parse_settings(text, "s.yaml", none());
    ASSERT_TRUE(settings) << settings.error().what;
    EXPECT_EQ(settings->collection_interval, 15s) << text;
  }
}

TEST(Settings, SayHowAdviceIsGiven) {
  const auto settings = parse_settings(
      "gpu.management.advice: {every: 30m, window: 7d, loading: 1h, window-scale: 2, memory-headroom: 0.5, "
      "compute-headroom: 0, least-saving: 49.90, least-confidence: 0.6, off: [share, spot]}\n",
      "s.yaml", none());
  ASSERT_TRUE(settings) << settings.error().what;
  const AdviceSettings& advice = settings->advice;
  EXPECT_TRUE(advice.enabled);
  EXPECT_EQ(advice.every, 30min);
  EXPECT_EQ(advice.windowing.most, 7 * 24h);
  EXPECT_EQ(advice.windowing.loading, 1h);
  EXPECT_EQ(advice.options.time_scale, 2);
  EXPECT_EQ(advice.options.memory_headroom, 0.5);
  EXPECT_EQ(advice.options.compute_headroom, 0);
  EXPECT_EQ(advice.options.least_per_month, 49'900'000);
  EXPECT_EQ(advice.options.least_confidence, 0.6);
  EXPECT_EQ(advice.options.off, (std::set{fleet::advice::Kind::Share, fleet::advice::Kind::Spot}));
}

TEST(Settings, SayWhatIsWrongAndWhere) {
  constexpr std::pair<const char*, const char*> kCases[] = {
      {"gpu:\n  managment:\n    enabled: true\n", "s.yaml:2:3: gpu.managment: this key is not known"},
      {"gpu.management.metrics.colection-interval: 15s\n",
       "did you mean 'gpu.management.metrics.collection-interval'?"},
      {"gpu: 5\n", "a map of settings expected"},
      {"gpu.management.metrics.retention-days: x\n", "s.yaml:1:40: gpu.management.metrics.retention-days"},
      {"gpu.management.metrics.retention-days: 0d\n", "as 30 or 30d"},
      {"gpu.management.metrics.collection-interval: 10ms\n", "at least 1s expected"},
      {"cache.url: memcached://x\n", "redis://HOST"},
      {"server:\n  tls:\n    key: k.pem\n", "certificate and key belong together"},
      {"server.context-path: monitor\n", "a path with a slash before it"},
      {"database.url: jdbc:oracle\n", "sqlite:FILE, postgresql://"},
      {"server.access.oidc.issuer: http://idp.example\n", "an https:// URL expected"},
      {"server.access.oidc: {issuer: 'https://i', audience: a, roles: [{group: g, scope: [read]}]}\n", "scopes"},
      {"server.access.oidc: {issuer: 'https://i', audience: a, roles: [{group: g, scopes: [root]}]}\n",
       "'root' is no scope"},
      {"gpu.management.mig.kubernetes.way: both\n", "nvml"},
      {"gpu.management.allocation.policy: fdg\n", "packing"},
      {"gpu.management.mig.kubernetes.windows: [22:00]\n", "22:00-04:00"},
      {"gpu.management.mig.kubernetes.device-plugin.selectors: ['a b']\n", "a label selector expected"},
      {"gpu.management.mig.kubernetes.device-plugin.selectors: ['']\n", "a label selector expected"},
      {"gpu.management.mig.kubernetes.mig-manager.config-map: config\n", "NAMESPACE/NAME expected"},
      {"server.tls.client-ca: ca.pem\n", "it needs server.tls.certificate"},
      {"server.admission.address: :9443\n", "it needs server.admission.certificate"},
      {"server.admission.key: k.pem\n", "set server.admission.address"},
      {"server.admission.extender: true\n", "set server.admission.address"},
      {"server.admission: {address: ':9443', certificate: c, key: k}\ncluster-metadata.enabled: false\n",
       "it needs the cluster to be watched"},
      {"gpu.management.advice.every: 1s\n", "at least 1m expected"},
      {"gpu.management.advice.window: 1h\n", "at least 1d expected"},
      {"gpu.management.advice.least-saving: much\n", "money of a month expected"},
      {"gpu.management.advice.least-confidence: 2\n", "gpu.management.advice.least-confidence"},
      {"gpu.management.advice.off: [shar]\n", "share"},
      {"[1]\n", "a map of settings expected"},
  };
  for (const auto& [text, error] : kCases) {
    const auto settings = parse_settings(text, "s.yaml", none());
    ASSERT_FALSE(settings) << text;
    EXPECT_THAT(settings.error().what, HasSubstr(error)) << text;
  }
}

TEST(Settings, SayHowNodesAreChanged) {
  const auto settings = parse_settings(
      "gpu.management.mig.kubernetes:\n  way: mig-manager\n  strategy: single\n  windows: [22:00-04:00]\n"
      "  one-node-per: 3\n  device-plugin: {selectors: ['app=plugin,tier!=x'], namespace: gpu}\n"
      "  limits: {agent: 5m}\n",
      "s.yaml", none());
  ASSERT_TRUE(settings) << settings.error().what;
  const nodes::Rules& rules = settings->node_rules;
  EXPECT_EQ(rules.way, nodes::Way::MigManager);
  EXPECT_EQ(rules.strategy, nodes::Strategy::Single);
  EXPECT_EQ(text_of(rules.windows), "22:00-04:00");
  EXPECT_EQ(rules.one_node_per, 3);
  EXPECT_EQ(rules.plugin_selectors, std::vector<std::string>{"app=plugin,tier!=x"});
  EXPECT_EQ(rules.plugin_space, "gpu");
  EXPECT_EQ(rules.agent_limit, 5min);
}

TEST(Settings, TakeDaysAsADurationToo) {
  const auto read = [](const char* text) {
    return parse_settings(std::string("gpu.management.metrics.retention-days: ") + text, "", none());
  };
  for (const char* text : {"7", "7d", "1w", "168h"}) {
    const auto settings = read(text);
    ASSERT_TRUE(settings) << settings.error().what;
    EXPECT_EQ(settings->retention_days, 7) << text;
  }
  for (const char* text : {"0", "36h", "0d", "7x", "3661", "99999999y"}) EXPECT_FALSE(read(text)) << text;
}

TEST(Settings, WarnOfModelsThatNobodyKnows) {
  const auto settings = parse_settings("gpu.management.supported-models: [H100_80GB, H100_8OGB]\n", "", none());
  ASSERT_TRUE(settings);
  EXPECT_THAT(settings->warnings, testing::ElementsAre(HasSubstr("'H100_8OGB' is no model of the catalogue; did you "
                                                                 "mean 'H100_80GB'?")));
}

TEST(Settings, TellWhatHasNoEffect) {
  const auto settings = parse_settings("gpu.management.metrics.parallel-processing: true\n", "s.yaml", none());
  ASSERT_TRUE(settings);
  EXPECT_THAT(settings->warnings,
              testing::ElementsAre(HasSubstr("gpu.management.metrics.parallel-processing has no effect")));
}

TEST(Settings, TellGroupsWhatTheyMay) {
  const auto settings = parse_settings(
      "server:\n  access:\n    teams: {ml: research}\n    oidc:\n      issuer: https://login.example/r\n      "
      "audience: "
      "tessera\n      groupsClaim: realm_access.roles\n      roles:\n      - {group: admins, scopes: [admin]}\n      - "
      "{group: ml, scopes: [read, operate], namespaces: [ml], teams: []}\n",
      "s.yaml", none());
  ASSERT_TRUE(settings) << settings.error().what;
  ASSERT_TRUE(settings->oidc);
  EXPECT_EQ(settings->oidc->groups_claim, "realm_access.roles");
  EXPECT_EQ(settings->oidc->roles,
            (std::vector<OidcRole>{{"admins", {"admin"}},
                                   {"ml", {"read", "operate"}, {{"ml"}}, std::vector<std::string>{}}}));
  EXPECT_EQ(settings->teams.at("ml"), "research");
}

TEST(Settings, AnEmptyFileIsTheDefaults) {
  const auto settings = parse_settings("", "", none());
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->address, "127.0.0.1:8080");
  EXPECT_EQ(settings->collection_interval, 30s);
  EXPECT_TRUE(settings->warnings.empty());
}

TEST(Settings, TheEnvironmentStandsAboveTheFile) {
  const auto settings = parse_settings("server.address: :1\n", "s.yaml", [](std::string_view name) {
    return name == "TESSERA_SERVER_ADDRESS" ? std::optional<std::string>(":2") : std::nullopt;
  });
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->address, ":2");
}

TEST(Settings, TheEnvironmentNamesTheDatabase) {
  const struct {
    const char* file;
    std::map<std::string, std::string, std::less<>> variables;
    const char* url;
  } kCases[] = {
      {"", {{"DB_USERNAME", "u"}}, ""},
      {"", {{"DB_HOST", "db"}}, "postgresql://db:5432/tessera"},
      {"",
       {{"DB_HOST", "db"},
        {"DB_PORT", "6432"},
        {"DB_NAME", "fleet"},
        {"DB_USERNAME", "a b"},
        {"DB_PASSWORD", "p@:/?#"}},
       "postgresql://db:6432/fleet?user=a%20b&password=p%40%3A%2F%3F%23"},
      {"", {{"DB_HOST", "::1"}}, "postgresql://[::1]:5432/tessera"},
      {"", {{"DB_HOST", "/run/pg"}}, "postgresql://%2Frun%2Fpg:5432/tessera"},
      {"database.url: sqlite:x.db\n", {{"DB_PASSWORD", "p"}}, "sqlite:x.db"},
      {"database.url: sqlite:x.db\n", {{"DB_HOST", "db"}}, "postgresql://db:5432/tessera"},
      {"database.url: postgresql://h/n?sslmode=verify-full\n",
       {{"DB_PASSWORD", "p"}},
       "postgresql://h/n?sslmode=verify-full&password=p"},
  };
  for (const auto& one : kCases) {
    const auto settings = parse_settings(one.file, "s.yaml", [&](std::string_view name) -> std::optional<std::string> {
      const auto found = one.variables.find(name);
      return found == one.variables.end() ? std::nullopt : std::optional(found->second);
    });
    ASSERT_TRUE(settings) << settings.error().what;
    EXPECT_EQ(settings->database_url, one.url);
  }
}

Environment variables(std::map<std::string, std::string, std::less<>> all) {
  return [all = std::move(all)](std::string_view name) {
    const auto found = all.find(name);
    return found == all.end() ? std::nullopt : std::optional(found->second);
  };
}

TEST(Settings, EveryKeyHasAVariable) {
  const auto settings = parse_settings("gpu.management.metrics.collection-interval: 15s\n", "s.yaml",
                                       variables({{"GPU_MANAGEMENT_METRICS_COLLECTIONINTERVAL", "45s"},
                                                  {"GPU_MANAGEMENT_POOL_NODES", "worker-01, worker-02"},
                                                  {"GPU_MANAGEMENT_POOL_MAX_DEVICES", "8"},
                                                  {"GPU_MANAGEMENT_ENABLED", "false"},
                                                  {"DATABASE_URL", "sqlite::memory:"},
                                                  {"PROMETHEUS_URL", "http://it's:9090"}}));
  ASSERT_TRUE(settings) << settings.error().what;
  EXPECT_EQ(settings->collection_interval, 45s);
  EXPECT_THAT(settings->pool_nodes, testing::ElementsAre("worker-01", "worker-02"));
  EXPECT_EQ(settings->pool_max_devices, 8);
  EXPECT_FALSE(settings->enabled);
  EXPECT_EQ(settings->database_url, "sqlite::memory:");
  EXPECT_EQ(settings->prometheus_url, "http://it's:9090");
  EXPECT_THAT(parse_settings("", "", variables({{"GPU_MANAGEMENT_POOL_MAX_DEVICES", "many"}})).error().what,
              HasSubstr("gpu.management.pool.max-devices: environment GPU_MANAGEMENT_POOL_MAX_DEVICES"));
}

TEST(Settings, ProfilesAskForWhatTheyNeed) {
  const auto with = [](const char* profile, const char* text) {
    return parse_settings(text, "s.yaml", variables({{"TESSERA_PROFILE", profile}}));
  };
  EXPECT_EQ(with("development", "")->database_url, "sqlite::memory:");
  EXPECT_EQ(with("Development", "database.url: sqlite:x.db\n")->database_url, "sqlite:x.db");
  struct Case {
    const char *profile, *text, *error;
  };
  static constexpr Case kCases[] = {
      {"develpment", "", "did you mean development?"},
      {"development,production", "", "development goes with no other profile"},
      {"staging", "", "database.url must name a PostgreSQL"},
      {"production", "server.address: :1\n", "database.url must be said"},
  };
  for (const Case& c : kCases) {
    const auto settings = with(c.profile, c.text);
    ASSERT_FALSE(settings) << c.profile;
    EXPECT_THAT(settings.error().what, HasSubstr(c.error));
  }
  EXPECT_EQ(parse_settings("", "", variables({{"SPRING_PROFILES_ACTIVE", "development"}}))->profiles.front(),
            "development");
}

TEST(Settings, AProfileHasAFileOfItsOwn) {
  const TempDir folder;
  const std::string file = (folder.path() / "server.yaml").string();
  ASSERT_TRUE(write_file_atomically(file, "server.address: :1\nserver.context-path: /a\n"));
  ASSERT_TRUE(write_file_atomically(folder.path() / "server-development.yaml", "server.context-path: /b\n"));
  const auto settings = load_settings(file, variables({{"TESSERA_PROFILE", "development"}}));
  ASSERT_TRUE(settings) << settings.error().what;
  EXPECT_EQ(settings->address, ":1");
  EXPECT_EQ(settings->context_path, "/b");
  EXPECT_EQ(load_settings(file, none())->context_path, "/a");
}

}  // namespace
}  // namespace tessera::server
