#include "sim/store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/futex.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

namespace tessera::sim {
namespace {

static_assert(std::atomic<std::uint32_t>::is_always_lock_free && sizeof(std::atomic<std::uint32_t>) == 4);

class FileLock {
 public:
  FileLock(int file, int kind) : file_(file) {
    while (::flock(file_, kind) != 0 && errno == EINTR) {
    }
  }
  ~FileLock() { ::flock(file_, LOCK_UN); }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  const int file_;
};

std::optional<std::string> read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(in), {});
}

Outcome<int> make_directories(const std::string& path) {
  for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string part = path.substr(0, slash);
    if (::mkdir(part.c_str(), 0755) != 0 && errno != EEXIST)
      return Failure{fmt::format("state directory {}: cannot be created: {}", part, std::strerror(errno))};
    if (slash == std::string::npos) return 0;
  }
}

}  // namespace

std::int64_t wall_microseconds() {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string state_root(std::uint64_t scenario_hash) {
  if (const char* chosen = std::getenv("TESSERA_SIM_STATE"); chosen && *chosen) return chosen;
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  const std::string base =
      runtime && *runtime ? std::string(runtime) + "/tessera-sim" : fmt::format("/tmp/tessera-sim-{}", ::getuid());
  return fmt::format("{}/{:016x}", base, scenario_hash);
}

Outcome<std::unique_ptr<Store>> Store::open(const std::string& directory, const std::function<State()>& initial) {
  if (const auto made = make_directories(directory); !made) return made.error();
  bool writable = true;
  const std::string lock_path = directory + "/lock";
  int lock = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (lock < 0 && (errno == EACCES || errno == EROFS)) {  // somebody else's state: it can be read, not changed
    writable = false;
    lock = ::open(lock_path.c_str(), O_RDONLY | O_CLOEXEC);
  }
  if (lock < 0) return Failure{fmt::format("state file {}: cannot be opened: {}", lock_path, std::strerror(errno))};
  constexpr std::size_t kPage = 4096;
  if (writable) {
    const FileLock hold(lock, LOCK_EX);
    struct stat now{};
    if (::fstat(lock, &now) != 0 || (now.st_size < static_cast<off_t>(kPage) && ::ftruncate(lock, kPage) != 0)) {
      ::close(lock);
      return Failure{fmt::format("state file {}: cannot be sized: {}", lock_path, std::strerror(errno))};
    }
  }
  void* page = ::mmap(nullptr, kPage, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, lock, 0);
  if (page == MAP_FAILED) {
    ::close(lock);
    return Failure{fmt::format("state file {}: cannot be mapped: {}", lock_path, std::strerror(errno))};
  }
  std::unique_ptr<Store> store(new Store(directory, lock, static_cast<std::atomic<std::uint32_t>*>(page), writable));

  const State fresh = initial();
  store->scenario_ = fresh.scenario;
  const std::string path = directory + "/state";
  {
    const FileLock hold(lock, writable ? LOCK_EX : LOCK_SH);
    const auto text = read_file(path);
    const auto known = text ? read_state(*text) : Outcome<State>(Failure{"absent"});
    if (known && known->scenario == fresh.scenario && known->gpus.size() == fresh.gpus.size()) {
      store->state_ = std::make_shared<const State>(*known);
      store->read_at_ = store->counter_->load();
      return store;
    }
    if (!writable) return Failure{fmt::format("state {}: belongs to another scenario and cannot be replaced", path)};
    if (!store->write(fresh))
      return Failure{fmt::format("state {}: cannot be written: {}", path, std::strerror(errno))};
  }
  return store;
}

Store::~Store() {
  ::munmap(counter_, 4096);
  ::close(lock_);
}

bool Store::write(const State& state) {
  const std::string path = directory_ + "/state";
  const std::string temporary = path + ".new";
  {
    std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
    out << write_state(state);
    if (!out.flush()) return false;
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) return false;
  const std::uint32_t next = counter_->fetch_add(1) + 1;
  {
    const std::lock_guard hold(mutex_);
    state_ = std::make_shared<const State>(state);
    read_at_ = next;
  }
  ::syscall(SYS_futex, counter_, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
  return true;
}

bool Store::refresh() {
  const std::uint32_t now = counter_->load(std::memory_order_acquire);
  if (now == read_at_) return ours_;
  const auto text = read_file(directory_ + "/state");
  const auto state = text ? read_state(*text) : Outcome<State>(Failure{"absent"});
  read_at_ = now;
  // Somebody opened the directory with another scenario: this process goes on with what it last knew.
  ours_ = state && state->scenario == scenario_;
  if (!ours_) return false;
  state_ = std::make_shared<const State>(*state);
  return true;
}

std::shared_ptr<const State> Store::current() {
  const std::lock_guard hold(mutex_);
  refresh();
  return state_;
}

bool Store::update(const std::function<bool(State&)>& change) {
  if (!writable_) return false;
  const std::lock_guard one(writing_);
  const FileLock hold(lock_, LOCK_EX);
  std::shared_ptr<const State> newest;
  {
    const std::lock_guard guard(mutex_);
    if (!refresh()) return false;
    newest = state_;
  }
  State next = *newest;
  return change(next) && write(next);
}

std::uint32_t Store::generation() const { return counter_->load(std::memory_order_acquire); }

void Store::wait(std::uint32_t seen, std::chrono::microseconds at_most) const {
  if (at_most.count() <= 0) return;
  timespec timeout{};
  timeout.tv_sec = at_most.count() / 1'000'000;
  timeout.tv_nsec = (at_most.count() % 1'000'000) * 1000;
  ::syscall(SYS_futex, counter_, FUTEX_WAIT, seen, &timeout, nullptr,
            0);  // woken, over, or changed meanwhile: the caller looks
}

}  // namespace tessera::sim
