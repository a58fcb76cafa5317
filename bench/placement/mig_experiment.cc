#include "bench/placement/mig_experiment.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <queue>

#include "bench/placement/cpu_time.h"
#include "bench/placement/random.h"
#include "fleet/decision/defragment.h"
#include "fleet/decision/samples.h"

namespace tessera::bench {
namespace {

using namespace fleet::decision;

constexpr unsigned kMostMoves = 3;  // for one request

const gpu::Profile& profile_of(unsigned id) {
  return *std::ranges::find(*plain_h100_profiles(), id, &gpu::Profile::id);
}

/// The smallest that has as much; absent where none has.
std::optional<unsigned> smallest(double slices, double mib) {
  for (const gpu::Profile& one : *plain_h100_profiles())
    if (one.compute_slices >= slices && static_cast<double>(one.memory_bytes) >= mib * static_cast<double>(kMib))
      return one.id;
  return std::nullopt;
}

std::optional<unsigned> profile_for(const fleet::placement::Request& request, Mapping mapping) {
  constexpr double kDeviceMib = 20'000;
  const double devices = static_cast<double>(request.total_milli()) / 1000;
  if (request.devices == 0) return std::nullopt;
  if (mapping == Mapping::Memory) return smallest(0, devices * kDeviceMib);
  return request.devices == 1 ? smallest(devices * 7, 0) : std::nullopt;
}

Need need_of(unsigned profile) {
  const gpu::Profile& of = profile_of(profile);
  return {.memory_mib = of.memory_bytes / kMib, .compute_slices = of.compute_slices, .mig = MigUse::Required};
}

Supply fleet_of(unsigned devices) {
  Supply out;
  for (unsigned i = 0; i < devices; ++i)
    out.candidates.push_back(test_candidate(i, "H100_80GB", 81'559, plain_h100_profiles()));
  return out;
}

/// The fleet, who is on it and where, and when they leave.
class Run {
 public:
  Run(const MigSetting& setting, std::unique_ptr<Policy> policy)
      : setting_(setting), policy_(std::move(policy)), stock_(fleet_of(setting.devices)) {}

  void arrive(const MigPod& pod) {
    leave_until(pod.created_s);
    const Need need = need_of(pod.profile);
    const bool whole = pod.profile == k7g;
    const double slices = profile_of(pod.profile).placements[0].size;
    ++out_.arrived;
    out_.arrived_whole += whole;
    out_.arrived_slices += slices;
    const double before = cpu_us();
    auto grant = place(stock_, need, *policy_);
    out_.decision_us.push_back(static_cast<float>(cpu_us() - before));
    if (!grant) grant = after_moves(need);
    if (!grant) return;
    ++out_.accepted;
    out_.accepted_whole += whole;
    out_.accepted_slices += slices;
    const std::string holder = std::to_string(out_.arrived);
    take(*grant, holder);
    leaving_.push({pod.created_s + pod.seconds, out_.arrived});
  }

  MigOutcome finish() {
    if (now_ > first_) out_.active_devices = active_seconds_ / static_cast<double>(now_ - first_);
    return out_;
  }

 private:
  struct Leaving {
    std::int64_t time;
    std::uint64_t pod;
    auto operator<=>(const Leaving&) const = default;
  };

  void take(const Grant& grant, const std::string& holder) {
    const Candidate& before = stock_.supply().candidates[grant.candidate];
    active_ += before.is_empty();
    at_[holder] = grant.candidate;
    stock_.set(grant.candidate, with(before, grant, holder, true));
  }

  void give_back(const std::string& holder) {
    const std::size_t at = at_.at(holder);
    stock_.set(at, without(stock_.supply().candidates[at], holder, true));
    active_ -= stock_.supply().candidates[at].is_empty();
  }

  void advance(std::int64_t time) {
    if (!began_) first_ = now_ = time;
    began_ = true;
    active_seconds_ += static_cast<double>(active_) * static_cast<double>(time - now_);
    now_ = time;
  }

  void leave_until(std::int64_t time) {
    while (!leaving_.empty() && leaving_.top().time <= time) {
      const Leaving one = leaving_.top();
      leaving_.pop();
      advance(one.time);
      give_back(std::to_string(one.pod));
    }
    advance(time);
  }

  std::optional<Grant> after_moves(const Need& need) {
    const auto allowed = setting_.migrations * static_cast<double>(out_.accepted) - static_cast<double>(out_.moves);
    if (allowed < 1) return std::nullopt;
    const auto way = make_way(stock_, need, *policy_, std::min(kMostMoves, static_cast<unsigned>(allowed)));
    if (!way) return std::nullopt;
    for (const Move& one : way->moves) {
      give_back(one.holder);
      take(one.to, one.holder);
      ++out_.moves;
    }
    return way->grant;
  }

  const MigSetting& setting_;
  std::unique_ptr<Policy> policy_;
  Stock stock_;
  std::priority_queue<Leaving, std::vector<Leaving>, std::greater<>> leaving_;
  std::map<std::string, std::size_t> at_;
  MigOutcome out_;
  std::int64_t first_ = 0, now_ = 0;
  bool began_ = false;
  std::int64_t active_ = 0;
  double active_seconds_ = 0;
};

void arrive_steadily(std::vector<MigPod>& pods, const MigSetting& setting, std::mt19937_64& random) {
  constexpr std::int64_t kDaySeconds = 86'400;
  constexpr double kSlices = 8;
  double slice_seconds = 0;
  for (MigPod& one : pods) {
    one.seconds = std::min(one.seconds, kDaySeconds);
    slice_seconds += static_cast<double>(one.seconds) * profile_of(one.profile).placements[0].size;
  }
  const double gap = slice_seconds / static_cast<double>(pods.size()) / (setting.load * setting.devices * kSlices);
  double now = 0;
  for (MigPod& one : pods) one.created_s = static_cast<std::int64_t>(now += gap * exponential(random));
}

}  // namespace

Result<std::vector<MigPod>> mig_pods(const std::vector<Pod>& pods, const MigSetting& setting) {
  std::vector<MigPod> out;
  std::vector<std::int64_t> times;
  for (const Pod& one : pods) {
    const auto profile = profile_for(one.request, setting.mapping);
    if (!profile || !one.created_s || !one.deleted_s || *one.deleted_s <= *one.created_s) continue;
    out.push_back({*profile, 0, *one.deleted_s - *one.created_s});
    times.push_back(*one.created_s);
  }
  if (out.empty()) return fail(Code::Invalid, "table of pods: none has a GPU, a creation_time and a deletion_time");
  std::mt19937_64 random(setting.seed);
  shuffle(out, random);
  std::ranges::sort(times);
  for (std::size_t i = 0; i < out.size(); ++i) out[i].created_s = times[i];
  if (setting.load > 0) arrive_steadily(out, setting, random);
  return out;
}

Result<MigOutcome> run(const std::vector<Pod>& pods, const MigSetting& setting) {
  const auto arriving = TRY(mig_pods(pods, setting));
  std::vector<Need> needs;
  for (const MigPod& one : arriving) needs.push_back(need_of(one.profile));
  Run run(setting, TRY(make_policy(setting.policy, mix_of(needs))));
  for (const MigPod& one : arriving) run.arrive(one);
  return run.finish();
}

}  // namespace tessera::bench
