#include "tests/e2e/prometheus.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/e2e/node.h"

namespace tessera::e2e {
std::string percent_encoded(const std::string& text) {
  std::string out;
  for (const char c : text) out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  return out;
}

std::string fetch(http::Client& client, const std::string& url) {
  http::ClientRequest request;
  request.url = url;
  request.deadline = kPatience;
  request.max_body_bytes = 512U << 20U;
  auto reply = client.send(request);
  EXPECT_TRUE(reply && reply->status / 100 == 2) << url << ": " << (reply ? reply->body : reply.error().what);
  return reply ? std::move(reply->body) : std::string();
}

Started start_server(const std::function<std::vector<std::string>(int port)>& command, const std::string& ready_path,
                     int port, const std::string& user, const std::string& password) {
  constexpr int kTries = 3;
  http::Client client;
  for (int left = port == 0 ? kTries : 1;; --left) {
    const int at = port == 0 ? free_port() : port;
    Started started{std::make_unique<Child>(command(at)), at};
    http::ClientRequest request;
    request.url = fmt::format("http://127.0.0.1:{}{}", at, ready_path);
    request.basic_user = user;
    request.basic_password = password;
    bool ended = false;
    const bool ready = eventually([&] {
      ended = started.process->wait(Milliseconds(0)) != -1;
      const auto reply = client.send(request);
      return ended || (reply && reply->status == 200);
    });
    if (ready && !ended) return started;
    if (left > 1) continue;
    ADD_FAILURE() << "did not come up: " << started.process->output();
    return started;
  }
}

std::unique_ptr<Prometheus> Prometheus::scraping(const std::vector<std::string>& addresses, const std::string& job) {
  if (peer("prometheus").empty()) return nullptr;
  std::string config =
      "global: {scrape_interval: 500ms, scrape_timeout: 400ms}\nscrape_configs:\n- job_name: gpu\n  honor_labels: "
      "true\n  static_configs:\n  - targets: [";
  for (const auto& address : addresses) config += '"' + address + "\",";
  return std::unique_ptr<Prometheus>(new Prometheus(config + "]\n" + job, {}, addresses.size()));
}

namespace {

std::string with_rules(const std::string& address, const std::string& rules) {
  return fmt::format(R"(global: {{scrape_interval: 500ms, scrape_timeout: 400ms, evaluation_interval: 500ms}}
rule_files: ['{}']
scrape_configs:
- job_name: gpu
  honor_labels: true
  static_configs: [{{targets: ['{}']}}]
)",
                     rules, address);
}

}  // namespace

std::unique_ptr<Prometheus> Prometheus::evaluating(const std::string& address, const std::string& rules) {
  if (peer("prometheus").empty()) return nullptr;
  return std::unique_ptr<Prometheus>(new Prometheus(with_rules(address, rules), {}, 1));
}

std::unique_ptr<Prometheus> Prometheus::remembering(const std::string& past, const std::string& address,
                                                    const std::string& rules) {
  if (peer("prometheus").empty() || peer("promtool").empty()) return nullptr;
  return std::unique_ptr<Prometheus>(
      new Prometheus(with_rules(address, rules), {"--storage.tsdb.retention.time=60d"}, 1, past));
}

std::unique_ptr<Prometheus> Prometheus::receiving(std::vector<std::string> more_flags) {
  if (peer("prometheus").empty()) return nullptr;
  more_flags.emplace_back("--web.enable-remote-write-receiver");
  return std::unique_ptr<Prometheus>(new Prometheus("{}\n", std::move(more_flags), 0));
}

Prometheus::Prometheus(const std::string& config, std::vector<std::string> flags, std::size_t targets,
                       const std::string& past)
    : flags_(std::move(flags)), targets_(targets) {
  EXPECT_TRUE(write_file_atomically(dir_.path() / "prometheus.yml", config));
  if (!past.empty()) keep_past(past);
  start();
}

void Prometheus::keep_past(const std::string& past) {
  EXPECT_TRUE(write_file_atomically(dir_.path() / "past.txt", past));
  const Finished made = run({peer("promtool"), "tsdb", "create-blocks-from", "openmetrics",
                             (dir_.path() / "past.txt").string(), (dir_.path() / "data").string()});
  EXPECT_EQ(made.code, 0) << made.output;
}

void Prometheus::start() {
  const auto command = [this](int port) {
    std::vector<std::string> words = {peer("prometheus"), "--config.file=" + (dir_.path() / "prometheus.yml").string(),
                                      "--storage.tsdb.path=" + (dir_.path() / "data").string(),
                                      fmt::format("--web.listen-address=127.0.0.1:{}", port), "--log.level=warn"};
    words.insert(words.end(), flags_.begin(), flags_.end());
    return words;
  };
  Started started = start_server(command, "/-/ready", url_.empty() ? 0 : std::stoi(url_.substr(url_.rfind(':') + 1)));
  process_ = std::move(started.process);
  url_ = fmt::format("http://127.0.0.1:{}", started.port);
}

std::vector<Vector> Prometheus::query(const std::string& promql, std::optional<EpochMs> time) {
  std::string url = url_ + "/api/v1/query?query=" + percent_encoded(promql);
  if (time) url += fmt::format("&time={:.3f}", static_cast<double>(*time) / 1000);
  const std::string body = fetch(client_, url);
  const auto json = nlohmann::json::parse(body, nullptr, false);
  if (json.is_discarded() || json.value("status", "") != "success") {
    ADD_FAILURE() << promql << ": " << body;
    return {};
  }
  std::vector<Vector> out;
  for (const auto& item : json["data"]["result"])
    out.push_back(
        {item["metric"].get<std::map<std::string, std::string>>(), std::stod(item["value"][1].get<std::string>())});
  return out;
}

bool Prometheus::scraped(int count) {
  const std::string enough = fmt::format("count_over_time(up[1h]) >= {} and up == 1", count);
  return eventually([&] { return query(enough).size() == targets_; });
}

}  // namespace tessera::e2e
