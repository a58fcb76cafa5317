#include "cli/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace tessera::cli {
namespace {
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr EpochMs kNow = 1'800'000'000'000;  // 2027-01-15T08:00:00Z

TEST(Explain, SaysWhatAPodGetsAndWhy) {
  const JsonValue allocations = JsonValue::parse(R"([{"id":"a1","state":"promised","reason":"2g.20gb at 0 blocks least",
    "since":"2027-01-15T07:58:00.000Z","askedBy":"key:a ada","request":{"namespace":"ml","podName":"p","requiredMemoryGb":20},
    "expires":"2027-01-15T08:08:00.000Z",
    "parts":[{"deviceId":"w-1-GPU-00","profile":"2g.20gb","start":0,"resource":"nvidia.com/mig-2g.20gb","stands":false}],
    "decision":{"factors":[{"key":"room_lost","text":"blocks 3 of 18 placements"}],
                "runnersUp":[{"deviceId":"w-1-GPU-01","whyNot":"it blocks 5 more"}],"hint":null}}])");
  EXPECT_EQ(explain_text("ml/p", JsonValue::array(), allocations, kNow),
            "Pod ml/p\n"
            "Allocation a1 is promised for 2m: 2g.20gb at 0 blocks least\n"
            "Asked by key:a ada: requiredMemoryGb 20\n"
            "Kept for the pod until 2027-01-15T08:08:00.000Z\n"
            "  w-1-GPU-00 2g.20gb at 0 (nvidia.com/mig-2g.20gb): it is being cut\n"
            "What counted:\n"
            "  blocks 3 of 18 placements\n"
            "What came next:\n"
            "  w-1-GPU-01: it blocks 5 more\n");
}

TEST(Explain, SaysWhyAPodWaitsAndWhatWouldHelp) {
  const JsonValue allocations = JsonValue::parse(R"([{"id":"a1","state":"waiting","reason":"no room","parts":[],
    "decision":{"misses":[{"cause":"held","sentence":"2 devices are held","nearest":[{"deviceId":"w-1-GPU-00","what":"ml/q"}]}],
                "remedies":[{"kind":"wait","sentence":"ml/q has been idle for 40 min"}],"hint":"19,968 MiB would do"}}])");
  EXPECT_THAT(explain_text("ml/p", JsonValue::array(), allocations, kNow),
              AllOf(HasSubstr("What is in the way:\n  2 devices are held\n    w-1-GPU-00: ml/q\n"),
                    HasSubstr("What would help:\n  ml/q has been idle for 40 min\n19,968 MiB would do\n")));
}

TEST(Explain, KnowsAPodThatNobodyAskedFor) {
  const JsonValue pods =
      JsonValue::parse(R"([{"parts":[{"deviceId":"w-1-GPU-00","instance":{"gi":1,"ci":0,"profile":"2g.20gb"}}],
                            "kubernetes":{"waiting":{"message":"0/3 nodes are available"}}}])");
  EXPECT_THAT(explain_text("ml/p", pods, JsonValue::array(), kNow),
              AllOf(HasSubstr("Has w-1-GPU-00 instance 1/0 2g.20gb\n"), HasSubstr("0/3 nodes are available"),
                    HasSubstr("No allocation was asked for it"), Not(HasSubstr("–"))));
}

TEST(Explain, SaysWhatAPodAtTheGateWaitsFor) {
  const JsonValue pods = JsonValue::parse(R"([{"parts":[],"kubernetes":{"waiting":{"reason":"SchedulingGated",
                            "message":"promised: 2g.20gb of w-1 is being cut"}}}])");
  EXPECT_THAT(explain_text("ml/p", pods, JsonValue::array(), kNow),
              HasSubstr("Waits at a scheduling gate: promised: 2g.20gb of w-1 is being cut\n"));
}

}  // namespace
}  // namespace tessera::cli
