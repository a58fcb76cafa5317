#include "fleet/serving/serving.h"

#include <gtest/gtest.h>

#include "fleet/inventory/told_pages.h"

namespace tessera::fleet {
namespace {

constexpr EpochMs kStart = 1'800'000'000'000;
constexpr EpochMs kSecond = 1'000;
const std::string kTarget =
    R"(job="vllm",namespace="serving",pod="llm-0",container="vllm",node="w-1",instance="10.0.0.1:8000")";

struct ServingTest : testing::Test {
  void tell(EpochMs seconds, const std::string& page, const std::string& target = kTarget) {
    told.scrape(kStart + seconds * kSecond, target, page);
    now = kStart + seconds * kSecond;
  }
  std::vector<std::shared_ptr<const Served>> engines(EpochMs after = 0) {
    return told.serving.publish(now + after * kSecond)->engines;
  }
  const Served& only() {
    kept = engines();
    if (kept.size() != 1) throw std::runtime_error("engines: " + std::to_string(kept.size()));
    return *kept.front();
  }
  ToldPages told;
  EpochMs now = 0;
  std::vector<std::shared_ptr<const Served>> kept;
};

constexpr const char* kV1 = R"(
vllm:num_requests_running{engine="0",model_name="meta-llama/Llama-3.1-8B-Instruct"} 96
vllm:num_requests_waiting{engine="0",model_name="meta-llama/Llama-3.1-8B-Instruct"} 3
vllm:engine_sleep_state{engine="0",model_name="m",sleep_state="awake"} 1
vllm:engine_sleep_state{engine="0",model_name="m",sleep_state="weights_offloaded"} 0
vllm:kv_cache_usage_perc{engine="0",model_name="meta-llama/Llama-3.1-8B-Instruct"} 0.4125178838
vllm:cache_config_info{block_size="16",engine="0",num_gpu_blocks="27960"} 1
vllm:lora_requests_info{max_lora="4",running_lora_adapters="a"} 1.7932967985512e+09
)";

TEST_F(ServingTest, AnEngineIsAPodAndItsModel) {
  tell(0, kV1);
  const Served& of = only();
  EXPECT_EQ(of.cluster, "default");
  EXPECT_EQ(of.space, "serving");
  EXPECT_EQ(of.pod, "llm-0");
  EXPECT_EQ(of.node, "w-1");
  EXPECT_EQ(of.engine, Engine::Vllm);
  EXPECT_EQ(of.ranks, 1U);
  EXPECT_EQ(of.running, 96);
  EXPECT_EQ(of.waiting, 3);
  EXPECT_EQ(of.kv_used_ratio, 0.4125178838);
  EXPECT_EQ(of.kv_capacity_tokens, 447'360);
  EXPECT_EQ(of.asleep, false);
  EXPECT_EQ(of.generation_tokens_per_second, std::nullopt) << "absent is not zero";
  EXPECT_EQ(of.first_token, Latency{});
}

TEST_F(ServingTest, RatesAreOfTheLastMinutesAndRanksAddUp) {
  const auto page = [](double tokens, double hits) {
    return fmt::format(
        "vllm:num_requests_running{{engine=\"0\"}} 1\nvllm:num_requests_running{{engine=\"1\"}} 2\n"
        "vllm:kv_cache_usage_perc{{engine=\"0\"}} 0.2\nvllm:kv_cache_usage_perc{{engine=\"1\"}} 0.4\n"
        "vllm:generation_tokens_total{{engine=\"0\"}} {0}\nvllm:generation_tokens_total{{engine=\"1\"}} {0}\n"
        "vllm:prefix_cache_queries_total{{engine=\"0\"}} {0}\nvllm:prefix_cache_hits_total{{engine=\"0\"}} {1}\n"
        "vllm:num_preemptions_total{{engine=\"0\"}} {1}\n"
        "vllm:request_success_total{{finished_reason=\"stop\"}} {1}\n"
        "vllm:request_success_total{{finished_reason=\"length\"}} {1}\n",
        tokens, hits);
  };
  tell(0, page(1000, 10));
  tell(30, page(1600, 160));
  const Served& of = only();
  EXPECT_EQ(of.ranks, 2U);
  EXPECT_EQ(of.running, 3);
  EXPECT_DOUBLE_EQ(*of.kv_used_ratio, 0.3);
  EXPECT_DOUBLE_EQ(*of.generation_tokens_per_second, 40);
  EXPECT_DOUBLE_EQ(*of.prefix_hit_ratio, 0.25);
  EXPECT_EQ(of.preemptions, 150);
  EXPECT_DOUBLE_EQ(*of.finished_per_second, 10);
  EXPECT_EQ(of.window_seconds, 30);
  tell(60, page(300, 20));  // its process began anew
  EXPECT_DOUBLE_EQ(*only().generation_tokens_per_second, 2 * (600 + 300) / 60.0);
}

TEST_F(ServingTest, LatenciesAreOfWhatWasObservedInTheWindow) {
  const auto page = [](double below, double all, double sum) {
    return fmt::format(
        "vllm:time_to_first_token_seconds_bucket{{le=\"0.1\"}} {0}\n"
        "vllm:time_to_first_token_seconds_bucket{{le=\"0.2\"}} {1}\n"
        "vllm:time_to_first_token_seconds_bucket{{le=\"+Inf\"}} {1}\n"
        "vllm:time_to_first_token_seconds_count {1}\nvllm:time_to_first_token_seconds_sum {2}\n"
        "vllm:iteration_tokens_total_count 7\nvllm:time_to_first_token_seconds_created 1.79e9\n",
        below, all, sum);
  };
  tell(0, page(1'000'000, 2'000'000, 3e5));
  tell(30, page(1'000'010, 2'000'040, 3e5 + 6));
  const Latency& of = only().first_token;
  EXPECT_NEAR(*of.mean, 0.15, 1e-6);
  EXPECT_NEAR(*of.p50, 0.1 + 0.1 * 10 / 30, 1e-6);
  EXPECT_NEAR(*of.p99, 0.1 + 0.1 * 29.6 / 30, 1e-6);
  tell(60, page(1'000'010, 2'000'040, 3e5 + 6));
  EXPECT_TRUE(only().first_token.mean) << "still in the window";
}

TEST_F(ServingTest, TheNewNameStandsAboveTheOldAndTheOldAloneIsTaken) {
  const std::string old_names =
      "vllm:gpu_cache_usage_perc{model_name=\"m\"} 0.5\nvllm:gpu_prefix_cache_hit_rate{model_name=\"m\"} 0.7\n";
  tell(0, old_names);
  EXPECT_EQ(only().kv_used_ratio, 0.5);
  EXPECT_EQ(only().prefix_hit_ratio, 0.7);
  tell(30, old_names + "vllm:kv_cache_usage_perc{model_name=\"m\"} 0.6\n");
  EXPECT_EQ(only().kv_used_ratio, 0.6);
}

TEST_F(ServingTest, SglangTellsByItsFirstRank) {
  tell(0, R"(
sglang:num_running_reqs{engine_type="decode",model_name="Qwen/Qwen3-32B",tp_rank="0",pp_rank="0",dp_rank="0"} 128
sglang:num_running_reqs{engine_type="decode",model_name="Qwen/Qwen3-32B",tp_rank="1",pp_rank="0",dp_rank="0"} 128
sglang:num_running_reqs{engine_type="decode",model_name="Qwen/Qwen3-32B",tp_rank="0",pp_rank="0",dp_rank="1"} 2
sglang:num_queue_reqs{engine_type="decode",model_name="Qwen/Qwen3-32B",tp_rank="0"} 14
sglang:token_usage{model_name="Qwen/Qwen3-32B",tp_rank="0"} 0.9
sglang:max_total_num_tokens{model_name="Qwen/Qwen3-32B",tp_rank="0"} 301409
sglang:gen_throughput{model_name="Qwen/Qwen3-32B",tp_rank="0"} 2987
)");
  const Served& of = only();
  EXPECT_EQ(of.engine, Engine::Sglang);
  EXPECT_EQ(of.model, "Qwen/Qwen3-32B");
  EXPECT_EQ(of.role, "decode");
  EXPECT_EQ(of.running, 130);
  EXPECT_EQ(of.ranks, 2U);
  EXPECT_EQ(of.waiting, 14);
  EXPECT_EQ(of.kv_used_ratio, 0.9);
  EXPECT_EQ(of.kv_capacity_tokens, 301'409);
  EXPECT_EQ(of.generation_tokens_per_second, std::nullopt) << "its gauge of throughput stays at the last value";
}

TEST_F(ServingTest, TwoWhoScrapeOnePodAreCountedOnce) {
  const std::string page = "vllm:num_requests_running{engine=\"0\"} 5\n";
  const std::string other =
      R"(job="serving/llm",namespace="serving",pod="llm-0",container="vllm",instance="10.0.0.1:8000")";
  tell(0, page);
  tell(1, page, other);
  EXPECT_EQ(only().running, 5);
  for (EpochMs at = 15; at <= 90; at += 15) tell(at, "vllm:num_requests_running{engine=\"0\"} 6\n", other);
  EXPECT_EQ(only().running, 6) << "the first has been silent for long enough";
}

TEST_F(ServingTest, WhatIsSilentIsNotShownAndWhatEndsIsNotSummed) {
  tell(0, "vllm:num_requests_running{engine=\"0\"} 5\nvllm:num_requests_waiting{engine=\"0\"} 2\n");
  tell(15, "vllm:num_requests_running{engine=\"0\"} 4\n");  // the other ends
  EXPECT_EQ(only().waiting, std::nullopt);
  EXPECT_EQ(engines(75).size(), 1U);
  EXPECT_EQ(engines(76).size(), 0U);
}

TEST_F(ServingTest, PodsContainersAndBareAddressesAreApart) {
  const std::string page = "vllm:num_requests_running 1\n";
  tell(0, page);
  tell(0, page, R"(job="vllm",namespace="serving",pod="llm-0",container="second")");
  tell(0, page, R"(job="vllm",namespace="other",pod="llm-0",container="vllm")");
  tell(0, page, R"(job="vllm",namespace="serving",pod="llm-0",container="vllm",cluster="b")");
  tell(0, page, R"(job="bare",instance="10.0.0.9:8000")");
  tell(0, page, R"(job="nobody")");
  EXPECT_EQ(engines().size(), 5U);
}

TEST_F(ServingTest, SeriesAreBoundedAndGivenBack) {
  Serving small({.interval = Milliseconds(30'000), .max_series = 2});
  std::vector<Slot> slots;
  const auto learn = [&](const std::string& pod) {
    const metrics::Label labels[] = {{"__name__", "vllm:num_requests_running"}, {"namespace", "s"}, {"pod", pod}};
    slots.push_back(small.learn(labels, kStart));
    small.apply(slots.back(), 1, kStart);
  };
  for (const char* pod : {"a", "b", "c"}) learn(pod);
  EXPECT_EQ(slots.back(), kNothing);
  EXPECT_EQ(small.refused_series(), 1U);
  EXPECT_EQ(small.publish(kStart)->engines.size(), 2U);
  small.forget(slots[0]);
  EXPECT_EQ(small.publish(kStart)->engines.size(), 1U);
  learn("d");
  EXPECT_NE(slots.back(), kNothing);
  EXPECT_EQ(small.publish(kStart)->engines.size(), 2U);
}

TEST(ServingMeaningTest, NamesAreKnownWholly) {
  EXPECT_TRUE(serving_meaning("vllm:num_requests_running"));
  EXPECT_EQ(serving_meaning("ray_vllm_num_requests_running"), serving_meaning("vllm:num_requests_running"));
  EXPECT_EQ(serving_meaning("sglang:queue_time_seconds_bucket")->piece, ServingMeaning::Piece::Bucket);
  for (const char* none : {"vllm:iteration_tokens_total_count", "vllm:time_to_first_token_seconds", "vllm:", "vllm",
                           "vllm:num_requests_running_sum", "vllm:prompt_tokens_created", "sglang:gen_throughput",
                           "vllmx:num_requests_running", "DCGM_FI_DEV_GPU_TEMP", ""})
    EXPECT_FALSE(serving_meaning(none)) << none;
}

}  // namespace
}  // namespace tessera::fleet
