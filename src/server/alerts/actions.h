#pragma once
// What rules have done while their alerts fire: a thread of the leader that settles what is to be done and undone,
// keeps that, does it, and notes that it is done, with a line of the audit log for each. What is refused or not
// answered is tried again, for as long as it is wanted, or is to be undone.
#include <array>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/latest.h"
#include "http/client.h"
#include "server/access/changes.h"
#include "server/alerts/alerts.h"
#include "server/alerts/node_marks.h"
#include "store/alert_actions.h"

namespace tessera::server {

enum class ActionResult : std::uint8_t { Begun, Ended, Failed, Denied };
inline constexpr std::size_t kActionResults = 4;
std::string_view action_result_name(ActionResult result);  ///< "begun"

struct ActionStats {
  std::array<std::array<std::uint64_t, kActionResults>, fleet::alerts::kDeeds> results{};
  std::array<std::array<std::uint64_t, 2>, fleet::alerts::kDeeds> open{};  ///< not over; [1]: those of a dry run
};

struct ActionOptions {
  bool leads = true;
  std::string cluster = "default";         ///< of the fleet's clusters the one whose nodes can be changed
  std::optional<kube::ApiServer> nodes{};  ///< absent: no cluster is watched, and no node is changed
  std::function<bool()> may_write = [] { return true; };
  bool runs = true;                 ///< false: rounds are a test's own
  Milliseconds first_pause{1'000};  ///< behind a failure; then twice as long each time, up to a minute
};

/// Thread-safe. What is given outlives it.
class AlertActions {
 public:
  static Result<std::unique_ptr<AlertActions>> open(const Alerts& alerts, Changes& changes, ActionOptions options);
  ~AlertActions();
  AlertActions(const AlertActions&) = delete;
  AlertActions& operator=(const AlertActions&) = delete;

  /// Of a server that does not lead, as the database had it a second ago.
  std::shared_ptr<const fleet::alerts::ExcludedDevices> excluded() const;
  ActionStats stats() const;
  /// One round of the thread; for tests, too.
  void round(const std::stop_token& stop = {});

 private:
  using Record = fleet::alerts::ActionRecord;
  struct Tries {
    unsigned failures = 0;
    SteadyTime next{};
  };

  AlertActions(const Alerts& alerts, Changes& changes, ActionOptions options);
  Result<void> resume();
  Result<void> settle(EpochMs now);
  Result<void> carry_out_all(const std::stop_token& stop);
  Result<bool> carry_out(Record& one, const std::stop_token& stop);
  Result<void> act(const Record& one, const std::stop_token& stop);
  Result<void> act_on_node(const Record& one, const std::stop_token& stop);
  Result<void> post(const Record& one);
  Result<void> keep(const Record& one, const std::string& result);
  Result<void> drop_old(EpochMs now);
  void count(const Record& one, ActionResult result);
  void publish();

  const Alerts& alerts_;
  Changes& changes_;
  const ActionOptions options_;
  mutable std::mutex mutex_;
  ActionStats stats_;  // guarded by mutex_
  mutable std::mutex following_;
  mutable SteadyTime followed_at_{};  // guarded by following_
  mutable Latest<fleet::alerts::ExcludedDevices> excluded_;
  // Below: the thread's own.
  std::unique_ptr<NodeMarker> nodes_;  ///< null: none are changed
  http::Client client_;
  std::optional<std::vector<Record>> kept_;  ///< that have not ended; absent: to be read anew
  std::map<std::int64_t, Tries> tries_;      ///< of those that failed
  EpochMs dropped_at_ = 0;
  bool failing_ = false;  ///< the database: said once
  std::jthread thread_;   ///< last: it uses all of the above
};

}  // namespace tessera::server
