#pragma once
// Who hears of alerts: a thread for each receiver, of the leader, that sends it what it has not taken yet, until it
// does: one that hangs keeps nobody waiting. How far each is stands in the database, so that neither a receiver's
// absence nor a restart loses anything; what was under way then may come twice.
//  - An Alertmanager gets what fires, again each `resend_every`, good for four times as long (as Prometheus does), and
//    what was resolved since it last took something.
//  - An end is told where the begin was, also of what is silenced or explained by another alert since; and a begin as
//  soon
//    as it is neither any longer.
//  - A webhook gets each event, in order, those of one alert and cluster in one message.
//  - A message that is refused for what it is (a 4xx other than 408 and 429) is dropped and counted: it would be
//  refused
//    for ever, and those behind it would wait.
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "http/client.h"
#include "server/access/changes.h"
#include "server/alerts/alerts.h"

namespace tessera::server {

enum class ReceiverKind : std::uint8_t { Alertmanager, Webhook, WebhookFile, Slack };
std::string_view receiver_kind_name(ReceiverKind kind);  ///< "alertmanager"

struct ReceiverStats {
  std::string receiver;                     ///< kind, and scheme and host or the file with the URL
  std::uint64_t delivered = 0, failed = 0;  ///< messages; those that failed are sent again
  std::uint64_t dropped = 0;                ///< refused for what they are
  std::int64_t behind = 0;                  ///< events that it has not taken
  std::string last_error{};                 ///< empty: the last went well
};

/// How a test message went.
struct TestDelivery {
  std::string receiver;
  bool delivered = false;
  std::string detail{};  ///< why not
};

/// Thread-safe. What is given outlives it.
class Notifier {
 public:
  /// `may_write`: asked before each round.
  Notifier(const Alerts& alerts, Changes& changes, std::function<bool()> may_write, bool runs = true);
  ~Notifier();
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;

  std::vector<ReceiverStats> stats() const;
  /// Sends an alert that says it is a test to all receivers at once, and waits for their replies.
  std::vector<TestDelivery> test() const;
  /// One round of each thread; for tests.
  void round();

 private:
  struct Receiver {
    ReceiverKind kind{};
    std::string where;                         ///< URL, or the file that has it
    std::string name;                          ///< as it is shown
    std::string key;                           ///< in the database: of all of `where`, and without it
    std::int64_t taken = -1;                   ///< event; -1: not read yet
    std::unordered_set<std::int64_t> ahead{};  ///< events behind `taken` that it has taken already
    SteadyTime next_try{};
    SteadyTime next_resend{};
    unsigned failures = 0;  ///< in a row
    std::uint64_t delivered = 0, failed = 0, dropped = 0;
    std::string last_error{};
    std::unique_ptr<http::Client> client = std::make_unique<http::Client>();
  };

  static std::vector<Receiver> receivers_of(const AlertSettings& settings);
  static void number_alike(std::vector<Receiver>& receivers);
  void look(std::size_t at);
  void serve(Receiver& receiver, const AlertBook& book);
  Result<void> deliver(Receiver& receiver, const AlertBook& book);
  Result<std::vector<store::AlertEvent>> behind(const Receiver& receiver, const AlertBook& book) const;
  /// What it has taken is noted in `ahead`, also where it does not take the rest.
  Result<void> send(Receiver& receiver, std::span<const ToldAlert> alerts);
  static void drop(Receiver& receiver, const std::string& why);
  Result<http::ClientRequest> request_to(const Receiver& receiver) const;
  Result<void> send_test(const Receiver& receiver, const ToldAlert& alert) const;
  Result<std::int64_t> begin(const Receiver& receiver, const AlertBook& book);
  std::vector<ToldAlert> firing(const AlertBook& book) const;

  const Alerts& alerts_;
  Changes& changes_;
  const std::function<bool()> may_write_;
  mutable std::mutex mutex_;
  std::vector<std::optional<ReceiverStats>> stats_;  // guarded by mutex_: by receiver; absent: it had no round yet
  std::vector<Receiver> receivers_;                  ///< each its thread's own
  std::vector<std::jthread> threads_;                ///< last: they use all of the above
};

}  // namespace tessera::server
