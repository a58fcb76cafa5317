#include "server/cost/api_cost_told.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <variant>

#include "server/cost/ledger_closer.h"

namespace tessera::server {
using namespace std::chrono_literals;

ApiCostTest::ApiCostTest() {
  options.settings.owners = {{fleet::OwnerField::Team, "ml", "", "vision"},
                             {fleet::OwnerField::Project, "ml", "", "cats"},
                             {fleet::OwnerField::Team, "serving", "", "=chat"}};
  options.owners = owner_rules(options.settings, {"team"}, {});
  constexpr EpochMs kEnd = kStart + 6 * 60 * kMinute;
  history.scrape("w1", kStart, kEnd, [](EpochMs at) {
    return two_boards(0.37, fmt::format("train-{}", (at - kStart) / (10 * kMinute) % 7));
  });
  history.scrape("w2", kStart + 77 * kMinute, kStart + 200 * kMinute, [](EpochMs) { return std::string(kOther); });
  history.keep(kEnd);
  LedgerOptions closing{options.settings, options.owners};
  closing.look_every = closing.settled_for = 0ms;
  closing.spend = 1h;
  LedgerCloser closer(history.open(), history.published, [] { return true; }, closing);
  const auto done = closer.look();
  if (!done) throw std::runtime_error(done.error().what);
  serve();
}

ApiCostTest::~ApiCostTest() = default;

void ApiCostTest::serve() {
  costs.emplace(options, history.published, history.readers);
  router.emplace(*http::Router::build(cost_routes(history.published, &*costs, "/api")));
}

http::Response ApiCostTest::ask(const std::string& path, const std::string& query, const std::string& accept) {
  http::Request request;
  request.method = "GET";
  request.path = "/api" + path;
  request.query = query;
  if (!accept.empty()) request.headers = {{"Accept", accept}};
  auto reply = std::get<http::Router::Match>(router->find("GET", request.path)).route->handle(request);
  for (std::string piece = " "; reply.pieces && !piece.empty(); reply.body += piece) piece = *reply.pieces();
  return reply;
}

Json ApiCostTest::get(const std::string& path, const std::string& query, int status) {
  const auto reply = ask(path, query);
  EXPECT_EQ(reply.status, status) << path << '?' << query << reply.body;
  return Json::parse(reply.body, nullptr, false);
}

fleet::Micros ApiCostTest::micros(const Json& money) {
  const auto out = fleet::parse_decimal(money.get<std::string>());
  EXPECT_TRUE(out) << money;
  return out ? *out : 0;
}

config::Node ApiCostTest::schema(const std::string& path) const {
  const auto reply = check.resolved(check.at({"paths", path, "get", "responses", "200"}));
  return reply.find("content")->find("application/json")->find("schema").value();
}

}  // namespace tessera::server
