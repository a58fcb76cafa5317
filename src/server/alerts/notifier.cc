#include "server/alerts/notifier.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/every.h"
#include "base/files.h"
#include "base/log.h"
#include "base/text.h"

namespace tessera::server {
namespace {
namespace alerts = fleet::alerts;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr Milliseconds kLook = 500ms, kDeadline = 10s, kFirstPause = 1s, kLongestPause = 60s;
constexpr std::size_t kMostAtOnce = 200;  ///< alerts in a message

/// Scheme and host: a user, a password, a path or a query may be a secret.
std::string shown(const std::string& url) {
  const std::size_t scheme = url.find("://");
  const std::size_t host = scheme == url.npos ? 0 : scheme + 3;
  const std::string authority = url.substr(host, url.find_first_of("/?#", host) - host);
  return url.substr(0, host) + authority.substr(authority.rfind('@') + 1);  // npos + 1 is 0
}

bool is_in_file(ReceiverKind kind) { return kind == ReceiverKind::WebhookFile || kind == ReceiverKind::Slack; }

Result<std::string> url_of(ReceiverKind kind, const std::string& where) {
  if (is_in_file(kind)) return std::string(trim(TRY(read_file(where, 64U << 10U))));
  if (kind == ReceiverKind::Webhook) return where;
  return (where.ends_with('/') ? where.substr(0, where.size() - 1) : where) + "/api/v2/alerts";
}

/// `name`: of the receiver. What it says of why it takes nothing may have the URL in it, and is told of Alertmanagers
/// alone.
Result<void> post(http::Client& client, ReceiverKind kind, const std::string& name, const std::string& url,
                  std::string body) {
  http::ClientRequest request;
  request.url = url;
  request.method = "POST";
  request.headers = {{"Content-Type", "application/json"}};
  request.body = std::move(body);
  request.deadline = kDeadline;
  const auto reply = client.send(request);
  if (!reply) return fail(Code::Unavailable, "no reply from {}", name);
  if (reply->status >= 200 && reply->status < 300) return {};
  if (kind != ReceiverKind::Alertmanager) return fail(Code::Unavailable, "{} answered {}", name, reply->status);
  return fail(Code::Unavailable, "{} answered {}: {}", name, reply->status, valid_utf8(reply->body.substr(0, 200)));
}

Milliseconds pause_after(unsigned failures) {
  return std::min<Milliseconds>(kLongestPause, kFirstPause * (1U << std::min(failures, 6U)));
}

}  // namespace

std::string_view receiver_kind_name(ReceiverKind kind) {
  constexpr std::array<std::string_view, 4> kNames = {"alertmanager", "webhook", "webhook", "slack"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::vector<Notifier::Receiver> Notifier::receivers_of(const AlertSettings& settings) {
  std::vector<Receiver> out;
  const auto add = [&](ReceiverKind kind, const std::vector<std::string>& all) {
    for (const std::string& where : all)
      out.push_back(
          {kind, where, fmt::format("{} {}", receiver_kind_name(kind), is_in_file(kind) ? where : shown(where))});
  };
  add(ReceiverKind::Alertmanager, settings.alertmanagers);
  add(ReceiverKind::Webhook, settings.webhooks);
  add(ReceiverKind::WebhookFile, settings.webhook_files);
  add(ReceiverKind::Slack, settings.slack_files);
  return out;
}

Notifier::Notifier(const Alerts& alerts, Changes& changes, std::function<bool()> may_write, bool runs)
    : alerts_(alerts),
      changes_(changes),
      may_write_(std::move(may_write)),
      receivers_(alerts.settings().enabled ? receivers_of(alerts.settings()) : std::vector<Receiver>()) {
  if (runs && !receivers_.empty())
    thread_ = std::jthread([this](const std::stop_token& stop) { every(kLook, stop, [this] { round(); }); });
}

Notifier::~Notifier() { thread_ = {}; }

std::vector<ReceiverStats> Notifier::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

void Notifier::round() {
  if (!may_write_()) return;
  const auto book = alerts_.book();
  if (book->time == 0) return;  // nothing has been looked at yet
  std::vector<ReceiverStats> seen;
  for (Receiver& one : receivers_) {
    serve(one, *book);
    seen.push_back({one.name, one.delivered, one.failed,
                    one.taken < 0 ? 0 : std::max<std::int64_t>(0, book->last_event - one.taken), one.last_error});
  }
  const std::lock_guard lock(mutex_);
  stats_ = std::move(seen);
}

void Notifier::serve(Receiver& receiver, const AlertBook& book) {
  const auto now = Clock::now();
  if (now < receiver.next_try) return;
  const bool resend = receiver.kind == ReceiverKind::Alertmanager && now >= receiver.next_resend;
  if (receiver.taken >= book.last_event && !resend) return;
  if (const auto done = deliver(receiver, book); done) {
    ++receiver.delivered;
    receiver.failures = 0;
    receiver.last_error.clear();
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
    if (const auto known = TRY(store::alert_delivery(database, receiver.name))) return *known;
    TRY(store::note_alert_delivery(database, receiver.name, book.last_event));
    return book.last_event;
  });
}

std::vector<ToldAlert> Notifier::firing(const AlertBook& book) const {
  std::vector<ToldAlert> out;
  const EpochMs ends = now_epoch_ms() + 4 * alerts_.settings().resend_every.count();
  for (const alerts::Standing& one : book.standing)
    if (one.track.phase == alerts::Phase::Firing && one.is_told()) out.push_back(alerts_.told(one, ends));
  return out;
}

Result<void> Notifier::deliver(Receiver& receiver, const AlertBook& book) {
  if (receiver.taken < 0) receiver.taken = TRY(begin(receiver, book));
  const bool state = receiver.kind == ReceiverKind::Alertmanager;
  std::vector<ToldAlert> alerts = state ? firing(book) : std::vector<ToldAlert>();
  std::int64_t taken = receiver.taken;
  if (taken < book.last_event) {
    const auto events = TRY(changes_.read(
        [&](store::Database& database) { return store::alert_events_behind(database, receiver.taken, kMostAtOnce); }));
    for (const store::AlertEvent& one : events) {
      taken = one.id;
      const bool wanted = state ? one.phase == alerts::Phase::Resolved : one.told;
      // What fires by now has been put in as it stands.
      const auto again = [&](const ToldAlert& other) { return other.labels == one.labels; };
      if (wanted && !(state && std::ranges::any_of(alerts, again))) alerts.push_back(alerts_.told(one));
    }
    if (events.empty()) taken = book.last_event;  // they were dropped for their age
  }
  for (std::size_t at = 0; at < alerts.size(); at += kMostAtOnce)
    TRY(send(receiver, std::span(alerts).subspan(at, std::min(kMostAtOnce, alerts.size() - at)), client_));
  if (taken == receiver.taken) return {};
  TRY(changes_.read(
      [&](store::Database& database) { return store::note_alert_delivery(database, receiver.name, taken); }));
  receiver.taken = taken;
  return {};
}

Result<void> Notifier::send(const Receiver& receiver, std::span<const ToldAlert> alerts, http::Client& client) const {
  const std::string url = TRY(url_of(receiver.kind, receiver.where));
  if (receiver.kind == ReceiverKind::Alertmanager)
    return post(client, receiver.kind, receiver.name, url, alertmanager_body(alerts));
  for (const auto& group : grouped(alerts))
    TRY(post(client, receiver.kind, receiver.name, url,
             receiver.kind == ReceiverKind::Slack ? slack_body(group) : webhook_body(group, receiver.name)));
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
  http::Client client;
  std::vector<TestDelivery> out;
  for (const Receiver& receiver : receivers_of(alerts_.settings())) {
    const auto done = send(receiver, std::span(&one, 1), client);
    out.push_back({receiver.name, bool(done), done ? "" : done.error().what});
  }
  return out;
}

}  // namespace tessera::server
