#include "operator/rights.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "operator/components.h"
#include "operator/test_monitor.h"

namespace tessera::operate {
namespace {

bool has(const Json& list, const Json& value) { return std::find(list.begin(), list.end(), value) != list.end(); }

/// `name`: of one object only.
bool may(const std::string& group, const std::string& resource, const std::string& verb, const std::string& name = "") {
  for (const Json& rule : rights())
    if ((!rule.contains("resourceNames") || (!name.empty() && has(rule["resourceNames"], name))) &&
        has(rule["apiGroups"], group) && has(rule["resources"], resource) && has(rule["verbs"], verb))
      return true;
  return false;
}

TEST(Rights, HaveAllThatTheOperatorGrants) {
  int grants = 0;
  for (const unsigned minor : {20U, 30U})
    for (const Json& object :
         plan_of("{features: {openAgent: {enabled: true, replicas: 2}, k8sAgent: {masterAgent: {enabled: true}, "
                 "nodeAgent: {enabled: true}, gpuMonitoring: {enabled: true, mig: {layout: {enabled: true}}}}}, "
                 "server: {admission: {enabled: true}}}",
                 {.minor = minor, .foreign_namespaces = {}})
             .objects)
      for (const Json& rule : object.value("rules", Json::array()))
        for (const Json& group : rule["apiGroups"])
          for (const Json& resource : rule["resources"])
            for (const Json& verb : rule["verbs"]) {
              EXPECT_TRUE(may(group, resource, verb)) << group << resource << verb;
              ++grants;
            }
  EXPECT_GT(grants, 10);
}

TEST(Rights, ReachEveryKindAndNoSecretOrWebhookOfOthers) {
  for (const unsigned minor : {20U, 30U})
    for (const Kind& kind : kinds({.minor = minor, .foreign_namespaces = {}})) {
      const auto slash = kind.api_version.find('/');
      const std::string group(slash == std::string_view::npos ? "" : kind.api_version.substr(0, slash));
      const std::string plural(kind.plural), name(kind.kind == kWebhookKind ? kAdmission : "");
      for (const auto* verb : {"list", "watch", "create", "patch"})
        EXPECT_TRUE(may(group, plural, verb, name)) << kind.kind << verb;
      EXPECT_EQ(may(group, plural, "delete", name), kind.kind != "Namespace") << kind.kind;
    }
  for (const auto* verb : {"get", "list", "watch", "patch", "delete"}) {
    EXPECT_FALSE(may("admissionregistration.k8s.io", "mutatingwebhookconfigurations", verb)) << verb;
    EXPECT_FALSE(may("", "secrets", verb)) << verb;
    EXPECT_TRUE(may("", "secrets", verb, std::string(kAdmission))) << verb;
  }
  EXPECT_TRUE(may("", "secrets", "create"));
}

}  // namespace
}  // namespace tessera::operate
