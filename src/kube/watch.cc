#include "kube/watch.h"

#include <algorithm>
#include <mutex>
#include <random>
#include <thread>

#include "base/every.h"
#include "base/log.h"
#include "kube/json_slice.h"
#include "kube/known_objects.h"
#include "kube/status.h"
#include "kube/trouble_log.h"
#include "kube/watch_wire.h"

namespace tessera::kube {
namespace {

constexpr std::chrono::seconds kShortWatch{1};  // one that ends sooner without a word would otherwise spin
constexpr Milliseconds kListStall{30'000};
constexpr std::size_t kMaxPageBytes = 64U << 20U;
constexpr std::size_t kMaxWholeListBytes = 512U << 20U;
constexpr int kMaxRefusals = 3;  // of one resource version, before a new list is asked for
constexpr Milliseconds kMaxRetryAfter{300'000};

enum class Next { Again, Relist };

/// What went wrong, under which name it counts, and how to go on.
struct Trouble {
  std::string_view kind;
  Next next;
  std::string what;
  std::optional<Milliseconds> wait{};
};

Trouble garbage(std::string what) { return {"garbage", Next::Relist, std::move(what)}; }

Trouble judge(const Status& status, std::string what) {
  if (status.code == 410 || status.reason == "Expired" || status.reason == "Gone")
    return {"expired", Next::Relist, std::move(what)};
  if (status.code == 401 || status.code == 403) return {"denied", Next::Again, std::move(what)};
  if (status.code == 404) return {"not_found", Next::Relist, std::move(what)};
  if (status.code == 429) return {"throttled", Next::Again, std::move(what), status.retry_after};
  const bool our_fault = status.code / 100 == 4;
  return {"refused", our_fault ? Next::Relist : Next::Again, std::move(what), status.retry_after};
}

/// Grows with each failure, begins anew after a good time; the wait itself is random below that, so that clients which
/// failed together do not come back together.
class Backoff {
 public:
  explicit Backoff(const WatchOptions& options)
      : options_(options), now_(options.first_backoff), random_(std::random_device{}()) {}
  Milliseconds next() {
    const auto time = std::chrono::steady_clock::now();
    if (time - last_end_ >= options_.good_after) now_ = options_.first_backoff;
    const Milliseconds wait = between(Milliseconds(0), now_);
    now_ = std::min(now_ * 2, options_.most_backoff);
    last_end_ = time + wait;
    return wait;
  }
  Milliseconds between(Milliseconds least, Milliseconds most) {
    return Milliseconds(std::uniform_int_distribution<Milliseconds::rep>(least.count(), most.count())(random_));
  }

 private:
  WatchOptions options_;
  Milliseconds now_;
  SteadyTime last_end_{};
  std::mt19937_64 random_;
};

}  // namespace

class Watch::Impl {
 public:
  Impl(ApiServer server, WatchOptions options, std::function<void(const Event&)> tell)
      : options_(std::move(options)),
        api_(std::move(server)),
        known_(std::move(tell)),
        backoff_(options_),
        thread_([this](const std::stop_token& stop) { run(stop); }) {}

  WatchStats stats() const {
    const std::lock_guard lock(mutex_);
    return stats_;
  }

 private:
  using MaybeTrouble = std::optional<Trouble>;

  void run(const std::stop_token& stop) {
    bool listed = false;
    while (!stop.stop_requested()) {
      const MaybeTrouble trouble = listed ? watch(stop) : list(stop);
      if (stop.stop_requested()) return;
      if (!trouble) {
        listed = true;
        continue;
      }
      if (trouble->next == Next::Relist) listed = false;
      count([&](WatchStats& stats) {
        ++stats.errors[std::string(trouble->kind)];
        stats.last_error = trouble->what;
      });
      // That a server forgets old versions is how it works.
      if (trouble->kind != "expired" && trouble_log_.failed(trouble->what, std::chrono::steady_clock::now()))
        log::warn("watching the API server fails: trying again, what it said before stays",
                  {{"resource", options_.path}, {"error", trouble->what}});
      const Milliseconds least = std::min(trouble->wait.value_or(Milliseconds(0)), kMaxRetryAfter);
      wait_until(std::chrono::steady_clock::now() + std::max(backoff_.next(), least), stop);
    }
  }

  template <class Change>
  void count(const Change& change) {
    const std::lock_guard lock(mutex_);
    change(stats_);
    stats_.objects = known_.size();
  }

  ApiRequest request(Query query) const {
    ApiRequest request;
    request.path = options_.path;
    request.query = std::move(query);
    if (!options_.label_selector.empty()) request.query.emplace_back("labelSelector", options_.label_selector);
    if (!options_.field_selector.empty()) request.query.emplace_back("fieldSelector", options_.field_selector);
    return request;
  }

  /// What a call that is over leads to; none where it went well.
  MaybeTrouble outcome(const Result<http::ClientResponse>& reply, const ApiRequest& request, bool opened) {
    if (!reply) {
      const std::string_view kind = reply.error().code != Code::Unavailable ? "unusable"
                                    : opened                                ? "cut"
                                                                            : "unreachable";
      return Trouble{kind, Next::Again, reply.error().what};
    }
    if (reply->status / 100 == 2) return std::nullopt;
    return refused(read_status(reply->status, reply->body, reply->header("retry-after")), request);
  }

  Trouble refused(const Status& status, const ApiRequest& request) {
    const bool watching = !request.query.empty() && request.query.front().first == "watch";
    const std::string right = needed_right(request.method, request.path, watching);
    Trouble trouble = judge(status, refusal(status, api_.tried(request), right).what);
    // A version that the server will not watch from (of a restored etcd, of another replica) may never become good.
    if (trouble.kind == "refused" && ++refusals_ >= kMaxRefusals) trouble.next = Next::Relist;
    if (trouble.next == Next::Relist) refusals_ = 0;
    return trouble;
  }

  MaybeTrouble list(const std::stop_token& stop) {
    known_.begin_list();
    std::string next_page;
    do {
      Query query;
      if (!whole_list_) query.emplace_back("limit", std::to_string(options_.page));
      if (!next_page.empty()) query.emplace_back("continue", next_page);
      if (MaybeTrouble trouble = list_page(request(std::move(query)), next_page, stop)) {
        // Pages outlive their snapshot where they are slow: then all of it at once.
        if (trouble->kind == "expired") whole_list_ = true;
        return trouble;
      }
    } while (!next_page.empty());
    whole_list_ = false;
    known_.end_list();
    count([](WatchStats& stats) {
      ++stats.lists;
      stats.synced = true;
    });
    return std::nullopt;
  }

  MaybeTrouble list_page(ApiRequest request, std::string& next_page, const std::stop_token& stop) {
    request.stall_limit = kListStall;
    const std::size_t most_bytes = whole_list_ ? kMaxWholeListBytes : kMaxPageBytes;
    std::string body;
    bool too_long = false;
    const auto reply = api_.stream(
        request,
        [&](std::string_view chunk) {
          too_long = chunk.size() > most_bytes - body.size();
          if (!too_long) body += chunk;
          return !too_long;
        },
        stop);
    if (MaybeTrouble trouble = outcome(reply, request, !body.empty())) return trouble;
    if (too_long) return garbage(fmt::format("{}: the list is longer than {} bytes", api_.tried(request), most_bytes));
    const auto page = read_list_page(body);
    if (!page) return garbage(fmt::format("{}: {}", api_.tried(request), page.error().what));
    if (page->version.empty()) return garbage(fmt::format("{}: the list has no resourceVersion", api_.tried(request)));
    for (const auto& object : page->items) known_.present(object);
    version_ = page->version;
    next_page = page->continue_;
    return std::nullopt;
  }

  MaybeTrouble watch(const std::stop_token& stop) {
    const auto seconds =
        std::chrono::ceil<std::chrono::seconds>(backoff_.between(options_.least_timeout, options_.most_timeout));
    ApiRequest request = this->request({{"watch", "1"},
                                        {"allowWatchBookmarks", "true"},
                                        {"resourceVersion", version_},
                                        {"timeoutSeconds", std::to_string(seconds.count())}});
    request.stall_limit = seconds + options_.stall_grace;
    LineCutter lines(options_.max_line_bytes);
    MaybeTrouble trouble;
    bool opened = false;
    bool heard = false;
    const auto began = std::chrono::steady_clock::now();
    const auto reply = api_.stream(
        request,
        [&](std::string_view chunk) {
          if (!std::exchange(opened, true)) note_opened();
          const auto fed = lines.feed(chunk, [&](std::string_view line) {
            heard = true;
            trouble = take(line, request);
            return !trouble;
          });
          if (!fed) trouble = garbage(fmt::format("{}: {}", api_.tried(request), fed.error().what));
          return !trouble;
        },
        stop);
    count([](WatchStats& stats) { stats.connected = false; });
    if (trouble) return trouble;
    trouble = outcome(reply, request, opened);
    if (trouble) return trouble;
    if (lines.inside_line())
      return Trouble{"cut", Next::Again, api_.tried(request) + ": the watch ended in the middle of a line"};
    if (!heard && std::chrono::steady_clock::now() - began < kShortWatch)
      return Trouble{"too_short", Next::Again, api_.tried(request) + ": the watch ended at once, without an event"};
    return std::nullopt;
  }

  void note_opened() {
    count([](WatchStats& stats) {
      ++stats.watches;
      stats.connected = true;
      stats.last_error.clear();
    });
    if (trouble_log_.works()) log::info("watching the API server works again", {{"resource", options_.path}});
  }

  MaybeTrouble take(std::string_view line, const ApiRequest& request) {
    const auto event = read_watch_line(line);
    if (!event) return garbage(fmt::format("{}: {}", api_.tried(request), event.error().what));
    if (event->type == WatchLine::Type::Error) return refused(read_status(500, event->object), request);
    if (event->type == WatchLine::Type::Bookmark) {
      const std::string version = text_member(member(event->object, "metadata").value_or(""), "resourceVersion");
      if (!version.empty()) version_ = version;
      count([](WatchStats& stats) { ++stats.bookmarks; });
      return std::nullopt;
    }
    const auto object = read_object(event->object);
    if (!object) return garbage(fmt::format("{}: {}", api_.tried(request), object.error().what));
    if (object->version.empty())
      return garbage(fmt::format("{}: {} came without a resourceVersion", api_.tried(request), object->key));
    event->type == WatchLine::Type::Deleted ? known_.gone(*object) : known_.present(*object);
    version_ = object->version;
    refusals_ = 0;
    count([](WatchStats& stats) {
      ++stats.events;
      stats.last_event = now_epoch_ms();
    });
    return std::nullopt;
  }

  const WatchOptions options_;
  Api api_;
  KnownObjects known_;
  Backoff backoff_;
  TroubleLog trouble_log_;
  std::string version_;      // to watch from
  bool whole_list_ = false;  // ask for no pages the next time
  int refusals_ = 0;         // in a row

  mutable std::mutex mutex_;
  WatchStats stats_;  // guarded by mutex_

  std::jthread thread_;  // last: it uses all the others, and ends first
};

Watch::Watch(ApiServer server, WatchOptions options, std::function<void(const Event&)> tell)
    : impl_(std::make_unique<Impl>(std::move(server), std::move(options), std::move(tell))) {}
Watch::~Watch() = default;
WatchStats Watch::stats() const { return impl_->stats(); }

}  // namespace tessera::kube
