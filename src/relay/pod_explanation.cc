#include "relay/explanation.h"
#include "relay/reports.h"
#include "relay/scrape_once.h"

namespace tessera::relay {

Result<std::string> pod_explanation(const Options& options, const std::stop_token& stop) {
  const Config config = TRY(options.config.empty() ? parse_config("", "") : load_config(options.config));
  ExplainedPod explained{options.pod_namespace, options.pod, {}};
  const Discovered found = TRY(discover_once(config, options, stop, [&](const Discoverer& discoverer) -> Result<void> {
    explained.jobs = TRY(discoverer.explainer().explain(options.pod_namespace, options.pod));
    return {};
  }));
  std::vector<std::unique_ptr<Scrape>> scrapes;
  const auto is_of_pod = [&](const Target& target) {
    for (const Explanation& job : explained.jobs)
      for (const TargetSpec& spec : job.walk.targets)
        if (target.job->id == spec.job_id && target.url == spec.url && target.labels == spec.labels) return true;
    return false;
  };
  for (const Target& target : found.targets)
    if (is_of_pod(target)) scrapes.push_back(std::make_unique<Scrape>(target, Labels{}, std::vector<Scrape::Way>{}));
  TRY(scrape_once(scrapes, stop));
  std::vector<SeenTarget> seen;
  for (const auto& scrape : scrapes) seen.push_back({scrape->target(), scrape->status()});
  add_outcomes(explained, seen, found.dropped);
  return explanation_text(explained);
}

}  // namespace tessera::relay
