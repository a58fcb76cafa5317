// What is done about alerts, over flapping alerts, changed settings, refusals, and crashes before and behind each deed.
#include "fleet/alerts/actions.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <random>

namespace tessera::fleet::alerts {
namespace {
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

Standing standing(const std::string& rule, const std::string& node, EpochMs fired, Phase phase = Phase::Firing) {
  LabelSet labels = {{"alertname", rule}, {"cluster", "c"}, {"node", node}, {"uuid", "GPU-" + node}};
  Track track{.rule = rule,
              .subject = std::make_shared<const Subject>(Subject{"c/" + node, "c/" + node, labels}),
              .phase = phase,
              .fired = fired};
  return {track, labels, "", ""};
}

Rule rule(std::string_view name, std::optional<Action> action) {
  Rule out{.name = std::string(name), .kind = Kind::Device};
  out.action = std::move(action);
  return out;
}

TEST(Actions, AreOfWhatFiresAndSaysItsTarget) {
  const std::vector<Rule> rules = {rule("Hot", Action{Deed::Exclude, false}), rule("Cold", std::nullopt),
                                   rule("Told", Action{Deed::Webhook, true, "/url"})};
  std::vector<Standing> alerts = {standing("Hot", "n", 5), standing("Cold", "n", 5), standing("Told", "n", 5),
                                  standing("Hot", "m", 5, Phase::Pending), standing("Gone", "n", 5)};
  alerts[2].silenced_by = "s";
  const auto wanted = wanted_actions(alerts, rules);
  ASSERT_THAT(wanted, SizeIs(2));
  EXPECT_EQ(wanted[0].action.target, "GPU-n");
  EXPECT_FALSE(wanted[0].action.dry_run);
  EXPECT_TRUE(wanted[0].may_begin);
  EXPECT_EQ(wanted[1].action.target, "/url");
  EXPECT_FALSE(wanted[1].may_begin);
  alerts[0].labels.pop_back();
  EXPECT_THAT(wanted_actions(std::span(alerts).first(1), rules), IsEmpty()) << "it says no device";
}

TEST(Actions, GoOnInSilenceAndDoNotBeginInIt) {
  const std::vector<Rule> rules = {rule("Hot", Action{Deed::Cordon, false})};
  std::vector<Standing> alerts = {standing("Hot", "n", 5)};
  alerts[0].silenced_by = "s";
  EXPECT_THAT(steps_between(wanted_actions(alerts, rules), {}).begin, IsEmpty());
  std::vector<ActionRecord> kept = {wanted_actions(alerts, rules)[0].action};
  kept[0].id = 1;
  kept[0].stage = Stage::Standing;
  EXPECT_THAT(steps_between(wanted_actions(alerts, rules), kept).end, IsEmpty());
  EXPECT_THAT(steps_between({}, kept).end, ElementsAre(1));
  alerts[0].silenced_by.clear();
  alerts[0].track.fired = 6;
  const ActionSteps anew = steps_between(wanted_actions(alerts, rules), kept);
  EXPECT_THAT(anew.end, ElementsAre(1)) << "it was resolved in between";
  EXPECT_THAT(anew.begin, SizeIs(1));
  kept[0].stage = Stage::Ending;
  EXPECT_THAT(steps_between({}, kept).end, IsEmpty()) << "that is settled";
}

TEST(Actions, OfSeveralOnOneNodeTheFirstGivesItsTaint) {
  const auto one = [](std::int64_t id, const std::string& name, Deed deed, Stage stage, bool dry_run = false) {
    return ActionRecord{
        .id = id, .rule = name, .cluster = "c", .deed = deed, .target = "n", .dry_run = dry_run, .stage = stage};
  };
  const std::vector<ActionRecord> kept = {
      one(4, "D", Deed::Taint, Stage::Beginning), one(2, "B", Deed::Taint, Stage::Standing),
      one(1, "A", Deed::Taint, Stage::Ending),    one(3, "C", Deed::Taint, Stage::Standing, true),
      one(5, "E", Deed::Cordon, Stage::Ending),   one(6, "F", Deed::Exclude, Stage::Standing)};
  EXPECT_EQ(marks_of("c", "n", kept), (NodeMarks{false, "B", {"A", "B", "D"}}));
  EXPECT_EQ(marks_of("d", "n", kept), NodeMarks{});
  EXPECT_THAT(excluded_devices(kept), SizeIs(1));
  EXPECT_THAT(excluded_devices(std::span(kept).first(5)), IsEmpty());
}

using Random = std::mt19937_64;
bool chance(Random& random, unsigned of) { return random() % of == 0; }

/// A cluster, a webhook, and the database; a leader that may crash between any two of its steps.
struct World {
  explicit World(unsigned seed) : random(seed) {}

  struct NodeState {
    bool ours = false, persons = false;  ///< who has the cordon
    bool cordoned() const { return ours || persons; }
  };
  Random random;
  std::vector<Rule> rules = {rule("A", std::nullopt), rule("B", std::nullopt), rule("C", std::nullopt)};
  std::vector<Standing> alerts;
  std::vector<ActionRecord> database;  ///< all
  std::map<std::string, NodeState> nodes;
  std::map<std::string, std::string> taints;        ///< of ours
  std::map<std::int64_t, std::vector<bool>> posts;  ///< by record: begins and ends, in their order
  std::map<std::string, std::int64_t> last_told;    ///< record, by alert
  EpochMs now = 1'000;

