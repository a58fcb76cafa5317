#include "operator/raw.h"

#include <nlohmann/json.hpp>

namespace tessera::operate {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(const config::Node& node) {
  if (node.is_null()) return nullptr;
  if (node.is_map()) {
    Json out = Json::object();
    for (const auto& [key, value] : *node.entries()) out[key] = json_of(value);
    return out;
  }
  if (node.is_list()) {
    Json out = Json::array();
    for (const auto& item : *node.list()) out.push_back(json_of(item));
    return out;
  }
  if (const auto flag = node.flag()) return *flag;
  if (const auto whole = node.integer()) return *whole;
  if (const auto number = node.number()) return *number;
  return *node.text();
}

}  // namespace

Raw raw_of(const config::Node& node) { return {json_of(node).dump(-1, ' ', false, Json::error_handler_t::replace)}; }

bool is_text(const config::Node& node) { return node.text() && !node.flag() && !node.number() && !node.integer(); }

}  // namespace tessera::operate
