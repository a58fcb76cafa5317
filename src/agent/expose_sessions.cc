// The session families: process truth, a row per process and an idle row per unused device or instance.
#include <algorithm>
#include <map>
#include <span>

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

void append_state(std::string& out, const Session& session, const ExposeOptions& options) {
  append_label(out, "status", "active");
  if (options.session_memory_label) append_label(out, "gpu_memory", mebibytes(session.memory_bytes));
  if (!options.session_pid) return;  // a row for several processes has no one type
  append_label(out, "type", session.type);
  append_label(out, "attribution", outcome_name(session.outcome));
}

void append_end(Exposure& out, std::string& text, const Session& session) {
  out.append_identity(text, session.subject);
  append_label(text, "pod_uid", session.workload.pod_uid);
}

/// The labels of a session's numbers, and those of its info row: the same with its state among them.
struct SessionLabels {
  metrics::LabelSet values, info;
};

SessionLabels session_labels(Exposure& out, std::string& scratch, const Session& session) {
  std::string& text = out.begin(session.subject);
  append_process(text, session, out.options);
  const std::size_t middle = text.size();
  append_end(out, text, session);
  scratch.assign(text, 0, middle);
  append_state(scratch, session, out.options);
  scratch.append(text, middle);
  return {out.page.labels(text), out.page.labels(scratch)};
}

metrics::LabelSet idle_labels(Exposure& out, const Subject& subject) {
  std::string& text = out.begin(subject);
  for (const std::string_view name : {"pid", "command", "pod", "namespace", "container"}) {
    const bool dropped =
        (name == "pid" && !out.options.session_pid) || (name == "command" && !out.options.session_command);
    if (!dropped) append_label(text, name, "");
  }
  append_label(text, "status", "idle");
  if (out.options.session_memory_label) append_label(text, "gpu_memory", "0MiB");
  out.append_identity(text, subject);
  return out.page.labels(text);
}

/// Running sessions of each row, in the rows' order.
std::vector<double> counts_of(const Exposure& out) {
  std::map<Subject, double> counts;
  for (const Row& row : out.rows()) counts.emplace(row.subject, 0);
  auto last = counts.end();  // most stand beside the one before
  for (const Session& session : out.seen.sessions) {
    if (last == counts.end() || last->first != session.subject) last = counts.find(session.subject);
    if (last != counts.end()) ++last->second;
  }
  std::vector<double> in_order;
  for (const Row& row : out.rows()) in_order.push_back(counts.at(row.subject));
  return in_order;
}

void add_info(Exposure& out, const std::vector<SessionLabels>& labels, const std::vector<double>& counts) {
  out.page.family(catalog::kProcessInfo.metric);
  for (const SessionLabels& of : labels) out.page.add(of.info, 1);
  for (std::size_t i = 0; i < counts.size(); ++i)
    if (counts[i] == 0) out.page.add(idle_labels(out, out.rows()[i].subject), 1);
}

void add_values(Exposure& out, std::span<const Session> sessions, const std::vector<SessionLabels>& labels) {
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

  for (const Column& column : kColumns) {
    out.page.family(column.what.metric);
    for (std::size_t i = 0; i < sessions.size(); ++i)
      if (const auto value = column.value(sessions[i])) out.page.add(labels[i].values, *value);
  }
}

void add_coverage(Exposure& out) {
  if (const auto coverage = out.seen.sessions_coverage()) out.add_single(catalog::kSessionsCoverage, *coverage);
}

void add_counts(Exposure& out, const std::vector<double>& counts) {
  out.page.family(catalog::kSessionCount.metric);
  for (std::size_t i = 0; i < counts.size(); ++i) out.page.add(out.subject_labels(out.rows()[i].subject), counts[i]);
  out.add_single(catalog::kTotalSessions, static_cast<double>(out.seen.sessions.size()));
  add_coverage(out);

  out.page.family(catalog::kSessionsStarted.metric);
  for (const auto& [subject, started] : out.seen.sessions_started) {
    std::string& text = out.begin(subject);
    if (subject.gpu_instance) append_label(text, "GPU_I_ID", std::to_string(*subject.gpu_instance));
    append_label(text, "UUID", subject.uuid);
    out.append_hostname(text);
    out.page.add(out.page.labels(text), static_cast<double>(started));
  }
}

/// A PID may end, come again and end again within five minutes: the newest end of equal labels is shown.
void add_ended(Exposure& out) {
  std::map<std::string, EpochMs> ends;
  for (const Session& session : out.seen.ended) {
    std::string& text = out.begin(session.subject);
    append_process(text, session, out.options);
    append_end(out, text, session);
    EpochMs& end = ends[text];
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
  const ShownSessions shown = shown_sessions(out.seen.sessions, out.options);
  std::vector<SessionLabels> labels;
  labels.reserve(shown.rows.size());
  std::string scratch;
  for (const Session& session : shown.rows) labels.push_back(session_labels(out, scratch, session));
  const std::vector<double> counts = counts_of(out);
  add_info(out, labels, counts);
  add_values(out, shown.rows, labels);
  add_counts(out, counts);
  add_ended(out);
}

}  // namespace tessera::agent
