#include "server/events.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "fleet/inventory/told_pages.h"

namespace tessera::server {
namespace {
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

fleet::Change session_of(const std::string& space, fleet::ChangeKind kind = fleet::ChangeKind::SessionStarted) {
  fleet::Change out;
  out.kind = kind;
  out.time = 1'800'000'000'000;
  out.cluster = "default";
  out.node = "w";
  out.device_id = "w-GPU-00";
  out.uuid = "GPU-1";
  out.workload = fleet::Workload{space, "p", "c", ""};
  out.spaces = {space};
  out.pid = 7;
  return out;
}

struct EventsTest : testing::Test {
  /// All that a client has got and not taken yet.
  static std::string taken(const http::Response& response) {
    std::string out;
    for (const auto& piece : response.stream->take().pieces) out += *piece;
    return out;
  }
  static http::Request asking(std::string query = "", std::string last = "") {
    http::Request request;
    request.method = "GET";
    request.path = "/events";
    request.query = std::move(query);
    if (!last.empty()) request.headers = {{"Last-Event-ID", std::move(last)}};
    return request;
  }
  static std::string last_id(const std::string& text) {
    const auto at = text.rfind("id: ") + 4;
    return text.substr(at, text.find('\n', at) - at);
  }
  Latest<Published> fleet;
  Events events{fleet, [] { return false; }, {.kept = 3, .client_bytes = 4'000, .clients = 10}};
};

TEST_F(EventsTest, ComeAsTheyHappen) {
  const auto client = events.subscribe(asking());
  EXPECT_EQ(client.content_type, "text/event-stream");
  EXPECT_THAT(taken(client), HasSubstr("event: ready\n"));
  events.publish({session_of("ml")});
  const std::string text = taken(client);
  EXPECT_THAT(text, HasSubstr("event: session.started\ndata: {\"type\":\"session.started\""));
  EXPECT_THAT(text, HasSubstr(R"("deviceId":"w-GPU-00")"));
  events.beat();
  EXPECT_EQ(taken(client), ":\n\n");
}

TEST_F(EventsTest, OnlyThoseThatAreAskedFor) {
  struct Case {
    const char* query;
    bool wanted;
  };
  static constexpr Case kCases[] = {{"namespace=ml", true},
                                    {"namespace=other,ml", true},
                                    {"namespace=other", false},
                                    {"type=session.started", true},
                                    {"type=session.ended", false},
                                    {"nodeName=w", true},
                                    {"nodeName=v", false},
                                    {"deviceId=GPU-1", true},
                                    {"deviceId=w-GPU-00&cluster=default", true},
                                    {"cluster=b", false},
                                    {"deviceId=w-GPU-00&nodeName=v", false}};
  for (const Case& c : kCases) {
    const auto client = events.subscribe(asking(c.query));
    ASSERT_TRUE(client.stream) << c.query << client.body;
    taken(client);
    events.publish({session_of("ml")});
    EXPECT_EQ(!taken(client).empty(), c.wanted) << c.query;
    client.stream->leave();
    events.beat();
  }
  EXPECT_EQ(events.subscribe(asking("typ=x")).status, 400);
  EXPECT_THAT(events.subscribe(asking("type=nothing")).body, HasSubstr("session.started"));
}

TEST_F(EventsTest, WhoComesBackMissesNothingThatIsKept) {
  const auto first = events.subscribe(asking());
  const std::string start = last_id(taken(first));
  events.publish({session_of("a"), session_of("b")});
  const auto back = events.subscribe(asking("", start));
  const std::string text = taken(back);
  EXPECT_THAT(text, Not(HasSubstr("event: gap")));
  EXPECT_THAT(text, HasSubstr(R"("namespace":"a")"));
  EXPECT_THAT(text, HasSubstr(R"("namespace":"b")"));
  const auto now = events.subscribe(asking("", last_id(text)));
  EXPECT_THAT(taken(now), Not(HasSubstr("session.started")));
}

TEST_F(EventsTest, AGapIsTold) {
  const auto first = events.subscribe(asking());
  const std::string start = last_id(taken(first));
  for (const char* space : {"a", "b", "c", "d"}) events.publish({session_of(space)});
  const std::string text = taken(events.subscribe(asking("", start)));
  EXPECT_THAT(text, HasSubstr("event: gap"));
  EXPECT_THAT(text, Not(HasSubstr(R"("namespace":"a")"))) << "three are kept";
  EXPECT_THAT(text, HasSubstr(R"("namespace":"b")"));
  for (const char* strange : {"12-3", "x", "-1"})
    EXPECT_THAT(taken(events.subscribe(asking("", strange))), HasSubstr("event: gap")) << "another process's";
}

TEST_F(EventsTest, WhoDoesNotReadIsLost) {
  const auto lazy = events.subscribe(asking());
  const auto good = events.subscribe(asking());
  for (int i = 0; i < 50; ++i) {
    events.publish({session_of("ml")});
    taken(good);
  }
  EXPECT_EQ(lazy.stream->state(), http::Stream::State::Cut);
  EXPECT_EQ(good.stream->state(), http::Stream::State::Open);
  EXPECT_EQ(events.stats().clients, 1U);
  EXPECT_EQ(events.stats().lost, 1U);
  EXPECT_EQ(events.stats().events[static_cast<std::size_t>(fleet::ChangeKind::SessionStarted)], 50U);
}

TEST_F(EventsTest, ManyAtOnceReachWhoReadsWhole) {
  const auto reader = events.subscribe(asking());
  taken(reader);
  const std::vector<fleet::Change> many(50, session_of("ml"));  // more than a client may leave lying
  events.publish(many);
  EXPECT_THAT(std::vector(reader.stream->take().pieces), SizeIs(many.size()));
  events.publish(many);
  events.publish({session_of("ml")});
  EXPECT_EQ(reader.stream->state(), http::Stream::State::Cut) << "it has read nothing of the fifty before";
}

TEST_F(EventsTest, ThereAreOnlySoMany) {
  for (int i = 0; i < 10; ++i) EXPECT_EQ(events.subscribe(asking()).status, 200);
  EXPECT_EQ(events.subscribe(asking()).status, 503);
  EXPECT_EQ(events.stats().refused, 1U);
}

TEST(Events, FollowThePublishedViews) {
  fleet::ToldPages told;
  Latest<Published> fleet;
  const auto publish = [&](EpochMs time) {
    Published next;
    next.view = told.fleet.publish(time);
    fleet.publish(std::move(next));
  };
  publish(1'000);
  Events events(fleet, [] { return true; }, {.look_every = Milliseconds(1)});
  http::Request request;
  request.method = "GET";
  const auto client = events.subscribe(request);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  std::string text;
  for (EpochMs time = 2'000; text.find("device.appeared") == std::string::npos; time += 1'000) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << text;
    told.scrape(time, R"(node="w")", "gpu_device_info{gpu=\"0\",UUID=\"GPU-" + std::to_string(time) + "\"} 1\n");
    publish(time);
    for (const auto& piece : client.stream->take().pieces) text += *piece;
    std::this_thread::yield();
  }
  EXPECT_THAT(text, HasSubstr(R"("node":"w")"));
}

}  // namespace
}  // namespace tessera::server
