#include "relay/members.h"

#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <random>
#include <thread>

#include "base/every.h"
#include "base/log.h"
#include "base/text.h"
#include "relay/api_servers.h"
#include "relay/config.h"

namespace tessera::relay {
namespace {
using namespace std::chrono_literals;

constexpr Milliseconds kLeastDeadline = 1s;  // of a call, however short the lease
constexpr Milliseconds kGiveBack = 2s;       // the process is about to end
constexpr const char* kSetLabel = "app.kubernetes.io/instance";
constexpr const char* kDefaultName = "tessera-relay";

std::string pod_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "";
  return name.data();
}

/// A failure that is told when it begins and when it ends, not each time.
class Trouble {
 public:
  Trouble(const char* begins, const char* ends) : begins_(begins), ends_(ends) {}
  void settle(const Result<void>& outcome) {
    if (!outcome && problem_.empty()) log::warn(begins_, {{"why", outcome.error().what}});
    if (outcome && !problem_.empty()) log::info(ends_);
    problem_ = outcome ? "" : outcome.error().what;
  }
  const std::string& problem() const { return problem_; }

 private:
  const char *const begins_, *const ends_;
  std::string problem_;
};

}  // namespace

class Members::Impl {
 public:
  Impl(MembersSettings settings, Tell tell)
      : settings_(std::move(settings)),
        tell_(std::move(tell)),
        look_every_(Roster::look_every(settings_.duration)),
        leases_(settings_.server, settings_.space, std::max(look_every_, kLeastDeadline)),
        roster_(settings_.share, settings_.duration) {
    status_ = seen();
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }

  void request_stop() { thread_.request_stop(); }
  Membership status() const {
    const std::lock_guard lock(mutex_);
    Membership status = status_;
    status.held = renewed_ && std::chrono::steady_clock::now() - *renewed_ < settings_.duration;
    return status;
  }

 private:
  void run(const std::stop_token& stop) {
    SteadyTime renewal{};
    while (!stop.stop_requested()) {
      const SteadyTime now = std::chrono::steady_clock::now();
      if (now >= renewal && renew(now, stop)) renewal = now + settings_.duration / 3;
      // Who cannot write may be one of many: the others' silence tells nothing then.
      if (renewing_.problem().empty()) look(stop);
      publish();
      wait_until(next(now, renewal), stop);
    }
    give_back();
  }

  SteadyTime next(SteadyTime began, SteadyTime renewal) const {
    SteadyTime next = began + look_every_;
    if (renewal > began) next = std::min(next, renewal);
    if (const auto verdict = roster_.next_verdict(); verdict && *verdict > began) next = std::min(next, *verdict);
    return next;
  }

  // ---- The own lease ----

  std::string own_name() const { return fmt::format("{}-{}", settings_.name, settings_.share.index); }

  bool renew(SteadyTime now, const std::stop_token& stop) {
    const Result<void> outcome = hold(stop);
    if (!outcome && stop.stop_requested()) return false;
    renewing_.settle(outcome);
    if (!outcome) return false;
    const std::lock_guard lock(mutex_);
    renewed_ = now;
    return true;
  }

  /// Whoever has it: the shard is ours by the command line.
  Result<void> hold(const std::stop_token& stop) {
    for (int attempt = 0; attempt < 2; ++attempt) {
      if (!own_) own_ = TRY(read_own(stop));
      may_hold_ = true;  // whatever becomes of the reply
      auto written = TRY(leases_.write(held_by(*own_, settings_.holder, settings_.duration, now_epoch_ms()), stop));
      own_ = std::move(written);
      if (!own_) continue;
      if (attempt == 0) twin_.clear();
      held_once_ = true;
      return {};
    }
    return fail(Code::Unavailable, "lease {}/{}: another writes it whenever this one does", settings_.space,
                own_name());
  }

  Result<kube::Lease> read_own(const std::stop_token& stop) {
    auto found = TRY(leases_.read(own_name(), stop));
    if (found && held_once_ && !found->holder.empty() && found->holder != settings_.holder && twin_.empty()) {
      twin_ = found->holder;
      log::warn("another relay has the same shard: what it scrapes is scraped twice",
                {{"shard", fmt::format("{}/{}", settings_.share.index, settings_.share.count)},
                 {"lease", settings_.space + '/' + own_name()},
                 {"holder", twin_},
                 {"what_to_do", "give each relay another --shard, or another --shard-lease"}});
    }
    kube::Lease lease = found ? *std::move(found) : kube::Lease();
    lease.name = own_name();
    lease.labels[kSetLabel] = settings_.name;
    lease.labels["app.kubernetes.io/name"] = kDefaultName;
    return lease;
  }

  void give_back() {
    if (!may_hold_) return;
    const SteadyTime latest = std::chrono::steady_clock::now() + kGiveBack;
    kube::Leases hasty(settings_.server, settings_.space, kGiveBack / 2);
    while (std::chrono::steady_clock::now() < latest) {
      if (!own_ || own_->holder != settings_.holder) {  // somebody wrote, or a call was cut by the stop
        auto found = hasty.read(own_name(), {});
        if (!found || !*found || (*found)->holder != settings_.holder) return;
        own_ = **std::move(found);
      }
      const auto written = hasty.write(released(*own_, now_epoch_ms()), {});
      if (!written) return log::warn("lease not given back, others wait for its end", {{"why", written.error().what}});
      if (*written) return;
      own_.reset();
    }
  }

