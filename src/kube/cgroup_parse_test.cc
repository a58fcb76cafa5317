// The program cgroup_parse as a shell sees it.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <string>

#include "base/files.h"

namespace tessera::kube {
namespace {

const std::string kUid = "0c7e6a51-93d2-4b8f-a1e4-5f20d8c3b697";
const std::string kOther = "f1d2c3b4-0a1b-4c2d-8e3f-112233445566";
const std::string kId = "5be1f0a2c47d8936e1b0a5d4c3f2e1908172635445362718fedcba9876543210";

struct Outcome {
  int status = -1;
  std::string out, err;
};

Outcome run(const std::string& arguments, const std::string& input) {
  const TempDir dir;
  const auto in = dir.path() / "in", out = dir.path() / "out", err = dir.path() / "err";
  EXPECT_TRUE(write_file_atomically(in, input));
  const int status = std::system(
      fmt::format("'{}' {} <'{}' >'{}' 2>'{}'", CGROUP_PARSE, arguments, in.string(), out.string(), err.string())
          .c_str());
  return {WEXITSTATUS(status), read_file(out) ? *read_file(out) : "", read_file(err) ? *read_file(err) : ""};
}

TEST(CgroupParse, PrintsOneLineForAFile) {
  const struct {
    std::string input, want;
  } cases[] = {
      {"0::/kubepods/pod" + kUid + "/crio-" + kId + "\n", kUid + " " + kId + " cri-o\n"},
      {"0::/kubepods/pod" + kUid + "\n", kUid + " - -\n"},
      {"0::/docker/" + kId + "\n", "- " + kId + " docker\n"},
      {"0::/init.scope\n", "- - -\n"},
      {"", "- - -\n"},
  };
  for (const auto& c : cases) {
    const auto outcome = run("", c.input);
    EXPECT_EQ(outcome.status, 0) << c.input;
    EXPECT_EQ(outcome.out, c.want) << c.input;
    EXPECT_EQ(outcome.err, "") << c.input;
  }
}

TEST(CgroupParse, RefusesTwoPods) {
  const auto outcome = run("", "2:cpu:/kubepods/pod" + kUid + "\n1:name=systemd:/kubepods/pod" + kOther + "\n");
  EXPECT_EQ(outcome.status, 1);
  EXPECT_EQ(outcome.out, "- - -\n");
  EXPECT_NE(outcome.err.find("two pods, " + kUid + " and " + kOther), std::string::npos) << outcome.err;
}

TEST(CgroupParse, SaysHowItIsUsed) {
  EXPECT_NE(run("--help", "").out.find("usage: cgroup_parse < "), std::string::npos);
  EXPECT_EQ(run("--version", "").out.find("cgroup_parse "), 0U);
  const auto wrong = run("/proc/1/cgroup", "");
  EXPECT_EQ(wrong.status, 2);
  EXPECT_NE(wrong.err.find("unexpected argument '/proc/1/cgroup'"), std::string::npos) << wrong.err;
}

}  // namespace
}  // namespace tessera::kube
