#include "server/leadership.h"

#include <fmt/format.h>

#include <chrono>
#include <random>
#include <utility>

#include "base/every.h"
#include "base/files.h"
#include "base/log.h"
#include "base/text.h"
#include "server/problem.h"

namespace tessera::server {
namespace {
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr Milliseconds kTry = 1s;        // how often the lease is renewed, or asked for
constexpr Milliseconds kMargin = 500ms;  // two clocks that run at different speeds
constexpr Milliseconds kLook = 50ms;

}  // namespace

Leadership::Leadership(std::unique_ptr<store::Database> database, store::Candidate candidate)
    : database_(std::move(database)), candidate_(std::move(candidate)) {
  hold();
  thread_ = std::jthread([this](const std::stop_token& stop) {
    while (wait_until(Clock::now() + kTry, stop)) hold();
  });
}

Leadership::~Leadership() {
  thread_ = {};
  if (shared() && state_.epoch > 0) static_cast<void>(store::release_lease(*database_, state_.epoch));
}

void Leadership::hold() {
  store::Candidate candidate;
  State before;
  {
    const std::lock_guard lock(mutex_);
    candidate = candidate_;
    before = state_;
  }
  const SteadyTime asked = Clock::now();
  const auto lease = store::hold_lease(*database_, candidate, before.epoch);
  if (!lease) {
    if (!failing_)
      log::error(before.epoch > 0 ? "the lease cannot be renewed: nothing is taken in once it has ended"
                                  : "who leads cannot be asked",
                 {{"why", lease.error().what}});
    failing_ = true;
    return;
  }
  failing_ = false;
  const bool elsewhere = !lease->ours && !lease->holder.empty() && lease->holder != candidate.journal;
  State now{lease->ours ? lease->epoch : 0, lease->address, elsewhere};
  if (lease->ours) now.before = lease->epoch == before.epoch ? before.before : lease->before;
  if (now.epoch > 0 && now.epoch != before.epoch)
    log::info("this server leads", {{"epoch", std::to_string(now.epoch)}});
  else if (before.epoch > 0 && now.epoch == 0)
    log::warn("another server leads", {{"epoch", std::to_string(lease->epoch)}, {"address", lease->address}});
  const std::lock_guard lock(mutex_);
  state_ = now;
  if (lease->ours) until_ = asked + candidate.term - kMargin;
}

Leadership::State Leadership::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

bool Leadership::may_write() const {
  if (!shared()) return true;
  const std::lock_guard lock(mutex_);
  return state_.epoch > 0 && Clock::now() < until_;
}

bool Leadership::lasts(std::int64_t epoch) const { return state().epoch == epoch && (epoch == 0 || may_write()); }

void Leadership::advertise(std::string address) {
  const std::lock_guard lock(mutex_);
  candidate_.address = std::move(address);
}

void Leadership::wait_while(std::int64_t epoch, const std::stop_token& stop) const {
  if (!shared())
    wait_until(SteadyTime::max(), stop);
  else
    while (state().epoch == epoch && wait_until(Clock::now() + kLook, stop)) {
    }
}

std::function<Result<void>(store::Database&)> Leadership::guard(std::int64_t epoch) const {
  if (!shared()) return {};
  return [epoch](store::Database& database) { return store::check_epoch(database, epoch); };
}

std::optional<http::Response> Leadership::refusal(const http::Request& request) const {
  if (may_write()) return std::nullopt;
  const State now = state();
  const std::string where = now.elsewhere && !now.leader.empty() ? now.leader : std::string();
  http::Response out = reply({503, "not-leading",
                              where.empty() ? "no server leads at this moment: send this again"
                                            : fmt::format("the server at {} leads: send this there", where)},
                             request);
  if (!where.empty()) out.headers.emplace_back("X-Tessera-Leader", where);
  // Behind a Service a connection that is kept is one to this server: only another one can reach the leader.
  out.headers.emplace_back("Connection", "close");
  return out;
}

Result<std::string> journal_id(const std::string& folder) {
  const std::string path = folder + "/journal-id";
  const auto known = read_file(path);
  if (known) return std::string(trim(*known));
  if (known.error().code != Code::NotFound) return known.error();
  std::random_device random;
  std::string id = fmt::format("{:08x}{:08x}{:08x}{:08x}", random(), random(), random(), random());
  TRY(write_file_atomically(path, id + '\n'));
  return id;
}

}  // namespace tessera::server
