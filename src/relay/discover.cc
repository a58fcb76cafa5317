#include "relay/discover.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "relay/discover_groups.h"
#include "relay/target.h"

namespace tessera::relay {
namespace {

constexpr std::string_view kParam = "__param_";

/// As a form is encoded: what a server takes for a query.
std::string encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '_' || c == '.' || c == '~';
    if (plain)
      out += c;
    else if (c == ' ')
      out += '+';
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

/// The job's parameters, of which a __param_x label replaces the first value.
std::string query_of(const Job& job, const Labels& labels) {
  std::map<std::string, std::vector<std::string>> params(job.scrape.params.begin(), job.scrape.params.end());
  for (const Label& label : labels) {
    if (!label.name.starts_with(kParam)) continue;
    auto& values = params[label.name.substr(kParam.size())];
    if (values.empty()) values.emplace_back();
    values.front() = label.value;
  }
  std::string out;
  for (const auto& [name, values] : params)
    for (const auto& value : values)
      out += fmt::format("{}{}={}", out.empty() ? '?' : '&', encoded(name), encoded(value));
  return out;
}

/// A path may have been made by a rule: bytes that would end it or the request are encoded.
std::string path_of(std::string_view path) {
  std::string out = path.starts_with('/') ? "" : "/";
  for (const char c : path) {
    if (c > ' ' && c < 0x7F && std::string_view("?#%\"<>\\^`{|}").find(c) == std::string_view::npos)
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

void set_default(Labels& labels, std::string_view name, std::string_view value) {
  if (value_of(labels, name).empty()) set_label(labels, name, value);
}

void add_defaults(const Job& job, Labels& labels) {
  const ScrapeSettings& scrape = job.scrape;
  set_default(labels, "job", job.name);
  set_default(labels, "__scheme__", scrape.scheme);
  set_default(labels, "__metrics_path__", scrape.path);
  set_default(labels, "__scrape_interval__", format_duration(scrape.interval));
  set_default(labels, "__scrape_timeout__", format_duration(scrape.timeout));
  for (const auto& [name, values] : scrape.params)
    if (!values.empty()) set_default(labels, std::string(kParam) + name, values.front());
}

Result<TargetSpec> target_of(const Job& job, Labels labels, TargetSpec target) {
  const std::string address(value_of(labels, "__address__"));
  if (const auto why = wrong_address(address); !why.empty())
    return fail(Code::Invalid, "the label __address__: {}", why);
  const std::string scheme(value_of(labels, "__scheme__"));
  if (scheme != "http" && scheme != "https")
    return fail(Code::Invalid, "the label __scheme__ is '{}'; expected http or https", valid_utf8(scheme));
  for (const auto& [name, into] :
       {std::pair("__scrape_interval__", &target.interval), std::pair("__scrape_timeout__", &target.timeout)}) {
    const auto parsed = parse_duration(value_of(labels, name));
    if (!parsed || parsed->count() == 0) return fail(Code::Invalid, "the label {} is no duration above 0", name);
    *into = *parsed;
  }
  if (target.timeout > target.interval)
    return fail(Code::Invalid, "the timeout of {} is longer than the interval of {}", format_duration(target.timeout),
                format_duration(target.interval));
  target.job_id = job.id;
  target.url =
      fmt::format("{}://{}{}{}", scheme, address, path_of(value_of(labels, "__metrics_path__")), query_of(job, labels));
  set_default(labels, "instance", address);
  std::erase_if(labels, [](const Label& label) { return label.name.starts_with("__"); });
  for (const Label& label : labels)
    if (!is_label_name(label.name) || !is_utf8(label.value))
      return fail(Code::Invalid, "the label '{}' has a name or value that cannot be sent", valid_utf8(label.name));
  target.labels = std::move(labels);
  return target;
}

}  // namespace

Walk resolve(const Job& job, Labels discovered, const TargetSpec& known) {
  Walk out;
  add_defaults(job, discovered);
  Labels labels = discovered;
  if (!relabel(job.relabel, labels)) {
    const RelabelStep last = explain(job.relabel, std::move(discovered)).back();
    out.steps.push_back({"relabel", false,
                         fmt::format("the rule `{}` dropped it; it looked at '{}'", last.rule, valid_utf8(last.value)),
                         fmt::format("change the rule or what it looks at ({})", shown(job.place))});
    return out;
  }
  if (!job.relabel.empty())
    out.steps.push_back({"relabel", true, fmt::format("all of {} rules kept it", job.relabel.size()), ""});
  auto target = target_of(job, std::move(labels), known);
  if (!target) {
    out.steps.push_back({"address", false, target.error().what,
                         fmt::format("mend the rules or what was discovered ({})", shown(job.place))});
    return out;
  }
  out.steps.push_back({"target", true, fmt::format("{} every {}", target->url, format_duration(target->interval)), ""});
  out.targets.push_back(*std::move(target));
  return out;
}

Walk walk_groups(const Job& job, std::span<const TargetGroup> groups, const Labels& meta, const std::string& origin) {
  Walk out;
  TargetSpec known;
  known.origin = origin;
  for (const TargetGroup& group : groups)
    for (const std::string& address : group.targets) {
      Labels labels = group.labels;
      for (const Label& label : meta) set_label(labels, label.name, label.value);
      set_label(labels, "__address__", address);
      Walk one = resolve(job, std::move(labels), known);
      std::ranges::move(one.steps, std::back_inserter(out.steps));
      std::ranges::move(one.targets, std::back_inserter(out.targets));
    }
  return out;
}

Sifted without_equal_labels(std::vector<TargetSpec> targets) {
  Sifted out;
  std::map<Labels, std::string> seen;  // and who came first
  for (TargetSpec& target : targets) {
    const auto [at, first] = seen.emplace(target.labels, target.job_id + " at " + target.url);
    if (first)
      out.kept.push_back(std::move(target));
    else
      out.dropped.push_back({std::move(target), "has the same labels as " + at->second});
  }
  return out;
}

Sifted prefer_agent(std::vector<TargetSpec> targets, const std::set<std::string>& silent) {
  struct Node {
    std::set<std::string> agents;  ///< by key
    bool answers = false;          ///< one of them does
  };
  std::map<std::string, Node> nodes;
  for (const TargetSpec& target : targets)
    if (target.builtin == BuiltinKind::TesseraAgent && !target.node.empty()) {
      const std::string key = target_key(target.job_id, target.url, target.labels);
      Node& node = nodes[target.node];
      node.answers = node.answers || !silent.contains(key);
      node.agents.insert(key);
    }
  Sifted out;
  for (TargetSpec& target : targets) {
    const auto node = target.builtin == BuiltinKind::DcgmExporter ? nodes.find(target.node) : nodes.end();
    if (node != nodes.end()) out.contested.insert(node->second.agents.begin(), node->second.agents.end());
    if (node != nodes.end() && !node->second.answers) out.fallen_back.insert(target.node);
    if (node != nodes.end() && node->second.answers)
      out.dropped.push_back({target, fmt::format("tessera-agent tells of the GPUs of node '{}'", target.node)});
    else
      out.kept.push_back(std::move(target));
  }
  return out;
}

std::string share_key(const TargetSpec& target) {
  const bool elects = target.builtin == BuiltinKind::TesseraAgent || target.builtin == BuiltinKind::DcgmExporter;
  return elects && !target.node.empty() ? "node\n" + target.node : target_key(target.job_id, target.url, target.labels);
}

}  // namespace tessera::relay
