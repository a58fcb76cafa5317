#include "operator/crd.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <set>

#include "base/files.h"
#include "operator/dry_run.h"
#include "operator/spec_fields.h"
#include "operator/test_monitor.h"
#include "operator/yaml_text.h"

namespace tessera::operate {
namespace {

const std::string kFile = TESSERA_SOURCE_DIR "/deploy/crds/gpumonitors.tessera.dev.yaml";

Json spec_schema() { return crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]; }

/// Calls `see` for each property below a schema, with its path.
void walk(const Json& schema, const std::string& path,
          const std::function<void(const std::string&, const Json&)>& see) {
  if (schema.contains("items")) return walk(schema["items"], path + "[]", see);
  if (!schema.contains("properties")) return;
  for (const auto& [key, property] : schema["properties"].items()) {
    const std::string below = path.empty() ? key : path + "." + key;
    see(below, property);
    walk(property, below, see);
  }
}

/// What the reader asks for, path by path.
class Paths {
 public:
  explicit Paths(std::string path, std::set<std::string>& into) : path_(std::move(path)), into_(into) {}

  template <class T>
  void field(const Field& field, T& value) {
    const std::string below = path_.empty() ? std::string(field.key) : path_ + "." + std::string(field.key);
    EXPECT_TRUE(into_.insert(below).second) << below << " is told twice";
    go(value, below);
  }
  void rule(std::string_view, std::string_view, bool) {}
  void check(const Result<void>&) {}

 private:
  template <class T>
  void go(std::optional<T>&, const std::string& path) {
    T value{};
    go(value, path);
  }
  template <class T>
  void go(std::vector<T>&, const std::string& path) {
    T value{};
    go(value, path + "[]");
  }
  template <class T>
  void go(T& value, const std::string& path) {
    if constexpr (requires(Paths& paths) { describe(paths, value); }) {
      Paths paths(path, into_);
      describe(paths, value);
    }
  }

  std::string path_;
  std::set<std::string>& into_;
};

TEST(Crd, HasEveryFieldOfTheReaderAndNoOther) {
  std::set<std::string> read, told;
  Spec spec;
  Paths paths("", read);
  describe(paths, spec);
  walk(spec_schema(), "", [&](const std::string& path, const Json&) { told.insert(path); });
  EXPECT_EQ(read, told);
  EXPECT_TRUE(told.contains("features.openAgent.targets[].endpoints[].port"));
}

TEST(Crd, IsTheFileThatIsDeployed) {
  EXPECT_EQ(yaml_text(crd()), must(read_file(kFile)))
      << "build/release/bin/tessera-operator --crd > deploy/crds/gpumonitors.tessera.dev.yaml";
  EXPECT_EQ(json_of(yaml_text(crd())), crd());
}

TEST(Crd, IsSmallEnoughForAnAnnotation) { EXPECT_LT(crd().dump().size(), 256U << 10U); }

TEST(Crd, IsStructuralAndTellsWhatEachFieldIs) {
  walk(spec_schema(), "", [](const std::string& path, const Json& schema) {
    EXPECT_TRUE(schema.contains("type") || schema.contains("x-kubernetes-int-or-string")) << path;
    EXPECT_TRUE(schema.contains("description") && schema["description"].get<std::string>().ends_with(".")) << path;
    if (schema.contains("items")) {
      EXPECT_TRUE(schema.contains("maxItems")) << path;
    }
    if (schema.value("x-kubernetes-list-type", "") == "map")
      EXPECT_THAT(schema["items"]["required"].get<std::vector<std::string>>(),
                  testing::Contains(schema["x-kubernetes-list-map-keys"][0].get<std::string>()))
          << path << ": the key of a list must be there";
  });
}

TEST(Crd, RulesAreWhatEveryServerWithCelTakes) {
  const std::string text = crd().dump();
  EXPECT_EQ(text.find(".?"), std::string::npos) << "optional fields came with 1.29";
  EXPECT_NE(text.find("x-kubernetes-validations"), std::string::npos);
}

/// An API server fills in the defaults of the schema below every map that is there.
void fill(const Json& schema, Json& value) {
  if (value.is_array()) {
    for (Json& item : value) fill(schema["items"], item);
    return;
  }
  if (!value.is_object() || !schema.contains("properties")) return;
  for (const auto& [key, property] : schema["properties"].items()) {
    if (!value.contains(key) && property.contains("default")) value[key] = property["default"];
    if (value.contains(key)) fill(property, value[key]);
  }
}

TEST(Crd, ItsDefaultsAreTheReaders) {
  const std::string text = resource(R"({features: {openAgent: {enabled: true, queue: {}, targets: [
          {targetName: a, selector: {}, endpoints: [{port: 1, tlsConfig: {}}]}]},
        k8sAgent: {masterAgent: {enabled: true}, nodeAgent: {enabled: true, nodeMetrics: {}},
                   gpuMonitoring: {enabled: true, sessions: {}, mig: {layout: {}}}}},
        images: {}, server: {}, storage: {volume: {}}, promql: {volume: {}}, alerting: {}})");
  Json object = json_of(text);
  Json filled = object;
  fill(spec_schema(), filled["spec"]);
  ASSERT_NE(object, filled);
  const auto printed = [](const Json& one) {
    return plan_text(make_plan(must(parse_gpu_monitor(one.dump(), "m.json")), {}));
  };
  EXPECT_EQ(printed(object), printed(filled));
}

TEST(Crd, ShowsTheConditionAndTellsStatusApart) {
  const Json version = crd()["spec"]["versions"][0];
  EXPECT_TRUE(version["subresources"].contains("status"));
  EXPECT_EQ(version["additionalPrinterColumns"][0]["jsonPath"], R"(.status.conditions[?(@.type=="Ready")].status)");
  EXPECT_EQ(crd()["spec"]["scope"], "Cluster");
}

}  // namespace
}  // namespace tessera::operate
