// The whole way of an allocation: asked for at the real server, cut by the layout container on the simulated driver,
// held by a pod, given back and cleaned up; and what becomes of allocations when the server dies.
#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "tests/e2e_layout/real_server.h"

namespace tessera::e2e {
namespace {

std::string body(const std::string& pod, const std::string& more = "") {
  return R"({"namespace":"serving","podName":")" + pod +
         R"(","workloadType":"Inference","useMig":true,"requiredMemoryGb":20,"computeSlices":2)" + more + "}";
}

class Allocated : public LayoutWithServer {
 protected:
  void SetUp() override {
    more_settings = "gpu.management.mig.auto-cleanup: true\ngpu.management.mig.cleanup-after: 2s\n";
    LayoutWithServer::SetUp();
    ASSERT_TRUE(eventually([&] { return tell() && get("/gpu/overview").value("totalGpuDevices", 0) == 4; }));
  }

  Json allocation(const std::string& id) { return tell() ? get("/gpu/allocations/" + id) : Json::object(); }
  bool is(const std::string& id, const std::string& state) { return allocation(id).value("state", "") == state; }
  /// The number of the GPU instance that stands where a part is.
  std::string gpu_instance(const Json& part) {
    const Json items = get("/gpu/instances").value("items", Json::array());
    for (const Json& one : items)
      if (one["deviceUuid"] == part["deviceUuid"] && one["start"] == part["start"]) return one["gi"].dump();
    return {};
  }
};

TEST_F(Allocated, ASliceIsCutHeldGivenBackAndCleanedUp) {
  start_layout(node_key);
  // A reply is kept for as long as its view is the present one: asked of the next.
  const auto active = [&] {
    const std::string seen = get("/gpu/overview").value("time", "");
    EXPECT_TRUE(eventually([&] { return tell() && get("/gpu/overview").value("time", "") != seen; }));
    return get("/gpu/overview").value("activeAllocations", 0);
  };
  const int before = active();
  const auto made = send("POST", "/gpu/allocations", body("llm-2g"));
  ASSERT_EQ(made.status, 201) << made.body;
  const Json asked = Json::parse(made.body);
  const std::string id = asked["id"];
  EXPECT_EQ(asked["state"], "promised");
  EXPECT_EQ(asked["parts"][0]["profile"], "2g.20gb") << asked.dump(2);
  const std::string device = asked["parts"][0]["deviceId"];
  EXPECT_EQ(active(), before + 1);
  EXPECT_TRUE(eventually([&] { return allocation(id).value("ready", false); })) << layout->output();
  EXPECT_EQ(profiles(device).count("2g.20gb"), 1U);

  const Json part = allocation(id)["parts"][0];
  more_lines =
      R"(gpu_allocation_info{gpu=")" + device.substr(device.size() - 1) + R"(",UUID=")" +
      part["deviceUuid"].get<std::string>() + R"(",GPU_I_ID=")" + gpu_instance(part) +
      R"(",GPU_CI_ID="0",resource="nvidia.com/mig-2g.20gb",share="exclusive",container="vllm",namespace="serving",)" +
      "pod=\"llm-2g\",pod_uid=\"u-1\"} 1\n";
  EXPECT_TRUE(eventually([&] { return is(id, "bound"); })) << allocation(id).dump(2);
  EXPECT_EQ(active(), before + 1) << "it is counted once, promised or held";

  EXPECT_EQ(send("DELETE", "/gpu/allocations/" + id).status, 204);
  EXPECT_TRUE(is(id, "released"));
  EXPECT_EQ(profiles(device).count("2g.20gb"), 1U) << "the pod has it still";
  more_lines.clear();
  EXPECT_TRUE(eventually([&] { return profiles(device).count("2g.20gb") == 0; })) << layout->output();
}

