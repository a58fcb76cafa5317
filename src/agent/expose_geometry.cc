// What the devices are and how they are cut: from these families alone a reader rebuilds the node's inventory.
#include <algorithm>
#include <map>

#include "agent/exposure.h"

namespace tessera::agent {
namespace {

using metrics::append_label;

template <class T>
void append_known(std::string& out, std::string_view name, const std::optional<T>& value) {
  if (value) append_label(out, name, fmt::format("{}", *value));
}
void append_known(std::string& out, std::string_view name, const std::optional<bool>& value) {
  if (value) append_label(out, name, *value ? "1" : "0");
}

metrics::LabelSet device_info_labels(Exposure& out, const gpu::Device& d) {
  const Subject subject = subject_of(d);
  std::string& text = out.begin(subject);
  out.append_identity(text, subject);
  append_label(text, "pci_bus_id", d.pci_bus_id);
  if (d.minor) append_label(text, "device", fmt::format("nvidia{}", *d.minor));
  append_label(text, "model", out.model_name(d));
  append_known(text, "architecture", d.architecture);
  append_known(text, "compute_capability", d.compute_capability);
  append_known(text, "numa_node", d.numa_node);
  append_known(text, "ecc_mode", d.ecc_enabled);
  append_known(text, "mig_pending_mode", d.mig_pending);
  for (const FieldInfo& field : known_fields()) {
    if (!field.label) continue;
    if (const std::string value = field.label(d, out.seen.snapshot.driver); !value.empty())
      append_label(text, field.name, value);
  }
  return out.page.labels(text);
}

void add_devices(Exposure& out, const std::vector<const gpu::Device*>& devices) {
  out.page.family(catalog::kDeviceInfo.metric);
  for (const auto* d : devices) out.page.add(device_info_labels(out, *d), 1);

  std::vector<metrics::LabelSet> labels;
  for (const auto* d : devices) labels.push_back(out.subject_labels(subject_of(*d)));
  out.page.family(catalog::kDeviceSlices.metric);
  for (std::size_t i = 0; i < devices.size(); ++i) out.page.add(labels[i], devices[i]->compute_slices);
  out.page.family(catalog::kDeviceSms.metric);
  for (std::size_t i = 0; i < devices.size(); ++i)
    if (devices[i]->sm_count) out.page.add(labels[i], *devices[i]->sm_count);
  out.page.family(catalog::kDeviceMemory.metric);
  for (std::size_t i = 0; i < devices.size(); ++i)
    if (devices[i]->memory_bytes > 0) out.page.add(labels[i], static_cast<double>(devices[i]->memory_bytes));
}

/// Of every device, also of those that do not answer: their XIDs may tell why.
void add_xids(Exposure& out) {
  out.page.family(catalog::kXidErrors.metric);
  for (const gpu::Device& d : out.seen.snapshot.devices)
    for (const auto& [xid, count] : d.xid_counts) {
      std::string& text = out.begin(subject_of(d));
      append_label(text, "xid", std::to_string(xid));
      out.append_identity(text, subject_of(d));
      out.page.add(out.page.labels(text), static_cast<double>(count));
    }
}

void add_instances(Exposure& out) {
  std::vector<const Row*> rows;
  for (const Row& row : out.rows())
    if (row.instance) rows.push_back(&row);

  std::vector<metrics::LabelSet> labels;
  out.page.family(catalog::kInstanceInfo.metric);
  for (const Row* row : rows) {
    std::string& text = out.begin(row->subject);
    out.append_identity(text, row->subject);
    append_label(text, "GPU_CI_ID", std::to_string(row->instance->compute_instance));
    labels.push_back(out.page.labels(text));
    append_label(text, "mig_uuid", row->instance->uuid);
    if (const auto& placement = row->instance->placement) {
      append_label(text, "start", std::to_string(placement->start));
      append_label(text, "size", std::to_string(placement->size));
    }
    out.page.add(out.page.labels(text), 1);
  }
  out.page.family(catalog::kInstanceSlices.metric);
  for (std::size_t i = 0; i < rows.size(); ++i) out.page.add(labels[i], rows[i]->instance->compute_slices);
  out.page.family(catalog::kInstanceSms.metric);
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (rows[i]->instance->sm_count) out.page.add(labels[i], *rows[i]->instance->sm_count);
  out.page.family(catalog::kInstanceMemory.metric);
  for (std::size_t i = 0; i < rows.size(); ++i)
    out.page.add(labels[i], static_cast<double>(rows[i]->instance->memory_bytes));
}

std::string placements_text(const gpu::Profile& profile) {
  std::string text;
  for (const gpu::Placement& p : profile.placements) {
    if (!text.empty()) text += ',';
    text += std::to_string(p.start);
    text += ':';
    text += std::to_string(p.size);
  }
  return text;
}

void append_profile(std::string& text, const gpu::Profile& profile) {
  append_label(text, "profile", profile.name);
  append_label(text, "profile_id", std::to_string(profile.id));
  append_label(text, "compute_slices", std::to_string(profile.compute_slices));
  append_known(text, "sm_count", profile.sm_count);
  append_label(text, "memory_mib", std::to_string(profile.memory_bytes >> 20U));
  append_label(text, "max_instances", std::to_string(profile.max_instances));
  if (!profile.placements.empty()) append_label(text, "placements", placements_text(profile));
}

void add_profiles(Exposure& out, const std::vector<const gpu::Device*>& devices) {
  out.page.family(catalog::kProfileInfo.metric);
  for (const auto* d : devices) {
    const Subject subject = subject_of(*d);
    for (const gpu::Profile& profile : d->profiles) {
      std::string& text = out.begin(subject);
      append_profile(text, profile);
      out.append_identity(text, subject);
      out.page.add(out.page.labels(text), 1);
    }
  }
}

/// Device memory used = sum of the processes' + this remainder (contexts of others, managed memory, driver). Absent
/// where a process's part is: the remainder would hold it.
void add_unattributed_memory(Exposure& out) {
  using Key = std::pair<std::string_view, std::optional<unsigned>>;
  std::map<Key, std::optional<double>> by_processes;
  for (const Session& session : out.seen.sessions) {
    auto& sum = by_processes.try_emplace({session.subject.uuid, session.subject.gpu_instance}, 0).first->second;
    sum = sum && session.memory_bytes ? std::optional(*sum + static_cast<double>(*session.memory_bytes)) : std::nullopt;
  }
  std::map<Key, bool> shown;
  out.page.family(catalog::kDeviceMemoryUnattributed.metric);
  for (const Row& row : out.rows()) {
    const Key key{row.subject.uuid, row.subject.gpu_instance};
    const auto& readings = row.instance ? row.instance->readings : row.device->readings;
    const auto used = readings[gpu::Reading::MemoryUsedBytes];
    const auto accounted = by_processes.try_emplace(key, 0).first->second;
    if (!used || !accounted || !shown.emplace(key, true).second) continue;
    out.page.add(out.subject_labels(row.subject), std::max(0.0, *used - *accounted));
  }
}

}  // namespace

void expose_geometry(Exposure& out) {
  std::vector<const gpu::Device*> devices;
  for (const gpu::Device& device : out.seen.snapshot.devices)
    if (device.health == gpu::Health::Up) devices.push_back(&device);
  add_devices(out, devices);
  add_xids(out);
  add_instances(out);
  add_profiles(out, devices);
  if (out.seen.sessions_known()) add_unattributed_memory(out);
  expose_weighted(out, devices);
}

}  // namespace tessera::agent
