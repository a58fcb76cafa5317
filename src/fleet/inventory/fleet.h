#pragma once
// The state of the fleet as its series tell it. One thread writes; readers get immutable views. Pure: time comes in
// with the samples.
#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "fleet/cluster/cluster.h"
#include "fleet/inventory/layout.h"
#include "fleet/inventory/meaning.h"
#include "fleet/inventory/node.h"
#include "fleet/inventory/xids.h"
#include "fleet/name_key.h"
#include "fleet/usage/meter.h"

namespace tessera::fleet {

/// What senders can create, and so must be bounded: as more than one server keeps up with.
struct FleetLimits {
  std::size_t nodes = 20'000;
  std::size_t devices = 200'000;
  std::size_t instances = 1'000'000;  ///< GPU instances that known devices ever had, of all layouts
  std::size_t rows = 2'000'000;       ///< sessions and allocations whose series are known
};
enum class Bounded : std::uint8_t { Node, Device, Instance, Row };
inline constexpr std::size_t kBounded = 4;
using RefusedSeries = std::array<std::uint64_t, kBounded>;  ///< by Bounded

/// What a number of usage stands for.
struct UsageSubject {
  std::string_view cluster;
  std::string_view device_uuid;
  std::optional<unsigned> gpu_instance;  ///< absent: the whole device
  std::string_view profile;
  std::optional<unsigned> compute_slices;
  std::optional<unsigned> sm_count;
};

struct FleetOptions {
  Milliseconds interval{30'000};             ///< the longest that a source is expected to leave between two samples
  Milliseconds missing_after{300'000};       ///< silence after which a device is missing
  std::vector<std::string> nodes{};          ///< only these are known; empty: all
  std::optional<std::size_t> max_devices{};  ///< more are not known
  FleetLimits limits{};
  /// From here on another fleet counts the subject's usage; absent: it does not know it. Null: there is no other.
  std::function<std::optional<EpochMs>(const UsageSubject&)> counted_elsewhere_from{};
};

/// A pod's processes run on what the pod does not hold: its agent says so, where the kubelet answers.
struct UnallocatedUse {
  std::string cluster;
  std::string device_uuid;
  Part part;
  std::shared_ptr<const AllocationFacts> facts;  ///< whose they are, and nothing else
  EpochMs last_seen = 0;
};

/// All nodes at one time, sorted by cluster and name. Immutable, so any thread may hold it for as long as it likes.
struct View {
  EpochMs time = 0;
  std::vector<std::shared_ptr<const Node>> nodes;
  std::vector<UnallocatedUse> unallocated{};
};

/// A session that has not ended, and where it is.
struct Running {
  std::string cluster;
  std::string node;
  std::string device_uuid;
  std::string device_id;
  Session session;
};

/// A session that is over, for whoever keeps the past.
struct Ended {
  std::string cluster;
  std::string node;
  std::string device_uuid;
  std::string device_id;
  Session session;
  EpochMs end = 0;
};

/// A process that is told to have begun more than this apart from what was told before is another one with the same
/// pid.
inline constexpr Milliseconds kSameStart{1'000};

/// A device has a name of its own within a cluster.
struct DeviceName {
  std::string cluster, uuid;
};

/// How long a device is listed that was heard of last then: one that has left for longer than the counts are kept that
/// tell a request which comes again (see Counted), one that somebody should look for a month.
inline constexpr Milliseconds kRetiredKept = kCountedKept + Milliseconds(std::chrono::hours(24));
inline constexpr Milliseconds kMissingKept{std::chrono::hours(24 * 30)};

/// A device that is known from before a restart.
struct Remembered {
  std::string cluster;
  std::string node;
  Device device;
};

/// Usage that was counted before a restart and has not been told since; its own subject's number says nothing here.
struct CountedBefore {
  std::string cluster;
  std::string device_uuid;
  std::optional<unsigned> gpu_instance;  ///< absent: the whole device
  Counted counted;
};

/// Where the samples of a series go. Slot 0 is for series that say nothing here.
using Slot = std::uint32_t;
inline constexpr Slot kNothing = 0;

class Fleet {
 public:
  explicit Fleet(FleetOptions options = {});

  /// The caller's clock: when what is told from now on has arrived.
  void arrived(EpochMs time);

  /// The slot of a series that has not been seen yet. Creates what the labels name; `time` is that of its first sample.
  Slot learn(Labels labels, EpochMs time);

  /// Series that say nothing here because there is no room for what they are about.
  const RefusedSeries& refused() const { return refused_; }

  /// Whether the labels of a known series are to be read again before its sample of this time is applied: it had ended
  /// or was silent, so that another series may have told otherwise since; or what its labels told of is not there.
  bool wants_labels(Slot slot, EpochMs time) const;
  /// They are.
  void relearn(Slot slot, Labels labels, EpochMs time);

  /// A sample. One that is not newer than the slot's last is passed over: false.
  bool apply(Slot slot, double value, EpochMs time);

  /// A staleness marker: the series has ended. An info series takes what it told of with it. The slot stays valid: the
  /// series may come back.
  void end(Slot slot, EpochMs time);

  /// The series is forgotten by the caller: its slot is given to another one.
  void forget(Slot slot);

  /// Silence is noticed here: what has not been told for too long by `now` is ended or marked.
  void advance(EpochMs now);

  /// What the cluster's API says of its nodes: the devices of one that has left are retired at once; when it is there
  /// again they are waited for as new ones are. Nodes that the API has never shown are none of its.
  void take_cluster(const ClusterView& cluster, EpochMs now);

  /// Devices that have left for good, and nodes that had no others, are listed no longer: their room and their numbers
  /// of usage are free for others. So not while usage that was taken is still to be looked up.
  std::vector<DeviceName> drop_gone(EpochMs now);

  /// Everything as of `now`. What has not changed since the last view is shared with it.
  std::shared_ptr<const View> publish(EpochMs now);

  /// Sessions that have ended since the last call. One that was silent for so long that it has ended, and then goes on,
  /// comes again with all that it came to.
  std::vector<Ended> take_ended();

  /// Sessions that have not ended, shown or not, of which `wanted` is true.
  std::vector<Running> running(const std::function<bool(const Session&)>& wanted) const;

  /// Layouts that have begun since the last call, in their order. One that is seen again after a restart comes again.
  std::vector<LayoutSeen> take_layouts();

  /// XIDs that have come since the last call, in their order. Those that a device had before it was heard of first are
  /// none of them: nobody knows when that was. Some that are told again after a restart come again.
  std::vector<XidsSeen> take_xids();

  /// A device from before a restart: it is silent until it is heard of. Before the first sample only.
  void remember(Remembered one);
  void remember(CountedBefore one);
  /// A session that ran before a restart, of a device that is remembered. It is shown when it is told of again, and
  /// goes on then; it has ended when it last was told of where it is not told of within 2.5 intervals from the first
  /// advance() on. Returns its row; nothing where there is no room for it, or where it is an earlier one of a row that
  /// is remembered already.
  std::optional<std::uint32_t> remember(Running one);

  /// What was told adds up here.
  Meter& meter() { return meter_; }
  /// Of a number in the meter's rows. Views into the fleet, until it is written to.
  UsageSubject usage_subject(std::uint32_t subject) const;
  /// The number of a subject by its name alone; absent where it is not known.
  std::optional<std::uint32_t> usage_number(const UsageSubject& subject) const;

  /// The earliest time of it that counts here; absent where there is none.
  std::optional<EpochMs> usage_begins(std::uint32_t subject) const { return meter_.begins(subject); }

  /// Ratios above 1 and percentages above 100 that were taken as that.
  std::uint64_t clamped() const { return clamped_; }

 private:
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;

  struct Place {
    std::uint32_t node = 0;
    std::uint32_t device = 0;  ///< position in the node's devices
  };
  /// A device or a part of one: where it is, and which slot is believed for each reading.
  struct Subject : Place {
    Part part;
    std::uint32_t slots = 0;  ///< that tell of it
    gpu::ByReading<Slot> believed;
  };
  /// A session or an allocation, running or not: its series may pause and come back.
  struct Row {
    NameKey name{};           ///< its key in row_by_name_
    std::uint32_t slots = 0;  ///< that tell of it; without any it is forgotten
    Part part;
    std::shared_ptr<const SessionFacts> session;
    std::shared_ptr<const AllocationFacts> allocation;
    Meter::Tenure tenure = kNone;  ///< of a session or an allocation; kNone: it has none
  };
  /// Of ten million of them: each byte counts.
  struct SlotState {
    EpochMs last = 0;
    std::uint32_t subject = kNone;
    /// Of a session, an allocation or a reading of a holder: its number in rows_. Of Says::DeviceXids: the code. Of an
    /// instance: its compute instance, kNone where it has none.
    std::uint32_t detail = kNone;
    std::uint32_t metered = kNone;  ///< the instance's own subject, where `subject` is its device
    std::uint32_t source = 0;       ///< see Identity
    Says says = Says::Nothing;
    gpu::Reading reading{};
    Scale scale = Scale::One;
    Origin origin = Origin::DcgmExporter;
    bool ended = false;  ///< and has not come back

    bool has_row() const;
  };
  static_assert(sizeof(SlotState) == 32);
  /// A session that is not told of at present. Where the same process is told of again, it goes on.
  struct Paused {
    Running running;
    EpochMs heard = 0;               ///< when its device was told of last: a backlog may still come to tell of it
    std::optional<EpochMs> ended{};  ///< when it was handed out as one that has ended
  };
  /// The three newest times at which a source told of a node.
  struct Heard {
    std::uint32_t source = 0;
    std::array<EpochMs, 3> times{};  ///< the newest first; 0: none
  };
  struct NodeState {
    std::shared_ptr<Node> node{};
    bool published = false;                 ///< a view holds it: it is copied before it is written to
    std::vector<std::uint32_t> subjects{};  ///< of its devices
    std::optional<EpochMs> gone{};          ///< since when it is no longer in the cluster
    EpochMs back = 0;                       ///< when it was there again: its silence counts from then on
    std::optional<EpochMs> changes_at{};    ///< see changes_at(); absent: to be worked out
    std::vector<Heard> heard{};             ///< by source
  };

  std::function<EpochMs(std::uint32_t)> meter_ends() const;
  Node& edit(std::uint32_t node);
  Device& device_of(const Place& place) { return edit(place.node).devices[place.device]; }

  std::uint32_t next_subject() const { return next_of(free_subjects_, subjects_.size()); }
  std::uint32_t next_node() const { return next_of(free_nodes_, nodes_.size()); }
  static std::uint32_t next_of(const std::vector<std::uint32_t>& free, std::size_t size) {
    return free.empty() ? static_cast<std::uint32_t>(size) : free.back();
  }
  std::uint32_t new_subject();
  std::uint32_t new_node();
  void count_slot(const SlotState& state, int more);
  bool has_left_for_good(const NodeState& of, const Device& device, EpochMs now) const;
  std::vector<std::uint32_t> subjects_at(const NodeState& of, std::uint32_t position) const;
  bool is_unused(std::uint32_t subject) const;
  void drop_device(std::uint32_t node, std::uint32_t position);
  void drop_node(std::uint32_t number);

  bool in_pool(const Identity& identity) const;
  bool has_room(const Identity& identity, const Part& told);
  bool refuse(Bounded what) { return ++refused_[static_cast<std::size_t>(what)], false; }
  std::uint32_t learn_node(const Identity& identity);
  std::uint32_t learn_device(const Identity& identity, EpochMs time);
  std::uint32_t learn_part(const Identity& identity, EpochMs time);
  static NameKey subject_name(std::string_view cluster, std::string_view uuid, const Part& part);
  void begin_subject(const NameKey& name, std::uint32_t subject);
  void insert_device(std::uint32_t node, Device device, std::uint32_t subject);
  void take_out(std::uint32_t node, std::uint32_t position);
  void move_device(std::uint32_t subject, std::uint32_t node, unsigned index);
  bool learn_labels(SlotState& state, const Identity& identity, const Part& told, Labels labels, EpochMs time);
  void learn_device_facts(const Place& place, Labels labels, EpochMs time);
  void learn_instance_facts(const Place& place, const Part& part, Labels labels, EpochMs time);
  void learn_profile(const Place& place, Labels labels);
  std::shared_ptr<const std::vector<gpu::Profile>> shared(std::vector<gpu::Profile> profiles);
  std::uint32_t learn_session(const Identity& identity, const Part& part, Labels labels, const Holder& holder,
                              EpochMs time);
  std::uint32_t learn_allocation(const Identity& identity, const Part& part, Labels labels, const Holder& holder,
                                 EpochMs time);
  std::uint32_t learn_session_row(const Identity& identity, const Part& part, SessionFacts facts, EpochMs time);
  std::uint32_t learn_unallocated(const Identity& identity, const Part& part, const Holder& holder);
  std::uint32_t row_named(const NameKey& name);
  void drop_row(std::uint32_t row);
  std::uint32_t metered(const Identity& identity, const Part& part, EpochMs time);
  void begin_tenure(std::uint32_t row, const Identity& identity, const Part& part, const Workload& of, EpochMs time);

  bool counts(const SlotState& state, EpochMs time) const;
  bool believe(const SlotState& state, Slot slot, EpochMs time);
  bool speaks_for(const SlotState& state) const;
  Part instance_of(const SlotState& state) const;
  double at_most(double most, double told);
  void apply_reading(const SlotState& state, double value, EpochMs time);
  void measure(const SlotState& state, std::optional<double> value, EpochMs time);
  void leave(const SlotState& state, Meter::Having having, EpochMs time);
  void note_layout(const Node& node, Device& device);
  void apply_device(const SlotState& state, double value, EpochMs time);
  static void hear(NodeState& of, std::uint32_t source, EpochMs time);
  bool was_told_before(const NodeState& of, std::uint32_t source, EpochMs time) const;
  void count_xids(const SlotState& state, std::uint64_t count, EpochMs time);
  void note_last_xid(const Place& place, double code, EpochMs time);
  void apply_instance(const SlotState& state, double value, EpochMs time);
  void apply_session(const SlotState& state, double value, EpochMs time);
  void apply_allocation(const SlotState& state, double value, EpochMs time);
  void apply_unallocated(const SlotState& state, double value, EpochMs time);
  void hold(Device& device, std::uint32_t row, std::optional<bool> used, EpochMs time);
  void mark_shared(Device& device);
  void let_go(const SlotState& state, Device& device, EpochMs time);
  void end_session(const Node& node, Device& device, std::uint32_t row, EpochMs time);
  void end_paused(std::uint32_t row, EpochMs time);
  void pause_session(const Node& node, Device& device, std::uint32_t row, std::optional<EpochMs> over);
  void go_on(Session& session, std::optional<EpochMs> told_start, EpochMs time);
  void end_pauses(EpochMs now);
  static Running running_on(const Node& node, const Device& device, const Session& session);
  EpochMs changes_at(const NodeState& of) const;
  void sweep(std::uint32_t node, EpochMs now);
  void fall_silent(const NodeState& of, Device& device, EpochMs now);
  bool speaks_on(const NodeState& of, const Device& device) const;
  void retire(std::uint32_t node, EpochMs now);
  EpochMs missing_at(const NodeState& of, const Device& device) const;
  bool silent(EpochMs last, EpochMs now) const { return now - last > silence_.count(); }
  /// Of what is not told of any more: nothing of then is on its way to here.
  bool is_over(EpochMs heard, EpochMs now) const { return silent(std::max(heard, listens_since_), now); }

  const FleetOptions options_;
  const Milliseconds silence_;  ///< 2.5 intervals
  std::vector<NodeState> nodes_;
  std::vector<std::uint32_t> free_nodes_;  ///< their nodes are empty
  std::deque<Subject> subjects_;  ///< as below: grows without a copy of all, and without room for twice as many
  std::vector<std::uint32_t> free_subjects_;
  std::deque<SlotState> slots_{1};
  std::vector<Slot> free_slots_;
  std::deque<Row> rows_;
  std::vector<std::uint32_t> free_rows_;
  std::unordered_map<std::string, std::uint32_t> node_by_name_;  ///< "cluster/node"
  ByName<std::uint32_t> subject_by_name_;                        ///< "cluster/uuid", "cluster/uuid/1/0"
  ByName<std::uint32_t> row_by_name_;
  ByName<std::vector<Counted>> counted_before_;                             ///< of subjects that are not known yet
  std::vector<std::shared_ptr<const std::vector<gpu::Profile>>> profiles_;  ///< each list once
  RefusedSeries refused_{};
  std::uint64_t clamped_ = 0;
  EpochMs arrived_ = 0;               ///< 0: each sample at its time
  std::size_t devices_ = 0;           ///< known
  std::vector<std::uint32_t> order_;  ///< nodes by cluster and name
  std::vector<Ended> ended_;
  std::unordered_map<std::uint32_t, Paused> paused_;     ///< by row
  std::map<std::uint32_t, UnallocatedUse> unallocated_;  ///< by row
  bool resumes_ = false;                                 ///< there are devices from before a restart
  EpochMs listens_since_ = 0;                            ///< after a restart: silence counts from here on
  std::vector<LayoutSeen> layouts_;
  std::vector<XidsSeen> xids_;
  Meter meter_;
};

}  // namespace tessera::fleet
