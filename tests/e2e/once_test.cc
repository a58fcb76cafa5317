// The programs as a person meets them in a shell: one collection printed, exit codes, cgroup_parse, the doctor.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "tests/e2e/pages.h"
#include "tests/e2e/parsed_page.h"

namespace tessera::e2e {
namespace {

using Arguments = std::vector<std::string>;

Finished once(const Node& node, const Arguments& flags) {
  Arguments arguments{program("tessera-agent")};
  for (const auto& list : {node.agent_flags(), flags}) arguments.insert(arguments.end(), list.begin(), list.end());
  return run(arguments, node.environment());
}

/// The cells of a line, however wide the columns are.
std::vector<std::string> words(std::string_view line) {
  std::vector<std::string> out;
  for (const auto word : split(line, ' '))
    if (!word.empty()) out.emplace_back(word);
  return out;
}

bool has_line(const std::string& text, const std::vector<std::string>& cells) {
  for (const auto line : split(text, '\n'))
    if (words(line) == cells) return true;
  return false;
}

TEST(Once, PrintsATableForAPerson) {
  const Node node(test_scenario("compat"));
  for (const Arguments& flags : {Arguments{"--once"}, Arguments{"--once", "--print", "table"}}) {
    const Finished finished = once(node, flags);
    ASSERT_EQ(finished.code, 0) << finished.output;
    const std::string& out = finished.output;
    EXPECT_TRUE(out.starts_with("worker-01   ")) << out;
    EXPECT_NE(out.find("SIMULATED"), std::string::npos) << out;
    EXPECT_TRUE(has_line(out, {"0", "NVIDIA", "H100", "80GB", "HBM3", "60", "%", "41.0", "/", "79.6", "GiB", "71", "°C",
                               words(out.substr(out.find("71 °C")))[2], "W", "ml/trainer-0/main"}))
        << out;
    EXPECT_TRUE(has_line(out, {"0", "4101", "C", "41984", "MiB", "60", "%", "ml/trainer-0/main", "python3"})) << out;
    EXPECT_NE(out.find("3g.40gb"), std::string::npos) << out;
    EXPECT_NE(out.find("serving/llm-0/vllm"), std::string::npos) << out;
  }
}

TEST(Once, PrintsJson) {
  const Node node(test_scenario("compat"));
  const Finished finished = once(node, {"--once", "--print", "json"});
  ASSERT_EQ(finished.code, 0) << finished.output;
  const auto json = nlohmann::json::parse(finished.output, nullptr, false);
  ASSERT_FALSE(json.is_discarded()) << finished.output;
  EXPECT_EQ(json["devices"].size(), 3U);
  EXPECT_EQ(json["devices"][1]["instances"].size(), 2U);
  EXPECT_EQ(json["sessions"].size(), 2U);
  EXPECT_EQ(json["devices"][0]["readings"]["DCGM_FI_DEV_FB_USED"], 41984);
}

TEST(Once, PrintsAPageThatPromtoolReads) {
  const Node node(test_scenario("compat"));
  const Finished finished = once(node, {"--once", "--print", "prom"});
  ASSERT_EQ(finished.code, 0) << finished.output;
  const auto page = read_page(finished.output);
  ASSERT_TRUE(page) << finished.output;
  EXPECT_NEAR(page->value("DCGM_FI_PROF_GR_ENGINE_ACTIVE", {{"gpu", "0"}}), 0.6, 0.02) << "two samples, so rates too";
  if (peer("promtool").empty()) GTEST_SKIP() << "promtool is neither in TESSERA_PEERS nor on the PATH";
  const TempDir dir;
  const std::string file = (dir.path() / "page").string();
  ASSERT_TRUE(write_file_atomically(file, finished.output));
  const Finished checked = run({"/bin/sh", "-c", peer("promtool") + " check metrics < " + file});
  EXPECT_NE(checked.code, 1) << checked.output;  // 1: cannot be read; 3: lint findings
  EXPECT_EQ(checked.output.find("error"), std::string::npos) << checked.output;
}

TEST(Once, WritesTheFileAndPrintsInOneGo) {
  const Node node(test_scenario("compat"));
  const auto file = node.root() / "gpu_sessions.prom";
  const Finished finished = once(node, {"--once", "--print", "json", "--textfile", file.string()});
  EXPECT_EQ(finished.code, 0) << finished.output;
  EXPECT_TRUE(nlohmann::json::accept(finished.output));
  const auto text = read_file(file);
  ASSERT_TRUE(text);
  EXPECT_TRUE(read_page(*text));
}

TEST(Once, ExitCodesSayWhatHappened) {
  const Node node(test_scenario("compat"));
  const std::string none = (node.root() / "libnvidia-ml.so.1").string();
  static const struct {
    Arguments flags;
    int code;
    const char* words;
  } kCases[] = {{{"--version"}, 0, "tessera-agent "},
                {{"--help"}, 0, "--textfile FILE"},
                {{"--once", "--nvml", none}, 1, "not found"},
                {{"--once", "--print", "json", "--nvml", none}, 1, "not found"},
                {{"--print", "json"}, 2, "add --once"},
                {{"--once", "--print", "yaml"}, 2, "one of table, json, prom"},
                {{"--once", "-f", "/nowhere.csv"}, 1, "/nowhere.csv"}};
  for (const auto& c : kCases) {
    const Finished finished = once(node, c.flags);
    EXPECT_EQ(finished.code, c.code) << testing::PrintToString(c.flags) << finished.output;
    EXPECT_NE(finished.output.find(c.words), std::string::npos) << finished.output;
    EXPECT_EQ(finished.output.find("terminate called"), std::string::npos) << finished.output;
  }
}

TEST(CgroupParse, ReadsLinesFromItsInput) {
  const TempDir dir;
  const std::string file = (dir.path() / "cgroup").string();
  const std::string id(64, 'a');
  const std::string uid = "0a1b2c3d-1111-2222-3333-444455556666";
  static constexpr const char* kUnderscored = "0a1b2c3d_1111_2222_3333_444455556666";
  const std::pair<std::string, std::string> kCases[] = {
      {"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + std::string(kUnderscored) +
           ".slice/cri-containerd-" + id + ".scope\n",
       uid + ' ' + id + " containerd\n"},
      {"12:pids:/kubepods/besteffort/pod" + uid + '/' + id + "\n", uid + ' ' + id + " -\n"},
      {"0::/user.slice/user-1000.slice/session-2.scope\n", "- - -\n"}};
  for (const auto& [input, expected] : kCases) {
    ASSERT_TRUE(write_file_atomically(file, input));
    const Finished finished = run({"/bin/sh", "-c", program("cgroup_parse") + " < " + file});
    EXPECT_EQ(finished.code, 0);
    EXPECT_EQ(finished.output, expected) << input;
  }
}

/// The findings of a check; fails the test where it has none.
std::vector<nlohmann::json> findings_of(const nlohmann::json& report, const std::string& check) {
  std::vector<nlohmann::json> out;
  for (const auto& finding : report["findings"])
    if (finding["check"] == check) out.push_back(finding);
  EXPECT_FALSE(out.empty()) << check << " is not in " << report.dump(1);
  return out;
}

Finished doctor(const Arguments& flags, const std::map<std::string, std::string>& environment) {
  Arguments arguments{program("tessera"), "doctor"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  return run(arguments, environment);
}

TEST(Doctor, FindsASimulatedNodeWellAndSaysThatItIsSimulated) {
  const Node node(test_scenario("compat"));
  Agent agent(node);
  Arguments flags;
  for (auto& flag : node.agent_flags())
    if (flag != "--node-name" && flag != "worker-01") flags.push_back(flag);
  for (const auto& flag : {std::string("--agent"), agent.url(""), std::string("--print"), std::string("json")})
    flags.push_back(flag);
  const Finished finished = doctor(flags, node.environment());
  EXPECT_EQ(finished.code, 0) << finished.output;
  const auto report = nlohmann::json::parse(finished.output, nullptr, false);
  ASSERT_FALSE(report.is_discarded()) << finished.output;
  const auto driver = findings_of(report, "driver");
  EXPECT_EQ(driver[0]["status"], "warning");
  EXPECT_NE(driver[0]["seen"].get<std::string>().find("SIMULATED"), std::string::npos);
  for (const char* check : {"devices", "mig", "proc", "pid-namespace", "attribution", "kubelet", "pod-logs", "agent"})
    for (const auto& finding : findings_of(report, check))
      EXPECT_TRUE(finding["status"] == "ok" || finding["status"] == "note") << finding.dump(1);
  EXPECT_NE(findings_of(report, "kubelet")[0]["seen"].get<std::string>().find("held by 2 pods"), std::string::npos);
}

TEST(Doctor, SaysWhatToDoWhereThereIsNoDriver) {
  const TempDir root;
  const std::string none = (root.path() / "libnvidia-ml.so.1").string();
  const Finished finished = doctor({"--root", root.path().string(), "--nvml", none}, {{"NO_COLOR", "1"}});
  EXPECT_EQ(finished.code, 1) << finished.output;
  EXPECT_TRUE(finished.output.starts_with("FAIL  driver ")) << finished.output;
  EXPECT_NE(finished.output.find("Install the NVIDIA driver"), std::string::npos) << finished.output;
  EXPECT_NE(finished.output.find("→"), std::string::npos) << finished.output;
  EXPECT_NE(finished.output.find("problem"), std::string::npos) << finished.output;
}

TEST(Doctor, RefusesWhatItDoesNotKnow) {
  EXPECT_EQ(doctor({"--nvlm", "x"}, {}).code, 2);
  const Finished finished = run({program("tessera"), "docter"});
  EXPECT_EQ(finished.code, 2);
  EXPECT_NE(finished.output.find("did you mean doctor?"), std::string::npos) << finished.output;
}

}  // namespace
}  // namespace tessera::e2e
