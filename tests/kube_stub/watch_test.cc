// The client's watch against the stub: after every fault the mirror equals what the stub holds, and each change was
// told once.
#include "kube/watch.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <thread>

#include "base/files.h"
#include "tests/kube_stub/stub.h"

namespace tessera::kube_stub {
namespace {

using kube::Event;
using kube::Watch;
using kube::WatchOptions;
using testing::HasSubstr;
using testing::IsEmpty;
using namespace std::chrono_literals;

bool eventually(const std::function<bool()>& holds) {
  const auto deadline = std::chrono::steady_clock::now() + 60s;
  while (std::chrono::steady_clock::now() < deadline) {
    if (holds()) return true;
    std::this_thread::sleep_for(2ms);
  }
  return holds();
}

/// Key to "uid label": what both sides must agree on.
using Picture = std::map<std::string, std::string>;

std::string picture_of(const Json& object) {
  const Json& metadata = object.at("metadata");
  return metadata.at("uid").get<std::string>() + " " + metadata.value("labels", Json::object()).dump();
}

/// What the events add up to, and every event that fits ill.
class Mirror {
 public:
  void hear(const Event& event) {
    const std::lock_guard lock(mutex_);
    ++events_;
    const bool known = pods_.contains(event.key);
    switch (event.type) {
      case Event::Type::Synced:
        ++synced_;
        return;
      case Event::Type::Deleted:
        if (!known) wrong_.push_back("deleted, but unknown: " + event.key);
        if (known && !pods_[event.key].starts_with(event.uid)) wrong_.push_back("another was deleted: " + event.key);
        pods_.erase(event.key);
        return;
      case Event::Type::Added:
      case Event::Type::Modified:
        break;
    }
    if (known != (event.type == Event::Type::Modified)) wrong_.push_back("told twice or never: " + event.key);
    const Json object = Json::parse(event.json, nullptr, false);
    if (object.is_discarded()) {
      wrong_.push_back("no JSON: " + event.key);
      return;
    }
    pods_[event.key] = picture_of(object);
  }
  Picture pods() const {
    const std::lock_guard lock(mutex_);
    return pods_;
  }
  std::vector<std::string> wrong() const {
    const std::lock_guard lock(mutex_);
    return wrong_;
  }
  std::size_t events() const {
    const std::lock_guard lock(mutex_);
    return events_;
  }
  int synced() const {
    const std::lock_guard lock(mutex_);
    return synced_;
  }

 private:
  mutable std::mutex mutex_;
  Picture pods_;
  std::vector<std::string> wrong_;
  std::size_t events_ = 0;
  int synced_ = 0;
};

class WatchTest : public testing::Test {
 protected:
  WatchTest() {
    auto started = Stub::start("127.0.0.1:0", 20ms);
    if (!started) throw std::runtime_error(started.error().what);
    stub_ = *std::move(started);
    options_.path = "/api/v1/pods";
    options_.first_backoff = 5ms;
    options_.most_backoff = 40ms;
    server_.url = stub_->url();
  }

  void put(const std::string& name, const std::string& label, const std::string& kind = "Pod") {
    const Answer answer =
        stub_->store().put({{"apiVersion", "v1"},
                            {"kind", kind},
                            {"metadata", {{"name", name}, {"namespace", "a"}, {"labels", {{"v", label}}}}}});
    ASSERT_LT(answer.code, 300);
  }
  void remove(const std::string& name) { stub_->store().remove(pods_, "a", name); }

  void fault(const Json& fault) {
    const auto added = stub_->faults().add(fault);
    ASSERT_TRUE(added) << added.error().what;
    stub_->wake();
  }

  Picture truth(const std::string& label = "") const {
    Picture picture;
    for (const auto& object : stub_->store().list(pods_, "").items) {
      const Json& metadata = object->at("metadata");
      if (!label.empty() && metadata.at("labels").at("v") != label) continue;
      picture["a/" + metadata.at("name").get<std::string>()] = picture_of(*object);
    }
    return picture;
  }

