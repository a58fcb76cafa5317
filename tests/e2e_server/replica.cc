#include "tests/e2e_server/replica.h"

#include <fmt/format.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "store/database.h"
#include "tests/e2e/node.h"
#include "wire/compression.h"
#include "wire/write_request.h"

namespace tessera::e2e {
namespace {

std::string told(std::vector<wire::Label> labels, double value) {
  wire::WriteRequest request;
  wire::Series& series = request.series.emplace_back();
  series.labels = std::move(labels);
  series.samples.push_back({value, now_epoch_ms()});
  const std::string message = wire::encode(wire::Protocol::V1, request);
  return std::string(wire::Compressor(wire::Compression::Snappy).compress(message));
}

}  // namespace

Replica::Replica(std::string url, std::string settings) : url_(std::move(url)), settings_(std::move(settings)) {
  start();
}

void Replica::start() {
  const auto config = folder_.path() / "server.yaml";
  EXPECT_TRUE(write_file_atomically(config, "database.url: " + url_ + "\n" + settings_));
  process_ = std::make_unique<Child>(std::vector<std::string>{program("tessera-server"), "--config", config.string(),
                                                              "--address", "127.0.0.1:0", "--data",
                                                              (folder_.path() / "data").string()});
  const std::string rest = process_->after("server listens address=");
  address_ = rest.substr(0, rest.find(' '));
  EXPECT_FALSE(address_.empty()) << process_->output();
}

void Replica::kill() {
  process_->signal(SIGKILL);
  EXPECT_EQ(process_->wait(), 128 + SIGKILL);
}

http::ClientResponse Replica::write(const std::string& node) {
  return send(told({{"Hostname", node},
                    {"UUID", "GPU-" + node},
                    {"__name__", "DCGM_FI_DEV_GPU_TEMP"},
                    {"gpu", "0"},
                    {"modelName", "NVIDIA H100 80GB HBM3"}},
                   40));
}

http::ClientResponse Replica::write_engine(const std::string& pod, double running) {
  return send(
      told({{"__name__", "vllm:num_requests_running"}, {"model_name", "llama"}, {"namespace", "serving"}, {"pod", pod}},
           running));
}

http::ClientResponse Replica::push(const std::string& node, EpochMs time, const std::string& page) {
  http::ClientRequest request;
  request.method = "POST";
  request.url = api(fmt::format("/import/prometheus?node={}&timestamp={}", node, time));
  request.body = page;
  const auto reply = client_.send(request);
  return reply ? *reply : http::ClientResponse{};
}

http::ClientResponse Replica::send(std::string body) {
  http::ClientRequest request;
  request.method = "POST";
  request.url = api("/write");
  request.body = std::move(body);
  request.headers = {{"Content-Encoding", "snappy"}, {"Content-Type", "application/x-protobuf"}};
  const auto reply = client_.send(request);
  return reply ? *reply : http::ClientResponse{};
}

http::ClientResponse Replica::ask(const std::string& method, const std::string& path) {
  http::ClientRequest request;
  request.method = method;
  request.url = "http://" + address_ + path;
  const auto reply = client_.send(request);
  return reply ? *reply : http::ClientResponse{};
}

std::optional<std::string> Replica::get(const std::string& path) {
  const auto reply = ask("GET", "/k8s-monitor/api/v1" + path);
  return reply.status == 200 ? std::optional(reply.body) : std::nullopt;
}

std::optional<std::size_t> Replica::devices() {
  const auto overview = get("/gpu/overview");
  if (!overview) return std::nullopt;
  return nlohmann::json::parse(*overview).at("totalGpuDevices").get<std::size_t>();
}

bool Replica::shows(std::size_t count) {
  return eventually([&] { return devices() == count; });
}

void OnPostgres::SetUp() {
  if (!store::PostgresPeer::instance()) GTEST_SKIP() << store::PostgresPeer::kMissing;
  url = postgres().fresh_url();
  gate = std::make_unique<ByteGate>(postgres().socket());
  gated_url = postgres().by_port(url, gate->port());
}

std::int64_t OnPostgres::ask(const std::string& sql) const {
  std::int64_t out = -1;
  const auto database = store::Database::open(url, {.migrate = false});
  EXPECT_TRUE(database &&
              (*database)->each(sql, {}, [&](const store::Row& row) { out = row.integer(0).value_or(-1); }));
  return out;
}

}  // namespace tessera::e2e
