#include "sim/trees.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "sim/units.h"

namespace tessera::sim {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kTicksPerSecond = 100;  // the kernel's USER_HZ, the same on every Linux
constexpr std::int64_t kBootBefore = 10 * 86400 * kSecond;
constexpr const char* kHostCgroup = "/system.slice/gpu-workload.service";

// A file appears whole: written aside, then renamed.
void write_file(const fs::path& path, const std::string& text) {
  const fs::path aside = path.string() + ".new";
  std::ofstream(aside, std::ios::binary | std::ios::trunc) << text;
  fs::rename(aside, path);
}

void make_link(const fs::path& target, const fs::path& link) {
  std::error_code ignored;
  fs::remove(link, ignored);
  fs::create_symlink(target, link);
}

// Everything here throws std::filesystem errors inside and hands them out as a Failure.
template <class Body>
Outcome<int> guarded(const std::string& root, Body body) {
  try {
    body();
    return 0;
  } catch (const std::exception& error) {
    return Failure{fmt::format("tree {}: {}", root, error.what())};
  }
}

std::string stat_text(unsigned pid, const std::string& comm, std::int64_t start_ticks) {
  return fmt::format(
      "{} ({}) S 1 {} {} 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 {} 0 0 18446744073709551615 "
      "0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
      pid, comm, pid, pid, start_ticks);
}

std::string status_text(unsigned pid, const std::string& comm) {
  return fmt::format(
      "Name:\t{}\nState:\tS (sleeping)\nTgid:\t{}\nPid:\t{}\nPPid:\t1\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\n"
      "NStgid:\t{}\nNSpid:\t{}\nThreads:\t1\n",
      comm, pid, pid, pid, pid);
}

void write_process(const fs::path& proc, unsigned pid, const std::string& command, std::int64_t start_ticks,
                   const std::string& cgroup) {
  const fs::path dir = proc / std::to_string(pid);
  fs::create_directories(dir);
  constexpr std::size_t kCommLength = 15;
  const std::string comm = command.substr(0, kCommLength);
  write_file(dir / "stat", stat_text(pid, comm, start_ticks));
  write_file(dir / "status", status_text(pid, comm));
  write_file(dir / "comm", comm + "\n");
  write_file(dir / "cmdline", command + std::string(1, '\0'));
  write_file(dir / "cgroup", cgroup);
}

std::string with_underscores(std::string uid) {
  std::ranges::replace(uid, '-', '_');
  return uid;
}

bool alive(const PodSpec& pod, const State& state, std::int64_t at) {
  return round_start(pod.window, static_cast<double>(at - state.started) / 1e6).has_value();
}

}  // namespace

std::string cgroup_path(const NodeSpec& node, const PodSpec& pod, const ContainerSpec& container) {
  const bool systemd = node.cgroup_driver == "systemd";
  const std::string_view prefix = pod.runtime == "docker" ? "docker-"
                                  : pod.runtime == "crio" ? "crio-"
                                                          : "cri-containerd-";
  if (systemd) {
    const std::string nest = pod.qos == "guaranteed" ? "" : pod.qos + "-";
    const std::string middle = pod.qos == "guaranteed" ? "" : fmt::format("/kubepods-{}.slice", pod.qos);
    return fmt::format("/kubepods.slice{}/kubepods-{}pod{}.slice/{}{}.scope", middle, nest, with_underscores(pod.uid),
                       prefix, container.id);
  }
  const std::string middle = pod.qos == "guaranteed" ? "" : "/" + pod.qos;
  return fmt::format("/kubepods{}/pod{}/{}{}", middle, pod.uid, pod.runtime == "crio" ? "crio-" : "", container.id);
}

std::string cgroup_text(const NodeSpec& node, const std::string& path) {
  const std::string& own = path.empty() ? kHostCgroup : path;
  if (node.cgroup_version == "2") return fmt::format("0::{}\n", own);
  std::string out;
  int id = 12;
  for (const char* controllers :
       {"devices", "pids", "cpu,cpuacct", "memory", "freezer", "cpuset", "blkio", "name=systemd"})
    out += fmt::format("{}:{}:{}\n", id--, controllers, own);
  if (node.cgroup_version == "hybrid")
    out += "0::/system.slice/containerd.service\n";  // leads elsewhere, as on real hosts
  return out;
}

