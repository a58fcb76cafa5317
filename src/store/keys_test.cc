#include "store/keys.h"

#include <gtest/gtest.h>

#include "store/test_database.h"

namespace tessera::store {
namespace {

struct Keys : EachDatabase {
  std::vector<KeyRow> all() const {
    auto found = keys(*database);
    if (!found) throw std::runtime_error(found.error().what);
    return *std::move(found);
  }
};
INSTANTIATE_EACH_DATABASE(Keys);

TEST_P(Keys, AreKeptAsTheyWereMade) {
  const KeyRow plain{.id = "aaaaaaaa",
                     .name = "all of it",
                     .digest = "d1",
                     .scopes = {"admin"},
                     .created = 1,
                     .created_by = "command line"};
  KeyRow tight = plain;
  tight.id = "bbbbbbbb";
  tight.digest = "d2";
  tight.scopes = {"read", "operate"};
  tight.namespaces = {{"ml", "web"}};
  tight.teams = std::vector<std::string>{};
  tight.created = 2;
  tight.expires = 99;
  ASSERT_TRUE(insert_key(*database, plain));
  ASSERT_TRUE(insert_key(*database, tight));
  EXPECT_EQ(all(), (std::vector{plain, tight})) << "no restriction and one to nothing are two things";
  EXPECT_FALSE(insert_key(*database, plain));
}

TEST_P(Keys, ARevocationStands) {
  ASSERT_TRUE(insert_key(*database, {.id = "a", .created = 1}));
  ASSERT_TRUE(revoke_key(*database, "a", 5));
  ASSERT_TRUE(revoke_key(*database, "a", 9));
  EXPECT_EQ(all()[0].revoked, 5);
}

TEST_P(Keys, TheLastUseOnlyGrows) {
  ASSERT_TRUE(insert_key(*database, {.id = "a", .created = 1}));
  ASSERT_TRUE(note_key_use(*database, "a", 7));
  ASSERT_TRUE(note_key_use(*database, "a", 6));
  EXPECT_EQ(all()[0].last_used, 7);
}

TEST_P(Keys, ChangesAreCounted) {
  const auto before = *key_changes(*database);
  ASSERT_TRUE(note_key_change(*database));
  EXPECT_GT(*key_changes(*database), before);
}

}  // namespace
}  // namespace tessera::store
