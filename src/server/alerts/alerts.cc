#include "server/alerts/alerts.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>
#include <utility>

#include "base/every.h"
#include "base/log.h"
#include "base/text.h"
#include "fleet/alerts/track_text.h"
#include "fleet/cost/owner_rules.h"
#include "server/access/viewer.h"
#include "server/alerts/json.h"
#include "server/alerts/news.h"
#include "server/api_json.h"
#include "store/alert_actions.h"
#include "store/xids.h"

namespace tessera::server {
namespace {
namespace alerts = fleet::alerts;
using Outcome = std::variant<Changed, Problem>;

constexpr Milliseconds kHour{std::chrono::hours(1)};
constexpr Milliseconds kRecentEvery{std::chrono::minutes(2)};  ///< behind five there is a gap in what is known
constexpr std::size_t kMostSilences = 1'000;                   ///< each is held against each alert in each round

std::string new_id() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}", random(), random());
}

std::pair<std::string, std::string> key_of(const alerts::Track& track) { return {track.rule, track.subject->key}; }

std::string told_text(const TrackKeys& told) { return alerts::labels_text({told.begin(), told.end()}); }

TrackKeys read_told(const std::string& text) {
  const alerts::LabelSet read = alerts::read_labels(text);
  return {read.begin(), read.end()};
}

/// When a round was kept last.
constexpr std::string_view kLooked = "looked";

Result<SavedTracks> read_tracks(store::Database& database, Milliseconds holds) {
  const EpochMs looked = parse_int(TRY(store::alert_state(database, std::string(kLooked)))).value_or(0);
  return SavedTracks(holds, TRY(store::alert_tracks(database)), looked);
}

}  // namespace

Result<std::unique_ptr<Alerts>> Alerts::open(const Latest<Published>& fleet, Changes& changes,
                                             std::function<bool()> started, AlertOptions options) {
  HostJobs host_jobs = TRY(HostJobs::of(options.settings.host_commands));
  std::unique_ptr<Alerts> out(new Alerts(fleet, changes, std::move(started), std::move(options), std::move(host_jobs)));
  TRY(out->resume());
  if (out->options_.leads && out->options_.runs && out->options_.settings.enabled)
    out->thread_ = std::jthread([self = out.get()](const std::stop_token& stop) {
      every(self->options_.interval, stop, [self] { self->look(); });
    });
  return out;
}

Alerts::Alerts(const Latest<Published>& fleet, Changes& changes, std::function<bool()> started, AlertOptions options,
               HostJobs host_jobs)
    : fleet_(fleet),
      changes_(changes),
      started_(std::move(started)),
      options_(std::move(options)),
      host_jobs_(std::move(host_jobs)) {}

Alerts::~Alerts() { thread_ = {}; }

Result<void> Alerts::resume() {
  std::string own, recent;
  TRY(changes_.read([&](store::Database& database) -> Result<void> {
    saved_ = TRY(read_tracks(database, holds()));
    told_ = read_told(TRY(store::alert_state(database, "told")));
    own = TRY(store::alert_state(database, "baselines"));
    recent = TRY(store::alert_state(database, "recent"));
    last_event_ = TRY(store::last_alert_event(database));
    silences_ = TRY(store::alert_silences(database));
    return {};
  }));
  observer_ = alerts::Observer(alerts::OwnBaseline::read(own), recent);
  evaluator_ = std::make_unique<alerts::Evaluator>(options_.settings.rules, holds(), saved_->resumed());
  publish(0);
  return {};
}

std::shared_ptr<const AlertBook> Alerts::book() const {
  if (options_.leads) return book_.get();
  auto read = read_book();
  return read ? std::make_shared<const AlertBook>(*std::move(read)) : book_.get();
}

Result<AlertBook> Alerts::read_book() const {
  AlertBook out;
  std::vector<alerts::Track> tracks;
  TRY(changes_.read([&](store::Database& database) -> Result<void> {
    tracks = TRY(read_tracks(database, holds())).resumed();
    out.silences = TRY(store::alert_silences(database));
    out.last_event = TRY(store::last_alert_event(database));
    return {};
  }));
  const alerts::Evaluator rules(options_.settings.rules, options_.interval);
  const auto known = fleet_.get();
  out.time = known && known->view ? known->view->time : now_epoch_ms();
  out.standing = alerts::standing(tracks, rules, out.silences, out.time);
  return out;
}

AlertStats Alerts::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

std::optional<double> Alerts::refused_of_late(EpochMs now) {
  refused_.push_back({now, options_.refused_requests()});
  while (refused_.size() > 2 && refused_[1].time <= now - alerts::kXidWindow.count()) refused_.pop_front();
  return static_cast<double>(refused_.back().requests - refused_.front().requests);
}

