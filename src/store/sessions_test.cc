#include "store/sessions.h"

#include <algorithm>

#include "store/test_database.h"

namespace tessera::store {
namespace {

fleet::Ended ended(unsigned pid, EpochMs start, EpochMs end) {
  fleet::Ended one;
  one.cluster = "default";
  one.node = "a";
  one.device_uuid = "GPU-1";
  one.device_id = "a-GPU-00";
  fleet::SessionFacts facts;
  facts.pid = pid;
  facts.command = "python3";
  facts.workload = {"ml", "trainer-0", "main", "u-1"};
  one.session.facts = std::make_shared<const fleet::SessionFacts>(std::move(facts));
  one.session.part = {2, std::nullopt};
  one.session.start = start;
  one.session.first_seen = start + 5;
  one.session.last_seen = one.end = end;
  one.session.peak_memory_bytes = 1000;
  one.session.util_sum = 120;
  one.session.util_samples = 2;
  return one;
}

struct Sessions : EachDatabase {
  void write(const std::vector<fleet::Ended>& all) const {
    for (const fleet::Ended& one : all) ASSERT_TRUE(write_session(*database, one));
  }
  std::vector<fleet::Ended> past(const SessionFilter& filter = {}, std::size_t limit = 100,
                                 const std::optional<SessionPlace>& after = std::nullopt) const {
    auto found = past_sessions(*database, filter, limit, after);
    if (!found) throw std::runtime_error(found.error().what);
    return *std::move(found);
  }
};
INSTANTIATE_EACH_DOOR(Sessions);

TEST_P(Sessions, AreKept) {
  write({ended(7, 1000, 2000), ended(8, 1500, 3000)});
  const auto all = past();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].session.facts->pid, 8U) << "the latest end first";
  const auto& first = all[1];
  EXPECT_EQ(*first.session.facts, *ended(7, 0, 0).session.facts);
  EXPECT_EQ(first.session.part, (fleet::Part{2, std::nullopt}));
  EXPECT_EQ(first.session.start, 1000);
  EXPECT_EQ(first.end, 2000);
  EXPECT_EQ(first.session.peak_memory_bytes, 1000U);
  EXPECT_EQ(first.device_id, "a-GPU-00");
}

TEST_P(Sessions, ASessionSeenAgainIsTheSame) {
  auto more = ended(7, 1000, 9000);
  more.session.first_seen = 8000;
  more.session.peak_memory_bytes = 500;
  write({ended(7, 1000, 2000)});
  write({more});
  write({more});
  const auto all = past();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].session.first_seen, 1005);
  EXPECT_EQ(all[0].end, 9000);
  EXPECT_EQ(all[0].session.peak_memory_bytes, 1000U);
  EXPECT_EQ(all[0].session.util_samples, 4U);
}

TEST_P(Sessions, AreFoundByWhatOneAsksFor) {
  auto other = ended(9, 1000, 5000);
  other.device_uuid = "GPU-2";
  write({ended(7, 1000, 2000), ended(8, 4000, 6000), other});
  SessionFilter filter;
  filter.from = 5000;
  EXPECT_EQ(past(filter).size(), 2U);
  filter.devices = {"GPU-2"};
  EXPECT_EQ(past(filter).size(), 1U);
  filter = {};
  filter.to = 1005;
  EXPECT_EQ(past(filter).size(), 2U);
  filter = {};
  filter.pod = "nobody' OR 1=1 --";
  EXPECT_EQ(past(filter).size(), 0U);
  EXPECT_EQ(past({}, 1).size(), 1U);
  filter = {};
  filter.search = "_";
  EXPECT_EQ(past(filter).size(), 0U) << "no wildcard";
  filter.search = "trainer-0";
  filter.command = "python";
  filter.nodes = {"a", "b"};
  EXPECT_EQ(past(filter).size(), 3U);
  EXPECT_EQ(*count_sessions(*database, filter), 3U);
  EXPECT_EQ(*drop_sessions_before(*database, 5000), 1U);
  EXPECT_EQ(past().size(), 2U);
}

