#pragma once
// Inside the room: what of a desired object is otherwise in the live one. Pure.
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace tessera::operate {

struct Difference {
  std::string path;  ///< "spec.template.spec.containers[agent].image"
  std::string live;  ///< the value there, as JSON; empty: there is none
  bool operator==(const Difference&) const = default;
};

/// What `desired` says and `live` does not. What `live` has beside it (defaults of the server, fields of others,
/// sidecars, annotations) is no difference; amounts and ports are compared as the server writes them.
std::vector<Difference> differences(const nlohmann::ordered_json& desired, const nlohmann::ordered_json& live);

/// "spec.replicas is 3, metadata.labels.a is missing", of the first few.
std::string text_of(const std::vector<Difference>& differences);

}  // namespace tessera::operate
