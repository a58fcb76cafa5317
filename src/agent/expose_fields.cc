// The DCGM-compatible families: names, labels and their order as dcgm-exporter has them. A GPU instance has one row
// even where several compute instances share it, because its readings belong to the GPU instance.
#include <set>
#include <utility>

#include "agent/exposure.h"

namespace tessera::agent {
namespace {

using metrics::append_label;

/// The one container that holds what the row shows; empty where several do (gpu_allocation_info has them all).
const Workload& holder_of(const Row& row, const std::vector<const Allocation*>& on_device) {
  static const Workload kNobody;
  const Workload* own = nullptr;
  const Workload* of_device = nullptr;  // MIG strategy "none": the device's holder has its instances too
  for (const Allocation* held : on_device) {
    const bool is_own = held->subject.gpu_instance == row.subject.gpu_instance;
    if (!is_own && held->subject.gpu_instance) continue;
    const Workload*& holder = is_own ? own : of_device;
    if (holder == nullptr)
      holder = &held->workload;
    else if (*holder != held->workload)
      holder = &kNobody;
  }
  const Workload* chosen = own != nullptr ? own : of_device;
  return chosen != nullptr ? *chosen : kNobody;
}

/// "3g.40gb" also for a compute instance "1c.3g.40gb": the row is the GPU instance's.
std::string_view gpu_instance_profile(std::string_view profile) {
  const auto dot = profile.find('.');
  const bool compute_part = dot != std::string_view::npos && dot > 0 && profile[dot - 1] == 'c';
  return compute_part ? profile.substr(dot + 1) : profile;
}

/// What the rows of one device have in common.
struct DeviceTexts {
  std::string head, tail;  ///< before the instance's labels, and after them
  std::vector<const Allocation*> holders;
};

DeviceTexts device_texts(const Exposure& out, const gpu::Device& device, const FieldSet& fields) {
  DeviceTexts texts;
  append_label(texts.head, "gpu", std::to_string(device.index));
  append_label(texts.head, "UUID", device.uuid);
  append_label(texts.head, "pci_bus_id", device.pci_bus_id);
  append_label(texts.head, "device", device.minor ? fmt::format("nvidia{}", *device.minor) : "");
  append_label(texts.head, "modelName", out.model_name(device));
  out.append_hostname(texts.tail);
  for (const FieldSet::Label& label : fields.labels)
    if (const std::string value = label.field->label(device, out.seen.snapshot.driver); !value.empty())
      append_label(texts.tail, label.name, value);
  for (const Allocation& held : out.seen.allocations.list)
    if (held.subject.uuid == device.uuid) texts.holders.push_back(&held);
  return texts;
}

void append_row(std::string& text, const Row& row, const DeviceTexts& device) {
  text += device.head;
  if (row.instance) {
    append_label(text, "GPU_I_PROFILE", gpu_instance_profile(row.instance->profile));
    append_label(text, "GPU_I_ID", std::to_string(row.instance->gpu_instance));
  }
  if (!device.tail.empty()) (text += ',') += device.tail;
  Exposure::append_workload(text, holder_of(row, device.holders));
}

}  // namespace

void expose_fields(Exposure& out, const FieldSet& fields) {
  std::vector<std::pair<const Row*, metrics::LabelSet>> rows;
  std::set<std::pair<std::string_view, std::optional<unsigned>>> taken;
  const gpu::Device* device = nullptr;
  DeviceTexts texts;
  std::string text;
  for (const Row& row : out.rows()) {
    if (!taken.emplace(row.subject.uuid, row.subject.gpu_instance).second) continue;
    if (row.device != std::exchange(device, row.device)) texts = device_texts(out, *device, fields);
    text.clear();
    append_row(text, row, texts);
    rows.emplace_back(&row, out.page.labels(text));
  }

  for (const FieldSet::Value& field : fields.values) {
    out.page.family(field.metric);
    for (const auto& [row, labels] : rows)
      if (const auto value = field_value(*field.field, *row->device, row->instance)) out.page.add(labels, *value);
  }
}

}  // namespace tessera::agent
