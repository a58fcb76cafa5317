// A copy of the database while the server writes it, and the way back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/database.h"
#include "tests/e2e/child.h"
#include "tests/e2e/node.h"
#include "tests/e2e/prometheus.h"
#include "tests/e2e_server/server.h"

namespace tessera::e2e {
namespace {
using testing::HasSubstr;

Finished command(const char* name, const Server& server, const std::filesystem::path& file) {
  return run({program("tessera-server"), name, "--data", server.data().string(), file.string()});
}

TEST(Backup, IsTakenWhileTheServerRuns) {
  Server server;
  TempDir folder;
  const auto file = folder.path() / "copy.db";
  const auto taken = command("backup", server, file);
  ASSERT_EQ(taken.code, 0) << taken.output;
  ASSERT_TRUE(std::filesystem::exists(file));

  const auto refused = command("restore", server, file);
  EXPECT_NE(refused.code, 0);
  EXPECT_THAT(refused.output, HasSubstr("stop it first"));

  ASSERT_EQ(server.stop(), 0);
  const auto restored = command("restore", server, file);
  ASSERT_EQ(restored.code, 0) << restored.output;
  EXPECT_TRUE(std::filesystem::exists(server.data() / "tessera.db.before-restore"));
  server.start();
  EXPECT_EQ(server.get("/gpu/overview").at("totalGpuDevices"), 0);
  EXPECT_EQ(server.stop(), 0);
}

TEST(Backup, NothingIsReplacedByWhatIsNoBackup) {
  Server server;
  ASSERT_EQ(server.stop(), 0);
  TempDir folder;
  const auto file = folder.path() / "copy.db";
  EXPECT_THAT(command("restore", server, file).output, HasSubstr("no such file"));
  ASSERT_TRUE(write_file_atomically(file, std::string(8192, 'x')));
  EXPECT_NE(command("restore", server, file).code, 0);
  {
    const auto later = store::Database::open("sqlite:" + (folder.path() / "later.db").string());
    ASSERT_TRUE(later);
    ASSERT_TRUE((*later)->run("INSERT INTO migration VALUES (?)", {store::newest_version() + 1}));
  }
  const auto newer = command("restore", server, folder.path() / "later.db");
  EXPECT_NE(newer.code, 0);
  EXPECT_THAT(newer.output, HasSubstr("newer program"));
  EXPECT_FALSE(std::filesystem::exists(server.data() / "tessera.db.before-restore"));
  server.start();
  EXPECT_EQ(server.stop(), 0);
}

TEST(Backup, AServerRefusesWhatALaterOneHasWritten) {
  Server server;
  ASSERT_EQ(server.stop(), 0);
  {
    const auto database = store::Database::open("sqlite:" + (server.data() / "tessera.db").string());
    ASSERT_TRUE(database);
    ASSERT_TRUE((*database)->run("INSERT INTO migration VALUES (?)", {store::newest_version() + 1}));
  }
  const auto refused = run({program("tessera-server"), "--address", "127.0.0.1:0", "--data", server.data().string()});
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.output, HasSubstr("run the newer program"));
}

}  // namespace
}  // namespace tessera::e2e
