#pragma once
// How much memory an engine wants for a model, by its command line.
#include <optional>
#include <string>

#include "fleet/advice/facts.h"
#include "fleet/cluster/engine_arguments.h"
#include "fleet/serving/serving_meaning.h"

namespace tessera::fleet::advice {

/// Absent where that is not known: the model is in no table, the command line is not an engine's or has something that
/// is not read, or the engine chooses by the GPU what it does not say (SGLang its share of the memory).
std::optional<ServedNeed> served_need(const std::string& model, Engine engine, const EngineArguments& said);

}  // namespace tessera::fleet::advice
