#include "server/node_changes/progress.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <nlohmann/json.hpp>

namespace tessera::server::nodes {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 3> kStages = {"changing", "listing", "stopped"};

std::string text(const Json& object, const char* member) {
  const auto found = object.find(member);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}
std::int64_t number(const Json& object, const char* member) {
  const auto found = object.find(member);
  return found != object.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}
bool flag(const Json& object, const char* member) {
  const auto found = object.find(member);
  return found != object.end() && found->is_boolean() && found->get<bool>();
}

}  // namespace

std::string_view stage_name(Stage stage) { return kStages[static_cast<std::size_t>(stage)]; }

std::string annotation_text(const Progress& change) {
  Json out{{"stage", stage_name(change.stage)},
           {"since", change.since},
           {"cordoned", change.cordoned},
           {"generation", change.generation},
           {"why", change.why}};
  if (!change.replaced.empty()) out["replaced"] = change.replaced;
  if (!change.entry.empty()) out["entry"] = change.entry;
  if (!change.trouble.empty()) out["trouble"] = change.trouble;
  if (change.unlisted) out["unlisted"] = true;
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<Progress> read_annotation(std::string_view annotation) {
  const Json json = Json::parse(annotation, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  const auto stage = std::ranges::find(kStages, text(json, "stage"));
  if (stage == kStages.end()) return std::nullopt;
  Progress out;
  out.stage = static_cast<Stage>(std::distance(kStages.begin(), stage));
  out.since = number(json, "since");
  out.cordoned = flag(json, "cordoned");
  out.generation = number(json, "generation");
  out.why = text(json, "why");
  if (const auto list = json.find("replaced"); list != json.end() && list->is_array())
    for (const Json& one : *list)
      if (one.is_string()) out.replaced.push_back(one.get<std::string>());
  out.entry = text(json, "entry");
  out.trouble = text(json, "trouble");
  out.unlisted = flag(json, "unlisted");
  return out;
}

}  // namespace tessera::server::nodes
