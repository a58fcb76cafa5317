#include "fleet/alerts/observe_test.h"

#include <set>

namespace tessera::fleet::alerts {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST(Observe, JudgesNoServingPodByItsProcess) {
  Seen seen;
  seen.told.scrape(kStart, R"(cluster="c",node="w",namespace="ml",pod="p",job="v")",
                   "vllm:num_requests_running{model_name=\"m\"} 0\nvllm:num_requests_waiting{model_name=\"m\"} 7\n"
                   "vllm:kv_cache_usage_perc{model_name=\"m\"} 0.5\n");
  seen.look();
  EXPECT_THAT(seen.of(Signal::IdleWithMemory), IsEmpty());
  ASSERT_EQ(seen.of(Signal::RequestsWaiting).size(), 1U);
  EXPECT_THAT(seen.of(Signal::RequestsWaiting)[0], testing::EndsWith(" 7"));
  EXPECT_THAT(seen.of(Signal::KvCacheUsedRatio)[0], testing::EndsWith(" 0.5"));
}

TEST(Observe, EnginesOutsideOfPodsDifferInTheirLabels) {
  Seen seen;
  for (const char* address : {"10.0.0.1:8000", "10.0.0.2:8000"})
    seen.told.scrape(kStart, fmt::format(R"(cluster="c",job="v",instance="{}")", address),
                     "vllm:num_requests_running{model_name=\"m\"} 1\nvllm:num_requests_waiting{model_name=\"m\"} 7\n");
  seen.told.scrape(kStart, R"(cluster="c",job="v",instance="10.0.0.3:8000",namespace="ml",pod="p")",
                   "vllm:num_requests_running{model_name=\"m\"} 1\nvllm:num_requests_waiting{model_name=\"m\"} 7\n");
  seen.look();
  std::vector<std::string> of;
  for (const Observation& one : seen.round.observations)
    if (one.signal == Signal::RequestsWaiting)
      of.push_back(
          fmt::format("{}/{}", label_of(one.subject->labels, "pod"), label_of(one.subject->labels, "instance")));
  EXPECT_THAT(of, testing::UnorderedElementsAre("/10.0.0.1:8000", "/10.0.0.2:8000", "p/"));
}

TEST(Observe, SaysWhichEngineItIsInAPodOrAtAnAddress) {
  Seen seen;
  const std::string page =
      "vllm:num_requests_running{model_name=\"m\"} 1\nvllm:num_requests_waiting{model_name=\"m\"} 7\n"
      "vllm:kv_cache_usage_perc{model_name=\"m\"} 0.99\n";
  seen.told.scrape(kStart, R"(cluster="c",node="w",job="v",instance="w:8000")", page);
  seen.told.scrape(kStart, R"(cluster="c",node="w",job="v",instance="10.0.0.3:8000",namespace="ml",pod="p")", page);
  seen.look();
  std::vector<std::string> said;
  for (const Observation& one : seen.round.observations)
    for (const Rule& rule : builtin_rules())
      if (rule.kind == Kind::Engine && rule.signal == one.signal)
        said.push_back(fill(rule.summary, one.subject->labels, one.value.value_or(-1)));
  EXPECT_THAT(said, testing::UnorderedElementsAre("7 requests wait for m in w:8000.", "7 requests wait for m in ml/p.",
                                                  "0.99 of the KV cache of m in w:8000 is in use (1 is all).",
                                                  "0.99 of the KV cache of m in ml/p is in use (1 is all)."));
}

TEST(Observe, EnginesOfSeveralClustersAtOneAddressAreSeveral) {
  Seen seen;
  for (const char* cluster : {"c", "d"})
    for (const char* where : {"", R"(,namespace="ml",pod="p")"})
      seen.told.scrape(kStart, fmt::format(R"(cluster="{}",job="v",instance="10.0.0.1:8000"{})", cluster, where),
                       "vllm:num_requests_waiting{model_name=\"m\"} 7\n");
  seen.look();
  const auto of = seen.of(Signal::RequestsWaiting);
  EXPECT_EQ(std::set<std::string>(of.begin(), of.end()).size(), 4U);
}

TEST_F(Changing, AnEngineThatIsPutToSleepHasNoQueue) {
  const auto engine = [&](bool asleep) {
    seen.told.scrape(at + 30 * kSecond, R"(cluster="c",node="w",namespace="ml",pod="p",job="v")",
                     fmt::format("vllm:num_requests_running{{model_name=\"m\"}} 1\n"
                                 "vllm:num_requests_waiting{{model_name=\"m\"}} 70\n"
                                 "vllm:engine_sleep_state{{model_name=\"m\",sleep_state=\"awake\"}} {}\n",
                                 asleep ? 0 : 1));
    round("");
  };
  for (int i = 0; i <= 21; ++i) engine(false);
  ASSERT_EQ(firing().size(), 1U);
  for (int i = 0; i < 5; ++i) engine(true);
  EXPECT_THAT(firing(), IsEmpty());
}

TEST_F(Changing, AnEngineThatFallsSilentIsNotGoneBeforeItsPodIs) {
  const std::string queue =
      "vllm:num_requests_running{model_name=\"m\"} 1\nvllm:num_requests_waiting{model_name=\"m\"} 70\n";
  const std::string process =
      R"(gpu_process_info{gpu="0",UUID="GPU-0",Hostname="w",pid="7",command="py",namespace="ml",pod="p",container="c",status="active",type="C"} 1
)";
  const std::string other =
      R"(gpu_process_info{gpu="0",UUID="GPU-0",Hostname="w",pid="8",command="py",namespace="ml",pod="q",container="c",status="active",type="C"} 1
)";
  for (int i = 0; i <= 21; ++i) {
    serve(queue);
    round(busy_gpu(0, 60, 350) + process);
  }
  ASSERT_THAT(firing(), Contains(HasSubstr("ServingRequestsWaiting")));
  serve("");
  for (int i = 0; i < 20; ++i) round(busy_gpu(0, 60, 350) + process);
  EXPECT_THAT(firing(), Contains(HasSubstr("ServingRequestsWaiting"))) << "only its metrics are away";
  for (int i = 0; i < 10; ++i) round(busy_gpu(0, 60, 350) + other);
  EXPECT_THAT(firing(), Not(Contains(HasSubstr("ServingRequestsWaiting"))));
}

}  // namespace
}  // namespace tessera::fleet::alerts
