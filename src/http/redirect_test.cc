// Who hears what of a request that another host passes on, or is sent on to: proxies and redirects.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>

#include "http/client.h"
#include "http/fetch_catch.h"
#include "http/raw_server.h"

namespace tessera::http {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kGo = "/go/";

/// Keeps the heads of all requests. "/go/URL" leads there, all else ends here.
class Hop {
 public:
  std::string url(std::string_view path = "/") const { return server_.url(path); }
  /// By way of this one to that URL.
  std::string to(const std::string& url) const { return server_.url(std::string(kGo) + url); }
  std::vector<std::string> heard() {
    const std::lock_guard lock(mutex_);
    return std::exchange(heads_, {});
  }

 private:
  void serve(RawServer::Peer& peer) {
    for (std::string head; !(head = peer.read_request()).empty();) {
      const std::string path = head.substr(4, head.find(" HTTP/") - 4);
      const bool goes = path.starts_with(kGo);
      {
        const std::lock_guard lock(mutex_);
        heads_.push_back(std::move(head));
      }
      if (!peer.send(goes ? "HTTP/1.1 307 Moved\r\nLocation: " + path.substr(kGo.size()) +
                                "\r\nContent-Length: 0\r\n\r\n"
                          : reply_of("end")))
        return;
    }
  }

