// What the agent costs, beside node_exporter serving the same page from its textfile collector. One run, one machine;
// prints a Markdown table for docs/performance.md on standard output and its progress on standard error. A part that
// cannot be measured is a row that says why, and an exit code that is not 0.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <stdexcept>
#include <stop_token>

#include "base/every.h"
#include "base/files.h"
#include "base/stop.h"
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

constexpr int kMostCollections = 60;  // that one figure is the mean of
constexpr int kMostRareScrapes = 30, kMostFirstScrapes = 20;
constexpr int kMostMoreMs = 100;                      // that a hung device may add to the others
constexpr std::size_t kDevices = 8, kSessions = 200;  // of the scenario

/// Why a part has no figures.
struct Broken : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Bench {
  int seconds = 600;      ///< at an interval of 1 s, in which the memory may grow
  int scrapes = 100'000;  ///< likewise
  std::vector<std::string> parts{};
  std::stop_token stop{};
  const Node* node = nullptr;

  void wait(std::chrono::milliseconds time) const {
    if (!wait_until(Clock::now() + time, stop)) throw Broken("stopped by a signal");
  }
};

template <class... Args>
void say(fmt::format_string<Args...> text, Args&&... args) {
  fmt::print(stderr, "agent_bench: {}\n", fmt::format(text, std::forward<Args>(args)...));
  std::fflush(stderr);
}

/// A word on how far it is, every ten seconds.
class Progress {
 public:
  explicit Progress(std::string what) : what_(std::move(what)) {}
  void tell(int done, int of) {
    if (Clock::now() < next_) return;
    next_ += 10s;
    say("  {}: {} of {}", what_, done, of);
  }

 private:
  std::string what_;
  Clock::time_point next_ = Clock::now() + 10s;
};

void print(const std::string& text) {
  if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0)
    throw std::runtime_error("standard output does not take the table (disk full, or its reader is gone)");
}

void row(const std::string& what, const std::string& figure, const std::string& goal = "") {
  print(fmt::format("| {} | {} | {} |\n", what, figure, goal));
}

double milliseconds_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

struct Scrapes {
  double median_ms, p99_ms, cpu_us;  ///< CPU of the server per scrape
};

Scrapes scrape(const Bench& bench, const std::string& url, pid_t pid, int count,
               std::chrono::milliseconds pause = 0ms) {
  http::Client client;
  http::ClientRequest request;
  request.url = url;
  request.headers = {{"Accept", std::string(kPrometheusAccept)}, {"Accept-Encoding", "gzip"}};
  std::vector<double> times;
  Progress progress("scrapes");
  const double before = cpu_seconds(pid);
  for (int i = 0; i < count; ++i) {
    progress.tell(i, count);
    bench.wait(pause);
    const auto begin = Clock::now();
    const auto reply = client.send(request);
    times.push_back(milliseconds_since(begin));
    if (!reply) throw Broken(fmt::format("scrape {} of {}: {}", i + 1, count, reply.error().what));
    if (reply->status != 200)
      throw Broken(fmt::format("scrape {} of {} of {}: status {}", i + 1, count, url, reply->status));
  }
  const double cpu = cpu_seconds(pid) - before;
  std::ranges::sort(times);
  return {times[times.size() / 2], times[times.size() * 99 / 100], cpu / count * 1e6};
}

pid_t pid_of(Agent& agent) {
  if (agent.address().empty()) throw Broken("the agent did not come up: " + agent.process().output());
  return agent.process().pid();
}

double own(Agent& agent, const std::string& name) {
  const auto lines = series(agent.metrics(), name);
  if (lines.empty()) throw Broken("the agent's page has no " + name);
  return value_of(lines[0]);
}

