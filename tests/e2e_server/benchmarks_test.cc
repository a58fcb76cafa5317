// Benchmarks from a file through the command line into a server that keeps them over a kill, and out again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/node.h"
#include "tests/e2e_server/server.h"

namespace tessera::e2e {
namespace {
using testing::HasSubstr;

constexpr const char* kRuns =
    "model,driver,name,version,value,unit,better,source,time,watts\r\n"
    "H100_80GB,580.1,tokens,1,3000,tokens/s,higher,\"lab, rack 4\",2026-01-31T12:00:00.000Z,600\r\n"
    "A100_80GB,580.1,tokens,1,2400,tokens/s,higher,\"lab, rack 4\",2026-01-31T12:01:00.000Z,\r\n";

struct Benchmarks : testing::Test {
  Benchmarks() { EXPECT_TRUE(write_file_atomically(file, kRuns)); }
  Finished cli(std::vector<std::string> words) {
    words.insert(words.begin(), {program("tessera"), "benchmarks", "--server", server.url("")});
    return run(words);
  }

  TempDir folder;
  const std::string file = (folder.path() / "runs.csv").string();
  Server server;
};

TEST_F(Benchmarks, GoInAndComeOutByTheCommandLine) {
  EXPECT_THAT(cli({"import", file, "--dry-run"}).output, HasSubstr("dry run: 2 taken: 2 new"));
  EXPECT_THAT(cli({}).output, HasSubstr("There are no runs"));
  EXPECT_EQ(cli({"import", file}).output, "2 taken: 2 new, 0 corrected, 0 were there\n");
  server.kill();
  server.start();
  EXPECT_EQ(cli({"export"}).output, kRuns);
  const std::string json = (folder.path() / "runs.json").string();
  EXPECT_TRUE(write_file_atomically(json, cli({"export", "-o", "json"}).output));
  EXPECT_EQ(cli({"import", json}).output, "2 taken: 0 new, 0 corrected, 2 were there\n");
  const std::string compared = cli({"compare"}).output;
  EXPECT_THAT(compared, HasSubstr("-20.0 % worse"));
  EXPECT_THAT(compared, HasSubstr("money in USD"));
  EXPECT_THAT(cli({"regressions"}).output, HasSubstr("0 of 0 have become worse; of 2 there are too few runs to say"));
}

TEST_F(Benchmarks, WhatIsRefusedIsSaidAndTheRestIsTaken) {
  EXPECT_TRUE(
      write_file_atomically(file, std::string(kRuns) + "H100_80GB,,tokens,1,fast,s,lower,,2026-01-31T12:00:00Z,\n"));
  const Finished refused = cli({"import", file});
  EXPECT_EQ(refused.code, 1);
  EXPECT_EQ(server.get("/benchmarks")["total"], 2);
}

}  // namespace
}  // namespace tessera::e2e
