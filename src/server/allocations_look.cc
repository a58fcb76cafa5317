// What the thread of Allocations sees to: pods that come and go, leases, the queue, and what is left over.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/log.h"
#include "server/allocations.h"
#include "server/allocations_json.h"
#include "server/api_json.h"
#include "server/wish_origin.h"
#include "store/allocations.h"
#include "store/audit.h"

namespace tessera::server {
namespace {
namespace decision = fleet::decision;

constexpr Milliseconds kWhyAgain{60'000};
// The same reason may have another cause behind it by now: who is idle, and what would help.
constexpr Milliseconds kWhyStale{5 * 60'000};
constexpr std::size_t kToldAtOnce = 512;  // in one transaction, and one copy of the book
constexpr Milliseconds kOverKept{std::chrono::hours(7 * 24)};
constexpr Milliseconds kDropEvery{std::chrono::hours(1)};

Result<void> note(store::Database& database, const fleet::PodAllocation& one, EpochMs time) {
  store::AuditEntry entry;
  entry.time = time;
  entry.actor = kServerName;
  entry.action = fmt::format("allocation.{}", fleet::allocation_state_name(one.state));
  entry.object = "allocation:" + one.id;
  entry.result = "done";
  entry.detail = json_text(Json{{"namespace", one.space}, {"podName", one.pod}, {"reason", one.why}});
  return store::append_audit(database, entry);
}

/// What decision::near_miss() would say of one device: where there is a near miss it is among what would help.
std::string near_miss_of(const decision::Refusal& refusal) {
  const auto less = std::ranges::find(refusal.remedies, decision::RemedyKind::AskForLess, &decision::Remedy::kind);
  return less == refusal.remedies.end() ? std::string() : less->sentence;
}

}  // namespace

void Allocations::look() {
  const std::lock_guard lock(changing_);
  const auto known = fleet_.get();  // not of before the wait for the lock: who was asked for meanwhile is in it
  if (!known || !known->view || !started_()) return;
  if (known->view == looked_at_ && book_.get() == queued_for_) return;
  if (options_.may_cut) layouts_.note_silent();  // else nothing is asked of an agent
  settle(*known);
  review(*known);
  adopt(*known);
  serve_queue(*known);
  clean_up(*known);
  drop_old(*known);
  looked_at_ = known->view;
  queued_for_ = book_.get();
}

bool Allocations::keep_and_take(Turns turns, EpochMs time) {
  const auto book = book_.get();
  const auto done = changes_.read([&](store::Database& database) {
    return database.atomically([&]() -> Result<void> {
      TRY(keep(database, turns));
      for (const fleet::PodAllocation& one : turns.turned)
        if (const auto* before = book->find(one.id); !before || before->state != one.state)
          TRY(note(database, one, time));
      return {};
    });
  });
  if (done) {
    take(turns, time);
  } else {
    if (!failing_)
      log::error("what became of allocations is not kept; it is tried again", {{"why", done.error().what}});
    read_again();
  }
  failing_ = !done;
  return bool(done);
}

void Allocations::review(const Published& known) {
  sightings_.take(*known.view);
  const auto book = book_.get();
  Turns turns;
  turns.turned = review_.turns(*book, {*known.view, *known.cluster, sightings_,
                                       [&](const std::string& cluster, const fleet::PromisedPart& part, bool stands) {
                                         return why_not_kept(cluster, part, stands, known);
                                       }});
  if (turns.empty()) return;
  keep_made(*book, known, turns);
  fleet::AllocationBook after = *book;
  for (const fleet::PodAllocation& one : turns.turned)
    if (const auto put = after.put(one); !put)
      log::error("a turn of an allocation contradicts another one", {{"why", put.error().what}});
  for (const fleet::PodAllocation& one : turns.turned) {
    const auto* before = book->find(one.id);
    // A pod that has come has what it was promised, be it that not all of it is seen to stand. Of one that has not,
    // nothing is to be made any longer, nor anew where somebody has taken away what stood.
    const bool is_promised = before && before->state == fleet::AllocationState::Promised;
    const bool has_left = is_promised && one.state != before->state && one.state != fleet::AllocationState::Bound;
    if (has_left) stop_cutting(ground(*known.view, after), *before, std::string(kServerName), turns);
  }
  keep_and_take(std::move(turns), known.view->time);
}

/// A promise that is taken back leaves what was made for it: that stands in an allocation that is over, as for others.
void Allocations::keep_made(const fleet::AllocationBook& before, const Published& known, Turns& turns) const {
  if (!options_.cleanup || !options_.may_cut) return;
  std::vector<fleet::PodAllocation> left;
  for (const fleet::PodAllocation& one : turns.turned) {
    const fleet::PodAllocation* had = before.find(one.id);
    if (!had || had->state != fleet::AllocationState::Promised || one.state != fleet::AllocationState::Waiting)
      continue;
    fleet::PodAllocation next = *had;
    std::erase_if(next.parts, [&](const fleet::PromisedPart& part) {
      const fleet::Device* device = fleet::find_device(*known.view, next.cluster, part.node, part.device_uuid);
      return !part.made || !device || !fleet::stands(*device, part);
    });
    if (next.parts.empty()) continue;
    next.id = new_allocation_id();
    if (auto over = fleet::over(
            std::move(next), fleet::AllocationState::Released,
            {fmt::format("promised anew as {}: {}", one.id, one.why), std::string(kServerName), known.view->time}))
      left.push_back(*std::move(over));
  }
  std::ranges::move(left, std::back_inserter(turns.turned));
}

void Allocations::settle(const Published& known) {
  std::vector<store::WantedLayout> settled;
  for (FinishedLayout& one : layouts_.finished()) {
    const fleet::Device* device =
        fleet::find_device(*known.view, one.layout.cluster, one.layout.node, one.layout.device_uuid);
    if (device && shows_what_was_done(one.layout, one.since, *device)) settled.push_back(std::move(one.layout));
  }
  if (settled.empty()) return;
  const auto done = changes_.read([&](store::Database& database) {
    return database.atomically([&]() -> Result<void> {
      for (const store::WantedLayout& one : settled) TRY(store::settle_wanted_layout(database, one));
      return {};
    });
  });
  if (!done) return;  // it is tried again with the next look
  for (store::WantedLayout& one : settled) {
    one.planned_from.clear();
    layouts_.want(std::move(one));
  }
}

void Allocations::adopt(const Published& known) {
  if (!options_.may_cut) return;
  const auto book = book_.get();
  const Ground on = ground(*known.view, *book);
  Turns turns;
  for (const store::WantedLayout& one : layouts_.hands_off()) {
    const fleet::Device* device = fleet::find_device(*known.view, one.cluster, one.node, one.device_uuid);
    if (!device || device->presence != fleet::Presence::Present) continue;
    if (auto as_it_stands = layout_as_it_stands(on, one, *device, std::string(kServerName)))
      turns.layouts.push_back(*std::move(as_it_stands));
  }
  if (!turns.empty()) keep_and_take(std::move(turns), known.view->time);
}

void Allocations::serve_queue(const Published& known) {
  const auto book = book_.get();
  const std::vector<const fleet::PodAllocation*> queue = book->queue();
  std::erase_if(told_why_, [&](const auto& one) {
    const auto* of = book->find(one.first);
    return !of || of->state != fleet::AllocationState::Waiting;
  });
  if (queue.empty()) return;
  const EpochMs now = known.view->time;
  DecisionRound round = this->round(known);
  /// In each cluster the first who has waited long and waits still.
  std::map<std::string, std::pair<const fleet::PodAllocation*, AllocationWish>> first;
  std::map<std::string, unsigned> looked_for;
  for (const fleet::PodAllocation* one : queue) {
    auto wish = read_kept_wish(one->request);
    if (!wish) continue;  // of a version that knew more members
    wish->cluster = one->cluster;
    wish = with_pod(*std::move(wish), *known.cluster);
    // Who could never be served, such as on a node that is gone, keeps it from nobody behind him.
    std::erase_if(first, [&](const auto& of) {
      const auto& [waits, wanted] = of.second;
      return !round.keeps_room_for(waits->id) && !keep_room(round, known, *waits, wanted);
    });
    const Served served = serve(round, known, *one, *wish);
    if (served == Served::Unkept) return told_.clear();  // it is told again
    if (told_.size() == kToldAtOnce) keep_told(now);
    const bool keeps = served == Served::No && has_waited_long(*one, now) && wish->node.empty();
    if (keeps && looked_for[one->cluster]++ < kMostKeepers) first.try_emplace(one->cluster, one, *std::move(wish));
  }
  keep_told(now);
}

Allocations::Served Allocations::serve(DecisionRound& round, const Published& known, const fleet::PodAllocation& one,
                                       const AllocationWish& wish) {
  const EpochMs now = known.view->time;
  const auto budgets = options_.budgets(known, wish);
  const decision::Scope scope = scope_of(wish, *known.cluster);
  const auto shown = [&](const decision::Refusal& refusal, const std::string& hint) {
    return explained(refusal_json(refusal), wish, hint, budgets);
  };
  if (const auto over = refused_by(budgets)) {
    tell_why(one, over->sentence, now, [&] { return shown(*over, round.near_miss(wish.need, scope)); });
    return Served::Barred;
  }
  const auto book = book_.get();
  const auto verdict = round.decide_once(wish, *known.cluster);
  if (auto* const* refused = std::get_if<DecisionRound::Refused*>(&verdict)) {
    tell_why(one, (*refused)->sentence, now, [&] {
      const decision::Refusal& in_full = round.in_full(**refused, wish, *known.cluster, *book);
      return shown(in_full, wish.need.devices == 1 ? near_miss_of(in_full) : round.near_miss(wish.need, scope));
    });
    return Served::No;
  }
  const auto& decided = std::get<decision::Decision>(verdict);
  const std::string hint = round.near_miss(wish.need, scope);
  auto turns = promise(ground(*known.view, *book), decided, explained(decision_json(decided), wish, hint, budgets), one,
                       std::string(kServerName));
  if (turns)
    if (const auto may = book->may_put(turns->turned.front()); !may) turns = may.error();
  if (!turns) {
    tell_why(one, turns.error().what, now, [&] { return shown({turns.error().what, {}, {}}, hint); });
    return Served::No;
  }
  turns->scenes.push_back(scene_of(one.id, round, wish, scope, decided));
  if (!keep_and_take(*std::move(turns), now)) return Served::Unkept;
  round.promised(ground(*known.view, *book_.get()), decided, wish.need);
  return Served::Yes;
}

void Allocations::tell_why(const fleet::PodAllocation& one, const std::string& why, EpochMs now,
                           const std::function<Json()>& shown) {
  const bool is_same = why == one.why;
  const auto told = told_why_.find(one.id);
  const bool was_told = told != told_why_.end();
  if (is_same && (was_told ? told->second : one.asked_at) + kWhyStale.count() > now) return;
  if (!is_same && was_told && told->second + kWhyAgain.count() > now) return;
  told_why_[one.id] = now;
  std::string text = json_text(shown());
  if (is_same && text == one.decision) return;
  if (auto still = fleet::still_waiting(one, std::move(text), {why, std::string(kServerName), now}))
    told_.push_back(*std::move(still));
}

void Allocations::keep_told(EpochMs now) {
  if (!told_.empty()) keep_and_take({std::exchange(told_, {})}, now);
}

void Allocations::clean_up(const Published& known) {
  if (!options_.cleanup || !options_.may_cut) return;
  const EpochMs now = known.view->time;
  const auto book = book_.get();
  std::map<std::string, EpochMs> idle;
  Turns turns;
  for (const auto& [id, one] : book->all()) {
    if (!fleet::is_over(one.state)) continue;
    fleet::PodAllocation next = one;
    for (fleet::PromisedPart& part : next.parts) {
      if (!part.made) continue;
      const auto wanted = layouts_.of(one.cluster, part.device_uuid);
      if (wanted && was_asked_for(*wanted, one, part)) {
        part.made = false;
        continue;
      }
      const fleet::Device* device = fleet::find_device(*known.view, one.cluster, part.node, part.device_uuid);
      const auto standing =
          device ? fleet::standing_of(*device) : Result<std::vector<fleet::Standing>>(fail(Code::NotFound, "gone"));
      if (!standing || device->presence != fleet::Presence::Present) continue;
      const auto held = std::ranges::find_if(
          *standing, [&](const fleet::Standing& s) { return s.placed.placement == part.placement; });
      if (held == standing->end() || !fleet::stands(*device, part)) {
        // Its agent makes it anew, as after a reboot; else somebody has taken it away, and what stands there later is
        // not of our making.
        part.made =
            wanted && std::ranges::count(wanted->instances, store::WantedInstance{part.profile, part.placement}) > 0;
        continue;
      }
      if (!held->held_by.empty() || book->owner_of(one.cluster, part)) continue;
      const std::string key = fmt::format("{}@{}", id, part.placement.start);
      const auto before = idle_since_.find(key);
      const EpochMs since = idle[key] = before == idle_since_.end() ? now : before->second;
      // One device is cut anew at a time, so that each wish is made of the one before.
      if (since + options_.cleanup_after.count() > now || !turns.layouts.empty()) continue;
      if (auto less = layout_without(ground(*known.view, *book), one.cluster, part.node, *device,
                                     {{part.profile, part.placement}}, std::string(kServerName)))
        turns.layouts.push_back(*std::move(less));
    }
    if (!(next == one)) turns.turned.push_back(std::move(next));
  }
  idle_since_ = std::move(idle);
  if (!turns.empty()) keep_and_take(std::move(turns), now);
}

/// Those with an instance that was made for them, and that is still to be removed, are kept: nothing else says so.
void Allocations::drop_old(const Published& known) {
  const EpochMs now = known.view->time;
  if (now - dropped_at_ < kDropEvery.count()) return;
  const bool cleans = options_.cleanup && options_.may_cut;
  fleet::AllocationBook next = *book_.get();
  std::vector<std::string> old;
  for (const auto& [id, one] : next.all()) {
    const bool has_made = std::ranges::any_of(one.parts, [&](const fleet::PromisedPart& part) {
      return part.made && fleet::find_device(*known.view, one.cluster, part.node, part.device_uuid);
    });
    if (fleet::is_over(one.state) && one.since < now - kOverKept.count() && !(cleans && has_made)) old.push_back(id);
  }
  const auto done = changes_.read([&](store::Database& database) {
    return database.atomically([&] { return store::drop_allocations(database, old); });
  });
  if (!done) return;  // it is tried again with the next look
  dropped_at_ = now;
  for (const std::string& id : old) next.drop(id);
  if (!old.empty()) book_.publish(std::move(next));
}

}  // namespace tessera::server
