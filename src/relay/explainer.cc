#include "relay/explainer.h"

#include <algorithm>

#include "relay/api_servers.h"

namespace tessera::relay {
namespace {

/// What a server said of the pod.
struct Answer {
  const PodDiscovery* asked_for;
  Result<kube::Pod> pod;
};

Result<kube::Pod> ask(const PodDiscovery& discovery, const std::string& service_account,
                      const std::string& pod_namespace, const std::string& name) {
  auto server = server_of(discovery, service_account);
  if (!server) return fail(Code::Unavailable, "{}", server.error().what);  // NotFound is the pod's alone
  kube::Api api(*std::move(server));
  const std::string json = TRY(api.get(pods_path(pod_namespace) + "/" + name));
  return kube::parse_pod(json);
}

bool looks_at_pods(const Job& job) {
  return std::ranges::any_of(job.discoveries,
                             [](const Discovery& one) { return std::holds_alternative<PodDiscovery>(one); });
}

}  // namespace

Result<std::vector<Explanation>> Explainer::explain(const std::string& pod_namespace, const std::string& name) const {
  if (std::ranges::none_of(jobs_, looks_at_pods))
    return fail(Code::NotFound, "no job of the configuration looks at pods");
  std::vector<Answer> answers;
  const auto look_up = [&](const PodDiscovery& discovery) {
    const auto same = [&](const Answer& answer) { return share_server(*answer.asked_for, discovery); };
    if (const auto known = std::ranges::find_if(answers, same); known != answers.end()) return known->pod;
    answers.push_back({&discovery, ask(discovery, service_account_, pod_namespace, name)});
    return answers.back().pod;
  };
  auto explained = explain_pod({pod_namespace, name, look_up}, jobs_, own_namespace(service_account_));
  const auto known = [](const Answer& answer) { return static_cast<bool>(answer.pod); };
  if (answers.empty() || std::ranges::any_of(answers, known)) return explained;
  const auto is_other = [](const Answer& answer) { return answer.pod.error().code != Code::NotFound; };
  const auto telling = std::ranges::find_if(answers, is_other);
  return (telling != answers.end() ? *telling : answers.front()).pod.error();
}

}  // namespace tessera::relay
