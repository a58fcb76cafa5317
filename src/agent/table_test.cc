#include "agent/table.h"

#include <gtest/gtest.h>

#include "agent/sample_test.h"

namespace tessera::agent {
namespace {

TEST(Table, ReadsAsAPersonWould) {
  EXPECT_EQ(table(sample_observation(), "worker-01"),
            R"(worker-01   2023-11-14T22:15:00.000Z
driver 550.54.15

GPU    MODEL                  BUSY           MEMORY   TEMP  POWER  HELD BY
0      NVIDIA H100 80GB HBM3  50 %  30.0 / 80.0 GiB  54 °C      –  ml/train-0/main
1      NVIDIA H100 80GB HBM3   MIG  30.0 / 80.0 GiB  54 °C      –
1_1_0    1g.10gb              90 %   4.0 / 10.0 GiB                free
1_3_0    2g.20gb              60 %   4.0 / 20.0 GiB                free
1_5_0    1g.10gb              80 %   4.0 / 10.0 GiB                free

GPU     PID  TYPE    MEMORY    SM  POD               COMMAND
0      4242  C     1024 MiB  61 %  ml/train-0/main   python3
0      4243  C     1024 MiB     –  (host process)    python3
1_1_0  4242  C     1024 MiB     –  web/serve-0/vllm  python3
)");
}

TEST(Table, CallsIdleOnlyWhatIsKnownToBe) {
  Observation seen = sample_observation();
  const auto says_idle = [&](std::optional<bool> used) {
    seen.allocations.list[0].used = used;
    return table(seen, "worker-01").find("ml/train-0/main (idle)") != std::string::npos;
  };
  EXPECT_TRUE(says_idle(false));
  EXPECT_FALSE(says_idle(true));
  EXPECT_FALSE(says_idle(std::nullopt));
}

TEST(Table, NamesAProcessAsFarAsItIsKnown) {
  Observation seen = sample_observation();
  const auto pod_of_the_first = [&](Outcome outcome, const Workload& workload, const char* text) {
    seen.sessions[0].outcome = outcome;
    seen.sessions[0].workload = workload;
    return table(seen, "worker-01").find(std::string("61 %  ") + text) != std::string::npos;
  };
  EXPECT_TRUE(pod_of_the_first(Outcome::Holder, kTrain, "ml/train-0/main "));
  EXPECT_TRUE(pod_of_the_first(Outcome::Unnamed, {"", "", "", kTrain.pod_uid}, ("pod " + kTrain.pod_uid).c_str()));
  EXPECT_TRUE(pod_of_the_first(Outcome::Host, {}, "(host process)"));
  EXPECT_TRUE(pod_of_the_first(Outcome::Gone, {}, "(gone)"));
  EXPECT_TRUE(pod_of_the_first(Outcome::NoAccess, {}, "(no access to its /proc entry)"));
  EXPECT_TRUE(pod_of_the_first(Outcome::Conflict, {}, "(two pods in its cgroup)"));
}

TEST(Table, NoNameOfAProcessBreaksALine) {
  Observation seen = sample_observation();
  seen.sessions[0].command = "a\nb\x1B[2J\xFF";
  EXPECT_NE(table(seen, "worker-01").find("  a?b?[2J\xEF\xBF\xBD\n"), std::string::npos);
}

TEST(Table, SaysWhatIsMissing) {
  Observation seen = sample_observation();
  seen.snapshot.devices[0].health = gpu::Health::Lost;
  seen.snapshot.devices[0].why = "GPU is lost";
  seen.blindness.no_host_pid = true;
  const std::string text = table(seen, "worker-01");
  EXPECT_NE(text.find("not answering: GPU is lost"), std::string::npos);
  EXPECT_NE(text.find("hostPID: true"), std::string::npos);
  seen.driver_up = false;
  seen.driver_problem = "no library";
  EXPECT_NE(table(seen, "worker-01").find("No driver: no library"), std::string::npos);
}

}  // namespace
}  // namespace tessera::agent
