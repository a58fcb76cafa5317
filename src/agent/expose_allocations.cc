// The allocation families: the kubelet's truth, beside the processes', so that held-but-idle and used-but-not-held
// show.
#include <map>

#include "agent/exposure.h"

namespace tessera::agent {
namespace {

using metrics::append_label;

/// `extra` stands behind the resource, with its comma.
metrics::LabelSet holder_labels(Exposure& out, const Subject& subject, const Workload& workload,
                                const std::string& resource, std::string_view extra = {}) {
  std::string& text = out.begin(subject);
  append_label(text, "resource", resource);
  text += extra;
  out.append_identity(text, subject);
  Exposure::append_workload(text, workload);
  return out.page.labels(text);
}

/// Processes of a pod on a subject that the pod does not hold, by subject and pod.
std::map<std::pair<Subject, Workload>, double> unallocated(const Observation& seen) {
  std::map<std::pair<Subject, Workload>, double> counts;
  for (const Session& session : seen.sessions) {
    if (!session.unallocated) continue;
    Workload pod = session.workload;
    pod.container.clear();
    ++counts[{session.subject, pod}];
  }
  return counts;
}

}  // namespace

void expose_allocations(Exposure& out) {
  const AllocationState& allocations = out.seen.allocations;
  out.page.family(catalog::kAllocatedSeconds.metric);
  for (const HeldSeconds& held : out.seen.held)
    out.page.add(holder_labels(out, held.subject, held.workload, held.resource), held.seconds);
  if (!allocations.known) return;

  out.page.family(catalog::kAllocationInfo.metric);
  for (const Allocation& a : allocations.list) {
    const std::string share =
        a.shared ? fmt::format(",share=\"shared\",replicas=\"{}\"", a.replicas) : ",share=\"exclusive\"";
    out.page.add(holder_labels(out, a.subject, a.workload, a.resource, share), 1);
  }
  if (!out.seen.sessions_known()) return;

  out.page.family(catalog::kAllocationUsed.metric);
  for (const Allocation& a : allocations.list)
    if (a.used) out.page.add(holder_labels(out, a.subject, a.workload, a.resource), *a.used ? 1 : 0);

  out.page.family(catalog::kUnallocatedProcesses.metric);
  for (const auto& [key, count] : unallocated(out.seen)) {
    std::string& text = out.begin(key.first);
    out.append_identity(text, key.first);
    Exposure::append_workload(text, key.second);
    out.page.add(out.page.labels(text), count);
  }
}

}  // namespace tessera::agent
