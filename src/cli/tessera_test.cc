// The program itself, on the simulated driver and on none.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "base/files.h"

namespace tessera::cli {
namespace {
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::Pair;

struct Ended {
  int status = -1;
  std::string output;
};

/// A child process with its standard output on a pipe; killed where it still runs at the end.
class Child {
 public:
  Child(std::vector<std::string> arguments, const std::map<std::string, std::string>& environment) {
    int ends[2];
    if (::pipe(ends) != 0) return;
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(ends[1], STDOUT_FILENO);
      ::close(ends[0]);
      ::close(ends[1]);
      for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
      std::vector<char*> argv;
      for (auto& argument : arguments) argv.push_back(argument.data());
      argv.push_back(nullptr);
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    ::close(ends[1]);
    output_ = ::fdopen(ends[0], "r");
  }
  ~Child() {
    if (output_) std::fclose(output_);
    if (pid_ <= 0) return;
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  std::string line() {
    std::string out;
    for (int c = 0; output_ && (c = std::fgetc(output_)) != EOF && c != '\n';) out += static_cast<char>(c);
    return out;
  }
  Ended end() {
    Ended out;
    for (int c = 0; output_ && (c = std::fgetc(output_)) != EOF;) out.output += static_cast<char>(c);
    ::waitpid(pid_, &out.status, 0);
    pid_ = -1;
    out.status = WIFEXITED(out.status) ? WEXITSTATUS(out.status) : -1;
    return out;
  }

 private:
  pid_t pid_ = -1;
  std::FILE* output_ = nullptr;
};

/// A machine with nothing on it but, where wanted, a simulated driver with this scenario.
class TesseraDoctor : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(TESSERA_SIM_LIBRARY))
      GTEST_SKIP() << "the simulated driver is not built: " << TESSERA_SIM_LIBRARY;
    std::filesystem::create_directories(dir_.path() / "root");
  }

  void scenario(const std::string& yaml) {
    const auto path = dir_.path() / "scenario.yaml";
    ASSERT_TRUE(write_file_atomically(path, yaml));
    environment_["TESSERA_SIM_SCENARIO"] = path.string();
  }

  void simulate(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {TESSERA_SIM_TOOL, "--library", library_});
    Child tool(arguments, environment_);
    const auto ended = tool.end();
    ASSERT_EQ(ended.status, 0) << ended.output;
  }

  Ended doctor(std::vector<std::string> arguments) {
    const auto root = (dir_.path() / "root").string();
    std::vector<std::string> all{TESSERA_PROGRAM, "doctor", "--root", root, "--nvml", library_};
    all.insert(all.end(), {"--agent", "http://127.0.0.1:1", "--node-exporter", "http://127.0.0.1:1"});
    all.insert(all.end(), arguments.begin(), arguments.end());
    return Child(all, environment_).end();
  }

  /// "mig warning" -> what was looked at, seen and advised, for every finding.
  std::multimap<std::string, std::string> findings(std::vector<std::string> arguments = {}) {
    arguments.insert(arguments.end(), {"--print", "json"});
    const auto ended = doctor(arguments);
    std::multimap<std::string, std::string> out;
    const auto json = nlohmann::json::parse(ended.output, nullptr, false);
    EXPECT_FALSE(json.is_discarded()) << ended.output;
    if (json.is_discarded()) return out;
    for (const auto& f : json["findings"])
      out.emplace(f["check"].get<std::string>() + " " + f["status"].get<std::string>(), f.dump());
    EXPECT_EQ(ended.status, json["summary"]["problems"] == 0 ? 0 : 1);
    return out;
  }

  TempDir dir_;
  std::string library_ = TESSERA_SIM_LIBRARY;
  std::map<std::string, std::string> environment_{{"TESSERA_SIM_STATE", (dir_.path() / "state").string()}};
};

TEST_F(TesseraDoctor, WithoutADriverSaysWhatToDo) {
  library_ = "libtessera-no-such-driver.so.1";
  const auto ended = doctor({});
  EXPECT_EQ(ended.status, 1);
  EXPECT_THAT(ended.output, HasSubstr("FAIL  driver"));
  EXPECT_THAT(ended.output, HasSubstr("libtessera-no-such-driver.so.1"));
  EXPECT_THAT(ended.output, HasSubstr(" problem"));
}

