#include "kube/service_account.h"

#include <gtest/gtest.h>

#include "base/base64url.h"

namespace tessera::kube {
namespace {

TEST(ServiceAccount, IsWhatItsTokenSays) {
  static const ServiceAccount kRelay{"gpu", "tessera-relay", "u-1"};
  static const struct {
    const char* claims;
    std::optional<ServiceAccount> account;
  } kCases[] = {
      {R"({"aud":["a"],"kubernetes.io":{"namespace":"gpu","pod":{"name":"p","uid":"u-9"},
        "serviceaccount":{"name":"tessera-relay","uid":"u-1"}}})",
       kRelay},
      {R"({"iss":"kubernetes/serviceaccount","kubernetes.io/serviceaccount/namespace":"gpu",
        "kubernetes.io/serviceaccount/secret.name":"s","kubernetes.io/serviceaccount/service-account.name":"tessera-relay",
        "kubernetes.io/serviceaccount/service-account.uid":"u-1"})",
       kRelay},
      {R"({"kubernetes.io":{"namespace":"gpu","serviceaccount":{"name":"tessera-relay"}}})", std::nullopt},
      {R"({"kubernetes.io":{"namespace":"gpu","serviceaccount":"tessera-relay"}})", std::nullopt},
      {R"({"kubernetes.io":{"namespace":1,"serviceaccount":{"name":"a","uid":"b"}}})", std::nullopt},
      {R"({"sub":"somebody"})", std::nullopt},
      {"[]", std::nullopt},
      {"{", std::nullopt},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(service_account_of("e30." + base64url(c.claims) + ".c2ln\n"), c.account) << c.claims;
  }
  for (const char* token : {"", "..", "opaque", "a.b", "e30.e30.e30.e30", "e30.%%%.c2ln"}) {
    EXPECT_EQ(service_account_of(token), std::nullopt) << token;
  }
}

}  // namespace
}  // namespace tessera::kube
