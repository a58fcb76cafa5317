#include <gtest/gtest.h>

#include "http/server.h"

namespace tessera::http {
namespace {

constexpr std::string_view kPrometheus3 =
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;"
    "q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";

TEST(AcceptQuality, FollowsTheMostExactRange) {
  static constexpr struct {
    std::string_view header, item;
    double want;
  } kCases[] = {
      {"", "text/plain", 1},
      {" ", "text/plain", 1},
      {"*/*", "text/plain", 1},
      {"text/*;q=0.3", "text/plain", 0.3},
      {"text/*;q=0.3, text/plain", "text/plain", 1},
      {"text/plain;q=0, */*", "text/plain", 0},
      {"application/json", "text/plain", 0},
      {"TEXT/Plain;Q=0.7", "text/plain", 0.7},
      {"application/openmetrics-text;version=1.0.0;q=0.5", "application/openmetrics-text;version=1.0.0", 0.5},
      {"application/openmetrics-text;version=0.0.1;q=0.5", "application/openmetrics-text;version=1.0.0", 0},
      {"application/openmetrics-text;q=0.5", "application/openmetrics-text;version=1.0.0", 0.5},
      {"text/plain;version=0.0.4;q=0.9,text/plain;q=0.1", "text/plain;version=0.0.4", 0.9},
      {"text/plain;version=\"0.0.4\";q=0.5", "text/plain;version=0.0.4", 0.5},
      {"text/plain;x=\"a,b;q=0\";q=0.5", "text/plain", 0.5},
      {kPrometheus3, "application/openmetrics-text;version=1.0.0", 0.6},
      {kPrometheus3, "application/openmetrics-text;version=0.0.1", 0.5},
      {kPrometheus3, "text/plain;version=0.0.4", 0.3},
      {kPrometheus3, "application/json", 0.2},
      {"text/plain;q=nan, */*;q=0.1", "text/plain", 0.1},  // what cannot be read is passed over
      {"text/plain;q=-1", "text/plain", 0},
      {"text/plain;q=7", "text/plain", 1},
      {"text/plain;q=", "text/plain", 0},
      {"gzip", "gzip", 1},
      {"deflate, gzip;q=0.5", "gzip", 0.5},
      {"x-gzip", "gzip", 1},
      {"*;q=0.2", "gzip", 0.2},
      {"*;q=0.2, gzip;q=0", "gzip", 0},
      {"deflate", "gzip", 0},
      {"deflate", "identity", 1},
      {"identity;q=0", "identity", 0},
      {"*;q=0", "identity", 0},
  };
  for (const auto& c : kCases) EXPECT_EQ(accept_quality(c.header, c.item), c.want) << c.header << " | " << c.item;
}

TEST(Prefers, WhatIsNamedAndNotLessThanTheOther) {
  static constexpr struct {
    std::string_view header;
    bool want;
  } kCases[] = {{"", false},
                {"*/*", false},
                {"text/*", false},
                {"text/html", true},
                {"Text/HTML;charset=utf-8", true},
                {"text/html,application/xml;q=0.9,*/*;q=0.8", true},
                {"text/html;q=0.8, application/json", false},
                {"text/html;q=0.8, application/json;q=0.8", true},
                {"text/html;q=0", false},
                {"application/json", false}};
  for (const auto& c : kCases) EXPECT_EQ(prefers(c.header, "text/html", "application/json"), c.want) << c.header;
}

TEST(WantsGzip, OnlyWhereItIsAskedFor) {
  static constexpr struct {
    std::string_view header;
    bool want;
  } kCases[] = {{"", false},
                {"gzip", true},
                {"gzip, deflate, br", true},
                {"*", true},
                {"identity", false},
                {"gzip;q=0", false},
                {"gzip;q=0.5, identity", false},
                {"gzip;q=0.5", true},
                {"identity;q=0.5, gzip;q=1.0", true},
                {"br", false}};
  for (const auto& c : kCases) EXPECT_EQ(wants_gzip(c.header), c.want) << c.header;
}

}  // namespace
}  // namespace tessera::http
