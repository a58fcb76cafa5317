#include "server/advice/advisor.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/every.h"
#include "base/log.h"
#include "server/access/viewer.h"
#include "server/advice/benchmarked.h"
#include "server/advice/json.h"
#include "server/advice/shortages.h"
#include "server/api_json.h"
#include "store/benchmarks.h"

namespace tessera::server {
namespace {

using fleet::Micros;
using store::AdviceAnswer;
using store::AdviceSaid;
using store::AdviceState;
using Outcome = std::variant<Changed, Problem>;

constexpr std::size_t kMostEvents = 50'000;  // of one alert

/// By their own names and by those of their copies.
std::vector<std::string> told_as(std::vector<std::string> alerts, const AlertCopies& copies) {
  const std::vector<std::string> originals = alerts;
  for (const auto& [name, original] : copies)
    if (std::ranges::find(originals, original) != originals.end()) alerts.push_back(name);
  return alerts;
}

AdviceSaid said_of(const fleet::advice::Advice& of, EpochMs now) {
  const auto& subject = of.subject;
  const std::string& name = !subject.name.empty()        ? subject.name
                            : !subject.device_id.empty() ? subject.device_id
                                                         : subject.model;
  AdviceSaid out;
  out.id = of.id;
  out.kind = fleet::advice::kind_name(of.kind);
  out.cluster = subject.cluster;
  out.space = subject.space;
  out.name = name;
  out.aim = of.aim;
  if (of.saving) out.per_month = of.saving->per_month;
  out.first_said = out.last_said = now;
  out.body = advice_body(of);
  return out;
}

AdviceTold told(const AdviceSaid& said, const AdviceAnswer* answer, EpochMs now) {
  AdviceTold out{said, AdviceState::Open, std::nullopt, false};
  if (!answer) return out;
  out.answer = *answer;
  out.state = answer->state;
  if (answer->state == AdviceState::Accepted) return out;
  if (answer->state == AdviceState::Snoozed && answer->until.value_or(0) <= now) out.state = AdviceState::Open;
  out.reopened = fleet::advice::has_changed({answer->aim, answer->per_month}, {said.aim, said.per_month});
  if (out.reopened) out.state = AdviceState::Open;
  return out;
}

/// What was accepted is told as it was then, when it is said no longer.
AdviceSaid as_accepted(const AdviceAnswer& answer) {
  AdviceSaid out;
  out.id = answer.id;
  out.kind = answer.id.substr(0, answer.id.rfind('-'));
  const auto subject = subject_of_body(answer.body);
  out.cluster = subject.cluster;
  out.space = subject.space;
  out.name = subject.name;
  out.aim = answer.aim;
  out.per_month = answer.per_month;
  out.first_said = out.last_said = answer.at;
  out.standing = false;
  out.body = answer.body;
  return out;
}

}  // namespace

std::vector<AdviceTold> told_advice(const std::vector<AdviceSaid>& said, const std::vector<AdviceAnswer>& answers,
                                    EpochMs now) {
  std::vector<AdviceTold> out;
  for (const AdviceSaid& one : said) {
    const auto answer = std::ranges::find(answers, one.id, &AdviceAnswer::id);
    const bool accepted = answer != answers.end() && answer->state == AdviceState::Accepted;
    if (one.standing && !accepted) out.push_back(told(one, answer == answers.end() ? nullptr : &*answer, now));
  }
  for (const AdviceAnswer& one : answers) {
    if (one.state != AdviceState::Accepted) continue;
    AdviceSaid then = as_accepted(one);
    const auto still = std::ranges::find(said, one.id, &AdviceSaid::id);
    if (still != said.end()) {
      then.standing = still->standing;
      then.first_said = still->first_said;
      then.last_said = still->last_said;
    }
    out.push_back(told(then, &one, now));
  }
  std::ranges::sort(out, {},
                    [](const AdviceTold& one) { return std::pair(-one.said.per_month.value_or(-1), one.said.id); });
  return out;
}

namespace {

/// As Kubernetes makes the random end of a name.
bool is_random(std::string_view text, std::size_t least, std::size_t most) {
  constexpr std::string_view kLetters = "bcdfghjklmnpqrstvwxz0123456789";
  return text.size() >= least && text.size() <= most && text.find_first_not_of(kLetters) == std::string_view::npos;
}

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

/// The next job of a CronJob has another name: NAME-MINUTES, of the time that it was due.
bool is_of_cron(const fleet::advice::Subject::Owner& owner) {
  constexpr std::size_t kMinutes = 8;
  const auto dash = owner.name.rfind('-');
  if (owner.kind != "Job" || dash == std::string::npos) return false;
  const std::string_view end = std::string_view(owner.name).substr(dash + 1);
  return end.size() >= kMinutes && is_number(end);
}

/// HASH-RANDOM, as a Deployment's pods are named behind its name.
bool is_of_deployment(std::string_view rest) {
  constexpr std::size_t kRandom = 5, kLongestHash = 10;
  const auto dash = rest.find('-');
  return dash != std::string_view::npos && is_random(rest.substr(0, dash), 1, kLongestHash) &&
         is_random(rest.substr(dash + 1), kRandom, kRandom);
}

/// 0, or 0-1 of its group.
bool is_of_group(std::string_view rest) {
  const auto dash = std::min(rest.find('-'), rest.size());
  return is_number(rest.substr(0, dash)) && (dash == rest.size() || is_number(rest.substr(dash + 1)));
}

/// predictor-HASH-RANDOM, and predictor-worker-HASH-RANDOM of one on several nodes.
bool is_of_predictor(std::string_view rest) {
  constexpr std::string_view kPredictor = "predictor-", kWorker = "worker-";
  if (!rest.starts_with(kPredictor)) return false;
  rest.remove_prefix(kPredictor.size());
  return is_of_deployment(rest.starts_with(kWorker) ? rest.substr(kWorker.size()) : rest);
}

/// NAME-0 of a StatefulSet, NAME-HASH-RANDOM of a Deployment, NAME-RANDOM of others: another one's name may begin
/// alike.
bool is_made_by(const fleet::advice::Subject::Owner& owner, std::string_view pod) {
  if (owner.kind == "Pod") return pod == owner.name;
  if (owner.name.empty() || !pod.starts_with(owner.name + '-')) return false;
  const std::string_view rest = pod.substr(owner.name.size() + 1);
  if (owner.kind == "StatefulSet") return is_number(rest);
  if (owner.kind == "LeaderWorkerSet") return is_of_group(rest);
  if (owner.kind == "InferenceService") return is_of_predictor(rest);
  if (owner.kind == "Deployment" || owner.kind == "Rollout") return is_of_deployment(rest);
  return rest.find('-') == std::string_view::npos;
}

/// Of a workload what it held; of a board or of all of a model whatever it cost.
bool is_counted(const fleet::CostRow& row, const fleet::advice::Subject& of) {
  if (!of.name.empty()) return row.owner && fleet::is_allocated(row.kind) && is_of(of, *row.owner);
  if (!row.subject || row.subject->cluster != of.cluster) return false;
  return of.device_id.empty() ? row.subject->model == of.model : row.subject->device_uuid == of.device_uuid;
}

/// What was to be stopped or taken out is not there any longer where it was done.
bool is_to_go(std::string_view kind) {
  using fleet::advice::Kind;
  return kind == kind_name(Kind::IdleHeld) || kind == kind_name(Kind::Hardware);
}

}  // namespace

bool is_of(const fleet::advice::Subject& subject, const fleet::CostOwner& owner) {
  if (subject.name.empty() || owner.cluster != subject.cluster || owner.space != subject.space) return false;
  return std::ranges::find(subject.pods, owner.pod) != subject.pods.end() ||
         std::ranges::any_of(subject.owners, [&](const auto& one) { return is_made_by(one, owner.pod); });
}

Result<void> reckon(Realised& into, const std::vector<fleet::CostRow>& rows, const fleet::advice::Subject& subject,
                    std::string_view kind) {
  if (std::ranges::any_of(subject.owners, is_of_cron)) return {};
  // Said by a version that did not keep which board it was.
  if (!subject.device_id.empty() && subject.device_uuid.empty()) return {};
  fleet::Wide before = 0, after = 0;
  bool began = false, was = false, is = false;
  for (const fleet::CostRow& row : rows) {
    began = began || row.bucket == into.from;
    if (!is_counted(row, subject)) continue;
    const bool then = row.bucket < into.accepted;
    (then ? was : is) = true;
    (then ? before : after) += row.amount.micros;
  }
  if (!began || !was) return {};
  into.before = TRY(fleet::narrow(before, "the cost before"));
  // Another one of which nothing is found may have been given another name.
  if (!is && !is_to_go(kind)) return {};
  into.after = TRY(fleet::narrow(after, "the cost behind"));
  const auto hours = std::chrono::duration_cast<std::chrono::hours>(kRealisedWindow).count();
  into.per_month = TRY(fleet::narrow((before - after) * fleet::advice::kHoursOfMonth / hours, "the saving of a month"));
  return {};
}

Result<void> adopt_by_board(store::Database& database, const std::vector<fleet::advice::Advice>& now) {
  std::map<std::string, std::string> bodies;
  for (const AdviceSaid& one : TRY(store::advice_said(database))) bodies[one.id] = one.body;
  for (const AdviceAnswer& one : TRY(store::advice_answers(database))) bodies[one.id] = one.body;  // it counts
  for (const auto& one : now) {
    const auto old = bodies.find(fleet::advice::id_by_slot(one));
    if (old == bodies.end() || old->first == one.id) continue;
    const std::string uuid = subject_of_body(old->second).device_uuid;
    if (uuid.empty() || uuid == one.subject.device_uuid) TRY(store::rename_advice(database, old->first, one.id));
  }
  return {};
}

Advisor::Advisor(const Latest<Published>& fleet, Changes& changes, store::Readers& readers, Costs* costs,
                 std::function<bool()> started, AdvisorOptions options)
    : fleet_(fleet),
      changes_(changes),
      readers_(readers),
      costs_(costs),
      started_(std::move(started)),
      options_(std::move(options)) {
  if (options_.leads && options_.runs)
    thread_ =
        std::jthread([this](const std::stop_token& stop) { every(options_.note_every, stop, [this] { look(); }); });
}

Advisor::~Advisor() { thread_ = {}; }

std::string Advisor::currency() const { return costs_ ? std::string(costs_->currency().code()) : std::string(); }

void Advisor::look() {
  const auto known = fleet_.get();
  if (!known || !known->view || !started_()) return;
  const EpochMs now = known->view->time;
  // Behind a start not all have told yet who holds what: the first advice waits for the second look.
  const bool first = noted_ == 0;
  auto done = note(now);
  if (done && !first && now - ran_ >= options_.run_every.count()) done = run(now);
  if (!done && !failing_) log::error("no advice is given; it is tried again", {{"why", done.error().what}});
  failing_ = !done;
}

Result<void> Advisor::note(EpochMs now) {
  const auto known = fleet_.get();
  const EpochMs since = std::exchange(noted_, now);
  // After a silence nobody knows what they did in it.
  if (since == 0 || now <= since || now - since > 2 * options_.note_every.count()) return {};
  const auto seen = serving_since(*known->serving, since, now, options_.windowing.slot);
  const auto refused = options_.refusals ? options_.refusals(now) : std::nullopt;
  return changes_.read([&](store::Database& database) -> Result<void> {
    TRY(store::add_serving_seen(database, seen));
    if (!refused) return {};
    return store::add_quota_seen(database, quotas_seen(*known->cluster, *refused, since, now));
  });
}

Result<void> Advisor::run(EpochMs now) {
  const auto known = fleet_.get();
  AdviceHistory history;
  std::vector<fleet::benchmarks::Record> benchmarks;
  std::vector<store::QuotaSeen> looked;
  const EpochMs from = now - options_.windowing.most.count();
  QuotaSight quotas(*known, options_.windowing, now);
  TRY(readers_.with([&](store::Database& database) -> Result<void> {
    history.held =
        TRY(held_history(database, options_.windowing, now, [&](const store::HeldSlot& one) { quotas.see(one); }));
    if (!quotas.is_empty())
      TRY(each_told(database, options_.windowing, now,
                    [&](EpochMs at, const std::string& uuid) { quotas.tell(at, uuid); }));
    history.serving = TRY(store::serving_seen(database, from));
    looked = TRY(store::quota_seen(database, from));
    history.copies = options_.alert_copies;
    for (const std::string& alert : told_as(fleet::advice::hardware_alerts(), options_.alert_copies))
      std::ranges::move(TRY(store::alert_history(database, now - kTroubleWindow.count(), now + 1, alert, kMostEvents)),
                        std::back_inserter(history.alerts));
    for (auto& one : TRY(store::alert_tracks(database))) history.tracks.push_back(std::move(one.track));
    benchmarks = TRY(store::benchmarks(database, {}, store::kMostBenchmarks));
    if (!resumed_) scattered_.resume(TRY(store::scatter_seen(database)));
    resumed_ = true;
    return {};
  }));
  const auto hourly = costs_ ? costs_->hourly() : nullptr;
  auto facts = advice_facts(*known, hourly.get(), history, options_.windowing, now);
  if (costs_) add_alternatives(facts, *known, TRY(costs_->rates(now)), benchmarks, now);
  TRY(look_at_pools(now));
  facts.pools = pools_;
  facts.quotas = quotas.quotas();
  facts.shortages = shortages_of(*known->cluster, looked, from, now,
                                 [&](const std::string& resource) { return dearest(*known, hourly.get(), resource); });
  if (options_.consolidations)
    facts.scattered = scattered_.look(options_.consolidations(*known), hourly.get(), now, options_.run_every);
  std::vector<AdviceSaid> said;
  const auto list = fleet::advice::advise(facts, options_.advice);
  for (const auto& one : list) said.push_back(said_of(one, now));
  TRY(changes_.read([&](store::Database& database) -> Result<void> {
    TRY(adopt_by_board(database, list));
    TRY(store::keep_advice(database, said));
    TRY(store::keep_scatter_seen(database, scattered_.seen()));
    TRY(store::drop_advice_before(database, now - options_.kept.count()));
    TRY(store::drop_quota_seen_before(database, now - options_.kept.count()));
    return store::drop_serving_seen_before(database, now - options_.kept.count());
  }));
  ran_ = now;
  return {};
}

Result<void> Advisor::look_at_pools(EpochMs now) {
  constexpr EpochMs kHour = 3'600'000, kDay = 24 * kHour;
  if (!costs_ || (pooled_ != 0 && now - pooled_ < kDay)) return {};
  const EpochMs to = now / kHour * kHour - kHour;  // the hour before may not be closed
  const EpochMs from = to - kPoolWindow.count();
  const auto rates = TRY(costs_->rates(now));
  TRY(readers_.with([&](store::Database& database) -> Result<void> {
    pools_ = pools_of(TRY(store::pool_hours(database, from, to)), rates, from, to);
    return {};
  }));
  pooled_ = now;
  return {};
}

Result<std::vector<AdviceTold>> Advisor::told(EpochMs now) const {
  std::vector<AdviceTold> out;
  TRY(readers_.with([&](store::Database& database) -> Result<void> {
    out = told_advice(TRY(store::advice_said(database)), TRY(store::advice_answers(database)), now);
    return {};
  }));
  return out;
}

Result<std::optional<Realised>> Advisor::realised(const AdviceTold& of, EpochMs now) const {
  const auto subject = subject_of_body(of.said.body);
  const bool costs = !subject.pods.empty() || !subject.device_id.empty() || !subject.model.empty();
  if (!costs_ || !costs || !of.answer || of.state != AdviceState::Accepted) return std::optional<Realised>();
  Realised out;
  // Whole buckets: the one in which it was accepted is of both times, and of neither.
  out.accepted = fleet::cost_bucket_of(of.answer->at);
  out.from = out.accepted - kRealisedWindow.count();
  const EpochMs after = out.accepted + fleet::kCostBucket.count();
  out.to = after + kRealisedWindow.count();
  // The first of the time before is a piece of its own: it says whether the ledger has begun by then.
  const EpochMs first = out.from + fleet::kCostBucket.count();
  const fleet::CostWindow pieces[] = {{out.from, first}, {first, out.accepted}, {after, out.to}};
  const auto known = TRY(costs_->known(pieces, fleet::Zone::utc(), now));
  if (!known.closed_until || *known.closed_until < out.to) return std::optional(out);
  TRY(reckon(out, known.ledger.rows, subject, of.said.kind));
  return std::optional(out);
}

http::Response Advisor::answer(const http::Request& request, const std::string& id, AdviceAnswer answer) {
  const std::string word(store::advice_state_name(answer.state));
  answer.id = id;
  answer.at = now_epoch_ms();
  answer.by = viewer_of(request).actor;
  const std::string object = "advice:" + id;
  return changes_.make(request, "advice." + word, object, [&](store::Database& database) -> Result<Outcome> {
    const auto told = told_advice(TRY(store::advice_said(database)), TRY(store::advice_answers(database)), answer.at);
    const auto one = std::ranges::find(told, id, [](const AdviceTold& of) { return of.said.id; });
    if (one == told.end())
      return Outcome(
          Problem{404, "not-found", fmt::format("there is no advice '{}'; GET /advice lists what there is", id)});
    if (answer.state == AdviceState::Open) {
      TRY(store::drop_advice_answer(database, id));
      return Outcome(Changed{200, object, "", "", json_text(advice_json({one->said, AdviceState::Open, {}, false}))});
    }
    answer.aim = one->said.aim;
    answer.per_month = one->said.per_month;
    answer.body = one->said.body;
    TRY(store::put_advice_answer(database, answer));
    const std::string body = json_text(advice_json({one->said, answer.state, answer, false}));
    return Outcome(Changed{200, object, json_text({{"state", word}, {"reason", answer.reason}}), "", body});
  });
}

}  // namespace tessera::server
