// Paths that try to climb out of where they belong, sent as they stand: no client has made them tidy before.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "tests/e2e/node.h"
#include "tests/e2e_server/server.h"

namespace tessera::e2e {
namespace {
using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

/// The whole reply, head and body, to a GET of exactly these bytes. `key` empty: none is shown.
std::string reply_to(const std::string& address, const std::string& target, const std::string& key) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  const std::string shown = key.empty() ? "" : "Authorization: Bearer " + key + "\r\n";
  const std::string asked =
      fmt::format("GET {} HTTP/1.1\r\nHost: localhost\r\n{}Connection: close\r\n\r\n", target, shown);
  EXPECT_EQ(::send(fd, asked.data(), asked.size(), MSG_NOSIGNAL), std::ssize(asked));
  std::string out;
  char buffer[16U << 10U];
  for (ssize_t count = 0; (count = ::recv(fd, buffer, sizeof buffer, 0)) > 0;)
    out.append(buffer, static_cast<std::size_t>(count));
  ::close(fd);
  return out;
}

int status_of(const std::string& reply) { return reply.starts_with("HTTP/1.1 ") ? std::stoi(reply.substr(9, 3)) : 0; }

/// A server with one device, that asks for a key.
struct RawPaths : testing::Test {
  RawPaths() {
    EXPECT_EQ(
        server.post("/import/prometheus?node=w-1", "DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",UUID=\"GPU-1\"} 50\n", {}).status,
        204);
    EXPECT_TRUE(eventually([&] { return server.get("/gpu/devices").at("total") == 1; }));
    const Finished made = run({program("tessera-server"), "keys", "create", "--data", server.data().string(), "--name",
                               "r", "--scope", "read"});
    EXPECT_EQ(made.code, 0) << made.output;
    const auto at = made.output.find("tsk_");
    key = at == std::string::npos ? "" : made.output.substr(at, 56);
    EXPECT_TRUE(eventually([&] { return status("/k8s-monitor/api/v1/gpu/devices", "") == 401; }));
  }
  int status(const std::string& target, const std::string& with) {
    return status_of(reply_to(server.address(), target, with));
  }
  Server server;
  std::string key;
};

TEST_F(RawPaths, LeadNowhereElse) {
  const std::string api = "/k8s-monitor/api/v1";
  const std::string database = (server.data() / "tessera.db").string();
  struct Case {
    std::string target;
    int with_key, without;
  };
  const Case kCases[] = {
      // What needs no key is no door to what does, nor to files.
      {"/k8s-monitor/assets/../api/v1/gpu/devices", 404, 404},
      {"/k8s-monitor/assets/%2e%2e/api/v1/gpu/devices", 404, 404},
      {"/k8s-monitor/assets/..%2fapi%2fv1%2fgpu%2fdevices", 404, 404},
      {"/k8s-monitor/assets/%2e%2e%2f%2e%2e%2fetc%2fpasswd", 404, 404},
      {"/k8s-monitor/assets/../../../../../../etc/passwd", 404, 404},
      {"/k8s-monitor/assets/..%5c..%5cetc%5cpasswd", 404, 404},
      {"/k8s-monitor/assets/%252e%252e%252fetc%252fpasswd", 404, 404},
      {"/k8s-monitor/assets/%c0%ae%c0%ae/etc/passwd", 404, 404},
      {"/k8s-monitor/assets/" + database, 404, 404},
      {"/k8s-monitor/assets/.." + database, 404, 404},
      {"/livez/../k8s-monitor/api/v1/gpu/devices", 404, 404},
      {"/livez/..;/k8s-monitor/api/v1/gpu/devices", 404, 404},
      {"//livez", 404, 404},
      {"/..", 404, 404},
      // A slash in a part is a part's, and no separator.
      {api + "/gpu%2fdevices", 404, 404},
      {api + "/gpu/devices/..", 404, 401},
      {api + "/gpu/devices/%2e%2e", 404, 401},
      {api + "/gpu/devices/..%2f..%2faccess%2fwhoami", 404, 401},
      {api + "/gpu/devices/%2e%2e%2f%2e%2e%2f%2e%2e%2fetc%2fpasswd", 404, 401},
      {api + "/gpu/devices/w-1-GPU-00%2fmetrics", 404, 401},
      {api + "/gpu/devices/w-1-GPU-00%2f", 404, 401},
      {api + "/gpu/devices/w-1-GPU-00%00", 404, 401},
      {api + "/gpu/devices/..%2fw-1-GPU-00/metrics", 404, 401},
      {api + "/gpu/nodes/..%2f..%2fetc%2fpasswd", 404, 401},
      {api + "/access/keys/..%2fwhoami", 403, 401},
      // Not read as anything.
      {api + "/gpu/devices/w-1-GPU-00%", 400, 400},
      {api + "/gpu/devices/%zz", 400, 400},
      // What is meant is found, however it is written.
      {api + "/gpu/devices/w-1-GPU-00", 200, 401},
      {api + "/gpu/%64evices/w%2D1%2dGPU-00", 200, 401},
  };
  for (const Case& c : kCases) {
    for (const bool shown : {true, false}) {
      const std::string reply = reply_to(server.address(), c.target, shown ? key : "");
      EXPECT_EQ(status_of(reply), shown ? c.with_key : c.without) << c.target << '\n' << reply.substr(0, 400);
      EXPECT_THAT(reply, Not(AnyOf(HasSubstr("root:x:"), HasSubstr("SQLite format 3"), HasSubstr("tsk_")))) << c.target;
      if (!shown) {
        EXPECT_THAT(reply, Not(HasSubstr("\"uuid\""))) << c.target;
      }
    }
  }
  EXPECT_EQ(status("/livez", ""), 200) << "it is as well as before";
}

TEST_F(RawPaths, AnEncodedSlashIsNamedAsItWasMeant) {
  const std::string reply = reply_to(server.address(), "/k8s-monitor/api/v1/gpu/devices/..%2f%3Cscript%3E", key);
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(lower(reply), HasSubstr("content-type: application/problem+json"));
  EXPECT_THAT(reply, HasSubstr("../<script>"));
}

}  // namespace
}  // namespace tessera::e2e