  void start() {
    watch_ = std::make_unique<Watch>(server_, options_, [this](const Event& event) { mirror_.hear(event); });
  }
  bool settles() {
    return eventually([&] { return stub_->faults().left() == 0 && mirror_.pods() == truth(); });
  }
  bool watching() {
    return eventually([&] { return watch_->stats().connected && stub_->stats().open_watches == 1; });
  }
  /// A list's objects are told before the list is counted, so a count is waited for. None is under way once it watches.
  bool listed(std::uint64_t times) {
    return eventually([&] { return watch_->stats().lists >= times; }) && watching() && watch_->stats().lists == times;
  }
  std::uint64_t errors(const std::string& kind) const {
    const auto stats = watch_->stats();
    const auto found = stats.errors.find(kind);
    return found == stats.errors.end() ? 0 : found->second;
  }
  std::string complaint() const {
    return watch_->stats().last_error + "\n" + Json(mirror_.pods()).dump() + "\n" + Json(truth()).dump();
  }

  const Resource pods_{"", "v1", "pods", "Pod", true, {}};
  std::unique_ptr<Stub> stub_;
  kube::ApiServer server_;
  WatchOptions options_;
  Mirror mirror_;
  std::unique_ptr<Watch> watch_;  // last: it speaks to the mirror
};

TEST_F(WatchTest, TellsWhatThereIsAndWhatChanges) {
  options_.page = 2;
  for (const auto* name : {"p1", "p2", "p3", "p4", "p5"}) put(name, "1");
  start();
  ASSERT_TRUE(settles()) << complaint();
  EXPECT_EQ(stub_->stats().lists, 3);  // pages
  ASSERT_TRUE(watching());
  put("p6", "1");
  put("p2", "2");
  remove("p3");
  remove("p4");
  put("p4", "again");
  put("not-a-pod", "1", "ConfigMap");
  ASSERT_TRUE(settles()) << complaint();
  ASSERT_TRUE(eventually([&] { return watch_->stats().events == 5; }));
  const auto stats = watch_->stats();
  EXPECT_EQ(stats.lists, 1);
  EXPECT_EQ(stats.watches, 1);
  EXPECT_EQ(stats.objects, 5);
  EXPECT_TRUE(stats.synced && stats.connected && stats.last_event);
  EXPECT_THAT(stats.errors, IsEmpty());
  EXPECT_THAT(mirror_.wrong(), IsEmpty());
}

struct FaultCase {
  const char* name;
  const char* fault;
  const char* kind;  // how it is counted; empty: not an error
  bool relists;
};

void PrintTo(const FaultCase& fault, std::ostream* out) { *out << fault.name; }  // ctest names tests by it

class WatchFault : public WatchTest, public testing::WithParamInterface<FaultCase> {};

TEST_P(WatchFault, LosesNothing) {
  for (int i = 0; i < 5; ++i) put(fmt::format("p{}", i), "1");
  start();
  ASSERT_TRUE(settles()) << complaint();
  ASSERT_TRUE(watching());
  fault(Json::parse(GetParam().fault));
  put("p1", "2");
  remove("p2");
  remove("p3");
  put("p3", "again");
  put("p9", "1");
  ASSERT_TRUE(settles()) << complaint();
  ASSERT_TRUE(eventually([&] { return !*GetParam().kind || errors(GetParam().kind) > 0; })) << complaint();
  ASSERT_TRUE(watching());
  put("after", "1");
  remove("p0");
  ASSERT_TRUE(settles()) << complaint();
  EXPECT_THAT(mirror_.wrong(), IsEmpty());
  if (GetParam().relists)
    EXPECT_TRUE(eventually([&] { return watch_->stats().lists > 1; })) << complaint();
  else
    EXPECT_TRUE(listed(1)) << watch_->stats().lists << " lists; " << complaint();
}

INSTANTIATE_TEST_SUITE_P(
    Each, WatchFault,
    testing::Values(
        FaultCase{"GoneInStream", R"({"stream": {"do": "gone"}})", "expired", true},
        FaultCase{"GoneByHttp",
                  R"({"stream": {"do": "close"}, "request": {"at": "watch", "status": 410, "reason": "Gone"}})",
                  "expired", true},
        FaultCase{"ErrorInStream", R"({"stream": {"do": "error"}})", "refused", false},
        FaultCase{"Garbage", R"({"stream": {"do": "garbage"}})", "garbage", true},
        FaultCase{"Cut", R"({"stream": {"do": "cut", "times": 3}})", "cut", false},
        FaultCase{"CutAfterBytes", R"({"stream": {"do": "cut", "after_bytes": 300}})", "cut", false},
        FaultCase{"CutInALine", R"({"stream": {"do": "cut_line"}})", "cut", false},
        FaultCase{"EndInALine", R"({"stream": {"do": "half_line"}})", "cut", false},
        FaultCase{"CleanEnd", R"({"stream": {"do": "close"}})", "", false},
        FaultCase{"ServerError",
                  R"({"stream": {"do": "close"}, "request": {"at": "watch", "status": 500, "times": 2}})", "refused",
                  false},
        FaultCase{"Busy", R"({"stream": {"do": "close"}, "request": {"at": "watch", "status": 503, "retry_after": 0}})",
                  "refused", false},
        FaultCase{"VersionFromTheFuture",
                  R"({"stream": {"do": "close"}, "request": {"at": "watch", "status": 504, "reason": "Timeout",
                      "cause": "ResourceVersionTooLarge", "times": 3}})",
                  "refused", true},
        FaultCase{"Forbidden",
                  R"({"stream": {"do": "close"}, "request": {"at": "watch", "status": 403, "reason": "Forbidden"}})",
                  "denied", false},
        FaultCase{"RelistRefused",
                  R"({"stream": {"do": "gone"}, "request": {"at": "list", "status": 500, "times": 3}})", "refused",
                  true},
        FaultCase{"Slow", R"({"slow": {"bytes": 7, "ms": 1}})", "", false}),
    [](const auto& param) { return param.param.name; });

