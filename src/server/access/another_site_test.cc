#include "server/access/another_site.h"

#include <gtest/gtest.h>

namespace tessera::server {
namespace {

TEST(AnotherSite, IsToldByWhatABrowserSends) {
  static const struct {
    const char* method;
    const char* host;
    const char* origin;
    const char* site;
    bool foreign;
  } kCases[] = {
      {"POST", "127.0.0.1:8080", "", "", false},  // curl
      {"POST", "", "", "", false},                // HTTP/1.0
      {"POST", "127.0.0.1:8080", "http://127.0.0.1:8080", "same-origin", false},
      {"POST", "localhost:8080", "http://localhost:8080", "", false},
      {"POST", "[::1]:8080", "http://[::1]:8080", "", false},
      {"GET", "127.0.0.1:8080", "http://evil.example", "cross-site", false},  // a browser keeps its answer to itself
      {"POST", "127.0.0.1:8080", "http://evil.example", "", true},
      {"POST", "127.0.0.1:8080", "", "cross-site", true},
      {"POST", "127.0.0.1:8080", "", "same-site", true},
      {"DELETE", "127.0.0.1:8080", "null", "", true},
      {"POST", "127.0.0.1:8080", "http://127.0.0.1:9999", "", true},
      {"GET", "evil.example:8080", "", "", true},
      {"POST", "evil.example:8080", "http://evil.example:8080", "same-origin", true},
      {"POST", "127.0.0.1.evil.example", "", "", true},
      {"GET", "gpu.example", "", "", false},  // the public URL
      {"POST", "gpu.example", "https://gpu.example", "", false},
  };
  for (const auto& c : kCases) {
    http::Request request;
    request.method = c.method;
    for (const auto& [name, value] :
         {std::pair("Host", c.host), std::pair("Origin", c.origin), std::pair("Sec-Fetch-Site", c.site)})
      if (*value != 0) request.headers.emplace_back(name, value);
    EXPECT_EQ(!another_site(request, true, "https://gpu.example/k8s").empty(), c.foreign)
        << c.method << ' ' << c.host << ' ' << c.origin << ' ' << c.site;
  }
  http::Request request;
  request.method = "GET";
  request.headers = {{"Host", "gpu.internal"}};
  EXPECT_EQ(another_site(request, false, ""), "") << "on another address, somebody wanted it to be open";
}

}  // namespace
}  // namespace tessera::server
