#include "http/stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <future>
#include <optional>
#include <span>
#include <stdexcept>

#include "http/raw_peer.h"
#include "http/server.h"

namespace tessera::http {
namespace {
using testing::HasSubstr;
using testing::Not;

std::shared_ptr<const std::string> piece(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

/// What chunks hold; nothing where the last one has not come.
std::optional<std::string> unchunked(std::string_view text) {
  std::string out;
  for (;;) {
    const auto end = text.find("\r\n");
    if (end == std::string_view::npos) return std::nullopt;
    const std::size_t size = std::stoul(std::string(text.substr(0, end)), nullptr, 16);
    if (size == 0) return out;
    if (text.size() < end + 2 + size + 2) return std::nullopt;
    out += text.substr(end + 2, size);
    text.remove_prefix(end + 2 + size + 2);
  }
}

/// A server that hands each caller of /events a stream.
struct Streaming {
  explicit Streaming(std::size_t max_queued_bytes) {
    ServerOptions options;
    options.address = "127.0.0.1:0";
    options.max_connections = 1'000;
    auto made = Server::listen(options, {{"GET", "/plain", [](const Request&) { return Response{}; }},
                                         {"GET", "/events", [this, max_queued_bytes](const Request&) {
                                            Response response;
                                            response.content_type = "text/event-stream";
                                            response.stream = std::make_shared<Stream>(max_queued_bytes);
                                            const std::lock_guard lock(mutex);
                                            streams.push_back(response.stream);
                                            return response;
                                          }}});
    if (!made) throw std::runtime_error(made.error().what);
    server = *std::move(made);
  }
  std::shared_ptr<Stream> newest() {
    const std::lock_guard lock(mutex);
    return streams.back();
  }

  std::mutex mutex;
  std::vector<std::shared_ptr<Stream>> streams;  // guarded by mutex
  std::unique_ptr<Server> server;
};

TEST(Stream, GoesOnAfterTheHeadUntilItIsClosed) {
  Streaming at(1'000);
  RawPeer peer(at.server->port());
  peer.send(get("/events"));
  const std::string head = peer.read_head();
  EXPECT_THAT(head, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(head, Not(HasSubstr("Content-Length")));
  EXPECT_THAT(head, HasSubstr("Transfer-Encoding: chunked\r\n"));
  EXPECT_TRUE(eventually([&] { return at.server->stats().streams == 1; }));
  EXPECT_TRUE(at.newest()->send(piece("one ")));
  EXPECT_TRUE(at.newest()->send(piece("two")));
  at.newest()->close();
  EXPECT_EQ(unchunked(peer.read_to_end()), "one two");
  EXPECT_TRUE(eventually([&] { return at.server->stats().streams == 0; }));
  EXPECT_FALSE(at.newest()->send(piece("late")));
}

TEST(Stream, OfAnOldClientEndsWithItsConnection) {
  Streaming at(1'000);
  RawPeer peer(at.server->port());
  peer.send("GET /events HTTP/1.0\r\n\r\n");
  EXPECT_THAT(peer.read_head(), Not(HasSubstr("chunked")));
  at.newest()->send(piece("one"));
  at.newest()->close();
  EXPECT_EQ(peer.read_to_end(), "one");
}

TEST(Stream, HeadGetsNone) {
  Streaming at(1'000);
  RawPeer peer(at.server->port());
  peer.send("HEAD /events HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(peer.read_head(), HasSubstr("text/event-stream"));
  EXPECT_EQ(at.server->stats().streams, 0U);
}

TEST(Stream, NoticesThatItsClientHasGone) {
  Streaming at(1'000);
  {
    RawPeer peer(at.server->port());
    peer.send(get("/events"));
    peer.read_head();
  }
  EXPECT_TRUE(eventually([&] { return !at.newest()->send(piece("x")); }));
  EXPECT_EQ(at.server->stats().cut_streams, 0U);
}

TEST(Stream, EndsWithItsServer) {
  Streaming at(1'000);
  RawPeer peer(at.server->port());
  peer.send(get("/events"));
  peer.read_head();
  at.server.reset();
  EXPECT_EQ(unchunked(peer.read_to_end()), std::nullopt) << "its client knows that it was cut";
  EXPECT_FALSE(at.newest()->send(piece("x")));
}

TEST(Stream, CutsThoseWhoDoNotReadAndServesAllOthers) {
  constexpr std::size_t kReaders = 50, kStalled = 50, kPiece = 16U << 10U;
  Streaming at(4 * kPiece);
  std::vector<std::unique_ptr<RawPeer>> peers;
  for (std::size_t i = 0; i < kReaders + kStalled; ++i) {
    peers.push_back(std::make_unique<RawPeer>(at.server->port(), i < kReaders ? 0 : 4'096));
    peers.back()->send(get("/events"));
    peers.back()->read_head();  // so that streams stand in the order of peers
  }
  std::vector<std::future<std::string>> readers;
  for (std::size_t i = 0; i < kReaders; ++i)
    readers.push_back(std::async(std::launch::async, [&peer = *peers[i]] { return peer.read_to_end(); }));
  const std::span<std::shared_ptr<Stream>> reading(at.streams.data(), kReaders);
  std::string sent;
  const auto alive = [&] {
    return std::ranges::any_of(at.streams.begin() + kReaders, at.streams.end(),
                               [](const auto& stream) { return stream->state() == Stream::State::Open; });
  };
  for (int round = 0; round < 1'000 && alive(); ++round) {
    const auto next = piece(std::string(kPiece, static_cast<char>('a' + round % 26)));
    sent += *next;
    for (const auto& stream : at.streams) stream->send(next);
    ASSERT_TRUE(eventually([&] {
      return std::ranges::all_of(reading, [](const auto& stream) { return stream->queued_bytes() == 0; });
    })) << "a reader waits for one that does not read";
  }
  EXPECT_FALSE(alive()) << "one that does not read is still there";
  RawPeer other(at.server->port());
  EXPECT_THAT(other.ask(get("/plain")), HasSubstr("200 OK"));
  for (const auto& stream : reading) stream->close();
  for (auto& reader : readers) {
    const std::string got = unchunked(reader.get()).value_or("");
    EXPECT_TRUE(got == sent) << got.size() << " bytes instead of " << sent.size();
  }
  EXPECT_TRUE(eventually([&] { return at.server->stats().streams == 0; }));
  EXPECT_EQ(at.server->stats().cut_streams, kStalled);
}

/// Replies that are made while they are sent: pieces of so many bytes, of which `fails_at` cannot be made.
struct MadeWhileSent {
  explicit MadeWhileSent(std::size_t count, std::size_t bytes, std::size_t fails_at = SIZE_MAX, unsigned handlers = 0,
                         Milliseconds write_timeout = ServerOptions{}.write_timeout) {
    ServerOptions options;
    options.address = "127.0.0.1:0";
    options.handlers = handlers;
    options.write_timeout = write_timeout;
    auto make = [this, count, bytes, fails_at](const Request&) {
      Response response;
      made = 0;
      response.pieces = [this, count, bytes, fails_at, holds = held]() -> Result<std::string> {
        const std::size_t at = made++;
        if (at == fails_at) return fail(Code::Unavailable, "the database is away");
        return std::string(at < count ? bytes : 0, static_cast<char>('a' + at % 26));
      };
      return response;
    };
    auto listening = Server::listen(options, {{"GET", "/file", make}});
    if (!listening) throw std::runtime_error(listening.error().what);
    server = *std::move(listening);
  }
  static std::string all(std::size_t count, std::size_t bytes) {
    std::string out;
    for (std::size_t i = 0; i < count; ++i) out += std::string(bytes, static_cast<char>('a' + i % 26));
    return out;
  }

  std::atomic<std::size_t> made{0};
  std::shared_ptr<int> held = std::make_shared<int>();  ///< by each reply that is under way
  std::unique_ptr<Server> server;
};

TEST(Pieces, AreChunksAndTheConnectionGoesOn) {
  for (const unsigned handlers : {0U, 2U}) {
    MadeWhileSent at(5, 1'000, SIZE_MAX, handlers);
    RawPeer peer(at.server->port());
    peer.send(get("/file"));
    const std::string head = peer.read_head();
    EXPECT_THAT(head, HasSubstr("Transfer-Encoding: chunked\r\n"));
    EXPECT_THAT(head, Not(HasSubstr("Content-Length")));
    EXPECT_THAT(head, Not(HasSubstr("Connection: close")));
    EXPECT_TRUE(eventually([&] { return at.server->stats().requests == 1; }));
    peer.send("HEAD /file HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    const std::string both = peer.read_to_end();
    EXPECT_EQ(unchunked(both), MadeWhileSent::all(5, 1'000));
    EXPECT_THAT(both, HasSubstr("HTTP/1.1 200 OK"));
    EXPECT_EQ(at.made, 0U) << "nothing is made for a HEAD";
  }
}

TEST(Pieces, OfAnOldClientEndWithItsConnection) {
  MadeWhileSent at(3, 100);
  RawPeer peer(at.server->port());
  peer.send("GET /file HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_THAT(peer.read_head(), Not(HasSubstr("chunked")));
  EXPECT_EQ(peer.read_to_end(), MadeWhileSent::all(3, 100));
  EXPECT_FALSE(peer.was_reset());
}

/// To it the connection's end would be the reply's.
TEST(Pieces, OfAnOldClientEndInAResetWhereTheyAreNotAll) {
  const std::string ask = "GET /file HTTP/1.0\r\n\r\n";
  {
    MadeWhileSent fails(1'000, 1'000, 3, 2);
    RawPeer peer(fails.server->port());
    peer.send(ask);
    peer.read_to_end();
    EXPECT_TRUE(peer.was_reset()) << "a piece cannot be made";
  }
  constexpr std::size_t kBytes = 64U << 10U, kMany = 100'000;
  {
    MadeWhileSent slow(kMany, kBytes, SIZE_MAX, 1, Milliseconds(100));
    RawPeer peer(slow.server->port(), 4'096);
    peer.send(ask);
    EXPECT_TRUE(eventually([&] { return slow.server->stats().timeouts == 1; }));
    peer.read_to_end();
    EXPECT_TRUE(peer.was_reset()) << "the client is too slow";
  }
  MadeWhileSent ends(kMany, kBytes, SIZE_MAX, 1);
  RawPeer peer(ends.server->port(), 4'096);
  peer.send(ask);
  EXPECT_TRUE(eventually([&] { return ends.made > 0; }));
  ends.server.reset();  // it waits for a while
  peer.read_to_end();
  EXPECT_TRUE(peer.was_reset()) << "the server has ended";
}

TEST(Pieces, ThatThrowAnythingEndTheirConnectionAlone) {
  for (const unsigned handlers : {0U, 2U}) {
    ServerOptions options;
    options.address = "127.0.0.1:0";
    options.handlers = handlers;
    const auto server = Server::listen(options, {{"GET", "/plain", [](const Request&) { return Response{}; }},
                                                 {"GET", "/file", [](const Request&) {
                                                    Response response;
                                                    response.pieces = []() -> Result<std::string> { throw 42; };
                                                    return response;
                                                  }}});
    ASSERT_TRUE(server);
    RawPeer peer((*server)->port());
    peer.send(get("/file"));
    peer.read_head();
    EXPECT_EQ(unchunked(peer.read_to_end()), std::nullopt);
    EXPECT_EQ((*server)->stats().failed_handlers, 1U);
    EXPECT_THAT(RawPeer((*server)->port()).ask(get("/plain")), HasSubstr("200 OK"));
  }
}

TEST(Pieces, ThatCannotBeMadeEndTheConnectionBeforeTheLastChunk) {
  MadeWhileSent at(1'000, 1'000, 3, 2);
  RawPeer peer(at.server->port());
  peer.send(get("/file"));
  peer.read_head();
  EXPECT_EQ(unchunked(peer.read_to_end()), std::nullopt) << "its client knows that not all is there";
  EXPECT_EQ(at.server->stats().failed_handlers, 1U);
  EXPECT_TRUE(eventually([&] { return at.held.use_count() == 1; }));
}

TEST(Pieces, AreMadeNoFasterThanTheyAreTaken) {
  constexpr std::size_t kBytes = 64U << 10U, kMany = 100'000;  // six gigabytes
  MadeWhileSent at(kMany, kBytes, SIZE_MAX, 1);
  {
    RawPeer peer(at.server->port(), 4'096);
    peer.send(get("/file"));
    peer.read_head();
    EXPECT_TRUE(eventually([&] { return at.made > 0; }));
    EXPECT_EQ(at.held.use_count(), 2);
  }
  EXPECT_TRUE(eventually([&] { return at.held.use_count() == 1; })) << "who has gone is noticed";
  EXPECT_LT(at.made, kMany / 100);
}

}  // namespace
}  // namespace tessera::http
