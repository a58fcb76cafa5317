#include "kube/pod_names.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/result.h"
#include "base/text.h"

namespace tessera::kube {
namespace {
namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr std::size_t kContainerIdLength = 64;
constexpr std::size_t kStaticUidLength = 32;
constexpr std::size_t kUidLength = 36;
constexpr auto kCoarsestStamp = 2s;            // FAT's; a network file system's may be 1 s
constexpr std::size_t kMostEntries = 100'000;  // per directory; a kubelet runs some hundred pods

bool is_hex_or_dash(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || c == '-'; }

/// As the cgroup reader gives them; anything else can never be asked for.
bool is_uid(std::string_view text) {
  return (text.size() == kUidLength || text.size() == kStaticUidLength) && std::ranges::all_of(text, is_hex_or_dash);
}

bool is_name(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  });
}

/// `<namespace>_<pod>_<uid>` of <logs>/pods. No part holds `_`.
std::optional<std::pair<std::string, PodName>> pod_directory(std::string_view file) {
  const auto first = file.find('_');
  const auto last = file.rfind('_');
  if (first == last) return std::nullopt;
  const auto space = file.substr(0, first);
  const auto pod = file.substr(first + 1, last - first - 1);
  const auto uid = lower(file.substr(last + 1));
  if (!is_name(space) || !is_name(pod) || !is_uid(uid)) return std::nullopt;
  return std::pair{uid, PodName{std::string(space), std::string(pod), ""}};
}

/// `<pod>_<namespace>_<container>-<id>.log` of <logs>/containers: here the pod comes first. The kubelet cuts names that
/// are too long for the file system, and the id with them; such a container stays unknown, its pod does not.
std::optional<std::pair<std::string, PodName>> container_link(std::string_view file) {
  if (!file.ends_with(".log")) return std::nullopt;
  file.remove_suffix(4);
  if (file.size() <= kContainerIdLength || file[file.size() - kContainerIdLength - 1] != '-') return std::nullopt;
  const auto id = lower(file.substr(file.size() - kContainerIdLength));
  if (!std::ranges::all_of(id, is_hex_or_dash) || id.find('-') != std::string::npos) return std::nullopt;
  const auto parts = split(file.substr(0, file.size() - kContainerIdLength - 1), '_');
  if (parts.size() != 3 || !std::ranges::all_of(parts, is_name)) return std::nullopt;
  return std::pair{id, PodName{std::string(parts[1]), std::string(parts[0]), std::string(parts[2])}};
}

Result<void> each_name(const fs::path& directory, const std::function<void(const std::string&)>& take) {
  std::error_code error;
  std::size_t count = 0;
  for (fs::directory_iterator it(directory, error); !error && it != fs::directory_iterator(); it.increment(error)) {
    if (++count > kMostEntries)
      return fail(Code::Unavailable, "list {}: more than {} entries; the rest is not read", directory.string(),
                  kMostEntries);
    take(it->path().filename().string());
  }
  if (!error) return {};
  return fail(error == std::errc::permission_denied ? Code::Denied : Code::Unavailable, "list {}: {}",
              directory.string(), error.message());
}

fs::file_time_type changed_at(const fs::path& directory) {
  std::error_code gone;
  const auto time = fs::last_write_time(directory, gone);
  return gone ? fs::file_time_type::min() : time;
}

/// Whether another change would show in the directory's time: the kernel's stamps are as coarse as its tick.
bool settled(fs::file_time_type changed) {
  return changed != fs::file_time_type::min() && fs::file_time_type::clock::now() - changed > kCoarsestStamp;
}

}  // namespace

PodNames::PodNames(fs::path logs) : logs_(std::move(logs)) {}

std::optional<PodName> PodNames::find(const std::string& pod_uid, const std::string& container_id, SteadyTime now) {
  if (pod_uid.empty() && container_id.empty()) return std::nullopt;
  for (bool listed_now = false;; listed_now = true) {
    const auto container = by_container_.find(container_id);
    if (container != by_container_.end()) return container->second;
    const auto pod = by_uid_.find(pod_uid);
    const bool complete = pod != by_uid_.end() && container_id.empty();
    if (complete || listed_now || !may_list_again(now))
      return pod != by_uid_.end() ? std::optional(pod->second) : std::nullopt;
    list();
  }
}

// A name, unlike an id, can pass to a new pod: a known one is looked for again, too.
std::optional<std::string> PodNames::uid_of(const std::string& space, const std::string& pod, SteadyTime now) {
  if (may_list_again(now)) list();
  const auto known = uid_by_name_.find(space + "/" + pod);
  if (known == uid_by_name_.end()) return std::nullopt;
  return known->second;
}

bool PodNames::may_list_again(SteadyTime now) {
  if (asked_ && now - *asked_ < 1s) return false;
  asked_ = now;
  const Stamps before = std::exchange(stamps_, {changed_at(logs_ / "pods"), changed_at(logs_ / "containers")});
  const bool unchanged = stamps_ == before && settled_ && !blind_;
  settled_ = settled(stamps_.pods) && settled(stamps_.containers);
  return !unchanged;
}

// Ids are never given twice, so names learned from them stay right where a directory cannot be listed any more; the
// UIDs of names do not.
void PodNames::list() {
  blind_.reset();
  uid_by_name_.clear();
  std::unordered_map<std::string, PodName> by_uid, by_container;
  const auto pods = each_name(logs_ / "pods", [&](const std::string& file) {
    auto found = pod_directory(file);
    if (!found) return;
    auto& [uid, name] = *found;
    const auto [known, is_new] = uid_by_name_.try_emplace(name.space + "/" + name.pod, uid);
    // Two pods of one name: the older one's directory waits to be collected.
    if (!is_new && changed_at(logs_ / "pods" / file) >
                       changed_at(logs_ / "pods" / fmt::format("{}_{}_{}", name.space, name.pod, known->second)))
      known->second = uid;
    by_uid.emplace(std::move(uid), std::move(name));
  });
  const auto containers = each_name(logs_ / "containers", [&](const std::string& file) {
    if (auto found = container_link(file)) by_container.insert(std::move(*found));
  });
  if (pods) by_uid_ = std::move(by_uid);
  if (containers) by_container_ = std::move(by_container);
  if (!pods)
    blind_ = pods.error().what + ": pods without a known container stay without a name, and names without a UID";
  if (!containers)
    blind_ = (blind_ ? *blind_ + "; " : "") + containers.error().what + ": containers stay without a name";
  if (blind_) *blind_ += fmt::format("; let this program read the node's {}", logs_.string());
}

}  // namespace tessera::kube
