// What can go wrong on a simulated GPU, as changes of the shared state: they act at once in every process that has it
// open.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "sim/node.h"
#include "sim/outcome.h"

namespace tessera::sim {

// Each returns what it did, in words for a person.
Outcome<std::string> fault_hang(Node& node, unsigned gpu, double seconds);
Outcome<std::string> fault_lost(Node& node, unsigned gpu, bool off);
// Out of the driver's sight, as after an unbind; `off`: found again, with counters at zero and without MIG instances.
Outcome<std::string> fault_absent(Node& node, unsigned gpu, bool off);
// Without a GPU: the calls that need root are refused on the whole node.
Outcome<std::string> fault_denied(Node& node, std::optional<unsigned> gpu, bool off);

struct XidFault {
  unsigned gpu = 0;
  std::uint64_t code = 79;
  std::optional<unsigned> gi, ci;
};
Outcome<std::string> fault_xid(Node& node, const XidFault& fault);

Outcome<std::string> fault_ecc(Node& node, unsigned gpu, std::uint64_t corrected, std::uint64_t uncorrected);

struct RemapFault {
  unsigned gpu = 0, correctable = 0, uncorrectable = 0;
  bool pending = false, failure = false;
};
Outcome<std::string> fault_remap(Node& node, const RemapFault& fault);

// `reason` is one of throttle_reasons(); "off" ends it.
Outcome<std::string> fault_throttle(Node& node, unsigned gpu, const std::string& reason);
std::string throttle_reasons();
Outcome<std::string> fault_temperature(Node& node, unsigned gpu, std::optional<double> celsius);
Outcome<std::string> fault_replays(Node& node, unsigned gpu, unsigned count);
Outcome<std::string> fault_stride32(Node& node, bool on);
// `symbol` answers `code` from now on; 13 is what a missing function answers.
Outcome<std::string> fault_return(Node& node, const std::string& symbol, int code, std::optional<unsigned> gpu);
// Takes back every fault of one GPU or of all, but not what counters have counted.
Outcome<std::string> fault_clear(Node& node, std::optional<unsigned> gpu);

// The driver is loaded anew: counters since load start at zero, instances are gone (the mode stays, but not on Hopper).
Outcome<std::string> reload_driver(Node& node);

}  // namespace tessera::sim
