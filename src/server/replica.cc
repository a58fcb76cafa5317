#include "server/replica.h"

#include <chrono>
#include <utility>

#include "base/every.h"
#include "base/log.h"

namespace tessera::server {
namespace {
using namespace std::chrono_literals;

constexpr Milliseconds kPeriod = 1s;
constexpr std::size_t kMostWaiting = 16;  // records handed over and not yet taken: each may be as large as a request

/// Says it when something begins to fail, and when it works again.
class Failing {
 public:
  explicit Failing(std::string_view what) : what_(what) {}
  void note(const Result<void>& done) {
    if (!done && !failed_) log::error(std::string(what_) + " fails", {{"why", done.error().what}});
    if (done && failed_) log::info(std::string(what_) + " works again");
    failed_ = !done;
  }

 private:
  const std::string_view what_;
  bool failed_ = false;
};

}  // namespace

Teller::Teller(std::unique_ptr<store::Database> database, std::int64_t epoch, const Latest<Published>& published,
               Take take)
    : database_(std::move(database)),
      published_(published),
      take_(std::move(take)),
      writer_(*database_, epoch),
      thread_([this](const std::stop_token& stop) {
        Failing failing("telling other servers what the fleet is");
        every(kPeriod, stop, [&] { failing.note(tell()); });
      }) {}

Result<void> Teller::tell() {
  if (const auto published = published_.get(); published && published != told_) {
    TRY(writer_.write({published->view, published->serving}));
    told_ = published;
  }
  const auto records = TRY(store::handed_over(*database_, kMostWaiting));
  if (records.empty()) return {};
  for (const store::HandedOver& one : records) TRY(take_(one));
  TRY(store::drop_handed_over(*database_, records));
  log::info("records that another server had accepted are taken in", {{"records", std::to_string(records.size())}});
  return {};
}

Follower::Follower(std::unique_ptr<store::Database> database, std::string journal_id, journal::Journal& journal,
                   Latest<Published>& published, const Latest<fleet::ClusterView>& cluster,
                   std::function<bool()> elsewhere)
    : database_(std::move(database)),
      journal_id_(std::move(journal_id)),
      journal_(journal),
      published_(published),
      cluster_(cluster),
      elsewhere_(std::move(elsewhere)),
      reader_(*database_),
      thread_([this](const std::stop_token& stop) {
        Failing looking("reading what the leader tells"), handing("handing over what was accepted");
        every(kPeriod, stop, [&] {
          looking.note(look());
          handing.note(hand_over(stop));
        });
      }) {}

Result<void> Follower::look() {
  const auto live = TRY(reader_.read());
  if (!live) return {};
  Published next;
  next.view = live->view;
  next.serving = live->serving;
  next.epoch = reader_.epoch();
  next.overviews = fold_.of(*live->view);
  if (auto cluster = cluster_.get()) next.cluster = std::move(cluster);
  published_.publish(std::move(next));
  sees_ = true;
  return {};
}

// Only while another one leads: then what this one has worked off is written down for good.
Result<void> Follower::hand_over(const std::stop_token& stop) {
  if (!elsewhere_()) return {};
  if (!record_) record_ = TRY(journal_.next({}, {}));
  if (!record_) return {};
  const auto position = TRY(store::position_of(*database_, journal_id_)).value_or(0);
  std::uint64_t waiting = TRY(store::handed_over_count(*database_)), count = 0;
  while (record_ && !stop.stop_requested() && elsewhere_()) {
    const bool counted = record_->sequence <= position;
    if (!counted && waiting++ >= kMostWaiting) break;
    if (!next_) next_ = TRY(journal_.next({}, {}));
    if (!counted) {
      TRY(store::hand_over(*database_, {journal_id_, record_->sequence, record_->kind, record_->body, !next_}));
      ++count;
    }
    TRY(journal_.acknowledge(record_->sequence));
    record_ = std::exchange(next_, std::nullopt);
  }
  if (count > 0)
    log::info("what was accepted and not worked off is handed to the leader", {{"records", std::to_string(count)}});
  return {};
}

}  // namespace tessera::server