TEST_F(TesseraDoctor, OnTheDefaultScenarioFindsNoProblem) {
  const auto all = findings();
  EXPECT_THAT(all, Contains(Pair("driver warning", HasSubstr("SIMULATED"))));
  EXPECT_THAT(all, Contains(Pair("devices ok", HasSubstr("2 of 2 devices answer"))));
  EXPECT_THAT(all, Contains(Pair("functions ok", HasSubstr("every function"))));
  EXPECT_THAT(all, Contains(Pair("mig ok", HasSubstr("4 instances"))));
  EXPECT_THAT(all, Contains(Pair("profiling ok", HasSubstr("GPM"))));
}

TEST_F(TesseraDoctor, FindsWhatIsHalfCarved) {
  scenario(
      "nodes:\n- gpus:\n  - {model: a100_sxm4_80gb, mig: {layout: []}}\n"
      "  - {model: a100_sxm4_80gb, mig: {layout: [{profile: 3g.40gb, start: 0, compute: []}, {profile: 1g.10gb, start: "
      "4}]}}\n");
  const auto all = findings();
  EXPECT_THAT(all, Contains(Pair("mig warning", AllOf(HasSubstr("GPU 0"), HasSubstr("there is no instance")))));
  EXPECT_THAT(all,
              Contains(Pair("mig warning", AllOf(HasSubstr("GPU 1, GPU instance"), HasSubstr("no compute instance")))));
  EXPECT_THAT(all, Contains(Pair("mig ok", HasSubstr("1 instance (1g.10gb)"))));
  EXPECT_THAT(all, Contains(Pair("profiling note", HasSubstr("GPU 0, 1"))));
}

TEST_F(TesseraDoctor, NamesADeviceThatIsLostAndOneThatHangs) {
  scenario("nodes:\n- gpus:\n  - {model: h100_sxm, count: 3}\n");
  simulate({"fault", "lost", "--gpu", "0"});
  simulate({"fault", "hang", "--gpu", "2", "--for", "600s"});
  const auto all = findings({"--patience", "300ms"});
  EXPECT_THAT(all, Contains(Pair("devices problem", HasSubstr("GPU 0"))));
  EXPECT_THAT(all, Contains(Pair("devices problem", HasSubstr("GPU 2"))));
  EXPECT_THAT(all, Contains(Pair("devices ok", HasSubstr("1 of 3 devices answer"))));
}

TEST_F(TesseraDoctor, SeesWornMemory) {
  scenario("nodes:\n- gpus:\n  - {model: h100_sxm}\n");
  simulate({"fault", "remap", "--gpu", "0", "--pending"});
  simulate({"fault", "ecc", "--gpu", "0", "--uncorrected", "2"});
  const auto all = findings();
  EXPECT_THAT(all, Contains(Pair("memory-health warning", HasSubstr("waits to be remapped"))));
  EXPECT_THAT(all, Contains(Pair("memory-health warning", HasSubstr("since the driver was loaded: 2"))));
}

TEST_F(TesseraDoctor, ListsWhatAnOldDriverLacks) {
  library_ = (std::filesystem::path(TESSERA_SIM_LIBRARY).parent_path() / "r470/libnvidia-ml.so.1").string();
  if (!std::filesystem::exists(library_)) GTEST_SKIP() << "no simulated driver of the 470 branch: " << library_;
  scenario("nodes:\n- gpus:\n  - {model: h100_sxm}\n");
  EXPECT_THAT(findings(), Contains(Pair("functions warning", HasSubstr("profiling (GPM) (since R520)"))));
}

TEST_F(TesseraDoctor, FollowsProcessesIntoPodsAndAsksTheKubelet) {
  const auto played = (dir_.path() / "played").string();
  Child player({TESSERA_SIM_TOOL, "--library", library_, "play", "--root", played}, environment_);
  ASSERT_FALSE(player.line().empty()) << "tessera-sim play says a line once the trees stand";
  const auto all = findings({"--proc", played + "/proc", "--sys", played + "/sys", "--pod-logs", played + "/log",
                             "--pod-resources-kubelet-socket", played + "/kubelet/kubelet.sock"});
  EXPECT_THAT(all, Contains(Pair("attribution ok", HasSubstr("4 in pods, 1 outside Kubernetes"))));
  EXPECT_THAT(all, Contains(Pair("kubelet ok", HasSubstr("5 devices held by 5 pods"))));
  EXPECT_THAT(all, Contains(Pair("pod-logs ok", HasSubstr("5 pods"))));
}

}  // namespace
}  // namespace tessera::cli
