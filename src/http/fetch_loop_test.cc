#include "http/fetch_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <list>
#include <set>
#include <thread>

#include "http/fetch_catch.h"
#include "http/fetch_pool.h"
#include "http/raw_peer.h"
#include "http/raw_server.h"

namespace tessera::http {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using namespace std::chrono_literals;

class FetchLoopTest : public FetchTest {};

TEST_F(FetchLoopTest, RunsTwoHundredAtOnce) {
  constexpr int kCount = 200;
  Gate all_asked(kCount);  // no reply before all have asked
  const RawServer server([&](RawServer::Peer& peer) {
    const auto request = peer.read_request();
    all_asked.come_and_wait();
    peer.send(reply_of(request.substr(0, request.find('\r')), "Content-Type: text/x\r\nRetry-After: 7\r\n"));
  });
  std::vector<Catch> receivers(kCount);
  for (int i = 0; i < kCount; ++i)
    loop_->start(get_of(server.url("/" + std::to_string(i))), receivers[static_cast<std::size_t>(i)]);
  EXPECT_EQ(loop_->active(), kCount);
  run_until_idle();
  for (int i = 0; i < kCount; ++i) {
    const auto& caught = receivers[static_cast<std::size_t>(i)];
    EXPECT_EQ(caught.text, "GET /" + std::to_string(i) + " HTTP/1.1");
    EXPECT_EQ(caught.error, "");
    EXPECT_EQ(caught.begins, 1);
    EXPECT_EQ(caught.dones, 1);
    EXPECT_EQ(caught.reply.status, 200);
    EXPECT_EQ(caught.reply.content_type, "text/x");
    EXPECT_EQ(caught.reply.retry_after, "7");
    EXPECT_EQ(caught.times.body_bytes, caught.text.size());
    EXPECT_LE(caught.times.started, caught.times.ended);
  }
}

TEST_F(FetchLoopTest, EndsTheFastWithoutTheSlow) {
  constexpr int kSlow = 20;
  Gate slow_may_end(kSlow + 1);
  const RawServer slow([&](RawServer::Peer& peer) {
    peer.read_request();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na");
    slow_may_end.come_and_wait();
    peer.send("bc");
  });
  const RawServer fast(always(reply_of(std::string(100'000, 'x'))));
  std::vector<Catch> slow_ones(kSlow);
  std::vector<Catch> fast_ones(20);
  for (auto& receiver : slow_ones) loop_->start(get_of(slow.url()), receiver);
  for (auto& receiver : fast_ones) loop_->start(get_of(fast.url()), receiver);
  while (loop_->active() > slow_ones.size()) loop_->run_until(in(60s));
  for (const auto& receiver : slow_ones) EXPECT_EQ(receiver.dones, 0);
  for (const auto& receiver : fast_ones) EXPECT_EQ(receiver.text.size(), 100'000);
  slow_may_end.open();
  run_until_idle();
  for (const auto& receiver : slow_ones) EXPECT_EQ(receiver.text, "abc") << receiver.error;
}

TEST_F(FetchLoopTest, EndsSlowBodiesAtTheDeadline) {
  const RawServer server([](RawServer::Peer& peer) {
    peer.read_request();
    peer.send("HTTP/1.1 200 OK\r\n\r\n");
    while (peer.send("x")) std::this_thread::yield();
  });
  const RawServer silent([](RawServer::Peer& peer) { peer.wait_for_end(); });
  Catch trickled;
  Catch unanswered;
  auto request = get_of(server.url());
  request.deadline = 100ms;
  request.max_body_bytes = 1U << 30U;
  loop_->start(request, trickled);
  request.url = silent.url();
  fetch(request, unanswered);
  for (const auto* receiver : {&trickled, &unanswered}) {
    EXPECT_THAT(receiver->error, HasSubstr("no full reply within 100ms"));
    EXPECT_EQ(receiver->code, Code::Unavailable);
  }
  EXPECT_EQ(trickled.begins, 1);
  EXPECT_EQ(unanswered.begins, 0);
}

TEST_F(FetchLoopTest, EndsWhenItsReceiverHasEnough) {
  const RawServer server([](RawServer::Peer& peer) {
    peer.read_request();
    peer.send("HTTP/1.1 503 Busy\r\n\r\n");
    while (peer.send("more and more")) {
    }
  });
  Catch at_begin;
  at_begin.on_begin = [] { return false; };
  fetch(get_of(server.url()), at_begin);
  EXPECT_EQ(at_begin.reply.status, 503);
  EXPECT_EQ(at_begin.text, "");
  EXPECT_THAT(at_begin.error, HasSubstr("refused the reply"));
  Catch at_body;
  at_body.on_body = [] { return false; };
  fetch(get_of(server.url()), at_body);
  EXPECT_NE(at_body.text, "");
  EXPECT_THAT(at_body.error, HasSubstr("refused the body"));
}

TEST_F(FetchLoopTest, CancelsInSilence) {
  std::atomic<int> gone = 0;
  const RawServer server([&](RawServer::Peer& peer) {
    peer.read_request();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\na");
    gone += peer.wait_for_end() ? 1 : 0;
  });
  Catch before;
  Catch other;
  Catch itself;
  loop_->start(get_of(server.url()), before);
  loop_->cancel(before);
  EXPECT_EQ(loop_->active(), 0);
  loop_->start(get_of(server.url()), other);
  while (other.text.empty()) loop_->run_until(in(10ms));
  itself.on_body = [&] {
    loop_->cancel(other);
    loop_->cancel(itself);
    return true;
  };
  fetch(get_of(server.url()), itself);
  EXPECT_EQ(before.begins, 0);
  EXPECT_EQ(itself.text, "a");
  loop_->run_until(in(0ms));
  EXPECT_TRUE(eventually([&] { return gone == 2; }));
  for (const auto* receiver : {&before, &other, &itself}) EXPECT_EQ(receiver->dones, 0);
}

TEST_F(FetchLoopTest, CancelsAsItBeginsWithoutABody) {
  const RawServer server(always(reply_of("")));
  Catch caught;
  caught.on_begin = [&] {
    loop_->cancel(caught);
    return true;
  };
  fetch(get_of(server.url()), caught);
  loop_->run_until(in(0ms));
  EXPECT_EQ(caught.begins, 1);
  EXPECT_EQ(caught.dones, 0);
}

TEST_F(FetchLoopTest, LeavesUnfinishedTransfersInSilence) {
  const RawServer server([](RawServer::Peer& peer) { peer.wait_for_end(); });
  Catch caught;
  loop_->start(get_of(server.url()), caught);
  loop_->run_until(in(1ms));
  loop_.reset();
  EXPECT_EQ(caught.dones, 0);
}

TEST_F(FetchLoopTest, WakesFromAnotherThread) {
  const auto late = in(10min);
  std::jthread other([&] { loop_->wake(); });
  loop_->run_until(late);
  EXPECT_LT(std::chrono::steady_clock::now(), late);
  other.join();
  loop_->wake();  // a wake before the wait is not lost, and counts once
  loop_->wake();
  loop_->run_until(late);
  EXPECT_LT(std::chrono::steady_clock::now(), late);
  const auto soon = in(5ms);
  loop_->run_until(soon);
  EXPECT_GE(std::chrono::steady_clock::now(), soon);
}

TEST_F(FetchLoopTest, StartsTheNextFromWithinAnyCall) {
  const RawServer server(always(reply_of("x")));
  std::vector<std::string> order;
  Catch third;
  third.on_done = [&] { order.emplace_back("third"); };
  Catch second;
  second.on_body = [&] { return loop_->start(get_of(server.url()), third), true; };
  second.on_done = [&] { order.emplace_back("second"); };
  Catch first;
  first.on_done = [&] {
    order.emplace_back("first");
    loop_->start(get_of(server.url()), second);
  };
  fetch(get_of(server.url()), first);
  EXPECT_THAT(order, ElementsAre("first", "second", "third"));
}

TEST_F(FetchLoopTest, KeepsConnections) {
  const RawServer server(always(reply_of(std::string(200'000, 'x'))));
  for (int i = 0; i < 20; ++i) {
    Catch caught;
    fetch(get_of(server.url()), caught);
    ASSERT_EQ(caught.text.size(), 200'000) << caught.error;
  }
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(FetchLoopTest, KeepsAConnectionToEachOfManyHosts) {
  std::list<RawServer> hosts;
  std::set<std::size_t> pools;
  for (int i = 0; i < 40; ++i) {
    hosts.emplace_back(always(reply_of("x")));
    pools.insert(FetchPool::of(hosts.back().url()));
    EXPECT_EQ(FetchPool::of(hosts.back().url()), FetchPool::of(hosts.back().url("/other?a=b")));
  }
  EXPECT_GT(pools.size(), FetchPool::kCount / 2) << "they are spread";
  std::vector<Catch> receivers(hosts.size());
  for (int round = 1; round <= 3; ++round) {
    std::size_t i = 0;
    for (const RawServer& host : hosts) loop_->start(get_of(host.url()), receivers[i++]);
    run_until_idle();
    for (const Catch& caught : receivers) EXPECT_EQ(caught.dones, round) << caught.error;
  }
  for (const Catch& caught : receivers) EXPECT_EQ(caught.text, "xxx") << caught.error;
  for (const RawServer& host : hosts) EXPECT_EQ(host.connections(), 1);
}

TEST_F(FetchLoopTest, ReplacesAConnectionThatWasClosedMeanwhile) {
  const RawServer server(once(reply_of("x")));  // says nothing of closing, and closes
  for (int i = 0; i < 3; ++i) {
    Catch caught;
    fetch(get_of(server.url()), caught);
    EXPECT_EQ(caught.text, "x") << caught.error;
  }
  EXPECT_EQ(server.connections(), 3);
}

TEST_F(FetchLoopTest, FollowsRedirectsWithoutCredentials) {
  std::string asked;
  const RawServer abroad([&](RawServer::Peer& peer) {
    asked = peer.read_request();
    peer.send(reply_of("abroad", "X-End: 1\r\n"));
  });
  const RawServer home(always("HTTP/1.1 302 Found\r\nContent-Type: text/moved\r\nLocation: " + abroad.url("/new") +
                              "\r\nContent-Length: 5\r\n\r\nmoved"));
  const RawServer round(always("HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"));
  auto request = get_of(home.url());
  request.headers = {{"User-Agent", "tester"}, {"Authorization", "Bearer s3cret"}};
  request.home_headers = {{"X-Api-Key", "s3cret"}, {"Host", "s3cret"}};
  Catch plain;
  fetch(request, plain);
  EXPECT_EQ(plain.reply.status, 302);
  EXPECT_EQ(plain.text, "moved");
  request.max_redirects = 10;
  Catch followed;
  fetch(request, followed);
  EXPECT_EQ(followed.reply.status, 200);
  EXPECT_EQ(followed.reply.content_type, "");
  EXPECT_EQ(followed.text, "abroad");
  EXPECT_EQ(followed.begins, 1);
  EXPECT_THAT(asked, HasSubstr("GET /new"));
  EXPECT_THAT(asked, HasSubstr("User-Agent: tester\r\n"));
  EXPECT_THAT(asked, Not(HasSubstr("s3cret")));
  Catch lost;
  request.url = round.url();
  fetch(request, lost);
  EXPECT_EQ(lost.begins, 0);
  EXPECT_THAT(lost.error, HasSubstr("10"));
}

TEST_F(FetchLoopTest, SaysWhatFailed) {
  std::string closed;
  {
    const auto listening = listen_on("127.0.0.1:0");
    ASSERT_TRUE(listening);
    closed = "http://" + listening->address + "/";
  }
  const struct {
    std::string url;
    Code code;
    std::string says;
  } cases[] = {{closed, Code::Unavailable, "Connection refused"},
               {"http://[::1", Code::Invalid, "GET http://[::1"},
               {"gopher://x/", Code::Invalid, "must begin with http"}};
  for (const auto& c : cases) {
    Catch caught;
    loop_->start(get_of(c.url), caught);
    EXPECT_EQ(caught.dones, 0);  // never from within start()
    run_until_idle();
    EXPECT_EQ(caught.dones, 1);
    EXPECT_EQ(caught.code, c.code) << caught.error;
    EXPECT_THAT(caught.error, HasSubstr(c.says));
  }
}

}  // namespace
}  // namespace tessera::http
