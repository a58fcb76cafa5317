// Fields and their owners, as server-side apply counts them.
#include "tests/kube_stub/ownership.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/kube_stub/access.h"
#include "tests/kube_stub/field_set.h"

namespace tessera::kube_stub {
namespace {

using Json = nlohmann::json;

Json map(const Json& data) {
  return {{"apiVersion", "v1"}, {"kind", "ConfigMap"}, {"metadata", {{"name", "m"}}}, {"data", data}};
}
const Writer kOurs{.manager = "ours"}, kForce{.manager = "ours", .force = true}, kTheirs{.manager = "theirs"};

TEST(FieldSet, ReadsBackWhatItWrites) {
  const Json pod = Json::parse(R"({"spec": {"containers": [{"name": "a", "args": ["x"], "ports": [
      {"containerPort": 1, "protocol": "TCP"}]}]}, "metadata": {"finalizers": ["f"], "labels": {"l": "1"}, "name": "n"}})");
  const Fields fields = fields_of(pod);
  EXPECT_EQ(from_fields_v1(fields_v1(fields)), fields);
  for (const FieldPath& path : fields) EXPECT_NE(value_at(pod, path), nullptr) << dotted(path);
  EXPECT_TRUE(fields.contains({"f:spec", "f:containers", R"(k:{"name":"a"})", "f:args"}));
  EXPECT_TRUE(fields.contains({"f:metadata", "f:finalizers", "v:\"f\""}));
}

TEST(Apply, MakesChangesAndDropsItsOwnFields) {
  const Json first = applied(nullptr, map({{"a", "1"}, {"b", "2"}}), kOurs).object;
  EXPECT_EQ(applied(&first, map({{"a", "1"}, {"b", "2"}}), kOurs).object, first) << "nothing new";
  Json shared = first;
  shared["data"]["c"] = "3";
  note_update(&first, shared, kTheirs);
  const Json less = applied(&shared, map({{"a", "1"}}), kOurs).object;
  EXPECT_EQ(less["data"], Json({{"a", "1"}, {"c", "3"}}));
}

TEST(Apply, ConflictsWhereSomebodyElseHasSetTheField) {
  const Json first = applied(nullptr, map({{"a", "1"}}), kOurs).object;
  Json changed = first;
  changed["data"]["a"] = "9";
  note_update(&first, changed, kTheirs);
  const Applied refused = applied(&changed, map({{"a", "1"}}), kOurs);
  ASSERT_EQ(refused.conflicts.size(), 1U);
  EXPECT_EQ(refused.conflicts[0].manager, "theirs");
  EXPECT_EQ(refused.conflicts[0].field, ".data.a");
  const Applied forced = applied(&changed, map({{"a", "1"}}), kForce);
  EXPECT_TRUE(forced.conflicts.empty());
  EXPECT_EQ(forced.object["data"]["a"], "1");
  EXPECT_TRUE(applied(&forced.object, map({{"a", "2"}}), kOurs).conflicts.empty()) << "it is ours again";
}

TEST(Apply, LeavesItemsOfOthersInListsThatMerge) {
  const auto set = [](const Json& containers) {
    return Json{{"apiVersion", "apps/v1"}, {"kind", "DaemonSet"}, {"spec", {{"containers", containers}}}};
  };
  const Json first = applied(nullptr, set({{{"name", "a"}, {"image", "1"}}, {{"name", "b"}}}), kOurs).object;
  Json more = first;
  more["spec"]["containers"].push_back({{"name", "side"}});
  note_update(&first, more, kTheirs);
  const Json now = applied(&more, set({{{"name", "a"}, {"image", "2"}}}), kOurs).object;
  EXPECT_EQ(now["spec"]["containers"], Json({{{"name", "a"}, {"image", "2"}}, {{"name", "side"}}}));
}

TEST(Access, IsWhatRolesSayAndNobodyGrantsMoreThanHeHas) {
  Store store;
  const auto put = [&](const Json& object) { EXPECT_LT(store.put(object).code, 300); };
  const Json role = Json::parse(R"({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
      "metadata": {"name": "r"}, "rules": [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]},
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"], "resourceNames": ["mine"]}]})");
  put(role);
  put(Json::parse(R"({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
      "metadata": {"name": "b"}, "roleRef": {"kind": "ClusterRole", "name": "r"},
      "subjects": [{"kind": "ServiceAccount", "namespace": "n", "name": "s"}]})"));
  const std::string user = "system:serviceaccount:n:s";
  EXPECT_TRUE(is_allowed(store, {user, "list", "", "pods", "x", ""}));
  EXPECT_FALSE(is_allowed(store, {user, "delete", "", "pods", "x", "p"}));
  EXPECT_FALSE(is_allowed(store, {"system:serviceaccount:n:t", "list", "", "pods", "x", ""}));
  EXPECT_TRUE(is_allowed(store, {user, "get", "", "secrets", "x", "mine"}));
  EXPECT_FALSE(is_allowed(store, {user, "get", "", "secrets", "x", "yours"}));
  EXPECT_FALSE(is_allowed(store, {user, "get", "", "secrets", "x", ""}));
  Json granted = role;
  granted["rules"] = Json::array({role["rules"][0]});
  EXPECT_TRUE(may_grant(store, user, granted));
  granted["rules"][0]["verbs"].push_back("delete");
  EXPECT_FALSE(may_grant(store, user, granted));
}

}  // namespace
}  // namespace tessera::kube_stub
