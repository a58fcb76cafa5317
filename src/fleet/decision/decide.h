#pragma once
// What of the fleet a workload gets, and why; or why it gets nothing, and what would help. Legal placements are those
// that the device's driver offers (gpu/geometry.h), and needs are compared with the memory that it reports. Without a
// clock and without I/O: the same question has the same answer.
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "fleet/decision/cause.h"
#include "fleet/decision/need.h"
#include "fleet/decision/policy.h"
#include "fleet/decision/stock.h"
#include "fleet/decision/supply.h"

namespace tessera::fleet::decision {

enum class Kind : std::uint8_t {
  Instance,   ///< that stands, and that nobody has
  Placement,  ///< of an instance that is to be created, with its compute instance
  Device,     ///< whole, not cut
  Share       ///< a replica of a device that is shared
};
std::string_view kind_name(Kind kind);  ///< "instance"

/// What one of the need's devices becomes.
struct Grant {
  std::size_t candidate = 0;  ///< its position in the supply
  std::string cluster, node, device_id, device_uuid, model;
  Kind kind = Kind::Device;
  std::string profile{};                        ///< "2g.20gb"; of Instance and Placement
  std::optional<gpu::Placed> placed{};          ///< likewise
  std::optional<unsigned> gpu_instance{};       ///< of Instance, where it is known
  std::string instance_uuid{};                  ///< likewise
  std::optional<unsigned> share_milli{};        ///< of Share: of the device's time, when all replicas are busy
  std::optional<unsigned> replicas{};           ///< of Share: of so many it is one
  std::string resource{};                       ///< of Share: what a pod asks Kubernetes for
  std::optional<std::uint64_t> memory_bytes{};  ///< that it has; of a share, that is promised to it
  std::optional<unsigned> compute_slices{};
  std::optional<unsigned> sm_count{};
  std::optional<std::int64_t> price_micros{};  ///< per hour: the device's, by compute slices
  bool switches_on = false;                    ///< of Placement: MIG is off on the device, and is switched on for it
  std::optional<Partition> partition{};        ///< of Placement: what idle instances go, what comes, what stands then
};

/// One of the reasons that made a place better or worse, as the policy counts it.
struct Factor {
  std::string key;   ///< "room_lost"
  std::string text;  ///< "blocks 3 of 18 placements that were possible"
  double value = 0;  ///< in the policy's unit; the lower, the better
};

struct Reason {
  std::string policy;
  std::vector<Factor> factors;
  std::string sentence;
};

struct RunnerUp {
  Grant grant;
  std::string why_not;  ///< one sentence
};

struct Decision {
  std::vector<Grant> grants;                 ///< as many as devices were asked for
  std::optional<std::int64_t> price_micros;  ///< of all of it per hour; absent where one's is not known
  Reason reason;
  std::vector<RunnerUp> runners_up;  ///< at most three, of other devices; the best first
};

struct Nearest {
  std::string device_id;
  std::string what;  ///< "2g.20gb has 19,968 MiB"
};

struct Miss {
  Cause cause{};
  std::size_t devices = 0;  ///< that fail by it first; over all misses: all that are looked at
  std::string sentence;
  std::vector<Nearest> nearest;  ///< at most three
};

/// Of what may move: safe by itself, since the new place is made and taken before the old one is given up.
struct Move {
  std::string holder;
  std::size_t from = 0;  ///< position of its candidate
  std::string from_device_id;
  gpu::Placed placed;   ///< what it leaves, which goes after it
  std::string profile;  ///< its name, which stays the same: what a pod asks Kubernetes for cannot be changed
  Grant to;             ///< on a device of the same model
  std::string sentence;
};

/// What would make it fit.
enum class RemedyKind : std::uint8_t { NameAnother, AskForLess, Wait, Move, SwitchMigOn, Repair, PayMore, OtherModel };
std::string_view remedy_kind_name(RemedyKind kind);  ///< "ask_for_less"

struct Remedy {
  RemedyKind kind{};
  std::string device_id;  ///< empty where it is about no device in particular
  std::string sentence;
  std::vector<Move> moves{};  ///< of Move
};

struct Refusal {
  std::string sentence;
  std::vector<Miss> misses;      ///< by cause
  std::vector<Remedy> remedies;  ///< the easiest first
};

using Verdict = std::variant<Decision, Refusal>;

/// `need` has passed check(). Short nodes (short_nodes.h) come last. Ties: the lower cost; then where MIG need not be
/// switched on, then what stands before what is to be created, then fewer idle instances that go, then the device that
/// comes first, then the profile with fewer memory slices, then the lower start.
Verdict decide(const Supply& supply, const Need& need, Policy& policy, const Scope& scope = {});

/// The same of a part of what there is: how much could be done is not counted.
Verdict decide_on_part(const Supply& part, const Need& need, Policy& policy, const Scope& scope = {});

/// The same verdict from a stock: what is free is found without looking at all devices that are alike. What a policy
/// said is remembered as long as it is one of the kMinds that were asked last.
Verdict decide(Stock& stock, const Need& need, Policy& policy, const Scope& scope = {});

/// The same, of a refusal only its sentence: nothing is looked at but one device of each kind.
std::variant<Decision, std::string> decide_in_short(Stock& stock, const Need& need, Policy& policy,
                                                    const Scope& scope = {});

/// Only what decide() would grant, for a need of one device.
std::optional<Grant> place(Stock& stock, const Need& need, Policy& policy, const Scope& scope = {});

/// The candidate with the grant carried out: `holder` has it. What has to go for it is gone.
Candidate with(Candidate candidate, const Grant& grant, std::string holder, bool may_move = false);
/// Without what `holder` has of it; where `destroy`, an instance goes with who had it.
Candidate without(Candidate candidate, std::string_view holder, bool destroy);

}  // namespace tessera::fleet::decision
