#pragma once
// Alerts, silences and rules as the API tells them, and silences as it takes them.
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/result.h"
#include "fleet/alerts/actions.h"
#include "fleet/alerts/silence.h"
#include "store/alerts.h"

namespace tessera::server {

using Json = nlohmann::ordered_json;

Json labels_json(const fleet::alerts::LabelSet& labels);
/// `runbooks`: what stands before alerts.md.
Json standing_json(const fleet::alerts::Standing& one, const fleet::alerts::Rule& rule, const std::string& runbooks);
Json event_json(const store::AlertEvent& one);
Json action_json(const fleet::alerts::ActionRecord& one);
Json rule_json(const fleet::alerts::Rule& rule, const std::string& runbooks);
Json silence_json(const fleet::alerts::Silence& silence, EpochMs now);

/// `{"matchers": [{"label": "node", "value": "w-1", "equal": true}], "starts": "…", "ends": "…" or "duration": "2h",
/// "repeat": "never", "comment": "…"}`. Invalid with the member and what was expected there.
Result<fleet::alerts::Silence> parse_silence(std::string_view body, EpochMs now);

}  // namespace tessera::server
