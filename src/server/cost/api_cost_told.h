#pragma once
// For tests of the routes of costs: a server that has six hours of two boards behind it.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <variant>

#include "fleet/cost/ledger.h"
#include "http/router.h"
#include "server/api_cost.h"
#include "server/api_json.h"
#include "server/cost/ledger_closer.h"
#include "server/cost/told_history.h"
#include "server/openapi.h"
#include "server/schema_check.h"

namespace tessera::server {

/// Six hours of two boards, of which the last half hour is not closed, with a device that comes, one that goes silent,
/// and a pod that changes each ten minutes.
struct ApiCostTest : testing::Test {
  static constexpr EpochMs kStart = ToldHistory::kStart, kMinute = ToldHistory::kMinute,
                           kBucket = fleet::kCostBucket.count();

  ApiCostTest() {
    using namespace std::chrono_literals;
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

  void serve() {
    costs.emplace(options, history.published, history.readers);
    router.emplace(*http::Router::build(cost_routes(history.published, &*costs, "/api")));
  }

  http::Response ask(const std::string& path, const std::string& query = "", const std::string& accept = "") {
    http::Request request;
    request.method = "GET";
    request.path = "/api" + path;
    request.query = query;
    if (!accept.empty()) request.headers = {{"Accept", accept}};
    auto reply = std::get<http::Router::Match>(router->find("GET", request.path)).route->handle(request);
    for (std::string piece = " "; reply.pieces && !piece.empty(); reply.body += piece) piece = *reply.pieces();
    return reply;
  }
  Json get(const std::string& path, const std::string& query = "", int status = 200) {
    const auto reply = ask(path, query);
    EXPECT_EQ(reply.status, status) << path << '?' << query << reply.body;
    return Json::parse(reply.body, nullptr, false);
  }
  static fleet::Micros micros(const Json& money) {
    const auto out = fleet::parse_decimal(money.get<std::string>());
    EXPECT_TRUE(out) << money;
    return out ? *out : 0;
  }
  config::Node schema(const std::string& path) const {
    const auto reply = check.resolved(check.at({"paths", path, "get", "responses", "200"}));
    return reply.find("content")->find("application/json")->find("schema").value();
  }

  static constexpr const char* kOther =
      "DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",UUID=\"GPU-x\",modelName=\"Tesla "
      "T4\",pod=\"p\",namespace=\"other\",container=\"c\"} "
      "10\nDCGM_FI_DEV_GPU_UTIL{gpu=\"1\",UUID=\"GPU-y\",modelName=\"NVIDIA GeForce RTX 4090\",pod=\"q\",namespace="
      "\"other\",container=\"c\"} 70\n";
  ToldHistory history;
  CostsOptions options;
  std::optional<Costs> costs;
  std::optional<http::Router> router;
  SchemaCheck check{*config::load(openapi_yaml(), "openapi.yaml")};
};

}  // namespace tessera::server
