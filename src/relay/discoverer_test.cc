// Discovery against API servers that tell with which credentials they were asked, and explanations by several of them.
#include "relay/discoverer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <nlohmann/json.hpp>
#include <set>

#include "base/files.h"
#include "http/server.h"
#include "http/test_certificate.h"

namespace tessera::relay {
namespace {
using namespace std::chrono_literals;
using nlohmann::json;
using testing::Contains;

using testing::HasSubstr;
using testing::SizeIs;

constexpr auto kPatience = 60s;

/// An API server with one pod, which every list and watch of any credentials shows.
class PlayedApi {
 public:
  explicit PlayedApi(std::string name, std::optional<http::TlsOptions> tls = {}) : name_(std::move(name)) {
    http::ServerOptions options;
    options.address = "127.0.0.1:0";
    options.tls = std::move(tls);
    const auto list = [this](const http::Request& request) { return answer(request); };
    const auto one = [this](const http::Request& request) {
      http::Response response;
      response.status = request.param("pod") == name_ ? 200 : 404;
      response.body = response.status == 200 ? this->pod().dump() : "{}";
      return response;
    };
    auto server = http::Server::listen(options, {{"GET", "/api/v1/pods", list},
                                                 {"GET", "/api/v1/namespaces/gpu/pods", list},
                                                 {"GET", "/api/v1/namespaces/gpu/pods/{pod}", one}});
    EXPECT_TRUE(server) << server.error().what;
    server_ = *std::move(server);
  }
  std::string address() const { return server_->address(); }
  std::string port() const { return std::to_string(server_->port()); }

  /// Waits until lists were asked for in that many ways: values of the headers Authorization and X-Tenant.
  bool asked(std::size_t ways) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return ways_.size() >= ways; });
  }
  std::multiset<std::string> ways() {
    const std::lock_guard lock(mutex_);
    return ways_;
  }

 private:
  /// Its name is also what it says that it is.
  json pod() const {
    return {{"metadata",
             {{"name", name_}, {"namespace", "gpu"}, {"uid", "u1"}, {"labels", {{"app.kubernetes.io/name", name_}}}}},
            {"spec", {{"nodeName", "n1"}, {"containers", {{{"name", "c"}, {"ports", {{{"containerPort", 8080}}}}}}}}},
            {"status", {{"phase", "Running"}, {"podIP", "127.0.0.1"}}}};
  }
  http::Response answer(const http::Request& request) {
    http::Response response;
    if (!request.query_value("watch").empty()) {
      response.status = 503;  // a watch that never opens: lists are all that is looked at here
      return response;
    }
    const std::lock_guard lock(mutex_);
    ways_.insert(std::string(request.header("authorization")) + "|" + std::string(request.header("x-tenant")));
    changed_.notify_all();
    response.body = json{{"kind", "PodList"}, {"metadata", {{"resourceVersion", "1"}}}, {"items", {pod()}}}.dump();
    return response;
  }

  const std::string name_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::multiset<std::string> ways_;
  std::unique_ptr<http::Server> server_;
};

/// The targets that were told last.
class Told {
 public:
  bool wait_for(const std::vector<std::string>& urls) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] {
      std::vector<std::string> now;
      for (const Target& target : targets_) now.push_back(target.url);
      std::ranges::sort(now);
      return now == urls;
    });
  }
  Discoverer::Tell tell() {
    return [this](std::vector<Target> targets, const std::set<std::string>&) {
      const std::lock_guard lock(mutex_);
      targets_ = std::move(targets);
      changed_.notify_all();
    };
  }
  /// Of the one at this URL.
  std::string key_of(const std::string& url) {
    const std::lock_guard lock(mutex_);
    const auto at = std::ranges::find(targets_, url, &Target::url);
    return at == targets_.end() ? "" : at->key();
  }
  bool wait(std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return targets_.size() == count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Target> targets_;
};

Config config_of(const std::string& text) {
  auto config = parse_config(text, "r.yaml");
  EXPECT_TRUE(config) << config.error().what;
  return config ? *std::move(config) : Config{};
}

std::string pods_job(const std::string& name, const std::string& server, const std::string& more) {
  return fmt::format("- {{job_name: {}, kubernetes_sd_configs: [{{role: pod, api_server: '{}'{}}}]}}\n", name, server,
                     more);
}

TEST(Discoverer, SharesAWatchOnlyWhereTheCredentialsAreTheSame) {
  PlayedApi api("p1");
  const std::string url = "http://" + api.address();
  const Config config = config_of("scrape_configs:\n" + pods_job("a", url, ", authorization: {credentials: one}") +
                                  pods_job("b", url, ", authorization: {credentials: two}") +
                                  pods_job("c", url, ", authorization: {credentials: one}"));
  Told told;
  const auto discoverer = Discoverer::start(config, {}, told.tell());
  EXPECT_THAT(discoverer->sources(), SizeIs(2));
  ASSERT_TRUE(told.wait(3));
  EXPECT_THAT(api.ways(), testing::AllOf(Contains("Bearer one|"), Contains("Bearer two|")));
}