  std::mutex mutex_;
  std::vector<std::string> heads_;  // guarded by mutex_
  const RawServer server_{[this](RawServer::Peer& peer) { serve(peer); }};
};

class RedirectTest : public FetchTest {
 protected:
  ClientRequest secretive(std::string url) const {
    auto request = get_of(std::move(url));
    request.max_redirects = 5;
    request.headers = {{"User-Agent", "tester"}, {"Authorization", "Bearer s3cret"}, {"X-Empty", ""}};
    request.home_headers = {{"X-Api-Key", "s3cret"}, {"Cookie", "s3cret"}};
    request.basic_user = "s3cret";
    return request;
  }
  /// By both that follow redirects, twice each: a handle that was abroad is used again.
  void each_way(const ClientRequest& request, const std::function<void()>& look) {
    Client client;
    for (int i = 0; i < 2; ++i) {
      Catch caught;
      fetch(request, caught);
      EXPECT_EQ(caught.text, "end") << caught.error;
      look();
      const auto reply = client.send(request);
      ASSERT_TRUE(reply) << reply.error().what;
      EXPECT_EQ(reply->body, "end");
      look();
    }
  }
  Hop home_, abroad_;
  const testing::Matcher<std::string> told_ =
      AllOf(HasSubstr("X-Api-Key: s3cret\r\n"), HasSubstr("Cookie: s3cret\r\n"), HasSubstr("User-Agent: tester\r\n"));
  const testing::Matcher<std::string> untold_ =
      AllOf(Not(HasSubstr("s3cret")), Not(HasSubstr("Authorization")), HasSubstr("User-Agent: tester\r\n"),
            HasSubstr("X-Empty:\r\n"), Not(HasSubstr("Content-Type")));
};

TEST_F(RedirectTest, AnotherHostIsToldNoSecret) {
  each_way(secretive(home_.to(abroad_.url("/x"))), [&] {
    EXPECT_THAT(home_.heard(), ElementsAre(told_));
    EXPECT_THAT(abroad_.heard(), ElementsAre(untold_));
  });
}

TEST_F(RedirectTest, TheSameHostIsToldAll) {
  const std::string there = home_.url().substr(sizeof "http://" - 1);
  for (const std::string& place : {std::string("/x"), "HTTP://" + there + "x", "//" + there + "y"})
    each_way(secretive(home_.to(place)), [&] { EXPECT_THAT(home_.heard(), ElementsAre(told_, told_)) << place; });
}

TEST_F(RedirectTest, OnlyTheHostThatWasAskedIsHome) {
  each_way(secretive(home_.to(abroad_.to(home_.url("/x")))), [&] {
    EXPECT_THAT(home_.heard(), ElementsAre(told_, told_));
    EXPECT_THAT(abroad_.heard(), ElementsAre(untold_));
  });
  each_way(secretive(home_.to(abroad_.to(abroad_.url("/x")))), [&] {
    EXPECT_THAT(home_.heard(), ElementsAre(told_));
    EXPECT_THAT(abroad_.heard(), ElementsAre(untold_, untold_));
  });
}

TEST_F(RedirectTest, AHostHeaderStaysAtHome) {
  auto request = secretive(home_.to(abroad_.url("/x")));
  request.home_headers = {{"Host", "own.example"}};
  each_way(request, [&] {
    EXPECT_THAT(home_.heard(), ElementsAre(HasSubstr("Host: own.example\r\n")));
    EXPECT_THAT(abroad_.heard(),
                ElementsAre(HasSubstr("Host: " + abroad_.url().substr(7, abroad_.url().size() - 8) + "\r\n")));
  });
}

TEST_F(RedirectTest, AHandleTellsTheNextHostItsOwn) {
  const auto send = [&](const ClientRequest& request) {
    Catch caught;
    fetch(request, caught);
    EXPECT_EQ(caught.text, "end") << caught.error;
  };
  auto request = secretive(home_.url());
  send(request);
  request.url = abroad_.url("/x");  // differs in nothing else, and is home now
  send(request);
  send(get_of(abroad_.url("/y")));
  request = get_of("http://s3cret:s3cret@" + abroad_.url("/z").substr(sizeof "http://" - 1));
  send(request);
  request.url = abroad_.url("/z");
  send(request);
  EXPECT_THAT(home_.heard(), ElementsAre(told_));
  EXPECT_THAT(abroad_.heard(), ElementsAre(told_, Not(HasSubstr("s3cret")), HasSubstr("Authorization: Basic"),
                                           Not(HasSubstr("Authorization"))));
}

class ProxyTest : public RedirectTest {
 protected:
  /// What both ways of asking say of a failure.
  std::string failure_of(const ClientRequest& request) {
    Catch caught;
    fetch(request, caught);
    const auto reply = Client().send(request);
    EXPECT_FALSE(reply);
    return caught.error + "\n" + (reply ? "" : reply.error().what);
  }
};

TEST_F(ProxyTest, IsToldUserAndPasswordAsTheyAre) {
  auto request = get_of("http://nowhere.invalid/x");
  request.proxy_url = home_.url();
  request.proxy_user = "m@e:/%40";
  request.proxy_password = "p@s:s/%40";
  each_way(request, [&] {
    EXPECT_THAT(home_.heard(),
                ElementsAre(AllOf(HasSubstr("GET http://nowhere.invalid/x "),
                                  HasSubstr("Proxy-Authorization: Basic bUBlOi8lNDA6cEBzOnMvJTQw\r\n"))));
  });
  request.proxy_user = request.proxy_password = "";
  each_way(request, [&] { EXPECT_THAT(home_.heard(), ElementsAre(Not(HasSubstr("Proxy-Authorization")))); });
}

TEST_F(ProxyTest, NoFailureTellsItsPassword) {
  for (const std::string url : {"http://127.0.0.1:1", "https://127.0.0.1:1", "socks5://127.0.0.1:1"}) {
    auto request = get_of("http://nowhere.invalid/x");
    request.proxy_url = url;
    request.proxy_user = "ann@/:%";
    request.proxy_password = "s3cret@/:%";
    EXPECT_THAT(failure_of(request), AllOf(HasSubstr("through " + url + ": "), Not(HasSubstr("s3cret"))));
  }
  // In the URL, and in ways that libcurl cannot read, and then quotes.
  for (const std::string url : {"http://ann:p@s3cret@127.0.0.1:1", "http://ann:s3cret@127.0.0.1:1", "ann:s3cret@[",
                                "http://ann:p/s3cret@127.0.0.1:1", "http://ann:s3cret@127.0.0.1:x"}) {
    auto request = get_of("http://nowhere.invalid/x");
    request.proxy_url = url;
    EXPECT_THAT(failure_of(request), AllOf(HasSubstr("http://nowhere.invalid/x through "), Not(HasSubstr("s3cret"))))
        << url;
  }
  for (const std::string url : {"http://ann:p@s3cret@127.0.0.1:1/", "http://ann:s3cret@127.0.0.1:x/"})
    EXPECT_THAT(failure_of(get_of(url)), Not(HasSubstr("s3cret"))) << url;
}

}  // namespace
}  // namespace tessera::http
