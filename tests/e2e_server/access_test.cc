// Who may ask, as somebody on the machine and somebody outside meet it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "base/text.h"
#include "http/client.h"
#include "tests/e2e/child.h"
#include "tests/e2e/node.h"

namespace tessera::e2e {
namespace {
using testing::HasSubstr;

int status(http::Client& client, const std::string& url, const std::string& key) {
  http::ClientRequest request;
  request.url = url;
  if (!key.empty()) request.headers = {{"X-API-Key", key}};
  const auto reply = client.send(request);
  return reply ? reply->status : 0;
}

TEST(ServerAccess, OthersNeedAKeyFromTheFirstMoment) {
  const TempDir folder;
  const std::string data = (folder.path() / "data").string();
  const std::vector<std::string> serve = {program("tessera-server"), "--address", "0.0.0.0:0", "--data", data};
  const Finished refused = run(serve);
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.output, HasSubstr("tessera-server keys create --data DIR --name NAME --scope admin"));

  // What is made before the server runs, and beside it.
  const auto make = [&](const std::string& scope) {
    const Finished made =
        run({program("tessera-server"), "keys", "create", "--data", data, "--name", scope, "--scope", scope});
    EXPECT_EQ(made.code, 0) << made.output;
    const auto at = made.output.find("tsk_");
    return std::string(trim(made.output.substr(at == std::string::npos ? made.output.size() : at, 56)));
  };
  const std::string root = make("admin");
  ASSERT_EQ(root.size(), 56U);
  Child server(serve);
  std::string address = server.after("server ready address=");
  address = "http://127.0.0.1" + address.substr(address.rfind(':', address.find(' ')));
  address = address.substr(0, address.find(' '));
  const std::string overview = address + "/k8s-monitor/api/v1/gpu/overview";
  http::Client client;
  EXPECT_EQ(status(client, overview, ""), 401) << server.output();
  EXPECT_EQ(status(client, overview, root), 200);
  const std::string read = make("read");
  EXPECT_TRUE(eventually([&] { return status(client, overview, read) == 200; }));
  const std::string id = read.substr(4, 8);
  EXPECT_EQ(run({program("tessera-server"), "keys", "revoke", id, "--data", data}).code, 0);
  EXPECT_TRUE(eventually([&] { return status(client, overview, read) == 401; }));

  ASSERT_TRUE(write_file_atomically(folder.path() / "key", root + "\n", 0600));
  const Finished verified =
      run({program("tessera"), "audit", "verify", "--server", address, "--key-file", (folder.path() / "key").string()});
  EXPECT_EQ(verified.code, 0) << verified.output;
  EXPECT_THAT(verified.output, HasSubstr("3 rows"));
  EXPECT_EQ(run({program("tessera"), "audit", "verify", "--server", address}).code, 1) << "without a key";
  for (const std::string& secret : {root, read}) EXPECT_EQ(server.output().find(secret), std::string::npos);
  EXPECT_EQ(server.stop(), 0) << server.output();
}

TEST(ServerAccess, OpensToAllOnlyLoudly) {
  const TempDir folder;
  Child server(
      {program("tessera-server"), "--address", "0.0.0.0:0", "--data", folder.path().string(), "--insecure-no-auth"});
  std::string address = server.after("server ready address=");
  address = "http://127.0.0.1" + address.substr(address.rfind(':', address.find(' ')));
  http::Client client;
  http::ClientRequest request;
  request.url = address.substr(0, address.find(' ')) + "/metrics";
  const auto page = client.send(request);
  ASSERT_TRUE(page) << page.error().what;
  EXPECT_THAT(page->body, HasSubstr("\ntessera_server_open_to_all 1\n"));
  EXPECT_THAT(server.output(), HasSubstr("NOBODY IS ASKED WHO HE IS"));
}

}  // namespace
}  // namespace tessera::e2e
