// What is around an agent: its port, its disk, its signals, and names that were meant to break a page.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "tests/e2e/pages.h"

namespace tessera::e2e {
namespace {
namespace fs = std::filesystem;
using namespace std::chrono_literals;

std::vector<std::string> agent_command(const Node& node, const std::vector<std::string>& flags) {
  std::vector<std::string> out = node.agent_flags();
  out.insert(out.begin(), program("tessera-agent"));
  out.insert(out.end(), flags.begin(), flags.end());
  return out;
}

std::string text_of(const fs::path& file) {
  const auto text = read_file(file);
  return text ? *text : "";
}

bool has_temporaries(const fs::path& folder) {
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().filename() != "gpu_sessions.prom" && entry.path().filename() != "filler") return true;
  return false;
}

TEST(Port, InUseIsSaidWithAWayOut) {
  const int holder = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof name;
  ASSERT_EQ(::bind(holder, reinterpret_cast<sockaddr*>(&name), size), 0);
  ASSERT_EQ(::listen(holder, 1), 0);
  ASSERT_EQ(::getsockname(holder, reinterpret_cast<sockaddr*>(&name), &size), 0);
  const std::string address = "127.0.0.1:" + std::to_string(ntohs(name.sin_port));

  const Node node(test_scenario("bad_days"));
  const auto finished = run(agent_command(node, {"--address", address}), node.environment());
  ::close(holder);
  EXPECT_EQ(finished.code, 1);
  EXPECT_NE(finished.output.find("listen on " + address + ": the port is in use"), std::string::npos)
      << finished.output;
  EXPECT_NE(finished.output.find("choose another with --address"), std::string::npos) << finished.output;
}

TEST(Stop, EndsWellWheneverItComes) {
  const Node node(scenario("thousand"));  // collections that take their time
  for (int round = 0; round < 8; ++round) {
    Agent agent(node, {"--interval", "100ms"});
    // Not before the agent listens; from then on, anywhere in its rounds.
    for (int scrape = 0; scrape < round % 4; ++scrape) agent.metrics();
    agent.process().signal(round % 3 == 0 ? SIGINT : SIGTERM);
    ASSERT_EQ(agent.process().wait(10s), 0) << "round " << round << ": " << agent.process().output();
  }
}

// --- The textfile.

/// A small file system of the test's own, in a mount namespace of its own: nothing of it outlives the test.
class SmallDisk {
 public:
  SmallDisk() {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("tmpfs", path().c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "size=64k") != 0)
      why_not_ = std::string("a tmpfs cannot be mounted here: ") + std::strerror(errno);
  }
  ~SmallDisk() {
    if (why_not_.empty()) ::umount2(path().c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  const std::string& why_not() const { return why_not_; }
  const fs::path& path() const { return folder_.path(); }
  void fill() const {
    std::ofstream filler(path() / "filler", std::ios::binary);
    for (int i = 0; i < 64 && filler; ++i) filler << std::string(4096, 'x') << std::flush;
  }
  void drain() const { fs::remove(path() / "filler"); }
  void make_read_only(bool on) const {
    unsigned long flags = MS_REMOUNT | MS_NOSUID | MS_NODEV;
    if (on) flags |= MS_RDONLY;
    EXPECT_EQ(::mount(nullptr, path().c_str(), nullptr, flags, "size=64k"), 0) << std::strerror(errno);
  }

 private:
  TempDir folder_;
  std::string why_not_;
};

double failures(const std::string& page) { return only_value(page, "tessera_agent_textfile_failures_total"); }

void expect_once_fails(const Node& node, const fs::path& textfile, const std::string& why) {
  const auto once = run(agent_command(node, {"--once", "--textfile", textfile.string()}), node.environment());
  EXPECT_EQ(once.code, 1) << once.output;
  EXPECT_NE(once.output.find(textfile.parent_path().string()), std::string::npos) << once.output;
  EXPECT_NE(once.output.find(why), std::string::npos) << once.output;
}

TEST(Disk, ADiskThatIsFullKeepsTheOldFile) {
  const SmallDisk disk;
  if (!disk.why_not().empty()) GTEST_SKIP() << disk.why_not();
  const Node node(test_scenario("bad_days"));
  const fs::path file = disk.path() / "gpu_sessions.prom";
  const std::string old = "gpu_total_sessions{Hostname=\"worker-01\"} 99\n";
  ASSERT_TRUE(write_file_atomically(file, old));
  disk.fill();
  expect_once_fails(node, file, "No space left on device");
  Agent agent(node, {"--textfile", file.string()});
  const std::string page = page_where(agent, [](const std::string& p) { return failures(p) >= 2; });
  EXPECT_EQ(pids(page).size(), 4U) << "the page is served all the same";
  EXPECT_EQ(text_of(file), old);
  EXPECT_FALSE(has_temporaries(disk.path())) << "a half-written file stays behind";
  EXPECT_TRUE(agent.process().says("textfile not written, the old one stands"));

  disk.drain();
  ASSERT_TRUE(eventually([&] { return text_of(file) != old; })) << "there is room again";
  expect_valid_text(text_of(file));
  EXPECT_EQ(pids(text_of(file)).size(), 4U);
}

TEST(Disk, AReadOnlyFolderKeepsTheOldFile) {
  const SmallDisk disk;
  if (!disk.why_not().empty()) GTEST_SKIP() << disk.why_not();
  const Node node(test_scenario("bad_days"));
  const fs::path file = disk.path() / "gpu_sessions.prom";
  ASSERT_TRUE(write_file_atomically(file, "old 1\n"));
  disk.make_read_only(true);
  expect_once_fails(node, file, "Read-only file system");
  Agent agent(node, {"--textfile", file.string()});
  page_where(agent, [](const std::string& p) { return failures(p) >= 2; });
  EXPECT_EQ(text_of(file), "old 1\n");
  disk.make_read_only(false);
  ASSERT_TRUE(eventually([&] { return text_of(file) != "old 1\n"; }));
  expect_valid_text(text_of(file));
}

TEST(Disk, AFolderThatIsNoFolderIsSaid) {
  const Node node(test_scenario("bad_days"));
  const TempDir folder;
  ASSERT_TRUE(write_file_atomically(folder.path() / "textfile", ""));
  const fs::path file = folder.path() / "textfile" / "gpu_sessions.prom";
  expect_once_fails(node, file, "Not a directory");
  Agent agent(node, {"--textfile", file.string()});
  page_where(agent, [](const std::string& p) { return failures(p) >= 2; });
  const std::string output = agent.process().output();
  const auto first = output.find("textfile not written");
  ASSERT_NE(first, std::string::npos) << output;
  EXPECT_EQ(output.find("textfile not written", first + 1), std::string::npos) << "said once, not each interval";
}

// --- Names.

TEST(Names, MeantToBreakAPageDoNot) {
  const Node node(test_scenario("bad_days"));
  const fs::path stat = node.root() / "proc/4101/stat";
  std::string text = text_of(stat);
  ASSERT_NE(text.find("(python3)"), std::string::npos);
  const std::string name = "a\"b\\c\nd} 1)\xFF\xC3";
  text.replace(text.find("(python3)"), 9, "(" + name + ")");
  ASSERT_TRUE(write_file_atomically(stat, text));
  Agent agent(node);
  const std::string page = page_where(agent, [](const std::string& p) { return pids(p).size() == 4; });
  expect_valid_text(page);
  const auto rows = series(page, "gpu_process_info", {"pid=\"4101\""});
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_NE(rows[0].find("command=\"a\\\"b\\\\c\\nd} 1)\xEF\xBF\xBD\xEF\xBF\xBD\""), std::string::npos) << rows[0];
  EXPECT_NE(rows[0].find("pod=\"trainer-0\""), std::string::npos) << "whose it is does not depend on its name";
  const auto open = agent.get("/metrics", {{"Accept", "application/openmetrics-text"}});
  expect_valid_openmetrics(open.body);
  const auto json = nlohmann::json::parse(agent.get("/api/v1/snapshot").body, nullptr, false);
  ASSERT_FALSE(json.is_discarded());
  EXPECT_EQ(json["sessions"][0]["command"], "a\"b\\c\nd} 1)\xEF\xBF\xBD\xEF\xBF\xBD");
  const auto table = run(agent_command(node, {"--once", "--print", "table"}), node.environment());
  EXPECT_EQ(table.code, 0);
  EXPECT_EQ(table.output.find("c\nd"), std::string::npos) << "a name must not break the table: " << table.output;
  if (const std::string promtool = peer("promtool"); !promtool.empty()) {
    const TempDir folder;
    ASSERT_TRUE(write_file_atomically(folder.path() / "page", page));
    EXPECT_NE(run({"/bin/sh", "-c", promtool + " check metrics < " + (folder.path() / "page").string()}).code, 1);
  }
}

}  // namespace
}  // namespace tessera::e2e
