#include "server/admission/labels.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/text.h"
#include "server/api_json.h"

namespace tessera::server {
namespace {

// Of a wish; the system's own pods have more, and a class may give less.
constexpr std::int64_t kHighestPriority = 2'000'000'000, kLowestPriority = -1'000'000'000;

constexpr LabelRow kRows[] = {
    {"tessera.dev/gpu-memory", "requiredMemory", LabelForm::Text, true},
    {"tessera.dev/gpu-share", "gpuShare", LabelForm::Text, true},
    {"tessera.dev/gpu-count", "devices", LabelForm::Number, true},
    {"tessera.dev/gpu-compute-slices", "computeSlices", LabelForm::Number, true},
    {"tessera.dev/gpu-model", "models", LabelForm::List, true},
    {"tessera.dev/gpu-mig", "useMig", LabelForm::Flag, false},
    {"tessera.dev/gpu-max-price", "maxPricePerHour", LabelForm::Text, false},
    {"tessera.dev/workload-type", "workloadType", LabelForm::Text, false},
    {"tessera.dev/serving-model", "model", LabelForm::Text, true},
    {"tessera.dev/serving-dtype", "dtype", LabelForm::Text, false},
    {"tessera.dev/serving-max-model-len", "maxModelLen", LabelForm::Number, false},
    {"tessera.dev/serving-concurrency", "concurrency", LabelForm::Number, false},
};

Result<Json> value_of(const LabelRow& row, const std::string& text) {
  switch (row.form) {
    case LabelForm::Text:
      return Json(text);
    case LabelForm::List:
      return Json::array({text});
    case LabelForm::Flag:
      if (text != "true" && text != "false")
        return fail(Code::Invalid, "label {}: '{}', but true or false is expected", row.label, text);
      return Json(text == "true");
    case LabelForm::Number:
      break;
  }
  const auto number = parse_int(text);
  if (!number) return fail(Code::Invalid, "label {}: '{}', but a whole number is expected", row.label, text);
  return Json(*number);
}

/// What is said of a member, said of its label.
Error of_labels(const Error& error) {
  for (const LabelRow& row : kRows)
    if (error.what.starts_with(fmt::format("{}: ", row.member)))
      return fail(error.code, "label {}{}", row.label, error.what.substr(row.member.size()));
  return fail(error.code, "labels of tessera.dev: {}", error.what);
}

}  // namespace

std::span<const LabelRow> label_rows() { return kRows; }

bool asks_by_label(const fleet::LabelMap& labels) {
  return std::ranges::any_of(kRows,
                             [&](const LabelRow& row) { return row.asks && labels.contains(std::string(row.label)); });
}

Result<AllocationWish> wish_of_labels(const fleet::LabelMap& labels, const Asking& asking) {
  Json body = {{"cluster", asking.cluster}, {"namespace", asking.space}, {"podName", asking.pod}, {"wait", true}};
  for (const LabelRow& row : kRows)
    if (const auto found = labels.find(std::string(row.label)); found != labels.end())
      body[std::string(row.member)] = TRY(value_of(row, valid_utf8(found->second)));
  // Slices are an instance's; a device that cannot be cut has none.
  if (body.contains("computeSlices") && !body.contains("useMig")) body["useMig"] = true;
  if (!asking.resource.empty()) body["resource"] = asking.resource;
  if (asking.priority != 0) body["priority"] = std::clamp(asking.priority, kLowestPriority, kHighestPriority);
  auto wish = parse_allocation_wish(json_text(body));
  if (!wish) return of_labels(wish.error());
  wish->team = asking.team;  // of any text: no name is expected of what an annotation may say
  return wish;
}

std::string clipped(std::string_view text, std::size_t most) {
  std::string out = valid_utf8(text);
  while (out.size() > most || !is_utf8(out)) out.pop_back();
  return out;
}

std::optional<std::string> strange_label(const fleet::LabelMap& labels) {
  std::vector<std::string_view> known{kContainerLabel};
  for (const LabelRow& row : kRows) known.push_back(row.label);
  for (const auto& [label, value] : labels) {
    const bool ours = label.starts_with("tessera.dev/gpu-") || label.starts_with("tessera.dev/serving-");
    if (!ours || std::ranges::count(known, label) > 0) continue;
    const std::string_view near = nearest(label, known);
    return fmt::format("{}: there is no such label{}", label,
                       near.empty() ? "" : fmt::format("; did you mean {}?", near));
  }
  return std::nullopt;
}

}  // namespace tessera::server
