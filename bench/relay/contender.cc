#include "bench/relay/contender.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdlib>

#include "base/files.h"
#include "bench/peer_version.h"
#include "tests/e2e/child.h"
#include "tests/e2e/node.h"

namespace tessera::bench {
namespace {
using Path = std::filesystem::path;
using Command = std::vector<std::string>;

std::string scrape_config(const Work& work) {
  return fmt::format(
      "global: {{scrape_interval: {0}s, scrape_timeout: {0}s}}\n"
      "scrape_configs:\n"
      "  - job_name: bench\n"
      "    static_configs: [{{targets: ['{1}']}}]\n",
      work.interval_s, fmt::join(work.targets, "', '"));
}

std::string write(const Path& folder, const std::string& text) {
  std::filesystem::create_directories(folder);
  if (const auto done = write_file_atomically(folder / "config.yaml", text); !done)
    fmt::print(stderr, "{}\n", done.error().what), std::exit(EXIT_FAILURE);
  return (folder / "config.yaml").string();
}

Command relay(const Contender& self, const Path& folder, const Work& work) {
  const auto config = write(folder, scrape_config(work) + "remote_write: [{url: '" + work.write_url + "'}]\n");
  return {self.file, "--config", config, "--data", (folder / "data").string(), "--address", "127.0.0.1:0"};
}

/// With the queue that version 3 has by default: with that of 2.42 it has up to 200 senders of small requests.
Command prometheus(const Contender& self, const Path& folder, const Work& work) {
  const auto config = write(folder, scrape_config(work) + "remote_write:\n  - url: '" + work.write_url +
                                        "'\n    queue_config: {capacity: 10000, max_shards: 50, "
                                        "max_samples_per_send: 2000}\n");
  return {self.file,
          "--enable-feature=agent",
          "--config.file=" + config,
          "--storage.agent.path=" + (folder / "data").string(),
          fmt::format("--web.listen-address=127.0.0.1:{}", e2e::free_port()),
          "--log.level=warn"};
}

Command vmagent(const Contender& self, const Path& folder, const Work& work) {
  const auto config = write(folder, scrape_config(work));
  return {self.file,
          "-promscrape.config=" + config,
          "-remoteWrite.url=" + work.write_url,
          "-remoteWrite.tmpDataPath=" + (folder / "data").string(),
          fmt::format("-httpListenAddr=127.0.0.1:{}", e2e::free_port()),
          "-loggerLevel=WARN"};
}

}  // namespace

std::vector<Contender> contenders() {
  return {{"relay", e2e::program("tessera-relay"), "this tree's", "defaults", relay},
          {"prometheus", e2e::peer("prometheus"), package_version("prometheus"),
           "agent mode, queue_config as version 3 has it: capacity 10000, max_shards 50, max_samples_per_send 2000",
           prometheus},
          {"vmagent", e2e::peer("vmagent"), package_version("victoria-metrics"), "defaults", vmagent}};
}

}  // namespace tessera::bench
