#include "server/replica.h"

#include <chrono>
#include <utility>

#include "base/every.h"
#include "base/log.h"

namespace tessera::server {
namespace {
using namespace std::chrono_literals;

constexpr Milliseconds kPeriod = 1s;
constexpr std::uint64_t kMostWaiting = 32U << 20U;  // bytes handed over and not yet counted
constexpr std::size_t kAtOnce = 16;                 // records in memory: each may be as large as a request

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

store::HandedOver handed(const std::string& journal, const journal::Record& record, std::uint64_t counted, bool last) {
  return {journal, record.sequence, record.kind, record.body, record.time, record.sequence <= counted, last};
}

}  // namespace

Teller::Teller(std::unique_ptr<store::Database> database, std::int64_t epoch, const Latest<Published>& published,
               Take take, SteadyTime take_from)
    : database_(std::move(database)),
      published_(published),
      take_(std::move(take)),
      take_from_(take_from),
      writer_(*database_, epoch),
      thread_([this](const std::stop_token& stop) {
        Failing telling("telling other servers what the fleet is"), passing("taking what was handed over");
        every(kPeriod, stop, [&] {
          telling.note(tell());
          if (std::chrono::steady_clock::now() >= take_from_) passing.note(pass_on(stop));
        });
      }) {}

Result<void> Teller::tell() {
  if (const auto published = published_.get(); published && published != told_) {
    TRY(writer_.write({published->view, published->serving}));
    told_ = published;
  }
  return {};
}

/// For a period at most: others wait for what is told.
Result<void> Teller::pass_on(const std::stop_token& stop) {
  const SteadyTime until = std::chrono::steady_clock::now() + kPeriod;
  std::size_t count = 0;
  for (bool more = true; more;) {
    const auto records = TRY(store::handed_over(*database_, passed_on_, kAtOnce));
    more = !records.empty();
    for (store::HandedOver one : records) {
      more = !stop.stop_requested() && std::chrono::steady_clock::now() < until;
      if (stop.stop_requested()) break;
      const store::Position before = TRY(store::position_of(*database_, one.journal)).value_or(store::Position{});
      one.counted |= one.sequence <= before.counted;  // it comes again
      take_(one, before);
      passed_on_[one.journal] = one.sequence;
      ++count;
    }
  }
  if (count > 0)
    log::info("records that another server had accepted are taken in", {{"records", std::to_string(count)}});
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
  const std::uint64_t counted = TRY(store::position_of(*database_, journal_id_)).value_or(store::Position{}).counted;
  const bool lacks = journal_.last() > counted;  // else nothing is missing, and what had not ended then is over
  std::uint64_t waiting = TRY(store::handed_over_bytes(*database_)), count = 0;
  while (record_ && !stop.stop_requested() && elsewhere_() && waiting < kMostWaiting) {
    if (!next_) next_ = TRY(journal_.next({}, {}));
    if (lacks) {
      TRY(store::hand_over(*database_, handed(journal_id_, *record_, counted, !next_)));
      waiting += record_->body.size();
      ++count;
    }
    const std::uint64_t done = record_->sequence;
    record_ = std::exchange(next_, std::nullopt);
    TRY(journal_.acknowledge(done));
  }
  if (count > 0)
    log::info("what was accepted and not worked off is handed to the leader", {{"records", std::to_string(count)}});
  return {};
}

Result<void> set_aside(store::Database& database, const std::string& journal_id, std::int64_t epoch,
                       journal::Journal& journal, const std::stop_token& stop) {
  // Of a lead that is over: another than the one that begins, whose journal has the same id.
  const std::string name = journal_id + '@' + std::to_string(epoch);
  const std::uint64_t counted = TRY(store::position_of(database, journal_id)).value_or(store::Position{}).counted;
  const bool lacks = journal.last() > counted;
  std::optional<std::uint64_t> last;
  TRY(database.atomically([&]() -> Result<void> {
    auto record = TRY(journal.next({}, {}));
    while (record) {
      if (stop.stop_requested()) return fail(Code::Unavailable, "the server stops");
      auto next = TRY(journal.next({}, {}));
      if (lacks) TRY(store::hand_over(database, handed(name, *record, counted, !next)));
      last = record->sequence;
      record = std::move(next);
    }
    return store::set_aside(database, journal_id, name, lacks ? last : std::nullopt);
  }));
  if (!last) return {};
  if (lacks)
    log::info("what this server had accepted when it led before is counted beside what others have counted since", {});
  return journal.acknowledge(*last);
}

}  // namespace tessera::server
