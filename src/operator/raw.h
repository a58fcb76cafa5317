#pragma once
// Inside the room: a part of a document as JSON.
#include "config/yaml.h"
#include "operator/spec.h"

namespace tessera::operate {

/// Values as an API server takes them: what is not quoted may be a number, true or false.
Raw raw_of(const config::Node& node);

/// Whether a value is text for an API server: quoted, or nothing else.
bool is_text(const config::Node& node);

}  // namespace tessera::operate
