#include "relay/explanation.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>

namespace tessera::relay {
namespace {

constexpr std::string_view kScrape = "scrape";

/// A word in the error of a scrape, and what usually helps.
struct Advice {
  std::string_view sign, change;
};
constexpr Advice kAdvice[] = {
    {"HTTP status 401", "give the job credentials: basicAuth, bearerTokenFile or authorization"},
    {"HTTP status 403", "give the job credentials that may read this page"},
    {"HTTP status 404", "change the job's path: nothing is served at this one"},
    {"HTTP status 5", "look at the log of the pod: it cannot make its page"},
    {"refused", "nothing listens at this port: change the port of the job, or wait until the container has started"},
    {"certificate", "give the job's tlsConfig the authority (caFile) and the name (serverName) of the certificate"},
    {"SSL", "change the job's scheme: the port may speak plain http"},
    {"line ", "the page is no exposition of metrics as it says it is: change the path, or mend the exporter"},
    {"limit", "raise the limit in the job if the page is meant to be so large"},
};
constexpr std::string_view kElse =
    "see whether a network policy keeps the relay from the pod, and whether the port is right; a slow exporter needs a "
    "longer scrapeTimeout";

std::string_view advice_for(std::string_view error) {
  for (const auto& [sign, change] : kAdvice)
    if (error.find(sign) != std::string_view::npos) return change;
  return kElse;
}

std::ptrdiff_t passed(const Explanation& job) { return std::ranges::count(job.walk.steps, true, &Step::passed); }

}  // namespace

Step scrape_step(const TargetStatus& status) {
  switch (status.health) {
    case Health::Unknown:
      return {std::string(kScrape), true, "not scraped yet: its time in the interval has not come", ""};
    case Health::Down:
      return {std::string(kScrape), false, status.error, std::string(advice_for(status.error))};
    case Health::Up:
      break;
  }
  const bool kept = status.kept > 0 || status.samples == 0;
  return {std::string(kScrape), kept,
          fmt::format("{} sample{} on the page, {} kept after relabelling, in {:.3f} s", status.samples,
                      status.samples == 1 ? "" : "s", status.kept, status.duration_seconds),
          kept ? "" : "change the job's metricRelabelings: they drop every sample"};
}

Step dropped_step(const std::string& why) { return {"choice", false, why, "nothing, if the other one will do"}; }

Step unseen_step() {
  return {std::string(kScrape), true,
          "found just now, or the share of another replica (--shard): not scraped by this one", ""};
}

bool is_scraped(const ExplainedPod& explained) {
  return std::ranges::any_of(explained.jobs, [](const Explanation& job) {
    return std::ranges::any_of(job.walk.steps, [](const Step& step) { return step.step == kScrape && step.passed; });
  });
}

void add_outcomes(ExplainedPod& explained, const std::vector<SeenTarget>& scraped,
                  const std::vector<Sifted::Dropped>& dropped) {
  for (Explanation& job : explained.jobs)
    for (const TargetSpec& target : job.walk.targets) {
      const auto is_same = [&](const SeenTarget& seen) {
        return seen.target.job->id == target.job_id && seen.target.url == target.url &&
               seen.target.labels == target.labels;
      };
      const auto seen = std::ranges::find_if(scraped, is_same);
      const auto needless = std::ranges::find(dropped, target, &Sifted::Dropped::target);
      job.walk.steps.push_back(seen != scraped.end()       ? scrape_step(seen->status)
                               : needless != dropped.end() ? dropped_step(needless->why)
                                                           : unseen_step());
    }
}

std::vector<const Explanation*> nearest_first(const ExplainedPod& explained) {
  std::vector<const Explanation*> jobs;
  for (const Explanation& job : explained.jobs) jobs.push_back(&job);
  const auto farther = [](const Explanation* job) {  // of equal ones, the first in the file comes first
    return std::make_tuple(job->walk.targets.empty(), -passed(*job), job);
  };
  std::ranges::sort(jobs, {}, farther);
  return jobs;
}

std::string summary(const ExplainedPod& explained) {
  std::size_t targets = 0;
  for (const Explanation& job : explained.jobs) targets += job.walk.targets.size();
  if (explained.jobs.empty()) return "the configuration has no job";
  if (targets == 0) return "no job scrapes it";
  if (!is_scraped(explained)) return "it is a target, but no samples come";
  return targets == 1 ? "scraped, as one target" : fmt::format("scraped, as {} targets", targets);
}

std::string explanation_text(const ExplainedPod& explained) {
  std::string out = fmt::format("pod {}/{}: {}\n", explained.pod_namespace, explained.pod, summary(explained));
  for (const Explanation* job : nearest_first(explained)) {
    out += fmt::format("\njob {} ({})\n", job->job_id, shown(job->place));
    std::set<std::string> told;  // each port and each discovery has a way of its own, mostly through the same steps
    for (const Step& step : job->walk.steps) {
      std::string line = fmt::format("  {} {:<10} {}\n", step.passed ? "ok  " : "STOP", step.step, step.detail);
      if (!step.change.empty()) line += fmt::format("       {:<10} to change it: {}\n", "", step.change);
      if (told.insert(line).second) out += line;
    }
    for (const TargetSpec& target : job->walk.targets)
      out += fmt::format("  target {} {}\n", target.url, shown(target.labels));
  }
  return out;
}

}  // namespace tessera::relay
