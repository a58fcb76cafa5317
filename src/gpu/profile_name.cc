#include "gpu/profile_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace tessera::gpu {
namespace {

constexpr std::string_view kResourcePrefix = "nvidia.com/mig-";

/// A number from 1 followed by `unit`, taken off the front of `rest`.
std::optional<unsigned> take(std::string_view& rest, std::string_view unit) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
  const std::string_view after = rest.substr(static_cast<std::size_t>(end - rest.data()));
  if (error != std::errc{} || rest.starts_with('0') || !after.starts_with(unit)) return std::nullopt;
  rest = after.substr(unit.size());
  return value;
}

bool is_word_char(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

/// A sign, then words with dots between: "+me.all".
bool is_attribute(std::string_view text) {
  if (text.empty() || (text[0] != '+' && text[0] != '-')) return false;
  char before = '.';
  for (const char c : text.substr(1)) {
    if (!is_word_char(c) && (c != '.' || before == '.')) return false;
    before = c;
  }
  return before != '.';
}

}  // namespace

Result<ProfileName> parse_profile_name(std::string_view text) {
  std::string_view rest = text;
  const auto part = take(rest, "c.");
  const auto whole = take(rest, "g.");
  if (!whole)
    return fail(Code::Invalid, "MIG profile '{}': compute slices expected at '{}', as the '1g.' of 1g.10gb", text,
                rest);
  const auto gigabytes = take(rest, "gb");
  if (!gigabytes)
    return fail(Code::Invalid, "MIG profile '{}': memory expected at '{}', as the '10gb' of 1g.10gb", text, rest);
  if (!rest.empty() && !is_attribute(rest))
    return fail(Code::Invalid, "MIG profile '{}': + or - and a word expected at '{}', as in 1g.10gb+me", text, rest);
  if (part.value_or(1) > *whole)
    return fail(Code::Invalid, "MIG profile '{}': a compute instance of {} slices does not fit into {}", text, *part,
                *whole);
  return ProfileName{part.value_or(*whole), *whole, *gigabytes, std::string(rest)};
}

std::optional<ProfileName> find_profile_name(std::string_view text) {
  constexpr std::string_view kMark = "MIG ";
  if (const auto mark = text.rfind(kMark); mark != std::string_view::npos) text.remove_prefix(mark + kMark.size());
  auto name = parse_profile_name(text.substr(0, text.find(' ')));
  return name ? std::optional(*std::move(name)) : std::nullopt;
}

std::string format_profile_name(const ProfileName& name) {
  const bool is_part = name.compute_slices != name.gpu_instance_slices;
  return fmt::format("{}{}g.{}gb{}", is_part ? fmt::format("{}c.", name.compute_slices) : "", name.gpu_instance_slices,
                     name.gigabytes, name.attribute);
}

unsigned profile_gigabytes(std::uint64_t instance_mib, std::uint64_t device_mib) {
  constexpr std::uint64_t kMibPerGib = 1024;
  const std::uint64_t eighths = (8 * instance_mib + device_mib - 1) / device_mib;
  const std::uint64_t device_gib = (device_mib + kMibPerGib - 1) / kMibPerGib;
  return static_cast<unsigned>((eighths * device_gib + 4) / 8);  // + 4: to the nearest, halves up
}

std::string format_resource_name(const ProfileName& name) {
  std::string text = format_profile_name(name);
  std::ranges::replace(text, '+', '.');
  return fmt::format("{}{}", kResourcePrefix, text);
}

Result<ProfileName> parse_resource_name(std::string_view resource) {
  if (!resource.starts_with(kResourcePrefix))
    return fail(Code::NotFound, "resource '{}' is no MIG profile: those begin with {}", resource, kResourcePrefix);
  std::string text(resource.substr(kResourcePrefix.size()));
  const auto memory = text.find("gb");
  if (memory != std::string::npos && text.substr(memory + 2).starts_with('.')) text[memory + 2] = '+';
  return parse_profile_name(text);
}

}  // namespace tessera::gpu
