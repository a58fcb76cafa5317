#include "server/answers.h"

#include <gtest/gtest.h>

namespace tessera::server {
namespace {

std::shared_ptr<const Published> view_at(EpochMs time) {
  auto out = std::make_shared<Published>();
  out->view = std::make_shared<const fleet::View>(fleet::View{time, {}});
  return out;
}

http::Request request_of(const std::string& query) {
  http::Request out;
  out.path = "/gpu/devices";
  out.query = query;
  return out;
}

struct AnswersTest : testing::Test {
  std::string ask(const std::shared_ptr<const Published>& of, const http::Request& request,
                  const Viewer& viewer = everybody(), int status = 200) {
    const http::Response reply = answers.of(of, request, viewer, true, [&] {
      http::Response out;
      out.status = status;
      out.body = "reply " + std::to_string(++made);
      return out;
    });
    EXPECT_EQ(reply.status, status);
    return body_of(reply);
  }
  Answers answers;
  int made = 0;
};

TEST_F(AnswersTest, WhatWasAskedOfTheSameViewIsNotMadeAgain) {
  const auto view = view_at(1);
  EXPECT_EQ(ask(view, request_of("limit=1")), "reply 1");
  EXPECT_EQ(ask(view, request_of("limit=1")), "reply 1");
  EXPECT_EQ(ask(view, request_of("limit=2")), "reply 2");
  EXPECT_EQ(ask(view_at(2), request_of("limit=1")), "reply 3") << "another view";
  EXPECT_EQ(answers.stats().made, 3U);
  EXPECT_EQ(answers.stats().kept, 1U);
}

TEST_F(AnswersTest, WhoSeesLessIsNeverGivenWhatAnotherSees) {
  const auto view = view_at(1);
  const Teams teams;
  const auto of = [&](std::set<std::string> spaces) {
    return viewer_of("key:a", "a", {Scope::Read}, Restriction{std::move(spaces), {}}, teams);
  };
  EXPECT_EQ(ask(view, request_of("")), "reply 1");
  EXPECT_EQ(ask(view, request_of(""), *of({"ml"})), "reply 2");
  EXPECT_EQ(ask(view, request_of(""), *of({"research"})), "reply 3");
  EXPECT_EQ(ask(view, request_of(""), *of({})), "reply 4") << "one who sees no namespace";
  EXPECT_EQ(ask(view, request_of(""), *of({"a", "b"})), "reply 5");
  EXPECT_EQ(ask(view, request_of(""), *of({"a 1:b"})), "reply 6") << "of one name that looks like two";
  EXPECT_EQ(ask(view, request_of(""), *of({"ml"})), "reply 2");
}

TEST_F(AnswersTest, FormsAreKeptApart) {
  const auto view = view_at(1);
  auto table = request_of("");
  table.headers = {{"Accept", "text/csv"}};
  auto packed = request_of("");
  packed.headers = {{"Accept-Encoding", "gzip"}};
  EXPECT_EQ(ask(view, request_of("")), "reply 1");
  EXPECT_EQ(ask(view, table), "reply 2");
  EXPECT_EQ(ask(view, packed), "reply 3");
}

TEST_F(AnswersTest, ARefusalIsNotKept) {
  const auto view = view_at(1);
  EXPECT_EQ(ask(view, request_of("limit=x"), everybody(), 400), "reply 1");
  EXPECT_EQ(ask(view, request_of("limit=x"), everybody(), 400), "reply 2");
}

TEST_F(AnswersTest, WhatWasMadeOfAnOlderViewDoesNotDriveOutTheNewerOne) {
  const auto older = view_at(1), newer = view_at(2);
  EXPECT_EQ(ask(newer, request_of("")), "reply 1");
  EXPECT_EQ(ask(older, request_of("")), "reply 2");
  EXPECT_EQ(ask(newer, request_of("")), "reply 1");
}

TEST_F(AnswersTest, AViewIsNotHeldForItsAnswers) {
  auto view = view_at(1);
  const std::weak_ptr<const Published> watched = view;
  ask(view, request_of(""));
  view.reset();
  EXPECT_TRUE(watched.expired());
}

}  // namespace
}  // namespace tessera::server
