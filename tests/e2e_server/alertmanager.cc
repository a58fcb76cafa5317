#include "tests/e2e_server/alertmanager.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/e2e/node.h"
#include "tests/e2e/prometheus.h"

namespace tessera::e2e {
namespace {

/// Debian's reads its templates below /usr/share and nowhere else: where it is only unpacked, that is put there for it
/// alone.
constexpr const char* kInItsPlace =
    R"([ -e /usr/share/prometheus/alertmanager ] || mount --bind "$0" /usr/share; exec "$@")";

/// bcrypt of kPassword, as a web configuration file has it.
constexpr const char* kUsers = R"(basic_auth_users:
  tessera: $2b$04$NSNmxP931QJo/vLVbLpqke88itQMIWo8qlHdbw9a14.6fRP1ypb6a
)";

}  // namespace

std::unique_ptr<Alertmanager> Alertmanager::telling(const std::string& webhook, int port) {
  if (peer("prometheus-alertmanager").empty()) return nullptr;
  return std::unique_ptr<Alertmanager>(new Alertmanager(webhook, port));
}

std::unique_ptr<Alertmanager> Alertmanager::guarded(const std::string& webhook) {
  if (peer("prometheus-alertmanager").empty()) return nullptr;
  return std::unique_ptr<Alertmanager>(new Alertmanager(webhook, 0, true));
}

Alertmanager::Alertmanager(const std::string& webhook, int port, bool guarded)
    : config_((dir_.path() / "alertmanager.yml").string()),
      web_((dir_.path() / "web.yml").string()),
      port_(port),
      guarded_(guarded) {
  EXPECT_TRUE(write_file_atomically(web_, guarded ? kUsers : ""));
  EXPECT_TRUE(write_file_atomically(config_, fmt::format(R"(route:
  receiver: test
  group_by: ['...']
  group_wait: 100ms
  group_interval: 100ms
receivers:
  - name: test
    webhook_configs: [{{url: '{}', send_resolved: true}}]
)",
                                                         webhook)));
  start();
}

void Alertmanager::stop() { EXPECT_EQ(process_->stop(), 0) << process_->output(); }

void Alertmanager::start() {
  auto started = start_server(
      [&](int at) {
        const std::string program = peer("prometheus-alertmanager");
        return std::vector<std::string>{"unshare",
                                        "--map-root-user",
                                        "--mount",
                                        "sh",
                                        "-c",
                                        kInItsPlace,
                                        (std::filesystem::path(program).parent_path() / "../share").string(),
                                        program,
                                        "--config.file=" + config_,
                                        "--storage.path=" + dir_.path().string(),
                                        "--cluster.listen-address=",
                                        fmt::format("--web.listen-address=127.0.0.1:{}", at),
                                        "--web.config.file=" + web_};
      },
      "/-/ready", port_, guarded_ ? "tessera" : "", guarded_ ? kPassword : "");
  process_ = std::move(started.process);
  port_ = started.port;
}

nlohmann::json Alertmanager::active(const std::string& alert) {
  http::ClientRequest request;
  request.url = url() + "/api/v2/alerts?active=true&filter=" + percent_encoded("alertname=\"" + alert + "\"");
  if (guarded_) request.basic_user = "tessera", request.basic_password = kPassword;
  const auto reply = client_.send(request);
  if (reply && reply->status == 200) return nlohmann::json::parse(reply->body);
  ADD_FAILURE() << request.url << ": " << (reply ? reply->body : reply.error().what);
  return nlohmann::json::array();
}

}  // namespace tessera::e2e
