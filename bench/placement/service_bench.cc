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
#include "store/allocations.h"

namespace {

using namespace tessera;

constexpr const char* kAbout =
    "placement_service_bench: asks the service for instances and whole devices, one after the other, on nodes of eight "
    "GPUs of which each second one has its GPUs in MIG mode; or, with --bound, on a full fleet, where all is refused. "
    "The database is SQLite in a folder that is removed.";
constexpr const char* kFooter =
    "Prints nodes,told_anew,what,requests,refused,cpu_mean_us,cpu_p50_us,cpu_p99_us,wall_p50_us,wall_p99_us: what is "
    "decide (dryRun) or promise (with the database); of a full fleet: first (a dryRun), review (what admission asks), "
    "refuse (a dryRun), wait (with the database), round (of all who wait, each told anew why), quiet (of whom none "
    "is). "
    "Exit status: 0, 1 for a failure, 2 for a wrong command line.";
constexpr unsigned kDevices = 8;
constexpr EpochMs kStart = 1'800'000'000'000;

struct Wanted {
  std::string nodes = "1213", requests = "2000", told = "80", bound = "0", waiting = "1000";
};

Result<std::size_t> number_of(std::string_view flag, const std::string& text, std::int64_t most) {
  const auto number = parse_int(text);
  if (!number || *number < 0 || *number > most)
    return fail(Code::Invalid, "{} '{}': a whole number from 0 to {} expected", flag, text, most);
  return static_cast<std::size_t>(*number);
}

constexpr unsigned kHeld = 3;  // instances 2g of a device that is full

/// Where the pod of this number is, each device of an even node being cut alike.
fleet::PromisedPart part_of(std::size_t pod) {
  const std::size_t device = pod / kHeld, node = 2 * (device / kDevices);
  const auto place = static_cast<unsigned>(pod % kHeld);
  return {
      fmt::format("w-{:05}", node), fmt::format("GPU-{:05}-{}", node, device % kDevices), "2g.20gb", {2 * place, 2}};
}

/// Its instances are held by pods, of which the first has this number.
void fill(fleet::Device& device, std::size_t pod) {
  for (unsigned i = 0; i < kHeld; ++i) {
    const fleet::PromisedPart part = part_of(pod + i);
    const fleet::Part at{i + 3, 0U};
    fleet::InstanceFacts facts;
    facts.uuid = fmt::format("MIG-{}-{}", part.device_uuid, i);
    facts.profile = part.profile;
    facts.placement = part.placement;
    device.instances.push_back(
        {at, std::make_shared<const fleet::InstanceFacts>(std::move(facts)), {}, {}, kStart, kStart});
    fleet::AllocationFacts holder;
    holder.workload = {"ml", fmt::format("b-{}", pod + i), "main", fmt::format("u-{}", pod + i)};
    holder.resource = "nvidia.com/mig-2g.20gb";
    device.allocations.push_back(
        {0, at, std::make_shared<const fleet::AllocationFacts>(std::move(holder)), {}, kStart, kStart});
  }
}

/// The whole of it.
void hold(fleet::Device& device, const std::string& pod) {
  fleet::AllocationFacts holder;
  holder.workload = {"ml", pod, "main", "u-" + pod};
  holder.resource = "nvidia.com/gpu";
  device.allocations.push_back(
      {0, {}, std::make_shared<const fleet::AllocationFacts>(std::move(holder)), {}, kStart, kStart});
}

/// Where pods are `bound` all of it is full: of the others nobody keeps an allocation.
std::shared_ptr<const fleet::Node> make_node(std::size_t number, EpochMs now, std::size_t bound) {
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
    const std::size_t pod = (number / 2 * kDevices + i) * kHeld;
    if (is_cut && bound > 0) fill(device, pod);
    if (!is_cut && bound > 0) hold(device, fmt::format("t-{}-{}", number, i));
    node.devices.push_back(std::move(device));
  }
  return std::make_shared<const fleet::Node>(std::move(node));
}

/// The fleet as the keeper publishes it: a node that is told of anew is another one.
class Fleet {
 public:
  explicit Fleet(std::size_t nodes, std::size_t bound = 0) : bound_(bound) {
    for (std::size_t i = 0; i < nodes; ++i) view_.nodes.push_back(make_node(i, kStart, bound_));
    publish();
  }
  void tell_anew(std::size_t nodes, EpochMs after = 1'000) {
    view_.time += after;
    for (std::size_t i = 0; i < nodes; ++i, ++next_)
      view_.nodes[next_ % view_.nodes.size()] = make_node(next_ % view_.nodes.size(), view_.time, bound_);
    publish();
  }
  /// So that each sentence which counts devices is another one.
  void lose_a_device(EpochMs after) {
    fleet::Node node = *view_.nodes.back();
    for (fleet::Device& one : node.devices)
      if (one.presence == fleet::Presence::Present) {
        one.presence = fleet::Presence::Stale;
        break;
      }
    view_.nodes.back() = std::make_shared<const fleet::Node>(std::move(node));
    tell_anew(0, after);
  }
  const Latest<server::Published>& published() const { return published_; }

