// What an HTTP client gets: forms, codings, health, JSON, TLS and users; and that no scrape reaches the driver.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/text.h"
#include "tests/e2e/pages.h"
#include "tests/e2e/parsed_page.h"
#include "tests/e2e/prometheus.h"

namespace tessera::e2e {
namespace {

constexpr const char* kOpenMetrics = "application/openmetrics-text";

/// An agent whose page does not change: its first two collections are done, and the next is an hour away.
class StillPage : public testing::Test {
 protected:
  StillPage() {
    page_where(agent_, [](const std::string& page) { return collections(page) == 2; });
  }
  http::ClientResponse send(const std::string& method, const std::string& path) {
    http::ClientRequest request;
    request.method = method;
    request.url = agent_.url(path);
    auto reply = client_.send(request);
    EXPECT_TRUE(reply) << (reply ? "" : reply.error().what);
    return reply ? *std::move(reply) : http::ClientResponse{};
  }

  const Node node_{test_scenario("compat")};
  Agent agent_{node_, {"--interval", "1h"}};
  http::Client client_;
};

TEST_F(StillPage, AnswersInTheFormThatIsAskedFor) {
  // The third is what Prometheus 2.42 sends, the fourth what Prometheus 3 does.
  static constexpr struct {
    const char* accept;
    bool openmetrics;
  } kCases[] = {
      {"", false},
      {"*/*", false},
      {"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;"
       "version=0.0.4;q=0.5,*/*;q=0.1",
       true},
      {"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version="
       "0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
       true},
      {"text/plain;version=0.0.4", false},
      {"application/openmetrics-text;q=0.1,text/plain", false},
      {"text/html,application/xhtml+xml,*/*;q=0.8", false}};
  for (const auto& c : kCases) {
    const auto reply = agent_.get("/metrics", {{"Accept", c.accept}});
    EXPECT_EQ(reply.status, 200) << c.accept;
    EXPECT_EQ(reply.header("content-type").starts_with(c.openmetrics ? kOpenMetrics : "text/plain; version=0.0.4"),
              true)
        << c.accept << ": " << reply.header("content-type");
    EXPECT_EQ(reply.body.ends_with("# EOF\n"), c.openmetrics) << c.accept;
    EXPECT_TRUE(read_page(reply.body)) << c.accept;
    EXPECT_NE(reply.header("vary").find("Accept"), std::string::npos);
  }
}

std::string unpacked(const std::string& gzipped) {
  const TempDir dir;
  const std::string file = (dir.path() / "page.gz").string();
  EXPECT_TRUE(write_file_atomically(file, gzipped));
  const Finished gunzip = run({"gzip", "-dc", file});
  EXPECT_EQ(gunzip.code, 0) << gunzip.output;
  return gunzip.output;
}

TEST_F(StillPage, PacksTheSameTextWhereThatIsAccepted) {
  for (const char* accept : {"text/plain", kOpenMetrics}) {
    const auto plain = agent_.get("/metrics", {{"Accept", accept}});
    const auto packed = agent_.get("/metrics", {{"Accept", accept}, {"Accept-Encoding", "gzip"}});
    EXPECT_EQ(plain.header("content-encoding"), "");
    EXPECT_EQ(packed.header("content-encoding"), "gzip");
    EXPECT_EQ(packed.header("content-type"), plain.header("content-type"));
    EXPECT_LT(packed.body.size(), plain.body.size() / 4);
    EXPECT_EQ(unpacked(packed.body), plain.body);
  }
  const auto refused = agent_.get("/metrics", {{"Accept-Encoding", "br, gzip;q=0"}});
  EXPECT_EQ(refused.header("content-encoding"), "");
}

TEST_F(StillPage, AnswersHeadAndRefusesTheRest) {
  const auto get = send("GET", "/metrics");
  const auto head = send("HEAD", "/metrics");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.body, "");
  EXPECT_EQ(head.header("content-type"), get.header("content-type"));
  EXPECT_EQ(head.header("content-length"), std::to_string(get.body.size()));
  static constexpr struct {
    const char *method, *path;
    int status;
  } kCases[] = {{"GET", "/nothing", 404},    {"GET", "/metrics/", 404},        {"POST", "/metrics", 405},
                {"GET", "/livez", 200},      {"GET", "/readyz", 200},          {"DELETE", "/livez", 405},
                {"GET", "/", 200},           {"GET", "/api/v1/snapshot", 200}, {"HEAD", "/readyz", 200},
                {"GET", "/metrics?x=1", 200}};
  for (const auto& c : kCases) EXPECT_EQ(send(c.method, c.path).status, c.status) << c.method << ' ' << c.path;
}

TEST_F(StillPage, TellsTheSameNumbersAsJson) {
  const auto page = read_page(agent_.metrics());
  const auto json = nlohmann::json::parse(agent_.get("/api/v1/snapshot").body, nullptr, false);
  ASSERT_TRUE(page && !json.is_discarded());
  ASSERT_EQ(json["devices"].size(), 3U);
  EXPECT_EQ(json["driver"]["simulated"], true);
  std::size_t compared = 0;
  const auto compare = [&](const nlohmann::json& readings, const Labels& labels) {
    for (const auto& [field, value] : readings.items()) {
      const auto rows = page->of(field, labels);
      if (rows.empty()) continue;  // not in the default CSV
      EXPECT_EQ(rows[0].value, value.get<double>()) << field;
      ++compared;
    }
  };
  for (const auto& device : json["devices"]) {
    if (device["instances"].empty()) compare(device["readings"], {{"UUID", device["uuid"]}});
    for (const auto& instance : device["instances"])
      compare(instance["readings"],
              {{"UUID", device["uuid"]}, {"GPU_I_ID", std::to_string(instance["gpuInstanceId"].get<int>())}});
  }
  EXPECT_GT(compared, 60U);
  ASSERT_EQ(json["sessions"].size(), 2U);
  for (const auto& session : json["sessions"])
    EXPECT_EQ(page->value("gpu_process_memory_used_bytes", {{"pid", std::to_string(session["pid"].get<int>())}}),
              session["memoryUsedBytes"].get<double>());
  EXPECT_EQ(json["allocations"].size(), page->of("gpu_allocation_info").size());
}

TEST_F(StillPage, WaitsForNoDeviceOnAScrape) {
  for (const char* gpu : {"0", "1", "2"}) node_.sim({"fault", "hang", "--gpu", gpu, "--for", "60s"});
  const std::string before = agent_.metrics();
  for (int i = 0; i < 100; ++i) {
    http::ClientRequest request;
    request.url = agent_.url(i % 2 == 0 ? "/metrics" : "/api/v1/snapshot");
    request.deadline = Milliseconds(5'000);  // far below the sixty seconds of the fault
    const auto reply = client_.send(request);
    ASSERT_TRUE(reply && reply->status == 200) << (reply ? reply->body : reply.error().what);
  }
  EXPECT_EQ(agent_.metrics(), before) << "no collection in between";
  node_.sim({"fault", "clear"});
}

/// A kubelet that says nothing and counts who comes.
class CountingSocket {
 public:
  explicit CountingSocket(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0) << path;
    EXPECT_EQ(::listen(fd_, 64), 0);
    thread_ = std::jthread([this] {
      for (int peer; (peer = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0; ::close(peer)) ++count_;
    });
  }
  ~CountingSocket() {
    ::shutdown(fd_, SHUT_RDWR);  // ends accept
    thread_.join();
    ::close(fd_);
  }
  CountingSocket(const CountingSocket&) = delete;
  CountingSocket& operator=(const CountingSocket&) = delete;
  int count() const { return count_; }

 private:
  int fd_;
  std::atomic<int> count_ = 0;
  std::jthread thread_;
};

TEST(Serving, AsksNoKubeletOnAScrape) {
  const Node node(test_scenario("compat"));
  const TempDir dir;
  const std::string path = (dir.path() / "kubelet.sock").string();
  CountingSocket kubelet(path);
  Agent agent(node, {"--interval", "1h", "--pod-resources-kubelet-socket", path});
  page_where(agent, [](const std::string& page) { return collections(page) == 2; });
  ASSERT_TRUE(eventually([&] { return kubelet.count() >= 1; }));
  const int before = kubelet.count();
  for (int i = 0; i < 100; ++i) agent.metrics();
  EXPECT_LE(kubelet.count(), before + 1) << "its own rhythm may bring one call, a hundred scrapes none";
}

TEST(Serving, ServesManyAtOnceWhileItCollects) {
  const Node node(test_scenario("compat"));
  Agent agent(node, {"--interval", "100ms"});
  std::atomic<int> bad = 0;
  {
    std::vector<std::jthread> scrapers;
    for (int scraper = 0; scraper < 8; ++scraper)
      scrapers.emplace_back([&, openmetrics = scraper % 2 == 1] {
        http::Client client;
        http::ClientRequest request;
        request.url = agent.url("/metrics");
        request.headers.emplace_back("Accept", openmetrics ? kOpenMetrics : "text/plain");
        for (int i = 0; i < 25; ++i) {
          const auto reply = client.send(request);
          const bool good = reply && reply->status == 200 && read_page(reply->body) &&
                            reply->body.ends_with("# EOF\n") == openmetrics &&
                            !series(reply->body, "DCGM_FI_DEV_GPU_TEMP", {"gpu=\"0\""}).empty();
          if (!good) ++bad;
        }
      });
  }
  EXPECT_EQ(bad, 0);
  page_where(agent,
             [](const std::string& page) { return value_of(series(page, "tessera_agent_scrapes_total")[0]) >= 200; });
}

TEST(Serving, IsAliveButNotReadyWithoutADriver) {
  const TempDir dir;
  Child agent({program("tessera-agent"), "--nvml", (dir.path() / "libnvidia-ml.so.1").string(), "--address",
               "127.0.0.1:0", "--pod-resources-kubelet-socket", (dir.path() / "none.sock").string()});
  const std::string rest = agent.after("agent ready address=");
  http::Client client;
  const auto get = [&](const std::string& path) {
    http::ClientRequest request;
    request.url = "http://" + rest.substr(0, rest.find(' ')) + path;
    const auto reply = client.send(request);
    EXPECT_TRUE(reply) << agent.output();
    return reply ? *reply : http::ClientResponse{};
  };
  EXPECT_EQ(get("/livez").status, 200);
  const auto ready = get("/readyz");
  EXPECT_EQ(ready.status, 503);
  EXPECT_NE(ready.body.find("libnvidia-ml.so.1"), std::string::npos) << ready.body;
  const auto page = read_page(get("/metrics").body);
  ASSERT_TRUE(page);
  EXPECT_EQ(page->value("tessera_agent_driver_up"), 0);
  EXPECT_TRUE(page->of("gpu_total_sessions").empty()) << "not known, so absent";
}

/// A certificate for 127.0.0.1 and a web configuration file with one user.
class Secured {
 public:
  Secured() {
    const Finished made = run({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                               "-nodes", "-keyout", at("key.pem"), "-out", at("cert.pem"), "-days", "2", "-subj",
                               "/CN=tessera", "-addext", "subjectAltName=IP:127.0.0.1"});
    EXPECT_EQ(made.code, 0) << made.output;
    // bcrypt of "open sesame".
    EXPECT_TRUE(write_file_atomically(at("web.yml"),
                                      "tls_server_config: {cert_file: cert.pem, key_file: key.pem}\n"
                                      "basic_auth_users:\n"
                                      "  prometheus: $2b$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy\n"));
  }
  std::string at(const char* name) const { return (dir_.path() / name).string(); }

 private:
  TempDir dir_;
};

bool has_openssl() { return !peer("openssl").empty(); }

TEST(Serving, AsksForTheUserOverTls) {
  if (!has_openssl()) GTEST_SKIP() << "openssl, which makes the certificate, is not on the PATH";
  const Secured files;
  const Node node(test_scenario("compat"));
  Agent agent(node, {"--web-config-file", files.at("web.yml")});
  static constexpr struct {
    const char *scheme, *user, *password;
    int status;  ///< 0: no reply
  } kCases[] = {{"https", "prometheus", "open sesame", 200},
                {"https", "prometheus", "open sesam", 401},
                {"https", "prometheus", "", 401},
                {"https", "root", "open sesame", 401},
                {"https", "", "", 401},
                {"http", "prometheus", "open sesame", 0}};
  http::Client client;
  for (const char* path : {"/metrics", "/api/v1/snapshot"}) {
    for (const auto& c : kCases) {
      http::ClientRequest request;
      request.url = std::string(c.scheme) + "://" + agent.address() + path;
      request.ca_file = files.at("cert.pem");
      request.basic_user = c.user;
      request.basic_password = c.password;
      const auto reply = client.send(request);
      const int status = reply ? reply->status : 0;
      if (c.status == 0) {
        EXPECT_NE(status, 200) << "in clear";
      } else {
        EXPECT_EQ(status, c.status) << path << ' ' << c.user << (reply ? "" : reply.error().what);
      }
      if (c.status == 401 && reply) {
        EXPECT_TRUE(reply->header("www-authenticate").starts_with("Basic"));
        EXPECT_EQ(reply->body.find("DCGM_"), std::string::npos);
      }
    }
  }
}

TEST(Serving, PrometheusScrapesOverTlsWithItsPassword) {
  if (!has_openssl()) GTEST_SKIP() << "openssl, which makes the certificate, is not on the PATH";
  if (peer("prometheus").empty()) GTEST_SKIP() << "prometheus is neither in TESSERA_PEERS nor on the PATH";
  const Secured files;
  const Node node(test_scenario("compat"));
  Agent agent(node, {"--web-config-file", files.at("web.yml")});
  const auto prometheus =
      Prometheus::scraping({agent.address()}, "  scheme: https\n  tls_config: {ca_file: " + files.at("cert.pem") +
                                                  "}\n  basic_auth: {username: prometheus, password: open sesame}\n");
  ASSERT_TRUE(prometheus->scraped(3));
  const auto temperature = prometheus->query("DCGM_FI_DEV_GPU_TEMP{gpu=\"0\"}");
  ASSERT_EQ(temperature.size(), 1U);
  EXPECT_EQ(temperature[0].value, 71);
}

TEST(Serving, RefusesABadWebConfigurationAtTheStart) {
  const TempDir dir;
  const std::string file = (dir.path() / "web.yml").string();
  ASSERT_TRUE(write_file_atomically(file, "tls_server_config: {cert_file: none.pem, key_file: none.key}\n"));
  const Node node(test_scenario("compat"));
  auto arguments = node.agent_flags();
  arguments.insert(arguments.begin(), program("tessera-agent"));
  for (const auto& flag :
       {std::string("--address"), std::string("127.0.0.1:0"), std::string("--web-config-file"), file})
    arguments.push_back(flag);
  const Finished finished = run(arguments, node.environment());
  EXPECT_EQ(finished.code, 1) << finished.output;
  EXPECT_NE(finished.output.find("none.pem"), std::string::npos) << finished.output;
}

}  // namespace
}  // namespace tessera::e2e
