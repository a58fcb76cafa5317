#include "server/shared_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tessera::server {
namespace {
using testing::HasSubstr;
using testing::Pair;
using testing::UnorderedElementsAre;

TEST(CacheUrl, NamesHostPortAndDatabase) {
  const struct {
    std::string_view url, host;
    int port, database;
  } cases[] = {{"redis://cache", "cache", 6379, 0},
               {"redis://cache:6380/2", "cache", 6380, 2},
               {"redis://10.0.0.1/", "10.0.0.1", 6379, 0},
               {"redis://[fd00::1]:6380", "fd00::1", 6380, 0},
               {"redis://[fd00::1]", "fd00::1", 6379, 0}};
  for (const auto& one : cases) {
    const auto read = parse_cache_url(one.url);
    ASSERT_TRUE(read) << one.url << ": " << read.error().what;
    EXPECT_EQ(read->host, one.host) << one.url;
    EXPECT_EQ(read->port, one.port) << one.url;
    EXPECT_EQ(read->database, one.database) << one.url;
  }
}

TEST(CacheUrl, SaysWhatIsWrong) {
  const struct {
    std::string_view url, why;
  } cases[] = {{"cache:6379", "no redis://"},       {"redis://", "no host"},
               {"redis://cache:0", "the port"},     {"redis://cache:x", "the port"},
               {"redis://cache/x", "the database"}, {"redis://me:secret@cache", "cache.password-file"},
               {"rediss://cache", "no redis://"}};
  for (const auto& one : cases) {
    const auto read = parse_cache_url(one.url);
    ASSERT_FALSE(read) << one.url;
    EXPECT_THAT(read.error().what, HasSubstr(one.why)) << one.url;
    EXPECT_THAT(read.error().what, testing::Not(HasSubstr("secret")));
  }
}

TEST(ReplyBytes, ComeBackAsTheyWere) {
  http::Response reply;
  reply.content_type = "text/csv; charset=utf-8";
  reply.headers = {{"Link", "<a>; rel=\"next\""}, {"Content-Encoding", "gzip"}};
  reply.body = std::string("\n\0: \n\n", 6);
  const auto back = reply_from_bytes(reply_bytes(reply));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->content_type, reply.content_type);
  EXPECT_THAT(back->headers, UnorderedElementsAre(Pair("Link", "<a>; rel=\"next\""), Pair("Content-Encoding", "gzip")));
  EXPECT_EQ(*back->shared_body, reply.body);
}

TEST(ReplyBytes, OthersAreNone) {
  http::Response reply;
  reply.content_type = "a";
  reply.headers = {{"Link", "b"}};
  const std::string good = reply_bytes(reply);
  for (std::size_t size = 0; size < good.size(); ++size) EXPECT_FALSE(reply_from_bytes(good.substr(0, size))) << size;
  EXPECT_FALSE(reply_from_bytes("tessera 2\n" + good.substr(good.find('\n') + 1)));
  EXPECT_FALSE(reply_from_bytes("tessera 1\na\nLink: b\rSet-Cookie: c\n\n"));
}

}  // namespace
}  // namespace tessera::server
