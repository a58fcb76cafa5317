#pragma once
// Whose fields are whose, in metadata.managedFields, and what an apply comes to. Pure.
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/kube_stub/writer.h"

namespace tessera::kube_stub {

struct Applied {
  nlohmann::json object;
  struct Conflict {
    std::string manager, field;
  };
  std::vector<Conflict> conflicts{};  ///< where there are any, nothing is to be written
};

/// `live` null: it is made.
Applied applied(const nlohmann::json* live, const nlohmann::json& wanted, const Writer& writer);

/// The managedFields of `after`, which `writer` made of `before` by any other write: what he changed is his alone.
void note_update(const nlohmann::json* before, nlohmann::json& after, const Writer& writer);

}  // namespace tessera::kube_stub
