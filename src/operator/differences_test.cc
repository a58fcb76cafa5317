#include "operator/differences.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "operator/test_monitor.h"

namespace tessera::operate {
namespace {

struct Case {
  const char *desired, *live;
  std::string_view want;  // text_of() what is found
};

TEST(Differences, AreWhatWeSayAndTheServerDoesNot) {
  static constexpr Case kCases[] = {
      {"{a: 1}", "{a: 1, b: 2}", ""},
      {"{a: 1}", "{a: 2}", "a is 2"},
      {"{a: {b: x}}", "{a: {}}", "a.b is missing"},
      // What is left out is what it is without a word.
      {"{a: {b: false, c: '', d: {}, e: [], f: 0}}", "{a: {}}", ""},
      {"{a: {b: true}}", "{}", "a is missing"},
      // Amounts in any form, and only where amounts are.
      {"{limits: {cpu: 500m, memory: 1024Mi}}", "{limits: {cpu: '0.5', memory: 1Gi}}", ""},
      {"{limits: {cpu: 1}}", "{limits: {cpu: '1'}}", ""},
      {"{limits: {cpu: 500m}}", "{limits: {cpu: 600m}}", "limits.cpu is \"600m\""},
      {"{emptyDir: {sizeLimit: 1024Mi}}", "{emptyDir: {sizeLimit: 1Gi}}", ""},
      {"{env: [{name: A, value: '1.0'}]}", "{env: [{name: A, value: '1'}]}", "env[A].value is \"1\""},
      // Lists that others may add to.
      {"{containers: [{name: a, image: x}]}", "{containers: [{name: side, image: z}, {name: a, image: x, tty: true}]}",
       ""},
      {"{containers: [{name: a, image: x}]}", "{containers: [{name: a, image: y}]}", "containers[a].image is \"y\""},
      {"{containers: [{name: a}]}", "{containers: [{name: side}]}", "containers[a] is missing"},
      {"{volumeMounts: [{name: v, mountPath: /a}]}",
       "{volumeMounts: [{name: t, mountPath: /t}, {name: v, mountPath: /a}]}", ""},
      {"{ports: [{containerPort: 1, protocol: TCP, name: a}]}",
       "{ports: [{containerPort: 1, protocol: UDP}, {containerPort: 1, protocol: TCP, name: a}]}", ""},
      {"{kind: Service, ports: [{port: 1, protocol: TCP}]}",
       "{kind: Service, ports: [{port: 2, protocol: TCP}, {port: 1, protocol: TCP, nodePort: 3}]}", ""},
      {"{webhooks: [{name: a, clientConfig: {caBundle: x}, rules: [{scope: Namespaced}]}]}",
       "{webhooks: [{name: a, clientConfig: {caBundle: y}, rules: [{scope: Namespaced}], timeoutSeconds: 3}]}",
       "webhooks[a].clientConfig.caBundle is \"y\""},
      {"{webhooks: [{name: a}]}", "{webhooks: [{name: a, clientConfig: {caBundle: y}}]}", ""},  // cert-manager's
      // Lists that are one value.
      {"{kind: NetworkPolicy, ports: [{port: 1, protocol: TCP}]}",
       "{kind: NetworkPolicy, ports: [{port: 1, protocol: TCP}, {port: 2, protocol: TCP}]}",
       "ports is [{\"port\":1,\"protocol\":\"TCP\"},{\"port\":2,\"protocol\":\"TCP\"}]"},
      {"{args: [a, b]}", "{args: [b, a]}", "args[0] is \"b\", args[1] is \"a\""},
      {"{rules: [{verbs: [get]}]}", "{rules: [{verbs: [get, list]}]}", "rules[0].verbs is [\"get\",\"list\"]"},
      {"{volumeClaimTemplates: [{spec: {a: 1}}]}",
       "{volumeClaimTemplates: [{kind: P, spec: {a: 1, b: 2}, status: {}}]}", ""},
      // One value in the place of another.
      {"{a: {b: 1}}", "{a: 3}", "a is 3"},
      {"{a: [1]}", "{a: {b: 1}}", "a is {\"b\":1}"},
  };
  for (const Case& c : kCases)
    EXPECT_EQ(text_of(differences(json_of(c.desired), json_of(c.live))), c.want) << c.desired;
}

TEST(Differences, AreNoneBetweenAnObjectAndItself) {
  for (const Json& object : plan_of(kMinimal).objects) EXPECT_TRUE(differences(object, object).empty()) << object;
}

TEST(Differences, AreFoundWhereverAValueIsChanged) {
  for (const Json& object : plan_of(kMinimal).objects) {
    const Json flat = object.flatten();
    for (const auto& [path, value] : flat.items()) {
      if (!value.is_string() || value == "") continue;
      Json other = object;
      other[Json::json_pointer(path)] = "otherwise-" + value.get<std::string>();
      EXPECT_FALSE(differences(object, other).empty()) << path;
    }
  }
}

}  // namespace
}  // namespace tessera::operate
