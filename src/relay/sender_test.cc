#include "relay/sender_test.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <fstream>
#include <future>

#include "http/listener.h"

namespace tessera::relay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using namespace std::chrono_literals;

constexpr auto kV1 = RequestKind::V1Snappy;
constexpr auto kV2 = RequestKind::V2Snappy;
constexpr auto kZstd = RequestKind::V1Zstd;

TEST(Sender, SendsEachFormAsItIsQueued) {
  ScriptedReceiver receiver(taken);
  Bench bench(receiver.url());
  bench.destination().http.headers = {{"X-Scope-OrgID", Secret("team"), ""},
                                      {"Content-Encoding", Secret("gzip"), ""},
                                      {"User-Agent", Secret("other"), ""}};
  for (const auto kind : {kV2, kV1, kZstd}) bench.put({1, 2}, kind);
  bench.send_all();
  const auto heard = receiver.heard();
  ASSERT_EQ(heard.size(), 3U);
  EXPECT_EQ(heard[0].kind, kV2);
  EXPECT_EQ(heard[1].kind, kV1);
  EXPECT_EQ(heard[2].kind, kZstd);
  for (const auto& each : heard) {
    EXPECT_EQ(each.request.header("x-scope-orgid"), "team");
    EXPECT_THAT(std::string(each.request.header("user-agent")), testing::StartsWith("tessera-relay/"));
    EXPECT_EQ(each.request.header("retry-attempt"), "");
  }
  const auto stats = bench.state().stats();
  EXPECT_EQ(stats.samples_sent, 6U);
  EXPECT_THAT(stats.requests, ElementsAre(Pair("204", 3U)));
  EXPECT_THAT(stats.dropped, IsEmpty());
  EXPECT_EQ(stats.retries, 0U);
  EXPECT_EQ(stats.in_flight, 0U);
  EXPECT_EQ(stats.newest_sent, kTime);
  EXPECT_TRUE(stats.last_success && stats.last_latency && !stats.last_failure);
  std::uint64_t bytes = 0;
  for (const auto& each : heard) bytes += each.request.body.size();
  EXPECT_EQ(stats.bytes_sent, bytes);
}

struct Case {
  std::string_view name;
  Protocol protocol;
  RequestKind queued;
  std::vector<std::pair<int, int>> answers;  ///< status, samples written or -1; then all is taken
  std::vector<RequestKind> sent_as;
  std::uint64_t samples_sent;  ///< of 4
  std::map<std::string, std::uint64_t> dropped;
  std::uint64_t rejected;
};

