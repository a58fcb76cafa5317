#pragma once
// Inside the room: what the fields of a resource must be together where a rule of the schema cannot say it. One wrong
// part of the relay's configuration would stop all of it, so it is found here.
#include "operator/spec.h"

namespace tessera::operate {

/// Invalid for what no label can be.
Result<void> check(const LabelSelector& selector);

/// Invalid for settings that have a field of their own, and for those that the relay does not know: it would refuse all
/// of its configuration for one.
Result<void> check_relay_settings(const Raw& settings);

/// Invalid for keys and actions that relabelling does not have; `of_prometheus`: in Prometheus' own spelling. Whether a
/// regex is one the relay tells.
Result<void> check_rules(const std::vector<Raw>& rules, bool of_prometheus = false);

/// Invalid where a scrape may take longer than its interval.
Result<void> check_timeouts(const OpenAgent& agent);

Result<void> check_label_names(const TextMap& labels);

/// Invalid where two have one name, or where the nodes that are left cannot be told in a sensible affinity.
Result<void> check_overrides(const std::vector<Override>& overrides);

}  // namespace tessera::operate
