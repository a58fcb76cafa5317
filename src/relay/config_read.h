#pragma once
// Inside the room: the parts of the settings file, one reader each. Every error names its place in the file. Who reads
// a list of jobs or destinations notes the errors of each (Reading::note) and returns those that are right.
#include <string_view>
#include <vector>

#include "relay/config.h"
#include "relay/config_section.h"

namespace tessera::relay {

// config_http.cc
const std::vector<std::string_view>& http_keys();
const std::vector<Foreign>& http_foreign();
Result<HttpSettings> read_http(const Section& section);
/// `auth: {basicAuth, authorization, bearerToken, bearerTokenFile}` and the like; the keys themselves stand in
/// http_keys().
Result<void> read_auth(const Section& section, HttpSettings& into);
Result<TlsSettings> read_tls(const Section& section);
/// A header that may be sent: its name is one and not ours, its value one line.
Result<Header> read_header(const Section& section, const std::string& name, const config::Node& value);
/// An http or https URL; a user and password in it become `http`'s basic auth.
Result<std::string> read_url(const Section& section, std::string_view key, HttpSettings& http);

// config_scrape.cc
const std::vector<std::string_view>& scrape_keys();
Result<RelabelRules> read_rules(const Section& section, std::string_view key);
Result<void> read_limits(const Section& section, ScrapeLimits& into);
/// What scrape_configs and endpoints have in common and call the same.
Result<void> read_scrape(const Section& section, ScrapeSettings& into);
Result<void> read_interval(const Section& section, std::string_view interval_key, ScrapeSettings& into);
Result<void> read_where(const Section& section, std::string_view path_key, ScrapeSettings& into);
Result<std::vector<ScrapeProtocol>> read_protocols(const Section& section, std::string_view key,
                                                   std::vector<ScrapeProtocol> otherwise);
std::vector<Job> read_scrape_configs(const Section& root, const ScrapeSettings& defaults);

// config_discovery.cc
Result<std::vector<Discovery>> read_discoveries(const Section& section);
Result<std::vector<TargetGroup>> read_static(const Section& section, std::string_view key);
Result<HttpDiscovery> read_http_discovery(const Section& section);

// discover_groups.cc
Result<TargetGroup> read_target_group(const config::Node& node);
Result<Labels> read_labels(const config::Node& node);

// config_targets.cc
std::vector<Job> read_targets(const Section& root, const ScrapeSettings& defaults);
/// The built-in jobs that are on: by default all where there is no `explicit_target`.
Result<std::vector<Job>> read_builtin(const Section& root, const ScrapeSettings& defaults, bool explicit_target);

// config_remote.cc
std::vector<Destination> read_destinations(const Section& prometheus, const Section& plain);

}  // namespace tessera::relay
