// The whole way of a re-cut: asked for at the real server, carried out by the layout container on the simulated driver,
// and seen in the inventory by what the agent then tells.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "http/client.h"
#include "tests/e2e/node.h"

namespace tessera::e2e {
namespace {
using testing::HasSubstr;
using Json = nlohmann::json;
using Profiles = std::multiset<std::string>;

class LayoutWithServer : public testing::Test {
 protected:
  void SetUp() override {
    admin = key("ada", "admin");
    node_key = key("worker-01", "node");
    start_server("127.0.0.1:0");
  }

  void start_server(const std::string& at) {
    // A page names what is; what it names no longer ends by silence, after 2.5 intervals.
    ASSERT_TRUE(write_file_atomically(folder("server.yaml"), "gpu.management.metrics.collection-interval: 1s\n"));
    server = std::make_unique<Child>(std::vector<std::string>{
        program("tessera-server"), "--config", folder("server.yaml"), "--data", folder("server"), "--address", at});
    const std::string rest = server->after("server ready address=");
    address = rest.substr(0, rest.find(' '));
    ASSERT_FALSE(address.empty()) << server->output();
  }

  std::string folder(const std::string& name) const { return (data.path() / name).string(); }
  std::string key(const std::string& name, const std::string& scope) const {
    const Finished made = run(
        {program("tessera-server"), "keys", "create", "--data", folder("server"), "--name", name, "--scope", scope});
    EXPECT_EQ(made.code, 0) << made.output;
    const auto at = made.output.find("tsk_");
    return at == std::string::npos ? made.output : made.output.substr(at, made.output.find_first_of(" \n", at) - at);
  }
  void start_layout(const std::string& secret) {
    ASSERT_TRUE(write_file_atomically(folder("key"), secret));
    std::vector<std::string> arguments{program("tessera-agent"), "layout"};
    for (auto& flag : node.agent_flags()) arguments.push_back(std::move(flag));
    for (const std::string& flag : {std::string("--server"), "http://" + address, std::string("--token-file"),
                                    folder("key"), std::string("--data"), folder("layout"), std::string("--pause"),
                                    std::string("200ms"), std::string("--node-name"), std::string("worker-01")})
      arguments.push_back(flag);
    layout = std::make_unique<Child>(std::move(arguments), node.environment());
  }

  http::ClientResponse send(const std::string& method, const std::string& path, const std::string& body = "",
                            const std::string& type = "application/json") {
    http::ClientRequest request;
    request.method = method;
    request.url = "http://" + address + "/k8s-monitor/api/v1" + path;
    request.body = body;
    request.headers = {{"Authorization", "Bearer " + admin}};
    if (!body.empty()) request.headers.emplace_back("Content-Type", type);
    auto reply = client.send(request);
    if (reply) return *std::move(reply);
    ADD_FAILURE() << method << ' ' << path << ": " << reply.error().what;
    return {};
  }
  Json get(const std::string& path) { return Json::parse(send("GET", path).body, nullptr, false); }
  /// Tells the server what the agent says now.
  bool tell() { return send("POST", "/import/prometheus?node=worker-01", agent.metrics(), "text/plain").status == 204; }
  /// What the inventory shows of a device, told anew each time.
  Profiles profiles(const std::string& device) {
    if (!tell()) return {};
    Profiles out;
    const Json items = get("/gpu/instances?deviceId=" + device).value("items", Json::array());
    for (const Json& one : items) out.insert(one.value("profile", ""));
    return out;
  }
  Json reported(const std::string& device) {
    const Json all = get("/gpu/devices/" + device + "/mig");
    return all.is_object() && all.contains("reported") && all["reported"].is_object() ? all["reported"]
                                                                                      : Json::object();
  }

  Node node{std::filesystem::path(TESSERA_SOURCE_DIR) / "tests/e2e_layout/layout.yaml"};
  Agent agent{node, {"--interval", "1s"}, {{"NODE_NAME", "worker-01"}}};
  TempDir data;
  http::Client client;
  std::string admin, node_key, address;
  std::unique_ptr<Child> server, layout;
};

TEST_F(LayoutWithServer, AWishIsCarriedOutBesideWhatRunsAndSeen) {
  start_layout(node_key);
  const std::string device = "worker-01-GPU-00";
  ASSERT_TRUE(eventually([&] { return profiles(device) == Profiles{"1g.10gb", "1g.10gb", "1g.10gb", "3g.40gb"}; }))
      << server->output();

  const auto planned = send("POST", "/gpu/devices/" + device + "/mig?dryRun=true", R"(["H100_7G80GB"])");
  EXPECT_EQ(planned.status, 409);
  EXPECT_THAT(planned.body, HasSubstr("serving/llm-7b-0"));

  const auto wanted = send("POST", "/gpu/devices/" + device + "/mig", R"(["H100_2G20GB","H100_1G10GB","H100_3G40GB"])");
  ASSERT_EQ(wanted.status, 202) << wanted.body;
  EXPECT_TRUE(eventually([&] { return reported(device).value("state", "") == "done"; }))
      << get("/gpu/devices/" + device + "/mig").dump() << layout->output();
  EXPECT_TRUE(eventually([&] { return profiles(device) == Profiles{"1g.10gb", "2g.20gb", "3g.40gb"}; }))
      << node.sim({"mig", "list", "--gpu", "0"});

  // The server dies and comes back: it still knows what is wanted, and then no longer.
  const auto generation = Json::parse(wanted.body)["generation"];
  server->signal(SIGKILL);
  server->wait();
  start_server(address);
  EXPECT_TRUE(eventually([&] { return tell() && get("/gpu/devices/" + device + "/mig").contains("wanted"); }));
  EXPECT_EQ(get("/gpu/devices/" + device + "/mig")["wanted"]["generation"], generation);
  EXPECT_TRUE(eventually([&] { return reported(device).value("state", "") == "done"; })) << layout->output();
  EXPECT_EQ(send("DELETE", "/gpu/devices/" + device + "/mig").status, 204);
  EXPECT_TRUE(get("/gpu/devices/" + device + "/mig")["wanted"].is_null());
}

TEST_F(LayoutWithServer, AnotherNodesKeyIsToldNothing) {
  start_layout(key("worker-02", "node"));
  EXPECT_TRUE(layout->says("another-node")) << layout->output();
}

}  // namespace
}  // namespace tessera::e2e
