#include "server/node_changes/node_changes.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/every.h"
#include "base/log.h"
#include "fleet/inventory/changes.h"
#include "server/api_json.h"
#include "store/audit.h"

namespace tessera::server {

using nodes::PluginPod;
using nodes::Progress;
using nodes::SeenNode;
using nodes::Stage;
using nodes::Verdict;
using nodes::Written;
using Act = Verdict::Act;

namespace {

constexpr std::string_view kWho = "tessera-server";
constexpr Milliseconds kFirstPause{1'000}, kLongestPause{60'000};

/// What a write comes to, for the audit log; empty: nothing that somebody would ask for.
std::string_view act_of(const std::optional<Progress>& before, const std::optional<Progress>& after) {
  const bool was = before && before->cordoned, is = after && after->cordoned;
  if (!after) return was ? "uncordon" : "";
  if (after->stage == Stage::Stopped && (!before || before->stage != Stage::Stopped)) return "stop";
  if (was != is) return is ? "cordon" : "uncordon";
  return after->stage == Stage::Listing && before && before->stage != Stage::Listing ? "list" : "";
}

}  // namespace

/// What one round goes by.
struct NodeChanges::Round {
  std::shared_ptr<const Published> known;
  std::shared_ptr<const fleet::ClusterView> cluster;
  const std::stop_token& stop;
  Wanted wanted{};
  std::map<std::string, SeenNode> seen{};  ///< of those under way, as they are now
  nodes::Pool pool{};
};

NodeChanges::NodeChanges(kube::ApiServer server, std::string cluster_name, const Latest<Published>& fleet,
                         const Latest<fleet::ClusterView>& cluster, Changes& changes, WantedLayouts& layouts,
                         Events& events, std::function<bool()> started, NodeChangeOptions options)
    : cluster_name_(std::move(cluster_name)),
      fleet_(fleet),
      cluster_(cluster),
      changes_(changes),
      layouts_(layouts),
      events_(events),
      started_(std::move(started)),
      options_(std::move(options)),
      api_(std::move(server)) {
  for (const std::string_view one : kNodeActs) stats_.acts[std::string(one)] = 0;
  layouts_.prepare(cluster_name_);
  if (options_.look_every > Milliseconds(0))
    thread_ = std::jthread(
        [this](const std::stop_token& stop) { every(options_.look_every, stop, [this, &stop] { look(stop); }); });
}

NodeChanges::~NodeChanges() { thread_ = {}; }

NodeChangeStats NodeChanges::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

void NodeChanges::look(const std::stop_token& stop) {
  if (!started_() || std::chrono::steady_clock::now() < not_before_) return;
  const auto done = go_round(stop);
  if (done)
    failed_ = 0;
  else if (!stop.stop_requested())
    stay_away(done.error());
  NodeChangeStats next = stats();
  next.nodes.clear();
  for (const std::string_view one : kNodeStates) next.nodes[std::string(one)] = 0;
  for (const auto& [node, state] : states_)
    if (!state.empty()) ++next.nodes[state];
  const std::lock_guard lock(mutex_);
  stats_ = std::move(next);
}

/// Twice as long each time, or as long as the API server asks for. A right that is missing is given by people.
void NodeChanges::stay_away(const Error& error) {
  if (failed_++ == 0) log::warn("nodes are not changed; it is tried again", {{"why", error.what}});
  Milliseconds pause = std::min<Milliseconds>(kFirstPause * (1LL << std::min(failed_ - 1, 6U)), kLongestPause);
  if (error.code == Code::Denied) pause = kLongestPause;
  tell_trouble(error.what);
  not_before_ = std::chrono::steady_clock::now() + std::max(pause, std::min(api_.asked_pause(), kLongestPause));
  const std::lock_guard lock(mutex_);
  ++stats_.failures;
}

/// To nodes of which nothing has been said yet.
void NodeChanges::tell_trouble(const std::string& why) {
  for (const store::WantedLayout& one : layouts_.in(cluster_name_)) {
    if (layouts_.course_of(cluster_name_, one.node)) continue;
    Verdict waiting;
    waiting.state = "waiting";
    waiting.reason = why;
    tell(one.node, waiting);
  }
}

Result<void> NodeChanges::go_round(const std::stop_token& stop) {
  Round round{fleet_.get(), cluster_.get(), stop};
  if (!round.known || !round.cluster) return {};
  if (!round.cluster->synced) {
    tell_trouble("the cluster's nodes, namespaces and pods have not been listed yet: /status says why");
    return {};
  }
  if (!listed_) {
    for (std::string& name : TRY(api_.annotated(stop))) under_way_.insert(std::move(name));
    listed_ = true;
  }
  for (store::WantedLayout& one : layouts_.in(cluster_name_)) round.wanted[one.node].push_back(std::move(one));
  tell_uncut(round);
  TRY(fetch(round));
  TRY(spread_config(round));
  std::vector<std::string> order(under_way_.begin(), under_way_.end());  // they come to their end first
  std::vector<std::pair<EpochMs, std::string>> others;
  for (const auto& [node, wanted] : round.wanted)
    if (!under_way_.contains(node))
      others.emplace_back(std::ranges::min(wanted, {}, &store::WantedLayout::wanted_since).wanted_since, node);
  std::ranges::sort(others);
  for (auto& [since, node] : others) order.push_back(std::move(node));
  Result<void> out;
  for (const std::string& node : order) {
    if (stop.stop_requested()) return {};
    auto done = see_to(round, node);
    if (!done && done.error().code == Code::Unavailable) return done;
    if (!done) out = std::move(done);  // what is refused for one may be granted for the next
  }
  // Of the others nothing is wanted any longer.
  for (auto& [node, state] : states_)
    if (!round.wanted.contains(node) && !under_way_.contains(node)) tell(node, {});
  std::erase_if(states_, [&](const auto& one) { return one.second.empty() && !round.wanted.contains(one.first); });
  return out;
}

/// Whoever promises something looks for it elsewhere from the start. An agent has a while to ask for the first time.
void NodeChanges::tell_uncut(const Round& round) {
  const SteadyTime since = std::chrono::steady_clock::now() - kAsksWithin;
  static const ToldNode kNotYet;
  std::map<std::string, std::string, std::less<>> out;
  for (const auto& node : round.known->view->nodes) {
    const fleet::ClusterNode* listed =
        node->cluster == cluster_name_ ? round.cluster->node(cluster_name_, node->name) : nullptr;
    if (!listed || node->devices.empty()) continue;
    const auto told = layouts_.told_by(cluster_name_, node->name, since);
    const ToldNode* word = told ? told.get() : since < began_ ? &kNotYet : nullptr;
    if (std::string why = nodes::why_never(*listed, word, options_.rules); !why.empty())
      out.emplace(node->name, std::move(why));
  }
  layouts_.leave_uncut(std::move(out));
}

Result<void> NodeChanges::fetch(Round& round) {
  round.pool = nodes::pool_of(*round.known->view, *round.cluster);
  for (auto name = under_way_.begin(); name != under_way_.end();) {
    auto seen = TRY(api_.node(*name, round.stop));
    if (!seen || !seen->change) {
      name = under_way_.erase(name);
      continue;
    }
    if (nodes::is_under_way(seen->change)) ++round.pool.under_way;
    // The watch may not have told of a cordon of a moment ago.
    if (const auto* listed = round.cluster->node(cluster_name_, *name);
        listed && listed->ready == true && !listed->cordoned && seen->node.cordoned && round.pool.schedulable > 0)
      --round.pool.schedulable;
    round.seen.emplace(*name, *std::move(seen));
    ++name;
  }
  return {};
}

nodes::Around NodeChanges::around(const Round& round, const std::string& node) const {
  const auto wanted = round.wanted.find(node);
  return {*round.known->view,
          *round.cluster,
          layouts_,
          options_.rules,
          wanted == round.wanted.end() ? std::vector<store::WantedLayout>() : wanted->second,
          layouts_.told_by(cluster_name_, node, std::chrono::steady_clock::now() - kAsksWithin),
          [this](const std::string& entry) { return is_written(entry); }};
}

bool NodeChanges::is_written(const std::string& entry) const {
  const auto found = config_at_.find(entry);
  return found != config_at_.end() && found->second + options_.rules.config_delay <= std::chrono::steady_clock::now();
}

/// Entries that are wanted, and those that a node's label still names.
Result<void> NodeChanges::spread_config(Round& round) {
  if (options_.rules.way != nodes::Way::MigManager || options_.rules.dry_run || round.wanted.empty()) return {};
  const auto file = TRY(api_.config_file(options_.rules.config_map, round.stop));
  const nodes::MigEntries there = nodes::entries_in(file.value_or(""));
  nodes::MigEntries next;
  for (const auto& [node, wanted] : round.wanted)
    if (const auto entry = nodes::entry_for(node, around(round, node))) next.insert(*entry);
  const auto keep = [&](const std::string& name) {
    if (const auto found = there.find(name); found != there.end()) next.insert(*found);
  };
  for (const auto& [name, node] : round.cluster->nodes)
    if (const auto label = node->labels.find(std::string(nodes::kConfigLabel)); label != node->labels.end())
      keep(label->second);
  for (const auto& [name, seen] : round.seen)
    if (seen.change) keep(seen.change->entry);
  std::erase_if(config_at_, [&](const auto& one) { return !there.contains(one.first); });
  for (const auto& [name, text] : there) config_at_.try_emplace(name, std::chrono::steady_clock::now());
  const std::string text = nodes::mig_file(next);
  if (file == text || !options_.may_write()) return {};
  if (TRY(api_.write_config_file(options_.rules.config_map, text, round.stop)) == Written::Again)
    return fail(Code::Unavailable,
                "ConfigMap {}: its namespace is not there, or somebody else has written it meanwhile",
                options_.rules.config_map);
  note("configure", "", fmt::format("{} entries in ConfigMap {}", next.size(), options_.rules.config_map));
  return {};
}

Result<void> NodeChanges::see_to(Round& round, const std::string& node) {
  const fleet::ClusterNode* listed = round.cluster->node(cluster_name_, node);
  auto seen = round.seen.find(node);
  if (!listed && seen == round.seen.end()) {  // no node of this cluster: nobody schedules to it
    Verdict none;
    none.told = true;
    tell(node, none);
    return {};
  }
  const bool is_fetched = seen != round.seen.end();
  SeenNode known = is_fetched ? seen->second : SeenNode{*listed};
  std::vector<PluginPod> plugins;
  if (is_fetched) plugins = TRY(api_.plugin_pods(node, options_.rules, round.stop));
  const auto decide = [&] {
    const auto sight = nodes::sight_of(known, plugins, around(round, node));
    const std::string why = nodes::why_not_begin(round.pool, options_.rules, sight);
    return nodes::next_step(sight, options_.rules, why, now_epoch_ms());
  };
  Verdict verdict = decide();
  if (verdict.act != Act::Nothing && !is_fetched) {  // what the watch shows may be old
    auto fresh = TRY(api_.node(node, round.stop));
    if (!fresh) return {};
    known = *std::move(fresh);
    if (known.change) under_way_.insert(node);
    verdict = decide();
  }
  if (verdict.act == Act::Nothing) {
    tell(node, verdict);
    return {};
  }
  if (!options_.may_write()) return {};
  NodeCourse course = layouts_.course_of(cluster_name_, node).value_or(NodeCourse{});
  course.told = verdict.told;  // before anything is done
  layouts_.course(cluster_name_, node, std::move(course));
  const auto done = carry_out(round, known, verdict, plugins);
  if (!done) {
    if (verdict.act == Act::Write) under_way_.insert(node);  // it may have been written
    verdict.state = known.change ? nodes::stage_name(known.change->stage) : "waiting";
    verdict.reason = done.error().what;
  }
  if (!done || *done) tell(node, verdict);
  if (!done) return done.error();
  return {};
}

Result<bool> NodeChanges::carry_out(Round& round, const SeenNode& seen, const Verdict& verdict,
                                    const std::vector<PluginPod>& plugins) {
  switch (verdict.act) {
    case Act::Nothing:
      break;
    case Act::Write:
      return write(round, seen, verdict.change);
    case Act::Release:
      return write(round, seen, std::nullopt);
    case Act::Restart:
      return restart(round, seen, plugins);
    case Act::Label:
      if (TRY(api_.label(seen, verdict.change.entry, round.stop)) == Written::Again) return false;
      note("label", seen.node.name, fmt::format("{}={}", nodes::kConfigLabel, verdict.change.entry));
      return true;
  }
  return true;
}

Result<bool> NodeChanges::write(Round& round, const SeenNode& seen, const std::optional<Progress>& change) {
  const std::string& node = seen.node.name;
  if (TRY(api_.write(seen, change, round.stop)) == Written::Again) return false;
  if (nodes::is_under_way(change) && !nodes::is_under_way(seen.change)) ++round.pool.under_way;
  if (change && change->cordoned && !seen.node.cordoned && round.pool.schedulable > 0) --round.pool.schedulable;
  if (change)
    under_way_.insert(node);
  else
    under_way_.erase(node);
  if (const auto act = act_of(seen.change, change); !act.empty())
    note(act, node, !change ? "" : change->trouble.empty() ? change->why : change->trouble);
  return true;
}

Result<bool> NodeChanges::restart(Round& round, const SeenNode& seen, const std::vector<PluginPod>& plugins) {
  for (const PluginPod& pod : plugins) {
    if (pod.going || std::ranges::count(seen.change->replaced, pod.uid) == 0) continue;
    if (TRY(api_.remove(pod, round.stop)) == Written::Done)
      note("restart-plugin", seen.node.name, fmt::format("pod {}/{} deleted", pod.space, pod.name));
  }
  return true;
}

/// What a person sees, and whether the agent is told. A node that begins is told only when its cordon has been seen.
void NodeChanges::tell(const std::string& node, const Verdict& verdict) {
  const auto before = layouts_.course_of(cluster_name_, node);
  const EpochMs now = now_epoch_ms();
  NodeCourse next{verdict.told, std::string(verdict.state), verdict.reason, now};
  if (before && before->state == verdict.state) next.since = before->since;
  if (verdict.blocked) next.blocked_since = before && before->blocked_since ? *before->blocked_since : now;
  next.unlisted = verdict.unlisted;
  for (const nodes::DeviceSight& one : verdict.changed) next.changed.push_back({one.id, one.generation, one.says});
  layouts_.course(cluster_name_, node, std::move(next));
  std::string& state = states_[node];
  if (state == verdict.state) return;
  fleet::Change change;
  change.kind = fleet::ChangeKind::NodeChange;
  change.time = now;
  change.cluster = cluster_name_;
  change.node = node;
  change.from = std::exchange(state, std::string(verdict.state));
  change.to = verdict.state;
  log::info("change of a node", {{"node", node}, {"from", change.from}, {"to", change.to}, {"why", verdict.reason}});
  events_.publish({std::move(change)});
}

/// A line of the audit log, and a count.
void NodeChanges::note(std::string_view act, const std::string& node, const std::string& why) {
  store::AuditEntry entry;
  entry.time = now_epoch_ms();
  entry.actor = kWho;
  entry.action = fmt::format("node.{}", act);
  entry.object = node.empty() ? "cluster:" + cluster_name_ : "node:" + node;
  entry.result = "done";
  entry.detail = json_text(Json{{"cluster", cluster_name_}, {"reason", why}});
  const auto done = changes_.read([&](store::Database& database) {
    return database.atomically([&] { return store::append_audit(database, entry); });
  });
  if (!done)
    log::error("what was done to a node is not in the audit log",
               {{"action", entry.action}, {"node", node}, {"why", done.error().what}});
  const std::lock_guard lock(mutex_);
  ++stats_.acts[std::string(act)];
}

}  // namespace tessera::server
