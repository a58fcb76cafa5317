#include "http/basic_auth.h"

#include <crypt.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace tessera::http {
namespace {

/// The hash of this password, at the least cost.
std::string hashed(const std::string& password, const std::string& prefix = "$2b$") {
  crypt_data scratch{};
  return crypt_r(password.c_str(), (prefix + "04$abcdefghijklmnopqrstuu").c_str(), &scratch);
}

TEST(Bcrypt, ChecksEveryPrefixThatToolsWrite) {
  for (const auto* prefix : {"$2a$", "$2b$", "$2y$"}) {
    const std::string hash = hashed("s3cret", prefix);
    ASSERT_TRUE(is_bcrypt(hash)) << hash;
    EXPECT_TRUE(bcrypt_matches("s3cret", hash)) << prefix;
    EXPECT_FALSE(bcrypt_matches("s3creT", hash)) << prefix;
    EXPECT_FALSE(bcrypt_matches("", hash)) << prefix;
  }
  // A vector of the algorithm's authors' test set, so that this is not only libxcrypt against itself.
  EXPECT_TRUE(bcrypt_matches("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"));
}

TEST(Bcrypt, TakesNothingElseForAHash) {
  for (const auto* bad : {"", "s3cret", "*0", "$1$abc$def", "$2b$04$short", "$2b$99$abcdefghijklmnopqrstuu"})
    EXPECT_FALSE(bcrypt_matches("s3cret", bad)) << bad;
  const std::string nul("s3cret\0x", 8);
  EXPECT_FALSE(bcrypt_matches(nul, hashed("s3cret")));  // C would see the right password
}

TEST(BasicAuthenticator, KnowsRightFromWrong) {
  const auto allows = basic_authenticator({{"ann", hashed("a")}, {"bob", hashed("b")}, {"eve", "no hash"}});
  for (int round = 0; round < 2; ++round) {  // the second time from memory
    EXPECT_TRUE(allows("ann", "a"));
    EXPECT_FALSE(allows("ann", "b"));
    EXPECT_TRUE(allows("bob", "b"));
    EXPECT_FALSE(allows("bob", "a"));
    EXPECT_FALSE(allows("cid", "a"));
    EXPECT_FALSE(allows("", ""));
    EXPECT_FALSE(allows("eve", "no hash"));
  }
}

TEST(BasicAuthenticator, IsSharedByThreads) {
  const auto allows = basic_authenticator({{"ann", hashed("a")}});
  std::atomic<int> wrong{0};
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int j = 0; j < 20; ++j) wrong += allows("ann", "a") && !allows("ann", "b") ? 0 : 1;
    });
  threads.clear();
  EXPECT_EQ(wrong, 0);
}

TEST(BasicCredentials, ReadsWhatBrowsersSend) {
  const auto read = basic_credentials("Basic YW5uOnM6ZSBjcmV0");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->user, "ann");
  EXPECT_EQ(read->password, "s:e cret");
  EXPECT_EQ(basic_credentials("Basic Og==")->user, "");
  for (const auto* bad : {"", "Basic", "Basic ", "Basic YW5u", "Basic YW5uOnM6ZSBjcmV", "Basic ====", "Digest Og=="})
    EXPECT_FALSE(basic_credentials(bad)) << bad;
}

}  // namespace
}  // namespace tessera::http
