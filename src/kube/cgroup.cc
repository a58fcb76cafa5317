#include "kube/cgroup.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "base/text.h"

namespace tessera::kube {
namespace {

constexpr std::size_t kContainerIdLength = 64;
constexpr std::size_t kStaticUidLength = 32;  // a static pod's UID is the digest of its manifest
constexpr std::size_t kUidLength = 36;
constexpr std::size_t kUidSeparators[] = {8, 13, 18, 23};

/// What stands before a container's id in the name of its scope, and whose it is.
struct Prefix {
  std::string_view text;
  std::string_view runtime;
};
constexpr Prefix kPrefixes[] = {{"cri-containerd-", "containerd"}, {"crio-", "cri-o"},    {"docker-", "docker"},
                                {"libpod-payload-", "podman"},     {"libpod-", "podman"}, {"nerdctl-", "nerdctl"}};

struct Container {
  std::string id;
  std::string_view runtime;
};

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return is_hex(c); });
}

std::string_view without(std::string_view text, std::string_view suffix) {
  if (text.ends_with(suffix)) text.remove_suffix(suffix.size());
  return text;
}

/// systemd writes a dash that is part of a name as \x2d.
std::string unescape(std::string_view component) {
  constexpr std::string_view kDash = "\\x2d";
  std::string out;
  while (!component.empty()) {
    const bool escaped = component.starts_with(kDash);
    out += escaped ? '-' : component.front();
    component.remove_prefix(escaped ? kDash.size() : 1);
  }
  return out;
}

/// 8-4-4-4-12 hex digits with `-` or `_` between them, as lower case with dashes.
std::optional<std::string> dashed_uid(std::string_view text) {
  if (text.size() != kUidLength) return std::nullopt;
  std::string uid = lower(text);
  for (const std::size_t at : kUidSeparators) {
    if (uid[at] != '-' && uid[at] != '_') return std::nullopt;
    uid[at] = '-';
  }
  for (std::size_t i = 0; i < uid.size(); ++i)
    if (uid[i] != '-' ? !is_hex(uid[i]) : std::ranges::find(kUidSeparators, i) == std::end(kUidSeparators))
      return std::nullopt;
  return uid;
}

/// The UID behind a `pod` that begins a word: "libpod-…" holds no pod.
std::optional<std::string> pod_of(std::string_view component) {
  const std::string_view name = without(component.substr(0, component.find(':')), ".slice");
  for (const std::size_t length : {kUidLength, kStaticUidLength}) {
    if (name.size() < length) continue;
    const auto before = name.substr(0, name.size() - length);
    if (!before.ends_with("pod") || !(before.size() == 3 || before[before.size() - 4] == '-')) continue;
    const auto text = name.substr(before.size());
    if (length == kStaticUidLength && is_hex(text)) return lower(text);
    if (auto uid = dashed_uid(text)) return uid;
  }
  return std::nullopt;
}

/// Whose a bare id is, by the name of the cgroup above it. Below a pod nothing tells.
std::string_view runtime_by_parent(std::string_view parent) {
  if (parent == "docker") return "docker";
  return parent.starts_with("libpod") ? "podman" : "";
}

/// The middle of `<slice>:<runtime>:<id>`, which is runc's own form: systemd was asked for, but did not get the word.
std::string_view runtime_by_word(std::string_view word) {
  for (const auto& [text, runtime] : kPrefixes)
    if (word == text.substr(0, text.size() - 1) || word == runtime) return runtime;
  return {};
}

std::optional<Container> container_of(std::string_view component, std::string_view parent) {
  if (component.find("conmon") != std::string_view::npos) return std::nullopt;  // the monitor beside a container
  std::string_view runtime = runtime_by_parent(parent);
  std::string_view id = without(component, ".scope");
  if (const auto colon = id.rfind(':'); colon != std::string_view::npos) {
    const auto before = component.substr(0, colon);
    runtime = runtime_by_word(before.substr(before.rfind(':') + 1));
    id.remove_prefix(colon + 1);
  } else if (id.size() > kContainerIdLength) {
    const auto* prefix = std::ranges::find_if(kPrefixes, [&](const Prefix& p) { return id.starts_with(p.text); });
    if (prefix == std::end(kPrefixes)) return std::nullopt;
    runtime = prefix->runtime;
    id.remove_prefix(prefix->text.size());
  }
  if (id.size() != kContainerIdLength || !is_hex(id)) return std::nullopt;
  return Container{lower(id), runtime};
}

/// From the innermost component to the root: the first container id, up to the first pod. What stands above that pod
/// belongs to the machine or container that plays the node. The leading `..` of a cgroup namespace say nothing.
CgroupOwner owner_of(std::string_view path) {
  std::vector<std::string> components;
  for (const auto component : split(without(path, " (deleted)"), '/'))
    if (!component.empty()) components.push_back(unescape(component));
  CgroupOwner owner;
  for (std::size_t i = components.size(); i-- > 0 && owner.pod_uid.empty();) {
    if (owner.container_id.empty()) {
      if (auto container = container_of(components[i], i > 0 ? components[i - 1] : "")) {
        owner.container_id = std::move(container->id);
        owner.runtime = container->runtime;
      }
    }
    owner.pod_uid = pod_of(components[i]).value_or("");
  }
  return owner;
}

/// Paths hold colons too: only the first two divide.
std::optional<std::string_view> path_of(std::string_view line) {
  const auto first = line.find(':');
  if (first == std::string_view::npos) return std::nullopt;
  const auto second = line.find(':', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  return line.substr(second + 1);
}

int rank(const CgroupOwner& owner) { return (owner.pod_uid.empty() ? 0 : 2) + (owner.container_id.empty() ? 0 : 1); }

}  // namespace

Result<CgroupOwner> parse_cgroup(std::string_view file) {
  CgroupOwner best;
  for (const auto line : split(file, '\n')) {
    const auto path = path_of(line);
    if (!path) continue;
    CgroupOwner owner = owner_of(*path);
    if (!owner.pod_uid.empty() && !best.pod_uid.empty() && owner.pod_uid != best.pod_uid)
      return fail(Code::Invalid, "cgroup: the lines name two pods, {} and {}; the process is given to neither",
                  best.pod_uid, owner.pod_uid);
    if (rank(owner) > rank(best)) best = std::move(owner);
  }
  return best;
}

}  // namespace tessera::kube
