// What stands around the server: pages pushed by curl, events, the engine behind it, and a person's commands.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/node.h"
#include "tests/e2e/prometheus.h"
#include "tests/e2e_server/server.h"

namespace tessera::e2e {
namespace {
using testing::AllOf;
using testing::HasSubstr;

constexpr const char* kPage =
    "DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",UUID=\"GPU-1\",modelName=\"NVIDIA H100 80GB HBM3\",Hostname=\"pod-x\"} 50\n"
    "gpu_process_info{gpu=\"0\",UUID=\"GPU-1\",pid=\"7\",command=\"python3\",status=\"active\",pod=\"p\","
    "namespace=\"ml\",container=\"c\",Hostname=\"pod-x\"} 1\n";

struct Pushed : testing::Test {
  void SetUp() override {
    if (peer("curl").empty()) GTEST_SKIP() << "no curl on this machine";
    ASSERT_TRUE(write_file_atomically(page, kPage));
  }
  /// "204 " and the reply's body.
  std::string push(const std::string& query, const std::string& file, std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments{peer("curl"), "-s", "-w", "%{http_code}", "--data-binary", "@" + file};
    arguments.insert(arguments.end(), more.begin(), more.end());
    arguments.push_back(server.api("/import/prometheus") + query);
    return run(arguments).output;
  }
  bool knows(std::size_t devices) {
    return eventually([&] { return server.get("/gpu/overview").at("totalGpuDevices") == devices; });
  }
  TempDir folder;
  std::string page = (folder.path() / "page").string();
  Server server;
};

TEST_F(Pushed, APageIsAnInventory) {
  EXPECT_EQ(push("?node=worker-07&cluster=lab", page), "204");
  ASSERT_TRUE(knows(1));
  const auto device = server.get("/gpu/devices").at("items").at(0);
  EXPECT_EQ(device.at("id"), "worker-07-GPU-00") << "what is given stands above the page's own Hostname";
  EXPECT_EQ(device.at("cluster"), "lab");
  EXPECT_EQ(server.get("/gpu/sessions").at("items").at(0).at("pod"), "p");
  const std::string gz = page + ".gz";
  ASSERT_EQ(run({"/bin/sh", "-c", "gzip -c " + page + " > " + gz}).code, 0);
  EXPECT_EQ(push("?node=worker-08&extra_label=rack=r1", gz, {"-H", "Content-Encoding: gzip"}), "204");
  EXPECT_FALSE(knows(2) && server.get("/gpu/nodes").at("total") != 2);
  ASSERT_TRUE(write_file_atomically(page, "good 1\nbad{ 2\n"));
  EXPECT_THAT(push("?node=x", page), AllOf(HasSubstr("line 2, column"), testing::EndsWith("400")));
}

TEST_F(Pushed, SurvivesAKill) {
  EXPECT_EQ(push("?node=worker-07", page), "204");
  server.kill();
  server.start();
  EXPECT_TRUE(knows(1)) << "2xx was said after the sync";
}

TEST_F(Pushed, TheAgentsTextfileIsAnInventoryAsFarAsItGoes) {
  const Node node(scenario("default"));
  const std::string file = (folder.path() / "gpu.prom").string();
  std::vector<std::string> arguments{program("tessera-agent"), "--once", "--print", "json", "--textfile", file};
  for (const std::string& flag : node.agent_flags()) arguments.push_back(flag);
  ASSERT_EQ(run(arguments, node.environment()).code, 0);
  EXPECT_EQ(push("?node=worker-01", file), "204");
  ASSERT_TRUE(knows(2));
  EXPECT_EQ(server.get("/gpu/sessions").at("total"), 5);
}

TEST_F(Pushed, EventsFollow) {
  Child events({peer("curl"), "-sN", server.api("/events?namespace=ml&type=session.started")});
  ASSERT_TRUE(events.says("event: ready"));
  EXPECT_EQ(push("?node=worker-07", page), "204");
  ASSERT_TRUE(events.says("event: session.started")) << events.output();
  EXPECT_NE(events.after("id: "), "");
  EXPECT_THAT(events.after("data: {\"type\":\"session.started\""), HasSubstr(R"("namespace":"ml","pod":"p")"));
  Child others({peer("curl"), "-sN", "-H", "Last-Event-ID: 0-0", server.api("/events")});
  EXPECT_TRUE(others.says("event: gap")) << others.output();
  EXPECT_EQ(server.stop(), 0) << "clients that follow do not hold it up";
}

TEST(Engine, IsAskedThroughTheServer) {
  const auto prometheus = Prometheus::receiving();
  if (!prometheus) GTEST_SKIP() << "no Prometheus on this machine";
  Server server("prometheus.url: " + prometheus->url() + "\n");
  http::Client client;
  const std::string engine = server.url("/k8s-monitor/prometheus/api/v1");
  const auto one = nlohmann::json::parse(fetch(client, engine + "/query?query=vector(41)%2B1"));
  EXPECT_EQ(one.at("data").at("result").at(0).at("value").at(1), "42");
  http::ClientRequest form;
  form.method = "POST";
  form.url = engine + "/query";
  form.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
  form.body = "query=vector(7)";
  EXPECT_THAT(client.send(form)->body, HasSubstr("\"7\""));
  EXPECT_EQ(nlohmann::json::parse(fetch(client, engine + "/labels")).at("status"), "success");
  EXPECT_EQ(nlohmann::json::parse(fetch(client, engine + "/label/job/values")).at("status"), "success");
  http::ClientRequest wrong;
  wrong.url = engine + "/query?query=sum(";
  EXPECT_EQ(client.send(wrong)->status, 400) << "the engine's own word on a bad query";
  wrong.url = engine + "/status/config";
  EXPECT_EQ(client.send(wrong)->status, 404) << "only reading queries";
  EXPECT_EQ(server.get("/status").at("metricsApi").at("works"), true);
}

TEST(Commands, ShowTheFleet) {
  Server server;
  EXPECT_EQ(server.post("/import/prometheus?node=worker-07", kPage, {}).status, 204);
  ASSERT_TRUE(eventually([&] { return server.get("/gpu/overview").at("totalSessions") == 1; }));
  const auto tessera = [&](std::vector<std::string> words) {
    words.insert(words.begin(), program("tessera"));
    return run(words, {{"TESSERA_SERVER", server.url("")}});
  };
  EXPECT_EQ(tessera({"get", "devices", "-o", "name"}).output, "worker-07-GPU-00\n");
  EXPECT_THAT(tessera({"get", "sessions"}).output, AllOf(HasSubstr("python3"), HasSubstr("ml/p")));
  EXPECT_THAT(tessera({"get", "pods", "-o", "csv"}).output, HasSubstr("\n"));
  EXPECT_EQ(nlohmann::json::parse(tessera({"get", "nodes", "-o", "json"}).output).at("total"), 1);
  EXPECT_EQ(tessera({"get", "instances"}).output, "No instances.\n");
  EXPECT_THAT(tessera({"top"}).output, AllOf(HasSubstr("1 GPUs on 1 nodes"), HasSubstr("worker-07-GPU-00")));
  const auto bad = tessera({"get", "devices", "--sort", "colour"});
  EXPECT_EQ(bad.code, 1);
  EXPECT_THAT(bad.output, HasSubstr("colour"));
  const auto doctor = tessera({"doctor", "--server", server.url("")});
  EXPECT_EQ(doctor.code, 0) << doctor.output;
  EXPECT_THAT(doctor.output, AllOf(HasSubstr("1 of 1 nodes told lately"), HasSubstr("the server's clock is ours")));
  EXPECT_EQ(server.stop(), 0);
  EXPECT_EQ(tessera({"doctor", "--server", server.url("")}).code, 1);
}

TEST(Commands, TheDemoIsAWholeFleet) {
  const auto demo = run({program("tessera"), "demo", "--check", "--address", "127.0.0.1:0"});
  EXPECT_EQ(demo.code, 0) << demo.output;
  EXPECT_THAT(demo.output, HasSubstr("15 GPUs on 4 nodes"));
}

}  // namespace
}  // namespace tessera::e2e
