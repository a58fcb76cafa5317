#include "sim/units.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

namespace tessera::sim {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};
constexpr Unit kTimes[] = {{"ms", 0.001}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
constexpr Unit kSizes[] = {{"KiB", 1024.0}, {"MiB", 1048576.0}, {"GiB", 1073741824.0}, {"TiB", 1099511627776.0},
                           {"kB", 1e3},     {"MB", 1e6},        {"GB", 1e9},           {"B", 1}};

// One number at the front of `rest`, which it removes.
std::optional<double> take_number(std::string_view& rest) {
  double value = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value, std::chars_format::fixed);
  if (error != std::errc{} || !std::isfinite(value)) return std::nullopt;
  rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  return value;
}

template <std::size_t N>
const Unit* take_unit(std::string_view& rest, const Unit (&units)[N]) {
  for (const Unit& unit : units) {
    if (!rest.starts_with(unit.name)) continue;
    rest.remove_prefix(unit.name.size());
    return &unit;
  }
  return nullptr;
}

}  // namespace

std::optional<double> parse_number(std::string_view text) {
  const auto value = take_number(text);
  return value && text.empty() ? value : std::nullopt;
}

std::optional<double> parse_seconds(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  if (text.starts_with('-')) return std::nullopt;
  double total = 0;
  std::string_view rest = text;
  do {
    const auto count = take_number(rest);
    if (!count || *count < 0) return std::nullopt;
    if (rest.empty() && rest.data() == text.data() + text.size() && total == 0) {
      total = *count;  // no unit at all: seconds
      break;
    }
    const Unit* unit = take_unit(rest, kTimes);
    if (!unit) return std::nullopt;
    total += *count * unit->factor;
  } while (!rest.empty());
  constexpr double kLongest = 10 * 365.25 * 86400;  // ten years: keeps every later sum of microseconds in range
  if (total > kLongest) return std::nullopt;
  return negative ? -total : total;
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  const auto count = take_number(text);
  if (!count || *count < 0) return std::nullopt;
  double factor = 1;
  if (!text.empty()) {
    const Unit* unit = take_unit(text, kSizes);
    if (!unit || !text.empty()) return std::nullopt;
    factor = unit->factor;
  }
  const double bytes = *count * factor;
  if (bytes > 1e15) return std::nullopt;
  return static_cast<std::uint64_t>(bytes);
}

std::uint64_t next_random(std::uint64_t& state) {  // splitmix64
  state += 0x9E3779B97F4A7C15ULL;
  std::uint64_t z = state;
  z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27U)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31U);
}

std::uint64_t hash_text(std::string_view text, std::uint64_t seed) {  // FNV-1a, finished by splitmix64
  std::uint64_t hash = 0xCBF29CE484222325ULL ^ (seed * 0x9E3779B97F4A7C15ULL);
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
  return next_random(hash);
}

std::string random_uuid(std::uint64_t seed) {
  const std::uint64_t high = next_random(seed);
  const std::uint64_t low = next_random(seed);
  return fmt::format("{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}", high >> 32U, (high >> 16U) & 0xFFFFU, high & 0xFFFU,
                     ((low >> 48U) & 0x3FFFU) | 0x8000U, low & 0xFFFFFFFFFFFFULL);
}

std::string random_hex(std::uint64_t seed, std::size_t digits) {
  std::string out;
  while (out.size() < digits) out += fmt::format("{:016x}", next_random(seed));
  out.resize(digits);
  return out;
}

}  // namespace tessera::sim
