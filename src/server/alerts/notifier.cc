#include "server/alerts/notifier.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/every.h"
#include "base/log.h"
#include "server/access/secret.h"
#include "server/alerts/delivery.h"

namespace tessera::server {
namespace {
namespace alerts = fleet::alerts;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr Milliseconds kLook = 500ms, kDeadline = 10s, kFirstPause = 1s, kLongestPause = 60s;
constexpr std::size_t kMostAtOnce = 200;  ///< alerts in a message

bool is_in_file(ReceiverKind kind) { return kind == ReceiverKind::WebhookFile || kind == ReceiverKind::Slack; }

Result<std::string> url_of(ReceiverKind kind, const std::string& where) {
  if (is_in_file(kind)) return secret_in(where);
  if (kind == ReceiverKind::Webhook) return where;
  return (where.ends_with('/') ? where.substr(0, where.size() - 1) : where) + "/api/v2/alerts";
}

/// What goes out at once.
struct Message {
  std::string body;
  std::vector<std::int64_t> events;  ///< that it tells of
};

std::vector<Message> messages_for(ReceiverKind kind, const std::string& name, std::span<const ToldAlert> alerts) {
  std::vector<Message> out;
  const auto add = [&](std::span<const ToldAlert> of, std::string body) {
    Message& one = out.emplace_back(std::move(body));
    for (const ToldAlert& alert : of)
      if (alert.event != 0) one.events.push_back(alert.event);
  };
  if (kind != ReceiverKind::Alertmanager) {
    for (const auto& group : grouped(alerts))
      add(group, kind == ReceiverKind::Slack ? slack_body(group) : webhook_body(group, name));
    return out;
  }
  for (; !alerts.empty(); alerts = alerts.subspan(std::min(kMostAtOnce, alerts.size()))) {
    const auto some = alerts.first(std::min(kMostAtOnce, alerts.size()));
    add(some, alertmanager_body(some));
  }
  return out;
}

Milliseconds pause_after(unsigned failures) {
  return std::min<Milliseconds>(kLongestPause, kFirstPause * (1U << std::min(failures, 6U)));
}

}  // namespace

std::string_view receiver_kind_name(ReceiverKind kind) {
  constexpr std::array<std::string_view, 4> kNames = {"alertmanager", "webhook", "webhook", "slack"};
  return kNames[static_cast<std::size_t>(kind)];
}

/// What is not shown may tell them apart: the second of one name is `… #2`.
void Notifier::number_alike(std::vector<Receiver>& receivers) {
  std::map<std::string, int> seen;
  for (Receiver& one : receivers)
    if (const int number = ++seen[one.name]; number > 1) one.name += fmt::format(" #{}", number);
}

std::vector<Notifier::Receiver> Notifier::receivers_of(const AlertSettings& settings) {
  std::vector<Receiver> out;
  const auto add = [&](ReceiverKind kind, const std::vector<std::string>& all) {
    for (const std::string& where : all)
      out.push_back(
          {.kind = kind,
           .where = where,
           .name = fmt::format("{} {}", receiver_kind_name(kind), is_in_file(kind) ? where : shown_url(where)),
           .key = fmt::format("{} {}", receiver_kind_name(kind), sha256_hex(where))});
  };
  add(ReceiverKind::Alertmanager, settings.alertmanagers);
  add(ReceiverKind::Webhook, settings.webhooks);
  add(ReceiverKind::WebhookFile, settings.webhook_files);
  add(ReceiverKind::Slack, settings.slack_files);
  number_alike(out);
  return out;
}

Notifier::Notifier(const Alerts& alerts, Changes& changes, std::function<bool()> may_write, bool runs)
    : alerts_(alerts),
      changes_(changes),
      may_write_(std::move(may_write)),
      receivers_(alerts.settings().enabled ? receivers_of(alerts.settings()) : std::vector<Receiver>()) {
  stats_.resize(receivers_.size());
  for (std::size_t at = 0; runs && at < receivers_.size(); ++at)
    threads_.emplace_back([this, at](const std::stop_token& stop) { every(kLook, stop, [this, at] { look(at); }); });
}

Notifier::~Notifier() {
  for (std::jthread& one : threads_) one.request_stop();  // all of them, before the first is waited for
  threads_.clear();
}

std::vector<ReceiverStats> Notifier::stats() const {
  const std::lock_guard lock(mutex_);
  std::vector<ReceiverStats> out;
  for (const auto& one : stats_)
    if (one) out.push_back(*one);
  return out;
}

void Notifier::round() {
  for (std::size_t at = 0; at < receivers_.size(); ++at) look(at);
}

void Notifier::look(std::size_t at) {
  if (!may_write_()) return;
  const auto book = alerts_.book();
  if (book->time == 0) return;  // nothing has been looked at yet
  Receiver& one = receivers_[at];
  serve(one, *book);
  const std::int64_t behind = one.taken < 0 ? 0 : std::max<std::int64_t>(0, book->last_event - one.taken);
  const std::lock_guard lock(mutex_);
  stats_[at] = {one.name, one.delivered, one.failed, one.dropped, behind, one.last_error};
}

void Notifier::serve(Receiver& receiver, const AlertBook& book) {
  const auto now = Clock::now();
  if (now < receiver.next_try) return;
  const bool resend = receiver.kind == ReceiverKind::Alertmanager && now >= receiver.next_resend;
  if (receiver.taken >= book.last_event && !resend) return;
  const std::uint64_t dropped = receiver.dropped;
  if (const auto done = deliver(receiver, book); done) {
    receiver.failures = 0;
    if (receiver.dropped == dropped) receiver.last_error.clear();
    receiver.next_resend = now + alerts_.settings().resend_every;
    return;
  } else {
    if (receiver.failures == 0)
      log::warn("alerts are not taken; they are sent again", {{"receiver", receiver.name}, {"why", done.error().what}});
    receiver.last_error = done.error().what;
  }
  ++receiver.failed;
  receiver.next_try = Clock::now() + pause_after(receiver.failures++);
}

/// A receiver that is new hears of what comes from now on; an Alertmanager of what fires, too.
Result<std::int64_t> Notifier::begin(const Receiver& receiver, const AlertBook& book) {
  return changes_.read([&](store::Database& database) -> Result<std::int64_t> {
    if (const auto known = TRY(store::alert_delivery(database, receiver.key))) return *known;
    TRY(store::note_alert_delivery(database, receiver.key, book.last_event));
    return book.last_event;
  });
}

/// What an Alertmanager was told of is told again until it ends, silenced since or not: left out, it would count as
/// resolved there.
std::vector<ToldAlert> Notifier::firing(const AlertBook& book) const {
  std::vector<ToldAlert> out;
  const EpochMs ends = now_epoch_ms() + 4 * alerts_.settings().resend_every.count();
  for (const alerts::Standing& one : book.standing)
    if (one.track.phase == alerts::Phase::Firing && book.told.contains({one.track.rule, one.track.subject->key}))
      out.push_back(alerts_.told(one, ends));
  return out;
}

/// What it has not taken of what the book knows: events, in their order.
Result<std::vector<store::AlertEvent>> Notifier::behind(const Receiver& receiver, const AlertBook& book) const {
  auto out = TRY(changes_.read(
      [&](store::Database& database) { return store::alert_events_behind(database, receiver.taken, kMostAtOnce); }));
  // What has happened since the book was made is not in what fires by it.
  std::erase_if(out, [&](const store::AlertEvent& one) { return one.id > book.last_event; });
  return out;
}

Result<void> Notifier::deliver(Receiver& receiver, const AlertBook& book) {
  if (receiver.taken < 0) receiver.taken = TRY(begin(receiver, book));
  const bool state = receiver.kind == ReceiverKind::Alertmanager;
  std::vector<ToldAlert> alerts = state ? firing(book) : std::vector<ToldAlert>();
  std::int64_t taken = receiver.taken;
  if (taken < book.last_event) {
    const auto events = TRY(behind(receiver, book));
    for (const store::AlertEvent& one : events) {
      const bool wanted = one.told && (!state || one.phase == alerts::Phase::Resolved);
      if (!wanted || receiver.ahead.contains(one.id)) continue;
      // What fires by now has been put in as it stands; of several ends of one alert the last counts.
      const auto again = state ? std::ranges::find(alerts, one.labels, &ToldAlert::labels) : alerts.end();
      if (again == alerts.end())
        alerts.push_back(alerts_.told(one));
      else if (again->resolved)
        *again = alerts_.told(one);
    }
    taken = events.empty() ? book.last_event : events.back().id;  // none: they were dropped for their age
  }
  TRY(send(receiver, alerts));
  if (taken == receiver.taken) return {};
  TRY(changes_.read(
      [&](store::Database& database) { return store::note_alert_delivery(database, receiver.key, taken); }));
  receiver.taken = taken;
  receiver.ahead.clear();
  return {};
}

/// Without a body. Credentials are read for each message, and are for Alertmanagers alone.
Result<http::ClientRequest> Notifier::request_to(const Receiver& receiver) const {
  http::ClientRequest out;
  out.url = TRY(url_of(receiver.kind, receiver.where));
  out.deadline = kDeadline;
  if (receiver.kind != ReceiverKind::Alertmanager) return out;
  const AlertSettings& settings = alerts_.settings();
  out.ca_file = settings.alertmanager_ca_file;
  out.basic_user = settings.alertmanager_username;
  if (!settings.alertmanager_password_file.empty())
    out.basic_password = TRY(secret_in(settings.alertmanager_password_file));
  if (!settings.alertmanager_bearer_token_file.empty())
    out.headers.emplace_back("Authorization", "Bearer " + TRY(secret_in(settings.alertmanager_bearer_token_file)));
  return out;
}

Result<void> Notifier::send(Receiver& receiver, std::span<const ToldAlert> alerts) {
  const http::ClientRequest request = TRY(request_to(receiver));
  for (const Message& one : messages_for(receiver.kind, receiver.name, alerts)) {
    http::ClientRequest sent = request;
    sent.body = one.body;
    const auto taken =
        post_json(*receiver.client, std::move(sent), receiver.name, receiver.kind == ReceiverKind::Alertmanager);
    if (!taken && taken.error().code != Code::Invalid) return taken;
    if (taken)
      ++receiver.delivered;
    else
      drop(receiver, taken.error().what);
    receiver.ahead.insert(one.events.begin(), one.events.end());
  }
  return {};
}

/// It would be refused again, and keep back all that come behind it.
void Notifier::drop(Receiver& receiver, const std::string& why) {
  ++receiver.dropped;
  receiver.last_error = why;
  log::warn("a message about alerts is refused for what it is, and dropped",
            {{"receiver", receiver.name}, {"why", why}});
}

Result<void> Notifier::send_test(const Receiver& receiver, const ToldAlert& alert) const {
  const http::ClientRequest request = TRY(request_to(receiver));
  for (const Message& one : messages_for(receiver.kind, receiver.name, std::span(&alert, 1))) {
    http::ClientRequest sent = request;
    sent.body = one.body;
    TRY(post_json(*receiver.client, std::move(sent), receiver.name, receiver.kind == ReceiverKind::Alertmanager));
  }
  return {};
}

std::vector<TestDelivery> Notifier::test() const {
  const EpochMs now = now_epoch_ms();
  const ToldAlert one{.alert = "TesseraTest",
                      .labels = {{"alertname", "TesseraTest"}, {"job", "tessera-server"}, {"severity", "info"}},
                      .summary = "This is a test: nothing is wrong.",
                      .runbook = {},
                      .starts = now,
                      .ends = now + Milliseconds(5min).count()};
  const std::vector<Receiver> receivers = receivers_of(alerts_.settings());
  std::vector<TestDelivery> out(receivers.size());
  std::vector<std::jthread> sending;
  for (std::size_t at = 0; at < receivers.size(); ++at)
    sending.emplace_back([&, at] {
      const auto done = send_test(receivers[at], one);
      out[at] = {receivers[at].name, bool(done), done ? "" : done.error().what};
    });
  sending.clear();
  return out;
}

}  // namespace tessera::server
