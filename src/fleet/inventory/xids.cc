#include "fleet/inventory/xids.h"

#include <algorithm>
#include <array>

namespace tessera::fleet {
namespace {

// Those of the device are the ones after which NVIDIA has the GPU reset or taken out.
constexpr Xid kXids[] = {
    {13, Blame::Application, "graphics engine exception"},
    {31, Blame::Application, "GPU memory page fault"},
    {32, Blame::Unknown, "invalid or corrupted push buffer stream"},
    {38, Blame::Unknown, "driver firmware error"},
    {43, Blame::Application, "a program was stopped for its own fault"},
    {45, Blame::Application, "channels were torn down, mostly after another error or a kill"},
    {48, Blame::Device, "double bit ECC error"},
    {61, Blame::Unknown, "internal microcontroller breakpoint"},
    {62, Blame::Device, "internal microcontroller halt"},
    {63, Blame::Unknown, "a memory page was retired or a row remapped"},
    {64, Blame::Device, "a page could not be retired or a row not remapped"},
    {69, Blame::Application, "graphics engine class error"},
    {74, Blame::Device, "NVLink error"},
    {79, Blame::Device, "the GPU has fallen off the bus"},
    {92, Blame::Unknown, "high rate of single bit ECC errors"},
    {94, Blame::Application, "contained ECC error: one program was stopped"},
    {95, Blame::Device, "uncontained ECC error"},
    {119, Blame::Device, "the GPU's system processor does not answer in time"},
    {120, Blame::Device, "error of the GPU's system processor"},
    {140, Blame::Device, "unrecovered ECC error"},
};

}  // namespace

std::string_view blame_name(Blame blame) {
  constexpr std::array<std::string_view, 3> kNames = {"application", "device", "unknown"};
  return kNames[static_cast<std::size_t>(blame)];
}

Xid xid_of(unsigned code) {
  const auto* found = std::ranges::find(kXids, code, &Xid::code);
  return found == std::end(kXids) ? Xid{code, Blame::Unknown, {}} : *found;
}

std::vector<unsigned> codes_of(Blame blame) {
  std::vector<unsigned> out;
  for (const Xid& one : kXids)
    if (one.blame == blame) out.push_back(one.code);
  return out;
}

}  // namespace tessera::fleet
