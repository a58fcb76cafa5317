#pragma once
// The fleet as a decision sees it: what each device is, what stands on it, who has it, and what is promised. Plain
// values; candidate_of() makes them of the inventory, and whoever asks "what if" makes them up.
#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/duration.h"
#include "fleet/partition/partition.h"
#include "gpu/geometry.h"

namespace tessera::fleet {
struct Device;
struct Node;
}  // namespace tessera::fleet

namespace tessera::fleet::decision {

/// A GPU instance that stands, or one that is promised and does not stand yet.
struct Piece {
  gpu::Placed placed;
  std::string held_by{};  ///< "namespace/pod", "process 4711"; empty: nobody has it
  bool stands = true;
  bool parted = false;    ///< into several compute instances: it may go, but is given to nobody as it is
  bool may_move = false;  ///< who has it may be put elsewhere
  std::optional<unsigned> gpu_instance{};
  std::string uuid{};  ///< "MIG-…"; empty where nobody tells
  /// For how long nothing has been done on it, as of the supply's time; absent where it is busy or nobody knows.
  std::optional<Milliseconds> idle{};
  auto operator<=>(const Piece&) const = default;
};

enum class MigMode : std::uint8_t { None /* it cannot be cut */, Off, On };

/// Shared by time-slicing or by MPS: its device plugin lists it several times, and a pod gets one of these replicas.
/// More than one is no more of its time, and the plugin may refuse it.
struct Shares {
  unsigned replicas = 1;
  unsigned left = 0;                        ///< replicas that nobody has
  std::uint64_t left_memory_bytes = 0;      ///< that is neither promised nor in use
  std::string resource = "nvidia.com/gpu";  ///< what a pod asks Kubernetes for to get one; or "nvidia.com/gpu.shared"
  bool memory_is_parted = false;            ///< by MPS: each has its part; else the memory is nobody's own
  unsigned milli() const { return std::max(1U, 1000 / replicas); }  ///< of the device's time, when all are busy
  auto operator<=>(const Shares&) const = default;
};

struct Candidate {
  std::string cluster, node;
  std::string id;     ///< "worker-01-GPU-00"
  std::string uuid;   ///< "GPU-…"
  std::string model;  ///< "H100_80GB"
  std::optional<std::uint64_t> memory_bytes{};
  std::optional<unsigned> sm_count{};
  MigMode mig = MigMode::None;
  std::shared_ptr<const std::vector<gpu::Profile>> profiles{};  ///< null where nobody tells
  bool may_switch_on = false;          ///< where MIG is off: it may be switched on for an instance
  bool may_cut = true;                 ///< false: what stands is given, and nothing is created or destroyed
  std::string uncut{};                 ///< why it may not be cut; empty: nobody says
  std::vector<Piece> pieces{};         ///< by start
  std::string held_by{};               ///< who has the whole device; empty: nobody
  bool may_move = false;               ///< who has the whole device may be put elsewhere
  std::optional<Milliseconds> idle{};  ///< of who has the whole device, as of a Piece
  std::optional<Shares> shares{};
  std::string unfit{};                         ///< why nothing is to be placed on it; empty: something may be
  bool withheld = false;                       ///< it is well, and unfit as long as somebody keeps it from being given
  std::optional<std::int64_t> price_micros{};  ///< of the whole device per hour
  bool may_be_taken = false;                   ///< its node is lent (spot), and may be gone at any time

  std::span<const gpu::Profile> offered() const {
    return profiles ? std::span<const gpu::Profile>(*profiles) : std::span<const gpu::Profile>();
  }
  /// By its id; null where it has no such profile.
  const gpu::Profile* profile(unsigned number) const;
  /// Whether an instance of it can be had, be MIG switched on for it.
  bool can_be_cut() const { return mig == MigMode::On || (mig == MigMode::Off && may_switch_on); }
  /// Of the whole device: its largest profile's; absent where it has none.
  std::optional<unsigned> compute_slices() const;
  bool is_empty() const;  ///< nobody has it or a part of it
  auto operator<=>(const Candidate&) const = default;
};

/// What a node has beside its devices, as far as its cluster tells.
struct Beside {
  std::int64_t cpu_milli = 0, memory_mib = 0;            ///< that pods may have
  std::int64_t free_cpu_milli = 0, free_memory_mib = 0;  ///< that no pod that is known asks for
  bool operator==(const Beside&) const = default;
};

struct Supply {
  EpochMs as_of = 0;                    ///< the inventory's time
  std::vector<Candidate> candidates{};  ///< by cluster, node and index: of equal ones the first wins
  /// By cluster and node; absent where nobody tells.
  std::map<std::pair<std::string, std::string>, Beside> nodes{};
};

/// Of a node, by its cluster and name: absent where its devices are not looked at, else why nothing is to be placed on
/// it; empty: it may be. A scope that is empty itself has all nodes.
using Scope = std::function<std::optional<std::string>(const std::string& cluster, const std::string& node)>;

/// What a scope says of candidates: of each node it is asked once, and not before somebody wants to know.
class Sights {
 public:
  enum class Sight : std::uint8_t { Open, Barred, None };
  /// Both outlive it.
  Sights(const Supply& supply, const Scope& scope);

  /// By the candidate's position.
  Sight of(std::size_t at) const {
    if (sights_.empty()) return Sight::Open;
    if (!sights_[at]) look(at);
    return *sights_[at];
  }
  bool all_open() const { return sights_.empty(); }

 private:
  void look(std::size_t at) const;

  const Supply& supply_;
  const Scope& scope_;
  mutable std::vector<std::optional<Sight>> sights_;  ///< empty: all are open
};

/// What was promised to a workload and is not told of by the inventory yet, or not in full.
struct Promise {
  std::string device_uuid;
  std::string holder;  ///< "namespace/pod"; the inventory's word of the same holder is not counted again
  std::optional<gpu::Placed> placed{};        ///< of an instance; without it, and no share: the whole device
  bool share = false;                         ///< a replica of a device that is shared
  std::optional<std::uint64_t> memory_mib{};  ///< of a share
  bool may_move = false;
};

/// Pure. A device that is not present, critical, or whose placements or holders are not known has `unfit`. Prices are
/// the caller's to add. Promises on other devices say nothing of it. `labelled` is how the node's labels say that its
/// uncut devices are shared, of which replicas, resource and memory_is_parted count: a holder's word on the resource
/// stands above it.
Candidate candidate_of(const Node& node, const Device& device, std::span<const Promise> promises,
                       const std::optional<Shares>& labelled = {});

}  // namespace tessera::fleet::decision
