#include "tests/e2e/node.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

#include "base/text.h"

namespace tessera::e2e {
namespace fs = std::filesystem;

std::string program(const std::string& name) { return std::string(TESSERA_BUILD_DIR "/bin/") + name; }

std::string simulated_driver(const std::string& generation) {
  return (fs::path(TESSERA_BUILD_DIR "/sim") / generation / "libnvidia-ml.so.1").string();
}

fs::path scenario(const std::string& name) { return fs::path(TESSERA_SOURCE_DIR "/sim/scenarios") / (name + ".yaml"); }

std::string peer(const std::string& name) {
  std::vector<std::string> folders;
  if (const char* peers = std::getenv("TESSERA_PEERS"))
    folders = {std::string(peers) + "/usr/bin", std::string(peers) + "/usr/sbin"};
  if (const char* path = std::getenv("PATH"))
    for (const auto folder : split(path, ':')) folders.emplace_back(folder);
  for (const auto& folder : folders)
    if (const std::string file = folder + '/' + name; ::access(file.c_str(), X_OK) == 0) return file;
  return {};
}

Node::Node(const fs::path& scenario_file) : scenario_(scenario_file) {
  player_ = std::make_unique<Child>(
      std::vector<std::string>{program("tessera-sim"), "play", "--root", root_.path().string()}, environment());
  EXPECT_TRUE(player_->says("--nvml")) << "the player did not come up: " << player_->output();
}

std::map<std::string, std::string> Node::environment() const {
  return {{"TESSERA_SIM_SCENARIO", scenario_.string()}, {"TESSERA_SIM_STATE", state_.path().string()}};
}

std::vector<std::string> Node::agent_flags() const {
  const auto at = [&](const char* name) { return (root_.path() / name).string(); };
  return {"--nvml",
          simulated_driver(),
          "--proc",
          at("proc"),
          "--sys",
          at("sys"),
          "--pod-logs",
          at("log"),
          "--pod-resources-kubelet-socket",
          at("kubelet/kubelet.sock"),
          "--node-name",
          "worker-01"};
}

std::string Node::sim(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), program("tessera-sim"));
  const Finished finished = run(std::move(arguments), environment());
  EXPECT_EQ(finished.code, 0) << finished.output;
  return finished.output;
}

Agent::Agent(const Node& node, std::vector<std::string> flags, const std::map<std::string, std::string>& environment) {
  std::vector<std::string> arguments = {program("tessera-agent")};
  for (auto& flag : node.agent_flags()) arguments.push_back(std::move(flag));
  for (const auto* flag : {"--address", "127.0.0.1:0", "--interval", "200ms"}) arguments.emplace_back(flag);
  for (auto& flag : flags) arguments.push_back(std::move(flag));
  auto variables = node.environment();
  for (const auto& [name, value] : environment) variables[name] = value;
  process_ = std::make_unique<Child>(std::move(arguments), std::move(variables));
  const std::string rest = process_->after("agent ready address=");
  address_ = rest.substr(0, rest.find(' '));
  EXPECT_FALSE(address_.empty()) << "the agent did not come up: " << process_->output();
}

http::ClientResponse Agent::get(const std::string& path, std::vector<std::pair<std::string, std::string>> headers) {
  http::ClientRequest request;
  request.url = url(path);
  request.headers = std::move(headers);
  auto response = client_.send(request);
  EXPECT_TRUE(response) << (response ? "" : response.error().what);
  return response ? *std::move(response) : http::ClientResponse{};
}

std::string Agent::metrics() {
  auto response = get("/metrics");
  EXPECT_EQ(response.status, 200) << response.body;
  return std::move(response.body);
}

std::vector<std::string> series(const std::string& page, const std::string& name,
                                const std::vector<std::string>& parts) {
  std::vector<std::string> out;
  for (const auto line : split(page, '\n')) {
    if (!line.starts_with(name) || line.size() == name.size() || (line[name.size()] != '{' && line[name.size()] != ' '))
      continue;
    bool all = true;
    for (const auto& part : parts) all = all && line.find(part) != std::string_view::npos;
    if (all) out.emplace_back(line);
  }
  return out;
}

double value_of(const std::string& line) { return std::stod(line.substr(line.rfind(' ') + 1)); }

}  // namespace tessera::e2e
