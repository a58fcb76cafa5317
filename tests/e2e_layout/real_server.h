#pragma once
// The real server, the layout container on the simulated driver, and an agent whose pages a test hands to the server.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "base/files.h"
#include "http/client.h"
#include "tests/e2e/node.h"

namespace tessera::e2e {

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
    ASSERT_TRUE(write_file_atomically(folder("server.yaml"),
                                      "gpu.management.metrics.collection-interval: 1s\n" + more_settings));
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
  /// `at`: the server's URL, or that of one before it.
  void start_layout(const std::string& secret, const std::string& at = "") {
    ASSERT_TRUE(write_file_atomically(folder("key"), secret));
    std::vector<std::string> arguments{program("tessera-agent"), "layout"};
    for (auto& flag : node.agent_flags()) arguments.push_back(std::move(flag));
    for (const std::string& flag :
         {std::string("--server"), at.empty() ? "http://" + address : at, std::string("--token-file"), folder("key"),
          std::string("--data"), folder("layout"), std::string("--pause"), std::string("200ms"),
          std::string("--node-name"), std::string("worker-01")})
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
  bool tell() {
    return send("POST", "/import/prometheus?node=worker-01", agent.metrics() + more_lines, "text/plain").status == 204;
  }
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
  std::string more_settings;  ///< of the server, before it is started
  std::string more_lines;     ///< that the agent's page has beside its own: the kubelet's word of pods that came later
  http::Client client;
  std::string admin, node_key, address;
  std::unique_ptr<Child> server, layout;
};

}  // namespace tessera::e2e
