#pragma once
// Threads that may get stuck in the driver: a fixed job each, done once per round, and a wait that ends without them.
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "base/duration.h"

namespace tessera::nvml {

using SteadyDuration = std::chrono::steady_clock::duration;

/// How long a round waits for those that have not finished.
struct Patience {
  Milliseconds deadline{1000};  ///< of a round
  Milliseconds grace{80};       ///< that a late one may add once half of the others are done
};

/// When a round gives up on one that is out. The whole deadline is for who has no history, and for all while fewer than
/// half of the peers posted have finished. Else it is four times its usual time, and the grace after the last finish.
SteadyTime give_up_at(const Patience& patience, SteadyTime started, std::optional<SteadyDuration> usual,
                      std::size_t posted, std::size_t finished, SteadyTime last_finish);

/// Thread contract: one thread calls all of it; the jobs run on threads of their own.
class Crew {
 public:
  /// A job may outlive the crew, so it owns (by shared_ptr) all that it touches. Between two rounds that it took part
  /// in and finished, what it wrote may be read by the crew's owner.
  using Job = std::function<void()>;

  Crew();
  ~Crew();  ///< as dismiss()
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  /// Peers are measured by each other: once half of them have finished, the rest are late.
  enum class Role { Peer, Apart };
  /// Starts a thread; returns its number, counting from 0.
  std::size_t hire(Role role, Job job);

  /// A new round: nobody is asked yet.
  void begin_round(const Patience& patience);
  /// Asks for the job to be done. False if that thread is still stuck in an earlier round.
  bool post(std::size_t number);
  /// Waits until one more has finished, true; or until the round gives up on all that are out, false.
  bool wait();
  /// Whether this one was posted in this round and has finished.
  bool finished(std::size_t number) const;
  /// Since when this one has been out, if it is.
  std::optional<SteadyTime> out_since(std::size_t number) const;

  /// Ends and joins all that are idle, within `patience`; leaves the others behind. True if none was left. Nothing else
  /// may be called after it.
  bool dismiss(Milliseconds patience);

 private:
  struct Seat;
  struct Board;
  static void work(const std::shared_ptr<Board>& board, Seat& seat, const Job& job);
  std::shared_ptr<Board> board_;
};

}  // namespace tessera::nvml
