#pragma once
// Why a pod is scraped or not, asked of the API servers now. It has copies of all it needs: asking may take long, and
// the pipeline may be replaced meanwhile.
#include <string>
#include <vector>

#include "base/result.h"
#include "relay/config.h"
#include "relay/discover.h"

namespace tessera::relay {

class Explainer {
 public:
  Explainer(std::vector<Job> jobs, std::string service_account)
      : jobs_(std::move(jobs)), service_account_(std::move(service_account)) {}

  /// Every job's way with this pod, of which each server that one of its discoveries looks at is asked once. NotFound
  /// where none of them knows it.
  Result<std::vector<Explanation>> explain(const std::string& pod_namespace, const std::string& pod) const;

 private:
  std::vector<Job> jobs_;
  std::string service_account_;
};

}  // namespace tessera::relay
