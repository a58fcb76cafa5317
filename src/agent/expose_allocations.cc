// The allocation families: the kubelet's truth, beside the processes', so that held-but-idle and used-but-not-held
// show.
#include <map>

#include "agent/exposure.h"

namespace tessera::agent {
namespace {

using metrics::append_label;

std::string holder_text(const Exposure& out, const Subject& subject, const Workload& workload,
                        const std::string& resource, std::string extra = {}) {
  std::string text = Exposure::gpu_label(subject);
  append_label(text, "resource", resource);
  if (!extra.empty()) text += ',' + extra;
  out.append_identity(text, subject);
  Exposure::append_workload(text, workload);
  return text;
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
    out.page.add(out.page.labels(holder_text(out, held.subject, held.workload, held.resource)), held.seconds);
  if (!allocations.known) return;

  out.page.family(catalog::kAllocationInfo.metric);
  for (const Allocation& a : allocations.list) {
    std::string share;
    append_label(share, "share", a.shared ? "shared" : "exclusive");
    if (a.shared) append_label(share, "replicas", std::to_string(a.replicas));
    out.page.add(out.page.labels(holder_text(out, a.subject, a.workload, a.resource, share)), 1);
  }
  if (!out.seen.sessions_known()) return;

  out.page.family(catalog::kAllocationUsed.metric);
  for (const Allocation& a : allocations.list)
    if (a.used) out.page.add(out.page.labels(holder_text(out, a.subject, a.workload, a.resource)), *a.used ? 1 : 0);

  out.page.family(catalog::kUnallocatedProcesses.metric);
  for (const auto& [key, count] : unallocated(out.seen)) {
    std::string text = Exposure::gpu_label(key.first);
    out.append_identity(text, key.first);
    Exposure::append_workload(text, key.second);
    out.page.add(out.page.labels(std::move(text)), count);
  }
}

}  // namespace tessera::agent
