#include "operator/differences.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "kube/quantity.h"

namespace tessera::operate {
namespace {

using Json = nlohmann::ordered_json;

/// Lists whose items others may add to: the API server merges them by these keys. All other lists are one value each.
struct Merged {
  std::string_view list;
  std::vector<std::string> keys;
};
const Merged* merged(std::string_view kind, std::string_view list, const Json& item) {
  static const Merged kByName[] = {{"containers", {"name"}},        {"initContainers", {"name"}},
                                   {"volumes", {"name"}},           {"env", {"name"}},
                                   {"imagePullSecrets", {"name"}},  {"ownerReferences", {"uid"}},
                                   {"volumeMounts", {"mountPath"}}, {"webhooks", {"name"}}};
  static const Merged kContainerPorts{"ports", {"containerPort", "protocol"}};
  static const Merged kServicePorts{"ports", {"port", "protocol"}};
  if (list == "ports") {
    if (item.contains("containerPort")) return &kContainerPorts;
    return kind == "Service" ? &kServicePorts : nullptr;
  }
  const auto* const found = std::ranges::find(kByName, list, &Merged::list);
  return found == std::end(kByName) ? nullptr : found;
}

/// What a field is where nobody has set it: the server leaves it out.
bool is_nothing(const Json& value) {
  return value.is_null() || ((value.is_object() || value.is_array()) && value.empty()) || value == Json(false) ||
         value == Json("") || value == Json(0);
}

std::string scalar_text(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

class Comparison {
 public:
  explicit Comparison(const Json& object) : kind_(object.value("kind", "")) {}

  void compare(const Json& desired, const Json* live, const std::string& path, std::string_view name, bool amounts) {
    if (!live) {
      if (!is_nothing(desired)) found.push_back({path, ""});
      return;
    }
    if (desired.is_object() && live->is_object()) return compare_maps(desired, *live, path, name);
    if (desired.is_array() && live->is_array()) return compare_lists(desired, *live, path, name);
    if (desired == *live || (amounts && same_amount(desired, *live))) return;
    found.push_back({path, live->dump(-1, ' ', false, Json::error_handler_t::replace)});
  }

  std::vector<Difference> found;

 private:
  void compare_maps(const Json& desired, const Json& live, const std::string& path, std::string_view name) {
    const bool amounts = name == "requests" || name == "limits";
    for (const auto& [key, value] : desired.items()) {
      const auto there = live.find(key);
      compare(value, there == live.end() ? nullptr : &*there, path.empty() ? key : path + '.' + key, key,
              amounts || key == "sizeLimit");
    }
  }

  void compare_lists(const Json& desired, const Json& live, const std::string& path, std::string_view name) {
    const Merged* const by = desired.empty() ? nullptr : merged(kind_, name, desired.front());
    if (!by && desired.size() != live.size())
      return found.push_back({path, live.dump(-1, ' ', false, Json::error_handler_t::replace)});
    for (std::size_t i = 0; i < desired.size(); ++i) {
      const Json* const there = by ? same_item(*by, desired[i], live) : &live[i];
      const std::string at = by ? scalar_text(desired[i].value(by->keys.front(), Json())) : std::to_string(i);
      compare(desired[i], there, fmt::format("{}[{}]", path, at), "", false);
    }
  }

  static const Json* same_item(const Merged& by, const Json& item, const Json& live) {
    const auto there = std::find_if(live.begin(), live.end(), [&](const Json& other) {
      return other.is_object() && std::ranges::all_of(by.keys, [&](const std::string& key) {
               return item.value(key, Json()) == other.value(key, Json());
             });
    });
    return there == live.end() ? nullptr : &*there;
  }

  static bool same_amount(const Json& desired, const Json& live) {
    const auto a = kube::parse_quantity(scalar_text(desired)), b = kube::parse_quantity(scalar_text(live));
    return a && b && *a == *b;
  }

  std::string kind_;
};

}  // namespace

std::vector<Difference> differences(const Json& desired, const Json& live) {
  Comparison comparison(desired);
  comparison.compare(desired, &live, "", "", false);
  return std::move(comparison.found);
}

std::string text_of(const std::vector<Difference>& differences) {
  constexpr std::size_t kShown = 4, kLongest = 80;
  std::string out;
  for (std::size_t i = 0; i < std::min(differences.size(), kShown); ++i) {
    const auto& [path, live] = differences[i];
    const std::string there = live.empty() ? "missing" : live.size() > kLongest ? "otherwise" : live;
    out += fmt::format("{}{} is {}", i == 0 ? "" : ", ", path, there);
  }
  if (differences.size() > kShown) out += fmt::format(", and {} more", differences.size() - kShown);
  return out;
}

}  // namespace tessera::operate
