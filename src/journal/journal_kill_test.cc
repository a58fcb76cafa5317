// A child appends, reads and acknowledges at random and is killed at random. What it said it had done, it had done.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <map>
#include <random>

#include "journal/journal_test.h"

namespace tessera::journal {
namespace {

/// What the child tells over the pipe; each is one write, so it comes whole or not at all.
struct Said {
  enum What : std::uint64_t { Appended, WillAcknowledge, Acknowledged, Wrong } what;
  Sequence sequence;
  std::uint64_t id;
};

/// A body that carries its id and length; some fill several segments' worth.
std::string known_body(std::uint64_t id) {
  return std::to_string(id) + ' ' + body_of(id, id * 7919 % (id % 50 == 0 ? 30'000 : 500));
}

Options options_in(const TempDir& dir) {
  return {.dir = dir.path(), .segment_bytes = 4000, .sync_every = Milliseconds(1)};
}

/// Both what the child may do next and what the parent expects to find.
struct Ledger {
  std::map<Sequence, std::uint64_t> pending;  ///< appended, by id
  Sequence acknowledged = 0;                  ///< surely
  Sequence may_be_acknowledged = 0;

  void hear(const Said& said) {
    if (said.what == Said::Appended) pending.emplace(said.sequence, said.id);
    if (said.what == Said::WillAcknowledge) may_be_acknowledged = said.sequence;
    if (said.what == Said::Acknowledged) acknowledged = said.sequence;
    ASSERT_NE(said.what, Said::Wrong) << "the child read a wrong record " << said.sequence;
  }
};

[[noreturn]] void live_until_killed(const TempDir& dir, std::uint64_t id, unsigned seed, int pipe) {
  std::mt19937 random(seed);
  const auto say = [&](Said::What what, Sequence sequence, std::uint64_t about = 0) {
    const Said said{what, sequence, about};
    if (::write(pipe, &said, sizeof said) != sizeof said) ::_exit(1);
  };
  const auto journal = Journal::open(options_in(dir));
  if (!journal) ::_exit(2);
  Sequence read = 0;
  for (;;) {
    if (random() % 3 != 0) {
      const auto sequence = (*journal)->append(kTime, 2, 1, known_body(id));
      if (!sequence) ::_exit(3);
      say(Said::Appended, *sequence, id++);
    } else if (random() % 4 != 0) {
      const auto record = (*journal)->next({}, {});
      if (!record) ::_exit(4);
      if (!*record) continue;
      read = (*record)->sequence;
      if ((*record)->body != known_body(std::strtoull((*record)->body.c_str(), nullptr, 10))) say(Said::Wrong, read);
    } else if (read != 0) {
      say(Said::WillAcknowledge, read);
      if (!(*journal)->acknowledge(read)) ::_exit(5);
      say(Said::Acknowledged, read);
    }
  }
}

/// Lets a child live for about so many words, then kills it, and hears it out.
void one_life(const TempDir& dir, Ledger& ledger, std::uint64_t id, std::mt19937& random) {
  int pipe[2];
  ASSERT_EQ(::pipe(pipe), 0);
  const auto seed = static_cast<unsigned>(random());
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::close(pipe[0]);
    live_until_killed(dir, id, seed, pipe[1]);
  }
  ::close(pipe[1]);
  auto left = static_cast<int>(random() % 200);
  Said said{};
  while (::read(pipe[0], &said, sizeof said) == sizeof said) {
    ASSERT_NO_FATAL_FAILURE(ledger.hear(said));
    if (left-- != 0) continue;
    for (auto spin = random() % 20'000; spin > 0; --spin) asm volatile("");  // so that it falls anywhere
    ::kill(child, SIGKILL);
  }
  ::close(pipe[0]);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status)) << "the child gave up at step " << WEXITSTATUS(status);
}

void expect_as_the_child_left_it(Journal& journal, Ledger& ledger, std::uint64_t next_id) {
  const auto records = drain(journal);
  auto due = ledger.pending.upper_bound(ledger.acknowledged);
  if (!records.empty() && records[0].sequence > ledger.may_be_acknowledged && due != ledger.pending.end() &&
      due->first <= ledger.may_be_acknowledged)
    due = ledger.pending.upper_bound(ledger.may_be_acknowledged);  // killed between the deed and the word
  for (const auto& record : records) {
    if (due == ledger.pending.end()) {  // appended, but killed before saying so
      ASSERT_EQ(&record, &records.back()) << "more than one record came that nobody told of";
      ASSERT_EQ(record.body, known_body(next_id));
      break;
    }
    ASSERT_EQ(record.sequence, due->first);
    ASSERT_TRUE(record.body == known_body(due->second)) << "record " << record.sequence;
    ++due;
  }
  ASSERT_TRUE(due == ledger.pending.end()) << "record " << due->first << " is lost";
}

TEST(JournalKill, WhatWasAppendedAndNotAcknowledgedComesOnceAndWhole) {
  const char* asked = std::getenv("TESSERA_JOURNAL_KILLS");
  const int kills = asked != nullptr ? std::atoi(asked) : 100;
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937 random(seed);
  const TempDir dir;
  Ledger ledger;
  std::uint64_t id = 1;
  for (int life = 0; life < kills; ++life) {
    SCOPED_TRACE(fmt::format("life {}", life));
    ASSERT_NO_FATAL_FAILURE(one_life(dir, ledger, id, random));
    if (!ledger.pending.empty()) id = std::max(id, ledger.pending.rbegin()->second + 1);
    const auto journal = open_at(options_in(dir));
    ASSERT_NO_FATAL_FAILURE(expect_as_the_child_left_it(*journal, ledger, id));
    ASSERT_LE(total_dropped(journal->stats()).records, 1U) << "but for the record in the making, nothing is lost";
    // The next life begins with a clear ledger, some of it acknowledged by us.
    journal->rewind();
    ledger = {};
    for (const auto& record : drain(*journal)) {
      ledger.pending.emplace(record.sequence, std::strtoull(record.body.c_str(), nullptr, 10));
      if (random() % 20 == 0) ledger.acknowledged = ledger.may_be_acknowledged = record.sequence;
    }
    ASSERT_TRUE(journal->acknowledge(ledger.acknowledged));
    if (!ledger.pending.empty()) id = std::max(id, ledger.pending.rbegin()->second + 1);
  }
}

}  // namespace
}  // namespace tessera::journal
