#include "operator/controller.h"

#include <mutex>
#include <thread>

#include "base/every.h"
#include "base/log.h"
#include "base/text.h"
#include "kube/json_slice.h"
#include "kube/trouble_log.h"
#include "operator/reconcile.h"
#include "operator/watches.h"

namespace tessera::operate {
namespace {
using namespace std::chrono_literals;

constexpr Milliseconds kAskAgain = 2s;          // for the version, where it is not known
constexpr Milliseconds kVersionEvery = 10min;   // clusters are upgraded under us, and get cert-manager
constexpr Milliseconds kBetweenPasses = 200ms;  // what comes meanwhile is one pass

/// "28" or "28+", as clusters tell it.
Result<unsigned> minor_of(std::string_view json) {
  const std::string minor = kube::text_member(json, "minor");
  const auto number = parse_int(std::string_view(minor).substr(0, minor.find_first_not_of("0123456789")));
  if (!number || *number < 0)
    return fail(Code::Invalid, "/version of the API server tells no version: minor '{}'", minor);
  return static_cast<unsigned>(*number);
}

}  // namespace

class Controller::Impl {
 public:
  explicit Impl(ControllerParts parts)
      : parts_(std::move(parts)),
        client_(parts_.server, parts_.counts),
        thread_([this](const std::stop_token& stop) { run(stop); }) {}

  void request_stop() { thread_.request_stop(); }
  void poke() {
    const std::lock_guard lock(mutex_);
    if (running_) running_->seen.poke();
  }
  std::map<std::string, kube::WatchStats> watches() const {
    const std::lock_guard lock(mutex_);
    return running_ ? running_->watches.stats() : std::map<std::string, kube::WatchStats>();
  }
  std::optional<std::string> unready() const {
    const auto known = watches();
    if (known.empty()) return "the API server has not been reached yet";
    for (const auto& [kind, stats] : known)
      if (!stats.synced) return kind + ": " + (stats.last_error.empty() ? "being read" : stats.last_error);
    return std::nullopt;
  }

 private:
  struct Running {
    Running(const kube::ApiServer& server, const Facts& facts) : watches(server, facts, seen) {}
    Seen seen;
    Watches watches;
  };

  void run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      const auto known = facts(stop);
      if (!known) {
        wait_until(std::chrono::steady_clock::now() + kAskAgain, stop);
        continue;
      }
      log::info("reconciling", {{"kubernetes", "1." + std::to_string(known->minor)}});
      {
        const std::lock_guard lock(mutex_);
        running_ = std::make_unique<Running>(parts_.server, *known);
      }
      reconcile(*known, stop);
      std::unique_ptr<Running> over;
      const std::lock_guard lock(mutex_);
      over = std::move(running_);
    }
  }

  /// What the cluster is, beside its objects.
  std::optional<Facts> facts(const std::stop_token& stop) {
    auto known = ask(stop);
    parts_.counts.note_turn();
    if (known) return *std::move(known);
    if (!stop.stop_requested() && trouble_.failed(known.error().what, std::chrono::steady_clock::now()))
      log::warn("the API server does not tell what it is: trying again", {{"why", known.error().what}});
    return std::nullopt;
  }

  Result<Facts> ask(const std::stop_token& stop) {
    const Reply version = TRY(client_.get("/version", stop));
    if (!version.ok()) return fail(Code::Unavailable, "{}", version.trouble);
    Facts out;
    out.minor = TRY(minor_of(version.body));
    const Reply kinds = TRY(client_.get("/apis/cert-manager.io/v1", stop));
    if (!kinds.ok() && kinds.status.code != 404) return fail(Code::Unavailable, "{}", kinds.trouble);
    out.cert_manager = kinds.ok();
    return out;
  }

  /// Until the cluster has another version, or has cert-manager, or has it no more.
  void reconcile(const Facts& known, const std::stop_token& stop) {
    Reconciler reconciler({parts_.server, known, running_->seen, parts_.counts, parts_.may_write,
                           [this] { return running_->watches.stats(); }});
    SteadyTime ask = std::chrono::steady_clock::now() + kVersionEvery;
    while (!stop.stop_requested()) {
      const SteadyTime began = std::chrono::steady_clock::now();
      const SteadyTime due = reconciler.pass(stop);
      parts_.counts.note_turn();
      wait_until(began + kBetweenPasses, stop);
      running_->seen.wait(std::min({due, ask, began + kLongestWait}), stop);
      if (std::chrono::steady_clock::now() < ask) continue;
      ask += kVersionEvery;
      if (const auto now = facts(stop); now && (now->minor != known.minor || now->cert_manager != known.cert_manager))
        return;
    }
  }

  static constexpr Milliseconds kLongestWait = 1min;  // so that a thread that hangs can be told from one that rests

  const ControllerParts parts_;
  Client client_;
  kube::TroubleLog trouble_;
  mutable std::mutex mutex_;
  std::unique_ptr<Running> running_;  // written under mutex_, by the thread alone
  std::jthread thread_;               // last: it uses all of the above
};

Controller::Controller(ControllerParts parts) : impl_(std::make_unique<Impl>(std::move(parts))) {}
Controller::~Controller() = default;
void Controller::request_stop() { impl_->request_stop(); }
void Controller::poke() { impl_->poke(); }
std::map<std::string, kube::WatchStats> Controller::watches() const { return impl_->watches(); }
std::optional<std::string> Controller::unready() const { return impl_->unready(); }

}  // namespace tessera::operate
