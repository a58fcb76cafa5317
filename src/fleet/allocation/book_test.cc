#include "fleet/allocation/book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace tessera::fleet {
namespace {
using enum AllocationState;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr EpochMs kStart = 1'800'000'000'000;

PodAllocation waiting(const std::string& id, const std::string& pod, std::int64_t priority = 0, EpochMs at = kStart) {
  PodAllocation out;
  out.id = id;
  out.cluster = "c";
  out.space = "ml";
  out.pod = pod;
  out.priority = priority;
  out.lease = Milliseconds(600'000);
  out.asked_by = "key:a ada";
  out.asked_at = out.since = at;
  return out;
}
Cause at(EpochMs time) { return {"because", "somebody", time}; }
PromisedPart part(const std::string& device, unsigned start, unsigned size) {
  return {"w-1", device, "2g.20gb", {start, size}};
}

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().what);
  return *std::move(result);
}

/// One in each state.
PodAllocation in(AllocationState state) {
  const PodAllocation of = waiting("a", "p");
  const auto held = [&] { return must(promised(of, {part("GPU-1", 0, 2)}, "{}", at(kStart))); };
  switch (state) {
    case Waiting:
      return of;
    case Promised:
      return held();
    case Bound:
      return must(bound(held(), {part("GPU-1", 0, 2)}, "u1", at(kStart)));
    default:
      return must(over(state == Ended ? in(Bound) : held(), state, at(kStart)));
  }
}

TEST(AllocationStates, OpenTurnsAreThese) {
  struct Row {
    AllocationState from;
    bool promise, ready, bind, take_back, wait, end, expire, release;
  };
  constexpr Row kRows[] = {{Waiting, true, false, true, false, true, true, true, true},
                           {Promised, false, true, true, true, false, true, true, true},
                           {Bound, false, true, true, false, false, true, false, true},
                           {Ended, false, true, false, false, false, false, false, false},
                           {Expired, false, false, false, false, false, false, false, false},
                           {Released, false, false, false, false, false, false, false, false}};
  for (const Row& row : kRows) {
    SCOPED_TRACE(allocation_state_name(row.from));
    const PodAllocation of = in(row.from);
    EXPECT_EQ(of.state, row.from);
    EXPECT_EQ(bool(promised(of, {}, "", at(1))), row.promise);
    EXPECT_EQ(bool(ready(of, 1)), row.ready);
    EXPECT_EQ(bool(bound(of, {}, "", at(1))), row.bind);
    EXPECT_EQ(bool(taken_back(of, at(1))), row.take_back);
    EXPECT_EQ(bool(still_waiting(of, "", at(1))), row.wait);
    EXPECT_EQ(bool(over(of, Ended, at(1))), row.end);
    EXPECT_EQ(bool(over(of, Expired, at(1))), row.expire);
    EXPECT_EQ(bool(over(of, Released, at(1))), row.release);
    EXPECT_FALSE(over(of, Bound, at(1)));
  }
}

