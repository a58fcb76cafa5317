#pragma once
// Inside the room: deploy/dcgm-exporter/default-counters.csv, the fields that agents expose unless told otherwise.
#include <string_view>

namespace tessera::operate {

std::string_view default_counters_csv();

}  // namespace tessera::operate
