// A pod that serves a model: the relay finds it in a played cluster and scrapes it, the server tells what it does on
// what it holds.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/node.h"
#include "tests/e2e_relay/cluster.h"
#include "tests/e2e_relay/relay.h"
#include "tests/e2e_relay/target.h"
#include "tests/e2e_server/server.h"

namespace tessera::e2e {
namespace {
using nlohmann::json;

constexpr const char* kGpus = R"(
gpu_allocation_info{gpu="0",UUID="GPU-0",resource="nvidia.com/gpu",pod="llm-0",namespace="ml",container="main"} 1
gpu_allocation_info{gpu="1",UUID="GPU-1",resource="nvidia.com/gpu",pod="llm-0",namespace="ml",container="main"} 1
DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu="0",UUID="GPU-0",modelName="NVIDIA H100 80GB HBM3"} 0.5
DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu="1",UUID="GPU-1",modelName="NVIDIA H100 80GB HBM3"} 0.7
)";

/// An engine that makes ten tokens for each time it is asked.
http::Response vllm_page(int number) {
  return text_page(fmt::format(R"(# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{{engine="0",model_name="meta-llama/Llama-3.1-8B-Instruct"}} 4.0
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{{engine="0",model_name="meta-llama/Llama-3.1-8B-Instruct"}} 1.0
# TYPE vllm:kv_cache_usage_perc gauge
vllm:kv_cache_usage_perc{{engine="0",model_name="meta-llama/Llama-3.1-8B-Instruct"}} 0.25
# TYPE vllm:generation_tokens counter
vllm:generation_tokens_total{{engine="0",model_name="meta-llama/Llama-3.1-8B-Instruct"}} {0}
# TYPE vllm:time_to_first_token_seconds histogram
vllm:time_to_first_token_seconds_bucket{{engine="0",le="0.1",model_name="meta-llama/Llama-3.1-8B-Instruct"}} {1}
vllm:time_to_first_token_seconds_bucket{{engine="0",le="0.2",model_name="meta-llama/Llama-3.1-8B-Instruct"}} {2}
vllm:time_to_first_token_seconds_bucket{{engine="0",le="+Inf",model_name="meta-llama/Llama-3.1-8B-Instruct"}} {2}
vllm:time_to_first_token_seconds_count{{engine="0",model_name="meta-llama/Llama-3.1-8B-Instruct"}} {2}
vllm:time_to_first_token_seconds_sum{{engine="0",model_name="meta-llama/Llama-3.1-8B-Instruct"}} {3}
)",
                               number * 10, number, number * 2, number * 0.25));
}

json pod(const std::string& name, const json& labels, const json& container, const std::string& ip = "127.0.0.1") {
  return {{"apiVersion", "v1"},
          {"kind", "Pod"},
          {"metadata", {{"name", name}, {"namespace", "ml"}, {"labels", labels}}},
          {"spec", {{"nodeName", "worker-01"}, {"containers", {container}}}},
          {"status", {{"phase", "Running"}, {"podIP", ip}, {"podIPs", {{{"ip", ip}}}}}}};
}

TEST(ServingModels, AreToldWithTheGpusThatTheyHold) {
  Cluster cluster;
  ScriptedTarget engine(vllm_page), agent{std::string(kGpus)};
  const auto put = [&](const json& object) { EXPECT_LT(cluster.stub().store().put(object).code, 300) << object; };
  put(pod("llm-0", json::object(),
          {{"name", "main"},
           {"image", "vllm/vllm-openai:v0.11"},
           {"command",
            {"vllm", "serve", "meta-llama/Llama-3.1-8B-Instruct", "--port", std::to_string(engine.port()),
             "--tensor-parallel-size", "2"}},
           {"resources", {{"limits", {{"nvidia.com/gpu", "2"}}}}}}));
  put(pod("agent-1", {{"app.kubernetes.io/name", "tessera-agent"}},
          {{"name", "agent"}, {"image", "a"}, {"ports", {{{"name", "metrics"}, {"containerPort", agent.port()}}}}}));
  Server server(fmt::format("cluster-metadata: {{service-account: {}}}\n", cluster.flags().back()),
                cluster.environment());
  Relay relay("globalInterval: 250ms\nremote_write:\n" + write_to("server", server.write_url()), cluster.flags(),
              cluster.environment());
  json row;
  const auto is_told = [&] {
    const json items = server.get("/gpu/serving").at("items");
    if (items.size() == 1) row = items[0];
    return row.is_object() && row.at("generationTokensPerSecond").is_number() && row.at("parts").size() == 2 &&
           row.at("parallelism").at("tensor").is_number();
  };
  ASSERT_TRUE(eventually(is_told)) << row.dump(2) << relay.page("/targets") << server.process().output();
  EXPECT_EQ(row.at("engine"), "vllm");
  EXPECT_EQ(row.at("model"), "meta-llama/Llama-3.1-8B-Instruct");
  EXPECT_EQ(row.at("namespace"), "ml");
  EXPECT_EQ(row.at("pod"), "llm-0");
  EXPECT_EQ(row.at("node"), "worker-01");
  EXPECT_EQ(row.at("running"), 4);
  EXPECT_EQ(row.at("waiting"), 1);
  EXPECT_EQ(row.at("kvCacheUsedPercent"), 25);
  EXPECT_EQ(row.at("parallelism").at("tensor"), 2);
  EXPECT_GT(row.at("generationTokensPerSecond").get<double>(), 0);
  EXPECT_DOUBLE_EQ(row.at("timeToFirstTokenSeconds").at("mean").get<double>(), 0.125);
  EXPECT_DOUBLE_EQ(row.at("timeToFirstTokenSeconds").at("p50").get<double>(), 0.1);
  EXPECT_EQ(row.at("utilization").at("allocated"), 60);
  EXPECT_EQ(server.get("/gpu/serving?engine=sglang").at("total"), 0);
  EXPECT_EQ(server.get("/gpu/serving?model=meta-llama/Llama-3.1-8B-Instruct&namespace=ml").at("total"), 1);
}

}  // namespace
}  // namespace tessera::e2e
