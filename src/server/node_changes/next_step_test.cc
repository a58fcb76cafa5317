#include "server/node_changes/next_step.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tessera::server::nodes {
namespace {
using Act = Verdict::Act;
using testing::AllOf;
using testing::HasSubstr;

constexpr EpochMs kNow = 1'800'000'000'000;  // at 08:00 UTC
constexpr EpochMs kMinute = 60'000;

DeviceSight device(Course course, std::int64_t generation = 3, std::string says = {}) {
  return {"GPU-1", generation, course, std::move(says)};
}
/// As somebody has asked for it so many minutes ago.
DeviceSight asked(EpochMs minutes, std::int64_t generation = 4, Course course = Course::Open) {
  DeviceSight out = device(course, generation);
  out.asked_at = kNow - minutes * kMinute;
  return out;
}
NodeSight ready(Course course = Course::Open) {
  NodeSight out;
  out.devices = {device(course)};
  out.agent_asks = true;
  out.listing = {true, false, {}};
  out.plugins = {{"gpu", "plugin-1", "u1", kNow - 60 * kMinute}};
  return out;
}
/// A node that is cordoned by us, in a stage since so many minutes.
NodeSight in(Stage stage, Course course, EpochMs minutes = 0) {
  NodeSight out = ready(course);
  out.unschedulable = true;
  out.change = Progress{stage, kNow - minutes * kMinute, true, 3, "GPU-1 is cut"};
  if (stage == Stage::Listing) {
    out.change->replaced = {"u1"};
    out.plugins = {{"gpu", "plugin-2", "u2", kNow - kMinute}};
  }
  return out;
}
Rules at_night() {
  Rules out;
  out.windows = *parse_windows("22:00-04:00");
  return out;
}
Verdict step(const NodeSight& node, const Rules& rules = {}, std::string_view why_not = {}) {
  return next_step(node, rules, why_not, kNow);
}

TEST(NextStep, BeginsWithACordonThatIsOurs) {
  const Verdict verdict = step(ready());
  EXPECT_EQ(verdict.act, Act::Write);
  EXPECT_TRUE(verdict.change.cordoned);
  EXPECT_EQ(verdict.change.stage, Stage::Changing);
  EXPECT_EQ(verdict.change.since, kNow);
  EXPECT_EQ(verdict.change.generation, 3);
  EXPECT_FALSE(verdict.told) << "only when the cordon has been seen";

  NodeSight cordoned = ready();
  cordoned.unschedulable = true;
  EXPECT_EQ(step(cordoned).act, Act::Write);
  EXPECT_FALSE(step(cordoned).change.cordoned) << "somebody else has, and it stays his";

  Rules open;
  open.cordon = false;
  EXPECT_FALSE(step(ready(), open).change.cordoned);
}

TEST(NextStep, BeginsNothingWhere) {
  struct Case {
    const char* what;
    NodeSight node;
    Rules rules;
    const char* why_not;
    std::string_view state;
    const char* says;
    bool told = false;
    bool blocked = false;  // it may never come
  };
  const auto with = [](const auto& change) {
    NodeSight out = ready();
    change(out);
    return out;
  };
  Rules dry;
  dry.dry_run = true;
  const Case kCases[] = {
      {"all stands", ready(Course::Stands), {}, "", "", ""},
      {"its agent will not", ready(Course::Ended), {}, "", "", ""},
      {"what has to go is held",
       with([](auto& n) { n.devices = {device(Course::Held, 3, "2g at 0 is held by a/b")}; }),
       {},
       "",
       "waiting",
       "a/b",
       false,
       true},
      {"what has to go is held, and no window is open",
       with([](auto& n) { n.devices = {device(Course::Held, 3, "2g at 0 is held by a/b")}; }), at_night(), "",
       "waiting", "a/b"},
      {"nobody would cut",
       with([](auto& n) { n.agent_asks = false; }),
       {},
       "",
       "waiting",
       "tessera-agent layout",
       false,
       true},
      {"the node is not ready", with([](auto& n) { n.ready = false; }), {}, "", "waiting", "not ready", false, true},
      {"mig-manager has the node",
       with([](auto& n) { n.manager.here = true; }),
       {},
       "",
       "waiting",
       "nvidia.com/gpu.deploy.mig-manager=false",
       false,
       true},
      {"no window is open", ready(), at_night(), "", "waiting", "22:00-04:00"},
      {"enough nodes are cordoned", ready(), {}, "1 of 8 nodes", "waiting", "1 of 8 nodes"},
      {"dry-run is set", ready(), dry, "", "dry-run", "be cordoned, have GPU-1 cut, and the device plugin's pod"},
      {"its agent changes nothing",
       with([](auto& n) { n.agent_dry_run = true; }),
       {},
       "",
       "dry-run",
       "--dry-run",
       true},
  };
  for (const Case& c : kCases) {
    const Verdict verdict = step(c.node, c.rules, c.why_not);
    EXPECT_EQ(verdict.act, Act::Nothing) << c.what;
    EXPECT_EQ(verdict.state, c.state) << c.what;
    EXPECT_EQ(verdict.told, c.told) << c.what;
    EXPECT_THAT(verdict.reason, HasSubstr(c.says)) << c.what;
    EXPECT_EQ(verdict.blocked, c.blocked) << c.what;
  }
}

TEST(NextStep, IsNeverTakenWhere) {
  NodeSight silent = ready(), dry = ready(), managed = ready();
  silent.agent_asks = false;
  dry.agent_dry_run = true;
  managed.manager.here = true;
  Rules only_told, by_manager;
  only_told.dry_run = true;
  by_manager.way = Way::MigManager;
  EXPECT_EQ(why_never(ready(), {}), "");
  EXPECT_EQ(why_never(managed, by_manager), "");
  EXPECT_THAT(why_never(silent, {}), HasSubstr("tessera-agent layout"));
  EXPECT_THAT(why_never(dry, {}), HasSubstr("--dry-run"));
  EXPECT_THAT(why_never(managed, {}), HasSubstr("mig-manager has this node"));
  EXPECT_THAT(why_never(ready(), by_manager), HasSubstr("does not run"));
  EXPECT_THAT(why_never(ready(), only_told), HasSubstr("dry-run"));
}

TEST(NextStep, IsThatTheAgentCutsWhatCanBeCut) {
  NodeSight node = in(Stage::Changing, Course::Open, 5);
  EXPECT_EQ(step(node).act, Act::Nothing);
  EXPECT_TRUE(step(node).told);
  node.devices.push_back(device(Course::Held, 4));
  const Verdict newer = step(node);
  EXPECT_EQ(newer.act, Act::Write) << "a newer wish has its own time";
  EXPECT_EQ(newer.change.generation, 4);
  EXPECT_EQ(newer.change.since, kNow);
  EXPECT_TRUE(newer.told);
}

TEST(NextStep, IsTheListOnceNoDocumentIsInForce) {
  for (const Course end : {Course::Stands, Course::Ended, Course::Held}) {
    NodeSight node = in(Stage::Changing, end, 1);
    node.let_go = false;
    EXPECT_EQ(step(node).act, Act::Nothing);
    EXPECT_FALSE(step(node).told);
    node.let_go = true;
    const Verdict verdict = step(node);
    EXPECT_EQ(verdict.act, Act::Write);
    EXPECT_EQ(verdict.change.stage, Stage::Listing);
    EXPECT_EQ(verdict.change.replaced, std::vector<std::string>{"u1"});
    EXPECT_TRUE(verdict.change.cordoned);
    EXPECT_EQ(verdict.change.trouble, "");
  }
}

TEST(NextStep, EndsTheCuttingBeforeItIsThrough) {
  const struct {
    const char* what;
    NodeSight node;
    Rules rules;
    const char* trouble;
  } kCases[] = {{"the window is over", in(Stage::Changing, Course::Open, 5), at_night(), ""},
                {"it takes too long", in(Stage::Changing, Course::Open, 15), {}, "was not cut within 15m"}};
  for (const auto& c : kCases) {
    const Verdict verdict = step(c.node, c.rules);
    EXPECT_EQ(verdict.act, Act::Write) << c.what;
    EXPECT_EQ(verdict.change.stage, Stage::Listing) << c.what << ": what was cut is to be listed";
    EXPECT_THAT(verdict.change.trouble, HasSubstr(c.trouble));
    EXPECT_EQ(verdict.change.trouble.empty(), std::string_view(c.trouble).empty());
  }
  NodeSight taken = in(Stage::Changing, Course::Open, 5);
  taken.manager.here = true;
  EXPECT_FALSE(step(taken).told) << "never both ways on one node";
}

TEST(NextStep, DeletesThePluginsPodOnce) {
  NodeSight node = in(Stage::Listing, Course::Stands);
  node.plugins = {{"gpu", "plugin-1", "u1", kNow - 60 * kMinute}};
  EXPECT_EQ(step(node).act, Act::Restart);
  node.plugins[0].going = true;
  EXPECT_EQ(step(node).act, Act::Nothing) << "it goes";
  EXPECT_EQ(step(node).state, "listing");
  node.plugins = {{"gpu", "plugin-2", "u2", kNow - 5'000}};
  EXPECT_EQ(step(node).act, Act::Nothing) << "the kubelet may still tell of the list before";
  node.plugins[0].ready_since = kNow - 15'000;
  EXPECT_EQ(step(node).act, Act::Release);
  node.listing = {false, false, "the node lists 0 of 1"};
  EXPECT_EQ(step(node).act, Act::Nothing);
  EXPECT_THAT(step(node).reason, HasSubstr("0 of 1"));
  Rules none;
  none.restart_plugin = false;
  node.plugins.clear();
  EXPECT_EQ(step(node, none).act, Act::Nothing);
  node.listing = {true, false, {}};
  EXPECT_EQ(step(node, none).act, Act::Release) << "somebody else sees to the plugin";
}

TEST(NextStep, StopsWhereThePluginNeverLists) {
  struct Case {
    const char* what;
    NodeSight node;
    bool cordoned;
    const char* says;
  };
  const auto with = [](const auto& change) {
    NodeSight out = in(Stage::Listing, Course::Stands, 10);
    change(out);
    return out;
  };
  const Case kCases[] = {
      {"nothing is listed", with([](auto& n) { n.listing = {false, false, "0 of 1"}; }), false, "0 of 1"},
      {"what does not stand is listed", with([](auto& n) { n.listing = {false, true, "2 of 1"}; }), true, "2 of 1"},
      {"the old pod does not go", with([](auto& n) { n.plugins = {{"gpu", "plugin-1", "u1", {}, true}}; }), true,
       "old pod"},
      {"there is no plugin", with([](auto& n) { n.plugins.clear(); }), false, "no pod of the device plugin"},
  };
  for (const Case& c : kCases) {
    const Verdict verdict = step(c.node);
    ASSERT_EQ(verdict.act, Act::Write) << c.what;
    EXPECT_EQ(verdict.change.stage, Stage::Stopped) << c.what;
    EXPECT_TRUE(verdict.change.unlisted) << c.what;
    EXPECT_EQ(verdict.change.cordoned, c.cordoned) << c.what;
    EXPECT_EQ(verdict.state, c.cordoned ? "stuck" : "stopped") << c.what;
    EXPECT_THAT(verdict.reason, HasSubstr(c.says)) << c.what;
    EXPECT_TRUE(is_under_way(verdict.change)) << c.what << ": the next node would go the same way";
  }
}

TEST(NextStep, OfAStoppedOneIsItsEndOrAnotherTry) {
  NodeSight unlisted = in(Stage::Stopped, Course::Stands, 90);
  unlisted.change->unlisted = true;
  unlisted.change->trouble = "never listed";
  unlisted.listing = {false, true, "2 of 1"};
  EXPECT_EQ(step(unlisted).act, Act::Nothing);
  EXPECT_EQ(step(unlisted).state, "stuck");
  unlisted.listing = {false, false, "0 of 1"};
  EXPECT_EQ(step(unlisted).act, Act::Write) << "it promises nothing any more that does not stand";
  EXPECT_FALSE(step(unlisted).change.cordoned);
  unlisted.listing = {true, false, {}};
  EXPECT_EQ(step(unlisted).act, Act::Release) << "a person has mended the plugin";
  unlisted.change->replaced = {"u1"};
  EXPECT_EQ(step(unlisted).act, Act::Restart) << "its pod could not be deleted in time";

  NodeSight uncut = in(Stage::Stopped, Course::Open, 5);
  uncut.unschedulable = uncut.change->cordoned = false;
  uncut.change->trouble = "not cut";
  EXPECT_EQ(step(uncut).act, Act::Nothing);
  EXPECT_EQ(step(uncut).reason, "not cut");
  EXPECT_FALSE(is_under_way(uncut.change));
  uncut.devices = {device(Course::Open, 4)};
  EXPECT_EQ(step(uncut).act, Act::Write) << "a newer wish is begun at once";
  EXPECT_EQ(step(uncut).change.stage, Stage::Changing);
  EXPECT_EQ(step(uncut, {}, "1 of 8 nodes").act, Act::Nothing);
  uncut.devices = {device(Course::Open)};
  uncut.change->since = kNow - 60 * kMinute;
  EXPECT_EQ(step(uncut).act, Act::Write) << "or the same after an hour";
  uncut.devices = {device(Course::Stands)};
  EXPECT_EQ(step(uncut).act, Act::Release);
}

TEST(NextStep, OfOneThatIsNotListedIsWhatSomebodyHasAskedForSince) {
  NodeSight open = in(Stage::Stopped, Course::Stands, 90);
  open.unschedulable = open.change->cordoned = false;
  open.change->unlisted = true;
  open.change->trouble = "never listed";
  open.listing = {false, false, "0 of 1"};
  open.devices = {asked(1)};
  EXPECT_EQ(step(open).act, Act::Write);
  EXPECT_TRUE(step(open).change.cordoned && step(open).change.stage == Stage::Changing);
  open.devices = {asked(95)};
  EXPECT_EQ(step(open).act, Act::Write) << "while the plugin was waited for";
  const DeviceSight kNothingNew[] = {device(Course::Open, 4), asked(110), asked(1, 3), asked(1, 4, Course::Held),
                                     asked(1, 4, Course::Stands)};
  for (const DeviceSight& one : kNothingNew) {
    open.devices = {one};
    EXPECT_EQ(step(open).state, "stopped") << one.generation;
    EXPECT_EQ(step(open).reason, "never listed");
  }
  open.devices = {asked(1)};
  open.agent_asks = false;
  EXPECT_EQ(step(open).state, "stopped") << "until it can be begun";
  EXPECT_THAT(step(open).reason, AllOf(HasSubstr("never listed"), HasSubstr("tessera-agent layout")));

  NodeSight stuck = in(Stage::Stopped, Course::Open, 90);
  stuck.change->unlisted = true;
  stuck.listing = {false, true, "2 of 1"};
  stuck.devices = {asked(1)};
  EXPECT_EQ(step(stuck).act, Act::Write);
  EXPECT_TRUE(step(stuck).change.cordoned) << "the cordon is ours still";
}

TEST(NextStep, KeepsWhatCameBeforeTheListInMind) {
  NodeSight node = in(Stage::Listing, Course::Open);
  node.change->trouble = "GPU-1 was not cut within 15m";
  const Verdict verdict = step(node);
  EXPECT_EQ(verdict.act, Act::Write);
  EXPECT_EQ(verdict.change.stage, Stage::Stopped);
  EXPECT_FALSE(verdict.change.cordoned);
  EXPECT_FALSE(verdict.change.unlisted);
  EXPECT_THAT(verdict.reason, HasSubstr("15m"));
}

TEST(NextStep, GoesOnWithoutACordonThatSomebodyTookAway) {
  for (const Stage stage : {Stage::Changing, Stage::Listing, Stage::Stopped}) {
    NodeSight node = in(stage, Course::Open);
    node.unschedulable = false;
    const Verdict verdict = step(node);
    EXPECT_EQ(verdict.act, Act::Write);
    EXPECT_EQ(verdict.change.stage, stage);
    EXPECT_FALSE(verdict.change.cordoned) << "a later cordon is his";
  }
}

TEST(NextStep, IsNoneWhereDryRunIsSet) {
  Rules dry;
  dry.dry_run = true;
  for (const Stage stage : {Stage::Changing, Stage::Listing, Stage::Stopped}) {
    EXPECT_EQ(step(in(stage, Course::Stands), dry).act, Act::Nothing);
    EXPECT_FALSE(step(in(stage, Course::Open), dry).told);
  }
}

// ---- mig-manager's way

Rules by_manager() {
  Rules out;
  out.way = Way::MigManager;
  return out;
}
ManagerSight manager() { return {true, "all-disabled", "", "success", "tessera-1", true, true}; }
NodeSight managed(Course course) {
  NodeSight out = ready(course);
  out.agent_asks = false;
  out.manager = manager();
  return out;
}
NodeSight managed(Stage stage, Course course, EpochMs minutes = 0) {
  NodeSight out = in(stage, course, minutes);
  out.manager = manager();
  return out;
}

TEST(NextStepByManager, BeginsOnlyWhereItsConfigIsReadyAndTheLabelIsNobodys) {
  EXPECT_EQ(step(managed(Course::Open), by_manager()).act, Act::Write);
  const struct {
    const char* what;
    void (*change)(NodeSight&);
    const char* says;
  } kCases[] = {
      {"no manager", [](NodeSight& n) { n.manager.here = false; }, "does not run"},
      {"at work", [](NodeSight& n) { n.manager.state = "pending"; }, "pending"},
      {"other devices unknown", [](NodeSight& n) { n.manager.entry = ""; }, "not known"},
      {"somebody's label", [](NodeSight& n) { n.manager.owner = "gpu-operator"; }, "belongs to gpu-operator"},
      {"told before", [](NodeSight& n) { n.let_go = false; }, "may still act"},
      {"its file is not there", [](NodeSight& n) { n.manager.written = false; }, "do not see its file"},
      {"one is in use", [](NodeSight& n) { n.devices.push_back(device(Course::Held, 3, "a/b holds it")); }, "a/b"},
  };
  for (const auto& c : kCases) {
    NodeSight node = managed(Course::Open);
    c.change(node);
    const Verdict verdict = step(node, by_manager());
    EXPECT_EQ(verdict.act, Act::Nothing) << c.what;
    EXPECT_EQ(verdict.state, "waiting") << c.what;
    EXPECT_THAT(verdict.reason, HasSubstr(c.says)) << c.what;
  }
}

TEST(NextStepByManager, SetsTheLabelOfWhatIsStillEmpty) {
  NodeSight node = managed(Stage::Changing, Course::Open);
  node.manager.told_anew = false;
  EXPECT_EQ(step(node, by_manager()).act, Act::Nothing) << "a process may have come just before the cordon";
  node.manager.told_anew = true;
  node.let_go = false;
  EXPECT_EQ(step(node, by_manager()).act, Act::Nothing) << "an agent may still cut";
  node.let_go = true;
  const Verdict first = step(node, by_manager());
  EXPECT_EQ(first.act, Act::Write) << "what is to be done is written before it is done";
  EXPECT_EQ(first.change.entry, "tessera-1");
  EXPECT_FALSE(first.told);
  node.change = first.change;
  EXPECT_EQ(step(node, by_manager()).act, Act::Label);

  NodeSight held = managed(Stage::Changing, Course::Open);
  held.devices.push_back(device(Course::Held, 3, "a/b holds it"));
  EXPECT_EQ(step(held, by_manager()).change.stage, Stage::Listing) << "it is given up, and not tried against somebody";
  EXPECT_EQ(step(held, by_manager()).change.entry, "");
}

TEST(NextStepByManager, WaitsForItsWord) {
  const auto labelled = [](Course course, const char* state, EpochMs minutes) {
    NodeSight out = managed(Stage::Changing, course, minutes);
    out.change->entry = out.manager.label = "tessera-1";
    out.manager.state = state;
    return out;
  };
  const struct {
    const char* state;
    EpochMs minutes;
    Course course;
    Act act;
    std::string_view shown;
    const char* says;
  } kCases[] = {
      {"success", 0, Course::Open, Act::Nothing, "changing", "is to apply"},  // of before
      {"pending", 3, Course::Open, Act::Nothing, "changing", "pending"},
      {"rebooting", 3, Course::Held, Act::Nothing, "changing", "rebooting"},
      {"pending", 15, Course::Open, Act::Nothing, "stuck", "set it to another value and back"},
      {"success", 3, Course::Held, Act::Nothing, "changing", "is to apply"},  // nobody tells how it is cut now
      {"success", 3, Course::Stands, Act::Write, "listing", ""},
      {"failed", 0, Course::Open, Act::Nothing, "changing", "is to apply"},  // of before
      {"failed", 2, Course::Open, Act::Write, "listing", "failed to apply tessera-1"},
      {"success", 15, Course::Open, Act::Write, "listing", "does not stand"},
      {"", 15, Course::Open, Act::Write, "listing", "does not stand"},
  };
  for (const auto& c : kCases) {
    const Verdict verdict = step(labelled(c.course, c.state, c.minutes), by_manager());
    EXPECT_EQ(verdict.act, c.act) << c.state << c.minutes;
    EXPECT_EQ(verdict.state, c.shown) << c.state << c.minutes;
    EXPECT_THAT(verdict.reason, HasSubstr(c.says)) << c.state << c.minutes;
    EXPECT_FALSE(verdict.told);
  }
}

TEST(NextStepByManager, GivesUpALabelThatIsNotTaken) {
  NodeSight node = managed(Stage::Changing, Course::Open, 15);
  node.change->entry = "tessera-1";
  const Verdict verdict = step(node, by_manager());
  EXPECT_EQ(verdict.act, Act::Write);
  EXPECT_THAT(verdict.change.trouble, HasSubstr("could not be set"));
}

// ---- How many at once

TEST(NodesAtOnce, AreAShareAndAlwaysOneAndNeverAll) {
  Rules rules;
  rules.one_node_per = 10;
  const struct {
    Pool pool;
    bool unschedulable;
    bool may;
  } kCases[] = {{{1, 1, 0}, false, true},    {{1, 0, 1}, false, false},
                {{2, 2, 0}, false, true},    {{2, 1, 0}, false, false},  // the other is cordoned by somebody
                {{2, 1, 0}, true, true},                                 // he has cordoned this one himself
                {{20, 20, 1}, false, true},  {{20, 18, 2}, false, false},
                {{29, 27, 2}, false, false}, {{30, 28, 2}, false, true}};
  for (const auto& c : kCases) {
    NodeSight node;
    node.unschedulable = c.unschedulable;
    EXPECT_EQ(why_not_begin(c.pool, rules, node).empty(), c.may)
        << c.pool.nodes << ' ' << c.pool.schedulable << ' ' << c.pool.under_way;
  }
  NodeSight unlisted;
  unlisted.change = Progress{.stage = Stage::Stopped, .unlisted = true};
  EXPECT_EQ(why_not_begin({20, 18, 2}, rules, unlisted), "") << "it is one of the two";
}

// ---- What is kept

TEST(Annotation, GivesBackWhatItWasGiven) {
  const Progress all{Stage::Stopped, 7, true, 9, "why \"quoted\"", {"u1", "u2"}, "tessera-1", "trouble", true};
  EXPECT_EQ(read_annotation(annotation_text(all)), all);
  EXPECT_EQ(read_annotation(annotation_text({})), Progress{});
  for (const char* bad : {"", "{}", "[]", "7", R"({"stage":"else"})", R"({"stage":7})"})
    EXPECT_FALSE(read_annotation(bad)) << bad;
  EXPECT_TRUE(read_annotation(R"({"stage":"listing","replaced":"x","since":"y","cordoned":1})"));
}

}  // namespace
}  // namespace tessera::server::nodes
