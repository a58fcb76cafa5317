#pragma once
// What devices are to be cut into, between who asks for it and the agents that carry it out. A node's agent asks what
// is wanted of its devices and waits, without a thread, until something else is; what it tells of how far it has come
// is kept here until it tells more.
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/duration.h"
#include "http/server.h"
#include "store/wanted_layouts.h"

namespace tessera::server {

/// How long a document is good for: an agent that cannot ask again keeps its hands off from then on.
inline constexpr Milliseconds kLayoutLifetime{10 * 60'000};

/// An agent asks at least once a minute, where it lives; of one that has not for so long nothing is expected.
inline constexpr Milliseconds kAsksWithin{2 * 60'000};

/// What an agent told of one device, as docs/mig-layout.md has it.
struct LayoutReport {
  std::string device_uuid;
  std::int64_t generation = 0;
  std::string state;         ///< "done", "working", "waiting", "failed", "dry-run", "hands-off"
  std::string reason{};      ///< empty: none
  std::string steps = "[]";  ///< JSON
  EpochMs time = 0;          ///< when it was told
};

/// A GPU instance that stands, as an agent tells.
struct ToldInstance {
  store::WantedInstance placed;
  std::vector<std::string> compute{};  ///< profiles of its compute instances
  std::string held_by{};               ///< "namespace/pod", or "a process"; empty: it is idle
};
struct ToldDevice {
  std::string uuid;
  std::optional<bool> mig{};  ///< the mode
  bool busy = false;          ///< a process or a holder on the device itself
  std::vector<ToldInstance> instances{};
};
/// What a document is numbered by; an agent takes none that is lower in either than the newest that it has acted on.
struct LayoutNumber {
  std::int64_t epoch = 0;       ///< of the leader that wrote it
  std::int64_t generation = 0;  ///< of the newest wish of all nodes
  bool operator==(const LayoutNumber&) const = default;
};

/// All that an agent tells of its node.
struct ToldNode {
  bool dry_run = false;
  std::vector<ToldDevice> devices{};
  std::vector<LayoutReport> reports{};
  EpochMs time = 0;             ///< when it was told
  std::int64_t generation = 0;  ///< of the newest wish that there was then, by whoever hears it
  LayoutNumber newest{};        ///< that it has acted on; zeros: none, or it does not say
};
/// Whether all that is wanted stands, and nothing else does. An instance that is wanted and has no compute instance yet
/// is of no use to anybody: its agent is not through.
bool stands_as_wanted(const ToldDevice& told, std::vector<store::WantedInstance> wanted);

/// A device that is otherwise than its wish knows of: somebody else has changed it.
struct ChangedDevice {
  std::string uuid;
  std::int64_t generation = 0;  ///< of the wish that it was seen by
  std::string why;
};

/// A wish of which nothing is left to be done.
struct FinishedLayout {
  store::WantedLayout layout;
  EpochMs since = 0;  ///< when that was first told
};

/// How far a node is for its devices to be cut, where somebody sees to that first.
struct NodeCourse {
  bool told = false;    ///< its agent is told what is wanted
  std::string state{};  ///< "waiting", "changing"…; empty: nothing is to be done to it
  std::string reason{};
  EpochMs since = 0;                       ///< in this state
  std::optional<EpochMs> blocked_since{};  ///< it waits for what may never come, while a window was open all the time
  std::string unlisted{};                  ///< what of that which stands the node does not list; empty: it lists all
  std::vector<ChangedDevice> changed{};    ///< nothing is prepared for these, so their agent is not told either
};

/// Thread-safe.
class WantedLayouts {
 public:
  /// `epoch`: of documents, by the lease of this server; 0 where it has no other beside it. `known` and the last
  /// generation that was given, be it of a wish that was taken back: of the database.
  WantedLayouts(std::int64_t epoch, std::vector<store::WantedLayout> known, std::int64_t last_generation = 0,
                std::function<SteadyTime()> clock = &std::chrono::steady_clock::now);
  ~WantedLayouts();
  WantedLayouts(const WantedLayouts&) = delete;
  WantedLayouts& operator=(const WantedLayouts&) = delete;

  /// Who changes what is wanted holds this from before it is in the database until it is told here, so that both change
  /// in one order.
  std::mutex& changing() { return changing_; }

  /// It is in the database: from now on it is told to its node, unless a newer one of that device is already.
  void want(store::WantedLayout layout);
  /// Nothing is wanted of the device any longer.
  void forget(std::string_view cluster, std::string_view device_uuid);
  /// These are all that the database has.
  void replace(std::vector<store::WantedLayout> all);

  std::optional<store::WantedLayout> of(std::string_view cluster, std::string_view device_uuid) const;
  /// Likewise by UUID, in any cluster where none is named: a device may have left the view.
  std::optional<store::WantedLayout> of_device(std::string_view uuid, const std::optional<std::string>& cluster) const;
  std::optional<LayoutReport> report_of(std::string_view cluster, std::string_view device_uuid) const;

  /// From now on nodes of this cluster are told nothing before course() says so.
  void prepare(std::string cluster);
  void course(const std::string& cluster, const std::string& node, NodeCourse course);
  std::optional<NodeCourse> course_of(std::string_view cluster, std::string_view node) const;
  /// Nodes of that cluster on which nothing is cut, whatever is wanted there, with why. In place of what was said
  /// before.
  void leave_uncut(std::map<std::string, std::string, std::less<>> nodes);
  /// Empty: it may be cut, by all that is known.
  std::string why_uncut(std::string_view cluster, std::string_view node) const;

  using Key = std::pair<std::string, std::string>;  ///< cluster, and device or node
  /// Nodes of which of() or why_uncut() says otherwise than at `version`, which becomes that of now; some may be there
  /// twice. Absent where that was too long ago to be known: it may be any.
  std::optional<std::vector<Key>> changed_since(std::uint64_t& version) const;
  /// Whether no document is in force at the node: it was told so, or the last one has expired. What a server before
  /// this one has told counts, too.
  bool let_go(const std::string& cluster, const std::string& node) const;

  /// What is wanted in a cluster.
  std::vector<store::WantedLayout> in(std::string_view cluster) const;
  /// What its agent told last, and not before `since`.
  std::shared_ptr<const ToldNode> told_by(const std::string& cluster, const std::string& node, SteadyTime since) const;
  /// Whether a node that has acted on this has done so by another database than ours, which is a new one then, or was
  /// restored: its reports are of wishes that are not known here, though ours may have their numbers.
  bool is_anothers(const std::string& cluster, const std::string& node, const LayoutNumber& newest) const;
  /// What documents have to be numbered by for that node to take them; absent: as they are. A node has this done once:
  /// what it tells then is of documents that it had from here.
  std::optional<LayoutNumber> number_after(const std::string& cluster, const std::string& node,
                                           const LayoutNumber& newest) const;
  LayoutNumber number() const;
  /// It is in the database: for that node's sake documents have this number, or a higher one.
  void go_on_from(const std::string& cluster, const std::string& node, const LayoutNumber& number);

  /// What an agent tells, which is before it asks.
  void hear(const std::string& cluster, const std::string& node, ToldNode told);
  /// Of whoever leads, whom agents ask: from now on nodes are not cut whose agents have been silent for too long.
  void note_silent();
  /// Those of which their agents report that they keep their hands off, by what is wanted now, or would if they were
  /// told.
  std::vector<store::WantedLayout> hands_off() const;
  /// How somebody else has changed the device, by what is wanted now, where its node's course() says so.
  std::optional<std::string> why_changed(std::string_view cluster, std::string_view device_uuid) const;
  /// Those of which nothing is left to be done, and that still name what they were planned from: their agents have
  /// reported them done, or, where they are told nothing, tell that all stands so.
  std::vector<FinishedLayout> finished() const;

  /// The reply to a node: at once where it has not reported the end of each wish, else when there is a newer one, or
  /// after `wait`. A document in JSON; empty where nothing is wanted of the node, and 204 where that is known at once.
  http::Response ask(const std::string& cluster, const std::string& node, std::vector<LayoutReport> reports,
                     Milliseconds wait);

 private:
  struct Waiting {
    Key node;
    SteadyTime until;
    std::shared_ptr<http::Stream> reply;
  };

  struct Heard {
    SteadyTime at;
    std::shared_ptr<const ToldNode> told;
    bool is_silent = false;  ///< since too long
  };

  struct Finished {
    std::int64_t generation = 0;
    EpochMs since = 0;
  };

  const ChangedDevice* changed(const store::WantedLayout& wanted) const;
  void note_finished(const store::WantedLayout& wanted, EpochMs time);
  bool has_let_go(const Key& node) const;
  void note_change(Key node);
  bool is_told(const Key& node) const;
  void make_room(const Key& node);
  std::string document(const Key& node);
  bool is_unknown(const Key& node, const LayoutNumber& newest) const;
  bool is_news(const Key& node) const;
  void answer(const Key& node);
  void answer_late(const std::stop_token& stop);

  std::mutex changing_;
  mutable std::mutex mutex_;
  std::int64_t epoch_;                         // guarded by mutex_: of documents, which never goes back
  std::map<Key, store::WantedLayout> wanted_;  // guarded by mutex_
  std::int64_t generation_;                    // guarded by mutex_: of documents, which never goes back
  std::int64_t began_at_ = 0;                  // the generation that the database had at the start
  std::set<Key> caught_up_with_;               // guarded by mutex_: nodes that had us go on from a higher number
  std::map<Key, std::int64_t> first_told_;     // guarded by mutex_: nodes, the generation of their first document
  std::map<Key, LayoutReport> reports_;        // guarded by mutex_: of devices of which something is wanted
  std::map<Key, Finished> finished_;   // guarded by mutex_: devices, by what was wanted of them last that is done
  std::vector<Waiting> waiting_;       // guarded by mutex_
  std::string prepared_;               // guarded by mutex_: the cluster whose nodes are; empty: none
  SteadyTime prepared_since_{};        // guarded by mutex_
  std::map<Key, NodeCourse> courses_;  // guarded by mutex_: of that cluster
  std::map<std::string, std::string, std::less<>> uncut_;  // guarded by mutex_: its nodes, and why
  std::deque<Key> changes_;                                // guarded by mutex_: nodes, the last ones
  std::uint64_t version_ = 0;                              // guarded by mutex_: after the last of them
  std::map<Key, SteadyTime> in_force_;  // guarded by mutex_: until when a document is, of that cluster
  const std::function<SteadyTime()> clock_;
  const SteadyTime began_;
  bool counts_silence_ = false;  // guarded by mutex_: each agent has had the time to ask
  std::map<Key, Heard> heard_;   // guarded by mutex_
  std::uint64_t asked_ = 0;      // guarded by mutex_: that began to wait
  std::condition_variable_any changed_;
  std::jthread thread_;  ///< last: it uses all of the above
};

}  // namespace tessera::server