  // ---- The others' ----

  void look(const std::stop_token& stop) {
    const SteadyTime when = std::chrono::steady_clock::now();
    const auto listed = leases_.list(fmt::format("{}={}", kSetLabel, settings_.name), stop);
    if (!listed && stop.stop_requested()) return;
    looking_.settle(listed ? Result<void>() : Result<void>(listed.error()));
    if (!listed) return;
    std::vector<std::optional<kube::Lease>> found(settings_.share.count);
    for (const kube::Lease& lease : *listed)
      if (const auto shard = shard_of(lease.name)) found[*shard] = lease;
    const auto changes = roster_.look(found, when, now_epoch_ms());
    if (changes.empty()) return;
    const std::string living = fmt::format("{}", fmt::join(roster_.living(), ","));
    for (const Roster::Change& change : changes) {
      const std::string shard = std::to_string(change.shard);
      if (change.lives)
        log::info("replica is back and has its targets again", {{"shard", shard}, {"living", living}});
      else
        log::warn("replica is away, its targets go to the others",
                  {{"shard", shard}, {"why", change.why}, {"living", living}});
    }
    publish();  // before it is told: who sees targets move may ask why
    tell_(roster_.living());
  }

  std::optional<unsigned> shard_of(std::string_view lease) const {
    if (!lease.starts_with(settings_.name + '-')) return std::nullopt;
    const auto shard = parse_int(lease.substr(settings_.name.size() + 1));
    if (!shard || *shard < 0 || *shard >= settings_.share.count) return std::nullopt;
    return static_cast<unsigned>(*shard);
  }

  Membership seen() const {
    const std::string& problem = renewing_.problem().empty() ? looking_.problem() : renewing_.problem();
    return {settings_.space + '/' + settings_.name, settings_.share.index, false, roster_.members(), problem};
  }
  void publish() {
    Membership now = seen();
    const std::lock_guard lock(mutex_);
    status_ = std::move(now);
  }

  const MembersSettings settings_;
  const Tell tell_;
  const Milliseconds look_every_;
  kube::Leases leases_;
  Roster roster_;
  std::optional<kube::Lease> own_;  // as it stands in the API server, as far as we know
  bool may_hold_ = false, held_once_ = false;
  std::string twin_;  // who has our shard too
  Trouble renewing_{"lease not renewed: others may take this replica's targets, which it goes on to scrape",
                    "lease renewed again"};
  Trouble looking_{"leases of the other replicas not read: the split stays as it is",
                   "leases of the other replicas read again"};

  mutable std::mutex mutex_;
  Membership status_;                  // guarded by mutex_
  std::optional<SteadyTime> renewed_;  // guarded by mutex_
  std::jthread thread_;                // last: it uses all of the above
};

std::string lease_name(std::string_view pod, const Share& share) {
  const std::string ending = fmt::format("-{}", share.index);
  return pod.size() > ending.size() && pod.ends_with(ending) ? std::string(pod.substr(0, pod.size() - ending.size()))
                                                             : kDefaultName;
}

Result<std::unique_ptr<Members>> Members::join(const Options& options, Tell tell) {
  if (options.share.count == 1) return std::unique_ptr<Members>();
  const bool asked_for = !options.shard_lease.empty() && options.shard_lease != kNoLease;
  const auto stays = [&](const std::string& why) -> Result<std::unique_ptr<Members>> {
    if (asked_for) return fail(Code::Invalid, "--shard-lease {}: {}", options.shard_lease, why);
    log::info("the split of targets is static: while a replica is away nobody scrapes its targets", {{"why", why}});
    return std::unique_ptr<Members>();
  };
  if (options.shard_lease == kNoLease) return stays("--shard-lease none");
  auto server = server_of(PodDiscovery{}, options.service_account);
  if (!server) return stays(server.error().what);
  const std::string space = own_namespace(options.service_account);
  if (space.empty()) return stays(options.service_account + "/namespace names no namespace");
  const std::string pod = pod_name();
  MembersSettings settings;
  settings.server = *std::move(server);
  settings.space = space;
  settings.name = asked_for ? options.shard_lease : lease_name(pod, options.share);
  settings.holder = fmt::format("{}_{:08x}", pod, std::random_device{}());
  settings.duration = options.shard_lease_duration;
  settings.share = options.share;
  log::info("replicas share the targets by leases",
            {{"shard", fmt::format("{}/{}", options.share.index, options.share.count)},
             {"lease", space + '/' + settings.name},
             {"duration", format_duration(settings.duration)}});
  return std::make_unique<Members>(std::move(settings), std::move(tell));
}

Members::Members(MembersSettings settings, Tell tell)
    : impl_(std::make_unique<Impl>(std::move(settings), std::move(tell))) {}
Members::~Members() = default;

void Members::request_stop() { impl_->request_stop(); }
Membership Members::status() const { return impl_->status(); }

}  // namespace tessera::relay
