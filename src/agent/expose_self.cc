// How the agent itself is: fresh, blind, blocked, and at what cost. An operator's alerts stand on these families.
#include <array>

#include "agent/exposure.h"

namespace tessera::agent {
namespace {

using metrics::append_label;

struct Labelled {
  std::string_view name;
  std::string_view value;
};

void add_labelled(Exposure& out, std::initializer_list<Labelled> labels, double value) {
  std::string text;
  for (const auto& [name, label_value] : labels) append_label(text, name, label_value);
  out.append_hostname(text);
  out.page.add(out.page.labels(text), value);
}

void add_versions(Exposure& out, const SelfState& self) {
  const gpu::Driver& driver = out.seen.snapshot.driver;
  const std::string_view simulated = driver.simulated ? "true" : "false";
  out.page.family(catalog::kBuildInfo.metric);
  add_labelled(out, {{"version", self.version}, {"simulated", simulated}}, 1);
  out.add_single(catalog::kDriverUp, out.seen.driver_up ? 1 : 0);
  if (!out.seen.driver_up) return;
  out.page.family(catalog::kDriverInfo.metric);
  add_labelled(
      out, {{"driver_version", driver.version}, {"nvml_version", driver.nvml_version}, {"simulated", simulated}}, 1);
}

void add_devices(Exposure& out, const SelfState& self) {
  const auto& devices = out.seen.snapshot.devices;
  out.page.family(catalog::kDeviceUp.metric);
  for (const auto& d : devices) out.page.add(out.subject_labels(subject_of(d)), d.health == gpu::Health::Up ? 1 : 0);
  out.page.family(catalog::kDeviceSeconds.metric);
  for (const auto& d : devices)
    if (d.health == gpu::Health::Up) out.page.add(out.subject_labels(subject_of(d)), d.collection_seconds);
  out.page.family(catalog::kClamped.metric);
  for (const auto& d : devices) {
    const auto sums = self.clamped_sums.find(d.uuid);
    const std::uint64_t clamped = d.clamped_values + (sums == self.clamped_sums.end() ? 0 : sums->second);
    if (clamped > 0) out.page.add(out.subject_labels(subject_of(d)), static_cast<double>(clamped));
  }
  out.page.family(catalog::kProfilingUnavailable.metric);
  for (const auto& d : devices) {
    if (d.health != gpu::Health::Up || d.profiling_supported) continue;
    std::string& text = out.begin(subject_of(d));
    append_label(text, "reason", d.profiling_why);
    out.append_identity(text, subject_of(d));
    out.page.add(out.page.labels(text), 1);
  }
}

void add_fields(Exposure& out, const FieldSet& fields, const SelfState& self) {
  out.page.family(catalog::kFieldUnavailable.metric);
  for (const FieldInfo* field : fields.without_source)
    add_labelled(out, {{"field", field->name}, {"reason", field->why_no_source}}, 1);
  out.add_single(catalog::kReloadOk, self.fields_reload_ok ? 1 : 0);
}

void add_attribution(Exposure& out) {
  const Observation& seen = out.seen;
  out.page.family(catalog::kBlind.metric);
  const struct {
    std::string_view reason;
    bool blind;
  } kinds[] = {{"no_proc", seen.blindness.no_proc},
               {"no_host_pid", seen.blindness.no_host_pid},
               {"cgroup_namespace", seen.blindness.cgroup_namespaced},
               {"hidepid", seen.blindness.hidepid},
               {"abi_mismatch", seen.snapshot.driver.abi_mismatch},
               {"no_pod_names", seen.kubernetes && !seen.names_problem.empty()},
               {"no_pod_resources", seen.kubernetes && !seen.allocations.known}};
  for (const auto& kind : kinds) add_labelled(out, {{"reason", kind.reason}}, kind.blind ? 1 : 0);

  std::array<double, kOutcomeCount> counts{};
  for (const Session& session : seen.sessions) ++counts[static_cast<std::size_t>(session.outcome)];
  out.page.family(catalog::kProcesses.metric);
  for (std::size_t i = 0; i < kOutcomeCount; ++i)
    add_labelled(out, {{"outcome", outcome_name(static_cast<Outcome>(i))}}, counts[i]);
  out.add_single(catalog::kKubeletFailures, static_cast<double>(seen.allocations.failures));
  if (seen.allocations.known) out.add_single(catalog::kUnmatched, static_cast<double>(seen.allocations.unmatched));
}

void add_drops(Exposure& out) {
  out.page.family(catalog::kDropped.metric);
  add_labelled(out, {{"what", "sessions"}}, static_cast<double>(out.seen.dropped_sessions));
  add_labelled(out, {{"what", "ended_sessions"}}, static_cast<double>(out.seen.dropped_ended));
}

void add_refusals(Exposure& out, const http::ServerStats& http) {
  const struct {
    std::string_view reason;
    std::uint64_t count;
  } kinds[] = {{"connections", http.refused_connections},
               {"header_size", http.refused_headers},
               {"body_size", http.refused_bodies},
               {"unauthorized", http.unauthorized},
               {"timeout", http.timeouts},
               {"failed", http.failed_handlers}};
  out.page.family(catalog::kRefused.metric);
  for (const auto& kind : kinds) add_labelled(out, {{"reason", kind.reason}}, static_cast<double>(kind.count));
}

}  // namespace

void expose_self(Exposure& out, const FieldSet& fields, const SelfState& self) {
  add_versions(out, self);
  add_devices(out, self);
  add_fields(out, fields, self);
  add_attribution(out);
  out.add_single(catalog::kCollectionTime, static_cast<double>(out.seen.time) / 1000.0);
  out.add_single(catalog::kCollectionSeconds, out.seen.collection_seconds);
  out.add_single(catalog::kCollections, static_cast<double>(out.seen.collections));
  out.add_single(catalog::kTextfileFailures, static_cast<double>(self.textfile_failures));
  add_drops(out);
  out.add_single(catalog::kScrapes, static_cast<double>(self.scrapes));
  add_refusals(out, self.http);
  out.add_single(catalog::kCpuSeconds, self.cpu_seconds);
  if (self.resident_bytes) out.add_single(catalog::kResident, static_cast<double>(*self.resident_bytes));
  out.add_single(catalog::kStartTime, static_cast<double>(self.start_time) / 1000.0);
}

}  // namespace tessera::agent
