#include "fleet/decision/decide.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fleet/decision/near_miss.h"
#include "fleet/decision/options.h"
#include "fleet/decision/published.h"
#include "fleet/decision/samples.h"

namespace tessera::fleet::decision {
namespace {
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Verdict decided(const Supply& supply, const Need& need, std::string_view policy = "default") {
  return decide(supply, need, **make_policy(policy, {}));
}

Supply supply_of(std::vector<Candidate> candidates) { return {0, std::move(candidates)}; }

TEST(Decide, CutsTheSmallestThatIsEnough) {
  static const struct {
    std::uint64_t mib;
    std::optional<unsigned> slices;
    std::string_view profile;
  } kCases[] = {{1, {}, "1g.10gb"},      {9'984, {}, "1g.10gb"},  {9'985, {}, "1g.20gb"},
                {19'074, {}, "1g.20gb"}, {19'074, 2, "2g.20gb"},  {20'097, {}, "3g.40gb"},
                {1, 4, "4g.40gb"},       {40'449, {}, "7g.80gb"}, {81'152, {}, "7g.80gb"}};
  for (const auto& c : kCases) {
    const auto verdict = decided(supply_of({h100(0)}), {.memory_mib = c.mib, .compute_slices = c.slices});
    const auto* decision = std::get_if<Decision>(&verdict);
    ASSERT_TRUE(decision) << c.mib;
    ASSERT_EQ(decision->grants.size(), 1U);
    const Grant& grant = decision->grants[0];
    EXPECT_EQ(grant.kind, Kind::Placement);
    EXPECT_EQ(grant.profile, c.profile) << c.mib;
    ASSERT_TRUE(grant.partition);
    ASSERT_EQ(grant.partition->steps.size(), 1U);
    EXPECT_TRUE(grant.partition->steps[0].create);
  }
}

TEST(Decide, ComparesWithTheMemoryThatTheDriverReports) {
  Candidate device = a100(0);
  device.profiles = profile_table({{k2g, "2g.20gb", 2, 19'968, 3, 2, {0, 2, 4}}});
  EXPECT_TRUE(std::holds_alternative<Decision>(decided(supply_of({device}), {.memory_mib = 19'074})));
  const auto refused = decided(supply_of({device}), {.memory_mib = 20'480});
  const auto& refusal = std::get<Refusal>(refused);
  ASSERT_EQ(refusal.misses.size(), 1U);
  EXPECT_EQ(refusal.misses[0].cause, Cause::Memory);
  EXPECT_THAT(refusal.misses[0].sentence, HasSubstr("2g.20gb has 19,968 MiB"));
}

TEST(Decide, GivesTheProfileThatIsNamedAndNoOther) {
  const Need named{.memory_mib = 9'000, .profile = "2g.20gb", .mig = MigUse::Required};
  ASSERT_TRUE(check(named));
  Candidate with_larger = h100(0);
  with_larger.pieces = {piece(k3g, 0, 4)};
  const auto verdict = decided(supply_of({with_larger}), named);
  EXPECT_EQ(std::get<Decision>(verdict).grants[0].profile, "2g.20gb") << "though a 3g stands idle, and a 1g is enough";
  Candidate without = h100(0);
  without.profiles = profile_table({{k1g, "1g.10gb", 1, 9'984, 7, 1, {0, 1, 2, 3, 4, 5, 6}}});
  const auto refused = decided(supply_of({without}), named);
  EXPECT_EQ(std::get<Refusal>(refused).misses[0].cause, Cause::Mig);
  EXPECT_THAT(std::get<Refusal>(refused).misses[0].sentence, HasSubstr("it has no profile 2g.20gb"));
  const auto small =
      decided(supply_of({h100(0)}), {.memory_mib = 30'000, .profile = "2g.20gb", .mig = MigUse::Required});
  EXPECT_THAT(std::get<Refusal>(small).misses[0].sentence, HasSubstr("2g.20gb has 20,096 MiB"));
  EXPECT_FALSE(check({.profile = "2g.20gb"})) << "a whole device would do as well";
}

TEST(Decide, NeverChoosesWhatIsNotWell) {
  Candidate sick = h100(0);
  sick.unfit = "a memory row could not be remapped";
  const auto verdict = decided(supply_of({sick, h100(1)}), {.memory_mib = 1});
  EXPECT_EQ(std::get<Decision>(verdict).grants[0].device_id, "w-00-GPU-01");
  const auto refused = decided(supply_of({sick}), {.memory_mib = 1});
  EXPECT_EQ(std::get<Refusal>(refused).misses[0].cause, Cause::Unhealthy);
}

std::vector<std::string> remedies_of(const Verdict& verdict, RemedyKind kind) {
  std::vector<std::string> out;
  if (const auto* refusal = std::get_if<Refusal>(&verdict))
    for (const Remedy& one : refusal->remedies)
      if (one.kind == kind) out.push_back(one.sentence);
  return out;
}

TEST(Refusal, SaysOfWhatIsWellAndKeptFromItThatItIs) {
  Candidate kept = h100(0);
  kept.unfit = "it is being cut as ada asked";
  kept.withheld = true;
  const auto verdict = decided(supply_of({kept}), {.memory_mib = 1});
  const auto& refusal = std::get<Refusal>(verdict);
  EXPECT_EQ(refusal.misses[0].cause, Cause::Withheld);
  EXPECT_EQ(refusal.sentence, "Of 1 device none serves it: 1 device kept from it for now");
  EXPECT_EQ(refusal.remedies[0].kind, RemedyKind::Wait);
  EXPECT_THAT(refusal.remedies[0].sentence, HasSubstr("as ada asked"));
  // So is what a scope bars.
  const Scope barred = [](const std::string&, const std::string&) { return std::optional<std::string>("cordoned"); };
  const auto policy = *make_policy("default", {});
  const auto out = decide(supply_of({h100(0)}), {.memory_mib = 1}, *policy, barred);
  EXPECT_EQ(std::get<Refusal>(out).misses[0].cause, Cause::Withheld);
}

TEST(Decide, GivesAPartOfADeviceThatMayBeCutWhereTheWholeIsTooDear) {
  Candidate device = h100(0);
  device.mig = MigMode::Off;
  device.may_switch_on = true;
  device.price_micros = 7'000'000;
  Need need{.memory_mib = 9'000};
  EXPECT_TRUE(std::holds_alternative<Decision>(decided(supply_of({device}), need)));
  need.most_price_micros = 2'000'000;
  const auto verdict = decided(supply_of({device}), need);
  ASSERT_TRUE(std::holds_alternative<Decision>(verdict)) << std::get<Refusal>(verdict).sentence;
  EXPECT_EQ(std::get<Decision>(verdict).grants[0].kind, Kind::Placement);
  need.mig = MigUse::Never;
  const auto whole = decided(supply_of({device}), need);
  EXPECT_EQ(std::get<Refusal>(whole).misses[0].cause, Cause::Price);
}

TEST(Decide, CountsWhatSeveralDevicesCostTogether) {
  std::vector<Candidate> fleet = {t4(0), t4(4), t4(8)};  // on three nodes
  fleet[0].price_micros = 6'000'000;
  fleet[1].price_micros = 6'000'000;
  fleet[2].price_micros = 4'000'000;
  Need need{.devices = 2, .same_node = false};
  need.most_price_micros = 10'000'000;
  const auto verdict = decided(supply_of(fleet), need);
  ASSERT_TRUE(std::holds_alternative<Decision>(verdict)) << std::get<Refusal>(verdict).sentence;
  EXPECT_EQ(std::get<Decision>(verdict).price_micros, 10'000'000);
  need.most_price_micros = 9'000'000;
  const auto refused = decided(supply_of(fleet), need);
  EXPECT_EQ(std::get<Refusal>(refused).misses[0].cause, Cause::Price);
  EXPECT_EQ(remedies_of(refused, RemedyKind::PayMore).size(), 1U);
  Stock stock(supply_of(fleet));
  const auto policy = *make_policy("default", {});
  EXPECT_EQ(std::get<std::string>(decide_in_short(stock, need, *policy)), std::get<Refusal>(refused).sentence);
}

TEST(Decide, TakesWhatStandsBeforeItCutsAndLeavesIdleNeighboursAlone) {
  Candidate device = h100(0);
  device.pieces = {piece(k1g, 0, 1, "ml/a"), piece(k2g, 2, 2), piece(k1g, 6, 1)};
  const auto idle = decided(supply_of({device}), {.memory_mib = 15'000, .compute_slices = 2});
  const Grant& grant = std::get<Decision>(idle).grants[0];
  EXPECT_EQ(grant.kind, Kind::Instance);
  EXPECT_EQ(grant.placed, (gpu::Placed{k2g, {2, 2}}));

  const auto cut = decided(supply_of({device}), {.memory_mib = 30'000});
  const Grant& larger = std::get<Decision>(cut).grants[0];
  EXPECT_EQ(larger.placed, (gpu::Placed{k3g, {4, 4}}));
  ASSERT_EQ(larger.partition->steps.size(), 2U) << "the idle 1g at 6 goes, and no other";
  EXPECT_EQ(larger.partition->steps[0].placed, (gpu::Placed{k1g, {6, 1}}));
}

TEST(Decide, GivesNobodyWhatHasToGoForWhatIsPromised) {
  Candidate device = h100(0);
  device.pieces = {piece(k3g, 0, 4, "ml/waits"), piece(k2g, 2, 2)};
  device.pieces[0].stands = false;
  const auto verdict = decided(supply_of({device}), {.memory_mib = 15'000, .compute_slices = 2});
  EXPECT_EQ(std::get<Decision>(verdict).grants[0].placed, (gpu::Placed{k2g, {4, 2}}));
}

TEST(Decide, SaysOnAFullDeviceWhoHasItAndOnAScatteredOneThatRoomIsInPieces) {
  Candidate full = h100(0), scattered = h100(1);
  full.pieces = {piece(k7g, 0, 8, "ml/train")};
  scattered.pieces = {piece(k1g, 1, 1, "ml/a"), piece(k1g, 5, 1, "ml/b")};
  const auto verdict = decided(supply_of({full, scattered}), {.memory_mib = 30'000});
  const auto& refusal = std::get<Refusal>(verdict);
  ASSERT_EQ(refusal.misses.size(), 2U);
  EXPECT_EQ(refusal.misses[0].cause, Cause::Held);
  EXPECT_THAT(refusal.misses[0].nearest[0].what, HasSubstr("ml/train"));
  EXPECT_EQ(refusal.misses[1].cause, Cause::NoRoom);
  EXPECT_THAT(refusal.misses[1].sentence, HasSubstr("6 of 8 memory slices are free"));
}

TEST(Decide, SaysOnAFullDeviceWhoHasItAlsoWhereNobodyCuts) {
  Candidate full = h100(0), free = h100(1);
  full.pieces = {piece(k7g, 0, 8, "ml/train")};
  free.pieces = {piece(k1g, 1, 1, "ml/a")};
  for (Candidate* one : {&full, &free}) {
    one->may_cut = false;
    one->uncut = "nobody asks";
  }
  const auto verdict = decided(supply_of({full, free}), {.memory_mib = 30'000});
  const auto& refusal = std::get<Refusal>(verdict);
  ASSERT_EQ(refusal.misses.size(), 2U);
  EXPECT_EQ(refusal.misses[0].cause, Cause::Held);
  EXPECT_THAT(refusal.misses[0].nearest[0].what, HasSubstr("ml/train"));
  EXPECT_EQ(refusal.misses[1].cause, Cause::NoRoom);
  EXPECT_THAT(refusal.misses[1].sentence, HasSubstr("nobody asks"));
}

/// Where nothing may be cut, profiles have the places alone where they stand.
TEST(Decide, SaysThatADeviceIsNotToBeCutWhereALargerInstanceCouldBe) {
  Candidate as_it_is = h100(0);
  as_it_is.pieces = {piece(k1g, 0, 1)};
  std::vector<gpu::Profile> profiles(*as_it_is.profiles);
  for (gpu::Profile& one : profiles)
    if (one.id == k1g)
      one.placements = {{0, 1}};
    else
      one.placements.clear();
  as_it_is.profiles = std::make_shared<const std::vector<gpu::Profile>>(std::move(profiles));
  as_it_is.may_cut = false;
  as_it_is.uncut = "nobody may";
  const auto larger = decided(supply_of({as_it_is}), {.memory_mib = 30'000});
  ASSERT_TRUE(std::holds_alternative<Refusal>(larger));
  EXPECT_EQ(std::get<Refusal>(larger).misses[0].cause, Cause::NoRoom);
  EXPECT_THAT(std::get<Refusal>(larger).misses[0].sentence, HasSubstr("it is not to be cut: nobody may"));
  const auto too_large = decided(supply_of({as_it_is}), {.compute_slices = 8});
  EXPECT_EQ(std::get<Refusal>(too_large).misses[0].cause, Cause::Compute);
}

TEST(Decide, GivesSeveralWholeDevicesOfOneNode) {
  std::vector<Candidate> fleet;
  for (unsigned i = 0; i < 8; ++i) fleet.push_back(t4(i));
  fleet[1].held_by = "ml/a";
  const auto verdict = decided(supply_of(fleet), {.devices = 4});
  ASSERT_EQ(std::get<Decision>(verdict).grants.size(), 4U);
  for (const Grant& one : std::get<Decision>(verdict).grants) EXPECT_EQ(one.node, "w-01");
  fleet[4].held_by = "ml/b";
  const auto refused = decided(supply_of(fleet), {.devices = 4});
  EXPECT_EQ(std::get<Refusal>(refused).misses.back().cause, Cause::Together);
  EXPECT_TRUE(std::holds_alternative<Decision>(decided(supply_of(fleet), {.devices = 4, .same_node = false})));
}

TEST(Refusal, TellsOfANearMiss) {
  Candidate device = a100(0);
  device.profiles = profile_table({{k2g, "2g.20gb", 2, 19'968, 3, 2, {0, 2, 4}}});
  EXPECT_THAT(remedies_of(decided(supply_of({device}), {.memory_mib = 20'480}), RemedyKind::AskForLess),
              ElementsAre("20,480 MiB are asked for and 2g.20gb has 19,968: ask for 20G (19,074 MiB)"));
  EXPECT_THAT(remedies_of(decided(supply_of({device}), {.memory_mib = 20'000}), RemedyKind::AskForLess),
              ElementsAre(HasSubstr("ask for at most 19,968 MiB")));
  EXPECT_THAT(remedies_of(decided(supply_of({device}), {.memory_mib = 40'000}), RemedyKind::AskForLess), IsEmpty());
}

TEST(Refusal, TellsOfNoNearMissThatWouldNotServe) {
  const Need asks{.memory_mib = 20'480};
  Need others[] = {asks, asks, asks, asks};
  others[0].models = {"H200"};
  others[1].mig = MigUse::Never;
  others[2].compute_slices = 3;
  others[3].most_price_micros = 1;
  Candidate device = a100(0);
  device.price_micros = 7'000'000;
  const Supply supply = supply_of({device});
  const Stock stock(supply);
  ASSERT_TRUE(near_miss(supply, asks));
  EXPECT_THAT(near_miss(supply, asks)->sentence, HasSubstr("ask for 20G"));
  EXPECT_EQ(near_miss(stock, asks)->sentence, near_miss(supply, asks)->sentence);
  for (const Need& need : others) {
    EXPECT_FALSE(near_miss(supply, need));
    EXPECT_FALSE(near_miss(stock, need));
  }
  device.unfit = "ill";
  EXPECT_FALSE(near_miss(supply_of({device}), asks));
}

TEST(Refusal, NamesWhoIsIdleInTheWay) {
  Candidate device = h100(0);
  device.pieces = {piece(k3g, 0, 4, "ml/busy"), piece(k2g, 4, 2, "ml/idle")};
  device.pieces[1].idle = Milliseconds(40 * 60'000);
  EXPECT_THAT(remedies_of(decided(supply_of({device}), {.memory_mib = 30'000}), RemedyKind::Wait),
              ElementsAre(AllOf(HasSubstr("the 2g.20gb at 4 on w-00-GPU-00"), HasSubstr("ml/idle"),
                                HasSubstr("idle for 40 min"))));
}

TEST(Refusal, SaysWhatElseWouldHelp) {
  Candidate off = h100(0), sick = h100(1), dear = h100(2);
  off.mig = MigMode::Off;
  sick.unfit = "the driver does not answer for it";
  dear.price_micros = 7'000'000;
  const Need need{.memory_mib = 9'000, .mig = MigUse::Required, .most_price_micros = 500'000};
  const auto verdict = decided(supply_of({off, sick, dear}), need);
  EXPECT_THAT(remedies_of(verdict, RemedyKind::PayMore), ElementsAre(HasSubstr("1g.10gb costs 1.00 an hour")));
  const auto free = decided(supply_of({off, sick}), {.memory_mib = 9'000, .mig = MigUse::Required});
  EXPECT_THAT(remedies_of(free, RemedyKind::SwitchMigOn), ElementsAre(HasSubstr("w-00-GPU-00")));
  EXPECT_THAT(remedies_of(free, RemedyKind::Repair), ElementsAre(HasSubstr("does not answer")));
  const auto other = decided(supply_of({t4(0)}), {.models = {"H100_80GB"}});
  EXPECT_THAT(remedies_of(other, RemedyKind::OtherModel), ElementsAre(HasSubstr("T4")));
}

TEST(Decide, SharesTimeWithWhoMayAndOnlyAsMuchAsIsLeft) {
  Candidate device = t4(0);
  device.shares = Shares{4, 1, 8'000 * kMib, "nvidia.com/gpu.shared"};
  const Need batch{.memory_mib = 4'000, .compute_milli = 250, .type = WorkloadType::Batch};
  const auto verdict = decided(supply_of({device}), batch);
  const Grant& grant = std::get<Decision>(verdict).grants[0];
  EXPECT_EQ(grant.kind, Kind::Share);
  EXPECT_EQ(grant.share_milli, 250U);
  EXPECT_EQ(grant.replicas, 4U);
  EXPECT_EQ(grant.resource, "nvidia.com/gpu.shared");
  EXPECT_TRUE(std::holds_alternative<Refusal>(decided(supply_of({with(device, grant, "ml/a")}), batch)));
  Need training = batch;
  training.type = WorkloadType::Training;
  EXPECT_TRUE(std::holds_alternative<Refusal>(decided(supply_of({device}), training)));
}

/// The profile that a part of a published device's compute gets.
std::string profile_for(const Candidate& device, unsigned milli) {
  const auto enough = smallest_enough(device.offered(), {.compute_milli = milli, .mig = MigUse::Required});
  return enough.empty() ? "" : enough.front()->name;
}

TEST(Decide, APartOfADevicesComputeIsOfItsMultiprocessors) {
  const Candidate h100 = *published_device("H100_80GB");
  EXPECT_EQ(profile_for(h100, 121), "1g.10gb");
  EXPECT_EQ(profile_for(h100, 122), "1g.20gb") << "16 of 132 are less, though one slice of seven is more";
  EXPECT_EQ(profile_for(h100, 242), "2g.20gb");
  EXPECT_EQ(profile_for(h100, 250), "3g.40gb");
  EXPECT_EQ(profile_for(h100, 484), "4g.40gb");
  EXPECT_EQ(profile_for(h100, 500), "7g.80gb") << "64 of 132 are not half of them";
  EXPECT_EQ(profile_for(*published_device("RTXPRO6000"), 250), "2g.48gb") << "46 of 188";
  EXPECT_EQ(profile_for(*published_device("A100_80GB"), 285), "2g.20gb") << "28 of 98, as two slices of seven";
  // Where nobody tells them, slices stand for them.
  const Candidate untold = decision::h100(0);
  EXPECT_EQ(profile_for(untold, 142), "1g.10gb");
  EXPECT_EQ(profile_for(untold, 500), "4g.40gb");
}

/// So what is smallest, and what is asked for as often as another, may go by slices.
TEST(Decide, SlicesAndMultiprocessorsOrderAllPublishedProfilesAlike) {
  std::size_t pairs = 0;
  for (const char* model : {"A100_40GB", "A100_80GB", "H100_80GB", "A30", "RTXPRO6000"}) {
    const Candidate device = *published_device(model);
    for (const gpu::Profile& a : device.offered())
      for (const gpu::Profile& b : device.offered()) {
        ASSERT_TRUE(a.sm_count && b.sm_count) << model;
        ++pairs;
        if (a.compute_slices < b.compute_slices) EXPECT_LT(*a.sm_count, *b.sm_count) << model << a.name << b.name;
        const bool stands_before = size_of(a) <= size_of(b) && a.compute_slices <= b.compute_slices;
        EXPECT_EQ(stands_before, size_of(a) <= size_of(b) && *a.sm_count <= *b.sm_count) << model << a.name << b.name;
      }
  }
  EXPECT_GT(pairs, 100U);
}

TEST(Decide, APodHasOneReplicaByTheNameThatItAsksFor) {
  Candidate device = t4(0);
  device.shares = Shares{4, 4, 15'360 * kMib, "nvidia.com/gpu.shared"};
  Need need{.compute_milli = 250};
  const auto refused_by = [&] {
    const auto verdict = decided(supply_of({device}), need);
    const auto* refusal = std::get_if<Refusal>(&verdict);
    return refusal ? std::optional(refusal->misses[0].cause) : std::nullopt;
  };
  EXPECT_EQ(refused_by(), std::nullopt);
  need.compute_milli = 251;
  EXPECT_EQ(refused_by(), Cause::Compute) << "two replicas are no more time than one";
  need = {.resource = "nvidia.com/gpu", .mig = MigUse::Never};
  need.compute_milli = 250;
  EXPECT_EQ(refused_by(), Cause::Held);
  need.resource = "nvidia.com/gpu.shared";
  EXPECT_EQ(refused_by(), std::nullopt);
  need.memory_mib = 5'000;
  EXPECT_EQ(refused_by(), std::nullopt) << "by time-slicing the memory is nobody's own";
  device.shares->memory_is_parted = true;
  EXPECT_EQ(refused_by(), Cause::Memory) << "by MPS it is";
  device.shares.reset();
  need.memory_mib.reset();
  EXPECT_EQ(refused_by(), Cause::Held) << "a device that is not shared has the other name";
}

TEST(Decide, MigIsSwitchedOnWhereThatIsAllowedAndNothingElseIsAsGood) {
  Candidate off = h100(0);
  off.mig = MigMode::Off;
  const Need slice{.memory_mib = 9'000, .mig = MigUse::Required};
  EXPECT_TRUE(std::holds_alternative<Refusal>(decided(supply_of({off}), slice)));
  off.may_switch_on = true;
  const auto verdict = decided(supply_of({off}), slice);
  const Decision& decision = std::get<Decision>(verdict);
  EXPECT_TRUE(decision.grants[0].switches_on);
  EXPECT_EQ(decision.grants[0].profile, "1g.10gb");
  EXPECT_THAT(decision.reason.sentence, HasSubstr("where MIG is switched on for it"));

  const Candidate after = with(off, decision.grants[0], "ml/a");
  EXPECT_FALSE(std::get<Decision>(decided(supply_of({after}), slice)).grants[0].switches_on) << "once";
  const auto first_fit = *make_policy("firstfit", {});
  const auto on = decide(supply_of({off, h100(1)}), slice, *first_fit);
  EXPECT_EQ(std::get<Decision>(on).grants[0].candidate, 1U) << "of equals the one that is in MIG mode";
  const auto whole = decided(supply_of({off}), {});
  EXPECT_EQ(std::get<Decision>(whole).grants[0].kind, Kind::Device) << "who wants all of it has it as it is";
  const auto part = decided(supply_of({off}), {.memory_mib = 9'000});
  EXPECT_EQ(std::get<Decision>(part).grants[0].kind, Kind::Placement);
  off.held_by = "ml/x";
  EXPECT_TRUE(std::holds_alternative<Refusal>(decided(supply_of({off}), slice)));
}

TEST(Decide, GivesAReasonAndRunnersUp) {
  Candidate cheap = a100(0), dear = h100(1);
  cheap.price_micros = 1'400'000;
  dear.price_micros = 2'800'000;
  const auto verdict = decided(supply_of({dear, cheap}), {.memory_mib = 9'000});
  const auto& decision = std::get<Decision>(verdict);
  EXPECT_EQ(decision.grants[0].model, "A100_80GB");
  EXPECT_EQ(decision.price_micros, 200'000) << "a seventh";
  EXPECT_THAT(decision.reason.sentence, AllOf(HasSubstr("a new 1g.10gb at "), HasSubstr("costs the fleet least")));
  ASSERT_EQ(decision.runners_up.size(), 1U);
  EXPECT_THAT(decision.runners_up[0].why_not, HasSubstr("it costs more"));
}

Grant granted(const Supply& supply, const Need& need, std::string_view policy = "default") {
  const auto verdict = decided(supply, need, policy);
  const auto* decision = std::get_if<Decision>(&verdict);
  return decision ? decision->grants.front() : Grant();
}

Need of_type(WorkloadType type, Need need) {
  need.type = type;
  return need;
}

TEST(WorkloadTypes, TrainingHasADeviceOfItsOwnWhereInferenceTakesAnInstance) {
  // For the same money: an H100 in MIG mode, of which a 7g is asked, beside one that is not cut.
  Candidate cut = h100(0), whole = h100(1);
  whole.mig = MigMode::Off;
  cut.price_micros = 3'900'000;
  whole.price_micros = 4'000'000;
  const Need all{.memory_mib = 80'000};
  EXPECT_EQ(granted(supply_of({cut, whole}), of_type(WorkloadType::Training, all)).kind, Kind::Device);
  EXPECT_EQ(granted(supply_of({cut, whole}), of_type(WorkloadType::Inference, all)).profile, "7g.80gb");
}

TEST(WorkloadTypes, InteractiveKeepsAwayFromWhoIsAtWorkAndInferenceFillsTheGap) {
  Candidate used = h100(0);
  used.pieces = {piece(k3g, 4, 4, "ml/busy")};
  const Need small{.memory_mib = 9'000};
  EXPECT_EQ(granted(supply_of({used, h100(1)}), of_type(WorkloadType::Inference, small)).device_id, "w-00-GPU-00");
  EXPECT_EQ(granted(supply_of({used, h100(1)}), of_type(WorkloadType::Interactive, small)).device_id, "w-00-GPU-01");
  used.pieces[0].idle = Milliseconds(60'000);
  EXPECT_EQ(granted(supply_of({used, h100(1)}), of_type(WorkloadType::Interactive, small)).device_id, "w-00-GPU-00")
      << "who is idle disturbs nobody";
}

TEST(WorkloadTypes, BatchGoesOntoWhatMayBeTakenAwayAndOthersDoNot) {
  Candidate lent = t4(0), own = t4(1);
  own.node = "w-01";
  lent.may_be_taken = true;
  lent.price_micros = 900'000;
  own.price_micros = 1'000'000;
  for (const auto type : {WorkloadType::Training, WorkloadType::Inference, WorkloadType::Interactive})
    EXPECT_EQ(granted(supply_of({lent, own}), {.type = type}).node, "w-01") << workload_type_name(type);
  EXPECT_EQ(granted(supply_of({lent, own}), {.type = WorkloadType::Batch}).node, "w-00");
}

TEST(WorkloadTypes, BatchCountsRoomTwice) {
  // There is a gap beside a 4g and a 2g that nothing but a 1g fits.
  Candidate stands = h100(0), gap = h100(1);
  stands.pieces = {piece(k1g, 0, 1)};
  gap.pieces = {piece(k4g, 0, 4, "ml/a"), piece(k2g, 4, 2, "ml/b")};
  const auto room = [&](WorkloadType type) {
    const auto verdict = decided(supply_of({stands, gap}), of_type(type, {.memory_mib = 9'000}));
    return std::get<Decision>(verdict).reason.factors.front().value;
  };
  EXPECT_DOUBLE_EQ(room(WorkloadType::Batch), 2 * room(WorkloadType::Inference));
}

TEST(Policies, EachNameDecidesByWhatItSays) {
  Candidate used = h100(0), cheap = h100(2);
  used.pieces = {piece(k3g, 4, 4, "ml/a")};
  cheap.node = "w-01";
  used.price_micros = 4'000'000;
  cheap.price_micros = 3'000'000;
  Candidate empty = h100(1);
  empty.price_micros = 4'000'000;
  const Supply fleet = supply_of({empty, used, cheap});
  static const std::pair<std::string_view, std::string_view> kWant[] = {
      {"firstfit", "w-00-GPU-01"}, {"packing", "w-00-GPU-00"}, {"bestfit", "w-00-GPU-00"},
      {"fgd", "w-00-GPU-00"},      {"cost", "w-00-GPU-02"},    {"spread", "w-00-GPU-01"}};
  for (const auto& [policy, device] : kWant) {
    const auto verdict = decided(fleet, {.memory_mib = 9'000}, policy);
    const auto& decision = std::get<Decision>(verdict);
    EXPECT_EQ(decision.grants[0].device_id, device) << policy;
    EXPECT_EQ(decision.reason.policy, policy);
    EXPECT_THAT(decision.reason.sentence, HasSubstr(std::string("by the policy ") + std::string(policy)));
  }
  EXPECT_THAT(make_policy("fdg", {}).error().what, HasSubstr("there are firstfit, packing"));
}

TEST(Check, RefusesWhatNoFleetCouldServe) {
  EXPECT_THAT(check({.devices = 2, .mig = MigUse::Required}).error().what, HasSubstr("NVLink"));
  EXPECT_FALSE(check({.devices = 0}));
  EXPECT_FALSE(check({.compute_milli = 1'001}));
  EXPECT_FALSE(check({.compute_slices = 1, .mig = MigUse::Never}));
  EXPECT_TRUE(check({.devices = 8}));
}

}  // namespace
}  // namespace tessera::fleet::decision
