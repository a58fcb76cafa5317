#pragma once
// Inside the stub: parts of objects, and what is said where there is none.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>

#include "tests/kube_stub/store.h"

namespace tessera::kube_stub {

inline std::string text_at(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

inline Json metadata_of(const Json& object) { return object.value("metadata", Json::object()); }

inline Answer not_found(const Resource& resource, const std::string& name) {
  return status_answer(404, "NotFound", fmt::format("{} \"{}\" not found", resource.plural, name));
}

}  // namespace tessera::kube_stub
