// What happens to the PostgreSQL under a server: it goes and comes back, its connections are cut or swallowed, its disk
// is full.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <future>
#include <nlohmann/json.hpp>

#include "http/test_certificate.h"
#include "store/database.h"
#include "tests/e2e_server/replica.h"

namespace tessera::e2e {
namespace {
using testing::HasSubstr;

struct PostgresDays : OnPostgres {
  /// Devices that the database knows of.
  std::int64_t kept() const { return ask("SELECT COUNT(*) FROM device_seen"); }
  bool keeps(std::int64_t count) const {
    return eventually([&] { return kept() == count; });
  }
};

TEST_F(PostgresDays, ARestartOfPostgresIsPassedOver) {
  Replica server(url);
  ASSERT_TRUE(eventually([&] { return server.takes("before"); })) << server.process().output();
  postgres().stop();
  // As long as its lease lasts it takes in, then it says that nobody leads.
  std::size_t taken = 0;
  EXPECT_TRUE(eventually([&] {
    const auto reply = server.write("meanwhile");
    if (reply.status == 204) taken = 1;
    return reply.status == 503 && reply.header("Retry-After") == "1";
  })) << server.process().output();
  EXPECT_EQ(server.devices(), 1 + taken) << "what is known is shown";
  postgres().start();
  EXPECT_TRUE(eventually([&] { return server.takes("meanwhile"); })) << server.process().output();
  EXPECT_TRUE(server.takes("after"));
  EXPECT_TRUE(server.shows(3)) << server.process().output();
  EXPECT_TRUE(keeps(3)) << server.process().output();
  EXPECT_EQ(epoch(), 1) << "nobody else was there to lead";
}

TEST_F(PostgresDays, AConnectionThatIsCutIsMadeAnew) {
  Replica server(gated_url);
  ASSERT_TRUE(eventually([&] { return server.takes("n0"); })) << server.process().output();
  constexpr std::int64_t kCuts = 10;
  for (std::int64_t i = 1; i <= kCuts; ++i) {
    gate->cut();
    EXPECT_TRUE(eventually([&] { return server.takes("n" + std::to_string(i)); })) << server.process().output();
  }
  EXPECT_TRUE(server.shows(1 + kCuts));
  EXPECT_TRUE(keeps(1 + kCuts)) << server.process().output();
  EXPECT_EQ(epoch(), 1);
}

TEST_F(PostgresDays, ANetworkThatLosesEveryPacketIsFoundDead) {
  auto database = store::Database::open(gated_url, {.migrate = false});
  ASSERT_TRUE(database) << database.error().what;
  gate->silence();
  auto lost = std::async(std::launch::async, [&] { return (*database)->run("SELECT 1"); });
  ASSERT_EQ(lost.wait_for(kPatience), std::future_status::ready) << "its own deadline is a minute";
  const auto why = lost.get();
  EXPECT_EQ(why.error().code, Code::Unavailable);
  EXPECT_THAT(why.error().what, HasSubstr("timed out"));
  gate->unblock();
  EXPECT_TRUE(eventually([&] { return bool((*database)->run("SELECT 1")); }));
}

// A proxy that takes every byte and passes none on: TCP finds nothing wrong with it.
TEST_F(PostgresDays, AServerThatGetsNoAnswerGoesOnShowing) {
  Replica server(gated_url);
  ASSERT_TRUE(eventually([&] { return server.takes("n1"); })) << server.process().output();
  gate->block();
  EXPECT_TRUE(eventually([&] { return server.write("n2").status == 503; })) << server.process().output();
  const auto time = [&] {
    const auto overview = server.get("/gpu/overview");
    return overview ? nlohmann::json::parse(*overview).at("time").get<std::string>() : std::string();
  };
  const std::string before = time();
  EXPECT_TRUE(eventually([&] { return time() > before; })) << server.process().output();
  EXPECT_TRUE(server.process().says("what has been taken in cannot be saved")) << server.process().output();
  gate->unblock();
  EXPECT_TRUE(eventually([&] { return server.takes("n3"); })) << server.process().output();
  EXPECT_TRUE(server.process().says("saving works again")) << server.process().output();
}

/// A PostgreSQL that is reached by TLS alone, at an address of this machine that nobody else has.
struct PostgresTls : PostgresDays {
  void SetUp() override {
    OnPostgres::SetUp();
    if (IsSkipped()) return;
    const http::TestCertificate authority("authority"), stranger("stranger"), database("database", &authority);
    const auto& folder = certificates.path();
    authority.write(folder / "authority.crt", folder / "authority.key");
    stranger.write(folder / "stranger.crt", folder / "stranger.key");
    const auto own = postgres().folder();
    database.write(own / "server.crt", own / "server.key");
    constexpr unsigned kNobody = 65534;  // who PostgreSQL runs as where root tests
    for (const char* file : {"server.crt", "server.key"}) {
      EXPECT_EQ(chmod((own / file).c_str(), 0600), 0);
      EXPECT_TRUE(geteuid() != 0 || chown((own / file).c_str(), kNobody, kNobody) == 0);
    }
    std::ofstream(own / "data/pg_hba.conf")
        << "local all all scram-sha-256\nhostssl all all 127.0.0.0/8 scram-sha-256\n";
    postgres().stop();
    postgres().start(
        fmt::format("-c ssl=on -c ssl_cert_file={0}/server.crt -c ssl_key_file={0}/server.key -c "
                    "listen_addresses={1}",
                    own.string(), address));
  }
  void TearDown() override {
    if (IsSkipped()) return;
    postgres().stop();
    postgres().start();
  }
  std::string secured(const std::string& host, const std::string& mode, const std::string& authority) const {
    return fmt::format("postgresql://tessera:secret@{}/postgres?hostaddr={}&sslmode={}&sslrootcert={}/{}.crt&{}", host,
                       address, mode, certificates.path().string(), authority, url.substr(url.find("options=")));
  }
  const TempDir certificates;
  const std::string address = fmt::format("127.{}.{}.77", 1 + getpid() % 250, getpid() / 250 % 250);
};

TEST_F(PostgresTls, IsAsStrictAsTheUrlSays) {
  struct Case {
    const char *host, *mode, *authority, *refusal;
  };
  static constexpr Case kCases[] = {{"localhost", "verify-full", "authority", nullptr},
                                    {"db.elsewhere", "verify-ca", "authority", nullptr},
                                    {"db.elsewhere", "require", "none", nullptr},
                                    {"db.elsewhere", "verify-full", "authority", "does not match host name"},
                                    {"localhost", "verify-full", "stranger", "certificate verify failed"},
                                    {"localhost", "disable", "authority", "no pg_hba.conf entry"}};
  for (const Case& c : kCases) {
    const auto opened = store::Database::open(secured(c.host, c.mode, c.authority), {.migrate = false});
    ASSERT_EQ(bool(opened), c.refusal == nullptr) << c.host << c.mode << (opened ? "" : opened.error().what);
    if (c.refusal) {
      EXPECT_THAT(opened.error().what, HasSubstr(c.refusal));
      continue;
    }
    std::int64_t encrypted = 0;
    EXPECT_TRUE((*opened)->each("SELECT COUNT(*) FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl", {},
                                [&](const store::Row& row) { encrypted = row.integer(0).value_or(0); }));
    EXPECT_EQ(encrypted, 1) << c.mode;
  }
  Replica server(secured("localhost", "verify-full", "authority"));
  ASSERT_TRUE(eventually([&] { return server.takes("n1"); })) << server.process().output();
  EXPECT_TRUE(keeps(1)) << server.process().output();
}

/// A PostgreSQL database on a disk of its own, of 32 MiB.
struct PostgresOnASmallDisk : PostgresDays {
  void SetUp() override {
    OnPostgres::SetUp();
    if (IsSkipped()) return;
    disk = postgres().folder() / "small";
    std::filesystem::create_directories(disk);
    if (mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=32m,mode=0700,uid=65534,gid=65534") != 0)
      GTEST_SKIP() << "no disk of 32 MiB: mounting one takes root";
    mounted = true;
    auto database = store::Database::open(url, {.migrate = false});
    ASSERT_TRUE(database && (*database)->run("CREATE TABLESPACE small LOCATION '" + disk.string() + "'") &&
                (*database)->run("CREATE DATABASE small TABLESPACE small"));
    url = postgres().url("small");
  }
  void TearDown() override {
    if (!mounted) return;
    auto database = store::Database::open(postgres().url("postgres"), {.migrate = false});
    EXPECT_TRUE(database && (*database)->run("DROP DATABASE small WITH (FORCE)") &&
                (*database)->run("DROP TABLESPACE small"));
    // A process of PostgreSQL's may hold a file there for a moment longer.
    EXPECT_TRUE(eventually([&] { return umount(disk.c_str()) == 0; }));
  }
  std::filesystem::path ballast() const { return disk / "ballast"; }
  void fill() const {
    const int file = open(ballast().c_str(), O_WRONLY | O_CREAT, 0600);
    const std::string block(1U << 12U, 'x');
    while (write(file, block.data(), block.size()) > 0) {
    }
    close(file);
  }
  std::filesystem::path disk;
  bool mounted = false;
};

TEST_F(PostgresOnASmallDisk, WhatIsTakenInWaitsForRoom) {
  Replica server(url);
  ASSERT_TRUE(eventually([&] { return server.takes("n0"); })) << server.process().output();
  ASSERT_TRUE(keeps(1));
  fill();
  constexpr std::int64_t kMore = 300;  // more than the pages that are there have room for
  for (std::int64_t i = 1; i <= kMore; ++i)
    EXPECT_TRUE(eventually([&] { return server.takes("n" + std::to_string(i)); })) << server.process().output();
  EXPECT_TRUE(server.process().says("what has been taken in cannot be saved")) << server.process().output();
  EXPECT_THAT(server.process().output(), HasSubstr("its disk is full: make room there"));
  EXPECT_TRUE(server.shows(1 + kMore)) << server.process().output();
  EXPECT_LT(kept(), 1 + kMore);
  std::filesystem::remove(ballast());
  EXPECT_TRUE(keeps(1 + kMore)) << server.process().output();
  EXPECT_TRUE(server.process().says("saving works again")) << server.process().output();
  EXPECT_TRUE(server.takes("last"));
}

TEST_F(PostgresDays, AServerOnOdbcKeepsWhatItTookAndLeadsAlone) {
  const std::string by_odbc = postgres().fresh_odbc_url();
  if (by_odbc.empty()) GTEST_SKIP() << "psqlodbc's driver is neither in TESSERA_PEERS nor in /usr/lib";
  Replica server('"' + by_odbc + '"');
  ASSERT_TRUE(eventually([&] { return server.takes("n1"); })) << server.process().output();
  ASSERT_TRUE(server.takes("n2"));
  EXPECT_TRUE(server.shows(2)) << server.process().output();
  const auto in_it = [&] {
    std::int64_t out = 0;
    const auto database = store::Database::open(by_odbc, {.migrate = false});
    if (database)
      static_cast<void>((*database)->each("SELECT COUNT(*) FROM device_seen", {},
                                          [&](const store::Row& row) { out = row.integer(0).value_or(0); }));
    return out;
  };
  EXPECT_TRUE(eventually([&] { return in_it() == 2; })) << server.process().output();
  server.kill();
  server.start();
  EXPECT_TRUE(server.shows(2)) << server.process().output();
  EXPECT_TRUE(eventually([&] { return server.takes("n3"); })) << server.process().output();
  EXPECT_EQ(server.process().stop(), 0);
}

}  // namespace
}  // namespace tessera::e2e
