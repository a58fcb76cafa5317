#pragma once
// Finding what in a request makes a receiver fail (500 and the like) that takes everything else: told from a receiver
// that is down, that fails now and then, and that has lost a part of itself. Nothing is a culprit without proof: others
// of the same request were taken, again and again, between its failures. Pure: says which series to send next, and is
// told what became of them. Each series is in the request once, so parts may go in any order.
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "relay/bisect.h"

namespace tessera::relay {

class Isolation {
 public:
  static constexpr std::uint64_t kPatience = 10;  ///< failures of a series by itself
  static constexpr std::uint64_t kProof = 2;      ///< so often something else was taken between two failures
  /// Of the series, at most one in so many is a culprit, and at most so many in all: where more fail, it is the
  /// receiver.
  static constexpr std::size_t kCulpritIn = 8, kMaxCulprits = 32;
  /// The smallest part of the request that is tried until one was taken. A receiver that has lost a part of itself
  /// takes small requests by chance, and that is no proof.
  static constexpr std::size_t kSmallestProbe = 16;
  static constexpr std::size_t kMaxInARow = 1'024;  ///< failures: then the receiver may be down

  /// Of a request of so many series, the last ones of which, `suspects`, were culprits before. `successes`: requests
  /// that the destination has taken so far.
  Isolation(std::size_t series, std::size_t suspects, std::uint64_t successes);

  /// Others got through while this request failed: it is known already that the receiver is well. Isolation finds that
  /// out itself, too.
  void prove();
  bool proven() const { return proven_; }

  /// The part to send now; until something is proven a half, a quarter and so on, for ever. Nullopt: done.
  std::optional<Part> next() const;

  /// Of the part that next() tells. True: it is a single series, and a culprit.
  void taken();
  bool refused();  ///< for what is in it: no more proof is needed
  bool failed(std::uint64_t successes);

  std::size_t in_a_row() const { return in_a_row_; }  ///< failures
  /// After the end: what could not be judged.
  std::vector<Part> unsettled() const;

 private:
  struct Waiting {
    Part part;
    std::uint64_t successes = 0;  ///< at the last failure of it, or of what it is a part of
    std::uint64_t alone = 0;      ///< failures since whose predecessor others were taken
    std::uint64_t tries = 0;      ///< by itself
  };
  bool is_culprit(const Waiting& single) const;
  void add(Waiting whole);
  void add_halves(const Waiting& whole);

  const std::size_t series_;
  const std::size_t suspects_;
  const std::uint64_t successes_;
  std::uint64_t probed_at_;  ///< successes, at the last probe that failed
  std::uint64_t probes_alone_ = 0;
  std::vector<Part> probes_;
  std::size_t probe_ = 0;
  bool proven_ = false;
  bool by_others_ = false;       ///< it was proven
  std::deque<Waiting> waiting_;  ///< level by level, so that between two failures of a culprit others have their turn
  std::size_t singles_ = 0;      ///< among those: have failed by themselves
  std::size_t culprits_ = 0;
  std::uint64_t healed_ = 0;  ///< series that failed by themselves and were taken later: so unsure a failure is
  std::size_t in_a_row_ = 0;
};

}  // namespace tessera::relay
