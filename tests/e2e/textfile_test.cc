// The textfile for node_exporter: once as a CronJob does it, and rewritten by the daemon.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <set>

#include "tests/e2e/pages.h"
#include "tests/e2e/parsed_page.h"

namespace tessera::e2e {
namespace {

namespace fs = std::filesystem;
using Arguments = std::vector<std::string>;

Arguments agent_on(const Node& node, const Arguments& flags) {
  Arguments out{program("tessera-agent")};
  for (const auto& list : {node.agent_flags(), flags}) out.insert(out.end(), list.begin(), list.end());
  return out;
}

struct stat status_of(const fs::path& file) {
  struct stat status{};
  EXPECT_EQ(::stat(file.c_str(), &status), 0) << file;
  return status;
}

std::string text_of(const fs::path& file) {
  const auto text = read_file(file);
  EXPECT_TRUE(text) << file;
  return text ? *text : "";
}

/// Readable, and with both its first and its last family.
bool is_whole(const std::string& text) {
  const auto page = read_page(text);
  return page && !page->of("gpu_process_info").empty() && !page->of("gpu_sessions_started_total").empty();
}

/// The same by its two ends, for a reader that must be quick to meet a writer at work. Of one device.
bool has_both_ends(std::string_view text) {
  if (!text.starts_with("# HELP gpu_process_info ") || !text.ends_with('\n')) return false;
  const auto last_line = text.substr(text.rfind('\n', text.size() - 2) + 1);
  return last_line.starts_with("gpu_sessions_started_total{");
}

std::size_t files_in(const fs::path& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

/// Labels and values. node_exporter sorts labels, and gives each series of a name all labels of that name, empty where
/// it had none.
std::multiset<std::string> rows_of(const Page& page, const std::string& name) {
  std::multiset<std::string> out;
  for (const Row& row : page.of(name)) {
    Labels labels = row.label_map();
    std::erase_if(labels, [](const auto& label) { return label.second.empty(); });
    out.insert(testing::PrintToString(labels) + testing::PrintToString(row.value));
  }
  return out;
}

TEST(Textfile, OnceWritesTheSessionsAndNothingElse) {
  const Node node(test_scenario("compat"));
  const TempDir dir;
  const fs::path file = dir.path() / "gpu_sessions.prom";
  // A CronJob's umask must not keep node_exporter, another user, from reading it.
  Arguments arguments{"/bin/sh", "-c", "umask 077; exec \"$@\"", "sh"};
  for (auto& argument : agent_on(node, {"--once", "--textfile", file.string()})) arguments.push_back(argument);
  const Finished finished = run(arguments, node.environment());
  ASSERT_EQ(finished.code, 0) << finished.output;
  EXPECT_EQ(finished.output, "") << "cron mails whatever a job says";
  EXPECT_EQ(status_of(file).st_mode & 07777U, 0644U);
  EXPECT_EQ(files_in(dir.path()), 1U) << "no temporary file stays";

  const std::string text = text_of(file);
  const auto page = read_page(text);
  ASSERT_TRUE(page) << text;
  EXPECT_EQ(text.find("DCGM_"), std::string::npos);
  EXPECT_EQ(text.find("tessera_agent_"), std::string::npos);
  std::set<std::string> memory;
  for (const Row& row : page->of("gpu_process_info"))
    memory.insert(row.label("pid") + ' ' + row.label("status") + ' ' + row.label("gpu_memory"));
  EXPECT_EQ(memory, (std::set<std::string>{" idle 0MiB", "4101 active 41984MiB", "5301 active 30720MiB"}));
  EXPECT_EQ(page->of("gpu_process_info", {{"status", "idle"}}).size(), 2U);
  EXPECT_EQ(page->value("gpu_process_utilization", {{"pid", "4101"}}), 60) << "a rate: it took two samples";
  EXPECT_EQ(page->value("gpu_total_sessions"), 2);
}

TEST(Textfile, OnceReplacesTheOldFileInOneStep) {
  const Node node(test_scenario("compat"));
  const TempDir dir;
  const fs::path file = dir.path() / "gpu_sessions.prom";
  ASSERT_TRUE(write_file_atomically(file, "old\n"));
  std::ifstream reader(file);  // opened before: sees the old file to its end
  ASSERT_EQ(run(agent_on(node, {"--once", "--textfile", file.string()}), node.environment()).code, 0);
  std::string seen;
  std::getline(reader, seen);
  EXPECT_EQ(seen, "old");
  EXPECT_TRUE(is_whole(text_of(file)));
}

TEST(Textfile, AFailureLeavesTheOldFileAsItWas) {
  const TempDir dir;
  const fs::path file = dir.path() / "gpu_sessions.prom";
  const std::string old = "# HELP gpu_total_sessions x\n# TYPE gpu_total_sessions gauge\ngpu_total_sessions 3\n";
  ASSERT_TRUE(write_file_atomically(file, old));
  const auto before = status_of(file);
  const fs::path no_driver = dir.path() / "libnvidia-ml.so.1";
  const Finished finished =
      run({program("tessera-agent"), "--nvml", no_driver.string(), "--once", "--textfile", file.string()});
  EXPECT_EQ(finished.code, 1) << finished.output;
  EXPECT_NE(finished.output.find(no_driver.string()), std::string::npos) << finished.output;
  EXPECT_NE(finished.output.find("Install the NVIDIA driver"), std::string::npos) << finished.output;
  EXPECT_EQ(text_of(file), old);
  EXPECT_EQ(status_of(file).st_ino, before.st_ino);
  EXPECT_EQ(status_of(file).st_mtim.tv_nsec, before.st_mtim.tv_nsec);
  EXPECT_EQ(files_in(dir.path()), 1U);
}

TEST(Textfile, APartOfTheTruthIsAFailureOfACronJob) {
  const Node node(test_scenario("bad_days"));
  const TempDir dir;
  const fs::path file = dir.path() / "gpu_sessions.prom";
  const Arguments once = {"--once", "--deadline", "15s", "--textfile", file.string()};
  ASSERT_TRUE(write_file_atomically(file, "old 1\n"));
  node.sim({"fault", "denied", "--gpu", "1"});
  const Finished finished = run(agent_on(node, once), node.environment());
  EXPECT_EQ(finished.code, 1);
  EXPECT_NE(finished.output.find("GPU 1 does not tell its processes: "), std::string::npos) << finished.output;
  EXPECT_EQ(finished.output.find("GPU 0"), std::string::npos) << finished.output;
  EXPECT_NE(finished.output.find("--devices"), std::string::npos) << finished.output;
  EXPECT_EQ(text_of(file), "old 1\n");
  EXPECT_EQ(files_in(dir.path()), 1U);

  Arguments without = once;
  without.insert(without.end(), {"--devices", "g:0,2"});
  EXPECT_EQ(run(agent_on(node, without), node.environment()).code, 0) << "what was left out is not missed";
  EXPECT_EQ(read_page(text_of(file)).value_or(Page{}).value("gpu_sessions_coverage_ratio"), 1);

  node.sim({"fault", "clear"});
  node.sim({"fault", "lost", "--gpu", "1"});
  const Finished lost = run(agent_on(node, once), node.environment());
  EXPECT_EQ(lost.code, 0) << "a lost device has no sessions, which is known: " << lost.output;
  EXPECT_EQ(read_page(text_of(file)).value_or(Page{}).value("gpu_total_sessions"), 2);
}

/// What the daemon's file says once it was written anew, over one with old sessions.
std::string daemon_writes(const Node& node, Arguments flags) {
  const TempDir dir;
  const fs::path file = dir.path() / "gpu_sessions.prom";
  const std::string old = "gpu_total_sessions 3\n";
  EXPECT_TRUE(write_file_atomically(file, old));
  // It writes a second after its start; the deadline is for machines that are busy.
  flags.insert(flags.end(), {"--interval", "10s", "--deadline", "10s", "--textfile", file.string()});
  Agent agent(node, flags);
  EXPECT_TRUE(eventually([&] { return text_of(file) != old; })) << agent.process().output();
  return text_of(file);
}

TEST(Textfile, TheDaemonDropsWhatItNoLongerKnows) {
  const Node node(test_scenario("compat"));
  const std::string no_driver = daemon_writes(node, {"--nvml", (node.root() / "no-driver.so").string()});
  EXPECT_EQ(no_driver, "") << "without a driver nothing is known, not even how many devices there are";

  const fs::path empty = node.root() / "empty";
  fs::create_directory(empty);
  const auto blind = read_page(daemon_writes(node, {"--proc", empty.string()}));
  ASSERT_TRUE(blind);
  ASSERT_EQ(blind->rows.size(), 1U) << "no session of the old file stands";
  EXPECT_EQ(blind->value("gpu_sessions_coverage_ratio"), 0);
}

TEST(Textfile, TheDaemonSaysHowFarItsSessionsReach) {
  const Node node(test_scenario("bad_days"));
  node.sim({"fault", "denied", "--gpu", "1"});
  const auto page = read_page(daemon_writes(node, {}));
  ASSERT_TRUE(page);
  EXPECT_DOUBLE_EQ(page->value("gpu_sessions_coverage_ratio"), 2.0 / 3);
  EXPECT_EQ(page->value("gpu_total_sessions"), 2);
}

TEST(Textfile, AFolderThatIsNotThereIsAnError) {
  const Node node(test_scenario("compat"));
  const fs::path file = node.root() / "no such folder" / "gpu_sessions.prom";
  const Finished finished = run(agent_on(node, {"--once", "--textfile", file.string()}), node.environment());
  EXPECT_EQ(finished.code, 1);
  EXPECT_NE(finished.output.find(file.string()), std::string::npos) << finished.output;
}

TEST(Textfile, TheDaemonRewritesItAndReadersNeverSeeAPart) {
  const Node node(test_scenario("many_sessions"));
  const TempDir dir;
  const fs::path file = dir.path() / "gpu_sessions.prom";
  Agent agent(node, {"--interval", "200ms", "--textfile", file.string()});
  ASSERT_TRUE(eventually([&] { return fs::exists(file); })) << agent.process().output();
  std::ifstream reader(file);
  const auto read_again = [&] {
    reader.clear();
    reader.seekg(0);
    return std::string{std::istreambuf_iterator<char>(reader), {}};
  };
  const std::string opened = read_again();
  std::set<std::int64_t> versions;
  ASSERT_TRUE(eventually([&] {
    for (int i = 0; i < 20; ++i) {
      const std::string text = text_of(file);
      EXPECT_TRUE(has_both_ends(text)) << text.size() << " bytes, the last: " << text.substr(text.size() * 9 / 10);
    }
    const auto status = status_of(file);
    EXPECT_EQ(status.st_mode & 07777U, 0644U);
    versions.insert(status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec);
    return HasFailure() || versions.size() >= 4;
  })) << "it was not rewritten: "
      << agent.process().output();
  EXPECT_TRUE(read_again() == opened) << "what a reader has opened does not change under it";
  EXPECT_EQ(agent.process().stop(), 0);
  EXPECT_TRUE(is_whole(text_of(file))) << "the last one stays";
  EXPECT_EQ(files_in(dir.path()), 1U);
}

TEST(Textfile, NodeExporterServesIt) {
  const std::string exporter = peer("prometheus-node-exporter");
  if (exporter.empty()) GTEST_SKIP() << "prometheus-node-exporter is neither in TESSERA_PEERS nor on the PATH";
  const Node node(test_scenario("compat"));
  const TempDir dir;
  const fs::path file = dir.path() / "gpu_sessions.prom";
  ASSERT_EQ(run(agent_on(node, {"--once", "--textfile", file.string()}), node.environment()).code, 0);
  const std::string address = fmt::format("127.0.0.1:{}", free_port());
  Child child({exporter, "--collector.disable-defaults", "--collector.textfile",
               "--collector.textfile.directory=" + dir.path().string(), "--web.listen-address=" + address});
  http::Client client;
  std::optional<Page> served;
  ASSERT_TRUE(eventually([&] {
    http::ClientRequest request;
    request.url = "http://" + address + "/metrics";
    const auto reply = client.send(request);
    if (reply && reply->status == 200) served = read_page(reply->body);
    return served.has_value();
  })) << child.output();
  EXPECT_EQ(served->value("node_textfile_scrape_error"), 0) << child.output();
  EXPECT_GT(served->value("node_textfile_mtime_seconds"), 0);

  const auto written = read_page(text_of(file));
  ASSERT_TRUE(written);
  for (const char* name : {"gpu_process_info", "gpu_process_memory_used_bytes", "gpu_session_count"}) {
    const auto ours = rows_of(*written, name);
    EXPECT_EQ(rows_of(*served, name), ours) << name;
    EXPECT_FALSE(ours.empty()) << name;
  }
}

}  // namespace
}  // namespace tessera::e2e
