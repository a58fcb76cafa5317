#include "agent/exposure.h"

#include "base/text.h"

namespace tessera::agent {

using metrics::append_label;

namespace {

/// As dcgm-exporter has it: what stands between two words is one '-', however many blanks there are.
std::string without_blanks(std::string_view name) {
  std::string out;
  for (const std::string_view word : split(name, ' ')) {
    if (word.empty()) continue;
    if (!out.empty()) out += '-';
    out += word;
  }
  return out;
}

}  // namespace

Exposure::Exposure(const Observation& observation, const ExposeOptions& expose_options, metrics::Page& out)
    : seen(observation), options(expose_options), page(out) {
  for (const gpu::Device& device : seen.snapshot.devices) {
    const Subject whole = subject_of(device);
    identities_.emplace(whole, identity_text(whole, nullptr));
    if (device.health != gpu::Health::Up) continue;
    if (device.instances.empty()) rows_.push_back({whole, &device, nullptr});
    for (const gpu::Instance& instance : device.instances)
      rows_.push_back({subject_of(device, instance), &device, &instance});
  }
  for (const Row& row : rows_) identities_.emplace(row.subject, identity_text(row.subject, row.instance));
}

std::size_t Exposure::Hash::operator()(const Subject& subject) const {
  constexpr std::size_t kMostCompute = 8;  // compute instances of a GPU instance
  const std::size_t instance = subject.gpu_instance.value_or(0) * kMostCompute + subject.compute_instance.value_or(0);
  return std::hash<std::string>()(subject.uuid) + instance;
}

std::string& Exposure::begin(const Subject& subject) {
  text_.clear();
  append_label(text_, "gpu", subject.gpu);
  return text_;
}

void Exposure::append_hostname(std::string& out) const {
  if (!options.hostname_label.empty()) append_label(out, options.hostname_label, options.node_name);
}

std::string Exposure::identity_text(const Subject& subject, const gpu::Instance* instance) const {
  std::string out;
  if (instance) append_label(out, "GPU_I_PROFILE", instance->profile);
  if (subject.gpu_instance) append_label(out, "GPU_I_ID", std::to_string(*subject.gpu_instance));
  append_label(out, "UUID", subject.uuid);
  append_hostname(out);
  return out;
}

void Exposure::append_identity(std::string& out, const Subject& subject) const {
  if (!out.empty()) out += ',';
  const auto known = identities_.find(subject);
  out += known != identities_.end() ? known->second : identity_text(subject, nullptr);
}

std::string Exposure::model_name(const gpu::Device& device) const {
  return options.model_without_blanks ? without_blanks(device.name) : device.name;
}

metrics::LabelSet Exposure::subject_labels(const Subject& subject) {
  std::string& text = begin(subject);
  append_identity(text, subject);
  return page.labels(text);
}

metrics::LabelSet Exposure::host_labels() {
  std::string text;
  append_hostname(text);
  return page.labels(text);
}

void Exposure::append_workload(std::string& out, const Workload& workload) {
  if (workload == Workload{}) return;
  append_label(out, "container", workload.container);
  append_label(out, "namespace", workload.space);
  append_label(out, "pod", workload.pod);
  append_label(out, "pod_uid", workload.pod_uid);
}

void Exposure::add_single(const Described& what, double value) {
  page.family(what.metric);
  page.add(host_labels(), value);
}

metrics::Page metrics_page(const Observation& observation, const FieldSet& fields, const ExposeOptions& options,
                           const SelfState& self) {
  metrics::Page page;
  Exposure out(observation, options, page);
  expose_fields(out, fields);
  expose_sessions(out);
  expose_allocations(out);
  expose_geometry(out);
  expose_self(out, fields, self);
  return page;
}

metrics::Page session_page(const Observation& observation, ExposeOptions options) {
  options.session_memory_label = true;
  metrics::Page page;
  Exposure out(observation, options, page);
  expose_sessions(out);
  return page;
}

}  // namespace tessera::agent
