// What the agent costs, beside node_exporter serving the same page from its textfile collector. One run, one machine;
// prints a Markdown table for docs/performance.md. Arguments: minutes at one-second intervals (10), scrapes (100000).
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "base/files.h"
#include "base/text.h"
#include "bench/process_cost.h"
#include "tests/e2e/node.h"

namespace {
using namespace tessera;
using namespace tessera::e2e;
using bench::cpu_seconds;
using bench::machine;
using bench::status_mib;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr std::string_view kPrometheusAccept =
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

constexpr int kCollections = 60;  // that one figure is the mean of

struct Scrapes {
  double median_ms, p99_ms, cpu_us;  ///< CPU of the server per scrape
};

Scrapes scrape(const std::string& url, pid_t pid, int count, std::chrono::milliseconds pause = 0ms) {
  http::Client client;
  http::ClientRequest request;
  request.url = url;
  request.headers = {{"Accept", std::string(kPrometheusAccept)}, {"Accept-Encoding", "gzip"}};
  std::vector<double> times;
  const double before = cpu_seconds(pid);
  for (int i = 0; i < count; ++i) {
    std::this_thread::sleep_for(pause);
    const auto begin = Clock::now();
    const auto reply = client.send(request);
    times.push_back(std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
    if (!reply || reply->status != 200) std::fprintf(stderr, "scrape of %s failed\n", url.c_str()), std::exit(1);
  }
  const double cpu = cpu_seconds(pid) - before;
  std::ranges::sort(times);
  return {times[times.size() / 2], times[times.size() * 99 / 100], cpu / count * 1e6};
}

void row(const char* what, const std::string& figure, const char* goal) {
  std::printf("| %s | %s | %s |\n", what, figure.c_str(), goal);
  std::fflush(stdout);
}

/// Driver calls and seconds spent in them, as the meter counts.
std::pair<double, double> metered(const std::string& file) {
  const auto text = read_file(file);
  if (!text) return {0, 0};
  const auto parts = split(trim(*text), ' ');
  return {*parse_double(parts[0]), *parse_double(parts[1]) / 1e9};
}

double own(Agent& agent, const std::string& name) {
  const auto lines = series(agent.metrics(), name);
  return lines.empty() ? -1 : value_of(lines[0]);
}

void collection_cost(const Node& node) {
  const TempDir dir;
  const std::string sums = (dir.path() / "sums").string();
  Agent agent(node, {"--interval", "1s", "--nvml", TESSERA_METER},
              {{"TESSERA_METER_DRIVER", simulated_driver()}, {"TESSERA_METER_FILE", sums}});
  // Nothing is scraped, not even the count of collections: that would make pages ahead. There is one a second.
  const auto cost = [&] {
    std::this_thread::sleep_for(5s);
    const double before = cpu_seconds(agent.process().pid());
    std::this_thread::sleep_for(1s * kCollections);
    return (cpu_seconds(agent.process().pid()) - before) / kCollections * 1e3;
  };
  const auto driver = metered(sums);
  const auto begin = Clock::now();
  const double all = cost();
  const auto driver_after = metered(sums);
  const double count = std::round(std::chrono::duration<double>(Clock::now() - begin).count());
  const double in_driver = (driver_after.second - driver.second) / count * 1e3;
  row("CPU of a collection, all", fmt::format("{:.2f} ms", all), "");
  row("of it in the simulated driver",
      fmt::format("{:.2f} ms, {:.0f} calls", in_driver, (driver_after.first - driver.first) / count), "");
  row("CPU of a collection without the driver", fmt::format("{:.2f} ms", all - in_driver), "<= 5 ms");
  agent.get("/metrics", {{"Accept", std::string(kPrometheusAccept)}, {"Accept-Encoding", "gzip"}});
  row("more for one form of the page, made ahead while it is scraped", fmt::format("{:.2f} ms", cost() - all), "");
}

/// As with Prometheus at 60 s and the agent at 15 s, in less time: none of the scrapes sees the page of the one before.
void rare_scrapes(const Node& node) {
  Agent agent(node, {"--interval", "250ms"});
  const std::string url = agent.url("/metrics");
  scrape(url, agent.process().pid(), 1);
  const Scrapes rare = scrape(url, agent.process().pid(), 30, 1s);
  row("scrape once in four collections, median", fmt::format("{:.2f} ms", rare.median_ms), "");
  row("the longest of 30 such", fmt::format("{:.2f} ms", rare.p99_ms), "<= 2 ms");
}

void memory_and_scrapes(const Node& node, int minutes, int scrapes) {
  Agent agent(node, {"--interval", "1s"});
  const pid_t pid = agent.process().pid();
  const std::string url = agent.url("/metrics");
  scrape(url, pid, 50);
  const Scrapes quick = scrape(url, pid, 2000);
  row("scrape, median", fmt::format("{:.2f} ms", quick.median_ms), "");
  row("scrape, p99", fmt::format("{:.2f} ms", quick.p99_ms), "<= 2 ms");
  for (int second = 0; second < minutes * 60; ++second) {
    std::this_thread::sleep_for(1s);
    if (second % 15 == 0) scrape(url, pid, 1);
  }
  const auto sim = split(trim(run({TESSERA_FOOTPRINT, simulated_driver()}, node.environment()).output), ' ');
  const double sim_anon = *parse_double(sim[0]);
  const double sim_rss = *parse_double(sim[1]);
  const double anon = status_mib(pid, "RssAnon");
  const double rss = status_mib(pid, "VmRSS");
  row("the simulator's own RssAnon, RSS", fmt::format("{:.1f}, {:.1f} MiB", sim_anon, sim_rss), "");
  row(fmt::format("RssAnon after {} min at 1 s, without the simulator", minutes).c_str(),
      fmt::format("{:.1f} MiB", anon - sim_anon), "<= 10 MiB");
  row(fmt::format("RSS after {} min at 1 s, without the simulator", minutes).c_str(),
      fmt::format("{:.1f} MiB", rss - sim_rss), "<= 24 MiB");
  scrape(url, pid, scrapes);
  row(fmt::format("growth of RSS over {} scrapes", scrapes).c_str(),
      fmt::format("{:+.1f} MiB", status_mib(pid, "VmRSS") - rss), "flat");
}

void hung_device(const Node& node) {
  Agent agent(node, {"--interval", "500ms", "--deadline", "400ms"});
  const auto longest = [&](int samples) {
    double most = 0;
    for (double last = own(agent, "tessera_agent_collections_total"); samples > 0;) {
      const double now = own(agent, "tessera_agent_collections_total");
      if (now == last) continue;
      last = now;
      --samples;
      most = std::max(most, own(agent, "tessera_agent_collection_duration_seconds"));
    }
    return most * 1e3;
  };
  const double healthy = longest(10);
  node.sim({"fault", "hang", "--gpu", "0", "--for", "60s"});
  const double first = longest(2);
  const double later = longest(10);
  node.sim({"fault", "clear"});
  row("longest collection, all devices healthy", fmt::format("{:.1f} ms", healthy), "");
  row("the collection in which a device hangs (deadline 400 ms)", fmt::format("{:.1f} ms", first), "the deadline");
  row("longest collection after it, the device still hung", fmt::format("{:.1f} ms", later), "<= 100 ms more");
}

void beside_node_exporter(const Node& node) {
  if (peer("prometheus-node-exporter").empty()) {
    std::printf("\nnode_exporter is not on this machine: not compared\n");
    return;
  }
  Agent agent(node, {"--interval", "1h"});  // no collection within the run: only scrapes cost
  const TempDir folder;
  const std::string page = agent.metrics();
  if (!write_file_atomically(folder.path() / "gpu.prom", page)) return;
  const std::string listen = fmt::format("127.0.0.1:{}", free_port());
  Child exporter({peer("prometheus-node-exporter"), "--collector.disable-defaults", "--collector.textfile",
                  "--collector.textfile.directory=" + folder.path().string(), "--web.listen-address=" + listen});
  const std::string url = "http://" + listen + "/metrics";
  http::ClientRequest request;
  request.url = url;
  http::Client client;
  if (!eventually([&] { return static_cast<bool>(client.send(request)); })) return;
  scrape(agent.url("/metrics"), agent.process().pid(), 50);
  scrape(url, exporter.pid(), 20);
  const Scrapes ours = scrape(agent.url("/metrics"), agent.process().pid(), 2000);
  const Scrapes theirs = scrape(url, exporter.pid(), 300);
  std::printf("\n| the same page of %zu KiB | tessera-agent | node_exporter | ratio |\n| --- | --- | --- | --- |\n",
              page.size() >> 10U);
  std::printf("| CPU per scrape | %.0f us | %.0f us | %.1f |\n", ours.cpu_us, theirs.cpu_us,
              theirs.cpu_us / ours.cpu_us);
  std::printf("| median of a scrape | %.2f ms | %.2f ms | %.1f |\n", ours.median_ms, theirs.median_ms,
              theirs.median_ms / ours.median_ms);
  const double our_rss = status_mib(agent.process().pid(), "VmRSS");
  const double their_rss = status_mib(exporter.pid(), "VmRSS");
  std::printf("| RSS | %.1f MiB (with the simulator) | %.1f MiB | %.1f |\n", our_rss, their_rss, their_rss / our_rss);
}

}  // namespace

int main(int argc, char** argv) {
  const int minutes = argc > 1 ? std::atoi(argv[1]) : 10;
  const int scrapes = argc > 2 ? std::atoi(argv[2]) : 100'000;
  const Node node(scenario("bench"));
  std::printf("%s. Scenario bench.yaml: 8 H100 with 7 instances each, 200 processes in 56 pods.\n\n",
              machine().c_str());
  std::printf("| what | measured | goal |\n| --- | --- | --- |\n");
  collection_cost(node);
  rare_scrapes(node);
  memory_and_scrapes(node, minutes, scrapes);
  hung_device(node);
  beside_node_exporter(node);
  return 0;
}
