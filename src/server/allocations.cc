#include "server/allocations.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>
#include <utility>

#include "base/every.h"
#include "base/log.h"
#include "fleet/decision/text.h"
#include "server/allocation_trouble.h"
#include "server/allocations_json.h"
#include "server/api_json.h"
#include "server/wish_origin.h"
#include "store/allocations.h"

namespace tessera::server {
namespace {
namespace decision = fleet::decision;

/// What could not be cut is not tried again at once.
constexpr Milliseconds kAvoided{10 * 60'000};
constexpr Milliseconds kDemandKept{60 * 60'000};

}  // namespace

std::string new_allocation_id() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}", random(), random());
}

Result<std::unique_ptr<Allocations>> Allocations::open(const Latest<Published>& fleet, Changes& changes,
                                                       WantedLayouts& layouts, Events& events,
                                                       std::function<bool()> started, AllocationOptions options) {
  const auto known = TRY(changes.read([](store::Database& database) { return store::allocations(database); }));
  auto book = fleet::AllocationBook::of(known);
  if (!book)
    return fail(Code::Internal, "the allocations in the database contradict each other: {}", book.error().what);
  return std::unique_ptr<Allocations>(
      new Allocations(fleet, changes, layouts, events, std::move(started), std::move(options), *std::move(book)));
}

Allocations::Allocations(const Latest<Published>& fleet, Changes& changes, WantedLayouts& layouts, Events& events,
                         std::function<bool()> started, AllocationOptions options, fleet::AllocationBook book)
    : fleet_(fleet),
      changes_(changes),
      layouts_(layouts),
      events_(events),
      started_(std::move(started)),
      options_(std::move(options)),
      changing_(layouts.changing()),
      stock_(options_.policy),
      if_free_(options_.policy, DecisionStock::Seen::AsIfFree),
      review_(options_.gone_after) {
  review_.inherit(book);
  book_.publish(std::move(book));
  if (options_.leads && options_.look_every > Milliseconds(0))
    thread_ =
        std::jthread([this](const std::stop_token& stop) { every(options_.look_every, stop, [this] { look(); }); });
}

Allocations::~Allocations() { thread_ = {}; }

fleet::CostOwner Allocations::owner_of(const Published& known, const fleet::PodAllocation& one) const {
  AllocationWish wish;
  wish.cluster = one.cluster;
  wish.space = one.space;
  wish.pod = one.pod;
  wish.team = one.team;
  if (options_.payer) return options_.payer(known, wish);
  fleet::CostOwner out;
  out.cluster = one.cluster;
  out.space = one.space;
  out.pod = one.pod;
  out.team = one.team;
  return out;
}

std::shared_ptr<const fleet::AllocationBook> Allocations::book() const {
  if (options_.leads) return book_.get();
  follow_layouts();
  const auto known = changes_.read([](store::Database& database) { return store::allocations(database); });
  auto book = known ? fleet::AllocationBook::of(*known) : Result<fleet::AllocationBook>(known.error());
  return book ? std::make_shared<const fleet::AllocationBook>(*std::move(book)) : book_.get();
}

std::shared_ptr<const decision::Mix> Allocations::demand(const fleet::AllocationBook& book, EpochMs now) const {
  const std::lock_guard lock(measuring_);
  if (!demand_ || now - demand_at_ >= kDemandKept.count()) {
    demand_ = std::make_shared<const decision::Mix>(demand_of(book));
    demand_at_ = now;
  }
  return demand_;
}

/// What the leader has had wanted since: what is being cut as somebody asked is not to be decided about here either.
void Allocations::follow_layouts() const {
  if (!options_.may_cut) return;
  const std::lock_guard lock(following_);
  const SteadyTime now = std::chrono::steady_clock::now();
  if (followed_at_ && now - *followed_at_ < options_.follow_every) return;
  auto wanted = changes_.read([](store::Database& database) { return store::wanted_layouts(database); });
  if (!wanted) return;  // it is read with the next question
  layouts_.replace(*std::move(wanted));
  followed_at_ = now;
}

Ground Allocations::ground(const fleet::View& view, const fleet::AllocationBook& book) const {
  Ground out = {
      view,
      book,
      [this](const std::string& cluster, const std::string& uuid) {
        ++looked_at_devices_;
        return layouts_.of(cluster, uuid);
      },
      options_.prices,
      options_.may_cut,
      [this](const std::string& cluster, const std::string& node) { return layouts_.why_uncut(cluster, node); },
      [this, time = view.time](const std::string& cluster, const std::string& uuid) -> std::string {
        const std::lock_guard lock(avoiding_);
        const auto found = avoided_.find({cluster, uuid});
        return found == avoided_.end() || found->second.until <= time ? "" : found->second.why;
      }};
  out.may_switch_on = options_.may_switch_on;
  if (const auto known = fleet_.get(); known && known->cluster) {
    out.cluster = known->cluster.get();
    out.shared = [nodes = known->cluster](const std::string& cluster, const std::string& name) {
      const fleet::ClusterNode* node = nodes->node(cluster, name);
      return node ? shares_of(*node) : std::nullopt;
    };
    if (options_.lent)
      out.lent = [nodes = known->cluster, lent = options_.lent](const std::string& cluster, const std::string& name) {
        const fleet::ClusterNode* node = nodes->node(cluster, name);
        return lent(cluster, name, node ? node->labels : fleet::LabelMap());
      };
  }
  if (options_.excluded)
    out.excluded = [all = options_.excluded()](const std::string& cluster, const std::string& uuid) -> std::string {
      const auto found = all->find({cluster, uuid});
      return found == all->end() ? "" : found->second;
    };
  return out;
}

/// What was touched is asked for before the book is, so that nothing is left out: what comes between is looked at
/// twice.
Surroundings Allocations::surroundings(const Published& known) const {
  Surroundings out;
  {
    const std::lock_guard lock(touching_);
    out = std::exchange(touched_, {});
  }
  out.cluster = known.cluster;
  out.nodes = layouts_.changed_since(layouts_version_);
  if (options_.excluded) out.excluded = options_.excluded();
  const std::lock_guard lock(avoiding_);
  for (const auto& [device, avoided] : avoided_)
    if (avoided.until > known.view->time) out.kept_from[device] = avoided.why;
  return out;
}

DecisionRound Allocations::round(std::unique_lock<std::mutex> lock, const Published& known) const {
  Surroundings now = surroundings(known);
  const auto book = book_.get();
  stock_.follow(ground(*known.view, *book), demand(*book, known.view->time), std::move(now));
  return {stock_, std::move(lock)};
}

void Allocations::touch(const fleet::PodAllocation& one) {
  const std::lock_guard lock(touching_);
  touched_.turned.insert({one.cluster, one.space, one.pod});
  for (const fleet::PromisedPart& part : one.parts) touched_.devices.insert({one.cluster, part.device_uuid});
}

void Allocations::touch_all() {
  const std::lock_guard lock(touching_);
  touched_.all = true;
}

AllocationWish Allocations::with_pod(AllocationWish wish, const fleet::ClusterView& cluster) {
  ask_beside(wish.need, cluster.pod(*wish.cluster, wish.space, wish.pod));
  return wish;
}

bool Allocations::has_waited_long(const fleet::PodAllocation& one, EpochMs now) const {
  return one.asked_at <= now - options_.keep_room_after.count();
}

bool Allocations::keep_room(DecisionRound& round, const Published& known, const fleet::PodAllocation& one,
                            const AllocationWish& wish) {
  return round.keep_room(one.id, wish.need, scope_of(wish, *known.cluster),
                         fmt::format("it is kept for {}/{}, which has waited for {}", one.space, one.pod,
                                     decision::time_text(Milliseconds(known.view->time - one.asked_at))));
}

DecisionRound Allocations::round_for(const Published& known, const fleet::PodAllocation& one) const {
  const EpochMs now = known.view->time;
  const auto book = book_.get();
  DecisionRound out = round(known);
  unsigned looked_for = 0;
  for (const fleet::PodAllocation* first : book->queue()) {
    if (first->priority < one.priority || first->id == one.id) break;
    if (!has_waited_long(*first, now) || first->cluster != one.cluster) continue;
    auto wish = read_kept_wish(first->request);
    if (!wish || !wish->node.empty()) continue;  // of one node there is not much to be kept
    wish->cluster = first->cluster;
    if (refused_by(options_.budgets(known, *wish))) continue;
    if (keep_room(out, known, *first, *wish) || ++looked_for == kMostKeepers) break;
  }
  return out;
}

Result<Allocations::Turns> Allocations::promise(const Ground& ground, const decision::Decision& decided,
                                                const Json& shown, const fleet::PodAllocation& one,
                                                const std::string& who) {
  auto next = TRY(fleet::promised(one, parts_of(ground, decided), json_text(shown),
                                  {decided.reason.sentence, who, ground.view.time}));
  const bool all_stand = std::ranges::all_of(next.parts, [&](const fleet::PromisedPart& part) {
    const fleet::Device* device = fleet::find_device(ground.view, one.cluster, part.node, part.device_uuid);
    return device && fleet::stands(*device, part);
  });
  Turns out{{std::move(next)}, layouts_for(ground, decided, std::string(kServerName))};
  if (all_stand && out.layouts.empty())
    if (auto ready = fleet::ready(out.turned.front(), ground.view.time)) out.turned.front() = *std::move(ready);
  return out;
}

store::KeptScene Allocations::scene_of(const std::string& id, const DecisionRound& round, const AllocationWish& wish,
                                       const decision::Scope& scope, const decision::Decision& decided) const {
  return scene_to_keep(id, round.supply(), wish.need, stock_.policy(wish.policy), mix_texts_.of(stock_.mix()), scope,
                       decided);
}

decision::Supply Allocations::supply(const fleet::View& view) const {
  const auto known = book();
  const std::lock_guard lock(changing_);
  return supply_of(ground(view, *known));
}

Result<void> Allocations::keep(store::Database& database, Turns& turns) {
  for (const fleet::PodAllocation& one : turns.turned) TRY(store::put_allocation(database, one));
  for (store::WantedLayout& one : turns.layouts) one.generation = TRY(store::want_layout(database, one));
  for (const store::KeptScene& one : turns.scenes) TRY(store::put_scene(database, one));
  return {};
}

void Allocations::take(const Turns& turns, EpochMs time) {
  fleet::AllocationBook next = *book_.get();
  std::vector<fleet::PodAllocation> earlier;
  for (const fleet::PodAllocation& one : turns.turned) {
    const fleet::PodAllocation* known = next.find(one.id);
    const std::optional<fleet::PodAllocation> before = known ? std::optional(*known) : std::nullopt;
    if (const auto put = next.put(one); !put)
      log::error("an allocation that is in the database contradicts another one", {{"why", put.error().what}});
    else
      tell(before ? &*before : nullptr, one, time);
    if (before) earlier.push_back(*before);
  }
  book_.publish(std::move(next));
  for (const auto* all : {&std::as_const(earlier), &turns.turned})
    for (const fleet::PodAllocation& one : *all) touch(one);
  for (const store::WantedLayout& one : turns.layouts) layouts_.want(one);
}

void Allocations::tell(const fleet::PodAllocation* before, const fleet::PodAllocation& after, EpochMs time) {
  if (before && before->state == after.state) return;
  fleet::Change change;
  change.kind = fleet::ChangeKind::AllocationState;
  change.time = time;
  change.cluster = after.cluster;
  change.from = before ? fleet::allocation_state_name(before->state) : "";
  change.to = fleet::allocation_state_name(after.state);
  change.workload = fleet::Workload{after.space, after.pod, "", after.pod_uid};
  change.spaces = {after.space};
  if (!after.parts.empty()) {
    const fleet::PromisedPart& part = after.parts.front();
    change.node = part.node;
    change.uuid = part.device_uuid;
    change.profile = part.profile;
    const auto known = fleet_.get();
    if (const fleet::Device* device =
            known ? fleet::find_device(*known->view, after.cluster, part.node, part.device_uuid) : nullptr) {
      change.device_id = fleet::device_id(part.node, device->facts->index);
      change.model = device->facts->name;
    }
  }
  events_.publish({std::move(change)});
}

void Allocations::read_again() {
  const auto known = changes_.read([](store::Database& database) { return store::allocations(database); });
  auto wanted = changes_.read([](store::Database& database) { return store::wanted_layouts(database); });
  auto book = known ? fleet::AllocationBook::of(*known) : Result<fleet::AllocationBook>(known.error());
  if (!book || !wanted) return;  // as long as the database is away nothing is promised either
  book_.publish(*std::move(book));
  if (options_.may_cut) layouts_.replace(*std::move(wanted));
  touch_all();
}

std::optional<std::string> Allocations::why_not_kept(const std::string& cluster, const fleet::PromisedPart& part,
                                                     bool stands, const Published& known) {
  const EpochMs now = known.view->time;
  auto why = stands ? why_not_given(layouts_, cluster, part, known) : why_not_cut(layouts_, cluster, part, now);
  const bool is_wanted = layouts_.of(cluster, part.device_uuid).has_value();
  const std::lock_guard lock(avoiding_);
  if (why && (stands || is_wanted)) avoided_[{cluster, part.device_uuid}] = {now + kAvoided.count(), *why};
  return why;
}

void Allocations::stop_cutting(const Ground& after, const fleet::PodAllocation& of, const std::string& who,
                               Turns& into) const {
  // Several may be over at once: each wish is made of the one before.
  Ground ground = after;
  ground.wanted = [&](const std::string& cluster, const std::string& uuid) {
    const auto made = std::ranges::find_if(
        into.layouts, [&](const auto& one) { return one.cluster == cluster && one.device_uuid == uuid; });
    return made == into.layouts.end() ? after.wanted(cluster, uuid) : std::optional(*made);
  };
  for (const fleet::PromisedPart& part : of.parts) {
    const fleet::Device* device = fleet::find_device(after.view, of.cluster, part.node, part.device_uuid);
    if (!part.made || !device || fleet::stands(*device, part) || !layouts_.of(of.cluster, part.device_uuid)) continue;
    if (after.book.owner_of(of.cluster, part)) continue;  // it was promised anew
    auto less = layout_without(ground, of.cluster, part.node, *device, {{part.profile, part.placement}}, who);
    if (!less) continue;
    std::erase_if(into.layouts, [&](const auto& one) {
      return one.cluster == less->cluster && one.device_uuid == less->device_uuid;
    });
    into.layouts.push_back(*std::move(less));
  }
}

}  // namespace tessera::server
