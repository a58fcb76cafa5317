#include "operator/serving.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "operator/base64.h"
#include "operator/components.h"
#include "operator/sources.h"
#include "operator/test_monitor.h"
#include "operator/x509.h"

namespace tessera::operate {
namespace {
using testing::HasSubstr;
using testing::Not;

constexpr EpochMs kDay = 86'400'000;
constexpr EpochMs kStart = 1'800'000'000'000;  // 2027-01-15T08:00:00Z

std::string spec_with(std::string_view admission) {
  return std::string(
             "{features: {openAgent: {enabled: true}, k8sAgent: {masterAgent: {enabled: true}}}, server: "
             "{admission: {") +
         std::string(admission) + "}}}";
}
const std::string kOwn = spec_with("enabled: true"),
                  kManaged = spec_with("enabled: true, certManager: {issuerRef: {name: ca}}");

Json data_of(const SecretTexts& texts) {
  Json out = Json::object();
  for (const auto& [key, text] : texts) out[key] = base64(text);
  return out;
}

/// What the watches have told.
class Told {
 public:
  Told() {
    seen_[kAdmissionSecrets];
    seen_[std::string(kWebhookKind)];
  }
  void secret(const Json& data, const std::string& version, bool ours = true) {
    Json labels = Json::object();
    if (ours) labels["app.kubernetes.io/managed-by"] = "tessera-operator";
    seen_[kAdmissionSecrets]["tessera/tessera-server-admission"] = std::make_shared<const Json>(
        Json{{"metadata", {{"resourceVersion", version}, {"labels", labels}}}, {"data", data}});
  }
  void written(const CertificateSecret& secret, const std::string& version) {
    this->secret(data_of(secret.texts), version);
  }
  void webhook(const std::string& authorities) {
    seen_[std::string(kWebhookKind)][std::string(kAdmission)] = std::make_shared<const Json>(
        Json{{"webhooks", Json::array({{{"clientConfig", {{"caBundle", base64(authorities)}}}}})}});
  }
  const Seen::Snapshot& seen() const { return seen_; }