Outcome<int> Trees::lay_out_host(Node& node, const State& state) {
  return guarded(root_, [&] {
    const fs::path root(root_);
    for (const char* old : {"proc", "sys", "log"}) fs::remove_all(root / old);  // of an earlier player
    booted_ = (state.started - kBootBefore) / kSecond * kSecond;
    const fs::path proc = root / "proc";
    fs::create_directories(proc / "self" / "ns");
    fs::create_directories(proc / "sys" / "kernel" / "random");
    write_process(proc, 1, "systemd", 1, cgroup_text(node.spec(), "/init.scope"));
    constexpr unsigned kSelf = 4242;
    write_file(proc / "self" / "status", status_text(kSelf, "tessera-agent"));
    write_file(proc / "self" / "stat", stat_text(kSelf, "tessera-agent", 100));
    write_file(proc / "self" / "comm", "tessera-agent\n");
    write_file(proc / "self" / "cgroup", cgroup_text(node.spec(), "/system.slice/tessera-agent.service"));
    make_link("pid:[4026531836]", proc / "self" / "ns" / "pid");  // the initial namespaces have fixed numbers
    make_link("cgroup:[4026531835]", proc / "self" / "ns" / "cgroup");
    write_file(proc / "sys" / "kernel" / "random" / "boot_id", random_uuid(node.identity("boot")) + "\n");
    write_file(proc / "stat", fmt::format("cpu  0 0 0 0 0 0 0 0 0 0\nbtime {}\n", booted_ / kSecond));

    const fs::path cgroup = root / "sys" / "fs" / "cgroup";
    fs::create_directories(cgroup);
    if (node.spec().cgroup_version == "2") write_file(cgroup / "cgroup.controllers", "cpuset cpu io memory pids\n");
    for (std::size_t gpu = 0; gpu < node.spec().gpus.size(); ++gpu) {
      std::string bus = node.bus_id(gpu).substr(4);
      std::ranges::transform(bus, bus.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      const fs::path device = root / "sys" / "bus" / "pci" / "devices" / bus;
      fs::create_directories(device);
      write_file(device / "vendor", "0x10de\n");
      write_file(device / "device", fmt::format("0x{:04x}\n", node.spec().gpus[gpu].model->pci_device));
      write_file(device / "numa_node", fmt::format("{}\n", gpu * 2 / node.spec().gpus.size()));
    }
    fs::create_directories(root / "log" / "pods");
    fs::create_directories(root / "log" / "containers");
    laid_out_ = true;
  });
}

Outcome<int> Trees::update_pods(const Node& node, const State& state, std::int64_t at) {
  return guarded(root_, [&] {
    const fs::path log = fs::path(root_) / "log";
    for (const PodSpec& pod : node.spec().pods) {
      const std::string name = fmt::format("{}_{}_{}", pod.ns, pod.name, pod.uid);
      const bool here = alive(pod, state, at);
      if (here == pods_.contains(name)) continue;
      for (const ContainerSpec& container : pod.containers) {
        const fs::path link =
            log / "containers" / fmt::format("{}_{}_{}-{}.log", pod.name, pod.ns, container.name, container.id);
        if (!here) {
          fs::remove(link);
          continue;
        }
        fs::create_directories(log / "pods" / name / container.name);
        write_file(log / "pods" / name / container.name / "0.log", "");
        make_link(fs::path("..") / "pods" / name / container.name / "0.log", link);
      }
      if (here) {
        pods_.insert(name);
      } else {
        fs::remove_all(log / "pods" / name);
        pods_.erase(name);
      }
    }
  });
}

Outcome<int> Trees::update_processes(const Node& node, const State& state, std::int64_t at) {
  return guarded(root_, [&] {
    struct Seen {
      const ProcessSpec* spec;
      std::int64_t started;
    };
    std::map<unsigned, Seen> now;
    for (std::size_t gpu = 0; gpu < state.gpus.size(); ++gpu)
      node.each_process(state, gpu, nullptr, at,
                        [&](const LiveProcess& p) { now.try_emplace(p.pid, Seen{p.spec, p.started}); });

    const fs::path root(root_);
    std::map<std::string, std::set<unsigned>> groups;
    std::erase_if(processes_, [&](const auto& known) {
      const auto still = now.find(known.first);
      if (still != now.end() && still->second.started == known.second) return false;
      fs::remove_all(root / "proc" / std::to_string(known.first));  // ended, or its PID belongs to another process now
      return true;
    });
    for (const auto& [pid, seen] : now) {
      std::string path;
      for (const PodSpec& pod : node.spec().pods) {
        if (pod.ns + "/" + pod.name != seen.spec->pod) continue;
        for (const ContainerSpec& container : pod.containers)
          if (container.name == seen.spec->container) path = cgroup_path(node.spec(), pod, container);
      }
      groups[path.empty() ? kHostCgroup : path].insert(pid);
      if (!processes_.try_emplace(pid, seen.started).second) continue;
      const std::int64_t ticks = std::max<std::int64_t>((seen.started - booted_) * kTicksPerSecond / kSecond, 1);
      write_process(root / "proc", pid, seen.spec->command, ticks, cgroup_text(node.spec(), path));
    }
    const fs::path base = node.spec().cgroup_version == "2" ? root / "sys/fs/cgroup" : root / "sys/fs/cgroup/devices";
    for (const auto& [path, pids] : groups_)
      if (!groups.contains(path)) fs::remove_all(base / path.substr(1));
    for (const auto& [path, pids] : groups) {
      if (const auto old = groups_.find(path); old != groups_.end() && old->second == pids) continue;
      fs::create_directories(base / path.substr(1));
      write_file(base / path.substr(1) / "cgroup.procs", fmt::format("{}\n", fmt::join(pids, "\n")));
    }
    groups_ = std::move(groups);
  });
}

Outcome<int> Trees::update(Node& node, const State& state, std::int64_t at) {
  if (!laid_out_)
    if (auto done = lay_out_host(node, state); !done) return done;
  if (at - uptime_written_ >= kSecond) {
    uptime_written_ = at;
    const double up = static_cast<double>(at - booted_) / 1e6;
    auto done = guarded(
        root_, [&] { write_file(fs::path(root_) / "proc" / "uptime", fmt::format("{:.2f} {:.2f}\n", up, up)); });
    if (!done) return done;
  }
  if (auto done = update_pods(node, state, at); !done) return done;
  return update_processes(node, state, at);
}

}  // namespace tessera::sim
