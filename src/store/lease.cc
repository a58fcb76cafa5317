#include "store/lease.h"

#include <fmt/format.h>

#include <array>

#include "store/dialect.h"

namespace tessera::store {
namespace {

struct Seen {
  Lease lease;
  bool over = false;
  std::string predecessor;
};

Result<Seen> look(Database& database, const Candidate& candidate) {
  Seen out;
  TRY(database.each(fmt::format("SELECT epoch, holder, address, CASE WHEN expires <= {} THEN 1 ELSE 0 END, "
                                "predecessor FROM leader WHERE id = 1",
                                database.dialect().now_ms),
                    {}, [&](const Row& row) {
                      out.lease = {row.integer(0).value_or(0), row.text(1), row.text(2), false};
                      out.over = row.integer(3) == 1;
                      out.predecessor = row.text(4);
                    }));
  // Its own process of before has ended: the folder of a journal has one server at a time.
  out.over |= out.lease.holder == candidate.journal;
  return out;
}

/// `progress` is put aside under the journal it belongs to, and becomes that of another.
Result<void> change_journal(Database& database, const std::string& from, const std::string& to) {
  if (from == to) return {};
  constexpr std::string_view kColumns = "journal_sequence, recall_sequence, counted_at";
  if (!from.empty()) {
    TRY(database.run("DELETE FROM journal_progress WHERE journal = ?", {from}));
    TRY(database.run(
        fmt::format("INSERT INTO journal_progress (journal, {0}) SELECT CAST(? AS TEXT), {0} FROM progress "
                    "WHERE id = 1",
                    kColumns),
        {from}));
  }
  std::array<std::int64_t, 3> position{};
  const Value key = to;
  TRY(database.each(fmt::format("SELECT {} FROM journal_progress WHERE journal = ?", kColumns), {&key, 1},
                    [&](const Row& row) {
                      for (std::size_t i = 0; i < position.size(); ++i) position[i] = row.integer(i).value_or(0);
                    }));
  return database.run("UPDATE progress SET journal_sequence = ?, recall_sequence = ?, counted_at = ?",
                      {position[0], position[1], position[2]});
}

}  // namespace

Result<Lease> hold_lease(Database& database, const Candidate& candidate, std::int64_t epoch) {
  const std::string until = fmt::format("{} + {}", database.dialect().now_ms, candidate.term.count());
  Lease out;
  TRY(database.atomically([&]() -> Result<void> {
    if (epoch > 0 && TRY(database.change(
                         fmt::format("UPDATE leader SET expires = {}, address = ? WHERE id = 1 AND epoch = ?", until),
                         {candidate.address, epoch})) == 1) {
      out = {epoch, candidate.journal, candidate.address, true, {}};
      return {};
    }
    const Seen seen = TRY(look(database, candidate));
    out = seen.lease;
    if (!seen.over) return {};
    // A transaction of the last holder that has checked its epoch is waited for; of two candidates one changes the row.
    const std::string predecessor = seen.lease.holder == candidate.journal ? seen.predecessor : seen.lease.holder;
    const std::uint64_t taken = TRY(
        database.change(fmt::format("UPDATE leader SET epoch = epoch + 1, holder = ?, address = ?, predecessor = ?, "
                                    "expires = {} WHERE id = 1 AND epoch = ?",
                                    until),
                        {candidate.journal, candidate.address, predecessor, seen.lease.epoch}));
    if (taken == 0) return {};
    out = {seen.lease.epoch + 1, candidate.journal, candidate.address, true,
           predecessor.empty() ? seen.lease.holder : predecessor};
    return change_journal(database, seen.lease.holder, candidate.journal);
  }));
  return out;
}

Result<void> release_lease(Database& database, std::int64_t epoch) {
  return database.run("UPDATE leader SET expires = 0 WHERE id = 1 AND epoch = ?", {epoch});
}

Result<void> check_epoch(Database& database, std::int64_t epoch) {
  std::int64_t present = 0;
  std::string address;
  TRY(database.each(fmt::format("SELECT epoch, address FROM leader WHERE id = 1{}", database.dialect().lock_shared), {},
                    [&](const Row& row) {
                      present = row.integer(0).value_or(0);
                      address = row.text(1);
                    }));
  if (present == epoch) return {};
  return fail(Code::Denied, "database {}: epoch {} is over: the server at {} leads since epoch {}", database.shown(),
              epoch, address, present);
}

}  // namespace tessera::store
