// The stub as a process, asked by kubectl: a client that was not written by us.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "http/client.h"
#include "tests/e2e/child.h"

namespace tessera::kube_stub {
namespace {

using Json = nlohmann::json;
using testing::HasSubstr;

class StubProcess : public testing::Test {
 protected:
  StubProcess() : stub_({KUBE_STUB}), api_(stub_.after("api ")), control_(stub_.after("control ")) {}

  http::ClientResponse send(const std::string& method, const std::string& url, const Json& body) {
    http::ClientRequest request;
    request.url = url;
    request.method = method;
    request.headers = {{"Content-Type", method == "PATCH" ? "application/merge-patch+json" : "application/json"}};
    request.body = body.is_null() ? "" : body.dump();
    const auto reply = client_.send(request);
    if (!reply) {
      ADD_FAILURE() << reply.error().what;
      return {};
    }
    return *reply;
  }
  void put(const std::string& name, const std::string& label) {
    const Json pod = {
        {"apiVersion", "v1"}, {"kind", "Pod"}, {"metadata", {{"name", name}, {"labels", {{"app", label}}}}}};
    EXPECT_EQ(send("PUT", control_ + "/control/objects", pod).status, 200);
  }

  e2e::Child stub_;
  std::string api_, control_;
  http::Client client_;
};

TEST_F(StubProcess, IsListedByKubectl) {
  const char* const peers = std::getenv("TESSERA_PEERS");
  const std::filesystem::path kubectl = std::filesystem::path(peers ? peers : "") / "kubectl" / "kubectl";
  if (!peers || !std::filesystem::exists(kubectl))
    GTEST_SKIP() << "kubectl is missing: $TESSERA_PEERS/kubectl/kubectl is where ./dev puts it";
  put("one", "x");
  put("two", "y");
  const TempDir home;
  const auto ask = [&](std::vector<std::string> words) {
    std::vector<std::string> command{kubectl.string(), "--server", api_};
    command.insert(command.end(), words.begin(), words.end());
    return e2e::run(command, {{"HOME", home.path().string()}, {"KUBECONFIG", ""}});
  };
  const auto all = ask({"get", "pods"});
  EXPECT_EQ(all.code, 0) << all.output;
  EXPECT_THAT(all.output, HasSubstr("one"));
  EXPECT_THAT(all.output, HasSubstr("two"));
  const auto some = ask({"get", "po", "-A", "-l", "app=x", "-o", "name", "--chunk-size=1"});
  EXPECT_EQ(some.output, "pod/one\n");
  EXPECT_EQ(ask({"label", "pod", "one", "app=y", "--overwrite"}).code, 0);
  EXPECT_EQ(ask({"delete", "pod", "two", "--wait=false"}).code, 0);
  EXPECT_EQ(ask({"get", "pods", "-l", "app=y", "-o", "name"}).output, "pod/one\n");
}

TEST_F(StubProcess, KeepsVersionsAsTheApiDoes) {
  const std::string leases = api_ + "/apis/coordination.k8s.io/v1/namespaces/a/leases";
  const Json lease = {{"metadata", {{"name", "l"}}}, {"spec", {{"holderIdentity", "me"}}}};
  const auto made = send("POST", leases, lease);
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(send("POST", leases, lease).status, 409);
  Json held = Json::parse(made.body);
  held["spec"]["holderIdentity"] = "you";
  EXPECT_EQ(send("PUT", leases + "/l", held).status, 200);
  const auto late = send("PUT", leases + "/l", held);  // with the version of before
  EXPECT_EQ(late.status, 409);
  EXPECT_EQ(Json::parse(late.body).at("reason"), "Conflict");
  const auto patched = send("PATCH", leases + "/l", {{"spec", {{"holderIdentity", nullptr}, {"more", 1}}}});
  EXPECT_EQ(Json::parse(patched.body).at("spec"), Json({{"more", 1}}));
  const auto status = send("PATCH", leases + "/l/status", {{"status", {{"s", 1}}}, {"spec", {{"more", 2}}}});
  EXPECT_EQ(Json::parse(status.body).at("spec"), Json({{"more", 1}}));
  EXPECT_EQ(Json::parse(status.body).at("status"), Json({{"s", 1}}));
  EXPECT_EQ(send("DELETE", leases + "/l", {}).status, 200);
  EXPECT_EQ(send("GET", leases + "/l", {}).status, 404);
  EXPECT_THAT(send("GET", api_ + "/apis/none/v1/things", {}).body, HasSubstr("404 page not found"));
}

TEST_F(StubProcess, FailsOnCommandAndEndsCleanly) {
  const std::string faults = control_ + "/control/faults";
  EXPECT_EQ(send("POST", faults, {{"request", {{"status", 429}, {"retry_after", 3}}}}).status, 200);
  const auto busy = send("GET", api_ + "/api/v1/pods", {});
  EXPECT_EQ(busy.status, 429);
  EXPECT_EQ(busy.header("retry-after"), "3");
  EXPECT_EQ(send("GET", api_ + "/api/v1/pods", {}).status, 200);
  EXPECT_EQ(send("POST", faults, {{"nonsense", 1}}).status, 400);
  EXPECT_EQ(send("POST", faults, {{"away", true}}).status, 200);
  http::ClientRequest request;
  request.url = api_ + "/api/v1/pods";
  EXPECT_FALSE(client_.send(request));
  EXPECT_EQ(send("POST", faults, {{"away", false}}).status, 200);
  EXPECT_EQ(send("GET", api_ + "/api/v1/pods", {}).status, 200);
  EXPECT_EQ(stub_.stop(), 0);
}

}  // namespace
}  // namespace tessera::kube_stub
