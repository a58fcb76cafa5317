#include "server/cluster_watch.h"

#include <algorithm>
#include <utility>

#include "base/every.h"
#include "base/log.h"
#include "server/cluster_objects.h"

namespace tessera::server {
namespace {

using fleet::ClusterList;

constexpr struct {
  std::string_view name;
  const char* path;
  const char* field_selector;
} kLists[fleet::kClusterLists] = {
    {"nodes", "/api/v1/nodes", ""},
    {"namespaces", "/api/v1/namespaces", ""},
    {"pods", "/api/v1/pods", "status.phase!=Succeeded,status.phase!=Failed"},  // those that are over hold nothing
    {"resourcequotas", "/api/v1/resourcequotas", ""},
};
constexpr const char* kNodeUse = "/apis/metrics.k8s.io/v1beta1/nodes";
constexpr const char* kPodUse = "/apis/metrics.k8s.io/v1beta1/pods";
constexpr unsigned kPage = 250;  // a page is in memory as text; pods have some 10 kB each
constexpr std::size_t kMostWanted = 10'000;
constexpr int kLookUpsAtOnce = 50;

/// Names come from whoever sends samples, and become parts of a path.
bool is_name(std::string_view text) {
  return !text.empty() && text.front() != '.' && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  });
}

}  // namespace

ClusterWatch::ClusterWatch(kube::ApiServer server, ClusterWatchOptions options, Latest<fleet::ClusterView>& view,
                           std::function<std::vector<std::string>()> holders)
    : server_(std::move(server)),
      options_(std::move(options)),
      view_(view),
      holders_(std::move(holders)),
      state_(options_.cluster, options_.team_labels) {
  for (const auto& [name, gone] : options_.known_nodes) state_.remember(name, gone);
  publish();
  for (std::size_t i = 0; i < fleet::kClusterLists; ++i) {
    kube::WatchOptions watching;
    watching.path = kLists[i].path;
    watching.field_selector = kLists[i].field_selector;
    watching.page = kPage;
    watches_[i] = std::make_unique<kube::Watch>(
        server_, watching, [this, list = static_cast<ClusterList>(i)](const kube::Event& event) { take(list, event); });
  }
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

ClusterWatch::~ClusterWatch() = default;

ClusterWatchStats ClusterWatch::stats() const {
  ClusterWatchStats out;
  out.cluster = options_.cluster;
  for (std::size_t i = 0; i < fleet::kClusterLists; ++i) out.lists.push_back({kLists[i].name, watches_[i]->stats()});
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < fleet::kClusterLists; ++i) out.lists[i].as_of = as_of_[i];
  out.use = use_;
  return out;
}

void ClusterWatch::take(ClusterList list, const kube::Event& event) {
  if (list == ClusterList::Pods) return take_pod(event);
  if (list == ClusterList::Quotas) return take_quota(event);
  using Type = kube::Event::Type;
  const bool gone = event.type == Type::Deleted;
  // Read before the lock is taken: a list of ten thousand nodes comes one by one.
  if (list == ClusterList::Nodes && (event.type == Type::Added || event.type == Type::Modified)) {
    fleet::ClusterNode node = read_node(event.json);
    const std::lock_guard lock(mutex_);
    if (!node.name.empty()) state_.put(std::move(node));
    return;
  }
  if (list == ClusterList::Namespaces && (event.type == Type::Added || event.type == Type::Modified)) {
    fleet::ClusterNamespace space = read_namespace(event.json);
    const std::lock_guard lock(mutex_);
    if (!space.name.empty()) state_.put(std::move(space));
    return;
  }
  const std::lock_guard lock(mutex_);
  if (!gone) return state_.complete(list, now_epoch_ms());
  list == ClusterList::Nodes ? state_.drop_node(event.key, now_epoch_ms()) : state_.drop_namespace(event.key);
}

void ClusterWatch::take_pod(const kube::Event& event) {
  using Type = kube::Event::Type;
  fleet::ClusterPod pod;
  if (event.type == Type::Added || event.type == Type::Modified) pod = read_pod(event.json);
  const std::lock_guard lock(mutex_);
  if (event.type == Type::Synced) return state_.complete(ClusterList::Pods, now_epoch_ms());
  const bool kept = !pod.name.empty() && !is_over(pod.phase) && (pod.asks_for_gpus() || wanted_.contains(event.key));
  if (kept) return state_.put(std::move(pod));
  if (event.type == Type::Deleted) wanted_.erase(event.key);
  state_.drop_pod(event.key);
}

