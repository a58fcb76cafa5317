// The admission webhook's objects in a played cluster: made with their certificate, renewed, repaired, taken away.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "operator/base64.h"
#include "operator/certificates.h"
#include "operator/x509.h"
#include "tests/e2e_operator/operated.h"

namespace tessera::e2e {
namespace {

using operate::base64;
using testing::HasSubstr;
using testing::Not;

constexpr EpochMs kDay = 86'400'000;
constexpr const char* kName = "tessera-server-admission";

Json with_admission(const Json& more = Json::object()) {
  Json spec = kEverything;
  spec["server"]["admission"] = {{"enabled", true}};
  spec["server"]["admission"].update(more);
  return spec;
}
const Json kByCertManager = {{"certManager", {{"issuerRef", {{"name", "ca"}}}}}};

class OperatorAdmission : public testing::Test {
 protected:
  Json secret() const { return operated.find("Secret", "tessera", kName); }
  std::string data(const char* key) const {
    const Json found = secret();
    return found.is_object() ? operate::base64_decoded(found["data"].value(key, "")).value_or("?") : "-";
  }
  Json webhook() const { return operated.find("MutatingWebhookConfiguration", "", kName); }
  std::string told() const { return told_of(webhook()); }
  /// Whether API servers trust all that they did by these CAs; which of two of one second stands first is chance.
  bool still_tells(const std::string& before) const {
    const std::string now = told();
    return std::ranges::all_of(operate::read_certificates(before),
                               [&](const auto& one) { return now.find(one.pem) != std::string::npos; });
  }
  static std::string told_of(const Json& configuration) {
    if (!configuration.is_object()) return "-";
    return operate::base64_decoded(configuration["webhooks"][0]["clientConfig"].value("caBundle", "")).value_or("?");
  }
  void put_secret(const Json& data, bool ours) {
    Json metadata{{"name", kName}, {"namespace", "tessera"}};
    if (ours)
      metadata["labels"] = {{"app.kubernetes.io/instance", "gpus"},
                            {"app.kubernetes.io/managed-by", "tessera-operator"},
                            {"app.kubernetes.io/part-of", "tessera"}};
    operated.put({{"apiVersion", "v1"}, {"kind", "Secret"}, {"metadata", metadata}, {"data", data}});
  }
  Operated operated;
};

/// As a pair was made so long ago, by the name under which the operator knows its own.
Json pair_of(EpochMs age, const std::string& authority = "tessera admission CA") {
  const EpochMs made = now_epoch_ms() - age;
  const auto issued =
      operate::issue({authority,
                      {"tessera-server-admission.tessera.svc", "tessera-server-admission.tessera.svc.cluster.local"},
                      made,
                      made + 90 * kDay});
  EXPECT_TRUE(issued);
  return {{"tls.crt", base64(issued->certificate)},
          {"tls.key", base64(issued->key)},
          {"ca.crt", base64(issued->authority)}};
}

TEST_F(OperatorAdmission, IsMadeWithItsCertificateAndThenNothingIsWritten) {
  auto replica = operated.start();
  operated.ask(with_admission());
  ASSERT_TRUE(operated.becomes_ready()) << replica->output() << operated.condition("Ready");
  EXPECT_EQ(told(), data("ca.crt"));
  EXPECT_EQ(operate::read_certificates(told()).size(), 1U);
  EXPECT_TRUE(operated.has_condition("CertificateValid", "True", "Valid", "valid until"));
  EXPECT_TRUE(operated.has_event("CertificateMade", "certificate made, valid until"));
  EXPECT_THAT(operated.page(*replica, "/metrics"), HasSubstr("tessera_operator_certificate_expiry_seconds 1"));
  EXPECT_THAT(replica->output(), Not(HasSubstr("PRIVATE")));
  for (const Json& event : operated.all("Event")) EXPECT_THAT(event.dump(), Not(HasSubstr("PRIVATE")));
  // A new operator finds it good.
  const auto before = operated.writes().size();
  const std::string key = data("tls.key");
  EXPECT_EQ(replica->stop(), 0);
  auto next = operated.start();
  EXPECT_TRUE(eventually([&] {
    return operated.page(*next, "/metrics").find("tessera_operator_certificate_expiry_seconds 1") != std::string::npos;
  })) << next->output();
  EXPECT_EQ(operated.writes().size(), before);
  EXPECT_EQ(data("tls.key"), key);
}

TEST_F(OperatorAdmission, IsRepairedWithItsSecret) {
  auto replica = operated.start();
  operated.ask(with_admission());
  ASSERT_TRUE(operated.becomes_ready()) << replica->output();
  const std::string first = data("ca.crt");
  Json webhooks = webhook().at("webhooks");
  webhooks[0]["clientConfig"]["caBundle"] = "Zm9v";
  webhooks[1]["failurePolicy"] = "Fail";
  operated.change("MutatingWebhookConfiguration", "", kName, {{"webhooks", webhooks}});
  EXPECT_TRUE(eventually([&] { return told() == first && webhook().at("webhooks")[1]["failurePolicy"] == "Ignore"; }));
  // A cut certificate is made anew; servers that still show the old one are trusted.
  operated.change("Secret", "tessera", kName, {{"data", {{"tls.crt", "LS0tLS1CRUdJTg=="}}}});
  EXPECT_TRUE(eventually([&] { return operate::read_certificates(data("tls.crt")).size() == 1; })) << replica->output();
  EXPECT_TRUE(eventually([&] { return told() == data("ca.crt") && still_tells(first) && told() != first; }));
  const std::string second = data("ca.crt");
  operated.remove("Secret", "tessera", kName);
  EXPECT_TRUE(eventually([&] { return secret().is_object(); })) << replica->output();
  EXPECT_TRUE(eventually([&] { return told() == data("ca.crt") && still_tells(second) && told() != second; }));
}

TEST_F(OperatorAdmission, RenewsWhatIsPastTwoThirdsOfItsLife) {
  operated.put({{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", "tessera"}}}});
  const Json old = pair_of(61 * kDay);
  put_secret(old, true);
  auto replica = operated.start();
  operated.ask(with_admission());
  EXPECT_TRUE(eventually([&] { return operate::read_certificates(told()).size() == 2; })) << replica->output();
  EXPECT_EQ(secret()["data"]["tls.crt"], old["tls.crt"]) << "API servers learn of the next CA first";
  EXPECT_NE(data("next.crt"), "");
  EXPECT_TRUE(eventually([&] { return operated.has_event("CertificateMade", "the next certificate made"); }))
      << "it is told after it is done";
}

TEST_F(OperatorAdmission, PromotesTheNextOneOnceApiServersAreTold) {
  operated.put({{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", "tessera"}}}});
  const Json old = pair_of(61 * kDay), next = pair_of(2 * kDay);
  const auto text = [](const Json& pair, const char* key) {
    return *operate::base64_decoded(pair[key].get<std::string>());
  };
  put_secret({{"tls.crt", old["tls.crt"]},
              {"tls.key", old["tls.key"]},
              {"ca.crt", base64(text(next, "ca.crt") + text(old, "ca.crt"))},
              {"next.crt", next["tls.crt"]},
              {"next.key", next["tls.key"]}},
             true);
  auto replica = operated.start();
  operated.ask(with_admission());
  EXPECT_TRUE(eventually([&] { return secret()["data"]["tls.crt"] == next["tls.crt"]; })) << replica->output();
  EXPECT_FALSE(secret()["data"].contains("next.key"));
  EXPECT_EQ(told(), text(next, "ca.crt") + text(old, "ca.crt")) << "the old one may still be served";
}

TEST_F(OperatorAdmission, ASecretOfSomebodyElseIsUsedAndLeftAlone) {
  operated.put({{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", "tessera"}}}});
  const Json mine = pair_of(kDay, "my own CA");
  put_secret(mine, false);
  auto replica = operated.start();
  operated.ask(with_admission());
  ASSERT_TRUE(operated.becomes_ready()) << replica->output();
  EXPECT_EQ(secret()["data"], mine);
  EXPECT_EQ(Json(base64(told())), mine["ca.crt"]);
  EXPECT_TRUE(operated.has_condition("CertificateValid", "True", "Valid", "renew it yourself"));
  operated.remove("GpuMonitor", "", "gpus");
  EXPECT_TRUE(eventually([&] { return operated.find("GpuMonitor", "", "gpus").is_null(); })) << replica->output();
  EXPECT_EQ(secret()["data"], mine);
}

TEST_F(OperatorAdmission, GoesWhereItIsSwitchedOff) {
  auto replica = operated.start();
  operated.ask(with_admission());
  ASSERT_TRUE(operated.becomes_ready()) << replica->output();
  operated.ask(kEverything);
  EXPECT_TRUE(eventually([&] {
    return webhook().is_null() && secret().is_null() && operated.find("Service", "tessera", kName).is_null();
  })) << replica->output();
  EXPECT_TRUE(eventually([&] { return operated.condition("CertificateValid").is_null(); }));
  EXPECT_TRUE(operated.find("Secret", "tessera", "tessera-keys").is_object()) << "the keys stay";
  operated.ask(with_admission());
  ASSERT_TRUE(operated.becomes_ready()) << replica->output();
  operated.remove("GpuMonitor", "", "gpus");
  EXPECT_TRUE(eventually([&] { return operated.find("GpuMonitor", "", "gpus").is_null(); })) << replica->output();
  EXPECT_TRUE(webhook().is_null());
  EXPECT_TRUE(secret().is_null());
}

TEST_F(OperatorAdmission, AnotherWebhookOfTheClusterIsNotSeen) {
  operated.put(
      {{"apiVersion", "admissionregistration.k8s.io/v1"},
       {"kind", "MutatingWebhookConfiguration"},
       {"metadata",
        {{"name", "istio"},
         {"labels", {{"app.kubernetes.io/managed-by", "tessera-operator"}, {"app.kubernetes.io/instance", "gpus"}}}}}});
  auto replica = operated.start();
  operated.ask(with_admission());
  ASSERT_TRUE(operated.becomes_ready()) << replica->output();
  operated.remove("GpuMonitor", "", "gpus");
  EXPECT_TRUE(eventually([&] { return operated.find("GpuMonitor", "", "gpus").is_null(); }));
  EXPECT_TRUE(operated.find("MutatingWebhookConfiguration", "", "istio").is_object());
}

TEST_F(OperatorAdmission, CertManagerIsAskedWhereItIs) {
  operated.store().add_resource({"cert-manager.io", "v1", "certificates", "Certificate", true, {}});
  auto replica = operated.start();
  operated.ask(with_admission(kByCertManager));
  EXPECT_TRUE(eventually([&] { return operated.find("Certificate", "tessera", kName).is_object(); }))
      << replica->output();
  EXPECT_TRUE(eventually([&] { return webhook().is_object(); }));
  EXPECT_EQ(webhook()["metadata"]["annotations"]["cert-manager.io/inject-ca-from"], "tessera/tessera-server-admission");
  EXPECT_TRUE(eventually([&] { return operated.has_condition("CertificateValid", "Unknown", "NotIssued"); }));
  EXPECT_TRUE(secret().is_null());
  // It makes the Secret, and tells the API servers by itself: both are its own.
  put_secret(pair_of(kDay, "its CA"), false);
  Json webhooks = webhook().at("webhooks");
  for (Json& one : webhooks) one["clientConfig"]["caBundle"] = secret()["data"]["ca.crt"];
  operated.change("MutatingWebhookConfiguration", "", kName, {{"webhooks", webhooks}}, "cert-manager-cainjector");
  ASSERT_TRUE(operated.becomes_ready()) << replica->output();
  EXPECT_EQ(Json(base64(told())), secret()["data"]["ca.crt"]);
  EXPECT_TRUE(operated.has_condition("CertificateValid", "True", "Valid", "cert-manager renews it"));
}

TEST_F(OperatorAdmission, WithoutCertManagerItSaysSo) {
  auto replica = operated.start();
  operated.ask(with_admission(kByCertManager));
  EXPECT_TRUE(eventually([&] {
    operated.play_controllers();
    return operated.has_condition("Degraded", "True", "", "install cert-manager");
  })) << replica->output();
}

}  // namespace
}  // namespace tessera::e2e
