#pragma once
// A supply that changes a device at a time, and in which devices that are alike are one: a decision asks about one of
// each kind, and remembers what its policy said of the kind. There are some hundred kinds, however large the fleet.
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "fleet/decision/cause.h"
#include "fleet/decision/policy.h"
#include "fleet/decision/supply.h"
#include "fleet/decision/whole_devices.h"

namespace tessera::fleet::decision {

/// So many policies are remembered of what they said: those that were asked last.
inline constexpr std::size_t kMinds = 3;

/// Not for several threads.
class Stock {
 public:
  explicit Stock(Supply supply);

  const Supply& supply() const { return supply_; }
  /// Grows with each change.
  std::uint64_t version() const { return version_; }

  /// What is known of the candidate at this position now. What drivers offer alike is kept once.
  void set(std::size_t at, Candidate candidate);
  /// What is known of a node beside its devices; absent: nothing.
  void set_beside(const std::string& cluster, const std::string& node, std::optional<Beside> beside);
  void set_time(EpochMs as_of) { supply_.as_of = as_of; }

  /// What could be done on one device for a need, with its cost; or what it fails by.
  struct Ways {
    std::vector<std::pair<Option, Cost>> options;
    std::optional<Cause> fails_by;  ///< where there are no options
  };
  /// Devices of which one is as good as another. Of a kind the first is given.
  struct Alike {
    std::set<std::uint32_t> members;  ///< positions; may be empty
    /// By the policies that are remembered. The pointers in it are of one that was a member.
    std::array<std::map<Need, Ways>, kMinds> known;
  };
  /// By what they have in common.
  std::map<Candidate, Alike>& kinds() { return kinds_; }
  const std::map<Candidate, Alike>& kinds() const { return kinds_; }

  /// What is asked from now on is asked of this policy. What it said before it has changed its mind is forgotten, and
  /// in the end what was said by one that was not asked for longest.
  void believe(const Policy& policy);
  /// What the policy that is believed has said of a kind.
  std::map<Need, Ways>& known(Alike& alike) const { return alike.known[mind_]; }
  /// Before it goes, for another one may stand where it stood.
  void forget(const Policy& policy);
  /// By the policy that is believed.
  WholeDevices& whole_devices();

 private:
  using Profiles = std::shared_ptr<const std::vector<gpu::Profile>>;
  struct ByWhatIsOffered {
    bool operator()(const Profiles& a, const Profiles& b) const;
  };

  /// Of a copy it is made anew.
  struct OwnWhole : std::unique_ptr<WholeDevices> {
    OwnWhole() = default;
    OwnWhole(const OwnWhole& /*other*/) : std::unique_ptr<WholeDevices>() {}
    OwnWhole(OwnWhole&&) = default;
    OwnWhole& operator=(const OwnWhole& /*other*/) {
      reset();
      return *this;
    }
    OwnWhole& operator=(OwnWhole&&) = default;
    ~OwnWhole() = default;
  };

  struct Mind {
    const Policy* policy = nullptr;
    std::uint64_t revision = 0, asked = 0;
    OwnWhole whole{};
  };

  void forget_mind(std::size_t number);
  void share_profiles(Candidate& candidate);
  void forget_unused();

  Supply supply_;
  std::set<Profiles, ByWhatIsOffered> profiles_;
  std::map<Candidate, Alike> kinds_;
  std::uint64_t version_ = 0;
  std::array<Mind, kMinds> minds_;
  std::size_t mind_ = 0;     ///< of the policy that is believed
  std::uint64_t asked_ = 0;  ///< how often one was
};

}  // namespace tessera::fleet::decision