TEST(Discoverer, AsksTheApiServerWithAllThatIsConfigured) {
  const TempDir dir;
  const http::TestCertificate ca("ca"), server("localhost", &ca), client("relay", &ca);
  ca.write(dir.path() / "ca.pem", dir.path() / "ca.key");
  server.write(dir.path() / "server.pem", dir.path() / "server.key");
  client.write(dir.path() / "client.pem", dir.path() / "client.key");
  http::TlsOptions tls;
  tls.cert_file = dir.path() / "server.pem";
  tls.key_file = dir.path() / "server.key";
  tls.client_ca_file = dir.path() / "ca.pem";
  tls.min_version = tls.max_version = "TLS12";
  PlayedApi api("p1", tls);
  const auto text = [&](const char* name) { return json(*read_file(dir.path() / name)).dump(); };  // one line of YAML
  const auto config_with = [&](const std::string& versions) {
    return config_of("scrape_configs:\n" +
                     pods_job("a", "https://" + api.address(),
                              fmt::format(", http_headers: {{X-Tenant: {{values: [t1]}}}}, tls_config: {{server_name: "
                                          "localhost, ca: {}, cert: {}, key: {}, {}}}",
                                          text("ca.pem"), text("client.pem"), text("client.key"), versions)));
  };
  const Config config = config_with("max_version: TLS12");
  Told told;
  {
    const auto discoverer = Discoverer::start(config, {}, told.tell());
    ASSERT_TRUE(told.wait(1)) << discoverer->sources().at(0).problem;
  }
  EXPECT_THAT(api.ways(), Contains("|t1"));
  const Config newer = config_with("min_version: TLS13");
  const auto refused = Discoverer::start(newer, {}, told.tell())->explainer().explain("gpu", "p1");
  ASSERT_FALSE(refused) << "the server speaks no TLS 1.3";
  EXPECT_THAT(refused.error().what, HasSubstr("https://"));
}

TEST(Discoverer, FallsBackToDcgmExporterWhileTheAgentIsSilent) {
  PlayedApi of_agent("tessera-agent"), of_dcgm("dcgm-exporter");
  Config config = config_of("builtinTargets: {vllm: false, sglang: false}\n");
  ASSERT_THAT(config.jobs, SizeIs(2));
  for (Job& job : config.jobs) {
    auto& pods = std::get<PodDiscovery>(job.discoveries.at(0));
    pods.api_server = "http://" + (pods.builtin == BuiltinKind::TesseraAgent ? of_agent : of_dcgm).address();
  }
  std::mutex mutex;
  std::set<std::string> silent;
  const auto is_silent = [&] {
    const std::lock_guard lock(mutex);
    return silent;
  };
  const auto become = [&](std::set<std::string> keys) {
    const std::lock_guard lock(mutex);
    silent = std::move(keys);
  };
  Told told;
  const auto discoverer = Discoverer::start(config, {}, told.tell(), is_silent);
  const std::string agent = "http://127.0.0.1:8080/metrics";
  ASSERT_TRUE(told.wait_for({agent})) << "elected";
  const std::string key = told.key_of(agent);
  for (std::uint64_t times = 1; times <= 2; ++times) {
    become({key, "another"});
    ASSERT_TRUE(told.wait_for({agent, agent}));
    EXPECT_EQ(discoverer->fallbacks().nodes, std::set<std::string>{"n1"});
    EXPECT_EQ(discoverer->fallbacks().begun, times);
    become({"another"});
    ASSERT_TRUE(told.wait_for({agent}));
    EXPECT_TRUE(discoverer->fallbacks().nodes.empty());
  }
}

TEST(Explainer, AsksEveryServerThatCouldKnowThePod) {
  PlayedApi first("p1"), second("p2");
  const Config config = config_of("scrape_configs:\n" + pods_job("one", "http://" + first.address(), "") +
                                  pods_job("two", "http://" + second.address(), "") +
                                  pods_job("elsewhere", "http://" + second.address(), ", namespaces: {names: [web]}") +
                                  pods_job("dead", "http://127.0.0.1:1", ""));
  const Explainer explainer(config.jobs, "");
  for (const auto& [pod, job] : {std::pair("p1", 0U), std::pair("p2", 1U)}) {
    const auto explained = explainer.explain("gpu", pod);
    ASSERT_TRUE(explained) << explained.error().what;
    ASSERT_THAT(*explained, SizeIs(4));
    EXPECT_THAT((*explained)[job].walk.targets, SizeIs(1)) << pod;
    const Step& other = (*explained)[1 - job].walk.steps.back();
    EXPECT_EQ(other.step, "server");
    EXPECT_THAT(other.detail, HasSubstr("404"));
    EXPECT_EQ((*explained)[2].walk.steps.back().step, "namespace");
    EXPECT_EQ((*explained)[3].walk.steps.back().step, "server");
  }
  const auto nobody = explainer.explain("gpu", "p3");
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().code, Code::Unavailable) << "the dead server might know it";
  const Explainer living({config.jobs[0], config.jobs[1]}, "");
  EXPECT_EQ(living.explain("gpu", "p3").error().code, Code::NotFound);
  EXPECT_TRUE(living.explain("gpu", "p1"));
}

}  // namespace
}  // namespace tessera::relay
