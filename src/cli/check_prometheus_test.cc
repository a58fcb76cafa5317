// The textfile folder, node_exporter and the agent.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <memory>

#include "cli/checks.h"
#include "cli/fake_node.h"
#include "cli/textfile_folder.h"
#include "http/server.h"

namespace tessera::cli {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kSessions = "# TYPE gpu_session_count gauge\ngpu_session_count{gpu=\"0\"} 1\n";

/// A server that answers every path alike, with what the test says.
struct Peer {
  std::string body;
  int status = 200;
  std::unique_ptr<http::Server> server;
  std::string url;
  Peer() {
    const auto answer = [this](const http::Request&) {
      http::Response response;
      response.status = status;
      response.body = body;
      return response;
    };
    http::ServerOptions options;
    options.address = "127.0.0.1:0";
    auto listening =
        http::Server::listen(std::move(options), {{"GET", "/metrics", answer}, {"GET", "/readyz", answer}});
    if (!listening) return;
    server = *std::move(listening);
    url = "http://" + server->address();
  }
};

TEST(GpuFamilies, AreTheNamesOfOurSeries) {
  EXPECT_THAT(
      gpu_families(
          "# HELP gpu_x y\ngpu_x{a=\"1\"} 1\ngpu_x{a=\"2\"} 1\ngpu_y 2\nnode_load1 3\nDCGM_FI_DEV_SM_CLOCK\t4\n"),
      ElementsAre("DCGM_FI_DEV_SM_CLOCK", "gpu_x", "gpu_y"));
}

TEST(CheckTextfile, FindsTheFolder) {
  FakeNode fake;
  EXPECT_EQ(statuses(check_textfile(fake.node)), "note");
  fake.folder("var/lib/prometheus/node-exporter");
  EXPECT_EQ(statuses(check_textfile(fake.node)), "ok");
  using namespace std::string_literals;
  fake.folder("srv/textfiles")
      .process(90, "node_exporter",
               "/usr/bin/node_exporter\0--web.listen-address=:9100\0--collector.textfile.directory=/srv/textfiles\0"s);
  EXPECT_EQ(check_textfile(fake.node).front().looked_at, fake.path("srv/textfiles"));
  fake.process(90, "node_exporter", "node_exporter\0-collector.textfile.directory\0/srv/textfiles\0"s);
  EXPECT_EQ(check_textfile(fake.node).front().looked_at, fake.path("srv/textfiles"));
  fake.node.at.textfile_dir = fake.path("gone");
  EXPECT_EQ(statuses(check_textfile(fake.node)), "problem");
}

TEST(CheckTextfile, JudgesItsFiles) {
  FakeNode fake;
  fake.node.at.textfile_dir = fake.path("textfile");
  fake.file("textfile/gpu_sessions.prom", kSessions)
      .file("textfile/raid.prom", "raid_ok 1\n")
      .file("textfile/notes.txt", "");
  const auto good = check_textfile(fake.node);
  EXPECT_EQ(statuses(good), "ok");
  EXPECT_THAT(words(good), HasSubstr("2 *.prom files, GPU series in gpu_sessions.prom"));

  fake.file("textfile/raid.prom", "raid_ok 1\n", 0600);
  EXPECT_EQ(statuses(check_textfile(fake.node)), "ok warning");
  EXPECT_THAT(words(check_textfile(fake.node)), HasSubstr("$ chmod 0644 " + fake.path("textfile/raid.prom")));
  fake.file("textfile/raid.prom", "raid_ok 1\n");

  fake.file("textfile/old_script.prom", "gpu_session_count{gpu=\"0\"} 2\n");
  EXPECT_EQ(statuses(check_textfile(fake.node)), "ok warning");
  EXPECT_THAT(words(check_textfile(fake.node)),
              HasSubstr("gpu_sessions.prom, old_script.prom: have the same series: gpu_session_count"));
  std::filesystem::remove(fake.path("textfile/old_script.prom"));

  std::filesystem::last_write_time(fake.path("textfile/gpu_sessions.prom"),
                                   std::filesystem::file_time_type::clock::now() - std::chrono::hours(2));
  EXPECT_EQ(statuses(check_textfile(fake.node)), "ok warning");
  EXPECT_THAT(words(check_textfile(fake.node)), HasSubstr("as if they were fresh"));
}

TEST(CheckNodeExporter, CountsWhatItServes) {
  FakeNode fake;
  EXPECT_EQ(statuses(check_node_exporter(fake.node)), "note");
  EXPECT_THAT(words(check_node_exporter(fake.node)), HasSubstr("no node_exporter listens there"));
  Peer peer;
  ASSERT_NE(peer.server, nullptr);
  fake.node.at.node_exporter = peer.url + "/";

  peer.body = "node_textfile_scrape_error 0\ngpu_session_count{gpu=\"0\"} 1\ngpu_total_sessions 1\n";
  EXPECT_EQ(statuses(check_node_exporter(fake.node)), "ok");
  EXPECT_THAT(words(check_node_exporter(fake.node)), HasSubstr("serves 2 gpu_ series"));

  peer.body = "node_textfile_scrape_error 1\ngpu_total_sessions 1\n";
  EXPECT_EQ(statuses(check_node_exporter(fake.node)), "warning ok");

  peer.body = "node_load1 1\n";
  EXPECT_EQ(statuses(check_node_exporter(fake.node)), "warning");
  EXPECT_THAT(words(check_node_exporter(fake.node)), HasSubstr("--collector.textfile.directory="));

  peer.body = "node_textfile_scrape_error 0\n";
  EXPECT_EQ(statuses(check_node_exporter(fake.node)), "note");
  fake.node.at.textfile_dir = fake.path("textfile");
  fake.file("textfile/gpu_sessions.prom", kSessions);
  EXPECT_EQ(statuses(check_node_exporter(fake.node)), "warning");
  EXPECT_THAT(words(check_node_exporter(fake.node)), HasSubstr("It reads another folder"));

  peer.status = 404;
  EXPECT_THAT(words(check_node_exporter(fake.node)), HasSubstr("HTTP status 404"));
}

TEST(CheckAgent, TellsReadyFromStaleFromForeign) {
  FakeNode fake;
  EXPECT_EQ(statuses(check_agent(fake.node)), "note");
  Peer peer;
  ASSERT_NE(peer.server, nullptr);
  fake.node.at.agent = peer.url;
  static constexpr struct {
    int status;
    std::string_view body, want, says;
  } kCases[] = {
      {200, "ok\n", "ok", "its last collection is fresh"},
      {503, "the last collection ended 5m ago\n", "problem", "not ready: the last collection ended 5m ago"},
      {404, "", "warning", "this is not tessera-agent"},
      {401, "", "note", "wants credentials"},
  };
  for (const auto& c : kCases) {
    peer.status = c.status;
    peer.body = c.body;
    EXPECT_EQ(statuses(check_agent(fake.node)), c.want);
    EXPECT_THAT(words(check_agent(fake.node)), HasSubstr(c.says));
  }
}

}  // namespace
}  // namespace tessera::cli
