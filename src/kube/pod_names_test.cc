#include "kube/pod_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"

namespace tessera::kube {
namespace {
namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;

const std::string kUid = "0c7e6a51-93d2-4b8f-a1e4-5f20d8c3b697";
const std::string kNewer = "f1d2c3b4-0a1b-4c2d-8e3f-112233445566";
const std::string kStatic = "9a8b7c6d5e4f30211203f4e5d6c7b8a9";
const std::string kId = "5be1f0a2c47d8936e1b0a5d4c3f2e1908172635445362718fedcba9876543210";
const std::string kOther = "00ff11ee22dd33cc44bb55aa66997788112233445566778899aabbccddeeff00";

class PodNamesTest : public testing::Test {
 protected:
  PodNamesTest() {
    fs::create_directories(logs() / "pods");
    fs::create_directories(logs() / "containers");
  }
  fs::path logs() const { return dir_.path(); }
  void pod(const std::string& name) const { fs::create_directories(logs() / "pods" / name); }
  /// As the kubelet leaves it: a link that need not lead anywhere.
  void container(const std::string& name) const {
    fs::create_symlink("/var/log/pods/elsewhere/0.log", logs() / "containers" / name);
  }

  TempDir dir_;
  PodNames names_{dir_.path()};
  SteadyTime now_{100s};
};

TEST_F(PodNamesTest, ContainersAndPodsAreNamed) {
  pod("team-a_train-0_" + kUid);
  pod("kube-system_static.web-node-1_" + kStatic);
  container("train-0_team-a_main-" + kId + ".log");
  EXPECT_EQ(names_.find(kUid, kId, now_), (PodName{"team-a", "train-0", "main"}));
  EXPECT_EQ(names_.find("", kId, now_), (PodName{"team-a", "train-0", "main"}));
  EXPECT_EQ(names_.find(kUid, "", now_), (PodName{"team-a", "train-0", ""}));
  EXPECT_EQ(names_.find(kUid, kOther, now_), (PodName{"team-a", "train-0", ""}));
  EXPECT_EQ(names_.find(kStatic, "", now_), (PodName{"kube-system", "static.web-node-1", ""}));
  EXPECT_EQ(names_.find(kNewer, kOther, now_), std::nullopt);
  EXPECT_EQ(names_.find("", "", now_), std::nullopt);
  EXPECT_EQ(names_.uid_of("team-a", "train-0", now_), kUid);
  EXPECT_EQ(names_.uid_of("team-b", "train-0", now_), std::nullopt);
  EXPECT_EQ(names_.blind(), std::nullopt);
}

TEST_F(PodNamesTest, ContainerNamesMayHoldDashesAndIds) {
  container("a_b_c-d-e-" + kId + ".log");
  container("a_b_" + kId + "-" + kOther + ".log");
  EXPECT_EQ(names_.find("", kId, now_), (PodName{"b", "a", "c-d-e"}));
  EXPECT_EQ(names_.find("", kOther, now_), (PodName{"b", "a", kId}));
}

TEST_F(PodNamesTest, JunkIsPassedOver) {
  for (const auto& junk :
       {"x" + kUid, "a_" + kUid, "a_b_c_" + kUid, "_b_" + kUid, "a__" + kUid, std::string("a_b_"), "a_b_" + kUid + "0",
        std::string("a_b_0c7e6a51x93d2-4b8f-a1e4-5f20d8c3b697"), std::string("a\xFF_b_") + kUid, std::string("___")})
    pod(junk);
  ASSERT_TRUE(write_file_atomically(logs() / "pods/a file", ""));
  const auto dashes = std::string("-") + kId.substr(1);
  for (const auto& junk :
       {kId, kId + ".log", "-" + kId + ".log", "a_b-" + kId + ".log", "a_b_c_d-" + kId + ".log", "a_b_c" + kId + ".log",
        "a_b_c-" + kId, "a_b_c-" + kId + ".log.1", "a_b_c-" + kId.substr(1) + ".log", "a_b_c-" + dashes + ".log",
        "a_b_c\"-" + kId + ".log", std::string(".log"), std::string("x")})
    container(junk);
  EXPECT_EQ(names_.find(kUid, kId, now_), std::nullopt);
  EXPECT_EQ(names_.find("", dashes, now_), std::nullopt);
  EXPECT_EQ(names_.blind(), std::nullopt);
}

TEST_F(PodNamesTest, AnUnknownIdIsLookedForOncePerSecond) {
  EXPECT_EQ(names_.find(kUid, kId, now_), std::nullopt);
  pod("team-a_train-0_" + kUid);
  EXPECT_EQ(names_.find(kUid, kId, now_ + 999ms), std::nullopt);
  EXPECT_EQ(names_.find(kUid, kId, now_ + 1s), (PodName{"team-a", "train-0", ""}));
  container("train-0_team-a_main-" + kId + ".log");
  EXPECT_EQ(names_.find(kUid, kId, now_ + 1500ms), (PodName{"team-a", "train-0", ""}));
  EXPECT_EQ(names_.find(kUid, kId, now_ + 2s), (PodName{"team-a", "train-0", "main"}));
}

TEST_F(PodNamesTest, AKnownIdIsNotLookedForAgain) {
  container("train-0_team-a_main-" + kId + ".log");
  ASSERT_TRUE(names_.find(kUid, kId, now_));
  fs::remove_all(logs());
  EXPECT_TRUE(names_.find(kUid, kId, now_ + 1h));
  EXPECT_EQ(names_.blind(), std::nullopt) << "nothing was listed since";
}

TEST_F(PodNamesTest, DirectoriesThatRestAreNotListedAgain) {
  const auto long_ago = fs::file_time_type::clock::now() - 1h;
  const auto stamp = [&](fs::file_time_type time) {
    for (const char* directory : {"pods", "containers"}) fs::last_write_time(logs() / directory, time);
  };
  stamp(long_ago);
  EXPECT_EQ(names_.uid_of("team-a", "train-0", now_), std::nullopt);
  pod("team-a_train-0_" + kUid);
  stamp(long_ago);
  EXPECT_EQ(names_.uid_of("team-a", "train-0", now_ + 1s), std::nullopt) << "the stamps say that nothing changed";
  EXPECT_EQ(names_.find(kUid, kId, now_ + 2s), std::nullopt);
  stamp(long_ago + 1s);
  EXPECT_EQ(names_.uid_of("team-a", "train-0", now_ + 3s), kUid);
}

TEST_F(PodNamesTest, AChangeWithinTheSameTickIsSeenLater) {
  const auto just_now = fs::file_time_type::clock::now();
  fs::last_write_time(logs() / "pods", just_now);
  EXPECT_EQ(names_.uid_of("team-a", "train-0", now_), std::nullopt);
  pod("team-a_train-0_" + kUid);
  fs::last_write_time(logs() / "pods", just_now);
  EXPECT_EQ(names_.uid_of("team-a", "train-0", now_ + 1h), kUid);
}

TEST_F(PodNamesTest, ANamePassesToTheNewestPod) {
  pod("team-a_db-0_" + kUid);
  EXPECT_EQ(names_.uid_of("team-a", "db-0", now_), kUid);
  pod("team-a_db-0_" + kNewer);
  const auto changed = fs::last_write_time(logs() / "pods" / ("team-a_db-0_" + kUid));
  for (const auto& [newer, older] : {std::pair{kNewer, kUid}, {kUid, kNewer}}) {
    fs::last_write_time(logs() / "pods" / ("team-a_db-0_" + newer), changed + 1s);
    fs::last_write_time(logs() / "pods" / ("team-a_db-0_" + older), changed);
    now_ += 1s;
    EXPECT_EQ(names_.uid_of("team-a", "db-0", now_), newer);
  }
  EXPECT_TRUE(names_.find(kUid, "", now_)) << "the older pod keeps its name";
  fs::remove_all(logs() / "pods" / ("team-a_db-0_" + kUid));
  EXPECT_EQ(names_.uid_of("team-a", "db-0", now_ + 1s), kNewer);
}

TEST_F(PodNamesTest, BlindnessIsToldAndEnds) {
  container("train-0_team-a_main-" + kId + ".log");
  ASSERT_TRUE(names_.find("", kId, now_));
  fs::rename(logs() / "pods", logs() / "away");
  fs::rename(logs() / "containers", logs() / "away too");
  EXPECT_EQ(names_.find(kUid, "", now_ + 1s), std::nullopt);
  ASSERT_TRUE(names_.blind());
  EXPECT_THAT(*names_.blind(), HasSubstr((logs() / "pods").string() + ": No such file or directory"));
  EXPECT_THAT(*names_.blind(), HasSubstr((logs() / "containers").string() + ": No such file or directory"));
  EXPECT_TRUE(names_.find("", kId, now_ + 2s)) << "what an id means does not change";
  fs::rename(logs() / "away", logs() / "pods");
  EXPECT_FALSE(names_.find(kUid, "", now_ + 3s));
  ASSERT_TRUE(names_.blind());
  EXPECT_THAT(*names_.blind(), testing::Not(HasSubstr("pods:")));
  fs::rename(logs() / "away too", logs() / "containers");
  EXPECT_FALSE(names_.find(kUid, "", now_ + 4s));
  EXPECT_EQ(names_.blind(), std::nullopt);
}

TEST_F(PodNamesTest, ADirectoryWithoutAccessIsTold) {
  ASSERT_EQ(::chmod(logs().c_str(), 0755), 0);  // only the folder below is closed, to whomever we become
  ASSERT_EQ(::chmod((logs() / "pods").c_str(), 0), 0);
  const auto user = ::geteuid();
  if (user == 0 && ::seteuid(65534) != 0) GTEST_SKIP() << "root reads every folder, and cannot become nobody here";
  EXPECT_FALSE(names_.find(kUid, "", now_));
  ASSERT_EQ(::seteuid(user), 0);
  ASSERT_TRUE(names_.blind());
  EXPECT_THAT(*names_.blind(), HasSubstr((logs() / "pods").string() + ": Permission denied"));
  ::chmod((logs() / "pods").c_str(), 0755);
}

}  // namespace
}  // namespace tessera::kube
