#pragma once
// One page to scrape: what discovery and relabelling have made of an address.
#include <memory>
#include <string>

#include "relay/config.h"
#include "relay/labels.h"

namespace tessera::relay {

inline std::string target_key(const std::string& job_id, const std::string& url, const Labels& labels) {
  return job_id + '\n' + url + '\n' + shown(labels);
}

struct Target {
  std::shared_ptr<const Job> job;
  Labels labels;  ///< what its series carry: job, instance and the like; no name begins with `__`
  std::string url;
  Milliseconds interval{15'000};  ///< the job's, or what __scrape_interval__ says
  Milliseconds timeout{10'000};
  std::string origin;  ///< for people: "pod monitoring/dcgm-exporter-x7k2", "file targets.json"
  bool ours = true;    ///< false: another replica scrapes it, so that it is not gone

  /// The same page under the same labels, scraped by the same job: what its cache and its place in time belong to.
  std::string key() const { return target_key(job->id, url, labels); }
};

}  // namespace tessera::relay