// The first record meets the answers, the second shows what was learnt.
const std::vector<Case>& cases() {
  static const std::vector<Case> kCases = {
      {"taken", Protocol::Auto, kV2, {}, {kV2, kV2}, 4, {}, 0},
      {"silent loss", Protocol::Auto, kV2, {{204, -1}}, {kV2, kV1, kV1}, 4, {}, 0},
      {"415", Protocol::Auto, kV2, {{415, -1}}, {kV2, kV1, kV1}, 4, {}, 0},
      {"400 before any success", Protocol::Auto, kV2, {{400, -1}}, {kV2, kV1, kV1}, 4, {}, 0},
      {"400 of a receiver of 2.0", Protocol::Auto, kV2, {{400, 0}}, {kV2, kV2, kV2, kV2}, 4, {}, 0},
      {"415 but no other form allowed", Protocol::V2, kV2, {{415, -1}}, {kV2, kV2}, 2, {{"not_spoken", 2}}, 0},
      {"silent loss, no other form allowed", Protocol::V2, kV2, {{200, -1}}, {kV2, kV2}, 2, {{"not_spoken", 2}}, 0},
      {"415 to 1.0", Protocol::V1, kV1, {{415, -1}}, {kV1, kV1}, 2, {{"status_415", 2}}, 0},
      {"queued as 2.0, then fixed to 1.0", Protocol::V1, kV2, {}, {kV1, kV1}, 4, {}, 0},
      {"queued as 1.0, then fixed to 2.0", Protocol::V2, kV1, {}, {kV2, kV2}, 4, {}, 0},
      {"zstd 400", Protocol::V1, kZstd, {{400, -1}}, {kZstd, kV1, kV1}, 4, {}, 0},
      {"zstd 415", Protocol::Auto, kZstd, {{415, -1}}, {kZstd, kV1, kV1}, 4, {}, 0},
      {"some left out", Protocol::Auto, kV2, {{204, 1}}, {kV2, kV2}, 3, {}, 1},
      {"good ones kept with a 400", Protocol::Auto, kV2, {{400, 1}}, {kV2, kV2}, 3, {}, 1},
      {"404", Protocol::Auto, kV2, {{404, -1}}, {kV2, kV2}, 2, {{"status_404", 2}}, 0},
      {"403", Protocol::V1, kV1, {{403, -1}}, {kV1, kV1}, 2, {{"status_403", 2}}, 0},
      {"401 with fixed credentials", Protocol::V1, kV1, {{401, -1}}, {kV1, kV1}, 2, {{"status_401", 2}}, 0},
      {"5xx",
       Protocol::V1,
       kV1,
       {{500, -1}, {502, -1}, {503, -1}, {429, -1}},
       {kV1, kV1, kV1, kV1, kV1, kV1},
       4,
       {},
       0},
      {"redirect that leads nowhere", Protocol::V1, kV1, {{304, -1}}, {kV1, kV1, kV1}, 4, {}, 0},
  };
  return kCases;
}

TEST(Sender, DoesWhatTheAnswerAsksFor) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name);
    ScriptedReceiver receiver([&](const Heard& heard) {
      return heard.number < c.answers.size() ? status(c.answers[heard.number].first, c.answers[heard.number].second)
                                             : taken(heard);
    });
    Bench bench(receiver.url(), c.protocol);
    bench.put({1, 2}, c.queued);
    bench.put({3, 4}, c.queued);
    bench.send_all();
    std::vector<RequestKind> sent_as;
    for (const auto& heard : receiver.heard()) sent_as.push_back(heard.kind);
    EXPECT_EQ(sent_as, c.sent_as);
    const auto stats = bench.state().stats();
    EXPECT_EQ(stats.samples_sent, c.samples_sent);
    EXPECT_EQ(stats.dropped, c.dropped);
    EXPECT_EQ(stats.receiver_rejected, c.rejected);
    EXPECT_THAT(stats.trouble, IsEmpty());
    EXPECT_EQ(bench.queue().stats().acknowledged.items, 4U);
  }
}

TEST(Sender, TellsTheNextFormToWhoBeginsRequests) {
  ScriptedReceiver receiver([](const Heard& heard) { return heard.kind == kV2 ? status(415) : status(204); });
  Bench bench(receiver.url());
  EXPECT_EQ(bench.state().protocol(), wire::Protocol::V2);
  bench.put({1});
  bench.send_all();
  EXPECT_EQ(bench.state().protocol(), wire::Protocol::V1);
  EXPECT_EQ(bench.state().stats().kind, kV1);
  EXPECT_EQ(receiver.kept(), counting(1, 1));
}

TEST(Sender, KeepsTheOrderOverRepeats) {
  ScriptedReceiver receiver([](const Heard& heard) { return heard.number % 3 == 2 ? taken(heard) : status(503); });
  Bench bench(receiver.url());
  for (int i = 0; i < 20; ++i) bench.put({static_cast<double>(i)});
  bench.send_all();
  EXPECT_EQ(receiver.kept(), counting(20));
  for (const auto& heard : receiver.heard())
    EXPECT_EQ(heard.request.header("retry-attempt"), heard.number % 3 == 0 ? "" : std::to_string(heard.number % 3));
  EXPECT_EQ(bench.state().stats().retries, 40U);
}

