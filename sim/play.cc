#include "sim/play.h"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <map>

#include "sim/kubelet.h"
#include "sim/trees.h"

namespace tessera::sim {
namespace {

volatile std::sig_atomic_t stopped = 0;
void stop(int) { stopped = 1; }

// Children named by the scenario's ids. They only sleep; their PIDs are what the driver then lists.
class Children {
 public:
  explicit Children(Node& node) : node_(node) {}
  ~Children() {
    for (const auto& [id, child] : alive_) ::kill(child.pid, SIGTERM);
    for (const auto& [id, child] : alive_) ::waitpid(child.pid, nullptr, 0);
    if (!alive_.empty()) record(wall_microseconds(), {}, true);
  }
  Children(const Children&) = delete;
  Children& operator=(const Children&) = delete;

  // Starts those whose time has come, ends those whose time is over.
  Outcome<int> update(const State& state, std::int64_t now) {
    reap(now);
    std::map<std::string, std::pair<const ProcessSpec*, double>> wanted;
    const double seconds = static_cast<double>(now - state.started) / 1e6;
    for (const GpuSpec& gpu : node_.spec().gpus)
      for (const ProcessSpec& process : gpu.processes)
        if (process.pid == 0)
          if (const auto round = round_start(process.window, seconds)) wanted.try_emplace(process.id, &process, *round);

    std::vector<Spawned> started;
    for (const auto& [id, want] : wanted) {
      const auto known = alive_.find(id);
      if (known != alive_.end() && known->second.round == want.second) continue;
      if (known != alive_.end()) end(known->first, now);
      if (const auto over = ended_round_.find(id); over != ended_round_.end() && over->second == want.second) continue;
      const pid_t pid = spawn(want.first->command);
      if (pid < 0) return Failure{fmt::format("process {}: cannot be started: {}", id, std::strerror(errno))};
      alive_[id] = {pid, want.second};
      started.push_back({id, static_cast<unsigned>(pid), now, 0});
    }
    std::vector<std::string> over;
    for (const auto& [id, child] : alive_)
      if (!wanted.contains(id)) over.push_back(id);
    for (const std::string& id : over) end(id, now);
    if (!started.empty()) record(now, started, false);
    return 0;
  }

 private:
  struct Child {
    pid_t pid;
    double round;
  };

  static pid_t spawn(const std::string& command) {
    const pid_t pid = ::fork();
    if (pid != 0) return pid;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // never outlives the player
    ::prctl(PR_SET_NAME, command.substr(0, 15).c_str());
    ::signal(SIGTERM, SIG_DFL);
    ::signal(SIGINT, SIG_IGN);  // Ctrl-C is for the player
    for (;;) ::pause();
  }

  void end(const std::string& id, std::int64_t now) {
    const auto child = alive_.find(id);
    ::kill(child->second.pid, SIGTERM);
    ::waitpid(child->second.pid, nullptr, 0);
    alive_.erase(child);
    record_end(id, now);
  }

  // Somebody may have killed one: then it is gone for this round, as a crashed process would be.
  void reap(std::int64_t now) {
    for (auto child = alive_.begin(); child != alive_.end();) {
      if (::waitpid(child->second.pid, nullptr, WNOHANG) != child->second.pid) {
        ++child;
        continue;
      }
      ended_round_[child->first] = child->second.round;
      const std::string id = child->first;
      child = alive_.erase(child);
      record_end(id, now);
    }
  }

  void fold_all(State& state, std::int64_t now) const {
    for (std::size_t gpu = 0; gpu < state.gpus.size(); ++gpu) node_.fold(state, gpu, now);
  }

  void record_end(const std::string& id, std::int64_t now) {
    node_.store().update([&](State& state) {
      fold_all(state, now);
      for (Spawned& child : state.spawned)
        if (child.id == id && child.ended == 0) child.ended = now;
      return true;
    });
  }

  void record(std::int64_t now, const std::vector<Spawned>& started, bool all_ended) {
    node_.store().update([&](State& state) {
      fold_all(state, now);
      if (all_ended)
        for (Spawned& child : state.spawned)
          if (child.ended == 0) child.ended = now;
      state.spawned.insert(state.spawned.end(), started.begin(), started.end());
      // Old ones are only wanted for a little while, by readers that still look back at their samples.
      constexpr std::int64_t kRemember = 600'000'000;
      std::erase_if(state.spawned,
                    [&](const Spawned& child) { return child.ended != 0 && child.ended < now - kRemember; });
      return true;
    });
  }

  Node& node_;
  std::map<std::string, Child> alive_;
  std::map<std::string, double> ended_round_;
};

constexpr int kUnimplemented = 12;  // gRPC status

std::string agent_flags(const std::string& root, const std::string& library) {
  return fmt::format(
      "--nvml {} --proc {}/proc --sys {}/sys --pod-logs {}/log --pod-resources-kubelet-socket {}/kubelet/kubelet.sock",
      library, root, root, root, root);
}

}  // namespace

Outcome<int> play(Node& node, const std::string& root, const std::string& library) {
  std::error_code failed;
  std::filesystem::create_directories(root + "/kubelet", failed);
  if (failed) return Failure{fmt::format("directory {}/kubelet: {}", root, failed.message())};

  struct sigaction action{};
  action.sa_handler = stop;  // without SA_RESTART: a signal ends the wait
  ::sigaction(SIGTERM, &action, nullptr);
  ::sigaction(SIGINT, &action, nullptr);

  // Children that an earlier player left recorded are not ours.
  node.store().update([&](State& state) {
    bool changed = false;
    for (Spawned& child : state.spawned) {
      if (child.ended != 0) continue;
      child.ended = wall_microseconds();
      changed = true;
    }
    return changed;
  });
  Trees trees(root);
  Children children(node);
  auto kubelet = Kubelet::listen(root + "/kubelet/kubelet.sock", [&](const std::string& path) -> Kubelet::Reply {
    const auto state = node.store().current();
    if (path == "/v1.PodResourcesLister/List") return {0, list_pod_resources(node, *state, wall_microseconds())};
    if (path == "/v1.PodResourcesLister/GetAllocatableResources") return {0, list_allocatable(node, *state)};
    return {kUnimplemented, {}};
  });
  if (!kubelet) return kubelet.error();

  constexpr std::chrono::milliseconds kTick{100};
  bool told = false;
  while (!stopped) {
    const std::int64_t now = wall_microseconds();
    if (auto done = children.update(*node.store().current(), now); !done) return done;
    if (auto done = trees.update(node, *node.store().current(), wall_microseconds()); !done) return done;
    if (!told) {
      fmt::print("{}\n", agent_flags(root, library));
      std::fflush(stdout);
      told = true;
    }
    (*kubelet)->serve(kTick);
  }
  return 0;
}

}  // namespace tessera::sim
