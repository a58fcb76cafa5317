#pragma once
// Taking a refused request apart, to lose the culprit alone. Pure: says which series to send next, in order, and is
// told what became of them.
#include <cstddef>
#include <optional>
#include <vector>

namespace tessera::relay {

/// Series [begin, end) of the request.
struct Part {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t size() const { return end - begin; }
  bool operator==(const Part&) const = default;
};

class Bisection {
 public:
  /// After so many refused parts in a row with none taken between, or so many in all, the receiver refuses more than
  /// a culprit: going on would cost more requests than it can save samples.
  static constexpr std::size_t kMaxRefusedInARow = 32;
  static constexpr std::size_t kMaxRefused = 1'024;

  /// Of a request of so many series that was refused as a whole.
  explicit Bisection(std::size_t series);

  /// The part to send now; nullopt: done.
  std::optional<Part> next() const;

  /// Of the part that next() tells. A part of several series that was refused becomes two; a single one is a culprit.
  void taken();
  enum class Refused { Split, Culprit };
  Refused refused();

  bool hopeless() const { return in_a_row_ >= kMaxRefusedInARow || refused_ >= kMaxRefused; }

 private:
  void push_halves(Part part);

  std::vector<Part> waiting_;  ///< the next one last
  std::size_t in_a_row_ = 0;
  std::size_t refused_ = 0;
};

}  // namespace tessera::relay
