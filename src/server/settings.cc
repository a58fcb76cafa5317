#include "server/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <utility>

#include "base/files.h"
#include "base/text.h"
#include "config/yaml.h"
#include "fleet/inventory/catalogue.h"
#include "http/router.h"
#include "server/profiles.h"
#include "server/settings_environment.h"
#include "server/settings_rows.h"
#include "server/shared_cache.h"
#include "store/database.h"

namespace tessera::server {
namespace {
using config::Node;

/// Spring's relaxed binding: case, `-` and `_` do not count.
std::string plain(std::string_view key) {
  std::string out;
  for (const char c : key)
    if (c != '-' && c != '_') out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

const SettingEntry* find_row(std::string_view key) {
  const std::string wanted = plain(key);
  const auto rows = setting_entries();
  const auto row = std::ranges::find_if(rows, [&](const SettingEntry& one) { return plain(one.told.key) == wanted; });
  return row == rows.end() ? nullptr : &*row;
}

bool is_section(std::string_view key) {
  const std::string wanted = plain(key) + ".";
  return std::ranges::any_of(setting_entries(),
                             [&](const SettingEntry& one) { return plain(one.told.key).starts_with(wanted); });
}

std::string nearest_key(std::string_view key) {
  std::vector<std::string_view> keys;
  for (const SettingEntry& row : setting_entries()) keys.push_back(row.told.key);
  return std::string(nearest(key, keys));
}

using Given = std::vector<std::string_view>;

Result<void> read(const Node& parent, const std::string& path, Settings& into, Given& given) {
  for (const Node::Entry& entry : TRY(parent.entries())) {
    const std::string key = path.empty() ? entry.key : path + "." + entry.key;
    if (const SettingEntry* row = find_row(key)) {
      if (entry.value.is_null()) continue;
      TRY(row->taking.take(entry.value, into));
      given.push_back(row->told.key);
      if (!row->no_effect.empty()) into.warnings.push_back(fmt::format("{} has no effect: {}", key, row->no_effect));
      continue;
    }
    if (!is_section(key)) {
      const std::string near = nearest_key(key);
      return parent.key_error(entry.key, near.empty() ? "this key is not known"
                                                      : fmt::format("this key is not known; did you mean '{}'?", near));
    }
    if (!entry.value.is_map() && !entry.value.is_null()) return entry.value.error("a map of settings expected");
    TRY(read(entry.value, key, into, given));
  }
  return {};
}

Result<void> read_document(std::string_view text, std::string_view file, Settings& into, Given& given) {
  const Node node = TRY(config::load(text, file));
  if (!node.is_null() && !node.is_map()) return node.error("a map of settings expected");
  return read(node, "", into, given);
}

Result<void> read_environment(const Environment& environment, Settings& into, Given& given) {
  for (const SettingEntry& row : setting_entries()) {
    const auto node = TRY(from_environment(row.told.key, row.taking.shape, environment));
    if (!node) continue;
    if (const auto taken = row.taking.take(*node, into); !taken)
      return fail(taken.error().code, "{}: {}", row.told.key, taken.error().what);
    given.push_back(row.told.key);
  }
  if (const auto address = environment("TESSERA_SERVER_ADDRESS")) {
    into.address = *address;
    given.push_back("server.address");
  }
  return {};
}

Result<std::vector<Profile>> active_profiles(const Environment& environment) {
  for (const std::string_view name : {"TESSERA_PROFILE", "SPRING_PROFILES_ACTIVE"})
    if (const auto value = environment(name); value && !trim(*value).empty()) return parse_profiles(*value, name);
  return std::vector<Profile>{};
}

/// `conf/server-staging.yaml` of `conf/server.yaml`.
std::string file_of(const std::string& path, Profile profile) {
  const std::filesystem::path file(path);
  return (file.parent_path() /
          fmt::format("{}-{}{}", file.stem().string(), profile_name(profile), file.extension().string()))
      .string();
}

Result<void> check(const Settings& settings) {
  const auto wrong = [](std::string_view key, std::string_view what) {
    return fail(Code::Invalid, "{}: {}", key, what);
  };
  if (settings.collection_interval < Milliseconds(1000))
    return wrong("gpu.management.metrics.collection-interval", "at least 1s expected");
  if (const auto checked = check(settings.alerts); !checked) return checked;
  if (const auto kept = fleet::check({{}, {}, settings.cost.labels}); !kept)
    return wrong("gpu.management.cost.labels", kept.error().what);
  if (settings.tls_certificate.empty() != settings.tls_key.empty())
    return wrong("server.tls", "certificate and key belong together");
  if (!settings.tls_client_ca.empty() && settings.tls_certificate.empty())
    return wrong("server.tls.client-ca", "it needs server.tls.certificate and server.tls.private-key");
  const std::string& map = settings.node_rules.config_map;
  if (std::ranges::count(map, '/') != 1 || map.starts_with('/') || map.ends_with('/'))
    return wrong("gpu.management.mig.kubernetes.mig-manager.config-map",
                 fmt::format("'{}': NAMESPACE/NAME expected", map));
  if (!settings.admission_address.empty() && (settings.admission_certificate.empty() || settings.admission_key.empty()))
    return wrong("server.admission.address", "it needs server.admission.certificate and server.admission.key");
  const bool of_a_door =
      settings.admission_extender ||
      !(settings.admission_certificate + settings.admission_key + settings.admission_client_ca).empty();
  if (settings.admission_address.empty() && of_a_door)
    return wrong("server.admission", "without an address nothing is served: set server.admission.address, as :9443");
  if (!settings.admission_address.empty() && settings.cluster_metadata == "false")
    return wrong("server.admission.address",
                 "it needs the cluster to be watched, which cluster-metadata.enabled: false forbids");
  for (const std::string& one : settings.node_accounts)
    if (std::ranges::count(one, '/') != 1 || one.starts_with('/') || one.ends_with('/'))
      return wrong("server.access.node-accounts", fmt::format("'{}': NAMESPACE/NAME expected", one));
  if (const auto rates = wanted_rates(settings.cost); !rates)
    return wrong("gpu.management.cost.rates", rates.error().what);
  if (settings.oidc)
    if (const auto checked = check(*settings.oidc); !checked) return checked;
  if (!settings.prometheus_url.empty() && !settings.prometheus_url.starts_with("http://") &&
      !settings.prometheus_url.starts_with("https://"))
    return wrong("prometheus.url", fmt::format("'{}': http:// or https:// expected", settings.prometheus_url));
  if (!settings.prometheus_username.empty() && !settings.prometheus_bearer_token_file.empty())
    return wrong("prometheus", "username or bearer-token-file, not both");
  const std::string& path = settings.context_path;
  if (!path.empty() && (path[0] != '/' || path.ends_with('/')))
    return wrong("server.context-path", fmt::format("'{}': a path with a slash before it and none behind", path));
  if (const auto origin = check_public_url(settings.public_url); !origin)
    return wrong("server.public-url", origin.error().what);
  constexpr std::string_view kWhether[] = {"auto", "true", "false"};
  if (std::ranges::count(kWhether, settings.cluster_metadata) == 0)
    return wrong("cluster-metadata.enabled",
                 fmt::format("'{}': auto, true or false expected", settings.cluster_metadata));
  if (settings.cluster_name.empty()) return wrong("cluster-metadata.cluster", "a name expected");
  constexpr std::int64_t kMostReaders = 100;
  if (settings.database_pool_size > kMostReaders)
    return wrong("database.pool-size",
                 fmt::format("{}: at most {} expected", settings.database_pool_size, kMostReaders));
  if (!settings.cache_url.empty())
    if (const auto url = parse_cache_url(settings.cache_url); !url) return wrong("cache.url", url.error().what);
  if (!settings.database_url.empty())
    if (const auto url = store::check_url(settings.database_url); !url) return wrong("database.url", url.error().what);
  return {};
}

/// A slip in a model's key would mark the whole fleet as unsupported; but a later catalogue may have it.
void warn_of_models(Settings& settings) {
  std::vector<std::string_view> known;
  for (const fleet::Model& one : fleet::models()) known.push_back(one.key);
  for (const std::string& key : settings.supported_models) {
    if (fleet::find_model(key)) continue;
    const std::string near(nearest(key, known));
    settings.warnings.push_back(
        fmt::format("gpu.management.supported-models: '{}' is no model of the catalogue{}", key,
                    near.empty() ? "; GET /gpu/models lists them" : fmt::format("; did you mean '{}'?", near)));
  }
}

/// The rates that hold without settings are US dollars: of another currency they would be a bill of nothing.
void price_in_currency(const Given& given, Settings& settings) {
  CostSettings& cost = settings.cost;
  if (cost.currency == "USD" || std::ranges::count(given, "gpu.management.cost.default-rates") > 0) return;
  cost.default_rates.clear();
  if (!cost.enabled || !cost.rates.empty()) return;
  settings.warnings.push_back(
      fmt::format("gpu.management.cost.currency: {0}: no GPU has a price, for the rates that hold without settings are "
                  "US dollars; say what an hour costs in {0} with gpu.management.cost.default-rates",
                  cost.currency));
}

/// DB_HOST names another database than the file does; user and password may come from outside for any.
std::string with_environment(std::string url, const Environment& environment) {
  const auto part = [&](std::string_view name) { return http::percent_encoded(environment(name).value_or("")); };
  if (const auto host = environment("DB_HOST")) {
    const std::string port = part("DB_PORT"), name = part("DB_NAME");
    // An IPv6 address stands in brackets, a folder of a socket in an encoded form.
    const std::string where =
        host->find(':') == std::string::npos ? http::percent_encoded(*host) : fmt::format("[{}]", *host);
    url = fmt::format("postgresql://{}:{}/{}", where, port.empty() ? "5432" : port, name.empty() ? "tessera" : name);
  }
  if (!url.starts_with("postgres")) return url;
  for (const auto& [variable, key] : {std::pair{"DB_USERNAME", "user"}, std::pair{"DB_PASSWORD", "password"}})
    if (environment(variable))
      url += fmt::format("{}{}={}", url.find('?') == std::string::npos ? '?' : '&', key, part(variable));
  return url;
}

}  // namespace

namespace {

/// The files' texts, the later over the earlier.
Result<Settings> make_settings(const std::vector<std::pair<std::string, std::string>>& documents,
                               const std::vector<Profile>& profiles, const Environment& environment) {
  Settings out;
  Given given;
  for (const auto& [file, text] : documents) TRY(read_document(text, file, out, given));
  TRY(read_environment(environment, out, given));
  out.database_url = with_environment(std::move(out.database_url), environment);
  if (environment("DB_HOST")) given.push_back("database.url");
  for (const Profile one : profiles) out.profiles.emplace_back(profile_name(one));
  TRY(apply_profiles(profiles, given, out));
  warn_of_models(out);
  price_in_currency(given, out);
  if (const auto checked = check(out); !checked)
    return fail(Code::Invalid, "{}: {}", documents.empty() ? "settings" : documents.front().first,
                checked.error().what);
  return out;
}

}  // namespace

Result<Settings> parse_settings(std::string_view text, std::string_view file, const Environment& environment) {
  const auto profiles = TRY(active_profiles(environment));
  return make_settings({{file.empty() ? "settings" : std::string(file), std::string(text)}}, profiles, environment);
}

Result<Settings> load_settings(const std::string& path, const Environment& environment) {
  const auto profiles = TRY(active_profiles(environment));
  std::vector<std::pair<std::string, std::string>> documents;
  if (!path.empty()) documents.emplace_back(path, TRY(read_file(path)));
  for (const Profile profile : profiles) {
    const std::string beside = path.empty() ? "" : file_of(path, profile);
    if (std::error_code error; !beside.empty() && std::filesystem::exists(beside, error))
      documents.emplace_back(beside, TRY(read_file(beside)));
  }
  return make_settings(documents, profiles, environment);
}

std::vector<SettingRow> setting_rows() {
  std::vector<SettingRow> out;
  for (const SettingEntry& row : setting_entries()) {
    out.push_back(row.told);
    out.back().no_effect = row.no_effect;
  }
  return out;
}

}  // namespace tessera::server