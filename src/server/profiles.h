#pragma once
// Profiles: what a server is run for, and what must then be said in its settings.
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tessera::server {

struct Settings;

enum class Profile : std::uint8_t {
  Development,  ///< SQLite in memory, files in a folder that goes with the process
  Staging,      ///< PostgreSQL, and only the GPUs of gpu.management.pool
  Production    ///< what matters is written out, nothing is taken for granted
};
std::string_view profile_name(Profile profile);

/// "development,staging", as TESSERA_PROFILE or SPRING_PROFILES_ACTIVE has it. Invalid for another word.
Result<std::vector<Profile>> parse_profiles(std::string_view text, std::string_view variable);

/// What profiles change where the settings say nothing, and what they demand. `given` are the keys that were said.
Result<void> apply_profiles(const std::vector<Profile>& profiles, const std::vector<std::string_view>& given,
                            Settings& settings);

}  // namespace tessera::server
