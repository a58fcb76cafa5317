#include "nvml/profile_names.h"

#include <fmt/core.h>

#include <algorithm>

#include "gpu/profile_name.h"
#include "nvml/abi.h"

namespace tessera::nvml {
namespace {

struct Suffix {
  unsigned index;
  std::string_view text;
};
constexpr Suffix kSuffixes[] = {
    {abi::kGi1SliceMedia, "+me"},        {abi::kGi2SliceMedia, "+me"},     {abi::kGi1SliceGraphics, "+gfx"},
    {abi::kGi2SliceGraphics, "+gfx"},    {abi::kGi4SliceGraphics, "+gfx"}, {abi::kGi3SliceGraphics, "+gfx"},
    {abi::kGi1SliceNoMedia, "-me"},      {abi::kGi2SliceNoMedia, "-me"},   {abi::kGi1SliceAllMedia, "+me.all"},
    {abi::kGi2SliceAllMedia, "+me.all"},
};

}  // namespace

std::optional<std::string> gpu_instance_profile_in(std::string_view text) {
  constexpr std::string_view kMark = "MIG ";
  if (const auto mark = text.rfind(kMark); mark != std::string_view::npos) text.remove_prefix(mark + kMark.size());
  auto name = gpu::parse_profile_name(text.substr(0, text.find(' ')));
  if (!name) return std::nullopt;
  name->compute_slices = name->gpu_instance_slices;
  return gpu::format_profile_name(*name);
}

std::string gpu_instance_profile(unsigned compute_slices, std::uint64_t instance_mib,
                                 std::optional<std::uint64_t> device_mib, std::string_view suffix) {
  const std::uint64_t total = std::max<std::uint64_t>({device_mib.value_or(0), instance_mib, 1});
  return gpu::format_profile_name(
      {compute_slices, compute_slices, gpu::profile_gigabytes(instance_mib, total), std::string(suffix)});
}

std::string_view profile_suffix(unsigned profile_index) {
  for (const Suffix& suffix : kSuffixes)
    if (suffix.index == profile_index) return suffix.text;
  return {};
}

std::string compute_instance_profile(std::string_view gpu_instance_profile, unsigned compute_slices,
                                     unsigned gi_slices) {
  if (compute_slices >= gi_slices) return std::string(gpu_instance_profile);
  return fmt::format("{}c.{}", compute_slices, gpu_instance_profile);
}

}  // namespace tessera::nvml
