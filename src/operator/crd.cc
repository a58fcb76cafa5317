#include "operator/crd.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <type_traits>

#include "operator/spec_fields.h"

namespace tessera::operate {
namespace {

using Json = nlohmann::ordered_json;

class Schema;

// ---- One value: its type, and what is assumed where it is absent

Json text_schema(const Field& field) {
  const FormRow& form = row_of(field.form);
  if (form.number_too) return {{"x-kubernetes-int-or-string", true}};
  Json out{{"type", "string"}};
  if (!field.words.empty()) {
    out["enum"] = field.words;
    return out;
  }
  if (!form.pattern.empty()) out["pattern"] = form.pattern;
  out["maxLength"] = field.longest == 0 ? kLongestText : field.longest;
  return out;
}

Json schema_of(const Field& field, const std::string& value) {
  Json out = text_schema(field);
  if (!value.empty()) out["default"] = value;
  return out;
}

Json schema_of(const Field&, bool value) { return {{"type", "boolean"}, {"default", value}}; }
Json schema_of(const Field&, const std::optional<bool>&) { return {{"type", "boolean"}}; }

Json schema_of(const Field& field, std::int64_t value) {
  Json out{{"type", "integer"}, {"format", "int64"}};
  if (field.least != 0 || field.most != 0) {
    out["minimum"] = field.least;
    out["maximum"] = field.most;
  }
  out["default"] = value;
  return out;
}
Json schema_of(const Field&, const std::optional<std::int64_t>&) { return {{"type", "integer"}, {"format", "int64"}}; }

Json schema_of(const Field& field, Milliseconds value) {
  Json out = text_schema(field);
  out["default"] = format_duration(value);
  return out;
}
Json schema_of(const Field& field, const std::optional<Milliseconds>&) { return text_schema(field); }

Json schema_of(const Field&, const Raw&) {
  return {{"type", "object"}, {"x-kubernetes-preserve-unknown-fields", true}};
}

Json schema_of(const Field& field, const TextMap&) {
  return {{"type", "object"}, {"maxProperties", kMostItems}, {"additionalProperties", text_schema(field)}};
}

template <class T>
  requires requires(Schema& schema, T& value) { describe(schema, value); }
Json schema_of(const Field&, const T& value);

template <class T>
Json schema_of(const Field& field, const std::optional<T>&) {
  return schema_of(field, T{});
}

template <class T>
Json schema_of(const Field& field, const std::vector<T>&) {
  Json out{{"type", "array"}, {"maxItems", kMostItems}, {"items", schema_of(field, T{})}};
  if (!field.list_key.empty()) {
    out["x-kubernetes-list-type"] = "map";
    out["x-kubernetes-list-map-keys"] = Json::array({field.list_key});
  }
  return out;
}

// ---- A struct

class Schema {
 public:
  template <class T>
  void field(const Field& field, const T& value) {
    Json schema = schema_of(field, value);
    Json told{{"description", field.about}};
    told.update(schema);
    if (field.required) {
      required_.push_back(field.key);
      told.erase("default");
    }
    properties_[std::string(field.key)] = std::move(told);
  }

  void rule(std::string_view cel, std::string_view message, bool) {
    rules_.push_back({{"rule", cel}, {"message", message}});
  }

  /// What CEL cannot say, the operator's conditions tell.
  void check(const Result<void>&) {}

  Json finish() const {
    Json out{{"type", "object"}, {"properties", properties_}};
    if (!required_.empty()) out["required"] = required_;
    if (!rules_.empty()) out["x-kubernetes-validations"] = rules_;
    return out;
  }

 private:
  Json properties_ = Json::object(), required_ = Json::array(), rules_ = Json::array();
};

template <class T>
  requires requires(Schema& schema, T& value) { describe(schema, value); }
Json schema_of(const Field&, const T& value) {
  Schema schema;
  T defaults = value;
  describe(schema, defaults);
  return schema.finish();
}

// ---- The definition

Json text(std::string_view about) { return {{"description", about}, {"type", "string"}}; }

Json condition_schema() {
  return {{"type", "object"},
          {"required", {"type", "status", "lastTransitionTime", "reason", "message"}},
          {"properties",
           {{"type", text("What is told, such as Ready.")},
            {"status", {{"type", "string"}, {"enum", {"True", "False", "Unknown"}}}},
            {"observedGeneration", {{"type", "integer"}, {"format", "int64"}}},
            {"lastTransitionTime", {{"type", "string"}, {"format", "date-time"}}},
            {"reason", text("Why, in a word.")},
            {"message", text("Why, in a sentence, and what to do.")}}}};
}

Json status_schema() {
  return {{"description", "What has become of it."},
          {"type", "object"},
          {"properties",
           {{"observedGeneration",
             {{"description", "Generation of the spec that this status tells of."},
              {"type", "integer"},
              {"format", "int64"}}},
            {"conditions",
             {{"description", "How each feature is."},
              {"type", "array"},
              {"x-kubernetes-list-type", "map"},
              {"x-kubernetes-list-map-keys", Json::array({"type"})},
              {"items", condition_schema()}}}}}};
}

Json column(std::string_view name, std::string_view type, std::string_view path) {
  return {{"name", name}, {"type", type}, {"jsonPath", path}};
}

Json columns() {
  const auto condition = [](std::string_view type, std::string_view field) {
    return fmt::format(".status.conditions[?(@.type==\"{}\")].{}", type, field);
  };
  Json out{column("Ready", "string", condition("Ready", "status")),
           column("Reason", "string", condition("Ready", "reason")), column("Cluster", "string", ".spec.clusterName"),
           column("Exporter", "string", ".spec.features.k8sAgent.gpuMonitoring.exporter"),
           column("Age", "date", ".metadata.creationTimestamp")};
  Json message = column("Message", "string", condition("Ready", "message"));
  message["priority"] = 1;
  out.push_back(std::move(message));
  return out;
}

}  // namespace

Json crd() {
  Json spec = schema_of(Field{}, Spec{});
  Json described{{"description", "What to run, and where."}};
  described.update(spec);
  Json schema{{"description", "GPU monitoring of a cluster: agents on nodes, relay, server."},
              {"type", "object"},
              {"required", Json::array({"spec"})},
              {"properties",
               {{"apiVersion", {{"type", "string"}}},
                {"kind", {{"type", "string"}}},
                {"metadata", {{"type", "object"}}},
                {"spec", described},
                {"status", status_schema()}}}};
  Json version{{"name", "v1alpha1"},
               {"served", true},
               {"storage", true},
               {"schema", {{"openAPIV3Schema", schema}}},
               {"subresources", {{"status", Json::object()}}},
               {"additionalPrinterColumns", columns()}};
  return {{"apiVersion", "apiextensions.k8s.io/v1"},
          {"kind", "CustomResourceDefinition"},
          {"metadata",
           {{"name", fmt::format("gpumonitors.{}", kGroup)}, {"labels", {{"app.kubernetes.io/part-of", "tessera"}}}}},
          {"spec",
           {{"group", kGroup},
            {"scope", "Cluster"},
            {"names",
             {{"kind", kKind},
              {"listKind", fmt::format("{}List", kKind)},
              {"plural", "gpumonitors"},
              {"singular", "gpumonitor"},
              {"shortNames", Json::array({"gpumon"})},
              {"categories", Json::array({"tessera"})}}},
            {"versions", Json::array({version})}}}};
}

}  // namespace tessera::operate
