// How long the service takes to decide: POST /gpu/allocations as the server does it, without the way through HTTP, on a
// fleet that is made here and of which some nodes are told of anew between two requests.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/text.h"
#include "bench/arguments.h"
#include "bench/placement/cpu_time.h"
#include "fleet/decision/samples.h"
#include "server/access/access.h"
#include "server/allocations.h"

namespace {

using namespace tessera;

constexpr const char* kAbout =
    "placement_service_bench: asks the service for instances and whole devices, one after the other, on nodes of eight "
    "GPUs of which each second one has its GPUs in MIG mode. The database is SQLite in a folder that is removed.";
constexpr const char* kFooter =
    "Prints nodes,told_anew,what,requests,refused,cpu_mean_us,cpu_p50_us,cpu_p99_us,wall_p50_us,wall_p99_us: what is "
    "decide (dryRun) or promise (with the database). Exit status: 0, 1 for a failure, 2 for a wrong command line.";
constexpr unsigned kDevices = 8;
constexpr EpochMs kStart = 1'800'000'000'000;

struct Wanted {
  std::string nodes = "1213", requests = "2000", told = "80";
};

Result<std::size_t> number_of(std::string_view flag, const std::string& text, std::int64_t most) {
  const auto number = parse_int(text);
  if (!number || *number < 0 || *number > most)
    return fail(Code::Invalid, "{} '{}': a whole number from 0 to {} expected", flag, text, most);
  return static_cast<std::size_t>(*number);
}

std::shared_ptr<const fleet::Node> make_node(std::size_t number, EpochMs now) {
  fleet::Node node{"default", fmt::format("w-{:05}", number), {}, now};
  const bool is_cut = number % 2 == 0;
  for (unsigned i = 0; i < kDevices; ++i) {
    auto facts = std::make_shared<fleet::DeviceFacts>();
    facts->uuid = fmt::format("GPU-{:05}-{}", number, i);
    facts->index = i;
    facts->name = is_cut ? "NVIDIA H100 80GB HBM3" : "NVIDIA A100-SXM4-80GB";
    facts->mig_enabled = is_cut;
    facts->memory_bytes = 81'559ULL * 1024 * 1024;
    if (is_cut) facts->profiles = fleet::decision::plain_h100_profiles();
    fleet::Device device;
    device.facts = std::move(facts);
    device.up = true;
    device.first_seen = kStart;
    device.last_seen = device.heard = now;
    device.live = true;
    node.devices.push_back(std::move(device));
  }
  return std::make_shared<const fleet::Node>(std::move(node));
}

/// The fleet as the keeper publishes it: a node that is told of anew is another one.
class Fleet {
 public:
  explicit Fleet(std::size_t nodes) {
    for (std::size_t i = 0; i < nodes; ++i) view_.nodes.push_back(make_node(i, kStart));
    publish();
  }
  void tell_anew(std::size_t nodes) {
    view_.time += 1'000;
    for (std::size_t i = 0; i < nodes; ++i, ++next_)
      view_.nodes[next_ % view_.nodes.size()] = make_node(next_ % view_.nodes.size(), view_.time);
    publish();
  }
  const Latest<server::Published>& published() const { return published_; }