std::size_t count_of(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

/// What is measured must be the scenario's load: an agent without a driver costs next to nothing. Asked of the JSON
/// view, which no page is made ahead for.
void expect_load(Agent& agent) {
  const std::string seen = agent.get("/api/v1/snapshot").body;
  const auto devices = count_of(seen, R"("health": "up")");
  const auto sessions = count_of(seen, R"("attribution": )");
  if (devices != kDevices || sessions != kSessions)
    throw Broken(fmt::format("the agent sees {} of {} devices and {} of {} sessions. It says: {}", devices, kDevices,
                             sessions, kSessions, agent.process().output()));
}

/// Driver calls and seconds spent in them, as the meter counts. It writes its sums anew every thousand calls.
std::pair<double, double> metered(const Bench& bench, const std::string& file) {
  for (int tries = 0; tries < 5; ++tries) {
    const auto text = read_file(file);
    if (!text) return {0, 0};
    const auto parts = split(trim(*text), ' ');
    const auto calls = parse_double(parts[0]);
    const auto nanoseconds = parts.size() == 2 ? parse_double(parts[1]) : std::nullopt;
    if (calls && nanoseconds) return {*calls, *nanoseconds / 1e9};
    bench.wait(5ms);  // it is being written
  }
  throw Broken(file + " does not hold the driver meter's sums");
}

void collection_cost(const Bench& bench) {
  const TempDir dir;
  const std::string sums = (dir.path() / "sums").string();
  Agent agent(*bench.node, {"--interval", "1s", "--nvml", TESSERA_METER},
              {{"TESSERA_METER_DRIVER", simulated_driver()}, {"TESSERA_METER_FILE", sums}});
  const pid_t pid = pid_of(agent);
  // Nothing is scraped, not even the count of collections: that would make pages ahead. There is one a second.
  const int collections = std::min(bench.seconds, kMostCollections);
  const auto cost = [&] {
    bench.wait(5s);
    const double before = cpu_seconds(pid);
    Progress progress("collections");
    for (int i = 0; i < collections; ++i) progress.tell(i, collections), bench.wait(1s);
    return (cpu_seconds(pid) - before) / collections * 1e3;
  };
  const auto driver = metered(bench, sums);
  const auto begin = Clock::now();
  const double all = cost();
  const auto driver_after = metered(bench, sums);
  const double count = std::round(std::chrono::duration<double>(Clock::now() - begin).count());
  expect_load(agent);
  if (driver_after.first == driver.first) throw Broken("the driver meter has counted no call");
  const double in_driver = (driver_after.second - driver.second) / count * 1e3;
  row("CPU of a collection, all", fmt::format("{:.2f} ms", all));
  row("of it in the simulated driver",
      fmt::format("{:.2f} ms, {:.0f} calls", in_driver, (driver_after.first - driver.first) / count));
  row("CPU of a collection without the driver", fmt::format("{:.2f} ms", all - in_driver), "<= 5 ms");
  agent.get("/metrics", {{"Accept", std::string(kPrometheusAccept)}, {"Accept-Encoding", "gzip"}});
  row("more for one form of the page, made ahead while it is scraped", fmt::format("{:.2f} ms", cost() - all));
}

/// Nothing is made ahead for who has never asked: each agent's first scrape of a form pays for making it.
void first_scrapes(const Bench& bench) {
  const int agents = std::clamp(bench.seconds / 2, 1, kMostFirstScrapes / 2);
  std::vector<double> times;
  for (int i = 0; i < agents; ++i) {
    Agent agent(*bench.node, {"--interval", "1h"});
    pid_of(agent);
    expect_load(agent);
    bench.wait(1500ms);  // a second collection comes after one second: not while the scrapes are timed
    for (const std::string_view accept : {kPrometheusAccept, std::string_view("text/plain")}) {
      const auto begin = Clock::now();
      const auto reply = agent.get("/metrics", {{"Accept", std::string(accept)}, {"Accept-Encoding", "gzip"}});
      times.push_back(milliseconds_since(begin));
      if (reply.status != 200) throw Broken(fmt::format("the first scrape: status {}", reply.status));
    }
  }
  std::ranges::sort(times);
  row("scrape that has to make its page, median", fmt::format("{:.2f} ms", times[times.size() / 2]));
  row(fmt::format("the longest of {} such", times.size()), fmt::format("{:.2f} ms", times.back()), "<= 2 ms");
}

/// As with Prometheus at 60 s and the agent at 15 s, in less time: none of the scrapes sees the page of the one before.
void rare_scrapes(const Bench& bench) {
  Agent agent(*bench.node, {"--interval", "250ms"});
  const pid_t pid = pid_of(agent);
  expect_load(agent);
  const std::string url = agent.url("/metrics");
  scrape(bench, url, pid, 1);
  const int count = std::clamp(bench.seconds, 1, kMostRareScrapes);
  const Scrapes rare = scrape(bench, url, pid, count, 1s);
  row("scrape once in four collections, median", fmt::format("{:.2f} ms", rare.median_ms));
  row(fmt::format("the longest of {} such", count), fmt::format("{:.2f} ms", rare.p99_ms), "<= 2 ms");
  first_scrapes(bench);
}

void memory_and_scrapes(const Bench& bench) {
  Agent agent(*bench.node, {"--interval", "1s"});
  const pid_t pid = pid_of(agent);
  expect_load(agent);
  const std::string url = agent.url("/metrics");
  scrape(bench, url, pid, 50);
  const Scrapes quick = scrape(bench, url, pid, 2000);
  row("scrape, median", fmt::format("{:.2f} ms", quick.median_ms));
  row("scrape, p99", fmt::format("{:.2f} ms", quick.p99_ms), "<= 2 ms");
  Progress progress("seconds");
  for (int second = 0; second < bench.seconds; ++second) {
    progress.tell(second, bench.seconds);
    bench.wait(1s);
    if (second % 15 == 0) scrape(bench, url, pid, 1);
  }
  const Finished footprint = run({TESSERA_FOOTPRINT, simulated_driver()}, bench.node->environment());
  const auto sim = split(trim(footprint.output), ' ');
  const auto sim_anon = parse_double(sim[0]);
  const auto sim_rss = sim.size() == 2 ? parse_double(sim[1]) : std::nullopt;
  if (!sim_anon || !sim_rss) throw Broken("driver_footprint: " + footprint.output);
  const double anon = status_mib(pid, "RssAnon");
  const double rss = status_mib(pid, "VmRSS");
  row("the simulator's own RssAnon, RSS", fmt::format("{:.1f}, {:.1f} MiB", *sim_anon, *sim_rss));
  row(fmt::format("RssAnon after {} s at 1 s, without the simulator", bench.seconds),
      fmt::format("{:.1f} MiB", anon - *sim_anon), "<= 10 MiB");
  row(fmt::format("RSS after {} s at 1 s, without the simulator", bench.seconds),
      fmt::format("{:.1f} MiB", rss - *sim_rss), "<= 24 MiB");
  scrape(bench, url, pid, bench.scrapes);
  row(fmt::format("growth of RSS over {} scrapes", bench.scrapes),
      fmt::format("{:+.1f} MiB", status_mib(pid, "VmRSS") - rss), "flat");
}

void hung_device(const Bench& bench) {
  Agent agent(*bench.node, {"--interval", "500ms", "--deadline", "400ms"});
  pid_of(agent);
  expect_load(agent);
  const auto longest = [&](int samples) {
    double most = 0;
    const auto give_up = Clock::now() + 60s;
    for (double last = own(agent, "tessera_agent_collections_total"); samples > 0;) {
      if (Clock::now() > give_up) throw Broken("the agent does not collect any more");
      bench.wait(5ms);
      const double now = own(agent, "tessera_agent_collections_total");
      if (now == last) continue;
      last = now;
      --samples;
      most = std::max(most, own(agent, "tessera_agent_collection_duration_seconds"));
    }
    return most * 1e3;
  };
  const double healthy = longest(10);
  bench.node->sim({"fault", "hang", "--gpu", "0", "--for", "60s"});
  const double first = longest(2);
  const double later = longest(10);
  bench.node->sim({"fault", "clear"});
  row("longest collection, all devices healthy", fmt::format("{:.1f} ms", healthy));
  const auto judged = [healthy](const std::string& what, double took) {
    const bool reached = took - healthy <= kMostMoreMs;
    row(what, fmt::format("{:.1f} ms, {:.1f} more", took, took - healthy),
        fmt::format("<= {} ms more: {}", kMostMoreMs, reached ? "reached" : "**missed**"));
  };
  judged("the collection in which a device begins to hang (deadline 400 ms)", first);
  judged("longest collection after it, the device still hung", later);
}

void beside_node_exporter(const Bench& bench) {
  if (peer("prometheus-node-exporter").empty())
    throw Broken("no prometheus-node-exporter in TESSERA_PEERS or on the PATH: ./dev deps unpacks it");
  Agent agent(*bench.node, {"--interval", "1h"});  // no collection within the run: only scrapes cost
  const pid_t pid = pid_of(agent);
  expect_load(agent);
  const TempDir folder;
  const std::string page = agent.metrics();
  if (const auto written = write_file_atomically(folder.path() / "gpu.prom", page); !written)
    throw Broken(written.error().what);
  const std::string listen = fmt::format("127.0.0.1:{}", free_port());
  Child exporter({peer("prometheus-node-exporter"), "--collector.disable-defaults", "--collector.textfile",
                  "--collector.textfile.directory=" + folder.path().string(), "--web.listen-address=" + listen});
  const std::string url = "http://" + listen + "/metrics";
  http::ClientRequest request;
  request.url = url;
  http::Client client;
  if (!eventually([&] { return static_cast<bool>(client.send(request)); }))
    throw Broken("node_exporter does not serve: " + exporter.output());
  scrape(bench, agent.url("/metrics"), pid, 50);
  scrape(bench, url, exporter.pid(), 20);
  const Scrapes ours = scrape(bench, agent.url("/metrics"), pid, 2000);
  const Scrapes theirs = scrape(bench, url, exporter.pid(), 300);
  print(
      fmt::format("\n| the same page of {} KiB | tessera-agent | node_exporter | ratio |\n| --- | --- | --- | --- |\n",
                  page.size() >> 10U));
  const auto versus = [](const char* what, const char* unit, int digits, double our, double their) {
    print(fmt::format("| {} | {:.{}f} {} | {:.{}f} {} | {:.1f} |\n", what, our, digits, unit, their, digits, unit,
                      their / our));
  };
  versus("CPU per scrape", "us", 0, ours.cpu_us, theirs.cpu_us);
  versus("median of a scrape", "ms", 2, ours.median_ms, theirs.median_ms);
  versus("RSS (the agent's with the simulator)", "MiB", 1, status_mib(pid, "VmRSS"),
         status_mib(exporter.pid(), "VmRSS"));
}

constexpr struct {
  const char* name;
  const char* what;
  void (*run)(const Bench&);
} kParts[] = {{"collection", "what a collection costs", collection_cost},
              {"rare", "scrapes rarer than collections", rare_scrapes},
              {"memory", "scrapes and memory", memory_and_scrapes},
              {"hung", "a device that hangs", hung_device},
              {"peer", "beside node_exporter", beside_node_exporter}};

constexpr const char* kUsage =
    "usage: agent_bench [--seconds N] [--scrapes N] [--parts NAME,...]\n"
    "  --seconds N   at an interval of 1 s, for the memory; other parts are shortened with it (600)\n"
    "  --scrapes N   in which the memory must not grow (100000)\n"
    "  --parts LIST  of collection, rare, memory, hung, peer (all)\n";

/// Whether all of it was understood.
bool parse(int argc, char** argv, Bench& bench) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() % 2 != 0) return false;
  for (std::size_t i = 0; i < words.size(); i += 2) {
    const std::string& value = words[i + 1];
    const auto number = parse_int(value);
    if (words[i] == "--seconds" && number && *number > 0 && *number <= 86'400) {
      bench.seconds = static_cast<int>(*number);
    } else if (words[i] == "--scrapes" && number && *number > 0 && *number <= 100'000'000) {
      bench.scrapes = static_cast<int>(*number);
    } else if (words[i] == "--parts") {
      for (const auto part : split(value, ',')) {
        if (std::ranges::none_of(kParts, [&](const auto& known) { return part == known.name; })) return false;
        bench.parts.emplace_back(part);
      }
    } else {
      return false;
    }
  }
  return true;
}

