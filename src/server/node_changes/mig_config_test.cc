#include "server/node_changes/mig_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/yaml.h"

namespace tessera::server::nodes {
namespace {
using testing::SizeIs;
using testing::StartsWith;

const std::vector<ManagedDevice> kNode = {{0, true, {{"1g.10gb", 2}, {"1g.10gb+me", 1}}}, {1, false}, {2, true}};

TEST(MigConfig, IsWhatMigPartedReads) {
  const auto entry = mig_entry(kNode);
  const auto file = config::load(mig_file({entry}), "config.yaml");
  ASSERT_TRUE(file) << file.error().what;
  EXPECT_EQ(*file->find("version")->text(), "v1");
  const auto configs = *file->find("mig-configs");
  EXPECT_THAT(*configs.entries(), SizeIs(3));
  EXPECT_EQ(*(*configs.find("all-disabled")->list())[0].find("mig-enabled")->flag(), false);
  const auto devices = *configs.find(entry.first)->list();
  ASSERT_THAT(devices, SizeIs(3));
  EXPECT_EQ(*devices[0].find("devices")->texts(), std::vector<std::string>{"0"});
  EXPECT_TRUE(*devices[0].find("mig-enabled")->flag());
  EXPECT_EQ(*devices[0].find("mig-devices")->find("1g.10gb")->integer(), 2);
  EXPECT_EQ(*devices[0].find("mig-devices")->find("1g.10gb+me")->integer(), 1);
  EXPECT_FALSE(*devices[1].find("mig-enabled")->flag());
  EXPECT_FALSE(devices[1].find("mig-devices"));
  EXPECT_THAT(*devices[2].find("mig-devices")->entries(), SizeIs(0));
}

TEST(MigConfig, NamesAnEntryByWhatItSays) {
  const auto entry = mig_entry(kNode);
  EXPECT_THAT(entry.first, StartsWith("tessera-"));
  EXPECT_THAT(entry.first, SizeIs(8 + 16)) << "a label's value has 63 characters at most";
  EXPECT_EQ(mig_entry(kNode), entry);
  auto other = kNode;
  other[0].profiles["1g.10gb"] = 3;
  EXPECT_NE(mig_entry(other).first, entry.first);
}

TEST(MigConfig, GivesItsEntriesBack) {
  const MigEntries entries = {mig_entry(kNode), mig_entry({{0, true, {{"7g.80gb", 1}}}})};
  EXPECT_EQ(entries_in(mig_file(entries)), entries);
  EXPECT_THAT(entries_in("mig-configs:\n  all-enabled:\n    - devices: all\n"), SizeIs(0));
  EXPECT_THAT(entries_in(""), SizeIs(0));
}

}  // namespace
}  // namespace tessera::server::nodes
