#include "relay/discover_groups.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "relay/config_read.h"

namespace tessera::relay {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxBytes = 64U << 20U;
constexpr int kMaxDepth = 8;

Error wrong(const std::string& file, std::string_view path, std::string_view what) {
  return fail(Code::Invalid, "{}: {}: {}", file, path, what);
}

Result<TargetGroup> group_of(const json& group, const std::string& file, const std::string& path) {
  if (!group.is_object()) return wrong(file, path, "expected an object with targets and labels");
  TargetGroup out;
  std::vector<Label> labels;
  for (const auto& [key, value] : group.items()) {
    const std::string below = fmt::format("{}.{}", path, valid_utf8(key));
    if (key == "targets") {
      if (!value.is_array()) return wrong(file, below, "expected a list of addresses");
      for (const auto& target : value) {
        if (!target.is_string()) return wrong(file, below, "expected addresses such as \"host:9400\"");
        out.targets.push_back(target.get<std::string>());
        if (const auto why = wrong_address(out.targets.back()); !why.empty()) return wrong(file, below, why);
      }
    } else if (key == "labels") {
      if (!value.is_object()) return wrong(file, below, "expected an object of labels");
      for (const auto& [name, text] : value.items()) {
        if (!is_label_name(name)) return wrong(file, below, fmt::format("'{}' is no label name", valid_utf8(name)));
        if (!text.is_string()) return wrong(file, below, fmt::format("the label '{}' is no string", name));
        labels.push_back({name, text.get<std::string>()});
      }
    } else {
      return wrong(file, below, "this key is not known; there are targets and labels");
    }
  }
  out.labels = to_labels(std::move(labels));
  return out;
}

Result<std::vector<TargetGroup>> parse_json(std::string_view text, const std::string& file) {
  if (text.size() > kMaxBytes) return fail(Code::Invalid, "{}: longer than {} MiB", file, kMaxBytes >> 20U);
  bool deep = false;
  const auto depth_limit = [&](int depth, json::parse_event_t, json&) {
    deep |= depth > kMaxDepth;
    return !deep;
  };
  const json root = json::parse(text, depth_limit, false);
  if (deep || root.is_discarded() || !root.is_array())
    return fail(Code::Invalid, "{}: expected a JSON list of target groups: [{{\"targets\": [], \"labels\": {{}}}}]",
                file);
  std::vector<TargetGroup> out;
  for (std::size_t i = 0; i < root.size(); ++i) out.push_back(TRY(group_of(root[i], file, fmt::format("[{}]", i))));
  return out;
}

}  // namespace

std::string wrong_address(std::string_view address) {
  if (address.empty()) return "an address is empty";
  if (address.find("://") != std::string_view::npos)
    return fmt::format("'{}': expected host:port without a scheme; the scheme is a setting of the job",
                       valid_utf8(address));
  if (address.find_first_of("/?#@ \t\r\n") != std::string_view::npos)
    return fmt::format("'{}': expected host:port; the path is a setting of the job", valid_utf8(address));
  return {};
}

Result<TargetGroup> read_target_group(const config::Node& node) {
  TRY(node.only({"targets", "labels"}));
  TargetGroup out;
  const auto targets = node.find("targets");
  const auto items = targets ? TRY(targets->list()) : std::vector<config::Node>();
  for (const auto& item : items) {
    out.targets.push_back(TRY(item.text()));
    if (const auto why = wrong_address(out.targets.back()); !why.empty()) return item.error(why);
  }
  if (const auto labels = node.find("labels")) out.labels = TRY(read_labels(*labels));
  return out;
}

Result<Labels> read_labels(const config::Node& node) {
  std::vector<Label> out;
  const auto entries = TRY(node.entries());
  for (const auto& [name, value] : entries) {
    if (!is_label_name(name)) return value.error("this is no label name ([a-zA-Z_][a-zA-Z0-9_]*)");
    out.push_back({name, TRY(value.text())});
    if (!is_utf8(out.back().value)) return value.error("a label's value is UTF-8");
  }
  return to_labels(std::move(out));
}

Result<std::vector<TargetGroup>> parse_target_groups(std::string_view text, const std::string& file, bool is_json) {
  if (is_json) return parse_json(text, file);
  const auto root = TRY(config::load(text, file));
  std::vector<TargetGroup> out;
  const auto items = TRY(root.list());
  for (const auto& item : items) out.push_back(TRY(read_target_group(item)));
  return out;
}

}  // namespace tessera::relay