 private:
  void publish() {
    server::Published next;
    next.view = std::make_shared<const fleet::View>(view_);
    published_.publish(std::move(next));
  }
  fleet::View view_{kStart, {}};
  std::size_t next_ = 0;
  Latest<server::Published> published_;
};

std::string body_of(std::size_t number, bool dry_run) {
  static constexpr std::string_view kAsked[] = {
      R"("useMig":true,"requiredMemoryGb":9)",
      R"("useMig":true,"requiredMemoryGb":20)",
      R"("useMig":false)",
      R"("useMig":true,"requiredMemoryGb":40)",
      R"("useMig":false,"devices":2,"workloadType":"Training")",
      R"("useMig":true,"requiredMemoryGb":9,"workloadType":"Interactive")",
      R"("requiredMemoryGb":10,"workloadType":"Batch")",
      R"("useMig":false,"devices":8,"workloadType":"Training")",
  };
  return fmt::format(R"({{"cluster":"default","namespace":"ml","podName":"p-{}{}",{},"dryRun":{}}})",
                     dry_run ? "d" : "", number, kAsked[number % std::size(kAsked)], dry_run);
}

struct Times {
  std::vector<double> cpu_us, wall_us;
  std::size_t refused = 0;
};

double at(std::vector<double> of, double part) {
  std::ranges::sort(of);
  return of.empty() ? 0 : of[static_cast<std::size_t>(part * static_cast<double>(of.size() - 1))];
}

Result<void> ask(server::Allocations& allocations, std::size_t number, bool dry_run, Times& into) {
  http::Request request;
  request.method = "POST";
  request.path = "/gpu/allocations";
  request.body = body_of(number, dry_run);
  const double cpu = bench::cpu_us();
  const auto begun = std::chrono::steady_clock::now();
  const auto wish = TRY(server::parse_allocation_wish(request.body));
  const http::Response reply = allocations.ask(request, wish);
  into.cpu_us.push_back(bench::cpu_us() - cpu);
  into.wall_us.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begun).count());
  into.refused += reply.status == 409;
  if (reply.status >= 300 && reply.status != 409)
    return fail(Code::Internal, "{}: {} {}", request.body, reply.status, reply.body);
  return {};
}

void print(std::size_t nodes, std::size_t told, std::string_view what, const Times& times) {
  double sum = 0;
  for (const double one : times.cpu_us) sum += one;
  fmt::print("{},{},{},{},{},{:.0f},{:.0f},{:.0f},{:.0f},{:.0f}\n", nodes, told, what, times.cpu_us.size(),
             times.refused, sum / static_cast<double>(times.cpu_us.size()), at(times.cpu_us, 0.5),
             at(times.cpu_us, 0.99), at(times.wall_us, 0.5), at(times.wall_us, 0.99));
  std::fflush(stdout);
}

Result<void> measure(const Wanted& wanted) {
  const std::size_t nodes = TRY(number_of("--nodes", wanted.nodes, 100'000));
  const std::size_t requests = TRY(number_of("--requests", wanted.requests, 1'000'000));
  const std::size_t told = TRY(number_of("--told-anew", wanted.told, 100'000));
  const TempDir folder;
  const std::string url = "sqlite:" + (folder.path() / "tessera.db").string();
  auto access = TRY(server::Access::open(TRY(store::Database::open(url)), {}, "127.0.0.1:0"));
  Fleet fleet(nodes);
  server::WantedLayouts layouts(0, {});
  server::Events events(fleet.published(), [] { return false; });
  server::AllocationOptions options;
  options.look_every = Milliseconds(0);
  options.prices = {{"H100_80GB", 4'000'000}, {"A100_80GB", 2'000'000}};
  auto allocations = TRY(server::Allocations::open(
      fleet.published(), access->changes(), layouts, events, [] { return true; }, std::move(options)));
  fmt::print("nodes,told_anew,what,requests,refused,cpu_mean_us,cpu_p50_us,cpu_p99_us,wall_p50_us,wall_p99_us\n");
  Times first, decided, promised;
  TRY(ask(*allocations, 0, true, first));
  print(nodes, told, "first", first);
  for (std::size_t i = 0; i < requests; ++i) {
    if (told > 0) fleet.tell_anew(told);
    TRY(ask(*allocations, i, true, decided));
    TRY(ask(*allocations, i, false, promised));
  }
  print(nodes, told, "decide", decided);
  print(nodes, told, "promise", promised);
  return {};
}

void add_flags(CLI::App& app, Wanted& wanted) {
  app.add_option("--nodes", wanted.nodes, "of eight GPUs [1213]")->type_name("N");
  app.add_option("--requests", wanted.requests, "so many of each kind [2000]")->type_name("N");
  app.add_option("--told-anew", wanted.told, "nodes that are told of anew before each [80]")->type_name("N");
}

}  // namespace

int main(int argc, char** argv) {
  Wanted wanted;
  config::CommandLine command("placement_service_bench", TESSERA_VERSION, kAbout, kFooter);
  add_flags(command.app(), wanted);
  return bench::main_of(command, argc, argv, "placement_service_bench", [&] { return measure(wanted); });
}
