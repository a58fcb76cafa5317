// The session families: process truth, a row per process and an idle row per unused device or instance.
#include <algorithm>
#include <map>

#include "agent/exposure.h"
#include "agent/shown_sessions.h"

namespace tessera::agent {
namespace {

using metrics::append_label;

/// nvidia-smi's way of writing memory, in the label that queries in circulation match on.
std::string mebibytes(std::optional<std::uint64_t> bytes) {
  return bytes ? fmt::format("{}MiB", *bytes >> 20U) : std::string();
}

/// "unknown" is what queries exclude to see pods only; a pod whose name is not known yet is not "unknown".
std::string_view pod_label(const Session& session) {
  if (session.workload.pod.empty() && session.workload.pod_uid.empty()) return "unknown";
  return session.workload.pod;
}

void append_process(std::string& out, const Session& session, const ExposeOptions& options) {
  if (options.session_pid) append_label(out, "pid", std::to_string(session.pid));
  if (options.session_command) append_label(out, "command", session.command);
  append_label(out, "pod", pod_label(session));
  append_label(out, "namespace", session.workload.space);
  append_label(out, "container", session.workload.container);
}

metrics::LabelSet session_labels(Exposure& out, const Session& session) {
  std::string text = Exposure::gpu_label(session.subject);
  append_process(text, session, out.options);
  out.append_identity(text, session.subject);
  append_label(text, "pod_uid", session.workload.pod_uid);
  return out.page.labels(std::move(text));
}

metrics::LabelSet info_labels(Exposure& out, const Session& session) {
  std::string text = Exposure::gpu_label(session.subject);
  append_process(text, session, out.options);
  append_label(text, "status", "active");
  if (out.options.session_memory_label) append_label(text, "gpu_memory", mebibytes(session.memory_bytes));
  if (out.options.session_pid) {  // a row for several processes has no one type
    append_label(text, "type", session.type);
    append_label(text, "attribution", outcome_name(session.outcome));
  }
  out.append_identity(text, session.subject);
  append_label(text, "pod_uid", session.workload.pod_uid);
  return out.page.labels(std::move(text));
}

metrics::LabelSet idle_labels(Exposure& out, const Subject& subject) {
  std::string text = Exposure::gpu_label(subject);
  for (const std::string_view name : {"pid", "command", "pod", "namespace", "container"}) {
    const bool dropped =
        (name == "pid" && !out.options.session_pid) || (name == "command" && !out.options.session_command);
    if (!dropped) append_label(text, name, "");
  }
  append_label(text, "status", "idle");
  if (out.options.session_memory_label) append_label(text, "gpu_memory", "0MiB");
  out.append_identity(text, subject);
  return out.page.labels(std::move(text));
}

void add_info(Exposure& out, const std::vector<Session>& sessions) {
  out.page.family(catalog::kProcessInfo.metric);
  for (const Session& session : sessions) out.page.add(info_labels(out, session), 1);
  for (const Row& row : out.rows())
    if (std::ranges::find(sessions, row.subject, &Session::subject) == sessions.end())
      out.page.add(idle_labels(out, row.subject), 1);
}

void add_values(Exposure& out, const std::vector<Session>& sessions) {
  struct Column {
    const Described& what;
    std::optional<double> (*value)(const Session&);
  };
  static constexpr Column kColumns[] = {
      {catalog::kProcessStart,
       [](const Session& s) {
         return s.start_time > 0 ? std::optional(static_cast<double>(s.start_time) / 1000.0) : std::nullopt;
       }},
      {catalog::kProcessMemory,
       [](const Session& s) {
         return s.memory_bytes ? std::optional(static_cast<double>(*s.memory_bytes)) : std::nullopt;
       }},
      {catalog::kProcessMemoryRatio, [](const Session& s) { return s.memory_ratio; }},
      {catalog::kProcessUtil, [](const Session& s) { return s.sm_percent; }},
      {catalog::kProcessMemoryUtil, [](const Session& s) { return s.memory_percent; }}};

  std::vector<metrics::LabelSet> labels;
  labels.reserve(sessions.size());
  for (const Session& session : sessions) labels.push_back(session_labels(out, session));
  for (const Column& column : kColumns) {
    out.page.family(column.what.metric);
    for (std::size_t i = 0; i < sessions.size(); ++i)
      if (const auto value = column.value(sessions[i])) out.page.add(labels[i], *value);
  }
}

void add_coverage(Exposure& out) {
  if (const auto coverage = out.seen.sessions_coverage()) out.add_single(catalog::kSessionsCoverage, *coverage);
}

void add_counts(Exposure& out) {
  std::map<Subject, double> counts;
  for (const Session& session : out.seen.sessions) ++counts[session.subject];
  out.page.family(catalog::kSessionCount.metric);
  for (const Row& row : out.rows()) out.page.add(out.subject_labels(row.subject), counts[row.subject]);
  out.add_single(catalog::kTotalSessions, static_cast<double>(out.seen.sessions.size()));
  add_coverage(out);

  out.page.family(catalog::kSessionsStarted.metric);
  for (const auto& [subject, started] : out.seen.sessions_started) {
    std::string text = Exposure::gpu_label(subject);
    if (subject.gpu_instance) append_label(text, "GPU_I_ID", std::to_string(*subject.gpu_instance));
    append_label(text, "UUID", subject.uuid);
    out.append_hostname(text);
    out.page.add(out.page.labels(std::move(text)), static_cast<double>(started));
  }
}

/// A PID may end, come again and end again within five minutes: the newest end of equal labels is shown.
void add_ended(Exposure& out) {
  std::map<std::string, EpochMs> ends;
  for (const Session& session : out.seen.ended) {
    std::string text = Exposure::gpu_label(session.subject);
    append_process(text, session, out.options);
    out.append_identity(text, session.subject);
    append_label(text, "pod_uid", session.workload.pod_uid);
    EpochMs& end = ends[std::move(text)];
    end = std::max(end, session.last_seen);
  }
  out.page.family(catalog::kSessionEnd.metric);
  for (const auto& [labels, end] : ends) out.page.add(out.page.labels(labels), static_cast<double>(end) / 1000.0);
}

}  // namespace

void expose_sessions(Exposure& out) {
  if (!out.seen.driver_up) return;
  if (!out.seen.sessions_known()) {
    add_coverage(out);
    return;
  }
  const std::vector<Session> sessions = shown_sessions(out.seen.sessions, out.options).rows;
  add_info(out, sessions);
  add_values(out, sessions);
  add_counts(out);
  add_ended(out);
}

}  // namespace tessera::agent
