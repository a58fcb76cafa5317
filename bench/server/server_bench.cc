// What the fleet server costs: beside other receivers of remote write on the same stream, and under fleets of up to
// 80,000 GPUs. Prints Markdown for docs/performance.md; usage in bench/server.sh.
#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/files.h"
#include "base/text.h"
#include "bench/process_cost.h"
#include "bench/server/fleet_stream.h"
#include "bench/server/load.h"
#include "bench/server/running.h"
#include "http/client.h"
#include "tests/e2e/node.h"

namespace {
using namespace tessera;
using namespace tessera::bench;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr EpochMs kInterval = 30'000;
constexpr unsigned kGpus = 8, kInstances = 20;  // of a node
constexpr unsigned kIngestNodes = 1'000, kIngestRounds = 10;
constexpr double kAsksPerSecond = 200;
constexpr const char* kBothCores = "0,1";  // as it would run; of the first it gets what is left

struct Arguments {
  std::vector<std::string> parts = {"ingest", "fleet"};
  std::vector<unsigned> fleets = {100, 1'000, 10'000};
  unsigned seconds = 90;  ///< that each fleet is asked for
};

void line(const std::string& text) {
  std::printf("%s\n", text.c_str());
  std::fflush(stdout);
}

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

std::optional<Arguments> parse(int argc, char** argv) {
  Arguments out;
  const auto words = [](std::string_view text) { return split(text, ','); };
  if (argc > 1) {
    out.parts.clear();
    for (const auto word : words(argv[1])) {
      if (word != "ingest" && word != "fleet") {
        std::fprintf(stderr, "server_bench: no '%s' among ingest, fleet\n", std::string(word).c_str());
        return std::nullopt;
      }
      out.parts.emplace_back(word);
    }
  }
  if (argc > 2) {
    out.fleets.clear();
    for (const auto word : words(argv[2])) {
      const auto nodes = parse_int(word);
      if (!nodes || *nodes < 1 || *nodes > 100'000) {
        std::fprintf(stderr, "server_bench: '%s': 1 to 100000 nodes expected\n", std::string(word).c_str());
        return std::nullopt;
      }
      out.fleets.push_back(static_cast<unsigned>(*nodes));
    }
  }
  if (argc > 3) {
    const auto seconds = parse_int(argv[3]);
    if (!seconds || *seconds < 10 || *seconds > 3600) {
      std::fprintf(stderr, "server_bench: '%s': 10 to 3600 seconds expected\n", argv[3]);
      return std::nullopt;
    }
    out.seconds = static_cast<unsigned>(*seconds);
  }
  return out;
}

/// Eight H100: five whole, each used by a pod, three cut into twenty instances, each used by a pod.
std::string scenario_of_a_node() {
  const std::string name(kTemplateNode);
  std::string gpus, pods;
  unsigned pid = 4'000;
  const auto pod = [&](unsigned gpu, const std::string& instance) {
    const std::string pod_name = fmt::format("job-{}-{}", pid, name);
    pods +=
        fmt::format("      - {{namespace: batch, name: {}, containers: [{{name: main, devices: [{{gpu: {}{}}}]}}]}}\n",
                    pod_name, gpu, instance);
    return fmt::format("          - {{pid: {}, command: worker, memory: 1GiB, sm: 60, pod: batch/{}{}}}\n", pid++,
                       pod_name, instance);
  };
  for (unsigned gpu = 0; gpu < kGpus; ++gpu) {
    const unsigned parts = gpu < 5 ? 0 : gpu < 7 ? 7 : 6;
    gpus += "      - model: h100_sxm\n";
    if (parts > 0) gpus += "        mig:\n          layout:\n";
    for (unsigned part = 0; part < parts; ++part)
      gpus += fmt::format(
          "            - {{profile: 1g.10gb, load: {{wave: {{mean: {}, amplitude: 20, period: 60s}}}}}}\n", 30 + part);
    gpus += "        processes:\n";
    if (parts == 0) gpus += pod(gpu, "");
    for (unsigned part = 0; part < parts; ++part) gpus += pod(gpu, fmt::format(", instance: {}", part));
  }
  return fmt::format("nodes:\n  - name: {}\n    gpus:\n{}    pods:\n{}", name, gpus, pods);
}

/// What a real agent says of that node.
std::string page_of_a_node() {
  const TempDir folder;
  const auto file = folder.path() / "node.yaml";
  if (const auto done = write_file_atomically(file, scenario_of_a_node()); !done)
    throw std::runtime_error(done.error().what);
  const e2e::Node node(file);
  e2e::Agent agent(node, {"--interval", "1s"}, {{"NODE_NAME", std::string(kTemplateNode)}});
  std::string page;
  const bool whole = e2e::eventually([&] {
    page = agent.metrics();
    return page.find("\nDCGM_FI_PROF_GR_ENGINE_ACTIVE{") != std::string::npos;
  });
  if (!whole) throw std::runtime_error("the agent's page has no rates: " + agent.process().output());
  return page;
}

/// The time that the first round is told for.
EpochMs whole_second() { return now_epoch_ms() / 1000 * 1000; }

void ingest(const std::string& page) {
  const FleetStream stream(page);
  const double million = static_cast<double>(stream.samples()) * kIngestNodes / 1e6;
  line(fmt::format(
      "\n## The same stream into each, on the second core: {} nodes of {} series, {:.2f} M series, {} scrapes of all\n",
      kIngestNodes, stream.samples(), million, kIngestRounds));
  line(
      "| program | keeps | first scrape: CPU s per million series | CPU s per million samples | samples per CPU s | "
      "wall: samples/s | RSS, peak, MiB |");
  line("| --- | --- | --- | --- | --- | --- | --- |");
  for (const Receiver& receiver : receivers()) {
    if (receiver.file.empty()) {
      line(fmt::format("| {} | not on this machine, not compared | | | | | |", receiver.name));
      continue;
    }
    const TempDir folder;
    Running running(receiver, folder.path());
    EpochMs time = whole_second() - (kIngestRounds + 1) * kInterval;
    const double before = cpu_seconds(running.pid());
    send_round(running.write_url(), page, kIngestNodes, time);
    running.rest();
    const double first = cpu_seconds(running.pid());
    double wall = 0;
    for (unsigned round = 0; round < kIngestRounds; ++round)
      wall += send_round(running.write_url(), page, kIngestNodes, time += kInterval);
    running.rest();
    const double spent = cpu_seconds(running.pid()) - first;
    line(fmt::format("| {} ({}) | {} | {:.2f} | {:.3f} | {:.2f} M | {:.2f} M | {:.0f}, {:.0f} |", receiver.name,
                     receiver.version, receiver.keeps, (first - before) / million, spent / kIngestRounds / million,
                     kIngestRounds * million / spent, kIngestRounds * million / wall,
                     status_mib(running.pid(), "VmRSS"), status_mib(running.pid(), "VmHWM")));
    running.process().stop();
  }
}

struct Asked {
  std::vector<double> overview, devices, device;
};

/// Each in another order or length, so that none is answered with what was made for the one before.
std::string devices_page(unsigned number) {
  constexpr const char* kSorts[] = {"-utilization", "-memoryUsedBytes", "-powerWatts", "temperatureCelsius", "-health"};
  return fmt::format("/gpu/devices?limit={}&sort={}", 75 + number / std::size(kSorts) % 51,
                     kSorts[number % std::size(kSorts)]);
}

/// While a scrape of the whole fleet comes in every interval, spread over it: 200 requests a second, of three kinds.
Asked ask_while_it_goes_on(const Running& running, const std::string& page, unsigned nodes, unsigned seconds,
                           EpochMs& time, const std::vector<std::string>& ids) {
  Asked out;
  const std::string api = running.url("/k8s-monitor/api/v1");
  std::stop_source stop;
  std::exception_ptr failed[3];
  {
    const auto asker = [&](std::vector<double>& into, std::exception_ptr& why, auto url_of) {
      return std::jthread([&into, &why, url_of, token = stop.get_token()] {
        try {
          into = ask(url_of, kAsksPerSecond / 3, token);
        } catch (...) {
          why = std::current_exception();
        }
      });
    };
    const std::jthread one = asker(out.overview, failed[0], [&](unsigned) { return api + "/gpu/overview"; });
    const std::jthread two = asker(out.devices, failed[1], [&](unsigned i) { return api + devices_page(i); });
    const std::jthread three =
        asker(out.device, failed[2], [&](unsigned i) { return api + "/gpu/devices/" + ids[i * 7919 % ids.size()]; });
    const auto begin = Clock::now();
    while (seconds_since(begin) < seconds) {
      const auto due = Clock::now() + std::chrono::milliseconds(kInterval);
      send_round(running.write_url(), page, nodes, time += kInterval, std::chrono::milliseconds(kInterval));
      std::this_thread::sleep_until(std::min(due, begin + std::chrono::seconds(seconds)));
    }
    stop.request_stop();
  }
  for (const auto& why : failed)
    if (why) std::rethrow_exception(why);
  return out;
}

nlohmann::json get(const std::string& url) {
  http::Client client;
  http::ClientRequest request;
  request.url = url;
  request.deadline = 120s;
  request.max_body_bytes = 1U << 30U;
  const auto reply = client.send(request);
  if (!reply) throw std::runtime_error(reply.error().what);
  if (reply->status != 200) throw std::runtime_error(fmt::format("{}: status {}", url, reply->status));
  return nlohmann::json::parse(reply->body);
}

bool knows(const Running& running, unsigned devices) {
  return get(running.url("/k8s-monitor/api/v1/gpu/overview")).at("totalGpuDevices") == devices;
}

void fleet(const std::string& page, unsigned nodes, unsigned seconds) {
  const Receiver server = receivers().front();
  const TempDir folder;
  auto running = std::make_unique<Running>(server, folder.path(), kBothCores);
  const FleetStream stream(page);
  const double million = static_cast<double>(stream.samples()) * nodes / 1e6;
  EpochMs time = whole_second();
  const double begin = cpu_seconds(running->pid());
  send_round(running->write_url(), page, nodes, time);
  if (!e2e::eventually([&] { return knows(*running, nodes * kGpus); }, 120s))
    throw std::runtime_error(fmt::format("the server does not know {} devices", nodes * kGpus));
  running->rest();
  const double learned = cpu_seconds(running->pid()) - begin;

  std::vector<std::string> ids;
  const auto devices = get(running->url("/k8s-monitor/api/v1/gpu/devices?limit=500"));
  for (const auto& item : devices.at("items")) ids.push_back(item.at("id"));
  if (ids.empty()) throw std::runtime_error("the list of devices is empty");
  const double before = cpu_seconds(running->pid());
  const EpochMs first = time;
  const Asked asked = ask_while_it_goes_on(*running, page, nodes, seconds, time, ids);
  const double spent = cpu_seconds(running->pid()) - before;
  const EpochMs rounds = (time - first) / kInterval;
  const double samples = million * static_cast<double>(rounds);
  const double rss = status_mib(running->pid(), "VmRSS"), peak = status_mib(running->pid(), "VmHWM");

  running->process().stop();
  running.reset();
  const auto restart = Clock::now();
  running = std::make_unique<Running>(server, folder.path(), kBothCores);
  const bool whole = e2e::eventually([&] { return knows(*running, nodes * kGpus); }, 120s);
  const double back = seconds_since(restart);
  const auto both = [](const std::vector<double>& ms) {
    return fmt::format("{:.1f}, {:.1f}", percentile(ms, 0.5), percentile(ms, 0.99));
  };
  line(fmt::format("| {} | {} | {} | {:.2f} M | {:.2f} | {:.0f} %, {:.2f} M/s | {} | {} | {} | {:.0f}, {:.0f} | {} |",
                   nodes, nodes * kGpus, nodes * kInstances, million, learned / million, 100 * spent / seconds,
                   samples / seconds, both(asked.overview), both(asked.devices), both(asked.device), rss, peak,
                   whole ? fmt::format("{:.1f} s", back) : "not within 120 s"));
}

void fleets(const std::string& page, const Arguments& arguments) {
  line(fmt::format(
      "\n## Fleets that tell all every 30 s, and {:.0f} requests/s beside it for {} s, the server on both cores\n",
      kAsksPerSecond, arguments.seconds));
  line(
      "| nodes | GPUs | instances | series | first scrape: CPU s per million series | CPU of a core, samples | "
      "overview: median, p99 ms | 75 to 125 devices, sorted | one device | RSS, peak, MiB | restart to the whole "
      "overview |");
  line("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
  for (const unsigned nodes : arguments.fleets) fleet(page, nodes, arguments.seconds);
}

}  // namespace

int main(int argc, char** argv) try {
  const auto arguments = parse(argc, argv);
  if (!arguments) return 2;
  cpu_set_t first_core;
  CPU_ZERO(&first_core);
  CPU_SET(0, &first_core);
  sched_setaffinity(0, sizeof first_core, &first_core);  // the second is the program's alone
  const std::string page = page_of_a_node();
  line(fmt::format("{}. Whoever sends and asks on the first core.", machine()));
  const auto wants = [&](std::string_view part) { return std::ranges::count(arguments->parts, part) > 0; };
  if (wants("ingest")) ingest(page);
  if (wants("fleet")) fleets(page, *arguments);
  return EXIT_SUCCESS;
} catch (const std::exception& error) {
  std::fprintf(stderr, "server_bench: %s\n", error.what());
  return EXIT_FAILURE;
}
