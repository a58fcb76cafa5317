#include "bench/server/receiver.h"

#include <fmt/format.h>

#include "bench/peer_version.h"
#include "tests/e2e/node.h"

namespace tessera::bench {
namespace {
using Path = std::filesystem::path;
using Command = std::vector<std::string>;

Command server(const Receiver& self, const Path& folder, int port) {
  return {self.file, "--address", fmt::format("127.0.0.1:{}", port), "--data", folder.string()};
}

Command prometheus(const Receiver& self, const Path& folder, int port) {
  return {self.file,
          "--web.enable-remote-write-receiver",
          "--config.file=/dev/null",
          "--storage.tsdb.path=" + folder.string(),
          fmt::format("--web.listen-address=127.0.0.1:{}", port),
          "--log.level=warn"};
}

Command victoria_metrics(const Receiver& self, const Path& folder, int port) {
  return {self.file, "-storageDataPath=" + folder.string(), fmt::format("-httpListenAddr=127.0.0.1:{}", port),
          "-loggerLevel=WARN"};
}

}  // namespace

std::vector<Receiver> receivers() {
  return {{"tessera-server", e2e::program("tessera-server"), "this tree's",
           "the fleet's state, and sums of 30 s, 5 min and 1 h of seven values", "/k8s-monitor/api/v1/write", "/readyz",
           server},
          {"prometheus", e2e::peer("prometheus"), package_version("prometheus"), "every sample", "/api/v1/write",
           "/-/ready", prometheus},
          {"victoria-metrics", e2e::peer("victoria-metrics"), package_version("victoria-metrics"), "every sample",
           "/api/v1/write", "/health", victoria_metrics}};
}

}  // namespace tessera::bench