void Alerts::look() {
  const auto known = fleet_.get();
  if (!known || !known->view || !started_() || known->view == looked_at_) return;
  const auto begin = std::chrono::steady_clock::now();
  const EpochMs now = known->view->time;
  const auto xids = changes_.read(
      [&](store::Database& database) { return store::xids_since(database, now - alerts::kXidWindow.count()); });
  const auto budgets = options_.budgets();
  const auto costs = options_.costs(now);
  const alerts::Round round = observer_.look(
      {*known->view, *known->serving, xids ? std::optional<std::span<const fleet::XidsSeen>>(*xids) : std::nullopt,
       refused_of_late(now), budgets ? std::optional<std::span<const alerts::BudgetCrossed>>(*budgets) : std::nullopt,
       costs ? std::optional<std::span<const alerts::CostDeviation>>(*costs) : std::nullopt, known->cluster.get(),
       [this](std::string_view command) { return host_jobs_.contain(command); },
       [this](std::string_view space) {
         return std::ranges::any_of(options_.platform_namespaces,
                                    [&](const std::string& one) { return fleet::matches(one, space); });
       }});
  for (store::AlertEvent& one : events_of(evaluator_->take(round), now)) unsaved_.push_back(std::move(one));
  looked_at_ = known->view;
  const auto kept = keep(now);
  if (!kept && !failing_)
    log::error("what came of alerts is not kept; it is tried again", {{"why", kept.error().what}});
  failing_ = !kept;
  publish(now);
  const std::lock_guard lock(mutex_);
  ++stats_.rounds;
  stats_.failed_rounds += kept ? 0 : 1;
  stats_.observations = round.observations.size();
  stats_.round_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

std::vector<store::AlertEvent> Alerts::events_of(const std::vector<alerts::Change>& changes, EpochMs now) {
  std::vector<alerts::Silence> silences;
  {
    const std::lock_guard lock(mutex_);
    silences = silences_;
  }
  // Held against all that stands, what is resolved no longer does.
  std::vector<alerts::Track> tracks = evaluator_->tracks();
  const std::size_t standing = tracks.size();
  for (const alerts::Change& one : changes)
    if (evaluator_->rule(one.track.rule)) tracks.push_back(one.track);
  const auto judged = alerts::standing(tracks, *evaluator_, silences, now);
  std::vector<store::AlertEvent> out;
  std::size_t at = standing;
  for (const alerts::Change& one : changes)
    out.push_back(event_of(one, evaluator_->rule(one.track.rule) ? &judged[at++] : nullptr));
  for (const alerts::Standing& one : std::span(judged).first(standing))
    if (one.track.phase == alerts::Phase::Firing && one.is_told() && !told_.contains(key_of(one.track)))
      out.push_back(event_of({one.track, now, alerts::Why::NowTold}, &one));
  return out;
}

/// `standing`: null where there is no such rule. An end is told where its begin was, whatever has come in between.
store::AlertEvent Alerts::event_of(const alerts::Change& change, const alerts::Standing* standing) {
  const alerts::Track& track = change.track;
  const bool begins = track.phase == alerts::Phase::Firing;
  const bool told = begins ? standing && standing->is_told() : told_.erase(key_of(track)) > 0;
  if (begins && told) told_.insert(key_of(track));
  const alerts::LabelSet& labels = standing ? standing->labels : track.subject->labels;
  const alerts::Rule* rule = evaluator_->rule(track.rule);
  return {0,
          change.time,
          track.phase,
          std::string(alerts::why_name(change.why)),
          track.rule,
          track.subject->key,
          std::string(alerts::label_of(labels, "severity")),
          labels,
          rule ? alerts::fill(rule->summary, labels, track.value) : std::string(),
          track.fired,
          track.value,
          told};
}

/// State and events together: what was told of once is known to have been.
Result<void> Alerts::keep(EpochMs now) {
  const SavedTracks::Changes tracks = saved_->changes(evaluator_->tracks(), now);
  const bool own_due = now - saved_own_ >= kHour.count();
  const bool recent_due = now - saved_recent_ >= kRecentEvery.count();
  const std::string recent = recent_due ? observer_.recent_text() : std::string();
  if (!tracks.empty() || !unsaved_.empty() || own_due || !recent.empty())
    TRY(changes_.read([&](store::Database& database) {
      return database.atomically([&]() -> Result<void> {
        TRY(store::add_alert_events(database, unsaved_));
        if (!tracks.put.empty() || !tracks.gone.empty())
          TRY(store::keep_alert_tracks(database, tracks.put, tracks.gone));
        if (tracks.looked) TRY(store::keep_alert_state(database, std::string(kLooked), std::to_string(*tracks.looked)));
        if (!unsaved_.empty()) TRY(store::keep_alert_state(database, "told", told_text(told_)));
        if (!recent.empty()) TRY(store::keep_alert_state(database, "recent", recent));
        if (own_due) TRY(store::keep_alert_state(database, "baselines", observer_.own().text()));
        const EpochMs kept = now - options_.settings.history_kept.count();
        if (own_due) TRY(store::drop_alert_events_before(database, kept));
        if (own_due) TRY(store::drop_alert_silences_before(database, kept));
        return {};
      });
    }));
  if (!unsaved_.empty()) last_event_ = unsaved_.back().id;
  std::vector<fleet::Change> news;
  for (const store::AlertEvent& one : unsaved_) news.push_back(alert_change(one, *looked_at_));
  options_.tell(news);
  unsaved_.clear();
  saved_->saved(tracks);
  {
    const std::lock_guard lock(mutex_);
    stats_.tracks_written += tracks.put.size() + tracks.gone.size();
  }
  if (recent_due) saved_recent_ = now;
  if (!own_due) return {};
  saved_own_ = now;
  read_silences();
  return {};
}

void Alerts::publish(EpochMs now) {
  const std::lock_guard lock(mutex_);
  tracks_ = evaluator_->tracks();
  round_at_ = now;
  told_event_ = last_event_;
  shown_told_ = told_;
  republish();
}

/// Under mutex_. Of the evaluator it reads the rules alone, which never change.
void Alerts::republish() {
  book_.publish(
      {round_at_, alerts::standing(tracks_, *evaluator_, silences_, round_at_), silences_, told_event_, shown_told_});
}

void Alerts::read_silences() {
  auto read = changes_.read([](store::Database& database) { return store::alert_silences(database); });
  if (!read) return;  // the next change of one reads them all again
  const std::lock_guard lock(mutex_);
  silences_ = *std::move(read);
  republish();
}

std::vector<alerts::Silence> Alerts::silences() const { return book()->silences; }

http::Response Alerts::add_silence(const http::Request& request, alerts::Silence silence) {
  silence.id = new_id();
  silence.created = now_epoch_ms();
  silence.created_by = viewer_of(request).actor;
  http::Response out =
      changes_.make(request, "alert-silence.create", "", [&](store::Database& database) -> Result<Outcome> {
        const auto before = TRY(store::alert_silences(database));
        const auto counts = [&](const alerts::Silence& one) { return !alerts::is_over(one, silence.created); };
        if (std::cmp_greater_equal(std::ranges::count_if(before, counts), kMostSilences))
          return Outcome(Problem{409, "no-room",
                                 fmt::format("{} silences are not over yet, and no more are taken: end some of "
                                             "/alerts/silences, or silence more with one",
                                             kMostSilences)});
        TRY(store::put_alert_silence(database, silence));
        const std::string body = json_text(silence_json(silence, silence.created));
        return Outcome(Changed{201, "alert-silence:" + silence.id, body, request.path + "/" + silence.id, body});
      });
  read_silences();
  return out;
}

http::Response Alerts::drop_silence(const http::Request& request, const std::string& id) {
  http::Response out = changes_.make(
      request, "alert-silence.delete", "alert-silence:" + id, [&](store::Database& database) -> Result<Outcome> {
        if (!TRY(store::drop_alert_silence(database, id)))
          return Outcome(
              Problem{404, "not-found", fmt::format("no silence has the id '{}'; /alerts/silences lists them", id)});
        return Outcome(Changed{204, "alert-silence:" + id, ""});
      });
  read_silences();
  return out;
}

Result<std::vector<store::AlertEvent>> Alerts::history(EpochMs from, EpochMs to, const std::string& alert,
                                                       std::size_t most) const {
  return changes_.read(
      [&](store::Database& database) { return store::alert_history(database, from, to, alert, most); });
}

Result<std::vector<alerts::ActionRecord>> Alerts::actions(std::size_t most) const {
  return changes_.read([&](store::Database& database) { return store::alert_actions(database, most); });
}

ToldAlert Alerts::told(const store::AlertEvent& event) const {
  const alerts::Rule* rule = evaluator_->rule(event.alert);
  return {event.alert,   event.labels,
          event.summary, rule ? alerts::runbook_of(*rule, options_.settings.runbooks) : std::string(),
          event.value,   event.fired,
          event.time,    event.phase == alerts::Phase::Resolved,
          event.id};
}

ToldAlert Alerts::told(const alerts::Standing& standing, EpochMs ends) const {
  const alerts::Rule& rule = *evaluator_->rule(standing.track.rule);
  return {rule.name,
          standing.labels,
          alerts::fill(rule.summary, standing.labels, standing.track.value),
          alerts::runbook_of(rule, options_.settings.runbooks),
          standing.track.value,
          standing.track.fired,
          ends,
          false};
}

}  // namespace tessera::server
