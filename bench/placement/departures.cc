#include "bench/placement/departures.h"

#include <algorithm>
#include <functional>
#include <map>
#include <queue>
#include <set>

#include "bench/placement/experiment.h"
#include "bench/placement/random.h"
#include "fleet/placement/engine.h"

namespace tessera::bench {
namespace {

using namespace fleet::placement;

constexpr double kLongestS = 86'400;

struct Arriving {
  const Request* request = nullptr;
  double time = 0, stays = 0;
  bool counts = false;
};

Result<std::vector<Arriving>> arriving(const Trace& trace, const DeparturesSetting& setting, std::mt19937_64& random) {
  std::vector<const Pod*> pods;
  for (const Pod& one : trace.pods)
    if (one.created_s && one.deleted_s && *one.deleted_s > *one.created_s) pods.push_back(&one);
  if (pods.empty()) return fail(Code::Invalid, "table of pods: none has a creation_time and a deletion_time");
  std::vector<Arriving> out;
  double milli_seconds = 0;
  for (std::uint64_t i = 0; i < setting.arrivals; ++i) {
    const Pod& pod = *pods[random() % pods.size()];
    const double stays = std::min(static_cast<double>(*pod.deleted_s - *pod.created_s), kLongestS);
    milli_seconds += stays * static_cast<double>(pod.request.total_milli());
    out.push_back({&pod.request, 0, stays, i >= setting.arrivals / 5});
  }
  const double gap =
      milli_seconds / static_cast<double>(out.size()) / (setting.load * static_cast<double>(trace.capacity_milli));
  double now = 0;
  for (Arriving& one : out) one.time = now += gap * exponential(random);
  return out;
}

class Run {
 public:
  Run(const Trace& trace, Engine engine) : trace_(trace), engine_(std::move(engine)) {}

  void arrive(const Arriving& one) {
    leave_until(one.time);
    if (one.counts && !counts_from_) counts_from_ = one.time;
    if (!serve(one)) waiting_.push_back(&one);
  }

  DeparturesOutcome finish() {
    for (const Arriving* one : waiting_) {
      note(*one);
      out_.unserved += one->counts;
    }
    if (counts_from_ && now_ > *counts_from_)
      out_.allocated = milli_seconds_ / (now_ - *counts_from_) / static_cast<double>(trace_.capacity_milli);
    return std::move(out_);
  }

 private:
  struct Leaving {
    double time = 0;
    std::uint64_t number = 0;  ///< of equal times the one first that was served first
    const Request* request = nullptr;
    Place place;
    bool operator>(const Leaving& other) const { return std::pair(time, number) > std::pair(other.time, other.number); }
  };

  bool serve(const Arriving& one) {
    const auto place = engine_.decide(*one.request);
    if (!place) return false;
    engine_.take(*one.request, *place);
    in_use_ += one.request->total_milli();
    leaving_.push({now_ + one.stays, ++served_, one.request, *place});
    note(one);
    return true;
  }

  void note(const Arriving& one) {
    if (!one.counts) return;
    const Request& asks = *one.request;
    Waits* const kind = asks.devices > 1                                    ? &out_.multi_gpu
                        : asks.devices == 1 && asks.total_milli() == kMilli ? &out_.whole
                        : asks.devices == 1                                 ? &out_.part
                                                                            : nullptr;
    for (Waits* const of : {&out_.all, kind}) {
      if (!of) continue;
      ++of->arrived;
      of->at_once += now_ == one.time;
      of->seconds.push_back(now_ - one.time);
    }
  }

  void advance(double time) {
    if (counts_from_) milli_seconds_ += static_cast<double>(in_use_) * (time - now_);
    now_ = time;
  }

  void leave_until(double time) {
    while (!leaving_.empty() && leaving_.top().time <= time) {
      const Leaving one = leaving_.top();
      leaving_.pop();
      advance(one.time);
      engine_.give_back(*one.request, one.place);
      in_use_ -= one.request->total_milli();
      serve_waiting();
    }
    advance(time);
  }

  /// What one of a kind finds no room for, none of it does.
  void serve_waiting() {
    std::set<Request> no_room;
    std::erase_if(waiting_, [&](const Arriving* one) {
      if (no_room.contains(*one->request)) return false;
      if (serve(*one)) return true;
      no_room.insert(*one->request);
      return false;
    });
  }

  static constexpr std::int64_t kMilli = 1000;
  const Trace& trace_;
  Engine engine_;
  std::vector<const Arriving*> waiting_;
  std::priority_queue<Leaving, std::vector<Leaving>, std::greater<>> leaving_;
  DeparturesOutcome out_;
  double now_ = 0, milli_seconds_ = 0;
  std::optional<double> counts_from_;
  std::int64_t in_use_ = 0;
  std::uint64_t served_ = 0;
};

}  // namespace

Result<DeparturesOutcome> run_with_departures(const Trace& trace, const DeparturesSetting& setting) {
  std::vector<Room> nodes = trace.nodes;
  std::mt19937_64 random(setting.seed);
  shuffle(nodes, random);  // the order in which nodes win ties
  number_shapes(nodes);
  const auto pods = TRY(arriving(trace, setting, random));
  auto policy = TRY(make_policy(setting.policy, {mix_of(trace), nodes, setting.seed}));
  Run run(trace, Engine(std::move(nodes), std::move(policy), setting.seed));
  for (const Arriving& one : pods) run.arrive(one);
  return run.finish();
}

}  // namespace tessera::bench
