#pragma once
// What a server's JSON looks like in a table. What is null or missing is "–".
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/duration.h"

namespace tessera::cli {

using JsonValue = nlohmann::ordered_json;

inline constexpr std::string_view kAbsent = "–";

/// The member at `path` ("utilization.device"); null where there is none.
const JsonValue& member(const JsonValue& row, std::string_view path);

std::string text_cell(const JsonValue& row, std::string_view path);
std::string percent_cell(const JsonValue& row, std::string_view path);  ///< "63 %"
std::string number_cell(const JsonValue& row, std::string_view path, std::string_view unit);
/// "41.6/79.6 GiB"
std::string memory_cell(const JsonValue& row, std::string_view used, std::string_view total);
/// "3d4h", "12m": from the member to `now`; two units at most.
std::string age_cell(const JsonValue& row, std::string_view path, EpochMs now);
std::string age_text(EpochMs age);
/// "ml/trainer-0, ml/other": of holders; "free" where there are none.
std::string holders_cell(const JsonValue& row);
/// "namespace/pod" of a row; its command's host otherwise: "(host)".
std::string pod_cell(const JsonValue& row);
/// "1/0 2g.20gb" of an instance's reference; empty for the whole device.
std::string instance_cell(const JsonValue& instance);

/// The time that stands there; absent where there is none.
std::optional<EpochMs> time_of(const JsonValue& row, std::string_view path);

/// At most so many columns; what is cut ends in "…".
std::string fitted(std::string_view line, std::size_t columns);

}  // namespace tessera::cli
