#include "tests/e2e_relay/receiver.h"

#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/text.h"
#include "tests/e2e/node.h"

namespace tessera::e2e {
namespace {
using Json = nlohmann::json;
using namespace std::chrono_literals;

constexpr EpochMs kAhead = 3'600'000;  // samples may bring times of the near future

std::string in_seconds(EpochMs time) { return fmt::format("{:.3f}", static_cast<double>(time) / 1000); }

/// The result of a query in the form that both stores share.
Json result_of(http::Client& client, const std::string& url, const std::string& query, EpochMs time,
               const std::string& more = "") {
  const std::string body =
      fetch(client, url + "/api/v1/query?query=" + percent_encoded(query) + "&time=" + in_seconds(time) + more);
  Json json = Json::parse(body, nullptr, false);
  EXPECT_TRUE(!json.is_discarded() && json.value("status", "") == "success") << query << ": " << body.substr(0, 300);
  return json.is_discarded() ? Json::array() : json["data"]["result"];
}

std::map<Labels, double> instant(const Json& result) {
  std::map<Labels, double> out;
  for (const Json& item : result) out[item["metric"].get<Labels>()] = std::stod(item["value"][1].get<std::string>());
  return out;
}

class PrometheusReceiver final : public Receiver {
 public:
  explicit PrometheusReceiver(std::unique_ptr<Prometheus> server) : server_(std::move(server)) {}
  std::string name() const override { return "prometheus"; }
  std::string write_url() const override { return server_->url() + "/api/v1/write"; }
  Samples samples(const std::string& selector) override {
    Samples out;
    for (const Json& item : result_of(client_, server_->url(), selector + "[2h]", now_epoch_ms() + kAhead)) {
      auto& points = out[item["metric"].get<Labels>()];
      for (const Json& pair : item["values"])
        points.push_back({std::llround(pair[0].get<double>() * 1000), std::stod(pair[1].get<std::string>())});
    }
    return out;
  }
  std::map<Labels, double> at(const std::string& query, EpochMs time) override {
    return instant(result_of(client_, server_->url(), query, time));
  }
  void stop() override { server_->stop(); }
  void start() override { server_->start(); }

 private:
  std::unique_ptr<Prometheus> server_;
  http::Client client_;
};

class VictoriaMetrics final : public Receiver {
 public:
  VictoriaMetrics() { start(); }
  std::string name() const override { return "victoria-metrics"; }
  std::string write_url() const override { return url() + "/api/v1/write"; }
  double precision() const override { return 1e-9; }
  Samples samples(const std::string& selector) override {
    flush();
    const std::string lines = fetch(client_, url() + "/api/v1/export?match[]=" + percent_encoded(selector) +
                                                 "&start=0&end=" + in_seconds(now_epoch_ms() + kAhead));
    Samples out;
    for (const auto line : split(lines, '\n')) {
      if (line.empty()) continue;
      const Json json = Json::parse(with_quoted_words(line), nullptr, false);
      if (json.is_discarded()) {
        ADD_FAILURE() << line.substr(0, 300);
        continue;
      }
      add(json, out[json["metric"].get<Labels>()]);
    }
    std::erase_if(out, [](const auto& entry) { return entry.second.empty(); });
    return out;
  }
  std::map<Labels, double> at(const std::string& query, EpochMs time) override {
    flush();
    return instant(result_of(client_, url(), query, time, "&nocache=1"));
  }
  void stop() override { process_->stop(); }
  void start() override {
    const auto command = [this](int port) {
      return std::vector<std::string>{peer("victoria-metrics"),
                                      "-storageDataPath=" + data_.path().string(),
                                      fmt::format("-httpListenAddr=127.0.0.1:{}", port),
                                      "-retentionPeriod=100y",
                                      "-search.latencyOffset=0s",
                                      "-loggerLevel=WARN",
                                      "-memory.allowedBytes=200MB"};
    };
    Started started = start_server(command, "/health", port_);
    process_ = std::move(started.process);
    port_ = started.port;
  }

 private:
  std::string url() const { return fmt::format("http://127.0.0.1:{}", port_); }
  void flush() { fetch(client_, url() + "/internal/force_flush"); }  // else what is new is not searched yet
  /// Its JSON has bare words: infinities, and in a series of nothing else NaN.
  static std::string with_quoted_words(std::string_view line) {
    static constexpr std::string_view kWords[] = {"+Inf", "-Inf", "NaN"};
    std::string out;
    for (std::size_t i = 0; i < line.size(); ++i) {
      const bool first = !out.empty() && (out.back() == '[' || out.back() == ',');
      const auto word = std::ranges::find_if(kWords, [&](std::string_view w) { return line.substr(i).starts_with(w); });
      if (!first || word == std::end(kWords)) {
        out += line[i];
        continue;
      }
      out += fmt::format("\"{}\"", *word);
      i += word->size() - 1;
    }
    return out;
  }
  /// Null is what is no number: markers of staleness.
  static void add(const Json& json, std::vector<Point>& points) {
    for (std::size_t i = 0; i < json["values"].size(); ++i) {
      const Json& value = json["values"][i];
      const bool marker = value.is_null() || value == "NaN";
      if (!marker)
        points.push_back({json["timestamps"][i].get<EpochMs>(),
                          value.is_string() ? std::stod(value.get<std::string>()) : value.get<double>()});
    }
    std::ranges::sort(points, {}, &Point::time);
  }

  TempDir data_;
  int port_ = 0;
  std::unique_ptr<Child> process_;
  http::Client client_;
};

}  // namespace

std::unique_ptr<Receiver> prometheus_receiver() {
  return std::make_unique<PrometheusReceiver>(Prometheus::receiving());
}
std::unique_ptr<Receiver> scraping_prometheus(const std::vector<std::string>& addresses) {
  return std::make_unique<PrometheusReceiver>(Prometheus::scraping(addresses));
}
std::unique_ptr<Receiver> victoria_metrics_receiver() { return std::make_unique<VictoriaMetrics>(); }

std::string missing_receivers() {
  for (const char* program : {"prometheus", "victoria-metrics"})
    if (peer(program).empty()) return std::string(program) + " is neither in TESSERA_PEERS nor on the PATH";
  return {};
}

std::vector<Point> only(const Samples& samples) {
  EXPECT_EQ(samples.size(), 1U);
  return samples.size() == 1 ? samples.begin()->second : std::vector<Point>();
}

std::vector<double> values(const std::vector<Point>& points) {
  std::vector<double> out;
  for (const Point& point : points) out.push_back(point.value);
  return out;
}

std::string shown(const Labels& labels) { return fmt::format("{}", labels); }

}  // namespace tessera::e2e
