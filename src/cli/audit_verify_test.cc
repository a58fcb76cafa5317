#include "cli/audit_verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace tessera::cli {
namespace {
using testing::HasSubstr;
using JsonValue = nlohmann::json;

/// Three rows; their hashes were made with coreutils: printf '0:,1:1,4:1000,…' | sha256sum.
JsonValue page() {
  const auto row = [](int sequence, const char* object, const char* hash) {
    return JsonValue{{"sequence", sequence}, {"timeMs", sequence * 1000},
                     {"actor", "key:a x"},   {"action", "key.create"},
                     {"object", object},     {"result", "done"},
                     {"requestId", "r"},     {"peer", "::1"},
                     {"detail", "{}"},       {"hash", hash}};
  };
  const JsonValue rows =
      JsonValue::array({row(1, "key:1", "6476815b0833f47de7d69624302defdfe3e585babb2a1045bc43895a2bb6b25b"),
                        row(2, "key:2", "9edc692ac7d42b7f4a0d3918d0e1b288b0ad117bf33bf03bdd7e33f3e306597f"),
                        row(3, "key:3", "2ddd5ba19aa28da49c426bba777b318f6a9b10beb7edfa71394946f418e564a7")});
  return {{"total", 3},
          {"headHash", "2ddd5ba19aa28da49c426bba777b318f6a9b10beb7edfa71394946f418e564a7"},
          {"nextCursor", nullptr},
          {"items", rows}};
}

std::string verdict(const std::vector<JsonValue>& pages) {
  AuditChain chain;
  for (const JsonValue& one : pages)
    if (const auto added = chain.add(one.dump()); !added) return added.error().what;
  const auto finished = chain.finish();
  return finished ? "whole" : finished.error().what;
}

TEST(AuditChain, IsWhole) {
  EXPECT_EQ(verdict({page()}), "whole");
  JsonValue first = page(), second = page();
  first["items"].erase(2);
  first["nextCursor"] = "2";
  second["items"].erase(0);
  second["items"].erase(0);
  EXPECT_EQ(verdict({first, second}), "whole");
  EXPECT_EQ(verdict({{{"total", 0}, {"headHash", ""}, {"nextCursor", nullptr}, {"items", JsonValue::array()}}}),
            "whole");
}

TEST(AuditChain, SaysWhereItBreaks) {
  struct Case {
    std::function<void(JsonValue&)> change;
    const char* says;
  };
  const Case kCases[] = {
      {[](JsonValue& p) { p["items"][1]["actor"] = "key:b x"; }, "broken at row 2 (key.create key:2 by key:b x)"},
      {[](JsonValue& p) { p["items"][1]["timeMs"] = 1; }, "broken at row 2"},
      {[](JsonValue& p) { p["items"][0]["detail"] = "{} "; }, "broken at row 1"},
      {[](JsonValue& p) { p["items"].erase(1); },
       "broken at row 2 (key.create key:3 by key:a x): a row of the number 3"},
      {[](JsonValue& p) { p["items"].erase(2); }, "broken at row 3: it ends at 2, and had 3 rows"},
      {[](JsonValue& p) { p["headHash"] = std::string(64, '0'); }, "broken at row 3"},
      {[](JsonValue& p) { p["items"][2]["hash"] = p["items"][1]["hash"]; }, "broken at row 3"},
      {[](JsonValue& p) { p.erase("items"); }, "no page of an audit log"},
  };
  for (const Case& c : kCases) {
    JsonValue changed = page();
    c.change(changed);
    EXPECT_THAT(verdict({changed}), HasSubstr(c.says));
  }
}

TEST(AuditChain, RemembersWhatWasNoted) {
  AuditChain same, other, longer;
  same.expect(2, page()["items"][1]["hash"]);
  other.expect(2, std::string(64, 'a'));
  longer.expect(4, std::string(64, 'a'));
  EXPECT_TRUE(same.add(page().dump()) && same.finish());
  EXPECT_THAT(other.add(page().dump()).error().what, HasSubstr("written anew"));
  EXPECT_TRUE(longer.add(page().dump()));
  EXPECT_FALSE(longer.finish());
}

}  // namespace
}  // namespace tessera::cli