 private:
  Seen::Snapshot seen_;
};

TEST(Serving, IsNothingWithoutTheWebhook) {
  ServingKeeper keeper;
  const Told told;
  for (const auto& spec : {std::string(kMinimal), spec_with("enabled: false"), std::string("{}")}) {
    const Serving out = keeper.look(monitor_of(spec), told.seen(), kStart);
    EXPECT_FALSE(out.condition || out.certificate || out.expiry || !out.authorities.empty()) << spec;
  }
}

TEST(Serving, MakesACertificateOnceAndThenRests) {
  ServingKeeper keeper;
  Told told;
  const GpuMonitor monitor = monitor_of(kOwn);
  const Serving first = keeper.look(monitor, told.seen(), kStart);
  ASSERT_TRUE(first.certificate);
  EXPECT_EQ(first.certificate->version, "");
  EXPECT_EQ(first.authorities, first.certificate->texts.at(kAuthorities)) << "told as soon as it is written";
  EXPECT_EQ(first.condition->status, "Unknown");
  // Until the watch tells of it, it is not made twice.
  const Serving again = keeper.look(monitor, told.seen(), kStart + 1'000);
  ASSERT_TRUE(again.certificate);
  EXPECT_EQ(again.certificate->texts, first.certificate->texts);
  told.written(*first.certificate, "7");
  told.webhook(first.authorities);
  const Serving settled = keeper.look(monitor, told.seen(), kStart + 2'000);
  EXPECT_FALSE(settled.certificate);
  EXPECT_EQ(settled.authorities, first.authorities);
  EXPECT_EQ(settled.expiry, kStart + 90 * kDay);
  EXPECT_EQ(settled.condition->status, "True");
  EXPECT_THAT(settled.condition->message, HasSubstr("valid until 2027-04-15T08:00:00Z"));
  // Who starts anew finds all of it there.
  ServingKeeper other;
  EXPECT_FALSE(other.look(monitor, told.seen(), kStart + kDay).certificate);
  EXPECT_EQ(other.look(monitor, told.seen(), kStart + kDay).condition, settled.condition);
}

TEST(Serving, WhatCannotBeWrittenIsMadeAnewOnlyAfterAWhile) {
  ServingKeeper keeper;
  const Told told;
  const GpuMonitor monitor = monitor_of(kOwn);
  const auto first = keeper.look(monitor, told.seen(), kStart).certificate->texts;
  EXPECT_EQ(keeper.look(monitor, told.seen(), kStart + 3'000'000).certificate->texts, first);
  EXPECT_NE(keeper.look(monitor, told.seen(), kStart + 4'000'000).certificate->texts, first);
}

TEST(Serving, RenewsThroughBothSteps) {
  ServingKeeper keeper;
  Told told;
  const GpuMonitor monitor = monitor_of(kOwn);
  const Serving first = keeper.look(monitor, told.seen(), kStart);
  told.written(*first.certificate, "1");
  told.webhook(first.authorities);
  const EpochMs due = kStart + 60 * kDay;
  const Serving prepared = keeper.look(monitor, told.seen(), due);
  ASSERT_TRUE(prepared.certificate);
  EXPECT_EQ(prepared.certificate->version, "1");
  EXPECT_EQ(prepared.certificate->texts.at(kCertificate), first.certificate->texts.at(kCertificate));
  EXPECT_EQ(read_certificates(prepared.authorities).size(), 2U);
  EXPECT_THAT(prepared.certificate->note, HasSubstr("the next certificate made, valid until 2027-06-14"));
  told.written(*prepared.certificate, "2");
  EXPECT_FALSE(keeper.look(monitor, told.seen(), due + kDay).certificate) << "API servers do not know its CA";
  told.webhook(prepared.authorities);
  const Serving promoted = keeper.look(monitor, told.seen(), due + kDay);
  ASSERT_TRUE(promoted.certificate);
  EXPECT_EQ(promoted.certificate->texts.at(kCertificate), prepared.certificate->texts.at(kNextCertificate));
  const Json patch = certificate_object(monitor, *promoted.certificate);
  EXPECT_EQ(patch["metadata"]["resourceVersion"], "2");
  EXPECT_TRUE(patch["data"][kNextKey].is_null()) << "which takes it out";
  EXPECT_THAT(promoted.certificate->note + prepared.certificate->note, Not(HasSubstr("PRIVATE")));
}

TEST(Serving, LeavesASecretOfSomebodyElseAsItIs) {
  ServingKeeper keeper;
  Told told;
  const auto mine = must(issue({"my CA", {"tessera-server-admission.tessera.svc"}, kStart, kStart + 20 * kDay}));
  told.secret(data_of({{kCertificate, mine.certificate}, {kPrivateKey, mine.key}, {kAuthorities, mine.authority}}), "1",
              false);
  const Serving out = keeper.look(monitor_of(kOwn), told.seen(), kStart + kDay);
  EXPECT_FALSE(out.certificate);
  EXPECT_EQ(out.authorities, mine.authority) << "API servers are told";
  EXPECT_THAT(out.condition->message, HasSubstr("renew it yourself"));
  const Serving late = keeper.look(monitor_of(kOwn), told.seen(), kStart + 20 * kDay);
  EXPECT_FALSE(late.certificate);
  EXPECT_EQ(late.condition->status, "False");
  EXPECT_EQ(late.condition->reason, "Expired");
}

TEST(Serving, TellsHowCertManagersIs) {
  ServingKeeper keeper;
  Told told;
  const GpuMonitor monitor = monitor_of(kManaged);
  const Serving missing = keeper.look(monitor, told.seen(), kStart);
  EXPECT_EQ(missing.condition->reason, "NotIssued");
  EXPECT_THAT(missing.condition->message, HasSubstr("kubectl describe certificate --namespace tessera"));
  const auto issued = must(issue({"its CA", {"x"}, kStart, kStart + 20 * kDay}));
  told.secret(data_of({{kCertificate, issued.certificate}, {kAuthorities, issued.authority}}), "1", false);
  const Serving out = keeper.look(monitor, told.seen(), kStart);
  EXPECT_EQ(out.condition->status, "True");
  EXPECT_FALSE(out.certificate);
  EXPECT_EQ(out.authorities, "") << "cert-manager tells the API servers";
}

TEST(Serving, ReadsAnySecretWithoutHarm) {
  for (const char* data : {"null", "[]", "{}", R"({"tls.crt": 1})", R"({"tls.crt": "***", "ca.crt": null})",
                           R"({"tls.crt": "AP8A", "tls.key": "AP8A", "ca.crt": "AP8A"})"}) {
    ServingKeeper keeper;
    Told told;
    told.secret(Json::parse(data), "1");
    told.webhook("?");
    const Serving out = keeper.look(monitor_of(kOwn), told.seen(), kStart);
    ASSERT_TRUE(out.certificate) << data;
    EXPECT_EQ(out.certificate->version, "1");
  }
}

TEST(CertificateObject, IsOwnedAndLabelled) {
  const GpuMonitor monitor = monitor_of(kOwn);
  const Json made = certificate_object(monitor, {"tessera", "tessera-server-admission", "", {{kCertificate, "a"}}, ""});
  EXPECT_EQ(made["metadata"]["labels"]["app.kubernetes.io/managed-by"], "tessera-operator");
  EXPECT_EQ(made["metadata"]["ownerReferences"][0]["uid"], "u-1");
  EXPECT_EQ(made["data"], Json({{kCertificate, "YQ=="}}));
}

}  // namespace
}  // namespace tessera::operate
