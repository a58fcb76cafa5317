#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zstd.h>

#include "http/fetch_catch.h"
#include "http/raw_server.h"
#include "http/server.h"

namespace tessera::http {
namespace {

using testing::HasSubstr;

const std::string kSkippable("\x5A\x2A\x4D\x18\x01\x00\x00\x00x", 9);  // a frame of zstd that holds no text

class FetchBodyTest : public FetchTest {};

std::string zstd(std::string_view text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 1));
  return out;
}

TEST_F(FetchBodyTest, DecodesBodies) {
  const std::string text(300'000, 'x');
  const std::string half = text.substr(text.size() / 2);
  const std::string gzip_line = "Content-Encoding: gzip\r\n";
  const std::string zstd_line = "Content-Encoding: zstd\r\n";
  const struct {
    std::string name, method, reply, want;
  } cases[] = {
      {"identity", "GET", reply_of(text, "Content-Encoding: identity\r\n"), text},
      {"gzip", "GET", reply_of(gzip(text), gzip_line), text},
      {"two members", "GET", reply_of(gzip(half) + gzip(half), "Content-Encoding: X-GZIP\r\n"), text},
      {"zstd", "GET", reply_of(zstd(text), zstd_line), text},
      {"two frames", "GET", reply_of(zstd(half) + kSkippable + zstd(half), zstd_line), text},
      {"nothing", "GET", reply_of(""), ""},
      {"nothing encoded", "GET", reply_of(gzip(""), gzip_line), ""},
      {"no body", "GET", "HTTP/1.1 204 No Content\r\n" + gzip_line + "\r\n", ""},
      {"head", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n" + gzip_line + "\r\n", ""},
  };
  for (const auto& c : cases) {
    const RawServer server(once(c.reply));
    auto request = get_of(server.url());
    request.method = c.method;
    request.max_body_bytes = text.size();
    Catch caught;
    fetch(request, caught);
    EXPECT_EQ(caught.error, "") << c.name;
    EXPECT_TRUE(caught.text == c.want) << c.name << ": " << caught.text.size();
    EXPECT_EQ(caught.begins, 1) << c.name;
    EXPECT_EQ(caught.times.body_bytes, c.want.size()) << c.name;
  }
}

TEST_F(FetchBodyTest, TakesNonsenseForAFailure) {
  std::string header_bomb = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 20'000; ++i) header_bomb += "X-Line: 0123456789012345678901234567890\r\n";
  const std::string packed = gzip("a page");
  const std::string framed = zstd("a page");
  const struct {
    std::string reply, says;
  } cases[] = {
      {"", "Empty reply"},
      {"SSH-2.0-x\r\n", "HTTP/0.9"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi", "7 bytes remaining"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "outstanding read data"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "chunk"},
      {header_bomb, "headers are"},
      {reply_of("abc", "Content-Encoding: br\r\n"), "'br'"},
      {reply_of("<html>", "Content-Encoding: gzip\r\n"), "no gzip: incorrect header"},
      {reply_of("<html>", "Content-Encoding: zstd\r\n"), "no zstd: Unknown frame"},
      {reply_of("\x26\xB5\x2F\xFD what came before RFC 8878", "Content-Encoding: zstd\r\n"), "no zstd: Unknown frame"},
      {reply_of("", "Content-Encoding: gzip\r\n"), "no gzip: it ends too early"},
      {reply_of(packed.substr(0, packed.size() - 1), "Content-Encoding: gzip\r\n"), "no gzip: it ends too early"},
      {reply_of(framed.substr(0, framed.size() - 1), "Content-Encoding: zstd\r\n"), "no zstd: it ends too early"},
      {reply_of(packed + "rest", "Content-Encoding: gzip\r\n"), "no gzip"},
  };
  for (const auto& c : cases) {
    const RawServer server(once(c.reply));
    Catch caught;
    fetch(get_of(server.url()), caught);
    EXPECT_EQ(caught.dones, 1) << c.says;
    EXPECT_THAT(caught.error, HasSubstr(c.says));
    EXPECT_THAT(caught.error, HasSubstr("GET " + server.url())) << c.says;
    EXPECT_THAT(caught.error, HasSubstr("(after ")) << c.says;
  }
}

TEST_F(FetchBodyTest, CutsBodiesAtTheirLimit) {
  constexpr std::size_t kLimit = 1U << 20U;
  const RawServer endless([](RawServer::Peer& peer) {
    peer.read_request();
    peer.send("HTTP/1.1 200 OK\r\n\r\n");
    const std::string block(64U << 10U, 'x');
    while (peer.send(block)) {
    }
  });
  const RawServer bomb(always(reply_of(gzip(std::string(64U << 20U, 'x')), "Content-Encoding: gzip\r\n")));
  const RawServer nothing([](RawServer::Peer& peer) {  // empty gzip members without end
    peer.read_request();
    peer.send("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n");
    std::string block;
    for (int i = 0; i < 1'000; ++i) block += gzip("");
    while (peer.send(block)) {
    }
  });
  const RawServer fits(always(reply_of(std::string(kLimit, 'x'))));
  const RawServer one_more(always(reply_of(std::string(kLimit + 1, 'x'))));
  const struct {
    const RawServer& server;
    bool good;
  } cases[] = {{endless, false}, {bomb, false}, {nothing, false}, {fits, true}, {one_more, false}};
  for (const auto& c : cases) {
    auto request = get_of(c.server.url());
    request.max_body_bytes = kLimit;
    Catch caught;
    fetch(request, caught);
    EXPECT_EQ(caught.error.empty(), c.good) << caught.error;
    if (!c.good) {
      EXPECT_THAT(caught.error, HasSubstr("body is longer than 1048576 bytes (after "));
    }
    EXPECT_LE(caught.size, kLimit);
    EXPECT_EQ(caught.dones, 1);
  }
}

/// Work for a receiver, as its thread's time.
void work(Milliseconds time) {
  for (const auto end = in(time); std::chrono::steady_clock::now() < end;) continue;
}

/// 4 MiB, no two pieces of which are the same.
std::string numbers() {
  std::string out;
  for (int i = 0; out.size() < 4U << 20U; ++i) out += std::to_string(i) + '\n';
  return out;
}

TEST_F(FetchBodyTest, ComesWholeAndHoldsUpNobodyWhereItIsMuchWork) {
  const std::string text = numbers();
  const std::string nothing(8U << 20U, '\n');
  const struct {
    std::string name, reply, want;
  } cases[] = {{"plain", reply_of(text), text},
               {"gzip", reply_of(gzip(text), "Content-Encoding: gzip\r\n"), text},
               {"zstd", reply_of(zstd(text), "Content-Encoding: zstd\r\n"), text},
               {"all in one piece", reply_of(gzip(nothing), "Content-Encoding: gzip\r\n"), nothing}};
  const RawServer light(always(reply_of("x")));
  for (const auto& c : cases) {
    const RawServer heavy(once(c.reply));
    Catch much, little;
    std::size_t had = 0;
    much.on_body = [&] {
      if (had == 0) {
        had = 1;
        loop_->start(get_of(light.url()), little);
      }
      work(std::chrono::milliseconds(2));
      return true;
    };
    little.on_done = [&] { had = much.size; };
    auto request = get_of(heavy.url());
    request.max_body_bytes = c.want.size();
    fetch(request, much);
    EXPECT_EQ(much.error, "") << c.name;
    EXPECT_TRUE(much.text == c.want) << c.name << ": " << much.text.size();
    EXPECT_EQ(much.dones, 1) << c.name;
    EXPECT_EQ(little.text, "x") << c.name;
    EXPECT_LT(had, c.want.size()) << c.name << ": the other one is done before";
  }
}

TEST_F(FetchBodyTest, EndsInTheMiddleOfMuchWork) {
  const std::string packed = reply_of(gzip(std::string(8U << 20U, '\n')), "Content-Encoding: gzip\r\n");
  for (const std::string& reply : {packed, reply_of(numbers())}) {
    const RawServer server(always(reply));
    auto request = get_of(server.url());
    request.max_body_bytes = 8U << 20U;
    Catch late, refusing, cancelled;
    late.on_body = [] { return work(std::chrono::milliseconds(2)), true; };
    request.deadline = std::chrono::milliseconds(50);
    fetch(request, late);
    EXPECT_THAT(late.error, HasSubstr("no full reply within 50ms"));
    request.deadline = std::chrono::minutes(1);
    refusing.on_body = [&] { return work(std::chrono::milliseconds(2)), refusing.size < 1U << 20U; };
    fetch(request, refusing);
    EXPECT_THAT(refusing.error, HasSubstr("refused the body"));
    cancelled.on_body = [&] {
      work(std::chrono::milliseconds(2));
      if (cancelled.size >= 1U << 20U) loop_->cancel(cancelled);
      return true;
    };
    fetch(request, cancelled);
    EXPECT_EQ(cancelled.dones, 0);
    for (const auto* receiver : {&late, &refusing, &cancelled}) EXPECT_LT(receiver->size, 4U << 20U);
    Catch after;  // over what is left of the handles of those
    fetch(request, after);
    EXPECT_EQ(after.error, "");
    EXPECT_GE(after.size, 4U << 20U);
  }
}

}  // namespace
}  // namespace tessera::http