TEST(AllocationStates, TheLeaseBeginsWithThePromiseAndAnewWhenItIsReady) {
  PodAllocation one = must(promised(waiting("a", "p"), {part("GPU-1", 0, 2)}, "{}", at(kStart)));
  EXPECT_EQ(one.expires, kStart + 600'000);
  EXPECT_FALSE(one.ready_since);
  one = must(ready(one, kStart + 5'000));
  EXPECT_EQ(one.expires, kStart + 605'000);
  EXPECT_EQ(must(ready(one, kStart + 9'000)), one) << "it is ready once";
  one = must(bound(one, one.parts, "u1", at(kStart + 9'000)));
  EXPECT_FALSE(one.expires);
}

TEST(AllocationStates, WhatIsTakenBackIsNotLost) {
  PodAllocation one = in(Promised);
  const PodAllocation impatient = must(taken_back(one, at(kStart + 1)));
  EXPECT_EQ(impatient.expires, kStart + 1 + 600'000);
  EXPECT_TRUE(impatient.parts.empty());
  one.waits = true;
  EXPECT_FALSE(must(taken_back(one, at(kStart + 1))).expires);
}

TEST(AllocationBook, GivesASliceToOneAlone) {
  AllocationBook book;
  ASSERT_TRUE(book.put(must(promised(waiting("a", "p"), {part("GPU-1", 0, 2)}, "{}", at(kStart)))));
  const auto second = book.put(must(promised(waiting("b", "q"), {part("GPU-1", 1, 1)}, "{}", at(kStart))));
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().what, HasSubstr("promised to ml/p by allocation a"));
  EXPECT_FALSE(book.find("b"));
  EXPECT_TRUE(book.put(must(promised(waiting("b", "q"), {part("GPU-1", 2, 2)}, "{}", at(kStart)))));
  EXPECT_TRUE(book.put(must(promised(waiting("c", "r"), {part("GPU-2", 0, 2)}, "{}", at(kStart)))));
  ASSERT_TRUE(book.put(must(over(*book.find("a"), Released, at(kStart)))));
  EXPECT_TRUE(book.put(must(promised(waiting("d", "s"), {part("GPU-1", 0, 2)}, "{}", at(kStart)))));
}

TEST(AllocationBook, APodHasOneAllocationThatIsNotOver) {
  AllocationBook book;
  ASSERT_TRUE(book.put(waiting("a", "p")));
  EXPECT_FALSE(book.put(waiting("b", "p")));
  EXPECT_EQ(book.of_pod("c", "ml", "p")->id, "a");
  ASSERT_TRUE(book.put(must(over(*book.find("a"), Released, at(kStart)))));
  EXPECT_EQ(book.of_pod("c", "ml", "p"), nullptr);
  EXPECT_TRUE(book.put(waiting("b", "p")));
  book.drop("a");
  EXPECT_EQ(book.of_pod("c", "ml", "p")->id, "b");
}

TEST(AllocationBook, QueueIsByPriorityThenAge) {
  AllocationBook book;
  ASSERT_TRUE(book.put(waiting("late", "p1", 0, kStart + 2)));
  ASSERT_TRUE(book.put(waiting("early", "p2", 0, kStart + 1)));
  ASSERT_TRUE(book.put(waiting("urgent", "p3", 5, kStart + 3)));
  ASSERT_TRUE(book.put(must(promised(waiting("served", "p4", 9), {}, "", at(kStart)))));
  std::vector<std::string> ids;
  for (const auto* one : book.queue()) ids.push_back(one->id);
  EXPECT_THAT(ids, ElementsAre("urgent", "early", "late"));
}

/// Whatever is tried, in whatever order: no slice has two owners, and a book made of what stands in it is the same.
TEST(AllocationBook, NeverOverlapsAndIsWhatItsRowsSay) {
  for (unsigned seed = 1; seed <= 30; ++seed) {
    std::mt19937 random(seed);
    const auto draw = [&](unsigned below) { return static_cast<unsigned>(random() % below); };
    AllocationBook book;
    for (unsigned step = 0; step < 300; ++step) {
      const std::string id = std::to_string(draw(40));
      const PodAllocation* known = book.find(id);
      const PodAllocation one = known ? *known : waiting(id, "pod-" + std::to_string(draw(30)), draw(3));
      const Cause cause = at(kStart + step);
      const PromisedPart some = part("GPU-" + std::to_string(draw(3)), draw(7), 1 + draw(2));
      Result<PodAllocation> next = one;
      switch (draw(7)) {
        case 0:
          next = promised(one, {some}, "{}", cause);
          break;
        case 1:
          next = ready(one, cause.time);
          break;
        case 2:
          next = bound(one, {some}, "u", cause);
          break;
        case 3:
          next = taken_back(one, cause);
          break;
        case 4:
          next = over(one, Released, cause);
          break;
        case 5:
          next = over(one, Expired, cause);
          break;
        default:
          break;
      }
      if (next) static_cast<void>(book.put(*next));
    }
    std::vector<PodAllocation> rows;
    for (const auto& [id, one] : book.all()) rows.push_back(one);
    for (const PodAllocation& a : rows)
      for (const PodAllocation& b : rows)
        if (a.id < b.id && !is_over(a.state) && !is_over(b.state))
          for (const PromisedPart& x : a.parts)
            for (const PromisedPart& y : b.parts) EXPECT_FALSE(overlap(x, y)) << seed << ": " << a.id << ", " << b.id;
    const auto again = AllocationBook::of(rows);
    ASSERT_TRUE(again) << seed << ": " << again.error().what;
    EXPECT_EQ(*again, book);
    for (const PodAllocation& one : rows)
      EXPECT_EQ(again->of_pod(one.cluster, one.space, one.pod) != nullptr,
                book.of_pod("c", one.space, one.pod) != nullptr);
  }
}

}  // namespace
}  // namespace tessera::fleet
