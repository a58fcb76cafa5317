// Discovery against API servers that tell with which credentials they were asked, explanations by several of them, and
// discovery by endpoints.
#include "relay/discoverer.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "base/files.h"
#include "http/server.h"
#include "http/test_certificate.h"

namespace tessera::relay {
namespace {
using namespace std::chrono_literals;
using nlohmann::json;
using testing::AllOf;
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
  /// Jobs that may have more targets.
  std::set<std::string> unread() {
    const std::lock_guard lock(mutex_);
    return unread_;
  }
  Discoverer::Tell tell() {
    return [this](std::vector<Target> targets, std::set<std::string> unread) {
      const std::lock_guard lock(mutex_);
      targets_ = std::move(targets);
      unread_ = std::move(unread);
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
  std::set<std::string> unread_;
};

http::Response answer(int status, std::string type, std::string body) {
  http::Response response;
  response.status = status;
  response.content_type = std::move(type);
  response.body = std::move(body);
  return response;
}

/// An endpoint that lists targets, and keeps who asked.
class PlayedEndpoint {
 public:
  PlayedEndpoint() {
    http::ServerOptions options;
    options.address = "127.0.0.1:0";
    auto server = http::Server::listen(options, {{"GET", "/sd", [this](const http::Request& request) {
                                                    const std::lock_guard lock(mutex_);
                                                    asked_.push_back(request);
                                                    changed_.notify_all();
                                                    return answer_;
                                                  }}});
    EXPECT_TRUE(server) << server.error().what;
    server_ = *std::move(server);
  }
  std::string address() const { return server_->address(); }
  void say(http::Response answer) {
    const std::lock_guard lock(mutex_);
    answer_ = std::move(answer);
  }
  void list(std::string text) { say(answer(200, "application/json", std::move(text))); }
  /// Waits for the next request that fulfils the condition.
  bool hears(const std::function<bool(const http::Request&)>& holds) {
    std::unique_lock lock(mutex_);
    asked_.clear();
    return changed_.wait_for(lock, kPatience, [&] { return std::ranges::any_of(asked_, holds); });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  http::Response answer_;
  std::vector<http::Request> asked_;
  std::unique_ptr<http::Server> server_;
};

bool eventually(const std::function<bool()>& holds) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < deadline) {
    if (holds()) return true;
    std::this_thread::sleep_for(5ms);
  }
  return false;
}

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

/// An agent and a dcgm-exporter on one node.
struct BothExporters {
  PlayedApi of_agent{"tessera-agent"}, of_dcgm{"dcgm-exporter"};
  Config config = config_of("builtinTargets: {vllm: false, sglang: false}\n");
  const std::string agent = "http://127.0.0.1:8080/metrics";
  BothExporters() {
    EXPECT_THAT(config.jobs, SizeIs(2));
    for (Job& job : config.jobs) {
      auto& pods = std::get<PodDiscovery>(job.discoveries.at(0));
      pods.api_server = "http://" + (pods.builtin == BuiltinKind::TesseraAgent ? of_agent : of_dcgm).address();
    }
  }
};

TEST(Discoverer, FallsBackToDcgmExporterWhileTheAgentIsSilent) {
  const BothExporters both;
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
  const auto discoverer = Discoverer::start(both.config, {}, told.tell(), is_silent);
  ASSERT_TRUE(told.wait_for({both.agent})) << "elected";
  const std::string key = told.key_of(both.agent);
  for (std::uint64_t times = 1; times <= 2; ++times) {
    become({key, "another"});
    ASSERT_TRUE(told.wait_for({both.agent, both.agent}));
    EXPECT_EQ(discoverer->fallbacks().nodes, std::set<std::string>{"n1"});
    EXPECT_EQ(discoverer->fallbacks().begun, times);
    become({"another"});
    ASSERT_TRUE(told.wait_for({both.agent}));
    EXPECT_TRUE(discoverer->fallbacks().nodes.empty());
  }
}

TEST(Discoverer, FallsBackWhereTheAgentFallsSilentWhileItIsElected) {
  const BothExporters both;
  Told first;
  const auto earlier = Discoverer::start(both.config, {}, first.tell());
  ASSERT_TRUE(first.wait_for({both.agent}));
  const std::string key = first.key_of(both.agent);
  for (const int answers : {1, 2, 3, 4}) {  // until it is silent: one of them is that of the election
    std::atomic<int> asked = 0;
    Told told;
    const auto discoverer = Discoverer::start(both.config, {}, told.tell(), [&] {
      return asked++ < answers ? std::set<std::string>() : std::set<std::string>{key};
    });
    EXPECT_TRUE(told.wait_for({both.agent, both.agent})) << answers;
  }
}

std::string endpoint_job(const std::string& url, const std::string& more) {
  return fmt::format(
      "scrape_configs:\n- {{job_name: a, http_sd_configs: [{{url: '{}', refresh_interval: 20ms{}}}], "
      "relabel_configs: [{{source_labels: [__meta_url], target_label: found_by}}]}}\n",
      url, more);
}

TEST(HttpDiscovery, AsksAsItIsConfigured) {
  const TempDir dir;
  const std::string token = dir.path() / "token";
  ASSERT_TRUE(write_file_atomically(token, "one\n"));
  static constexpr auto kWith = [](const char* name, const char* value) {
    return [=](const http::Request& request) { return request.header(name) == value; };
  };
  PlayedEndpoint endpoint;
  endpoint.list(R"([{"targets": ["h:1", "h:2"], "labels": {"rack": "7"}}, {"targets": ["h:3"]}])");
  const std::string url = "http://" + endpoint.address() + "/sd";
  Told told;
  {
    const Config config = config_of(endpoint_job(url, ", authorization: {credentials_file: '" + token + "'}"));
    const auto discoverer = Discoverer::start(config, {}, told.tell());
    ASSERT_TRUE(told.wait_for({"http://h:1/metrics", "http://h:2/metrics", "http://h:3/metrics"}));
    EXPECT_THAT(told.key_of("http://h:1/metrics"), AllOf(HasSubstr("rack=\"7\""), HasSubstr(url)));
    EXPECT_TRUE(endpoint.hears(kWith("authorization", "Bearer one")));
    EXPECT_TRUE(endpoint.hears(kWith("accept", "application/json")));
    EXPECT_TRUE(endpoint.hears(kWith("x-prometheus-refresh-interval-seconds", "0.02")));
    ASSERT_TRUE(write_file_atomically(token, "two\n"));
    EXPECT_TRUE(endpoint.hears(kWith("authorization", "Bearer two"))) << "read at every use";
    std::filesystem::remove(token);
    EXPECT_TRUE(eventually([&] { return !discoverer->sources().at(0).problem.empty(); }));
    EXPECT_THAT(discoverer->sources().at(0).problem, HasSubstr(token));
    EXPECT_EQ(discoverer->sources().at(0).targets, 3U);
  }
  const Config config = config_of(
      endpoint_job("http://ann:s3cret@" + endpoint.address() + "/sd", ", http_headers: {X-Tenant: {values: [t1]}}"));
  const auto discoverer = Discoverer::start(config, {}, told.tell());
  EXPECT_TRUE(endpoint.hears(kWith("authorization", "Basic YW5uOnMzY3JldA==")));
  EXPECT_TRUE(endpoint.hears(kWith("x-tenant", "t1")));
  EXPECT_EQ(discoverer->sources().at(0).what, "endpoint " + url) << "no password";
}

TEST(HttpDiscovery, KeepsTheLastGoodListThroughErrors) {
  constexpr std::size_t kLimit = 16U << 20U;
  constexpr const char* kJson = "application/json";
  const std::string good = R"([{"targets": ["h:1"]}])";
  const std::string longest = good + std::string(kLimit - good.size(), ' ');
  const struct {
    http::Response answer;
    std::string problem;
  } kCases[] = {{answer(500, kJson, "[]"), "HTTP status 500 (200 expected)"},
                {answer(401, kJson, "[]"), "HTTP status 401"},
                {answer(204, kJson, ""), "HTTP status 204"},
                {answer(200, "text/plain", "[]"), "content type 'text/plain' (application/json expected)"},
                {answer(200, kJson, R"([{"targets": ["h:)"), "expected a JSON list"},
                {answer(200, kJson, R"([{"targets": [7]}])"), "[0].targets: expected addresses"},
                {answer(200, kJson, longest + " "), "more than 16777216 bytes"}};
  PlayedEndpoint endpoint;
  endpoint.say(kCases[0].answer);
  const Config config = config_of(endpoint_job("http://" + endpoint.address() + "/sd", ""));
  Told told;
  const auto discoverer = Discoverer::start(config, {}, told.tell());
  const auto source = [&] { return discoverer->sources().at(0); };
  ASSERT_TRUE(eventually([&] { return !source().problem.empty(); }));
  EXPECT_FALSE(source().ready);
  EXPECT_TRUE(discoverer->ready()) << "it has said why not";
  ASSERT_TRUE(eventually([&] { return told.unread() == std::set<std::string>{"a"}; }));
  for (const auto& c : kCases) {
    endpoint.list(good);
    ASSERT_TRUE(eventually([&] { return source().problem.empty(); })) << source().problem;
    EXPECT_TRUE(source().ready);
    endpoint.say(c.answer);
    ASSERT_TRUE(eventually([&] { return !source().problem.empty(); })) << c.problem;
    EXPECT_THAT(source().problem, HasSubstr(c.problem));
    EXPECT_EQ(source().targets, 1U) << c.problem;
  }
  ASSERT_TRUE(told.wait_for({"http://h:1/metrics"}));
  EXPECT_TRUE(eventually([&] { return told.unread().empty(); }));
  endpoint.list(longest);
  ASSERT_TRUE(eventually([&] { return source().problem.empty(); })) << source().problem;
  endpoint.list("[]");  // a good list with nothing in it is no error
  ASSERT_TRUE(told.wait_for({}));
  EXPECT_EQ(source().problem, "");
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
