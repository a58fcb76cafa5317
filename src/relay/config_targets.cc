// The short language: targets, their endpoints, and the built-in set.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "relay/config_read.h"
#include "relay/discover_groups.h"

namespace tessera::relay {
namespace {

constexpr struct {
  std::string_view key;  ///< under builtinTargets, in Prometheus' spelling
  BuiltinKind kind;
  std::string_view name;
} kBuiltin[] = {{"tessera_agent", BuiltinKind::TesseraAgent, "tessera-agent"},
                {"dcgm_exporter", BuiltinKind::DcgmExporter, "dcgm-exporter"},
                {"vllm", BuiltinKind::Vllm, "vllm"},
                {"sglang", BuiltinKind::Sglang, "sglang"}};

const std::vector<Foreign>& endpoint_foreign() {
  using enum Foreign::Treatment;
  static const std::vector<Foreign> kForeign = [] {
    std::vector<Foreign> rows = {
        {"target_port", Refused, "write port, with a name or a number"},
        {"relabel_configs", Refused, "write relabelings, with sourceLabels and targetLabel"},
        {"metric_relabel_configs", Refused, "write metricRelabelings, with sourceLabels and targetLabel"},
        {"address", Refused, "write the target's addresses or staticTargets"},
    };
    rows.insert(rows.end(), http_foreign().begin(), http_foreign().end());
    return rows;
  }();
  return kForeign;
}

Result<Namespaces> read_namespaces(const Section& section) {
  TRY(section.only(
      {"any", "match_names"},
      {{"match_labels", Foreign::Treatment::Refused, "labels of namespaces are not read; write matchNames"},
       {"match_expressions", Foreign::Treatment::Refused, "labels of namespaces are not read; write matchNames"}}));
  bool any = false;
  Namespaces out;
  TRY(section.read("any", any));
  TRY(section.read("match_names", out.names));
  if (any && !out.names.empty()) return section.error("any", "excludes matchNames");
  return out;
}

Result<Selector> read_selector(const Section& section) {
  TRY(section.only({"match_labels", "match_expressions"}));
  Selector out;
  const auto labels = section.find("match_labels");
  const auto entries = labels ? TRY(labels->entries()) : std::vector<config::Node::Entry>();
  for (const auto& [key, value] : entries) {
    out.push_back({key, Requirement::Operator::In, {TRY(value.text())}});
    if (const auto good = check(out.back()); !good) return value.error(good.error().what);
  }
  const auto items = TRY(section.each("match_expressions"));
  for (const Section& item : items) {
    TRY(item.only({"key", "operator", "values"}));
    Requirement one;
    TRY(item.read("key", one.key));
    TRY(item.read("values", one.values));
    const auto name = item.find("operator");
    if (!name) return item.node().error("operator is missing");
    one.op = *requirement_operator(TRY(name->word({"In", "NotIn", "Exists", "DoesNotExist"})));
    if (const auto good = check(one); !good) return item.node().error(good.error().what);
    out.push_back(std::move(one));
  }
  return out;
}

Result<PortChoice> read_port(const Section& section) {
  PortChoice out;
  const auto number = section.find("port_number");
  if (number) out.number = static_cast<std::uint16_t>(TRY(number->integer(1, 65'535)));
  const auto port = section.find("port");
  if (!port) return out;
  if (number) return section.error("port_number", "excludes port");
  const std::string text = TRY(port->text());
  if (text.empty()) return port->error("expected a port's name or number");
  if (text.find_first_not_of("0123456789") != std::string::npos) {
    out.name = text;
    return out;
  }
  const auto value = parse_int(text);  // quoted digits are a number too: no port can be named so
  if (!value || *value < 1 || *value > 65'535)
    return port->error("expected a port's name, or a number from 1 to 65535");
  out.number = static_cast<std::uint16_t>(*value);
  return out;
}

/// The settings of one endpoint, and of a pod's target which port.
Result<Job> read_endpoint(const Section& section, const ScrapeSettings& defaults, bool of_pods, PodDiscovery& pods) {
  std::vector<std::string_view> known = {"interval", "path", "relabelings", "metric_relabelings"};
  known.insert(known.end(), scrape_keys().begin(), scrape_keys().end());
  if (of_pods) known.insert(known.end(), {"port", "port_number", "filter_running", "add_node_label"});
  TRY(section.only(known, endpoint_foreign()));
  Job job;
  job.place = section.place();
  job.scrape = defaults;
  TRY(read_interval(section, "interval", job.scrape));
  TRY(read_where(section, "path", job.scrape));
  TRY(read_scrape(section, job.scrape));
  job.scrape.metric_relabel = TRY(read_rules(section, "metric_relabelings"));
  job.relabel = TRY(read_rules(section, "relabelings"));
  if (!of_pods) return job;
  pods.port = TRY(read_port(section));
  TRY(section.read("filter_running", pods.filter_running));
  TRY(section.read("add_node_label", pods.node_label));
  return job;
}

Result<std::vector<TargetGroup>> read_addresses(const Section& section) {
  auto groups = TRY(read_static(section, "static_targets"));
  const auto addresses = section.find("addresses");
  const auto items = addresses ? TRY(addresses->list()) : std::vector<config::Node>();
  if (!items.empty()) groups.emplace_back();
  for (const auto& item : items) {
    groups.back().targets.push_back(TRY(item.text()));
    if (const auto why = wrong_address(groups.back().targets.back()); !why.empty()) return item.error(why);
  }
  if (groups.empty()) return section.node().error("addresses or staticTargets is missing");
  return groups;
}

struct Kind {
  std::string_view name;
  std::vector<std::string_view> keys;
};

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> kKinds = [] {
    std::vector<Kind> rows = {{"PodMonitor", {"namespace_selector", "selector"}},
                              {"Static", {"addresses", "static_targets"}},
                              {"HttpSD", {"url", "refresh_interval"}}};
    rows.back().keys.insert(rows.back().keys.end(), http_keys().begin(), http_keys().end());
    for (Kind& kind : rows) kind.keys.insert(kind.keys.end(), {"target_name", "type", "enabled", "endpoints"});
    return rows;
  }();
  return kKinds;
}

Result<const Kind*> read_kind(const Section& section) {
  const auto type = section.find("type");
  if (!type) return &kinds().front();
  const std::string name = TRY(type->text());
  if (name == "ServiceMonitor")
    return type->error("not supported: services are not discovered; select their pods with type PodMonitor");
  std::vector<std::string_view> names;
  for (const Kind& kind : kinds()) names.push_back(kind.name);
  TRY(type->word(names));
  return &*std::ranges::find(kinds(), name, &Kind::name);
}

/// What all endpoints of a target find; pods are completed by each.
Result<Discovery> read_discovery(const Section& section, const Kind& kind) {
  if (kind.name == "Static") return Discovery(StaticDiscovery{TRY(read_addresses(section))});
  if (kind.name == "HttpSD") return Discovery(TRY(read_http_discovery(section)));
  PodDiscovery pods;
  pods.role = PodRole::PodMonitor;
  if (const auto namespaces = section.below("namespace_selector")) pods.namespaces = TRY(read_namespaces(*namespaces));
  const auto selector = section.below("selector");
  if (!selector) return section.node().error("selector is missing: say which pods are meant, or {} for all");
  pods.select = TRY(read_selector(*selector));
  return Discovery(std::move(pods));
}

/// One job per endpoint; none for a target that is switched off, whose settings are checked all the same.
Result<std::vector<Job>> read_target(const Section& section, const ScrapeSettings& defaults) {
  const Kind& kind = *TRY(read_kind(section));
  TRY(section.only(kind.keys, http_foreign()));
  std::string name;
  bool enabled = true;
  TRY(section.read("target_name", name));
  TRY(section.read("enabled", enabled));
  if (name.empty()) return section.node().error("targetName is missing");
  const Discovery discovery = TRY(read_discovery(section, kind));
  auto endpoints = TRY(section.each("endpoints"));
  const bool of_pods = std::holds_alternative<PodDiscovery>(discovery);
  if (endpoints.empty() && of_pods) return section.node().error("endpoints is missing: say which port is meant");
  std::vector<Job> jobs;
  if (endpoints.empty()) {
    Job job;
    job.place = section.place();
    job.scrape = defaults;
    job.discoveries = {discovery};
    jobs.push_back(std::move(job));
  }
  for (const Section& endpoint : endpoints) {
    PodDiscovery pods = of_pods ? std::get<PodDiscovery>(discovery) : PodDiscovery();
    Job job = TRY(read_endpoint(endpoint, defaults, of_pods, pods));
    job.discoveries = {of_pods ? Discovery(std::move(pods)) : discovery};
    jobs.push_back(std::move(job));
  }
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    jobs[i].name = name;
    jobs[i].id = fmt::format("{}/{}", name, i);
  }
  if (!enabled) jobs.clear();
  return jobs;
}

}  // namespace

std::string_view name_of(BuiltinKind kind) { return kBuiltin[static_cast<std::size_t>(kind)].name; }

std::vector<Job> read_targets(const Section& root, const ScrapeSettings& defaults) {
  std::vector<Job> jobs;
  std::set<std::string> names;
  root.read_each("targets", [&](const Section& item) -> Result<void> {
    auto of_target = TRY(read_target(item, defaults));
    std::ranges::move(of_target, std::back_inserter(jobs));
    if (names.insert(*item.find("target_name")->text()).second) return {};
    return item.error("target_name", "there is a target of this name already");
  });
  return jobs;
}

Result<std::vector<Job>> read_builtin(const Section& root, const ScrapeSettings& defaults, bool explicit_target) {
  const auto section = root.below("builtin_targets");
  Namespaces namespaces;
  bool derive = true;
  if (section) {
    std::vector<std::string_view> known = {"namespace_selector", "derive_gpu_weights"};
    for (const auto& row : kBuiltin) known.push_back(row.key);
    TRY(section->only(known));
    if (const auto chosen = section->below("namespace_selector")) namespaces = TRY(read_namespaces(*chosen));
    TRY(section->read("derive_gpu_weights", derive));
  }
  std::vector<Job> jobs;
  for (const auto& row : kBuiltin) {
    bool on = !explicit_target;
    if (section) TRY(section->read(row.key, on));
    if (!on) continue;
    PodDiscovery pods;
    pods.role = PodRole::Builtin;
    pods.builtin = row.kind;
    pods.namespaces = namespaces;
    pods.node_label = true;
    Job job;
    job.id = fmt::format("builtin/{}", row.name);
    job.name = row.name;
    job.place = section && section->has(row.key) ? section->place() : Place();
    job.discoveries = {std::move(pods)};
    job.scrape = defaults;
    job.scrape.honor_labels = true;
    job.scrape.derive_gpu_weights = derive && row.kind == BuiltinKind::DcgmExporter;
    jobs.push_back(std::move(job));
  }
  return jobs;
}

}  // namespace tessera::relay
