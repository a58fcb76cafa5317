#include "operator/leader.h"

#include <atomic>
#include <mutex>
#include <random>
#include <thread>

#include "base/every.h"
#include "base/log.h"
#include "kube/lease.h"
#include "kube/trouble_log.h"

namespace tessera::operate {
namespace {
using namespace std::chrono_literals;

constexpr Milliseconds kGiveBack = 2s;  // the process is about to end
constexpr Milliseconds kLeastDeadline = 1s;

}  // namespace

class Leader::Impl {
 public:
  Impl(LeaderSettings settings, std::function<void()> tell)
      : settings_(std::move(settings)),
        tell_(std::move(tell)),
        leases_(settings_.server, settings_.space, std::max(settings_.duration / 3, kLeastDeadline)),
        sight_(settings_.duration / 3),
        thread_([this](const std::stop_token& stop) { run(stop); }) {}

  bool leads() const {
    const std::lock_guard lock(mutex_);
    // A third of the lease is left to whatever is being written.
    return renewed_ && std::chrono::steady_clock::now() - *renewed_ < settings_.duration * 2 / 3;
  }
  std::string holder() const {
    const std::lock_guard lock(mutex_);
    return holder_;
  }

 private:
  void run(const std::stop_token& stop) {
    std::mt19937 random(std::random_device{}());
    std::uniform_real_distribution<double> jitter(1, 1.2);
    while (!stop.stop_requested()) {
      const SteadyTime began = std::chrono::steady_clock::now();
      note(turn(began, stop), began, stop);
      // The leader renews three times within the time in which it must; the others look more often.
      const auto pause = led_ ? settings_.duration / 4 : settings_.duration / 8;
      wait_until(began + std::chrono::duration_cast<Milliseconds>(pause * jitter(random)), stop);
    }
    give_back();
  }

  /// Whether the lease is ours now.
  Result<bool> turn(SteadyTime now, const std::stop_token& stop) {
    if (!own_ || own_->holder != settings_.holder) {
      auto found = TRY(leases_.read(settings_.name, stop));
      sight_.saw(found ? &*found : nullptr, now);
      own_ = found ? *std::move(found) : kube::Lease{.name = settings_.name};
    }
    const bool ours = own_->holder == settings_.holder;
    const bool free = own_->version.empty() || sight_.is_released() || sight_.silence() >= own_->duration;
    if (!ours && !free) return false;
    may_hold_ = true;  // whatever becomes of the reply
    auto written = leases_.write(held_by(*own_, settings_.holder, settings_.duration, now_epoch_ms()), stop);
    own_.reset();
    if (!written) return written.error();
    own_ = *std::move(written);
    return own_.has_value();
  }

  void note(const Result<bool>& outcome, SteadyTime began, const std::stop_token& stop) {
    if (!outcome && !stop.stop_requested() && trouble_.failed(outcome.error().what, std::chrono::steady_clock::now()))
      log::warn("lease of the leader neither read nor written: trying again", {{"why", outcome.error().what}});
    if (outcome && trouble_.works()) log::info("lease of the leader read and written again");
    {
      const std::lock_guard lock(mutex_);
      if (outcome && *outcome) renewed_ = began;
      if (outcome && !*outcome) renewed_.reset();
      if (own_) holder_ = own_->holder;
    }
    const bool now = leads();
    if (now == led_) return;
    led_ = now;
    if (led_)
      log::info("leading: this replica applies",
                {{"lease", settings_.space + '/' + settings_.name}, {"holder", settings_.holder}});
    else
      log::warn("not leading any more: this replica writes nothing", {{"holder", holder()}});
    tell_();
  }

  void give_back() {
    if (!may_hold_) return;
    {
      const std::lock_guard lock(mutex_);
      renewed_.reset();
    }
    kube::Leases hasty(settings_.server, settings_.space, kGiveBack / 2);
    for (int attempt = 0; attempt < 2; ++attempt) {
      if (!own_) {  // a call was cut by the stop
        auto found = hasty.read(settings_.name, {});
        if (!found || !*found) return;
        own_ = **std::move(found);
      }
      if (own_->holder != settings_.holder) return;
      const auto written = hasty.write(released(*own_, now_epoch_ms()), {});
      if (!written)
        return log::warn("lease not given back: another leads only after its end", {{"why", written.error().what}});
      if (*written) return;
      own_.reset();
    }
  }

  const LeaderSettings settings_;
  const std::function<void()> tell_;
  kube::Leases leases_;
  kube::LeaseSight sight_;
  kube::TroubleLog trouble_;
  std::optional<kube::Lease> own_;  // as it stands in the API server, as far as we know
  bool may_hold_ = false, led_ = false;

  mutable std::mutex mutex_;
  std::optional<SteadyTime> renewed_;  // guarded by mutex_: when it was last renewed by us
  std::string holder_;                 // guarded by mutex_
  std::jthread thread_;                // last: it uses all of the above
};

Leader::Leader(LeaderSettings settings, std::function<void()> tell)
    : impl_(std::make_unique<Impl>(std::move(settings), std::move(tell))) {}
Leader::~Leader() = default;
bool Leader::leads() const { return impl_->leads(); }
std::string Leader::holder() const { return impl_->holder(); }

}  // namespace tessera::operate
