// Who may ask, as somebody on the machine and somebody outside meet it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "base/text.h"
#include "http/client.h"
#include "http/test_certificate.h"
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

TEST(ServerAccess, EveryCommandIsToldOfAServerInOneWay) {
  const TempDir folder;
  const auto in = [&](const char* name) { return (folder.path() / name).string(); };
  const http::TestCertificate authority("authority");
  authority.write(in("ca.crt"), in("ca.key"));
  http::TestCertificate("127.0.0.1", &authority).write(in("server.crt"), in("server.key"));
  ASSERT_TRUE(write_file_atomically(in("server.yaml"), "server.tls: {certificate: " + in("server.crt") +
                                                           ", private-key: " + in("server.key") + "}\n"));
  const Finished made =
      run({program("tessera-server"), "keys", "create", "--data", in("data"), "--name", "root", "--scope", "admin"});
  ASSERT_EQ(made.code, 0) << made.output;
  ASSERT_TRUE(write_file_atomically(in("key"), made.output.substr(made.output.find("tsk_"), 56), 0600));
  Child server(
      {program("tessera-server"), "--address", "127.0.0.1:0", "--data", in("data"), "--config", in("server.yaml")});
  const std::string rest = server.after("server ready address=");
  const std::string url = "https://" + rest.substr(0, rest.find(' '));

  const std::vector<std::vector<std::string>> kCommands = {{"get", "nodes"}, {"top"}, {"audit", "verify"}, {"doctor"}};
  for (const auto& words : kCommands) {
    std::vector<std::string> by_variables{program("tessera")};
    by_variables.insert(by_variables.end(), words.begin(), words.end());
    std::vector<std::string> by_flags = by_variables;
    by_flags.insert(by_flags.end(), {"--server", url, "--key-file", in("key"), "--ca-file", in("ca.crt")});
    // The flag says that a server is to be looked at and not this node.
    if (words.front() == "doctor") by_variables.insert(by_variables.end(), {"--server", url});
    const Finished flags = run(by_flags);
    EXPECT_EQ(flags.code, 0) << words.front() << ": " << flags.output;
    std::map<std::string, std::string> variables = {
        {"TESSERA_SERVER", url}, {"TESSERA_KEY_FILE", in("key")}, {"TESSERA_CA_FILE", in("ca.crt")}};
    const Finished known = run(by_variables, variables);
    EXPECT_EQ(known.code, 0) << words.front() << ": " << known.output;
    variables.erase("TESSERA_KEY_FILE");
    const Finished nobody = run(by_variables, variables);
    EXPECT_EQ(nobody.code, 1) << words.front();
    EXPECT_THAT(nobody.output, HasSubstr("--key-file")) << words.front();
    variables.erase("TESSERA_CA_FILE");
    const Finished distrusting = run(by_variables, variables);
    EXPECT_EQ(distrusting.code, 1) << words.front();
    EXPECT_THAT(distrusting.output, HasSubstr("TESSERA_CA_FILE")) << words.front();
  }
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
