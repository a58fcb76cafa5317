#include "operator/target_watches.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <mutex>
#include <set>

#include "kube/watch.h"
#include "operator/selectors.h"
#include "operator/sources.h"

namespace tessera::operate {
namespace {

/// "labels app=x in namespace a, b".
std::string text_of(const std::string& labels, const std::vector<std::string>& spaces) {
  return spaces.empty() ? fmt::format("labels {} in any namespace", labels)
                        : fmt::format("labels {} in namespace {}", labels, fmt::join(spaces, ", "));
}

}  // namespace

class TargetWatches::One {
 public:
  One(const kube::ApiServer& server, const std::string& labels, std::vector<std::string> spaces,
      const std::function<void()>& tell)
      : spaces_(std::move(spaces)), tell_(tell) {
    kube::WatchOptions options;
    options.path = path_of("v1", "pods", spaces_.size() == 1 ? spaces_.front() : "");
    options.label_selector = labels;
    watch_ =
        std::make_unique<kube::Watch>(server, std::move(options), [this](const kube::Event& event) { note(event); });
  }

  std::optional<std::size_t> pods() const {
    const std::lock_guard lock(mutex_);
    return synced_ ? std::optional(pods_.size()) : std::nullopt;
  }

 private:
  void note(const kube::Event& event) {
    using Type = kube::Event::Type;
    const auto space = event.key.substr(0, event.key.find('/'));
    if (event.type != Type::Synced && !spaces_.empty() && std::ranges::count(spaces_, space) == 0) return;
    {
      const std::lock_guard lock(mutex_);
      const bool any = !pods_.empty(), known = synced_;
      if (event.type == Type::Synced) synced_ = true;
      if (event.type == Type::Deleted) pods_.erase(event.key);
      if (event.type == Type::Added || event.type == Type::Modified) pods_.insert(event.key);
      if (any != pods_.empty() && known == synced_) return;
    }
    tell_();
  }

  const std::vector<std::string> spaces_;  // empty: any
  const std::function<void()> tell_;
  mutable std::mutex mutex_;
  std::set<std::string> pods_;          // guarded by mutex_
  bool synced_ = false;                 // guarded by mutex_
  std::unique_ptr<kube::Watch> watch_;  // last: it uses all the others
};

TargetWatches::TargetWatches(kube::ApiServer server, std::function<void()> tell)
    : server_(std::move(server)), tell_(std::move(tell)) {}
TargetWatches::~TargetWatches() = default;

void TargetWatches::set(const Spec& spec) {
  std::map<std::string, std::unique_ptr<One>> now;
  targets_.clear();
  const OpenAgent& agent = spec.features.open_agent;
  for (const Target& target : agent.enabled ? agent.targets : std::vector<Target>()) {
    if (!target.enabled || target.type != "PodMonitor" || !target.selector) continue;
    const std::string labels = kube::to_query(to_kube(*target.selector));
    if (labels.empty()) continue;  // every pod there is
    std::string wanted = text_of(labels, target.namespaces.match_names);
    targets_.emplace_back(target.name, wanted);
    auto& one = now[wanted];
    if (one) continue;
    if (const auto running = watches_.find(wanted); running != watches_.end())
      one = std::move(running->second);
    else
      one = std::make_unique<One>(server_, labels, target.namespaces.match_names, tell_);
  }
  std::erase_if(watches_, [](const auto& entry) { return !entry.second; });
  watches_ = std::move(now);
}

std::vector<TargetMatch> TargetWatches::matches() const {
  std::vector<TargetMatch> out;
  for (const auto& [name, wanted] : targets_) out.push_back({name, wanted, watches_.at(wanted)->pods()});
  return out;
}

}  // namespace tessera::operate