 private:
  void publish() {
    server::Published next;
    next.view = std::make_shared<const fleet::View>(view_);
    published_.publish(std::move(next));
  }
  const std::size_t bound_;
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

Result<void> ask(server::Allocations& allocations, std::string body, Times& into) {
  http::Request request;
  request.method = "POST";
  request.path = "/gpu/allocations";
  request.body = std::move(body);
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

/// The service on a fleet, with what is in the database when it begins.
class Service {
 public:
  explicit Service(const Latest<server::Published>& fleet) : events_(fleet, [] { return false; }), fleet_(fleet) {}
  Result<void> open(const std::vector<fleet::PodAllocation>& known) {
    const std::string url = "sqlite:" + (folder_.path() / "tessera.db").string();
    access_ = TRY(server::Access::open(TRY(store::Database::open(url)), {}, "127.0.0.1:0"));
    TRY(access_->changes().read([&](store::Database& database) {
      return database.atomically([&]() -> Result<void> {
        for (const fleet::PodAllocation& one : known) TRY(store::put_allocation(database, one));
        return {};
      });
    }));
    server::AllocationOptions options;
    options.look_every = Milliseconds(0);
    options.prices = {{"H100_80GB", 4'000'000}, {"A100_80GB", 2'000'000}};
    allocations_ = TRY(server::Allocations::open(
        fleet_, access_->changes(), layouts_, events_, [] { return true; }, std::move(options)));
    return {};
  }
  server::Allocations& allocations() { return *allocations_; }

 private:
  TempDir folder_;
  std::unique_ptr<server::Access> access_;
  server::WantedLayouts layouts_{0, {}};
  server::Events events_;
  const Latest<server::Published>& fleet_;
  std::unique_ptr<server::Allocations> allocations_;
};

Result<void> measure_room(std::size_t nodes, std::size_t told, std::size_t requests) {
  Fleet fleet(nodes);
  Service service(fleet.published());
  TRY(service.open({}));
  Times first, decided, promised;
  TRY(ask(service.allocations(), body_of(0, true), first));
  print(nodes, told, "first", first);
  for (std::size_t i = 0; i < requests; ++i) {
    if (told > 0) fleet.tell_anew(told);
    TRY(ask(service.allocations(), body_of(i, true), decided));
    TRY(ask(service.allocations(), body_of(i, false), promised));
  }
  print(nodes, told, "decide", decided);
  print(nodes, told, "promise", promised);
  return {};
}

/// What of a full fleet is refused.
constexpr std::string_view kRefused[] = {R"("useMig":true,"requiredMemoryGb":20)",
                                         R"("useMig":true,"requiredMemoryGb":40,"workloadType":"Interactive")",
                                         R"("useMig":false)", R"("requiredMemoryGb":30,"workloadType":"Batch")"};

std::string body_refused(std::size_t number, std::string_view more) {
  return fmt::format(R"({{"cluster":"default","namespace":"ml","podName":"w-{}",{}{}}})", number,
                     kRefused[number % std::size(kRefused)], more);
}

fleet::PodAllocation known_of(std::string id, std::string pod, std::string request) {
  fleet::PodAllocation out;
  out.id = std::move(id);
  out.cluster = "default";
  out.space = "ml";
  out.pod = std::move(pod);
  out.request = std::move(request);
  out.asked_by = out.who = "bench";
  out.asked_at = out.since = kStart;
  return out;
}

/// Pods that are bound to 2g and may be moved, and those that wait.
std::vector<fleet::PodAllocation> known_at_first(std::size_t bound, std::size_t waiting) {
  std::vector<fleet::PodAllocation> out;
  for (std::size_t i = 0; i < bound; ++i) {
    const std::string pod = fmt::format("b-{}", i);
    out.push_back(known_of(fmt::format("b{:07}", i), pod,
                           fmt::format(R"({{"namespace":"ml","podName":"{}","useMig":true,"requiredMemoryGb":20,)"
                                       R"("mayMove":true}})",
                                       pod)));
    out.back().state = fleet::AllocationState::Bound;
    out.back().parts = {part_of(i)};
    out.back().pod_uid = fmt::format("u-{}", i);
  }
  for (std::size_t i = 0; i < waiting; ++i) {
    out.push_back(known_of(fmt::format("w{:07}", i), fmt::format("w-{}", i), body_refused(i, R"(,"wait":true)")));
    out.back().waits = true;
  }
  return out;
}

template <class Do>
Result<void> time(Times& into, const Do& act) {
  const double cpu = bench::cpu_us();
  const auto begun = std::chrono::steady_clock::now();
  TRY(act());
  into.cpu_us.push_back(bench::cpu_us() - cpu);
  into.wall_us.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begun).count());
  return {};
}