TEST_F(WatchTest, WaitsAsLongAsItIsTold) {
  fault({{"request", {{"at", "list"}, {"status", 429}, {"reason", "TooManyRequests"}, {"retry_after", 1}}}});
  put("p1", "1");
  const auto began = std::chrono::steady_clock::now();
  start();
  ASSERT_TRUE(settles()) << complaint();
  EXPECT_GE(std::chrono::steady_clock::now() - began, 1s);
  EXPECT_EQ(errors("throttled"), 1);
}

TEST_F(WatchTest, ReadsTheTokenAgainWhenItIsRefused) {
  const TempDir dir;
  server_.token_file = dir.path() / "token";
  ASSERT_TRUE(write_file_atomically(server_.token_file, "first\n"));
  fault({{"token", "first"}});
  put("p1", "1");
  start();
  ASSERT_TRUE(settles()) << complaint();
  ASSERT_TRUE(watching());
  ASSERT_TRUE(write_file_atomically(server_.token_file, "second\n"));
  fault({{"token", "second"}, {"stream", {{"do", "close"}}}});
  put("p2", "1");
  ASSERT_TRUE(settles()) << complaint();
  EXPECT_EQ(errors("denied"), 0);  // at once, with the new one

  fault({{"token", "third"}, {"stream", {{"do", "close"}}}});
  put("p3", "1");
  ASSERT_TRUE(eventually([&] { return errors("denied") > 0; }));
  EXPECT_THAT(watch_->stats().last_error, HasSubstr("401 Unauthorized"));
  ASSERT_TRUE(write_file_atomically(server_.token_file, "third"));
  ASSERT_TRUE(settles()) << complaint();
  EXPECT_TRUE(listed(1)) << watch_->stats().lists << " lists";
  EXPECT_THAT(mirror_.wrong(), IsEmpty());
}

