#include <gtest/gtest.h>
#include <libdeflate.h>

#include <memory>
#include <string>

#include "http/server.h"

namespace tessera::http {
namespace {

std::string unzipped(const std::string& member, std::size_t size) {
  const std::unique_ptr<libdeflate_decompressor, decltype(&libdeflate_free_decompressor)> decompressor(
      libdeflate_alloc_decompressor(), libdeflate_free_decompressor);
  std::string out(size, '\0');
  const auto result = libdeflate_gzip_decompress(decompressor.get(), member.data(), member.size(), out.data(), size,
                                                 nullptr);  // exactly this size, else an error
  return result == LIBDEFLATE_SUCCESS ? out : "not gzip";
}

TEST(Gzip, IsReadBack) {
  std::string page;
  for (int i = 0; i < 20'000; ++i) page += "gpu_session_count{gpu=\"" + std::to_string(i) + "\"} 1\n";
  for (const std::string& text : {std::string(), std::string("a"), std::string(3, '\0'), page})
    EXPECT_EQ(unzipped(gzip(text), text.size()), text);
  EXPECT_LT(gzip(page).size(), page.size() / 5);
}

TEST(Decoded, UndoesWhatABodyCameIn) {
  const std::string text(300'000, 'x');
  EXPECT_EQ(*decoded("", text, text.size()), text);
  EXPECT_EQ(*decoded("gzip", gzip(text), text.size()), text);
  EXPECT_EQ(decoded("gzip", gzip(text), text.size() - 1).error().code, Code::Denied);
  EXPECT_EQ(decoded("", text, text.size() - 1).error().code, Code::Denied);
  EXPECT_EQ(decoded("gzip", "no gzip", 100).error().code, Code::Unavailable);
  EXPECT_EQ(decoded("gzip", gzip(text).substr(0, 50), text.size()).error().code, Code::Unavailable);
  EXPECT_EQ(decoded("br", "x", 100).error().code, Code::Invalid);
}

}  // namespace
}  // namespace tessera::http
