#include "server/advice/offers.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "base/text.h"
#include "server/advice/facts.h"
#include "server/advice/quotas.h"
#include "server/cost/told_history.h"

namespace tessera::server {
namespace {
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr EpochMs kStart = ToldHistory::kStart, kMinute = ToldHistory::kMinute, kHour = 60 * kMinute, kDay = 24 * kHour;

// What is always held.

fleet::RateBook rates(std::optional<fleet::Micros> reserved) {
  std::vector<fleet::Rate> list;
  const auto add = [&](fleet::Micros per_hour, std::optional<fleet::Purchase> purchase) {
    fleet::Rate one;
    one.model = "H100_80GB";
    one.per_hour = per_hour;
    one.purchase = purchase;
    list.push_back(one);
  };
  add(8 * fleet::kUnit, std::nullopt);
  if (reserved) add(*reserved, fleet::Purchase::Reserved);
  auto out = fleet::RateBook::of(list);
  EXPECT_TRUE(out);
  return *std::move(out);
}

/// Twelve devices, of which so many are held in each hour.
std::vector<store::PoolHour> hours(const std::function<double(std::int64_t)>& held, std::int64_t count) {
  std::vector<store::PoolHour> out;
  for (std::int64_t i = 0; i < count; ++i)
    out.push_back({kStart + i * kHour, "c", "H100_80GB", static_cast<std::int64_t>(held(i) * kHour), 0, 12 * kHour});
  return out;
}

TEST(PoolsOf, AreWhatWasHeldInEachHour) {
  constexpr std::int64_t kHours = 28 * 24;
  const EpochMs to = kStart + kHours * kHour;
  auto list = hours([](std::int64_t hour) { return hour == 100 ? 5.9 : 9; }, kHours);
  auto pools = pools_of(list, rates(5 * fleet::kUnit), kStart, to);
  ASSERT_THAT(pools, SizeIs(1));
  EXPECT_EQ(pools[0].held_at_least, 5);
  EXPECT_DOUBLE_EQ(pools[0].observed, 1);
  EXPECT_EQ(pools[0].reserved_per_hour, 5 * fleet::kUnit);
  EXPECT_EQ(pools[0].on_demand_per_hour, 8 * fleet::kUnit);
  EXPECT_EQ(pools[0].told_until, to);
  EXPECT_EQ(pools_of(list, rates(std::nullopt), kStart, to + 2 * kDay).at(0).told_until, to)
      << "since then there are none";
  list[100].unobserved_ms = 6 * kHour;
  pools = pools_of(list, rates(std::nullopt), kStart, to);
  EXPECT_EQ(pools[0].held_at_least, 9) << "of an hour that is half unknown nobody knows";
  EXPECT_LT(pools[0].observed, 1);
  EXPECT_FALSE(pools[0].reserved_per_hour) << "the rate of all is not a reserved one";
  pools =
      pools_of(hours([](std::int64_t) { return 9; }, 24), rates(5 * fleet::kUnit), kStart - 28 * kDay, kStart + kDay);
  EXPECT_EQ(pools[0].from, kStart) << "before it there was none";
}

// What moves would free.

TEST(ScatterTrack, IsSinceTheFirstOfManyLooks) {
  ScatterTrack track;
  const std::vector<Consolidated> found = {{"c", "A100_80GB", {"w1-GPU-00"}, {"ml/a moves"}}};
  const Milliseconds every(kHour);
  EXPECT_EQ(track.look(found, nullptr, kStart, every).at(0).since, kStart);
  EXPECT_EQ(track.look(found, nullptr, kStart + kHour, every).at(0).since, kStart);
  const auto third = track.look(found, nullptr, kStart + 2 * kHour, every);
  EXPECT_DOUBLE_EQ(third.at(0).observed, 1);
  EXPECT_FALSE(third.at(0).per_hour) << "nothing is reckoned";
  EXPECT_THAT(track.look({}, nullptr, kStart + 3 * kHour, every), IsEmpty());
  EXPECT_EQ(track.look(found, nullptr, kStart + 4 * kHour, every).at(0).since, kStart + 4 * kHour);
  EXPECT_EQ(track.look(found, nullptr, kStart + 9 * kHour, every).at(0).since, kStart + 9 * kHour)
      << "nobody has looked in between";
}

TEST(ScatterTrack, GoesOnBehindARestartWhereNoLookWasMissed) {
  const std::vector<Consolidated> found = {{"c", "A100_80GB", {"w1-GPU-00"}, {"ml/a moves"}}};
  const Milliseconds every(kHour);
  ScatterTrack before;
  before.look(found, nullptr, kStart, every);
  before.look(found, nullptr, kStart + kHour, every);
  ScatterTrack after;
  after.resume(before.seen());
  const auto soon = after.look(found, nullptr, kStart + 2 * kHour, every);
  EXPECT_EQ(soon.at(0).since, kStart);
  EXPECT_DOUBLE_EQ(soon.at(0).observed, 1);
  ScatterTrack late;
  late.resume(before.seen());
  EXPECT_EQ(late.look(found, nullptr, kStart + 5 * kHour, every).at(0).since, kStart + 5 * kHour)
      << "nobody has looked while it was away";
}

TEST(ScatterTrack, CostsWhatTheCheapestOfThemCosts) {
  ScatterTrack track;
  HourlyCosts hourly;
  for (const auto& [id, micros] : {std::pair("w1-GPU-00", 6), {"w1-GPU-01", 5}, {"w1-GPU-02", 1}}) {
    store::CostPosting one;
    one.subject.cluster = "c";
    one.subject.device_id = id;
    one.amount.micros = micros * fleet::kUnit;
    hourly.postings.push_back(one);
  }
  const std::vector<Consolidated> found = {{"c", "A100_80GB", {"w1-GPU-00", "w1-GPU-01"}, {}}};
  EXPECT_EQ(track.look(found, &hourly, kStart, Milliseconds(kHour)).at(0).per_hour, 5 * fleet::kUnit);
  hourly.postings[0].amount.unpriced_ms = 1;
  EXPECT_FALSE(track.look(found, &hourly, kStart, Milliseconds(kHour)).at(0).per_hour);
}

// What stands on demand and may be interrupted.

struct SpotTest : testing::Test {
  SpotTest() {
    settings.settings.rates.push_back({"H100_80GB", "", "", "", fleet::Purchase::Spot, 3 * fleet::kUnit});
    const auto page = [](EpochMs) { return two_boards(0.9, "train-0"); };
    // Another node with the same boards.
    const auto other = [](EpochMs) {
      const std::string boards = two_boards(0.9, "other-0");
      std::string out;
      for (const std::string_view line : split(boards, '\n')) {
        std::string one(line);
        for (const std::string from : {"UUID=\"GPU-", "llm-0", "u-llm"})
          if (const auto at = one.find(from); at != std::string::npos) one.insert(at + from.size(), "spot");
        out += one + '\n';
      }
      return out;
    };
    history.scrape("w1", kStart, now, page);
    history.scrape("w2", kStart, now, other);
    auto cluster = std::make_shared<fleet::ClusterView>();
    cluster->watched = cluster->synced = true;
    cluster->cluster = "default";
    auto node = std::make_shared<fleet::ClusterNode>();
    node->name = "w2";
    node->labels = {{"karpenter.sh/capacity-type", "spot"}};
    cluster->nodes["w2"] = node;
    pod = std::make_shared<fleet::ClusterPod>();
    pod->space = "ml";
    pod->name = "train-0";
    pod->uid = "u-train-0";
    pod->labels = {{"tessera.dev/interruptible", "true"}};
    cluster->pods["ml/train-0"] = pod;
    view = cluster;
    history.cluster = cluster;
    history.keep(now);
  }
  /// What is said of train-0.
  std::vector<fleet::advice::Advice> said() {
    const auto known = history.published.get();
    fleet::advice::Windowing how;
    how.loading = Milliseconds(10 * kMinute);
    AdviceHistory past;
    auto held = held_history(*history.database, how, now);
    EXPECT_TRUE(held);
    past.held = *std::move(held);
    Costs costs(settings, history.published, history.readers);
    fleet::advice::Options options;
    options.time_scale = 1.0 / 24;
    std::vector<fleet::advice::Advice> out;
    for (auto& one : advise(advice_facts(*known, costs.hourly().get(), past, how, now), options))
      if (one.subject.name == "train-0") out.push_back(std::move(one));
    return out;
  }

