#include "kube/process.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <functional>
#include <vector>

#include "base/files.h"

namespace tessera::kube {
namespace {
namespace fs = std::filesystem;

const std::string kUid = "0c7e6a51-93d2-4b8f-a1e4-5f20d8c3b697";
const std::string kOther = "f1d2c3b4-0a1b-4c2d-8e3f-112233445566";
const std::string kId = "5be1f0a2c47d8936e1b0a5d4c3f2e1908172635445362718fedcba9876543210";

void write(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

std::string stat_line(unsigned pid, const std::string& name, const std::string& start) {
  return fmt::format("{} ({}) S 1 1 1 0 -1 4194560 10 0 0 0 1 2 0 0 20 0 1 0 {} 4096 100 18446744073709551615\n", pid,
                     name, start);
}

/// A /proc laid out by hand, booted at second 1,700,000,000.
class Tree {
 public:
  Tree() { write(path() / "stat", "cpu  1 2 3\nintr 5 0\nbtime 1700000000\nprocesses 7\n"); }
  const fs::path& path() const { return dir_.path(); }
  void process(unsigned pid, const std::string& name, const std::string& start, const std::string& cgroup) const {
    write(path() / std::to_string(pid) / "stat", stat_line(pid, name, start));
    write(path() / std::to_string(pid) / "cgroup", cgroup);
  }

 private:
  TempDir dir_;
};

TEST(Process, IsReadFromItsTree) {
  const Tree tree;
  tree.process(42, "python3", "12345", "0::/kubepods/pod" + kUid + "/crio-" + kId + "\n");
  const auto found = ProcessTable(tree.path()).look_up(42);
  ASSERT_TRUE(found.identity) << found.detail;
  EXPECT_EQ(found.identity->pid, 42U);
  EXPECT_EQ(found.identity->start_ticks, 12345U);
  const auto hertz = ::sysconf(_SC_CLK_TCK);
  EXPECT_EQ(found.identity->start_time, 1'700'000'000'000 + 12345 * 1000 / hertz);
  EXPECT_EQ(found.identity->command, "python3");
  EXPECT_EQ(found.identity->owner, (CgroupOwner{kUid, kId, "cri-o"}));
}

TEST(Process, NamesMayHoldAnything) {
  const Tree tree;
  const ProcessTable table(tree.path());
  for (const std::string name : {"a b", "a) S 1", "((", "))", ") R 1 2 3 4 5 6 7 8 9 10 1", "", "tab\tnew\nline"}) {
    tree.process(7, name, "99", "0::/\n");
    const auto found = table.look_up(7);
    ASSERT_TRUE(found.identity) << name;
    EXPECT_EQ(found.identity->command, name);
    EXPECT_EQ(found.identity->start_ticks, 99U);
    EXPECT_EQ(table.start_ticks(7), 99U);
  }
}

TEST(Process, TheStartAloneIsNeverGuessed) {
  const Tree tree;
  const ProcessTable table(tree.path());
  const struct {
    std::string stat;
    std::optional<std::uint64_t> want;
  } cases[] = {
      {stat_line(3, "x", "12345"), 12345},
      {stat_line(3, "x", "18446744073709551615"), std::nullopt},
      {"3 (x) S 1 1 1 0 -1 4194560 10 0 0 0 1 2 0 0 20 0 1 0 77", 77},  // nothing behind the field
      {"3 (x) S 1 1 1 0 -1 4194560 10 0 0 0 1 2 0 0 20 0 1 0", std::nullopt},
      {"3 (x) S 1 1 1 0 -1 4194560 10 0 0 0 1 2 0 0 20 0 1 0 ", std::nullopt},
      {"3 (x S 1 1 1 0 -1 4194560 10 0 0 0 1 2 0 0 20 0 1 0 77", std::nullopt},
      {"", std::nullopt},
  };
  for (const auto& c : cases) {
    write(tree.path() / "3/stat", c.stat);
    EXPECT_EQ(table.start_ticks(3), c.want) << c.stat;
  }
  fs::remove(tree.path() / "3/stat");
  fs::create_directory(tree.path() / "3/stat");
  EXPECT_FALSE(table.start_ticks(3)) << "opens, but cannot be read";
}

TEST(Process, SaysWhyItCannotTell) {
  const Tree tree;
  tree.process(1, "two pods", "5", "2:cpu:/kubepods/pod" + kUid + "\n1:name=systemd:/kubepods/pod" + kOther + "\n");
  tree.process(2, "no number", "soon", "0::/\n");
  tree.process(3, "negative", "-5", "0::/\n");
  write(tree.path() / "4/stat", "4 (short) S 1 1\n");
  write(tree.path() / "5/stat", "");
  write(tree.path() / "6/stat", stat_line(6, "no cgroup file", "5"));
  const ProcessTable table(tree.path());
  const struct {
    unsigned pid;
    Unidentified why;
    std::string detail;
  } cases[] = {
      {1, Unidentified::Conflict, "two pods"},
      {2, Unidentified::Unreadable, "field 22"},
      {3, Unidentified::Unreadable, "field 22"},
      {4, Unidentified::Unreadable, "field 22"},
      {5, Unidentified::Unreadable, "command name"},
      {6, Unidentified::Unreadable, "6/cgroup"},
      {7, Unidentified::Gone, "7/stat"},
      {0, Unidentified::Gone, "0/stat"},
  };
  for (const auto& c : cases) {
    const auto found = table.look_up(c.pid);
    EXPECT_FALSE(found.identity) << c.pid;
    EXPECT_EQ(found.why, c.why) << c.pid;
    EXPECT_NE(found.detail.find(c.detail), std::string::npos) << found.detail;
  }
  EXPECT_FALSE(table.start_ticks(2));
  EXPECT_FALSE(table.start_ticks(7));
}

TEST(Process, WithoutBootTimeNoStartTimeIsInvented) {
  const TempDir dir;
  write(dir.path() / "8/stat", stat_line(8, "x", "5"));
  write(dir.path() / "8/cgroup", "0::/\n");
  const ProcessTable table(dir.path());
  EXPECT_EQ(table.look_up(8).why, Unidentified::Unreadable);
  write(dir.path() / "stat", "btime 1700000000\n");
  EXPECT_TRUE(table.look_up(8).identity) << "a /proc that comes later is found";
}

// The PID passes to another pod's process between two reads: a FIFO in place of the cgroup file holds the reader there.
TEST(Process, APidThatChangesHandsMeanwhileIsGone) {
  const Tree tree;
  tree.process(9, "before", "100", "");
  const auto fifo = tree.path() / "9/cgroup";
  fs::remove(fifo);
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  const pid_t writer = ::fork();
  if (writer == 0) {
    std::ofstream out(fifo, std::ios::binary);  // returns when the reader is there
    write(tree.path() / "9/next", stat_line(9, "after", "101"));
    fs::rename(tree.path() / "9/next", tree.path() / "9/stat");
    out << "0::/kubepods/pod" + kUid + "/" + kId + "\n" << std::flush;
    ::_exit(0);
  }
  const auto found = ProcessTable(tree.path()).look_up(9);
  ::waitpid(writer, nullptr, 0);
  EXPECT_FALSE(found.identity);
  EXPECT_EQ(found.why, Unidentified::Gone);
  EXPECT_NE(found.detail.find("another process"), std::string::npos) << found.detail;
}

/// A real child process that waits until this object ends.
class Child {
 public:
  Child() {
    int ends[2];
    if (::pipe(ends) != 0) std::abort();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(ends[1]);
      char none = 0;
      [[maybe_unused]] const auto count = ::read(ends[0], &none, 1);
      ::_exit(0);
    }
    ::close(ends[0]);
    end_ = ends[1];
  }
  ~Child() { stop(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  unsigned pid() const { return static_cast<unsigned>(pid_); }
  void stop() {
    if (end_ < 0) return;
    ::close(std::exchange(end_, -1));
    ::waitpid(pid_, nullptr, 0);
  }

 private:
  pid_t pid_ = 0;
  int end_ = -1;
};

TEST(RealProc, KnowsThisProcess) {
  const auto pid = static_cast<unsigned>(::getpid());
  const ProcessTable table("/proc");
  const auto found = table.look_up(pid);
  ASSERT_TRUE(found.identity) << found.detail;
  EXPECT_EQ(found.identity->command, "kube_test");
  EXPECT_EQ(found.identity->start_ticks, table.start_ticks(pid));
  EXPECT_LE(found.identity->start_time, now_epoch_ms() + 2000) << "btime has whole seconds";
}

TEST(RealProc, AnEndedChildIsGone) {
  Child child;
  const ProcessTable table("/proc");
  const auto first = table.look_up(child.pid());
  ASSERT_TRUE(first.identity) << first.detail;
  child.stop();
  EXPECT_EQ(table.look_up(child.pid()).why, Unidentified::Gone);
  EXPECT_FALSE(table.start_ticks(child.pid()));
}

/// The cgroup trees of this machine: the unified one, or the v1 trees that cost nothing to use.
std::vector<fs::path> cgroup_roots() {
  std::vector<fs::path> roots;
  for (const auto* root : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/pids"})
    if (fs::exists(fs::path(root) / "cgroup.procs")) roots.emplace_back(root);
  return roots;
}

/// Directories below a cgroup root; the kernel removes them leaf first and only when empty.
class Cgroup {
 public:
  Cgroup(const fs::path& root, const fs::path& below) : leaf_(root / below), top_(root) {
    std::error_code denied;
    made_ = fs::create_directories(leaf_, denied) && !denied;
  }
  ~Cgroup() {
    for (auto path = leaf_; path != top_ && ::rmdir(path.c_str()) == 0;) path = path.parent_path();
  }
  Cgroup(const Cgroup&) = delete;
  Cgroup& operator=(const Cgroup&) = delete;
  bool take(unsigned pid) const {
    if (!made_) return false;
    std::ofstream procs(leaf_ / "cgroup.procs");
    procs << pid << std::flush;
    return procs.good();
  }

 private:
  fs::path leaf_, top_;
  bool made_ = false;
};

TEST(RealProc, AChildInARealCgroupHasItsPod) {
  const ProcessTable table("/proc");
  const auto self = table.look_up(static_cast<unsigned>(::getpid()));
  ASSERT_TRUE(self.identity) << self.detail;
  if (!self.identity->owner.pod_uid.empty()) GTEST_SKIP() << "these tests themselves run in a pod's cgroup";
  unsigned tried = 0;
  for (const auto& root : cgroup_roots()) {
    const Cgroup cgroup(root, fmt::format("tessera-test-{}/kubepods/burstable/pod{}/{}", ::getpid(), kUid, kId));
    Child child;  // ends before its cgroup
    if (!cgroup.take(child.pid())) continue;
    ++tried;
    const auto found = table.look_up(child.pid());
    ASSERT_TRUE(found.identity) << found.detail;
    EXPECT_EQ(found.identity->owner, (CgroupOwner{kUid, kId, ""})) << root;
  }
  if (tried == 0) GTEST_SKIP() << "no right to make a cgroup below /sys/fs/cgroup (root, and a writable mount, needed)";
}

TEST(Blindness, ATreeLaidOutByHandHidesNothing) {
  const Tree tree;
  tree.process(42, "python3", "12345", "0::/\n");
  EXPECT_EQ(look_for_blindness(tree.path()), Blindness{});
  EXPECT_EQ(look_for_blindness(tree.path() / "absent"), Blindness{.no_proc = true});
}

TEST(Blindness, IsReadFromTheTree) {
  const struct {
    const char* name;
    std::string pid_link, cgroup_link, nspid, init, init_cgroup;
    Blindness want;
  } cases[] = {
      {"host", "pid:[4026531836]", "cgroup:[4026531835]", "77", "systemd", "0::/init.scope", {}},
      {"a pod",
       "pid:[4026532501]",
       "cgroup:[4026532502]",
       "77",
       "agent",
       "0::/",
       {.no_host_pid = true, .cgroup_namespaced = true}},
      {"a node that is a container",
       "pid:[4026532501]",
       "cgroup:[4026531835]",
       "77",
       "systemd",
       "0::/",
       {.no_host_pid = true}},
      {"hostPID in a private cgroup namespace",
       "pid:[4026531836]",
       "cgroup:[4026532502]",
       "77",
       "systemd",
       "0::/../../../init.scope",
       {.cgroup_namespaced = true}},
      {"no links, host", "", "", "77", "init", "0::/init.scope", {}},
      {"no links, host's /proc seen from a pod",
       "",
       "",
       "77\t3",
       "systemd",
       "0::/../../init.scope",
       {.no_host_pid = true, .cgroup_namespaced = true}},
      {"no links, a pod", "", "", "1", "agent", "0::/", {.no_host_pid = true}},
      {"first process hidden", "pid:[4026531836]", "cgroup:[4026531835]", "77", "", "", {.hidepid = true}},
  };
  for (const auto& c : cases) {
    const Tree tree;
    const auto self = tree.path() / "self";
    write(self / "status", "Name:\tagent\nNSpid:\t" + c.nspid + "\nThreads:\t1\n");
    write(self / "cgroup", "0::/\n");
    fs::create_directories(self / "ns");
    if (!c.pid_link.empty()) fs::create_symlink(c.pid_link, self / "ns/pid");
    if (!c.cgroup_link.empty()) fs::create_symlink(c.cgroup_link, self / "ns/cgroup");
    if (!c.init.empty()) {
      tree.process(1, c.init, "0", c.init_cgroup + "\n");
      write(tree.path() / "1/comm", c.init + "\n");
    }
    EXPECT_EQ(look_for_blindness(tree.path()), c.want) << c.name;
  }
}

/// What `body` returns in a child of its own, 0..127; -1 if it did not return.
int in_child(const std::function<int()>& body) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(body());
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

constexpr int kNoRight = 64;

int bits(const Blindness& found) {
  return (found.no_proc ? 1 : 0) | (found.no_host_pid ? 2 : 0) | (found.cgroup_namespaced ? 4 : 0) |
         (found.hidepid ? 8 : 0);
}

/// Runs `body` as a child of the first process of new PID, mount and cgroup namespaces, with its /proc at `proc`.
int in_namespaces(const fs::path& proc, const char* options, const std::function<int()>& body) {
  return in_child([&] {
    if (::unshare(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWCGROUP) != 0) return kNoRight;
    return in_child([&] {
      if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return kNoRight;
      if (::mount("proc", proc.c_str(), "proc", 0, options) != 0) return kNoRight;
      return in_child(body);
    });
  });
}

TEST(Blindness, OfRealNamespacesIsFound) {
  const TempDir dir;
  const int found = in_namespaces(dir.path(), "", [&] { return bits(look_for_blindness(dir.path())); });
  if (found == kNoRight) GTEST_SKIP() << "no right to make namespaces or to mount a /proc in them";
  EXPECT_EQ(found, bits({.no_host_pid = true, .cgroup_namespaced = true}));
}

TEST(Blindness, OfRealHidepidIsFound) {
  const TempDir dir;
  ASSERT_EQ(::chmod(dir.path().c_str(), 0755), 0);
  for (const bool root : {true, false}) {
    const int found = in_namespaces(dir.path(), "hidepid=2", [&] {
      if (!root && (::setgid(65534) != 0 || ::setuid(65534) != 0)) return kNoRight;
      return bits(look_for_blindness(dir.path()));
    });
    if (found == kNoRight) GTEST_SKIP() << "no right to make namespaces or to mount a /proc in them";
    EXPECT_EQ((found & bits({.hidepid = true})) != 0, !root);
  }
}

TEST(Blindness, OfThisMachineAgreesWithItsLinks) {
  const auto found = look_for_blindness("/proc");
  EXPECT_FALSE(found.no_proc);
  EXPECT_EQ(found.no_host_pid, fs::read_symlink("/proc/self/ns/pid") != "pid:[4026531836]");
}

}  // namespace
}  // namespace tessera::kube
