#include "base/files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tessera {
namespace {

std::size_t entries(const std::filesystem::path& folder) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

TEST(Files, WrittenTextIsReadBackWithItsMode) {
  const TempDir dir;
  const auto path = dir.path() / "a.prom";
  ASSERT_TRUE(write_file_atomically(path, "one\n", 0644));
  ASSERT_TRUE(write_file_atomically(path, "two\n", 0644));
  EXPECT_EQ(*read_file(path), "two\n");
  struct stat info{};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0644U);
  EXPECT_EQ(entries(dir.path()), 1U) << "a temporary file was left behind";
}

TEST(Files, FailedWriteKeepsTheOldFileAndLeavesNothing) {
  const TempDir dir;
  const auto path = dir.path() / "a.prom";
  std::filesystem::create_directory(path);  // a directory cannot be replaced by a file
  const auto written = write_file_atomically(path, "new");
  ASSERT_FALSE(written);
  EXPECT_NE(written.error().what.find(path.string()), std::string::npos);
  EXPECT_EQ(entries(dir.path()), 1U);
}

TEST(Files, FullDiskIsAnErrorNotAShortFile) {
  if (::access("/dev/full", W_OK) != 0) GTEST_SKIP() << "no /dev/full on this machine";
  EXPECT_FALSE(write_file_atomically("/dev/full/x", "text"));
}

TEST(Files, ReadsProcAndHonoursTheLimit) {
  EXPECT_FALSE(read_file("/proc/self/status")->empty());
  EXPECT_EQ(read_file("/nonexistent/file").error().code, Code::NotFound);
  EXPECT_EQ(read_file("/proc/self/status", 10).error().code, Code::Unavailable);
}

}  // namespace
}  // namespace tessera
