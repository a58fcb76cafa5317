#include "kube/grpc.h"

#include <gtest/gtest.h>

namespace tessera::kube {
namespace {

using namespace std::string_literals;

TEST(Grpc, AFrameIsReadBack) {
  EXPECT_EQ(grpc_frame(""), "\0\0\0\0\0"s);
  EXPECT_EQ(grpc_frame("abc"), "\0\0\0\0\3abc"s);
  for (const auto& message : {""s, "abc"s, std::string(70'000, 'x')}) {
    const auto frame = grpc_frame(message);
    const auto read = grpc_unframe(frame, message.size());
    ASSERT_TRUE(read) << read.error().what;
    EXPECT_EQ(*read, message);
  }
}

TEST(Grpc, SaysWhatIsWrongWithAFrame) {
  const struct {
    std::string body, what;
    Code code = Code::Invalid;
  } cases[] = {
      {"", "gRPC: a message begins with 5 bytes, only 0 came"},
      {"\0\0\0\0"s, "gRPC: a message begins with 5 bytes, only 4 came"},
      {"\1\0\0\0\3abc"s, "gRPC: the message is compressed, which was not offered"},
      {"\7\0\0\0\3abc"s, "gRPC: the message's flag is 7, 0 expected"},
      {"\0\0\0\0\4abc"s, "gRPC: the message has 4 bytes, only 3 came"},
      {"\0\0\0\0\2abc"s, "gRPC: 1 bytes follow the message, one message expected"},
      {"\0\0\0\0\11abc"s, "gRPC: the message has 9 bytes, more than the 8 that are taken", Code::Unavailable},
      {"\0\xFF\xFF\xFF\xFF"s, "gRPC: the message has 4294967295 bytes, more than the 8 that are taken",
       Code::Unavailable},
  };
  for (const auto& c : cases) {
    const auto read = grpc_unframe(c.body, 8);
    ASSERT_FALSE(read) << c.what;
    EXPECT_EQ(read.error().what, c.what);
    EXPECT_EQ(read.error().code, c.code) << c.what;
  }
}

TEST(Grpc, TextIsWrittenOut) {
  const struct {
    std::string_view encoded, text;
  } cases[] = {
      {"rate limit", "rate limit"}, {"100%25 busy%0a", "100% busy\n"}, {"%", "%"}, {"%4", "%4"}, {"%zz%41", "%zzA"},
      {"%C3%A9", "\xC3\xA9"},       {"%FF", "\xEF\xBF\xBD"},           {"", ""}};
  for (const auto& c : cases) EXPECT_EQ(grpc_text(c.encoded), c.text) << c.encoded;
}

}  // namespace
}  // namespace tessera::kube
