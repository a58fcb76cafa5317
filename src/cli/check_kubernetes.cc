// The kubelet's two doors: the pod-resources socket, and the log folders that name pods.
#include <algorithm>
#include <cerrno>
#include <set>
#include <system_error>

#include <unistd.h>

#include "cli/checks.h"
#include "kube/pod_resources.h"

namespace tessera::cli {
namespace {
namespace fs = std::filesystem;

constexpr std::string_view kMountSocket =
    "In a pod, mount the hostPath /var/lib/kubelet/pod-resources read-only, and run as uid 0.";

struct Advice {
  Code code;
  std::string_view text;
};
constexpr Advice kSocketAdvice[] = {
    {Code::Denied, "The socket is root's: run as root (all capabilities may be dropped)."},
    {Code::NotFound, kMountSocket},
    {Code::Unavailable,
     "The kubelet is stopped, starting or busy: see its state and log; the socket of a kubelet that "
     "was restarted is a new one, so mount its folder and not the socket itself."},
    {Code::Invalid, "Something other than a kubelet answers there, or an older one than 1.20: check the path."},
    {Code::Internal, "See the kubelet's log."},
};

/// 0, or why the path cannot be reached.
int reach(const fs::path& path) { return ::access(path.c_str(), F_OK) == 0 ? 0 : errno; }

Finding answered(const fs::path& socket, const std::vector<kube::HeldDevice>& held) {
  std::set<std::string> pods;
  for (const auto& device : held) pods.insert(device.space + '/' + device.pod);
  const auto seen =
      fmt::format("the kubelet answers: {} held by {}", count_of(held.size(), "device"), count_of(pods.size(), "pod"));
  return {Status::Ok, socket.string(), seen, "", {}};
}

bool has_kubelet(const Node& node) { return reach(node.at.root / "var/lib/kubelet") != ENOENT; }

struct Folder {
  std::string path;
  int error = 0;
  std::size_t entries = 0;
};
Folder look_into(const fs::path& path) {
  std::error_code failure;
  Folder out{path.string(), 0, 0};
  for (fs::directory_iterator entry(path, failure), end; !failure && entry != end; entry.increment(failure))
    ++out.entries;
  out.error = failure.value();
  return out;
}

}  // namespace

Findings check_kubelet(const Node& node) {
  const auto& socket = node.at.kubelet_socket;
  const int error = reach(socket);
  if (error == ENOENT && !has_kubelet(node))
    return {{Status::Note,
             socket.string(),
             "no such socket, and no kubelet on this machine",
             "Nothing to do outside Kubernetes. " + std::string(kMountSocket),
             {}}};
  if (error == ENOENT)
    return {{Status::Warning,
             socket.string(),
             "no such socket: devices that a pod holds without using them stay unseen",
             "Start the kubelet (1.20 or later), or name its socket with --pod-resources-kubelet-socket PATH. " +
                 std::string(kMountSocket),
             {"systemctl status kubelet"}}};
  if (error != 0)
    return {{Status::Warning,
             socket.string(),
             std::generic_category().message(error),
             std::string(kSocketAdvice[0].text),
             {"ls -l " + socket.string()}}};
  const auto held = kube::PodResources(socket).list(node.patience);
  if (held) return {answered(socket, *held)};
  const auto* advice = std::ranges::find(kSocketAdvice, held.error().code, &Advice::code);
  return {{Status::Warning,
           socket.string(),
           held.error().what,
           std::string(advice->text),
           {"ls -l " + socket.string(), "systemctl status kubelet"}}};
}

Findings check_pod_logs(const Node& node) {
  const Folder folders[] = {look_into(node.at.pod_logs / "pods"), look_into(node.at.pod_logs / "containers")};
  const auto looked_at = fmt::format("{}, {}", folders[0].path, folders[1].path);
  if (std::ranges::any_of(folders, [](const Folder& f) { return f.error == 0; })) {
    const bool denied = std::ranges::any_of(folders, [](const Folder& f) { return f.error == EACCES; });
    const auto seen =
        fmt::format("{} and {}", count_of(folders[0].entries, "pod"), count_of(folders[1].entries, "container log"));
    if (!denied) return {{Status::Ok, looked_at, seen, "", {}}};
  }
  if (std::ranges::any_of(folders, [](const Folder& f) { return f.error == EACCES; }))
    return {{Status::Warning,
             looked_at,
             "may not be listed: pods will have no names, except where one pod alone holds a device",
             "Run as root.",
             {"ls -ld " + folders[0].path + " " + folders[1].path}}};
  if (!has_kubelet(node))
    return {{Status::Note,
             looked_at,
             "do not exist, and there is no kubelet on this machine",
             "Nothing to do outside Kubernetes; in a pod, mount the hostPath /var/log read-only.",
             {}}};
  return {{Status::Warning,
           looked_at,
           "do not exist: processes will have a pod UID, but no pod name, except where one pod alone holds a device",
           "In a pod, mount the hostPath /var/log read-only; elsewhere name the folder with --pod-logs DIR.",
           {}}};
}

}  // namespace tessera::cli
