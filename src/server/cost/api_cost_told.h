#pragma once
// For tests of the routes of costs: a server that has six hours of two boards behind it.
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "fleet/cost/ledger.h"
#include "http/router.h"
#include "server/api_cost.h"
#include "server/api_json.h"
#include "server/cost/told_history.h"
#include "server/schema_check.h"

namespace tessera::server {

/// Six hours of two boards, of which the last half hour is not closed, with a device that comes, one that goes silent,
/// and a pod that changes each ten minutes.
struct ApiCostTest : testing::Test {
  static constexpr EpochMs kStart = ToldHistory::kStart, kMinute = ToldHistory::kMinute,
                           kBucket = fleet::kCostBucket.count();

  ApiCostTest();
  ~ApiCostTest() override;

  void serve();
  http::Response ask(const std::string& path, const std::string& query = "", const std::string& accept = "");
  Json get(const std::string& path, const std::string& query = "", int status = 200);
  static fleet::Micros micros(const Json& money);
  config::Node schema(const std::string& path) const;

  static constexpr const char* kOther =
      "DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",UUID=\"GPU-x\",modelName=\"Tesla "
      "T4\",pod=\"p\",namespace=\"other\",container=\"c\"} "
      "10\nDCGM_FI_DEV_GPU_UTIL{gpu=\"1\",UUID=\"GPU-y\",modelName=\"NVIDIA GeForce RTX 4090\",pod=\"q\",namespace="
      "\"other\",container=\"c\"} 70\n";
  ToldHistory history;
  CostsOptions options;
  std::optional<Costs> costs;
  std::optional<http::Router> router;
  const SchemaCheck& check = own_schema();
};

}  // namespace tessera::server
