// The DCGM-compatible families: names, labels and their order as dcgm-exporter has them. A GPU instance has one row
// even where several compute instances share it, because its readings belong to the GPU instance.
#include <algorithm>
#include <set>

#include "agent/exposure.h"

namespace tessera::agent {
namespace {

using metrics::append_label;

/// The one container that holds what the row shows; none where several do (gpu_allocation_info has them all).
Workload holder_of(const Row& row, const AllocationState& allocations) {
  std::set<Workload> holders;
  std::set<Workload> device_holders;
  for (const Allocation& allocation : allocations.list) {
    if (allocation.subject.uuid != row.subject.uuid) continue;
    if (allocation.subject.gpu_instance == row.subject.gpu_instance)
      holders.insert(allocation.workload);
    else if (!allocation.subject.gpu_instance)
      device_holders.insert(allocation.workload);  // MIG strategy "none": the device's holder has its instances too
  }
  const auto& chosen = holders.empty() ? device_holders : holders;
  return chosen.size() == 1 ? *chosen.begin() : Workload{};
}

/// "3g.40gb" also for a compute instance "1c.3g.40gb": the row is the GPU instance's.
std::string_view gpu_instance_profile(std::string_view profile) {
  const auto dot = profile.find('.');
  const bool compute_part = dot != std::string_view::npos && dot > 0 && profile[dot - 1] == 'c';
  return compute_part ? profile.substr(dot + 1) : profile;
}

std::string field_labels(const Exposure& out, const Row& row, const FieldSet& fields) {
  const gpu::Device& device = *row.device;
  std::string text;
  text.reserve(512);
  append_label(text, "gpu", std::to_string(device.index));
  append_label(text, "UUID", device.uuid);
  append_label(text, "pci_bus_id", device.pci_bus_id);
  append_label(text, "device", device.minor ? fmt::format("nvidia{}", *device.minor) : "");
  append_label(text, "modelName", device.name);
  if (row.instance) {
    append_label(text, "GPU_I_PROFILE", gpu_instance_profile(row.instance->profile));
    append_label(text, "GPU_I_ID", std::to_string(row.instance->gpu_instance));
  }
  out.append_hostname(text);
  for (const FieldSet::Label& label : fields.labels)
    if (const std::string value = label.field->label(device, out.seen.snapshot.driver); !value.empty())
      append_label(text, label.name, value);
  Exposure::append_workload(text, holder_of(row, out.seen.allocations));
  return text;
}

}  // namespace

void expose_fields(Exposure& out, const FieldSet& fields) {
  std::vector<std::pair<const Row*, metrics::LabelSet>> rows;
  std::set<std::pair<std::string_view, std::optional<unsigned>>> taken;
  for (const Row& row : out.rows())
    if (taken.emplace(row.subject.uuid, row.subject.gpu_instance).second)
      rows.emplace_back(&row, out.page.labels(field_labels(out, row, fields)));

  for (const FieldSet::Value& field : fields.values) {
    out.page.family(field.metric);
    for (const auto& [row, labels] : rows)
      if (const auto value = field_value(*field.field, *row->device, row->instance)) out.page.add(labels, *value);
  }
}

}  // namespace tessera::agent
