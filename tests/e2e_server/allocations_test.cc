// Allocations at two servers on one PostgreSQL: whoever leads promises, and what one has promised the next one keeps.
#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "base/duration.h"
#include "tests/e2e_server/replica.h"

namespace tessera::e2e {
namespace {
using Json = nlohmann::json;
using namespace std::chrono_literals;

/// A lease that runs out, on a machine that does other things beside.
constexpr auto kTakeover = 2min;

struct Allocations : OnPostgres {};

/// Twelve boards in MIG mode, on each of which three 2g have room.
std::string boards() {
  std::string out;
  for (int i = 0; i < 12; ++i) {
    const std::string of = "gpu=\"" + std::to_string(i) + "\",UUID=\"GPU-" + std::to_string(i) + "\"";
    out += "tessera_agent_device_up{" + of + "} 1\n";
    out += "gpu_device_info{" + of + ",model=\"NVIDIA H100 80GB HBM3\",DCGM_FI_DEV_MIG_MODE=\"1\"} 1\n";
    out += "gpu_profile_info{" + of +
           ",profile=\"2g.20gb\",profile_id=\"14\",compute_slices=\"2\",sm_count=\"32\",memory_mib=\"20096\","
           "max_instances=\"3\",placements=\"0:2,2:2,4:2\"} 1\n";
  }
  return out;
}

http::ClientResponse ask_for(http::Client& client, const std::string& address, const std::string& pod) {
  http::ClientRequest request;
  request.method = "POST";
  request.url = "http://" + address + "/k8s-monitor/api/v1/gpu/allocations";
  request.headers = {{"Content-Type", "application/json"}};
  request.body = R"({"namespace":"ml","podName":")" + pod + R"(","useMig":true,"requiredMemoryGb":20})";
  auto reply = client.send(request);
  return reply ? *std::move(reply) : http::ClientResponse{};
}

/// Whether it was taken.
bool tell(http::Client& client, const std::string& address) {
  http::ClientRequest request;
  request.method = "POST";
  request.url = "http://" + address + "/k8s-monitor/api/v1/import/prometheus?node=w-1";
  request.body = boards();
  const auto reply = client.send(request);
  return reply && reply->status == 204;
}

/// Each slice once, and the allocations' ids.
std::set<std::string> ids_of(Replica& server) {
  const Json all = Json::parse(server.get("/gpu/allocations?limit=1000").value_or("{}"), nullptr, false);
  std::set<std::string> out;
  std::set<std::pair<std::string, int>> slices;
  for (const Json& one : all.value("items", Json::array())) {
    out.insert(one["id"].get<std::string>());
    for (const Json& part : one["parts"])
      for (int i = 0; i < part["size"].get<int>(); ++i)
        EXPECT_TRUE(slices.emplace(part["deviceUuid"], part["start"].get<int>() + i).second) << one.dump(2);
  }
  return out;
}

TEST_F(Allocations, WhatOneServerHasPromisedTheNextOneKeeps) {
  Replica first(url), second(url);
  http::Client client;
  ASSERT_TRUE(eventually([&] { return tell(client, first.address()) && first.shows(12); })) << first.process().output();
  std::mutex mutex;
  std::set<std::string> answered;
  std::atomic<int> served = 0;
  std::atomic<bool> first_lives = true, over = false;
  {
    // As agents do, for as long as it takes: of a node that tells nothing any more, nothing is promised.
    const std::jthread agent([&] {
      for (http::Client own; !over; std::this_thread::sleep_for(500ms))
        for (const Replica* to : {&first, &second}) tell(own, to->address());
    });
    std::vector<std::jthread> callers;
    for (int i = 0; i < 8; ++i)
      callers.emplace_back([&, i] {
        http::Client own;
        for (int n = 0; !over; ++n) {
          const auto reply = ask_for(own, n % 2 == 0 && first_lives ? first.address() : second.address(),
                                     std::to_string(i) + "-" + std::to_string(n / 2));
          if (reply.status != 200 && reply.status != 201) {
            std::this_thread::sleep_for(10ms);  // as who was refused; eight that spin take the servers' cores
            continue;
          }
          ++served;
          const std::lock_guard lock(mutex);
          answered.insert(Json::parse(reply.body).value("id", ""));
        }
      });
    EXPECT_TRUE(eventually([&] { return served >= 10; })) << first.process().output();
    first.kill();
    first_lives = false;
    EXPECT_TRUE(eventually([&] { return second.shows(12); }, kTakeover)) << second.process().output();
    EXPECT_TRUE(eventually([&] { return ids_of(second).size() >= 36; }, kTakeover)) << ids_of(second).size();
    over = true;
  }
  const auto known = ids_of(second);
  EXPECT_EQ(known.size(), 36U) << "as many as there is room for";
  for (const std::string& id : answered) EXPECT_TRUE(known.contains(id)) << id;
  EXPECT_EQ(OnPostgres::ask("SELECT COUNT(*) FROM promised_slice"), 72);
}

}  // namespace
}  // namespace tessera::e2e