  const EpochMs now = kStart + 90 * kMinute;  // behind its loading more than an hour, which stands for a day
  CostsOptions settings;
  ToldHistory history;
  std::shared_ptr<fleet::ClusterPod> pod;
  std::shared_ptr<fleet::ClusterView> view;
};

TEST_F(SpotTest, IsSaidOfWhoSaysThatHeMayBeInterrupted) {
  const auto list = said();
  ASSERT_THAT(list, SizeIs(1));
  EXPECT_EQ(list[0].kind, fleet::advice::Kind::Spot);
  EXPECT_EQ(list[0].saving->per_month, 730 * 5 * fleet::kUnit);
  EXPECT_THAT(list[0].change.text, testing::HasSubstr("karpenter.sh/capacity-type: spot"));
}

TEST_F(SpotTest, IsNotSaidOfWhoDoesNot) {
  pod->labels.clear();
  EXPECT_THAT(said(), IsEmpty());
}

TEST_F(SpotTest, IsNotSaidWhereThereAreNoSpotNodes) {
  view->nodes.clear();
  EXPECT_THAT(said(), IsEmpty());
}

// Quotas.

TEST(QuotaSight, CountsWhatANamespaceHadAtOnce) {
  Published known;
  fleet::ToldPages told;
  for (const char* const node : {"1", "2"})
    told.scrape(kStart, fmt::format(R"(node="w{}",cluster="c",job="agent")", node),
                fmt::format("gpu_device_info{{gpu=\"0\",UUID=\"GPU-{}\",model=\"NVIDIA H100 80GB HBM3\"}} 1\n", node));
  auto cluster = std::make_shared<fleet::ClusterView>();
  cluster->cluster = "c";
  cluster->quotas_synced = true;
  for (fleet::ClusterQuota one :
       {fleet::ClusterQuota{"ml", "gpus", {{"nvidia.com/gpu", 16}, {"nvidia.com/mig-1g.10gb.me", 4}}, {}},
        fleet::ClusterQuota{"ml", "best-effort", {{"nvidia.com/gpu", 9}}, {}, true},
        fleet::ClusterQuota{"web", "gpus", {{"nvidia.com/gpu", 2}}, {{"nvidia.com/gpu", 2}}}})
    cluster->quotas[one.space + '/' + one.name] = std::make_shared<const fleet::ClusterQuota>(one);
  known.view = told.fleet.publish(kStart);
  known.cluster = cluster;
  const fleet::advice::Windowing how;
  QuotaSight sight(known, how, kStart);
  EXPECT_THAT(sight.quotas(), IsEmpty()) << "nobody has told of anything";
  store::HeldSlot slot;
  slot.cluster = "c";
  slot.space = "ml";
  for (EpochMs at = kStart - how.most.count(); at < kStart; at += how.slot.count()) {
    sight.tell(at, "GPU-1");
    if (at >= kStart - 2 * kDay) sight.tell(at, "GPU-2");  // has come two days ago
    slot.slot.begin = at;
    slot.gpu_instance.reset();
    sight.see(slot);
    if (at > kStart - kDay) sight.see(slot);  // another pod
    if (at != kStart - kHour) continue;
    slot.gpu_instance = 7;
    slot.profile = "1g.10gb+me";
    sight.see(slot);
  }
  std::vector<std::pair<std::string, std::int64_t>> most;
  for (const auto& one : sight.quotas()) {
    most.emplace_back(one.space + ' ' + one.resource, one.had_most);
    EXPECT_DOUBLE_EQ(one.observed, 1);
    EXPECT_EQ(one.to - one.from, how.most.count());
  }
  EXPECT_THAT(most, ElementsAre(std::pair("ml nvidia.com/gpu", 3), std::pair("ml nvidia.com/mig-1g.10gb.me", 1),
                                std::pair("web nvidia.com/gpu", 2)));
}

TEST(QuotaSight, HasNotBeenToldWhileANodeIsSilent) {
  Published known;
  fleet::ToldPages told;
  for (const char* const node : {"1", "2"})
    told.scrape(kStart, fmt::format(R"(node="w{}",cluster="c",job="agent")", node),
                fmt::format("gpu_device_info{{gpu=\"0\",UUID=\"GPU-{}\",model=\"NVIDIA H100 80GB HBM3\"}} 1\n", node));
  known.view = told.fleet.publish(kStart);
  auto cluster = std::make_shared<fleet::ClusterView>();
  cluster->cluster = "c";
  cluster->quotas_synced = true;
  cluster->quotas["ml/gpus"] =
      std::make_shared<const fleet::ClusterQuota>(fleet::ClusterQuota{"ml", "gpus", {{"nvidia.com/gpu", 16}}, {}});
  known.cluster = cluster;
  const fleet::advice::Windowing how;
  QuotaSight sight(known, how, kStart);
  store::HeldSlot slot;
  slot.cluster = "c";
  slot.space = "ml";
  const EpochMs from = kStart - how.most.count();
  for (EpochMs at = from; at < kStart; at += how.slot.count()) {
    slot.slot.begin = at;
    sight.see(slot);
    sight.tell(at, "GPU-1");
    if (at < from + 2 * kDay || at >= from + 9 * kDay) sight.tell(at, "GPU-2");  // silent for seven of fourteen days
  }
  const auto quotas = sight.quotas();
  ASSERT_THAT(quotas, SizeIs(1));
  EXPECT_DOUBLE_EQ(quotas[0].observed, 0.5) << "what ml had on the silent node nobody knows";
}

}  // namespace
}  // namespace tessera::server
