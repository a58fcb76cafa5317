#include "cli/kubeconfig.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"

namespace tessera::cli {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

constexpr const char* kFile = R"(apiVersion: v1
kind: Config
current-context: two
clusters:
- name: one
  cluster: {server: "https://a:6443/", certificate-authority: pki/ca.crt}
- name: two
  cluster: {server: "https://b:6443", certificate-authority-data: Y2E=, tls-server-name: b.example}
users:
- name: token
  user: {token: secret}
- name: certificate
  user: {client-certificate-data: Y2VydA==, client-key: key.pem}
- name: cloud
  user: {exec: {command: aws}}
contexts:
- name: one
  context: {cluster: one, user: token}
- name: two
  context: {cluster: two, user: certificate}
- name: cloud
  context: {cluster: one, user: cloud}
- name: astray
  context: {cluster: three, user: token}
)";

http::ClientRequest asked_of(const char* context) {
  const auto server = read_kubeconfig(kFile, "/home/me/.kube/config", context);
  EXPECT_TRUE(server) << server.error().what;
  http::ClientRequest request;
  EXPECT_TRUE(server && server->prepare(request));
  request.url = server ? server->url : "";
  request.ca_file = server ? server->ca_file.string() : "";
  return request;
}

TEST(Kubeconfig, SaysWhereAndAsWhom) {
  const auto one = asked_of("one"), two = asked_of("");
  EXPECT_EQ(one.url, "https://a:6443");
  EXPECT_EQ(one.ca_file, "/home/me/.kube/pki/ca.crt");
  EXPECT_THAT(one.home_headers, ElementsAre(Pair("Authorization", "Bearer secret")));
  EXPECT_EQ(two.url, "https://b:6443");
  EXPECT_EQ(two.ca_pem, "ca");
  EXPECT_EQ(two.cert_pem, "cert");
  EXPECT_EQ(two.key_file, "/home/me/.kube/key.pem");
  EXPECT_EQ(two.server_name, "b.example");
}

TEST(Kubeconfig, SaysWhatIsWrong) {
  EXPECT_THAT(read_kubeconfig(kFile, "f", "cloud").error().what, HasSubstr("kubectl proxy"));
  EXPECT_THAT(read_kubeconfig(kFile, "f", "astray").error().what, HasSubstr("clusters has no cluster 'three'"));
  EXPECT_THAT(read_kubeconfig(kFile, "f", "none").error().what, HasSubstr("contexts has no context 'none'"));
  EXPECT_THAT(read_kubeconfig("{}", "f", "").error().what, HasSubstr("--context NAME"));
}

TEST(Kubeconfig, IsFoundByFlagEnvironmentAndHome) {
  const TempDir folder;
  const std::string file = folder.path() / "config";
  ASSERT_TRUE(write_file_atomically(file, kFile));
  const auto with = [](std::map<std::string, std::string> variables) -> Environment {
    return [variables](const std::string& name) -> std::optional<std::string> {
      const auto found = variables.find(name);
      return found == variables.end() ? std::nullopt : std::optional(found->second);
    };
  };
  EXPECT_EQ(find_api_server({.api = "http://127.0.0.1:8001/"}, with({}))->url, "http://127.0.0.1:8001");
  EXPECT_EQ(find_api_server({.kubeconfig = file}, with({}))->url, "https://b:6443");
  EXPECT_EQ(find_api_server({}, with({{"KUBECONFIG", "/none:" + file}}))->url, "https://b:6443");
  const auto none = find_api_server({}, with({{"HOME", folder.path() / "nobody"}}));
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().what, HasSubstr("--kubeconfig FILE"));
}

}  // namespace
}  // namespace tessera::cli