  void change() {
    ++now;
    const auto at = random() % 3;
    const std::string node = chance(random, 2) ? "n" : "m";
    const std::string name(rules[at].name);
    const auto same = [&](const Standing& one) {
      return one.track.rule == name && one.track.subject->key == "c/" + node;
    };
    switch (random() % 4) {
      case 0:
        rules[at].action.reset();
        if (!chance(random, 4))
          rules[at].action = Action{static_cast<Deed>(random() % kDeeds), chance(random, 3), "/url"};
        break;
      case 1:
        nodes[node].persons = !nodes[node].persons;
        break;
      case 2:
        for (Standing& one : alerts)
          if (same(one)) one.silenced_by = one.silenced_by.empty() ? "s" : "";
        break;
      default:
        if (std::erase_if(alerts, same) == 0) alerts.push_back(standing(name, node, now));
    }
  }

  std::vector<ActionRecord> open() const {
    std::vector<ActionRecord> out = database;
    std::erase_if(out, [](const ActionRecord& one) { return one.stage == Stage::Ended; });
    return out;
  }

  /// One round of a leader; `breaks` after each of which it may crash, and where a deed may be refused.
  void round(bool breaks) {
    const ActionSteps steps = steps_between(wanted_actions(alerts, rules), open());
    for (const std::int64_t id : steps.end) {
      ActionRecord& one = database[static_cast<std::size_t>(id - 1)];
      one.stage = one.dry_run ? Stage::Ended : Stage::Ending;
    }
    for (ActionRecord one : steps.begin) {
      one.id = static_cast<std::int64_t>(database.size()) + 1;
      one.stage = one.dry_run ? Stage::Standing : Stage::Beginning;
      database.push_back(one);
    }
    for (ActionRecord& one : database) {
      if (!one.is_due() || waits_for_another(one, database)) continue;
      if (breaks && chance(random, 4)) return;    // before it is done
      if (breaks && chance(random, 4)) continue;  // refused
      carry_out(one);
      if (breaks && chance(random, 4)) return;  // done, and nobody has noted it
      one.stage = one.stage == Stage::Beginning ? Stage::Standing : Stage::Ended;
    }
  }

  void carry_out(const ActionRecord& one) {
    const bool begins = one.stage == Stage::Beginning;
    const NodeMarks marks = marks_of(one.cluster, one.target, open());
    if (one.deed == Deed::Cordon && (begins || !marks.cordon)) nodes[one.target].ours = begins;
    if (one.deed == Deed::Taint) taints[one.target] = marks.taint;
    if (one.deed != Deed::Webhook) return;
    posts[one.id].push_back(begins);
    std::int64_t& last = last_told[one.rule + ' ' + one.subject];
    EXPECT_GE(one.id, last) << "one alert's begins and ends come in their order";
    last = one.id;
  }

  /// The wish as one would say it: what fires and was told at some time since its rule has the action.
  void expect_settled() const {
    const auto wanted = wanted_actions(alerts, rules);
    for (const ActionRecord& one : database) {
      EXPECT_TRUE(one.stage == Stage::Standing || one.stage == Stage::Ended);
      const bool is_wanted = std::ranges::any_of(wanted, [&](const WantedAction& other) {
        return other.action.rule == one.rule && other.action.subject == one.subject && other.action.deed == one.deed &&
               other.action.dry_run == one.dry_run && other.action.fired == one.fired;
      });
      EXPECT_TRUE(is_wanted || one.stage == Stage::Ended) << one.rule << " of " << one.subject << " is forgotten";
    }
    for (const std::string node : {"n", "m"}) {
      bool cordon = false;
      std::set<std::string> names;
      for (const WantedAction& one : wanted) {
        const bool stands = std::ranges::any_of(database, [&](const ActionRecord& other) {
          return other.stage == Stage::Standing && other.rule == one.action.rule &&
                 other.subject == one.action.subject && other.fired == one.action.fired &&
                 other.deed == one.action.deed && other.dry_run == one.action.dry_run;
        });
        EXPECT_TRUE(stands || !one.may_begin) << one.action.rule << " is not done";
        if (!stands || one.action.dry_run || one.action.target != node) continue;
        cordon = cordon || one.action.deed == Deed::Cordon;
        if (one.action.deed == Deed::Taint) names.insert(one.action.rule);
      }
      const auto state = nodes.contains(node) ? nodes.at(node) : NodeState{};
      EXPECT_EQ(state.ours, cordon);
      EXPECT_EQ(state.cordoned(), cordon || state.persons) << "a person's cordon stays";
      const std::string taint = taints.contains(node) ? taints.at(node) : "";
      EXPECT_EQ(taint.empty(), names.empty());
      EXPECT_TRUE(taint.empty() || names.contains(taint)) << taint;
    }
    for (const auto& [id, told] : posts) {
      const ActionRecord& one = database[static_cast<std::size_t>(id - 1)];
      EXPECT_TRUE(std::ranges::is_sorted(told, std::greater<>())) << "no begin behind an end";
      EXPECT_EQ(!told.back(), one.stage == Stage::Ended);
      EXPECT_FALSE(one.dry_run);
    }
  }
};

TEST(Actions, AreDoneAndUndoneWhateverComesInBetween) {
  for (unsigned seed = 0; seed < 300 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    World world(seed);
    for (int step = 0; step < 60; ++step) {
      world.change();
      if (!chance(world.random, 3)) world.round(true);
      if (!chance(world.random, 10)) continue;
      for (int calm = 0; calm < 3; ++calm) world.round(false);
      world.expect_settled();
    }
    world.alerts.clear();
    for (int calm = 0; calm < 3; ++calm) world.round(false);
    world.expect_settled();
    EXPECT_THAT(world.open(), IsEmpty());
  }
}

}  // namespace
}  // namespace tessera::fleet::alerts
