// The forms in which a scenario writes time and size, and the seeded numbers that stand in for hardware identities.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tessera::sim {

// "90s", "1h30m", "250ms", "-2h", or a bare number of seconds. In seconds.
std::optional<double> parse_seconds(std::string_view text);

// "12GiB", "512MiB", "1.5GB", or a bare number of bytes.
std::optional<std::uint64_t> parse_bytes(std::string_view text);

// A finite decimal number, the whole text.
std::optional<double> parse_number(std::string_view text);

// Equal on every machine and run: identities derived from it survive a restart.
std::uint64_t hash_text(std::string_view text, std::uint64_t seed = 0);
std::uint64_t next_random(std::uint64_t& state);

std::string random_uuid(std::uint64_t seed);  // 8-4-4-4-12 lower-case hex
std::string random_hex(std::uint64_t seed, std::size_t digits);

}  // namespace tessera::sim
