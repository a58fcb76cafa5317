#pragma once
// Numbers in the sentences that explain a decision.
#include <cstdint>
#include <span>
#include <string>

#include "base/duration.h"

namespace tessera::fleet::decision {

std::string number_text(std::uint64_t value);          ///< "19,968"
std::string money_text(std::int64_t micros);           ///< "2.50", without its currency
std::string time_text(Milliseconds time);              ///< "40 min"
std::string join(std::span<const std::string> words);  ///< "a, b and c"; of more than four: "a, b, c and 5 more"

}  // namespace tessera::fleet::decision
