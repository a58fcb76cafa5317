#include "relay/queue_folders.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "journal/journal.h"

namespace tessera::relay {
namespace {

std::unique_ptr<journal::Journal> open(const std::filesystem::path& dir) {
  journal::Options options;
  options.dir = dir;
  auto queue = journal::Journal::open(options);
  EXPECT_TRUE(queue) << queue.error().what;
  return *std::move(queue);
}

Destination destination(const std::string& name, const std::string& dir = "") {
  Destination out;
  out.name = name;
  out.queue.dir = dir;
  return out;
}

TEST(QueueFolders, TellWhichQueuesNobodySends) {
  const TempDir data;
  const auto all = data.path() / "queue";
  for (const auto* shard : {"left/0", "left/1", "sent/0", "used/0", "moved/0"}) {
    const auto queue = open(all / shard);
    ASSERT_TRUE(queue->append(1, 10, 0, "body"));
    if (std::string_view(shard) == "sent/0") {
      ASSERT_TRUE(queue->acknowledge(1));
    }
  }
  Config config;
  config.destinations = {destination("used"), destination("new"), destination("other", all / "." / "moved")};
  for (int look = 0; look < 2; ++look) {  // looking changes nothing
    const auto found = abandoned_queues(config, data.path());
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].folder, all / "left");
    EXPECT_EQ(found[0].samples, 20U);
    EXPECT_GT(found[0].bytes, 8U);
  }
  config.destinations.push_back(destination("left"));
  EXPECT_TRUE(abandoned_queues(config, data.path()).empty());
  EXPECT_EQ(open(queue_folder(destination("left"), data.path()) / "1")->stats().pending.items, 10U);
  EXPECT_TRUE(abandoned_queues(config, data.path() / "none").empty());
}

}  // namespace
}  // namespace tessera::relay