/// Of those that say nothing of GPUs nothing is kept.
void ClusterWatch::take_quota(const kube::Event& event) {
  using Type = kube::Event::Type;
  fleet::ClusterQuota quota;
  if (event.type == Type::Added || event.type == Type::Modified) quota = read_quota(event.json);
  const std::lock_guard lock(mutex_);
  if (event.type == Type::Synced) return state_.complete(ClusterList::Quotas, now_epoch_ms());
  if (!quota.name.empty() && !quota.hard.empty()) return state_.put(std::move(quota));
  state_.drop_quota(event.key);
}

void ClusterWatch::publish() {
  std::shared_ptr<const fleet::ClusterView> next;
  {
    const std::lock_guard lock(mutex_);
    next = state_.view();
  }
  if (next != view_.get()) view_.publish(std::move(next));
}

/// While a watch is open, what it told is all there is.
void ClusterWatch::note_watched() {
  std::array<bool, fleet::kClusterLists> connected{};
  for (std::size_t i = 0; i < fleet::kClusterLists; ++i) connected[i] = watches_[i]->stats().connected;
  const EpochMs now = now_epoch_ms();
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < fleet::kClusterLists; ++i)
    if (connected[i]) as_of_[i] = now;
}

void ClusterWatch::run(const std::stop_token& stop) {
  kube::Api api(server_);
  SteadyTime look_up_at = std::chrono::steady_clock::now() + options_.use_every;
  every(options_.publish_every, stop, [&] {
    publish();
    note_watched();
    const auto now = std::chrono::steady_clock::now();
    if (!view_.get()->synced) return;
    if (now >= ask_use_at_) ask_use(api);
    if (now >= look_up_at) {
      look_up_at = now + options_.use_every;
      look_up_holders(api);
    }
  });
}

/// What is not told now is not known: the numbers of before are not shown any longer.
void ClusterWatch::ask_use(kube::Api& api) {
  const auto nodes = api.get(kNodeUse);
  const auto pods = nodes ? api.get(kPodUse) : nodes;
  const bool absent = !nodes && nodes.error().code == Code::NotFound;
  ask_use_at_ = std::chrono::steady_clock::now() + (absent ? options_.look_again : options_.use_every);
  const auto known = view_.get();
  std::shared_ptr<const fleet::ResourceUses> of_nodes, of_pods;
  if (nodes) of_nodes = std::make_shared<const fleet::ResourceUses>(read_node_use(*nodes));
  if (pods) of_pods = std::make_shared<const fleet::ResourceUses>(read_pod_use(*pods, *known));
  {
    const std::lock_guard lock(mutex_);
    use_.works = static_cast<bool>(pods);
    use_.why = pods ? std::string() : pods.error().what;
    if (pods) use_.answered = now_epoch_ms();
  }
  const bool changes = of_nodes || of_pods || known->node_use || known->pod_use;
  if (!pods && known->pod_use)
    log::warn("CPU and memory in use are not known: metrics.k8s.io does not answer", {{"error", pods.error().what}});
  if (!changes) return;
  const std::lock_guard lock(mutex_);
  state_.use(std::move(of_nodes), std::move(of_pods));
}

/// A pod may hold devices that it did not ask for, as with a runtime that gives it all of them.
void ClusterWatch::look_up_holders(kube::Api& api) {
  std::vector<std::string> unknown;
  {
    auto holders = holders_();
    const std::lock_guard lock(mutex_);
    if (wanted_.size() >= kMostWanted)
      std::erase_if(wanted_, [&](const std::string& key) { return !state_.has_pod(key); });
    for (std::string& key : holders)
      if (!state_.has_pod(key) && !wanted_.contains(key) && wanted_.size() < kMostWanted)
        unknown.push_back(std::move(key));
  }
  if (unknown.size() > kLookUpsAtOnce) unknown.resize(kLookUpsAtOnce);
  for (const std::string& key : unknown) {
    const auto slash = key.find('/');
    const auto json = api.get("/api/v1/namespaces/" + key.substr(0, slash) + "/pods/" + key.substr(slash + 1));
    if (!json && json.error().code != Code::NotFound) return;
    const std::lock_guard lock(mutex_);
    wanted_.insert(key);
    if (!json) continue;
    if (fleet::ClusterPod pod = read_pod(*json); !pod.name.empty() && !is_over(pod.phase)) state_.put(std::move(pod));
  }
}

std::vector<std::string> holders_in(const fleet::View& view, std::string_view cluster) {
  std::set<std::string> out;
  const auto note = [&](const fleet::Workload& of) {
    if (is_name(of.space) && is_name(of.pod)) out.insert(fleet::pod_key(of.space, of.pod));
  };
  for (const auto& node : view.nodes) {
    if (node->cluster != cluster) continue;
    for (const fleet::Device& device : node->devices) {
      for (const fleet::Allocation& one : device.allocations) note(one.facts->workload);
      for (const fleet::Session& one : device.sessions) note(one.facts->workload);
    }
  }
  return {out.begin(), out.end()};
}

}  // namespace tessera::server
