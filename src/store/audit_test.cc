#include "store/audit.h"

#include <gtest/gtest.h>

#include "store/replies.h"
#include "store/test_database.h"

namespace tessera::store {
namespace {

struct Audit : EachDatabase {
  Result<void> append(const std::string& object) {
    return database->atomically(
        [&] { return append_audit(*database, {7, "key:a", "key.create", object, "done", "r1", "::1", "{}"}); });
  }
};
INSTANTIATE_EACH_DATABASE(Audit);

TEST_P(Audit, IsAChain) {
  ASSERT_TRUE(append("one"));
  ASSERT_TRUE(append("two"));
  const auto rows = audit_rows(*database, 0, 10);
  ASSERT_TRUE(rows);
  ASSERT_EQ(rows->size(), 2U);
  EXPECT_EQ((*rows)[0].hash, audit_hash("", 1, (*rows)[0].entry));
  EXPECT_EQ((*rows)[1].hash, audit_hash((*rows)[0].hash, 2, (*rows)[1].entry));
  EXPECT_EQ(audit_head(*database)->rows, 2);
  EXPECT_EQ(audit_head(*database)->hash, (*rows)[1].hash);
  EXPECT_EQ(audit_rows(*database, 1, 10)->size(), 1U);
  EXPECT_EQ(audit_rows(*database, 0, 1)->front().entry.object, "one");
}

// Computed by: printf '0:,1:1,1:7,5:key:a,10:key.create,3:one,4:done,2:r1,3:::1,2:{},' | sha256sum
TEST_P(Audit, IsHashedAsTheDocumentSays) {
  ASSERT_TRUE(append("one"));
  EXPECT_EQ(audit_rows(*database, 0, 1)->front().hash,
            "dee0fff4fa635059e39bb0d750c7795ff8e095e49498de8f9661bdbd2e1f63ff");
}

TEST_P(Audit, APlaceBelongsToOneMember) {
  AuditEntry one{0, "a", "b", "", "", "", "", ""}, other{0, "ab", "", "", "", "", "", ""};
  EXPECT_NE(audit_hash("", 1, one), audit_hash("", 1, other));
}

TEST_P(Audit, WhatIsNotDoneLeavesNoRow) {
  EXPECT_FALSE(database->atomically([&]() -> Result<void> {
    TRY(append_audit(*database, {}));
    return fail(Code::Invalid, "no");
  }));
  EXPECT_EQ(audit_head(*database)->rows, 0);
  ASSERT_TRUE(append("one"));
  EXPECT_EQ(audit_rows(*database, 0, 10)->front().sequence, 1);
}

TEST_P(Audit, RepliesAreKeptADay) {
  ASSERT_TRUE(keep_reply(*database, {"key:a", "k", "h", 1000, 201, "/x", "{}"}));
  const auto kept = kept_reply(*database, "key:a", "k", 1000 + kRepliesKept.count() - 1);
  ASSERT_TRUE(kept && *kept);
  EXPECT_EQ((*kept)->status, 201);
  EXPECT_EQ((*kept)->location, "/x");
  EXPECT_FALSE(*kept_reply(*database, "key:b", "k", 1000)) << "of another caller";
  const EpochMs late = 1000 + kRepliesKept.count();
  EXPECT_FALSE(*kept_reply(*database, "key:a", "k", late));
  EXPECT_TRUE(keep_reply(*database, {"key:a", "k", "h2", late, 201, "", ""})) << "the old one makes room";
}

}  // namespace
}  // namespace tessera::store
