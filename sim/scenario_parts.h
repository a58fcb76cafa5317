// Pieces of the scenario reader that its two files share.
#pragma once

#include <cstdint>
#include <string>

#include "sim/scenario.h"
#include "sim/yaml.h"

namespace tessera::sim {

void read_text(const Yaml& map, const char* key, std::string& out);
void read_seconds(const Yaml& map, const char* key, double low, double& out);
Window read_window(const Yaml& map);
bool is_kubernetes_name(const std::string& name);

void read_pod(const Yaml& item, std::uint64_t seed, NodeSpec& node);
// Checks the pod and container that each process names, and fills in the container where it is left out.
void connect_processes(const Yaml& item, NodeSpec& node);

}  // namespace tessera::sim
