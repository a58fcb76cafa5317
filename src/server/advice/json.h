#pragma once
// Advice as the API tells it, and as the database keeps it.
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "server/advice/advisor.h"

namespace tessera::server {

using Json = nlohmann::ordered_json;

/// All but id, state and money, which stand beside it.
std::string advice_body(const fleet::advice::Advice& of);
/// What advice_body() wrote; empty where it is nothing of the kind.
fleet::advice::Subject subject_of_body(const std::string& body);

Json advice_json(const AdviceTold& of);
Json realised_json(const Realised& of);

}  // namespace tessera::server