/// What admission asks before a pod is there.
Result<void> foresee(const server::Allocations& allocations, std::size_t number, Times& into) {
  auto wish = TRY(server::parse_allocation_wish(body_refused(number, "")));
  return time(into, [&]() -> Result<void> {
    const auto seen = TRY(allocations.foresee(wish));
    into.refused += seen.now ? 0 : 1;
    return {};
  });
}

Result<void> measure_full(std::size_t nodes, std::size_t told, std::size_t requests, std::size_t bound,
                          std::size_t waiting) {
  Fleet fleet(nodes, bound);
  Service service(fleet.published());
  TRY(service.open(known_at_first(bound, waiting)));
  server::Allocations& allocations = service.allocations();
  const auto look = [&]() -> Result<void> {
    allocations.look();
    return {};
  };
  Times first, reviewed, refused, waits, rounds, quiet;
  TRY(ask(allocations, body_refused(0, R"(,"dryRun":true)"), first));
  print(nodes, told, "first", first);
  for (std::size_t i = 0; i < requests; ++i) {
    if (told > 0) fleet.tell_anew(told);
    TRY(foresee(allocations, i, reviewed));
    TRY(ask(allocations, body_refused(waiting + i, R"(,"dryRun":true)"), refused));
    TRY(ask(allocations, body_refused(waiting + i, R"(,"wait":true)"), waits));
  }
  print(nodes, told, "review", reviewed);
  print(nodes, told, "refuse", refused);
  print(nodes, told, "wait", waits);
  constexpr int kRounds = 3;
  for (int i = 0; i < kRounds; ++i) {
    fleet.lose_a_device(61'000);
    TRY(time(rounds, look));
    fleet.tell_anew(told);
    TRY(time(quiet, look));
  }
  print(nodes, told, "round", rounds);
  print(nodes, told, "quiet", quiet);
  return {};
}

Result<void> measure(const Wanted& wanted) {
  const std::size_t nodes = TRY(number_of("--nodes", wanted.nodes, 100'000));
  const std::size_t requests = TRY(number_of("--requests", wanted.requests, 1'000'000));
  const std::size_t told = TRY(number_of("--told-anew", wanted.told, 100'000));
  const std::size_t cut = (nodes + 1) / 2 * kDevices * kHeld;
  const std::size_t bound = TRY(number_of("--bound", wanted.bound, static_cast<std::int64_t>(cut)));
  const std::size_t waiting = TRY(number_of("--waiting", wanted.waiting, 100'000));
  fmt::print("nodes,told_anew,what,requests,refused,cpu_mean_us,cpu_p50_us,cpu_p99_us,wall_p50_us,wall_p99_us\n");
  return bound > 0 ? measure_full(nodes, told, requests, bound, waiting) : measure_room(nodes, told, requests);
}

void add_flags(CLI::App& app, Wanted& wanted) {
  app.add_option("--nodes", wanted.nodes, "of eight GPUs [1213]")->type_name("N");
  app.add_option("--requests", wanted.requests, "so many of each kind [2000]")->type_name("N");
  app.add_option("--bound", wanted.bound,
                 "pods that have a 2g each and may be moved: at most three on each device of each second node; "
                 "0: the fleet is empty [0]")
      ->type_name("N");
  app.add_option("--waiting", wanted.waiting, "allocations that wait, with --bound [1000]")->type_name("N");
  app.add_option("--told-anew", wanted.told, "nodes that are told of anew before each [80]")->type_name("N");
}

}  // namespace

int main(int argc, char** argv) {
  Wanted wanted;
  config::CommandLine command("placement_service_bench", TESSERA_VERSION, kAbout, kFooter);
  add_flags(command.app(), wanted);
  return bench::main_of(command, argc, argv, "placement_service_bench", [&] { return measure(wanted); });
}
