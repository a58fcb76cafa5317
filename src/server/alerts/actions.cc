#include "server/alerts/actions.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/every.h"
#include "base/log.h"
#include "server/alerts/delivery.h"
#include "server/alerts/json.h"
#include "server/api_json.h"
#include "store/audit.h"

namespace tessera::server {
namespace {
namespace alerts = fleet::alerts;
using namespace std::chrono_literals;
using alerts::Deed;
using alerts::Stage;
using Clock = std::chrono::steady_clock;

constexpr Milliseconds kLook = 500ms, kFollow = 1s, kHookDeadline = 5s, kLongestPause = 60s;
constexpr EpochMs kHour = 3'600'000;

store::AuditEntry entry_of(const alerts::ActionRecord& one, const std::string& result) {
  const bool begins = one.stands();
  store::AuditEntry out;
  out.time = now_epoch_ms();
  out.actor = "alert:" + one.rule;
  out.action = fmt::format("alert-action.{}", begins ? "begin" : "end");
  out.object = fmt::format("{}:{}", alerts::deed_name(one.deed), one.target);
  out.result = result;
  out.detail = json_text(Json{{"id", one.id},
                              {"cluster", text_or_null(one.cluster)},
                              {"subject", one.subject},
                              {"dryRun", one.dry_run},
                              {"summary", text_or_null(one.summary)}});
  return out;
}

/// What the database alone makes so.
bool is_done_by_keeping(const alerts::ActionRecord& one) { return one.dry_run || one.deed == Deed::Exclude; }

void finish(alerts::ActionRecord& one, EpochMs now) {
  one.last_error.clear();
  if (one.stage == Stage::Beginning) {
    one.stage = Stage::Standing;
    one.begun = now;
  } else {
    one.stage = Stage::Ended;
    one.ended = now;
  }
}

Result<void> keep_in(store::Database& database, alerts::ActionRecord& one, const std::string& result) {
  TRY(one.id == 0 ? store::add_alert_action(database, one) : store::note_alert_action(database, one));
  return result.empty() ? Result<void>() : store::append_audit(database, entry_of(one, result));
}

}  // namespace

std::string_view action_result_name(ActionResult result) {
  constexpr std::array<std::string_view, kActionResults> kNames = {"begun", "ended", "failed", "denied"};
  return kNames[static_cast<std::size_t>(result)];
}

Result<std::unique_ptr<AlertActions>> AlertActions::open(const Alerts& alerts, Changes& changes,
                                                         ActionOptions options) {
  std::unique_ptr<AlertActions> out(new AlertActions(alerts, changes, std::move(options)));
  TRY(out->resume());
  if (out->options_.leads && out->options_.runs)
    out->thread_ = std::jthread(
        [self = out.get()](const std::stop_token& stop) { every(kLook, stop, [self, &stop] { self->round(stop); }); });
  return out;
}

AlertActions::AlertActions(const Alerts& alerts, Changes& changes, ActionOptions options)
    : alerts_(alerts), changes_(changes), options_(std::move(options)) {
  if (options_.nodes) nodes_ = std::make_unique<NodeMarker>(*options_.nodes);
}

AlertActions::~AlertActions() { thread_ = {}; }

Result<void> AlertActions::resume() {
  kept_ = TRY(changes_.read([](store::Database& database) { return store::open_alert_actions(database); }));
  publish();
  return {};
}

std::shared_ptr<const alerts::ExcludedDevices> AlertActions::excluded() const {
  if (options_.leads) return excluded_.get();
  const std::lock_guard lock(following_);
  const auto now = Clock::now();
  if (now - followed_at_ < kFollow) return excluded_.get();
  if (const auto read = changes_.read([](store::Database& database) { return store::open_alert_actions(database); })) {
    excluded_.publish(alerts::excluded_devices(*read));
    followed_at_ = now;
  }
  return excluded_.get();  // what is not read now is with the next question
}

ActionStats AlertActions::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

void AlertActions::round(const std::stop_token& stop) {
  if (!options_.may_write()) return;
  const auto go = [&]() -> Result<void> {
    if (!kept_) TRY(resume());
    const EpochMs now = now_epoch_ms();
    TRY(settle(now));
    TRY(carry_out_all(stop));
    return drop_old(now);
  };
  const auto done = go();
  if (!done) {
    kept_.reset();  // of the last transaction nobody knows whether it came to be
    if (!failing_) log::error("what is done about alerts is not kept; it is tried again", {{"why", done.error().what}});
  }
  failing_ = !done;
}

/// What is to be begun and ended, all in one transaction, before any of it is done.
Result<void> AlertActions::settle(EpochMs now) {
  std::vector<alerts::WantedAction> wanted;
  if (alerts_.settings().enabled) {
    const auto book = alerts_.book();
    if (book->time == 0) return {};  // nothing has been looked at yet
    wanted = alerts::wanted_actions(book->standing, alerts_.settings().rules);
  }
  const alerts::ActionSteps steps = alerts::steps_between(wanted, *kept_);
  if (steps.begin.empty() && steps.end.empty()) return {};
  std::vector<Record> changed = steps.begin;
  for (Record& one : changed) one.asked = now;
  for (Record one : *kept_)
    if (std::ranges::count(steps.end, one.id) > 0) {
      one.stage = Stage::Ending;
      one.last_error.clear();
      changed.push_back(std::move(one));
    }
  TRY(changes_.read([&](store::Database& database) {
    return database.atomically([&]() -> Result<void> {
      for (Record& one : changed) {
        const bool done = is_done_by_keeping(one);
        if (done) finish(one, now);
        TRY(keep_in(database, one, !done ? "" : one.dry_run ? "dry-run" : "done"));
      }
      return {};
    });
  }));
  for (Record& one : changed) {
    if (is_done_by_keeping(one)) count(one, one.stands() ? ActionResult::Begun : ActionResult::Ended);
    tries_.erase(one.id);
    const auto known = std::ranges::find(*kept_, one.id, &Record::id);
    if (known == kept_->end())
      kept_->push_back(std::move(one));
    else
      *known = std::move(one);
  }
  std::erase_if(*kept_, [](const Record& one) { return one.stage == Stage::Ended; });
  publish();
  return {};
}

/// Nodes first, then webhooks: of these the round ends with the first that does not answer, so that one which hangs
/// keeps nodes waiting for no longer than its deadline. Likewise with the API server.
Result<void> AlertActions::carry_out_all(const std::stop_token& stop) {
  for (const bool hooks : {false, true})
    for (Record& one : *kept_) {
      if (stop.stop_requested() || !options_.may_write()) return {};
      if (!one.is_due() || (one.deed == Deed::Webhook) != hooks || alerts::waits_for_another(one, *kept_)) continue;
      if (const auto tried = tries_.find(one.id); tried != tries_.end() && Clock::now() < tried->second.next) continue;
      if (!TRY(carry_out(one, stop))) break;
    }
  if (std::erase_if(*kept_, [](const Record& one) { return one.stage == Stage::Ended; }) > 0) publish();
  return {};
}

/// False: nobody answers.
Result<bool> AlertActions::carry_out(Record& one, const std::stop_token& stop) {
  auto done = act(one, stop);
  if (!done && stop.stop_requested()) return false;
  Record next = one;
  const bool gives_up =
      !done && next.stage == Stage::Ending &&
      (done.error().code == Code::NotFound || (next.deed == Deed::Webhook && done.error().code == Code::Invalid));
  if (done || gives_up) {
    finish(next, now_epoch_ms());
    if (gives_up) next.last_error = done.error().what;
    TRY(keep(next, gives_up ? "given up: " + next.last_error : "done"));
    count(next, next.stands() ? ActionResult::Begun : ActionResult::Ended);
    tries_.erase(one.id);
    one = std::move(next);
    return true;
  }
  Tries& tries = tries_[one.id];
  const Error& why = done.error();
  if (next.last_error != why.what) {
    next.last_error = why.what;
    TRY(keep(next, tries.failures == 0 ? "failed: " + why.what : ""));
    one = std::move(next);
  }
  if (tries.failures == 0)
    log::warn("what an alert asks for is not done; it is tried again",
              {{"alert", one.rule}, {"action", std::string(alerts::deed_name(one.deed))}, {"why", why.what}});
  const bool denied = why.code == Code::Denied;
  count(one, denied ? ActionResult::Denied : ActionResult::Failed);
  const auto pause = std::min<Milliseconds>(kLongestPause, options_.first_pause * (1U << std::min(tries.failures, 6U)));
  ++tries.failures;
  tries.next = Clock::now() + (denied ? kLongestPause : pause);  // a right that is missing is given by people
  return why.code != Code::Unavailable;
}

Result<void> AlertActions::act(const Record& one, const std::stop_token& stop) {
  return one.deed == Deed::Webhook ? post(one) : act_on_node(one, stop);
}

Result<void> AlertActions::act_on_node(const Record& one, const std::stop_token& stop) {
  if (!nodes_)
    return fail(Code::Denied,
                "node {} is not changed: this server watches no cluster (cluster-metadata.enabled), or runs in none",
                one.target);
  if (one.cluster != options_.cluster)
    return fail(Code::Invalid, "node {} is of cluster '{}', and this server changes nodes of '{}' alone", one.target,
                one.cluster, options_.cluster);
  const bool begins = one.stage == Stage::Beginning;
  const alerts::NodeMarks marks = alerts::marks_of(one.cluster, one.target, *kept_);
  if (one.deed == Deed::Taint) return nodes_->taint(one.target, marks, begins, stop);
  if (!begins && marks.cordon) return {};  // another alert wants it so
  return nodes_->cordon(one.target, begins, stop);
}

Result<void> AlertActions::post(const Record& one) {
  const EpochMs now = now_epoch_ms();
  const bool begins = one.stage == Stage::Beginning;
  const auto rules = alerts_.settings().rules;
  const auto rule = std::ranges::find(rules, one.rule, &alerts::Rule::name);
  const ToldAlert told{one.rule,
                       one.labels,
                       one.summary,
                       rule == rules.end() ? std::string() : alerts::runbook_of(*rule, alerts_.settings().runbooks),
                       one.value,
                       one.fired,
                       begins ? now + kHour : now,
                       !begins};
  const std::string name = "webhook " + one.target;
  http::ClientRequest request;
  request.url = TRY(secret_in(one.target));
  request.body = webhook_body(std::span(&told, 1), name);
  request.deadline = kHookDeadline;
  return post_json(client_, std::move(request), name, false);
}

Result<void> AlertActions::keep(const Record& one, const std::string& result) {
  return changes_.read([&](store::Database& database) {
    return database.atomically([&] {
      Record copy = one;
      return keep_in(database, copy, result);
    });
  });
}

Result<void> AlertActions::drop_old(EpochMs now) {
  if (now - dropped_at_ < kHour) return {};
  dropped_at_ = now;
  return changes_.read([&](store::Database& database) {
    return store::drop_alert_actions_before(database, now - alerts_.settings().history_kept.count());
  });
}

void AlertActions::count(const Record& one, ActionResult result) {
  const std::lock_guard lock(mutex_);
  ++stats_.results[static_cast<std::size_t>(one.deed)][static_cast<std::size_t>(result)];
}

void AlertActions::publish() {
  excluded_.publish(alerts::excluded_devices(*kept_));
  const std::lock_guard lock(mutex_);
  stats_.open = {};
  for (const Record& one : *kept_) ++stats_.open[static_cast<std::size_t>(one.deed)][one.dry_run ? 1 : 0];
}

}  // namespace tessera::server
