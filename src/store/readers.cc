#include "store/readers.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <utility>

#include "store/dialect.h"

namespace tessera::store {
namespace {

constexpr auto kWait = std::chrono::seconds(10);

}  // namespace

Readers::Readers(std::string url, std::size_t most, DatabaseOptions options)
    : url_(std::move(url)), most_(most), options_([&options] {
        options.migrate = false;
        return std::move(options);
      }()) {}

Result<std::unique_ptr<Database>> Readers::borrow() {
  {
    std::unique_lock lock(mutex_);
    const auto has_one = [this] { return lent_ < most_; };
    bool given = has_one();
    if (!given && waiting_ < most_) {
      ++waiting_;
      given = given_back_.wait_for(lock, kWait, has_one);
      --waiting_;
    }
    if (!given)
      return fail(Code::Unavailable,
                  "all {} connections to the database that read are busy (database.pool-size): ask again", most_);
    ++lent_;
    if (!free_.empty()) {
      auto out = std::move(free_.back());
      free_.pop_back();
      return out;
    }
  }
  auto opened = Database::open(url_, options_);
  // In memory a reader sees what is being written: it would have to wait for the writer otherwise.
  if (opened && (*opened)->dialect().name == kSqlite.name)
    if (auto ready = (*opened)->run("PRAGMA query_only = ON"); !ready) opened = ready.error();
  if (opened && url_.find("mode=memory") != std::string::npos)
    if (auto ready = (*opened)->run("PRAGMA read_uncommitted = ON"); !ready) opened = ready.error();
  if (!opened) give_back(nullptr);
  return opened;
}

void Readers::give_back(std::unique_ptr<Database> database) {
  const std::lock_guard lock(mutex_);
  --lent_;
  if (database) free_.push_back(std::move(database));
  given_back_.notify_one();
}

Result<void> Readers::with(const std::function<Result<void>(Database&)>& work) {
  const auto begin = std::chrono::steady_clock::now();
  auto database = TRY(borrow());
  auto done = work(*database);
  give_back(std::move(database));
  const std::lock_guard lock(mutex_);
  if (done) {
    ++stats_.reads;
    stats_.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }
  return done;
}

ReadersStats Readers::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

std::string shared_url(const std::string& url) {
  if (url != "sqlite::memory:") return url;
  static std::atomic<int> count = 0;
  return fmt::format("sqlite:file:tessera-{}-{}?mode=memory&cache=shared", ::getpid(), ++count);
}

}  // namespace tessera::store