/// One collection of the agent that misses its deadline: what was cut for a promise stays.
TEST_F(Allocated, ADriverThatAnswersTooLateForAWhileTakesNothingBack) {
  start_layout(node_key);
  const auto made = send("POST", "/gpu/allocations", body("llm-2g"));
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string id = Json::parse(made.body)["id"], device = Json::parse(made.body)["parts"][0]["deviceId"];
  ASSERT_TRUE(eventually([&] { return allocation(id).value("ready", false); })) << layout->output();
  const Json since = allocation(id)["since"], wanted = get("/gpu/devices/" + device + "/mig")["wanted"];

  const auto is = [&](const std::string& health) {
    return eventually([&] { return tell() && get("/gpu/devices/" + device).value("health", "") == health; });
  };
  node.sim({"fault", "hang", "--gpu", device.substr(device.size() - 1), "--for", "600s"});
  ASSERT_TRUE(is("unhealthy")) << get("/gpu/devices/" + device).dump();
  for (int looks = 0; looks < 3; ++looks) {
    const std::string seen = get("/gpu/overview").value("time", "");
    ASSERT_TRUE(eventually([&] { return tell() && get("/gpu/overview").value("time", "") != seen; }));
  }
  ASSERT_TRUE(is("unhealthy"));
  EXPECT_EQ(allocation(id)["state"], "promised") << allocation(id).dump(2);
  EXPECT_EQ(get("/gpu/devices/" + device + "/mig")["wanted"], wanted) << "nothing is to be cut otherwise";
  node.sim({"fault", "clear"});
  ASSERT_TRUE(is("healthy")) << get("/gpu/devices/" + device).dump();
  EXPECT_EQ(allocation(id)["state"], "promised") << allocation(id).dump(2);
  EXPECT_EQ(allocation(id)["since"], since);
  EXPECT_EQ(profiles(device).count("2g.20gb"), 1U) << layout->output();
}

TEST_F(Allocated, ThePodThatDoesNotComeLosesIt) {
  start_layout(node_key);
  const auto made = send("POST", "/gpu/allocations", body("late", R"(,"leaseSeconds":2)"));
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string id = Json::parse(made.body)["id"];
  EXPECT_TRUE(eventually([&] { return is(id, "expired"); })) << allocation(id).dump(2);
}

/// What was answered is kept, and nothing is promised twice, wherever between decision and record it is killed.
TEST_F(Allocated, AKillLosesNothingThatWasAnswered) {
  for (int round = 0; round < 3; ++round) {
    std::mutex mutex;
    std::set<std::string> answered;
    std::atomic<int> done = 0;
    std::vector<std::jthread> callers;
    for (int i = 0; i < 8; ++i)
      callers.emplace_back([&, i] {
        http::Client own;
        for (int n = 0; n < 20; ++n) {
          http::ClientRequest request;
          request.method = "POST";
          request.url = "http://" + address + "/k8s-monitor/api/v1/gpu/allocations";
          request.headers = {{"Authorization", "Bearer " + admin}, {"Content-Type", "application/json"}};
          request.body =
              body(std::to_string(round) + "-" + std::to_string(i) + "-" + std::to_string(n), R"(,"wait":true)");
          const auto reply = own.send(request);
          ++done;
          if (!reply) return;
          if (reply->status >= 300) continue;
          const std::lock_guard lock(mutex);
          answered.insert(Json::parse(reply->body)["id"]);
        }
      });
    while (done < 10 + round * 17) std::this_thread::yield();
    server->signal(SIGKILL);
    server->wait();
    callers.clear();
    start_server(address);
    ASSERT_TRUE(eventually([&] { return tell(); }));
    const Json all = get("/gpu/allocations?limit=1000")["items"];
    std::set<std::string> known;
    std::set<std::pair<std::string, int>> slices;
    for (const Json& one : all) {
      known.insert(one["id"]);
      for (const Json& part : one["parts"])
        for (int at = part["start"]; at < part["start"].get<int>() + part["size"].get<int>(); ++at)
          EXPECT_TRUE(slices.emplace(part["deviceUuid"], at).second) << one.dump(2);
    }
    for (const std::string& id : answered) EXPECT_TRUE(known.contains(id)) << id;
  }
}

TEST_F(Allocated, TheCommandSaysWhy) {
  ASSERT_EQ(send("POST", "/gpu/allocations", body("llm-2g")).status, 201);
  ASSERT_TRUE(write_file_atomically(folder("admin"), admin));
  const Finished why = run({program("tessera"), "explain", "pod", "serving/llm-2g", "--server", "http://" + address,
                            "--key-file", folder("admin")});
  EXPECT_EQ(why.code, 0) << why.output;
  EXPECT_THAT(why.output, testing::HasSubstr("is promised for"));
  const Finished list =
      run({program("tessera"), "get", "allocations", "--server", "http://" + address, "--key-file", folder("admin")});
  EXPECT_THAT(list.output, testing::HasSubstr("2g.20gb@"));
}

}  // namespace
}  // namespace tessera::e2e
