#pragma once
// The way from a pod to its samples, for people: what discovery made of it, and how the scraping of its targets goes.
#include <string>
#include <vector>

#include "relay/discover.h"
#include "relay/overview.h"

namespace tessera::relay {

struct ExplainedPod {
  std::string pod_namespace, pod;
  std::vector<Explanation> jobs;
};

/// Says of each target that was found what became of it: scraped, left out, or neither yet.
void add_outcomes(ExplainedPod& explained, const std::vector<SeenTarget>& scraped,
                  const std::vector<Sifted::Dropped>& dropped);

/// The last step of a target's way.
Step scrape_step(const TargetStatus& status);

/// Whether a target of the pod is scraped, and answers as far as it was asked.
bool is_scraped(const ExplainedPod& explained);

/// The jobs that have a target for the pod, then those that came nearest to one.
std::vector<const Explanation*> nearest_first(const ExplainedPod& explained);

std::string summary(const ExplainedPod& explained);  ///< "no job scrapes it"
std::string explanation_text(const ExplainedPod& explained);

}  // namespace tessera::relay