TEST(Sender, WaitsAsLongAsTheReceiverAsksAndStopsAtOnce) {
  ScriptedReceiver receiver([](const Heard&) {
    auto response = status(429);
    response.headers = {{"Retry-After", "100000"}};
    return response;
  });
  Bench bench(receiver.url());
  bench.put({1});
  auto sender = bench.sender();
  ASSERT_TRUE(eventually([&] { return !bench.state().stats().trouble.empty(); }));
  const Trouble trouble = bench.state().stats().trouble.at(0);
  EXPECT_EQ(trouble.next_try - trouble.since, 300'000);  // the most that is granted
  EXPECT_EQ(trouble.what, "status 429: as told  ");
  sender.reset();  // ends, or the test never does
  EXPECT_EQ(receiver.count(), 1U);
  EXPECT_EQ(bench.queue().stats().pending.records, 1U);
}

TEST(Sender, DropsA429WhereItIsToldNotToRepeatIt) {
  ScriptedReceiver receiver([](const Heard&) { return status(429); });
  Bench bench(receiver.url());
  bench.destination().queue.retry_on_429 = false;
  bench.put({1, 2});
  bench.send_all();
  EXPECT_THAT(bench.state().stats().dropped, ElementsAre(Pair("status_429", 2U)));
}

TEST(Sender, DropsWhatIsTooOldAndWhatItCannotRead) {
  ScriptedReceiver receiver(taken);
  Bench bench(receiver.url(), Protocol::V1);
  bench.put({1, 2});
  bench.put({3}, kV1);
  ASSERT_TRUE(bench.queue().append(kTime, 5, 2, "no snappy at all"));
  ASSERT_TRUE(bench.queue().append(kTime, 7, 99, "of a later version"));
  bench.send_all();
  EXPECT_THAT(bench.state().stats().dropped, ElementsAre(Pair("unreadable", 12U)));
  bench.destination().queue.sample_age_limit = 1h;
  bench.put({4});
  bench.send_all();
  EXPECT_EQ(bench.state().stats().dropped["too_old"], 1U);
  EXPECT_EQ(receiver.kept(), counting(3, 1));
}

TEST(Sender, ReadsCredentialsAnewAndOnceMoreAfterA401) {
  const TempDir dir;
  const auto file = dir.path() / "token";
  std::ofstream(file) << "old\n";
  ScriptedReceiver receiver([&](const Heard& heard) {
    if (heard.request.header("authorization") == "Bearer old") std::ofstream(file) << "new\n";
    return heard.request.header("authorization") == "Bearer new" ? taken(heard) : status(401);
  });
  Bench bench(receiver.url());
  bench.destination().http.authorization.emplace().credentials_file = file;
  bench.put({1});
  bench.send_all();
  EXPECT_EQ(receiver.count(), 2U);
  std::ofstream(file) << "wrong\n";
  bench.put({2});
  bench.send_all();
  EXPECT_EQ(receiver.count(), 4U);
  EXPECT_THAT(bench.state().stats().dropped, ElementsAre(Pair("status_401", 1U)));
}

TEST(Sender, TakesTheWholeRequestToWhereItIsRedirected) {
  for (const int code : {301, 302, 303, 307, 308}) {
    SCOPED_TRACE(code);
    ScriptedReceiver receiver([code](const Heard& heard) {
      if (heard.number > 0) return taken(heard);
      auto response = status(code);
      response.headers = {{"Location", "/write?there"}};
      return response;
    });
    Bench bench(receiver.url());
    bench.put({1, 2});
    bench.send_all();
    EXPECT_EQ(receiver.kept(), counting(2, 1));
    EXPECT_EQ(receiver.heard().back().request.query, "there");
  }
}

TEST(Sender, WaitsForAFileOfCredentials) {
  const TempDir dir;
  ScriptedReceiver receiver(taken);
  Bench bench(receiver.url());
  bench.destination().http.authorization.emplace().credentials_file = dir.path() / "token";
  bench.put({1});
  const auto sender = bench.sender();
  ASSERT_TRUE(eventually([&] { return bench.state().stats().retries > 1; }));
  EXPECT_THAT(bench.state().stats().last_failure->what, HasSubstr("token"));
  ASSERT_TRUE(write_file_atomically(dir.path() / "token", "secret"));
  EXPECT_TRUE(bench.emptied());
  EXPECT_EQ(receiver.heard().front().request.header("authorization"), "Bearer secret");
}

TEST(Sender, WaitsForAReceiverThatIsNotThere) {
  const http::Socket socket(::socket(AF_INET, SOCK_STREAM, 0));  // bound, so that nobody else gets the port
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(socket.fd(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::getsockname(socket.fd(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  Bench bench("127.0.0.1:" + std::to_string(ntohs(address.sin_port)), Protocol::V1);
  bench.put({1}, kV1);
  const auto sender = bench.sender();
  ASSERT_TRUE(eventually([&] { return bench.state().stats().requests["failed"] >= 3; }));
  EXPECT_THAT(bench.state().stats().trouble.at(0).what, HasSubstr("127.0.0.1"));
  ASSERT_EQ(::listen(socket.fd(), 8), 0);
  const http::Socket peer(::accept(socket.fd(), nullptr, nullptr));
  char request[4096];
  ASSERT_GT(::recv(peer.fd(), request, sizeof request, 0), 0);
  constexpr std::string_view kReply = "HTTP/1.1 204 No Content\r\n\r\n";
  ASSERT_GT(::send(peer.fd(), kReply.data(), kReply.size(), MSG_NOSIGNAL), 0);
  EXPECT_TRUE(bench.emptied());
  EXPECT_THAT(bench.state().stats().trouble, IsEmpty());
}

TEST(Sender, LetsARequestEndWithinTheGraceOrCutsIt) {
  for (const bool in_time : {true, false}) {
    std::promise<void> release;
    const std::shared_future<void> released = release.get_future().share();
    ScriptedReceiver receiver([&](const Heard& heard) {
      released.wait();
      return taken(heard);
    });
    Bench bench(receiver.url());
    bench.put({1});
    bench.put({2});
    auto sender = bench.sender();
    ASSERT_TRUE(receiver.wait_for(1));
    sender->request_stop();
    if (in_time) release.set_value();
    sender->finish(std::chrono::steady_clock::now() + (in_time ? 60s : 0s));
    EXPECT_EQ(bench.queue().stats().acknowledged.records, in_time ? 1U : 0U);
    EXPECT_EQ(receiver.count(), 1U) << "nothing is begun after a stop";
    if (!in_time) release.set_value();
  }
}

// The process dies after the receiver took it and before that was noted: the one batch that may come twice.
TEST(Sender, SendsAgainAfterARestartWhatWasNotAcknowledged) {
  std::promise<void> release;
  const std::shared_future<void> released = release.get_future().share();
  ScriptedReceiver receiver([&](const Heard& heard) {
    if (heard.number == 1) released.wait();
    return taken(heard);
  });
  Bench bench(receiver.url());
  for (const double value : {1, 2, 3}) bench.put({value});
  bench.sender()->finish(std::chrono::steady_clock::now());
  bench.reopen();
  auto sender = bench.sender();
  ASSERT_TRUE(receiver.wait_for(2));
  sender.reset();
  release.set_value();
  bench.reopen();
  bench.send_all();
  auto kept = receiver.kept();
  EXPECT_EQ(kept.back(), 3);
  kept.erase(std::unique(kept.begin(), kept.end()), kept.end());
  EXPECT_TRUE(std::ranges::is_sorted(kept));
  EXPECT_EQ(kept, counting(3, 1));
}

}  // namespace
}  // namespace tessera::relay
