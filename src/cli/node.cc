#include "cli/node.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>

#include "base/files.h"
#include "base/text.h"
#include "nvml/binding.h"

namespace tessera::cli {
namespace {
namespace fs = std::filesystem;

constexpr std::string_view kNvidiaVendor = "0x10de";
constexpr std::string_view kDisplayClasses[] = {"0x0300", "0x0302"};  // VGA and 3D controllers

std::string first_line(const fs::path& path) {
  const auto text = read_file(path, 4096);
  return text ? std::string(trim(*text)) : std::string();
}

bool is_display(std::string_view class_code) {
  return std::ranges::any_of(kDisplayClasses, [&](std::string_view c) { return class_code.starts_with(c); });
}

}  // namespace

Places::Places(fs::path root_directory)
    : nvml(nvml::kSoname),
      root(std::move(root_directory)),
      proc(root / "proc"),
      sys(root / "sys"),
      dev(root / "dev"),
      pod_logs(root / "var/log"),
      kubelet_socket(root / "var/lib/kubelet/pod-resources/kubelet.sock"),
      node_exporter("http://127.0.0.1:9100"),
      agent("http://127.0.0.1:9400") {}

Environment process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): nobody sets variables
    if (!value) return std::nullopt;
    return value;
  };
}

bool in_container(const Node& node) {
  if (node.at.root != "/") return false;  // a tree of a node is judged as that node
  std::error_code unreadable;
  return node.env("KUBERNETES_SERVICE_HOST") || node.env("container") || node.env("NVIDIA_VISIBLE_DEVICES") ||
         fs::exists(node.at.root / ".dockerenv", unreadable) ||
         fs::exists(node.at.root / "run/.containerenv", unreadable);
}

PciGpus find_pci_gpus(const fs::path& sys) {
  PciGpus out;
  std::error_code unreadable;
  for (const auto& entry : fs::directory_iterator(sys / "bus/pci/devices", unreadable)) {
    if (first_line(entry.path() / "vendor") != kNvidiaVendor || !is_display(first_line(entry.path() / "class")))
      continue;
    const std::string address = entry.path().filename().string();
    out.all.push_back(address);
    const std::string driver = fs::read_symlink(entry.path() / "driver", unreadable).filename().string();
    if (!driver.empty() && driver != "nvidia") out.given_away.push_back(fmt::format("{} ({})", address, driver));
  }
  std::ranges::sort(out.all);
  std::ranges::sort(out.given_away);
  return out;
}

std::vector<Running> find_running(const fs::path& proc, const std::vector<std::string_view>& commands) {
  std::vector<Running> out;
  std::error_code unreadable;
  for (const auto& entry : fs::directory_iterator(proc, unreadable)) {
    const auto pid = parse_int(entry.path().filename().string());
    if (!pid || *pid <= 0) continue;
    const std::string command = first_line(entry.path() / "comm");
    if (std::ranges::find(commands, command) != commands.end()) out.push_back({static_cast<unsigned>(*pid), command});
  }
  std::ranges::sort(out, {}, &Running::pid);
  return out;
}

std::optional<std::string> flag_of(const fs::path& proc, unsigned pid, std::string_view flag) {
  const auto text = read_file(proc / std::to_string(pid) / "cmdline", 1U << 20U);
  if (!text) return std::nullopt;
  const auto words = split(*text, '\0');
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::string_view word = words[i];
    word.remove_prefix(std::min(word.find_first_not_of('-'), word.size()));
    if (word.size() == words[i].size() || !word.starts_with(flag)) continue;
    word.remove_prefix(flag.size());
    if (word.starts_with('=')) return std::string(word.substr(1));
    if (word.empty() && i + 1 < words.size()) return std::string(words[i + 1]);
  }
  return std::nullopt;
}

std::string gpus(const std::vector<unsigned>& indices) { return fmt::format("GPU {}", fmt::join(indices, ", ")); }

std::string count_of(std::size_t count, std::string_view thing) {
  return fmt::format("{} {}{}", count, thing, count == 1 ? "" : "s");
}

std::string named(const std::vector<std::string>& names) {
  constexpr std::size_t kNamed = 5;
  std::string out;
  for (std::size_t i = 0; i < std::min(names.size(), kNamed); ++i) out += (i > 0 ? ", " : "") + names[i];
  if (names.size() > kNamed) out += fmt::format(" and {} more", names.size() - kNamed);
  return out;
}

}  // namespace tessera::cli
