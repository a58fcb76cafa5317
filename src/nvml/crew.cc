#include "nvml/crew.h"

#include <algorithm>
#include <deque>
#include <thread>

namespace tessera::nvml {
namespace {

SteadyTime now() { return std::chrono::steady_clock::now(); }

}  // namespace

SteadyTime give_up_at(const Patience& patience, SteadyTime started, std::optional<SteadyDuration> usual,
                      std::size_t posted, std::size_t finished, SteadyTime last_finish) {
  const SteadyTime deadline = started + patience.deadline;
  if (!usual || finished * 2 < posted || finished == 0) return deadline;
  return std::min(deadline, std::max(started + *usual * 4, last_finish + patience.grace));
}

struct Crew::Seat {
  Role role = Role::Peer;
  std::thread thread;
  std::condition_variable wake;  // its own: one for all would wake every idle thread at every question
  bool asked = false;            // and not yet begun
  bool out = false;              // asked, and not yet finished
  bool in_round = false;         // posted in the current round
  bool gone = false;             // its thread has left
  SteadyTime posted_at;
  std::optional<SteadyDuration> usual;  // time of a round, the slow ones remembered longer
};

// Shared by the crew and its threads; everything in it is guarded by the mutex but the jobs, which only their thread
// touches.
struct Crew::Board {
  std::mutex mutex;
  std::condition_variable finished;
  bool stop = false;
  std::deque<Seat> seats;  // a deque, so that a seat stays where it is
  Patience patience;
  SteadyTime started;
  std::size_t posted_peers = 0;
  std::size_t finished_peers = 0;
  std::size_t unreported = 0;  // finished, and not yet told of by wait()
  SteadyTime last_finish;      // of a peer
  bool dismissed_all = false;

  /// Whether the owner has something to do after this one's finish, or may have to give up earlier than it meant to:
  /// who waits is not woken by each of many.
  bool is_turn(const Seat& seat) const {
    if (seat.role == Role::Apart || std::ranges::none_of(seats, [](const Seat& s) { return s.in_round && s.out; }))
      return true;
    return finished_peers * 2 >= posted_peers && (finished_peers - 1) * 2 < posted_peers;
  }

  SteadyTime give_up() const {
    SteadyTime latest = started;
    for (const Seat& seat : seats)
      if (seat.in_round && seat.out)
        latest = std::max(latest, give_up_at(patience, started, seat.usual, posted_peers, finished_peers, last_finish));
    return latest;
  }
};

Crew::Crew() : board_(std::make_shared<Board>()) {}

Crew::~Crew() { dismiss(Milliseconds(500)); }

void Crew::work(const std::shared_ptr<Board>& board, Seat& seat, const Job& job) {
  std::unique_lock lock(board->mutex);
  while (true) {
    seat.wake.wait(lock, [&] { return board->stop || seat.asked; });
    if (board->stop) return;
    seat.asked = false;
    lock.unlock();
    job();
    lock.lock();
    seat.out = false;
    if (!seat.in_round) continue;  // too late: its round is over
    const SteadyTime finish = now();
    const SteadyDuration took = finish - seat.posted_at;
    seat.usual = std::max(took, seat.usual.value_or(took) * 7 / 8);
    ++board->unreported;
    if (seat.role == Role::Peer) {
      board->last_finish = finish;
      ++board->finished_peers;
    }
    if (board->is_turn(seat)) board->finished.notify_all();
  }
}

std::size_t Crew::hire(Role role, Job job) {
  const std::lock_guard lock(board_->mutex);
  Seat& seat = board_->seats.emplace_back();
  seat.role = role;
  seat.thread = std::thread([board = board_, &seat, own = std::move(job)]() mutable {
    {
      const Job mine = std::move(own);  // so that what it owns is gone before the thread says that it has left
      work(board, seat, mine);
    }
    const std::lock_guard leaving(board->mutex);
    seat.gone = true;
    board->finished.notify_all();
  });
  return board_->seats.size() - 1;
}

void Crew::begin_round(const Patience& patience) {
  const std::lock_guard lock(board_->mutex);
  board_->patience = patience;
  board_->started = board_->last_finish = now();
  board_->posted_peers = board_->finished_peers = board_->unreported = 0;
  for (Seat& seat : board_->seats) seat.in_round = false;
}

bool Crew::post(std::size_t number) {
  std::unique_lock lock(board_->mutex);
  Seat& seat = board_->seats[number];
  if (seat.out) return false;
  seat.asked = seat.out = seat.in_round = true;
  seat.posted_at = now();
  if (seat.role == Role::Peer) ++board_->posted_peers;
  lock.unlock();
  seat.wake.notify_one();
  return true;
}

bool Crew::wait() {
  std::unique_lock lock(board_->mutex);
  Board& board = *board_;
  while (board.unreported == 0) {
    const SteadyTime until = board.give_up();
    if (until <= now()) return false;
    board.finished.wait_until(lock, until);
  }
  --board.unreported;
  return true;
}

bool Crew::finished(std::size_t number) const {
  const std::lock_guard lock(board_->mutex);
  const Seat& seat = board_->seats[number];
  return seat.in_round && !seat.out;
}

std::optional<SteadyTime> Crew::out_since(std::size_t number) const {
  const std::lock_guard lock(board_->mutex);
  const Seat& seat = board_->seats[number];
  return seat.out ? std::optional(seat.posted_at) : std::nullopt;
}

bool Crew::dismiss(Milliseconds patience) {
  const SteadyTime until = now() + patience;
  std::unique_lock lock(board_->mutex);
  if (board_->stop) return board_->dismissed_all;
  board_->stop = true;
  for (Seat& seat : board_->seats) seat.wake.notify_one();
  const auto all_gone = [&] { return std::ranges::all_of(board_->seats, &Seat::gone); };
  board_->finished.wait_until(lock, until, all_gone);
  board_->dismissed_all = all_gone();
  std::deque<std::thread> threads;
  for (Seat& seat : board_->seats) {
    if (seat.gone)
      threads.push_back(std::move(seat.thread));
    else
      seat.thread.detach();
  }
  const bool complete = board_->dismissed_all;
  lock.unlock();
  for (std::thread& thread : threads) thread.join();
  return complete;
}

}  // namespace tessera::nvml
