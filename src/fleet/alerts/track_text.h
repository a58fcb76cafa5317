#pragma once
// Tracks as text, a line for each, so that what is kept outlives the process.
#include <string>
#include <string_view>
#include <vector>

#include "fleet/alerts/evaluator.h"

namespace tessera::fleet::alerts {

std::string tracks_text(const std::vector<Track>& tracks);
/// Of what tracks_text() has written. A line that is not of its form, as another version may have written it, is left
/// out.
std::vector<Track> read_tracks(std::string_view text);

/// Names and values by turns, in one line with tabs between.
std::string labels_text(const LabelSet& labels);
LabelSet read_labels(std::string_view text);

}  // namespace tessera::fleet::alerts
