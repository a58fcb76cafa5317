#include "cli/cells.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "base/grid.h"
#include "base/text.h"
#include "base/utc.h"

namespace tessera::cli {
namespace {

constexpr double kGibibyte = 1U << 30U;

std::optional<double> number_of(const JsonValue& row, std::string_view path) {
  const JsonValue& value = member(row, path);
  return value.is_number() ? std::optional(value.get<double>()) : std::nullopt;
}

std::string gibibytes(std::optional<double> bytes) {
  return bytes ? fmt::format("{:.1f}", *bytes / kGibibyte) : std::string(kAbsent);
}

}  // namespace

const JsonValue& member(const JsonValue& row, std::string_view path) {
  static const JsonValue kNull;
  const JsonValue* at = &row;
  for (const std::string_view part : split(path, '.')) {
    if (!at->is_object()) return kNull;
    const auto found = at->find(part);
    if (found == at->end()) return kNull;
    at = &*found;
  }
  return *at;
}

std::string text_cell(const JsonValue& row, std::string_view path) {
  const JsonValue& value = member(row, path);
  if (value.is_null()) return std::string(kAbsent);
  return harmless(value.is_string() ? value.get<std::string>()
                                    : value.dump(-1, ' ', false, JsonValue::error_handler_t::replace));
}

std::string number_cell(const JsonValue& row, std::string_view path, std::string_view unit) {
  const auto value = number_of(row, path);
  return value ? fmt::format("{:.0f}{}{}", *value, unit.empty() ? "" : " ", unit) : std::string(kAbsent);
}

std::string percent_cell(const JsonValue& row, std::string_view path) { return number_cell(row, path, "%"); }

std::string memory_cell(const JsonValue& row, std::string_view used, std::string_view total) {
  const auto of = number_of(row, used);
  const auto all = total.empty() ? std::nullopt : number_of(row, total);
  if (!of && !all) return std::string(kAbsent);
  return total.empty() ? gibibytes(of) + " GiB" : fmt::format("{}/{} GiB", gibibytes(of), gibibytes(all));
}

std::string age_text(EpochMs age) {
  struct Unit {
    std::string_view name;
    EpochMs size;
  };
  static constexpr Unit kUnits[] = {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}};
  age = std::max<EpochMs>(age, 0);
  for (std::size_t i = 0; i < std::size(kUnits); ++i) {
    if (age < kUnits[i].size && i + 1 < std::size(kUnits)) continue;
    std::string out = fmt::format("{}{}", age / kUnits[i].size, kUnits[i].name);
    if (i + 1 < std::size(kUnits))
      if (const EpochMs rest = age % kUnits[i].size / kUnits[i + 1].size; rest > 0)
        out += fmt::format("{}{}", rest, kUnits[i + 1].name);
    return out;
  }
  return "0s";
}

std::string age_cell(const JsonValue& row, std::string_view path, EpochMs now) {
  const auto then = time_of(row, path);
  return then ? age_text(now - *then) : std::string(kAbsent);
}

std::string pod_cell(const JsonValue& row) {
  const JsonValue& pod = member(row, "pod");
  if (pod.is_string()) {
    const JsonValue& space = member(row, "namespace");
    return harmless((space.is_string() ? space.get<std::string>() + "/" : "") + pod.get<std::string>());
  }
  const JsonValue& uid = member(row, "podUid");
  if (uid.is_string()) return "pod " + text_cell(row, "podUid");
  const JsonValue& how = member(row, "attribution");
  return how.is_string() ? "(" + text_cell(row, "attribution") + ")" : std::string(kAbsent);
}

std::string holders_cell(const JsonValue& row) {
  const JsonValue& holders = member(row, "holders");
  if (!holders.is_array() || holders.empty()) {
    // Where no kubelet tells who holds, those who use it are all that is known.
    const std::string use = text_cell(row, "use");
    return use == "free" ? use : "";
  }
  std::vector<std::string> names;
  for (const JsonValue& one : holders) {
    std::string name = pod_cell(one);
    if (std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

std::string instance_cell(const JsonValue& instance) {
  if (!instance.is_object()) return "";
  const JsonValue& ci = member(instance, "ci");
  return fmt::format("{}{} {}", text_cell(instance, "gi"), ci.is_null() ? "" : "/" + text_cell(instance, "ci"),
                     text_cell(instance, "profile"));
}

std::optional<EpochMs> time_of(const JsonValue& row, std::string_view path) {
  const JsonValue& value = member(row, path);
  return value.is_string() ? parse_utc(value.get_ref<const std::string&>()) : std::nullopt;
}

std::string fitted(std::string_view line, std::size_t columns) {
  std::size_t seen = 0, cut = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if ((static_cast<unsigned char>(line[i]) & 0xC0U) == 0x80U) continue;
    if (seen + 1 == columns) cut = i;
    if (++seen > columns) return std::string(line.substr(0, cut)) + "…";
  }
  return std::string(line);
}

}  // namespace tessera::cli
