#include "server/profiles.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "server/settings.h"

namespace tessera::server {
namespace {

constexpr std::array<std::string_view, 3> kNames = {"development", "staging", "production"};

bool has(const std::vector<Profile>& profiles, Profile one) {
  return std::ranges::find(profiles, one) != profiles.end();
}

bool is_given(const std::vector<std::string_view>& given, std::string_view key) {
  return std::ranges::find(given, key) != given.end();
}

Error wants(Profile profile, std::string_view what) {
  return fail(Code::Invalid, "profile {}: {}", profile_name(profile), what);
}

}  // namespace

std::string_view profile_name(Profile profile) { return kNames[static_cast<std::size_t>(profile)]; }

Result<std::vector<Profile>> parse_profiles(std::string_view text, std::string_view variable) {
  std::vector<Profile> out;
  for (const std::string_view part : split(text, ',')) {
    const std::string word = lower(trim(part));
    if (word.empty()) continue;
    const auto* found = std::ranges::find(kNames, word);
    if (found == kNames.end()) {
      const std::string_view near = nearest(word, {kNames.begin(), kNames.end()});
      return fail(Code::Invalid, "{}: '{}': one of {} is expected{}", variable, word, fmt::join(kNames, ", "),
                  near.empty() ? "" : fmt::format("; did you mean {}?", near));
    }
    const auto profile = static_cast<Profile>(found - kNames.begin());
    if (!has(out, profile)) out.push_back(profile);
  }
  if (has(out, Profile::Development) && out.size() > 1)
    return fail(Code::Invalid, "{}: '{}': development goes with no other profile", variable, text);
  return out;
}

Result<void> apply_profiles(const std::vector<Profile>& profiles, const std::vector<std::string_view>& given,
                            Settings& settings) {
  settings.development = has(profiles, Profile::Development);
  if (settings.development && settings.database_url.empty()) settings.database_url = "sqlite::memory:";
  if (has(profiles, Profile::Staging)) {
    if (!settings.database_url.starts_with("postgres"))
      return wants(Profile::Staging, "database.url must name a PostgreSQL, as postgresql://user@host/tessera");
    if (settings.pool_nodes.empty() && !settings.pool_max_devices)
      return wants(Profile::Staging, "gpu.management.pool.nodes or .max-devices must say which GPUs it manages");
  }
  if (has(profiles, Profile::Production))
    for (const std::string_view key : {"database.url", "server.address", "gpu.management.metrics.collection-interval",
                                       "gpu.management.metrics.retention-days"})
      if (!is_given(given, key)) return wants(Profile::Production, fmt::format("{} must be said", key));
  return {};
}

}  // namespace tessera::server
