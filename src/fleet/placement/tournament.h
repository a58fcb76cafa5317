#pragma once
// The best node for one kind of request, kept as a tournament: a node that changes plays again against as many others
// as the number of nodes has binary digits. Of equal scores the lower index wins.
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

namespace tessera::fleet::placement {

class Tournament {
 public:
  /// The score of a node that cannot take the request.
  static constexpr std::int32_t kOut = std::numeric_limits<std::int32_t>::min();

  explicit Tournament(std::size_t nodes);

  /// Takes effect at the next winner() if play() is called for the node, or for all.
  void set(std::uint32_t node, std::int32_t score) { scores_[node] = score; }
  void play(std::uint32_t node);
  void play_all();

  std::int32_t score(std::uint32_t node) const { return scores_[node]; }
  /// None if all are out.
  std::optional<std::uint32_t> winner() const;

  /// All that are not out, the best first; each takes as many steps as the number of nodes has binary digits. Valid as
  /// long as nobody plays.
  class Ranks {
   public:
    explicit Ranks(const Tournament& of);
    std::optional<std::uint32_t> next();

   private:
    void add(std::size_t place);
    bool is_worse(std::size_t a, std::size_t b) const;
    const Tournament& of_;
    std::vector<std::size_t> places_;  ///< a heap of those whose winners are still to come
  };
  Ranks ranks() const { return Ranks(*this); }

 private:
  std::uint32_t better(std::uint32_t a, std::uint32_t b) const { return scores_[b] > scores_[a] ? b : a; }
  std::uint32_t entrant(std::size_t place) const;

  std::size_t leaves_;                  ///< a power of two; leaf i stands for node i, or for none
  std::vector<std::int32_t> scores_;    ///< by node
  std::vector<std::uint32_t> winners_;  ///< by inner place of the tree, the root at 1
};

}  // namespace tessera::fleet::placement
