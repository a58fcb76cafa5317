#include "cli/explain.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/grid.h"
#include "cli/cells.h"

namespace tessera::cli {
namespace {

/// Null and what is missing are empty here.
std::string text_at(const JsonValue& row, std::string_view path) {
  const std::string out = text_cell(row, path);
  return out == kAbsent ? "" : out;
}

std::string asked(const JsonValue& request) {
  std::string out;
  for (const auto& [name, value] : request.items())
    if (name != "namespace" && name != "podName")
      out += fmt::format("{}{} {}", out.empty() ? "" : ", ", harmless(name),
                         harmless(value.is_string() ? value.get<std::string>() : value.dump()));
  return out.empty() ? "a whole device" : out;
}

void add_parts(std::string& out, const JsonValue& allocation) {
  for (const JsonValue& part : member(allocation, "parts")) {
    const std::string profile = text_at(part, "profile");
    const JsonValue& stands = member(part, "stands");
    out +=
        fmt::format("  {}{} ({}){}\n", text_cell(part, "deviceId"),
                    profile.empty() ? "" : fmt::format(" {} at {}", profile, text_cell(part, "start")),
                    text_cell(part, "resource"), stands.is_boolean() && !stands.get<bool>() ? ": it is being cut" : "");
  }
}

void add_sentences(std::string& out, std::string_view head, const JsonValue& list, std::string_view what,
                   std::string_view beside) {
  if (!list.is_array() || list.empty()) return;
  out += fmt::format("{}\n", head);
  for (const JsonValue& one : list) {
    const std::string more = text_at(one, beside);
    out += fmt::format("  {}{}\n", more.empty() ? "" : more + ": ", text_cell(one, what));
    for (const JsonValue& near : member(one, "nearest"))
      out += fmt::format("    {}: {}\n", text_cell(near, "deviceId"), text_cell(near, "what"));
  }
}

std::string about_allocation(const JsonValue& one, EpochMs now) {
  std::string out = fmt::format("Allocation {} is {} for {}: {}\n", text_cell(one, "id"), text_cell(one, "state"),
                                age_cell(one, "since", now), text_cell(one, "reason"));
  out += fmt::format("Asked by {}: {}\n", text_cell(one, "askedBy"), asked(member(one, "request")));
  if (const std::string until = text_at(one, "expires"); !until.empty())
    out += fmt::format("Kept for the pod until {}\n", until);
  add_parts(out, one);
  const JsonValue& decision = member(one, "decision");
  if (!decision.is_object()) return out;
  add_sentences(out, "What counted:", member(decision, "factors"), "text", "");
  add_sentences(out, "What came next:", member(decision, "runnersUp"), "whyNot", "deviceId");
  add_sentences(out, "What is in the way:", member(decision, "misses"), "sentence", "");
  add_sentences(out, "What would help:", member(decision, "remedies"), "sentence", "");
  for (const char* more : {"hint", "assumed"})
    if (const std::string text = text_at(decision, more); !text.empty()) out += text + '\n';
  return out;
}

}  // namespace

std::string explain_text(const std::string& pod, const JsonValue& pods, const JsonValue& allocations, EpochMs now) {
  std::string out = fmt::format("Pod {}\n", pod);
  for (const JsonValue& one : pods) {
    for (const JsonValue& part : member(one, "parts")) {
      const std::string instance = instance_cell(member(part, "instance"));
      out += fmt::format("Has {}{}\n", text_cell(part, "deviceId"), instance.empty() ? "" : " instance " + instance);
    }
    const std::string why = text_at(one, "kubernetes.waiting.message");
    if (text_at(one, "kubernetes.waiting.reason") == "SchedulingGated")
      out += fmt::format("Waits at a scheduling gate{}{}\n", why.empty() ? "" : ": ", why);
    else if (!why.empty())
      out += fmt::format("Has no node, by the scheduler's word: {}\n", why);
  }
  if (allocations.empty()) out += "No allocation was asked for it (POST /gpu/allocations)\n";
  for (const JsonValue& one : allocations) out += about_allocation(one, now);
  return out;
}

Result<std::string> explain(const ExplainCommand& command) {
  const auto slash = command.pod.find('/');
  const std::string space = command.pod.substr(0, slash), name = command.pod.substr(slash + 1);
  FleetServer server = TRY(FleetServer::open(command.server));
  const JsonValue pods = TRY(server.json("/gpu/pods", {{"namespace", space}, {"pod", name}}));
  const JsonValue allocations = TRY(
      server.json("/gpu/allocations",
                  {{"namespace", space}, {"podName", name}, {"over", "true"}, {"sort", "-askedAt"}, {"limit", "1"}}));
  const JsonValue &held = member(pods, "items"), &asked = member(allocations, "items");
  if (!held.is_array() || !asked.is_array())
    return fail(Code::Invalid, "{}: no lists, so this is no tessera-server", server.api_url("/gpu/allocations"));
  if (held.empty() && asked.empty())
    return fail(Code::NotFound,
                "pod {}: the server at {} has seen it on no GPU, and nobody has asked for an allocation for it",
                command.pod, command.server.url);
  return explain_text(command.pod, held, asked, time_of(allocations, "time").value_or(now_epoch_ms()));
}

}  // namespace tessera::cli
