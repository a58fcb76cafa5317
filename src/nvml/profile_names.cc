#include "nvml/profile_names.h"

#include <fmt/core.h>

#include <cmath>

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

constexpr double kMib = 1024.0 * 1024.0;
constexpr double kGib = 1024.0 * kMib;

}  // namespace

std::string profile_name(unsigned compute_slices, std::uint64_t instance_mib, std::uint64_t device_bytes,
                         std::string_view suffix) {
  if (device_bytes == 0) return fmt::format("{}g{}", compute_slices, suffix);
  const double total = static_cast<double>(device_bytes);
  const double eighths = std::ceil(static_cast<double>(instance_mib) * kMib / total * 8);
  const double gb = std::round(eighths / 8 * std::ceil(total / kGib));
  return fmt::format("{}g.{:.0f}gb{}", compute_slices, gb, suffix);
}

std::string_view profile_suffix(unsigned profile_index) {
  for (const Suffix& suffix : kSuffixes)
    if (suffix.index == profile_index) return suffix.text;
  return {};
}

std::string instance_profile(std::string_view gpu_instance_profile, unsigned compute_slices, unsigned gi_slices) {
  if (compute_slices >= gi_slices) return std::string(gpu_instance_profile);
  return fmt::format("{}c.{}", compute_slices, gpu_instance_profile);
}

std::optional<std::string> profile_in(std::string_view text) {
  constexpr std::string_view kMark = "MIG ";
  if (const auto mark = text.rfind(kMark); mark != std::string_view::npos) text.remove_prefix(mark + kMark.size());
  text = text.substr(0, text.find(' '));
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto letter = text.find_first_not_of("0123456789");
  if (text.empty() || !digit(text.front()) || letter == std::string_view::npos) return std::nullopt;
  if (text[letter] != 'g' && text[letter] != 'c') return std::nullopt;
  if (letter + 1 >= text.size() || text[letter + 1] != '.') return std::nullopt;
  return std::string(text);
}

std::string_view without_compute_part(std::string_view profile) {
  const auto letter = profile.find_first_not_of("0123456789");
  if (letter != std::string_view::npos && profile.substr(letter).starts_with("c.")) profile.remove_prefix(letter + 2);
  return profile;
}

}  // namespace tessera::nvml
