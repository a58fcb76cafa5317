#include "server/node_changes/next_step.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace tessera::server::nodes {
namespace {

using Act = Verdict::Act;

/// mig-manager answers a label at once; a word of before may stand for as long.
constexpr Milliseconds kManagerAnswers{60'000};

std::string and_says(const std::string& what, const std::string& says) {
  return says.empty() ? what : fmt::format("{}: {}", what, says);
}

constexpr std::string_view kNobodyAsks = "no layout container of this node asks what is wanted (tessera-agent layout)";
constexpr std::string_view kOnlyReports = "its agent runs with --dry-run, and only reports";

std::string no_manager() {
  return fmt::format("NVIDIA's mig-manager does not run on this node (it has no label {})", kConfigStateLabel);
}
std::string manager_has_it(const NodeSight& node) {
  return fmt::format(
      "NVIDIA's mig-manager has this node ({}={}): take it away there with the label {}=false, or set "
      "gpu.management.mig.kubernetes.way: mig-manager",
      kConfigLabel, node.manager.label, kManagerDeployLabel);
}

class Decider {
 public:
  Decider(const NodeSight& node, const Rules& rules, std::string_view why_not, EpochMs now)
      : node_(node), rules_(rules), why_not_(why_not), now_(now) {}

  Verdict decide() const {
    if (!node_.change) return begin();
    if (rules_.dry_run) return wait("dry-run", "a change that was begun is not gone on with, for dry-run is set");
    if (node_.change->cordoned && !node_.unschedulable) return somebody_uncordoned();
    switch (node_.change->stage) {
      case Stage::Changing:
        return rules_.way == Way::Nvml ? changing() : changing_by_manager();
      case Stage::Listing:
        return listing();
      case Stage::Stopped:
        return stopped();
    }
    return {};
  }

 private:
  const Progress& change() const { return *node_.change; }
  bool by_manager() const { return rules_.way == Way::MigManager; }
  bool is_window_open() const { return is_open(rules_.windows, now_); }
  Milliseconds in_stage() const { return Milliseconds(now_ - change().since); }
  const DeviceSight* any(Course course) const {
    const auto found = std::ranges::find(node_.devices, course, &DeviceSight::course);
    return found == node_.devices.end() ? nullptr : &*found;
  }
  bool is_done() const { return !any(Course::Open) && !any(Course::Held); }
  std::int64_t generation() const {
    std::int64_t out = 0;
    for (const DeviceSight& one : node_.devices) out = std::max(out, one.generation);
    return out;
  }

  static Verdict wait(std::string_view state, std::string reason, bool told = false) {
    return {Act::Nothing, {}, told, state, std::move(reason)};
  }
  Verdict write(Progress next) const {
    const std::string_view state = next.stage == Stage::Stopped && next.cordoned ? "stuck" : stage_name(next.stage);
    return {Act::Write, next, false, state, next.trouble.empty() ? next.why : next.trouble};
  }
  Verdict write(Progress next, Stage stage) const {
    next.stage = stage;
    next.since = now_;
    return write(std::move(next));
  }

  /// It goes on without: who wants the node open may have it open.
  Verdict somebody_uncordoned() const {
    Progress next = change();
    next.cordoned = false;
    return write(std::move(next));
  }

  // ---- Before

  std::string why_no_cut() const {
    if (by_manager()) {
      if (!node_.manager.here) return no_manager();
      if (node_.manager.state == "pending" || node_.manager.state == "rebooting")
        return fmt::format("mig-manager is at work there ({})", node_.manager.state);
      if (node_.manager.entry.empty()) return "how its other devices are cut is not known, and mig-manager sets all";
      if (!node_.manager.owner.empty() && node_.manager.label != node_.manager.entry)
        return fmt::format(
            "the label {} ({}) belongs to {}: hand it over once with kubectl label --overwrite NODE {}-, or, where it "
            "comes back, by a server-side apply with --force-conflicts --field-manager={}",
            kConfigLabel, node_.manager.label, node_.manager.owner, kConfigLabel, kConfigManager);
      if (!node_.let_go) return "its agent may still act on what it was told";
      if (!node_.manager.written) return "mig-manager's pods do not see its file as it is now yet";
    } else {
      if (node_.manager.here) return manager_has_it(node_);
      if (!node_.agent_asks) return std::string(kNobodyAsks);
    }
    if (!node_.ready) return "the node is not ready";
    return {};
  }

  std::string why_not_now() const {
    if (!is_window_open()) return fmt::format("the next maintenance window; they are {} UTC", text_of(rules_.windows));
    return std::string(why_not_);
  }

  /// mig-manager sets the whole node, so nothing that has to change there may be somebody's.
  const DeviceSight* in_the_way() const {
    const DeviceSight* held = any(Course::Held);
    return held && (by_manager() || !any(Course::Open)) ? held : nullptr;
  }

  /// While no window is open, nobody tries.
  Verdict wait_blocked(std::string reason) const {
    Verdict out = wait("waiting", std::move(reason));
    out.blocked = is_window_open();
    return out;
  }

  bool is_cordoned_by_us() const { return node_.change && node_.change->cordoned; }

  Verdict begin() const {
    const DeviceSight* open = any(Course::Open);
    if (const DeviceSight* held = in_the_way()) return wait_blocked(and_says(held->id, held->says));
    if (!open) return left_to_who_changed_it();
    if (!by_manager() && node_.agent_dry_run && !node_.manager.here)
      return wait("dry-run", std::string(kOnlyReports), true);
    if (std::string why = why_no_cut(); !why.empty()) return wait_blocked(std::move(why));
    if (rules_.dry_run) return wait("dry-run", would_do());
    if (std::string why = why_not_now(); !why.empty()) return wait("waiting", std::move(why));
    Progress next;
    next.cordoned = is_cordoned_by_us() || (rules_.cordon && !node_.unschedulable);
    next.generation = generation();
    next.why = fmt::format("{} is cut into other MIG instances by tessera-server", open->id);
    return write(std::move(next), Stage::Changing);
  }

  /// Its agent would keep its hands off, and is not told of it.
  Verdict left_to_who_changed_it() const {
    const auto changed = std::ranges::find_if(node_.devices, &DeviceSight::changed);
    return changed == node_.devices.end() ? Verdict() : wait("waiting", and_says(changed->id, changed->says));
  }

  std::string would_do() const {
    return fmt::format("it would {}have {} cut{}", rules_.cordon && !node_.unschedulable ? "be cordoned, " : "",
                       any(Course::Open)->id, rules_.restart_plugin ? ", and the device plugin's pod be deleted" : "");
  }

  // ---- While it is cut

  /// Why its agent is told nothing more, though it is not through; empty: it is told. `trouble`: it is not as it
  /// should be.
  struct End {
    std::string why{};
    bool trouble = false;
  };
  std::optional<End> end_of_cutting(Milliseconds limit) const {
    const DeviceSight* open = any(Course::Open);
    if (!open) return End{};
    if (!by_manager() && node_.manager.here) return End{"NVIDIA's mig-manager has this node", true};
    if (!is_window_open()) return End{"the maintenance window is over", false};
    if (in_stage() >= limit)
      return End{and_says(fmt::format("{} was not cut within {}", open->id, format_duration(limit)), open->says), true};
    return std::nullopt;
  }

  Verdict to_listing(const End& end) const {
    if (!node_.let_go) return wait("changing", "its agent is told that nothing more is to be done");
    Progress next = change();
    if (end.trouble) next.trouble = end.why;
    next.replaced.clear();
    for (const PluginPod& pod : node_.plugins) next.replaced.push_back(pod.uid);
    return write(std::move(next), Stage::Listing);
  }

  Verdict changing() const {
    if (const auto end = end_of_cutting(rules_.agent_limit)) return to_listing(*end);
    const DeviceSight& open = *any(Course::Open);
    if (generation() > change().generation) {  // a newer wish has its own time
      Progress next = change();
      next.generation = generation();
      Verdict out = write(std::move(next), Stage::Changing);
      out.told = true;
      return out;
    }
    return wait("changing", and_says(open.id, open.says.empty() ? "its agent cuts it" : open.says), true);
  }

  Verdict changing_by_manager() const {
    const ManagerSight& manager = node_.manager;
    const bool at_work = manager.state == "pending" || manager.state == "rebooting";
    if (change().entry.empty()) return before_the_label();
    if (manager.label != change().entry) {
      if (in_stage() < rules_.manager_limit) return {Act::Label, change(), false, "changing", change().why};
      return to_listing({fmt::format("the label {} could not be set to {}", kConfigLabel, change().entry), true});
    }
    const bool late = in_stage() >= rules_.manager_limit;
    if (at_work && !late) return wait("changing", fmt::format("mig-manager is at work ({})", manager.state));
    if (at_work)
      return wait("stuck",
                  fmt::format("mig-manager says '{}' for more than {}: look at its pod's log; it tries again only when "
                              "the label {} changes, so set it to another value and back",
                              manager.state, format_duration(rules_.manager_limit), kConfigLabel));
    if (is_done()) return to_listing({});
    if (manager.state == "failed" && in_stage() >= kManagerAnswers)
      return to_listing(
          {fmt::format("mig-manager has failed to apply {}: its pod's log says why", change().entry), true});
    if (late)
      return to_listing({fmt::format("mig-manager says '{}', but the layout does not stand: it acts only when the "
                                     "label {} changes",
                                     manager.state, kConfigLabel),
                         true});
    return wait("changing", "mig-manager is to apply the layout");
  }

  /// Cordoned, and the label as it was: what was empty has to be seen empty once more.
  Verdict before_the_label() const {
    if (const auto end = end_of_cutting(rules_.agent_limit)) return to_listing(*end);
    if (const DeviceSight* held = any(Course::Held))
      return to_listing({and_says(fmt::format("{} is not empty any longer", held->id), held->says), false});
    if (!node_.let_go) return wait("changing", "its agent is told that nothing more is to be done");
    if (!node_.manager.told_anew) return wait("changing", "whether its devices are still empty is to be told");
    if (const std::string why = why_no_cut(); !why.empty()) return wait("changing", why);
    Progress next = change();
    next.entry = node_.manager.entry;
    next.generation = generation();
    return write(std::move(next), Stage::Changing);
  }

  // ---- While it is listed

  bool is_replaced(const PluginPod& pod) const { return std::ranges::count(change().replaced, pod.uid) > 0; }
  bool has_old_pod() const {
    return rules_.restart_plugin &&
           std::ranges::any_of(node_.plugins, [&](const auto& pod) { return is_replaced(pod); });
  }
  bool is_settled(const PluginPod& pod) const {
    return pod.ready_since && !pod.going && *pod.ready_since + rules_.settled.count() <= now_;
  }
  bool is_listed() const {
    if (!node_.listing.exact || has_old_pod()) return false;
    return !rules_.restart_plugin ||
           std::ranges::any_of(node_.plugins, [&](const auto& pod) { return is_settled(pod); });
  }
  std::string why_unlisted() const {
    if (has_old_pod()) return "the device plugin's old pod is still there";
    if (rules_.restart_plugin && node_.plugins.empty())
      return fmt::format("no pod of the device plugin is on the node (by {})",
                         fmt::join(rules_.plugin_selectors, " or "));
    if (!node_.listing.exact) return node_.listing.difference;
    return "the device plugin's new pod has not been ready for long enough";
  }
  /// Pods that would be given instances that do not stand are worse than none.
  bool is_safe_to_open() const { return !has_old_pod() && !node_.listing.too_much; }

  bool has_to_restart() const {
    return rules_.restart_plugin &&
           std::ranges::any_of(node_.plugins, [&](const auto& pod) { return is_replaced(pod) && !pod.going; });
  }
  Verdict restart(std::string_view state) const {
    return {Act::Restart, change(), false, state, "the device plugin is started anew"};
  }

  Verdict listing() const {
    const bool late = in_stage() >= rules_.plugin_limit;
    if (has_to_restart() && !late) return restart("listing");
    if (is_listed()) return end();
    if (!late) return wait("listing", why_unlisted());
    Progress next = change();
    next.unlisted = true;
    next.cordoned = change().cordoned && !is_safe_to_open();
    const std::string why = fmt::format("the device plugin does not list what stands within {}: {}",
                                        format_duration(rules_.plugin_limit), why_unlisted());
    next.trouble = change().trouble.empty() ? why : fmt::format("{}; {}", change().trouble, why);
    return write(std::move(next), Stage::Stopped);
  }

  Verdict end() const {
    if (change().trouble.empty() || is_done()) return {Act::Release, {}, false, {}, {}};
    Progress next = change();
    next.cordoned = next.unlisted = false;
    return write(std::move(next), Stage::Stopped);
  }

  // ---- After

  Verdict stopped() const {
    const std::string_view state = change().cordoned ? "stuck" : "stopped";
    if (change().unlisted) {
      if (is_listed()) return end();
      if (has_to_restart()) return restart(state);  // it could not be deleted in time
      if (change().cordoned && is_safe_to_open()) {
        Progress next = change();
        next.cordoned = false;
        return write(std::move(next));
      }
      return somebody_wants_more() ? begin_unlisted(state) : wait(state, change().trouble);
    }
    if (is_done()) return {Act::Release, {}, false, {}, {}};
    const bool again = generation() > change().generation || in_stage() >= rules_.try_again;
    if (!again) return wait(state, change().trouble);
    Verdict out = begin();
    if (out.act != Act::Write) out.reason = fmt::format("{}; before: {}", out.reason, change().trouble);
    return out;
  }

  /// Since it was cut, be it while the plugin was waited for. What the server adds for allocations does not count: as
  /// long as the plugin lists nothing, it would have the node cordoned again and again.
  bool somebody_wants_more() const {
    return std::ranges::any_of(node_.devices, [&](const DeviceSight& one) {
      return one.course == Course::Open && one.generation > change().generation && one.asked_at &&
             *one.asked_at + rules_.plugin_limit.count() > change().since;
    });
  }
  /// Where it cannot be begun yet, the node stays what it is.
  Verdict begin_unlisted(std::string_view state) const {
    Verdict out = begin();
    if (out.act == Act::Write) return out;
    return wait(state, fmt::format("{}; what was asked for since: {}", change().trouble, out.reason));
  }

  const NodeSight& node_;
  const Rules& rules_;
  std::string_view why_not_;
  EpochMs now_;
};

}  // namespace

Verdict next_step(const NodeSight& node, const Rules& rules, std::string_view why_not_begin, EpochMs now) {
  Verdict out = Decider(node, rules, why_not_begin, now).decide();
  out.unlisted = node.listing.difference;
  std::ranges::copy_if(node.devices, std::back_inserter(out.changed), &DeviceSight::changed);
  return out;
}

std::string why_never(const NodeSight& node, const Rules& rules) {
  if (rules.dry_run) return "gpu.management.mig.kubernetes.dry-run is set";
  if (rules.way == Way::MigManager) return node.manager.here ? std::string() : no_manager();
  if (node.manager.here) return manager_has_it(node);
  if (!node.agent_asks) return std::string(kNobodyAsks);
  return node.agent_dry_run ? std::string(kOnlyReports) : std::string();
}

bool is_under_way(const std::optional<Progress>& change) {
  return change && (change->stage != Stage::Stopped || change->cordoned || change->unlisted);
}

std::string why_not_begin(const Pool& pool, const Rules& rules, const NodeSight& node) {
  const std::size_t most = std::max<std::size_t>(1, pool.nodes / static_cast<std::size_t>(rules.one_node_per));
  if (pool.under_way >= most && !is_under_way(node.change))
    return fmt::format("{} of {} nodes with GPUs {} being changed, and no more at once", pool.under_way, pool.nodes,
                       pool.under_way == 1 ? "is" : "are");
  if (rules.cordon && !node.unschedulable && pool.nodes > 1 && pool.schedulable <= 1)
    return "no other node with GPUs takes pods now";
  return {};
}

}  // namespace tessera::server::nodes
