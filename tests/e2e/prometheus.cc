#include "tests/e2e/prometheus.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/e2e/node.h"

namespace tessera::e2e {
namespace {

std::string percent_encoded(const std::string& text) {
  std::string out;
  for (const char c : text) out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  return out;
}

http::ClientRequest get(std::string url) {
  http::ClientRequest request;
  request.url = std::move(url);
  return request;
}

}  // namespace

std::unique_ptr<Prometheus> Prometheus::scraping(const std::vector<std::string>& addresses, const std::string& job) {
  if (peer("prometheus").empty()) return nullptr;
  return std::unique_ptr<Prometheus>(new Prometheus(addresses, job));
}

Prometheus::Prometheus(const std::vector<std::string>& addresses, const std::string& job) : targets_(addresses.size()) {
  std::string config =
      "global: {scrape_interval: 500ms, scrape_timeout: 400ms}\nscrape_configs:\n- job_name: gpu\n  honor_labels: "
      "true\n  static_configs:\n  - targets: [";
  for (const auto& address : addresses) config += '"' + address + "\",";
  config += "]\n" + job;
  EXPECT_TRUE(write_file_atomically(dir_.path() / "prometheus.yml", config));
  const std::string listen = fmt::format("127.0.0.1:{}", free_port());
  url_ = "http://" + listen;
  process_ = std::make_unique<Child>(std::vector<std::string>{
      peer("prometheus"), "--config.file=" + (dir_.path() / "prometheus.yml").string(),
      "--storage.tsdb.path=" + (dir_.path() / "data").string(), "--web.listen-address=" + listen, "--log.level=warn"});
  EXPECT_TRUE(eventually([&] {
    const auto ready = client_.send(get(url_ + "/-/ready"));
    return ready && ready->status == 200;
  })) << process_->output();
}

std::vector<Vector> Prometheus::query(const std::string& promql) {
  const auto reply = client_.send(get(url_ + "/api/v1/query?query=" + percent_encoded(promql)));
  if (!reply) {
    ADD_FAILURE() << reply.error().what;
    return {};
  }
  const auto json = nlohmann::json::parse(reply->body, nullptr, false);
  if (json.is_discarded() || json.value("status", "") != "success") {
    ADD_FAILURE() << promql << ": " << reply->body;
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