/// The names of the parts that failed.
std::vector<std::string> run_parts(const Bench& bench) {
  std::vector<std::string> failed;
  for (const auto& part : kParts) {
    if (!bench.parts.empty() && std::ranges::find(bench.parts, part.name) == bench.parts.end()) continue;
    say("{}: {}", part.name, part.what);
    try {
      part.run(bench);
    } catch (const std::exception& error) {
      failed.emplace_back(part.name);
      say("{}: {}", part.name, error.what());
      row(part.name, "not measured: see the errors");
    }
    if (bench.stop.stop_requested()) break;
  }
  return failed;
}

}  // namespace

int main(int argc, char** argv) {
  Bench bench;
  if (!parse(argc, argv, bench)) return std::fputs(kUsage, stderr), 2;
  bench.stop = stop_on({SIGINT, SIGTERM, SIGHUP}).get_token();
  const auto begin = Clock::now();
  try {
    const Node node(scenario("bench"));
    bench.node = &node;
    print(
        fmt::format("{}. Scenario bench.yaml: 8 H100 with 7 instances each, 200 processes in 56 pods.\n\n", machine()));
    print("| what | measured | goal |\n| --- | --- | --- |\n");
    const auto failed = run_parts(bench);
    say("{} after {:.0f} s",
        bench.stop.stop_requested() ? "stopped by a signal"
        : failed.empty()            ? "all measured"
                                    : fmt::format("failed: {}", fmt::join(failed, ", ")),
        std::chrono::duration<double>(Clock::now() - begin).count());
    return failed.empty() ? 0 : 1;
  } catch (const std::exception& error) {
    say("{}", error.what());
    return 1;
  }
}
