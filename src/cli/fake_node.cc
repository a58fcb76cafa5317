#include "cli/fake_node.h"

#include <sys/stat.h>

#include <fstream>

#include "cli/report.h"

namespace tessera::cli {
namespace fs = std::filesystem;

FakeNode::FakeNode() : node{Places("/nowhere"), {}, Milliseconds(500), {}} {
  node.at = Places(dir_.path());
  node.at.node_exporter = node.at.agent = "http://127.0.0.1:1";
  node.env = [](const std::string&) { return std::nullopt; };
}

FakeNode& FakeNode::file(const std::string& relative, std::string_view text, unsigned mode) {
  const auto target = dir_.path() / relative;
  fs::create_directories(target.parent_path());
  std::ofstream(target, std::ios::binary) << text;
  ::chmod(target.c_str(), static_cast<mode_t>(mode));
  return *this;
}

FakeNode& FakeNode::folder(const std::string& relative) {
  fs::create_directories(dir_.path() / relative);
  return *this;
}

FakeNode& FakeNode::link(const std::string& relative, const std::string& target) {
  fs::create_directories((dir_.path() / relative).parent_path());
  fs::create_symlink(target, dir_.path() / relative);
  return *this;
}

FakeNode& FakeNode::variable(const std::string& name, const std::string& value) {
  node.env = [name, value, before = node.env](const std::string& asked) {
    return asked == name ? std::optional(value) : before(asked);
  };
  return *this;
}

FakeNode& FakeNode::process(unsigned pid, const std::string& command, const std::string& command_line) {
  const auto folder_of_pid = fmt::format("proc/{}/", pid);
  file(folder_of_pid + "comm", command + "\n");
  return file(folder_of_pid + "cmdline", command_line);
}

FakeNode& FakeNode::pci_gpu(const std::string& address, const std::string& driver) {
  const auto device = "sys/bus/pci/devices/" + address;
  file(device + "/vendor", "0x10de\n");
  file(device + "/class", "0x030200\n");
  if (!driver.empty()) link(device + "/driver", "../../../bus/pci/drivers/" + driver);
  return *this;
}

FakeNode& FakeNode::driver(const std::string& version, bool simulated) {
  node.driver.path = "/usr/lib/libnvidia-ml.so.1";
  node.driver.driver = {version, "12." + version, simulated};
  node.driver.counted = 2;
  return *this;
}

FakeNode& FakeNode::whole_proc() {
  file("proc/stat", "cpu 1 2 3\nbtime 1700000000\n");
  file("proc/1/stat", "1 (systemd) S 0 1 1 0 -1 4194560 1 1 1 1 1 1 1 1 20 0 1 0 5 1 1\n");
  link("proc/self/ns/pid", "pid:[4026531836]");
  link("proc/self/ns/cgroup", "cgroup:[4026531835]");
  file("proc/self/cgroup", "0::/user.slice/user-0.slice\n");
  return file("proc/self/mountinfo", "31 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n");
}

gpu::Device healthy(unsigned index, const std::string& name) {
  gpu::Device out;
  out.index = index;
  out.minor = index;
  out.uuid = fmt::format("GPU-{}", index);
  out.name = name;
  out.mig_enabled = false;
  out.persistence_mode = true;
  out.profiling_supported = true;
  out.readings.set(gpu::Reading::EccUncorrectedVolatileTotal, 0);
  return out;
}

gpu::Device carved(unsigned index, const std::vector<unsigned>& gpu_instances) {
  auto out = healthy(index);
  out.mig_enabled = true;
  for (const unsigned id : gpu_instances) {
    gpu::Instance instance;
    instance.gpu_instance = id;
    instance.profile = "1g.10gb";
    instance.placement = gpu::Placement{id, 1};
    out.instances.push_back(instance);
  }
  return out;
}

std::string statuses(const Findings& findings) {
  std::string out;
  for (const auto& finding : findings) out.append(out.empty() ? "" : " ").append(status_name(finding.status));
  return out;
}

std::string words(const Findings& findings) {
  std::string out;
  for (const auto& finding : findings) {
    out += finding.looked_at + ": " + finding.seen + "\n" + finding.advice + "\n";
    for (const auto& command : finding.commands) out += "$ " + command + "\n";
  }
  return out;
}

}  // namespace tessera::cli
