#include "agent/reference.h"

#include <fmt/format.h>

#include "agent/catalog.h"
#include "agent/fields.h"
#include "metrics/described.h"

namespace tessera::agent {
namespace {

constexpr std::string_view kIntroduction = R"(# Metrics of tessera-agent

This page is written from the program's own tables: `./dev docs` writes it, and a test fails when it differs.

Absent is absent: where a board, a driver or a mode has no value there is no series, never 0 or -1. Every series about a
device carries `UUID` (of the physical device) and `Hostname`; families about the node, marked so below, have no `UUID`.
`gpu` is the device's index in the DCGM-compatible families; in all others it is the index (`"0"`), or `<gpu>_<gi>_<ci>`
for a MIG instance (`"0_1_0"`).

**Never sum device-level fields over MIG instances.** Temperature, power, energy, clocks, fan, ECC, PCIe and NVLink belong
to the whole device and repeat on each of its instances, as dcgm-exporter has them: take `max by (UUID)`.

**Sessions without pid.** Where `--session-labels` leaves `pid` out, the sessions of one container on one device or
instance are one row: memory and shares are their sums, absent where one of them is not known, and at most the whole (1, or
100 percent); `tessera_agent_values_clamped_total` counts the sums that were above. The start is the earliest.

**Whose a process is.** `attribution` of `gpu_process_info` says how it is known: `pod`, the cgroup has the pod's UID and the
pod log folders its names; `holder`, they do not name it, but by the kubelet's word one pod alone holds the device or
instance, and no other pod's process runs there (never on what is shared; a pod that runs alone on what another one holds
and leaves unused is taken for that one); `unnamed`, the UID is all that is known. Why it is not known: `host`, in no pod;
`gone`, it ended before it was looked at; `no_access`; `conflict`, its cgroup names two pods. `pod` is `unknown` where there is
no pod or none can be told, and empty beside the `pod_uid` of an unnamed one, which is a pod all the same:
`{status="active", pod!="unknown"}` counts it.

The weighted mean over a device's instances, from exported weights (the same as `gpu_weighted_utilization_ratio`):

    sum by (UUID) (DCGM_FI_PROF_GR_ENGINE_ACTIVE * on (UUID, GPU_I_ID) group_right gpu_instance_compute_slices)
      / sum by (UUID) (gpu_instance_compute_slices)

)";

using metrics::or_dash;

std::string_view level(const FieldInfo& field) { return field.per_instance ? "device, GPU instance" : "device"; }

}  // namespace

std::string metrics_reference() {
  std::string out(kIntroduction);
  out +=
      "## Our own\n\n| metric | type | unit | about | labels beside UUID (device) and Hostname | meaning | source |\n"
      "| --- | --- | --- | --- | --- | --- | --- |\n";
  for (const Described* d : catalog::kAll)
    out += fmt::format("| `{}` | {} | {} | {} | {} | {} | {} |\n", d->metric.name, metrics::type_name(d->metric.type),
                       or_dash(d->metric.unit), d->about == About::Node ? "node" : "device", or_dash(d->labels),
                       d->metric.help, d->source);
  out +=
      "\n## DCGM-compatible fields\n\nTypes and helps are those of the built-in set; a CSV (`--collectors`) chooses "
      "its own. A gauge that a CSV calls counter is one in the text format and stays a gauge in OpenMetrics; a counter "
      "whose name does not end in `_total` is `unknown` there. "
      "The later name is exposed with `--dcgm-names 4.9`.\n\n"
      "| field | later name | type | unit | level | meaning | source |\n| --- | --- | --- | --- | --- | --- | --- |\n";
  for (const FieldInfo& f : known_fields())
    if (f.why_no_source.empty())
      out += fmt::format("| `{}` | {} | {} | {} | {} | {} | {} |\n", f.name,
                         f.later_name == f.name ? std::string("–") : fmt::format("`{}`", f.later_name), f.default_type,
                         or_dash(f.unit), level(f), f.default_help, f.source);
  out +=
      "\n## Known fields without a source in NVML\n\nA CSV that asks for one loads; `tessera_agent_field_unavailable` "
      "says "
      "why it is absent.\n\n| field | why |\n| --- | --- |\n";
  for (const FieldInfo& f : known_fields())
    if (!f.why_no_source.empty()) out += fmt::format("| `{}` | {} |\n", f.name, f.why_no_source);
  return out;
}

}  // namespace tessera::agent
