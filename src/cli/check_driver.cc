// The driver itself: its library, its kernel module, its device files.
#include <fcntl.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/files.h"
#include "base/text.h"
#include "cli/check_driver.h"
#include "cli/checks.h"

namespace tessera::cli {
namespace {
namespace fs = std::filesystem;

constexpr std::string_view kReloadModule =
    "rmmod nvidia_uvm nvidia_drm nvidia_modeset nvidia && modprobe nvidia && modprobe nvidia_uvm";
constexpr std::string_view kKernelLog = "dmesg | grep -iE 'nvidia|nvrm|xid'";

bool is_version(std::string_view word) {
  return word.find('.') != std::string_view::npos && word.find_first_not_of("0123456789.") == std::string_view::npos;
}

int open_error(const fs::path& path) {
  // As the driver's library opens it. A container's device rules refuse here what the file's mode would allow.
  const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return errno;
  ::close(file);
  return 0;
}

}  // namespace

std::optional<std::string> module_version(std::string_view text) {
  for (const auto line : split(text, '\n')) {
    if (!line.starts_with("NVRM version:")) continue;
    for (const auto word : split(line, ' '))
      if (is_version(word)) return std::string(word);
  }
  return std::nullopt;
}

Findings check_driver(const Node& node) {
  const auto& sight = node.driver;
  const std::string looked_at = sight.path.empty() ? node.at.nvml : sight.path;
  if (sight.failure) {
    // The error says what to do by itself; what it cannot know is whether there is a GPU at all.
    Finding out{Status::Problem, looked_at, sight.failure->what, "", {}};
    if (find_pci_gpus(node.at.sys).all.empty())
      out.advice =
          "No NVIDIA GPU is on the PCI bus, so this machine may need no driver; to try Tessera here, name a "
          "simulated driver with --nvml PATH.";
    else
      out.advice = "NVIDIA GPUs are on the PCI bus: install their driver, or name its library with --nvml PATH.",
      out.commands = {"nvidia-smi", "ldconfig -p | grep libnvidia-ml"};
    return {out};
  }
  const std::string versions = fmt::format("driver {}, NVML {}", sight.driver.version, sight.driver.nvml_version);
  if (sight.driver.simulated)
    return {{Status::Warning,
             looked_at,
             fmt::format("SIMULATED driver, not a real one: every GPU and every number is made up ({})", versions),
             "Fine for a try-out. On a real node, leave --nvml out and take the simulator off LD_LIBRARY_PATH.",
             {}}};
  return {{Status::Ok, looked_at, versions, "", {}}};
}

Findings check_kernel_module(const Node& node) {
  const auto& sight = node.driver;
  const auto path = node.at.proc / "driver/nvidia/version";
  const auto text = read_file(path);
  if (!text) {
    if (sight.driver.simulated)
      return {{Status::Ok, path.string(), "no kernel module, and a simulated driver needs none", "", {}}};
    if (find_pci_gpus(node.at.sys).all.empty())
      return {{Status::Note,
               path.string(),
               "no NVIDIA kernel module is loaded, and no NVIDIA GPU is on the PCI bus",
               "Nothing to do on a machine without GPUs.",
               {}}};
    std::error_code unreadable;
    if (fs::exists(node.at.sys / "module/nouveau", unreadable))
      return {{Status::Problem,
               path.string(),
               "the nouveau module holds the GPUs, not NVIDIA's",
               "Keep nouveau from loading, then reboot.",
               {"echo 'blacklist nouveau' > /etc/modprobe.d/blacklist-nouveau.conf", "update-initramfs -u && reboot"}}};
    return {{Status::Problem,
             path.string(),
             "NVIDIA's kernel module is not loaded",
             "Load it. If that fails, the kernel log says why; often it was not built for this kernel (dkms status) or "
             "is not signed for secure boot.",
             {"modprobe nvidia", std::string(kKernelLog)}}};
  }
  const auto version = module_version(*text);
  if (!version)
    return {{Status::Warning,
             path.string(),
             "no line 'NVRM version: …' with a version in it",
             "Compare by hand with what nvidia-smi says.",
             {"cat " + path.string(), "nvidia-smi"}}};
  if (sight.driver.version.empty())
    return {{Status::Note,
             path.string(),
             fmt::format("kernel module {}; the library's version is not known", *version),
             "Make the driver library load first; both must have one version.",
             {}}};
  if (sight.driver.simulated || *version == sight.driver.version)
    return {{Status::Ok,
             path.string(),
             fmt::format("kernel module {}{}", *version,
                         sight.driver.simulated ? ", not used by the simulated driver" : ", as the library"),
             "",
             {}}};
  return {
      {Status::Problem,
       path.string(),
       fmt::format("kernel module {}, but driver library {}: they must be the same", *version, sight.driver.version),
       "A driver upgrade is half done. Reboot; or stop everything that uses a GPU and load the new module, then "
       "restart tessera-agent.",
       {std::string(kReloadModule), "systemctl restart tessera-agent"}}};
}

Findings check_functions(const Node& node) {
  const auto& sight = node.driver;
  if (sight.path.empty()) return {};
  if (sight.lacking.empty())
    return {{Status::Ok, sight.path, "the library has every function that the agent uses", "", {}}};
  std::vector<std::string> lacking;
  for (const auto& l : sight.lacking) lacking.push_back(fmt::format("{} (since {})", l.what, l.since));
  const bool essential = std::ranges::any_of(sight.lacking, &Lacking::essential);
  return {{essential ? Status::Problem : Status::Warning,
           sight.path,
           fmt::format("the library has no functions for: {}", fmt::join(lacking, "; ")),
           "The agent leaves these metrics out. Install a driver of the named branch or later to have them.",
           {}}};
}

Findings check_gpus_on_bus(const Node& node) {
  const auto path = (node.at.sys / "bus/pci/devices").string();
  const auto found = find_pci_gpus(node.at.sys);
  const auto& sight = node.driver;
  if (sight.driver.simulated) return {};  // its devices are on no bus
  if (found.all.empty())
    return {{sight.counted.value_or(0) > 0 ? Status::Ok : Status::Note,
             path,
             "no NVIDIA GPU on the PCI bus",
             sight.counted.value_or(0) > 0 ? ""
                                           : "Nothing to do on a machine without GPUs; a card that should be "
                                             "here is not seated, not powered, or not passed through.",
             {}}};
  const std::size_t ours = found.all.size() - found.given_away.size();
  std::string seen = fmt::format("{}: {}", count_of(found.all.size(), "NVIDIA GPU"), fmt::join(found.all, ", "));
  if (sight.counted && *sight.counted < ours)
    return {{Status::Problem,
             path,
             fmt::format("{}; but the driver sees only {}", seen, *sight.counted),
             "A GPU fell off the bus or failed to start, or this container was given only some: look for an Xid in "
             "the kernel log, then reboot the node.",
             {std::string(kKernelLog)}}};
  if (!found.given_away.empty())
    return {{Status::Note,
             path,
             fmt::format("{}; held by other drivers: {}", seen, fmt::join(found.given_away, ", ")),
             "Those are for virtual machines (or nouveau) and have no metrics here; nothing to do if meant so.",
             {}}};
  return {{Status::Ok, path, seen, "", {}}};
}

Findings judge_device_files(const fs::path& dev, const std::vector<DeviceFile>& files, bool module_loaded) {
  if (files.empty()) {
    if (!module_loaded) return {};
    return {{Status::Problem,
             (dev / "nvidia*").string(),
             "the kernel module is loaded, but there are no device files",
             "On the node, create them; in a container, run it with the nvidia runtime or a CDI device.",
             {"nvidia-modprobe -c 0 -u", "nvidia-smi"}}};
  }
  Findings out;
  std::vector<std::string> good;
  const auto has = [&](std::string_view name) {
    return std::ranges::find(files, name, &DeviceFile::name) != files.end();
  };
  for (const auto& file : files) {
    if (file.error == 0) {
      good.push_back(file.name);
      continue;
    }
    const auto path = (dev / file.name).string();
    const auto why = std::generic_category().message(file.error);
    if (file.error == EPERM)
      out.push_back({Status::Problem,
                     path,
                     fmt::format("cannot be opened: {}", why),
                     "This container's device rules forbid it. Often a systemctl daemon-reload on the node took the "
                     "rule away: restart the container, and give the runtime the device by CDI.",
                     {}});
    else if (file.error == EACCES)
      out.push_back({Status::Problem,
                     path,
                     fmt::format("cannot be opened: {}", why),
                     "Run as root, or join the group that may use it; the module's NVreg_DeviceFileMode decides.",
                     {"ls -l " + path, "chmod 0666 " + path}});
    else
      out.push_back({Status::Problem,
                     path,
                     fmt::format("cannot be opened: {}", why),
                     "The file is there, but no working device behind it: look at the kernel log.",
                     {std::string(kKernelLog)}});
  }
  if (!has("nvidiactl"))
    out.push_back({Status::Problem,
                   (dev / "nvidiactl").string(),
                   "does not exist: the driver cannot be started without",
                   "Create it.",
                   {"nvidia-modprobe -c 0"}});
  if (!has("nvidia-uvm"))
    out.push_back({Status::Note,
                   (dev / "nvidia-uvm").string(),
                   "does not exist: CUDA programs cannot run here, though metrics can be read",
                   "Load the module if programs on this node use CUDA.",
                   {"nvidia-modprobe -c 0 -u"}});
  if (!good.empty())
    out.insert(out.begin(),
               {Status::Ok, dev.string(), fmt::format("may be opened: {}", fmt::join(good, ", ")), "", {}});
  return out;
}

Findings check_device_files(const Node& node) {
  std::vector<DeviceFile> files;
  std::error_code unreadable;
  for (const auto& entry : fs::directory_iterator(node.at.dev, unreadable)) {
    const auto name = entry.path().filename().string();
    if (!name.starts_with("nvidia") || entry.is_directory(unreadable)) continue;
    const bool numbered = parse_int(std::string_view(name).substr(6)).has_value();
    if (numbered || name == "nvidiactl" || name == "nvidia-uvm") files.push_back({name, open_error(entry.path())});
  }
  std::ranges::sort(files, {}, &DeviceFile::name);
  return judge_device_files(node.at.dev, files, read_file(node.at.proc / "driver/nvidia/version").operator bool());
}

}  // namespace tessera::cli