TEST_P(Sessions, PagesMakeUpTheWhole) {
  std::vector<fleet::Ended> many;
  for (unsigned pid = 1; pid <= 25; ++pid) many.push_back(ended(pid, 1000, 2000 + pid % 3));
  write(many);
  std::vector<unsigned> whole, parts;
  for (const auto& one : past()) whole.push_back(one.session.facts->pid);
  std::optional<SessionPlace> after;
  for (int page = 0; page < 9; ++page)
    for (const auto& one : past({}, 4, after)) {
      parts.push_back(one.session.facts->pid);
      after = place_of(one);
    }
  EXPECT_EQ(parts, whole);
  EXPECT_EQ(whole.size(), 25U);
}

RunningSession running(std::int64_t id, EpochMs last_seen) {
  fleet::Ended one = ended(static_cast<unsigned>(id), 1000, last_seen);
  RunningSession out{id, {one.cluster, one.node, one.device_uuid, one.device_id, std::move(one.session)}};
  out.running.session.util_until = last_seen - 1;
  return out;
}

TEST_P(Sessions, ThoseThatRunAreAsTheyWereNoted) {
  RunningSession bare = running(2, 2000);
  bare.running.session.start.reset();
  bare.running.session.peak_memory_bytes.reset();
  bare.running.session.part = {};
  ASSERT_TRUE(write_running(*database, {{running(1, 2000), bare, running(3, 2000)}, {}}));
  RunningSession later = running(1, 3000);
  later.running.session.peak_memory_bytes = 1ULL << 40U;
  later.running.session.util_sum = 1e6 + 0.5;
  later.running.session.util_samples = 12'345;
  ASSERT_TRUE(write_running(*database, {{later, running(4, 3000)}, {3}}));
  auto read = running_sessions(*database);
  ASSERT_TRUE(read) << read.error().what;
  ASSERT_EQ(read->size(), 3U);
  std::ranges::sort(*read, {}, &RunningSession::id);
  const auto same = [](const RunningSession& is, const RunningSession& wanted) {
    const fleet::Session &a = is.running.session, &b = wanted.running.session;
    EXPECT_EQ(is.id, wanted.id);
    EXPECT_EQ(is.running.cluster, wanted.running.cluster);
    EXPECT_EQ(is.running.node, wanted.running.node);
    EXPECT_EQ(is.running.device_uuid, wanted.running.device_uuid);
    EXPECT_EQ(is.running.device_id, wanted.running.device_id);
    EXPECT_EQ(*a.facts, *b.facts);
    EXPECT_EQ(a.part, b.part);
    EXPECT_EQ(a.start, b.start);
    EXPECT_EQ(a.first_seen, b.first_seen);
    EXPECT_EQ(a.last_seen, b.last_seen);
    EXPECT_EQ(a.peak_memory_bytes, b.peak_memory_bytes);
    EXPECT_EQ(a.util_sum, b.util_sum);
    EXPECT_EQ(a.util_samples, b.util_samples);
    EXPECT_EQ(a.util_until, b.util_until);
  };
  same(read->at(0), later);
  same(read->at(1), bare);
  same(read->at(2), running(4, 3000));
  EXPECT_TRUE(past().empty()) << "none of them has ended";
}

TEST_P(Sessions, ManyThatRunAreNotedTogether) {
  RunningChanges changes;
  for (std::int64_t id = 1; id <= 1'203; ++id) changes.now.push_back(running(id, 2000));
  const auto first = write_running(*database, changes);
  ASSERT_TRUE(first) << first.error().what;
  for (auto& one : changes.now) one.running.session.last_seen = 9000;
  for (std::int64_t id = 1'101; id <= 1'203; ++id) changes.gone.push_back(id);
  ASSERT_TRUE(write_running(*database, changes));
  const auto read = running_sessions(*database);
  ASSERT_TRUE(read) << read.error().what;
  EXPECT_EQ(read->size(), 1'100U);
  for (const RunningSession& one : *read) ASSERT_EQ(one.running.session.last_seen, 9000) << one.id;
}

}  // namespace
}  // namespace tessera::store