TEST_F(WatchTest, LogsARefusalAndItsEndOnce) {
  fault({{"request", {{"at", "list"}, {"status", 401}, {"reason", "Unauthorized"}, {"times", 1'000}}}});
  testing::internal::CaptureStderr();
  start();
  EXPECT_TRUE(eventually([&] { return errors("denied") > 5; }));
  stub_->faults().clear();
  put("p1", "1");
  EXPECT_TRUE(watching());
  put("p2", "1");  // a watch counts as open when its first line has come
  EXPECT_TRUE(settles()) << complaint();
  watch_.reset();
  const std::string log = testing::internal::GetCapturedStderr();
  const auto lines = [&](const char* text) {
    std::size_t count = 0;
    for (auto at = log.find(text); at != std::string::npos; at = log.find(text, at + 1)) ++count;
    return count;
  };
  EXPECT_EQ(lines("watching the API server fails"), 1U) << log;
  EXPECT_EQ(lines("401 Unauthorized"), 1U) << log;
  EXPECT_EQ(lines("watching the API server works again"), 1U) << log;
}

TEST_F(WatchTest, SaysWhichRightIsMissing) {
  options_.path = "/api/v1/namespaces/a/pods";
  fault({{"request", {{"at", "list"}, {"status", 403}, {"reason", "Forbidden"}, {"times", 1'000}}}});
  start();
  ASSERT_TRUE(eventually([&] { return errors("denied") > 0; }));
  EXPECT_THAT(watch_->stats().last_error, HasSubstr("must allow \"list\" on \"pods\" in namespace \"a\""));
  EXPECT_FALSE(watch_->stats().synced);
  stub_->faults().clear();
  put("p1", "1");
  ASSERT_TRUE(settles()) << complaint();
}

TEST_F(WatchTest, OutlivesAServerThatIsGoneAndForgets) {
  for (const auto* name : {"stays", "goes", "changes", "again"}) put(name, "1");
  start();
  ASSERT_TRUE(settles()) << complaint();
  ASSERT_TRUE(watching());
  for (const bool forgets : {false, true}) {
    stub_->go_away();
    ASSERT_TRUE(eventually([&] { return errors("unreachable") > 0 && !watch_->stats().connected; }));
    remove(forgets ? "goes" : "new1");
    put("changes", forgets ? "3" : "2");
    remove("again");
    put("again", "1");
    put(forgets ? "new2" : "new1", "1");
    if (forgets) stub_->compact();
    ASSERT_TRUE(stub_->come_back());
    ASSERT_TRUE(settles()) << complaint();
    ASSERT_TRUE(listed(forgets ? 2 : 1)) << watch_->stats().lists << " lists; " << complaint();
    EXPECT_EQ(errors("expired"), forgets ? 1 : 0);
  }
  EXPECT_THAT(mirror_.wrong(), IsEmpty());
}

TEST_F(WatchTest, ListsAtOnceWhatDoesNotComeInPages) {
  options_.page = 2;
  for (int i = 0; i < 7; ++i) put(fmt::format("p{}", i), "1");
  fault({{"expire_continue", 1}});
  start();
  ASSERT_TRUE(settles()) << complaint();
  EXPECT_EQ(errors("expired"), 1);
  EXPECT_EQ(stub_->stats().lists, 2);  // the first page, and all
  EXPECT_THAT(mirror_.wrong(), IsEmpty());
}

TEST_F(WatchTest, TellsNothingTwiceWhenItListsAgain) {
  for (int i = 0; i < 5; ++i) put(fmt::format("p{}", i), "1");
  start();
  ASSERT_TRUE(eventually([&] { return mirror_.synced() == 1; }));
  const auto events = mirror_.events();
  EXPECT_EQ(events, 6);
  ASSERT_TRUE(watching());
  fault({{"stream", {{"do", "gone"}}}});
  ASSERT_TRUE(eventually([&] { return mirror_.synced() == 2; }));
  EXPECT_EQ(mirror_.events(), events + 1);
}

TEST_F(WatchTest, SeesObjectsComeAndGoBehindASelector) {
  options_.label_selector = "v in (x,y)";
  options_.field_selector = "metadata.namespace=a";
  put("in", "x");
  put("out", "z");
  start();
  ASSERT_TRUE(eventually([&] { return mirror_.pods() == truth("x"); })) << complaint();
  ASSERT_TRUE(watching());
  put("out", "x");
  put("in", "z");
  ASSERT_TRUE(eventually([&] { return mirror_.pods().contains("a/out") && mirror_.pods() == truth("x"); }))
      << complaint();
  EXPECT_TRUE(listed(1)) << watch_->stats().lists << " lists";
  EXPECT_THAT(mirror_.wrong(), IsEmpty());
}

TEST_F(WatchTest, FollowsBookmarksPastChangesOfOthers) {
  put("p1", "1");
  start();
  ASSERT_TRUE(settles()) << complaint();
  ASSERT_TRUE(watching());
  for (int i = 0; i < 10; ++i) put(fmt::format("c{}", i), "1", "ConfigMap");
  const auto before = watch_->stats().bookmarks;
  ASSERT_TRUE(eventually([&] { return watch_->stats().bookmarks >= before + 2; }));  // one at least came after them
  stub_->compact();
  fault({{"stream", {{"do", "close"}}}});
  put("p2", "1");
  ASSERT_TRUE(settles()) << complaint();
  EXPECT_TRUE(listed(1)) << watch_->stats().lists
                         << " lists";  // the version of the list is forgotten, that of the bookmark is not
  EXPECT_EQ(errors("expired"), 0);
}

TEST_F(WatchTest, WatchesAgainWhenTheServersTimeIsOver) {
  options_.least_timeout = options_.most_timeout = 1s;
  put("p1", "1");
  start();
  ASSERT_TRUE(eventually([&] { return watch_->stats().watches >= 3; }));
  put("p2", "1");
  ASSERT_TRUE(settles()) << complaint();
  EXPECT_TRUE(listed(1)) << watch_->stats().lists << " lists";
  EXPECT_THAT(watch_->stats().errors, IsEmpty());
}

TEST_F(WatchTest, BoundsALine) {
  options_.max_line_bytes = 2'000;
  start();
  ASSERT_TRUE(settles()) << complaint();
  ASSERT_TRUE(watching());
  put("p1", std::string(3'000, 'x'));
  ASSERT_TRUE(settles()) << complaint();  // by the list
  EXPECT_GE(errors("garbage"), 1);
  EXPECT_TRUE(eventually([&] { return watch_->stats().lists >= 2; })) << complaint();
  EXPECT_THAT(mirror_.wrong(), IsEmpty());
}

TEST_F(WatchTest, EndsWhateverItWaitsFor) {
  options_.first_backoff = options_.most_backoff = 1h;
  fault({{"request", {{"at", "list"}, {"status", 500}}}});
  start();
  ASSERT_TRUE(eventually([&] { return errors("refused") > 0; }));
  watch_.reset();  // within its back-off
  fault({{"slow", {{"bytes", 1}, {"ms", 100}}}});
  put("p1", "1");
  start();
  ASSERT_TRUE(eventually([&] { return stub_->stats().lists > 0; }));
  watch_.reset();  // within a list
  stub_->faults().clear();
  start();
  ASSERT_TRUE(watching());
  watch_.reset();  // within a silent watch
  EXPECT_TRUE(eventually([&] { return stub_->stats().open_watches == 0; }));
}

TEST_F(WatchTest, AgreesAfterAnyMixOfChangesAndFaults) {
  static constexpr const char* kFaults[] = {
      R"({"stream": {"do": "gone"}})",      R"({"stream": {"do": "garbage"}})",
      R"({"stream": {"do": "cut"}})",       R"({"stream": {"do": "cut_line"}})",
      R"({"stream": {"do": "half_line"}})", R"({"stream": {"do": "close"}})",
      R"({"stream": {"do": "error"}})",     R"({"stream": {"do": "cut", "after_bytes": 700}})",
      R"({"request": {"status": 500}})",    R"({"expire_continue": 1})",
      R"({"slow": {"bytes": 100}})"};
  options_.page = 3;
  options_.most_backoff = 10ms;
  std::mt19937 random(20);  // NOLINT: the same mix each time
  const auto pick = [&](std::size_t below) { return random() % below; };
  start();
  for (int round = 0; round < 400; ++round) {
    const std::string name = fmt::format("p{}", pick(12));
    if (pick(3) == 0)
      remove(name);
    else
      put(name, std::to_string(pick(5)));
    if (pick(8) == 0) fault(Json::parse(kFaults[pick(std::size(kFaults))]));
    if (pick(40) == 0) stub_->compact();
    if (pick(10) == 0) {
      const auto events = mirror_.events();  // let some of it be heard before the next
      eventually([&] { return mirror_.events() > events || mirror_.pods() == truth(); });
    }
  }
  stub_->faults().clear();
  stub_->wake();
  ASSERT_TRUE(settles()) << complaint();
  EXPECT_THAT(mirror_.wrong(), IsEmpty());
}

}  // namespace
}  // namespace tessera::kube_stub
