#include "fleet/advice/change.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>

#include "base/text.h"

namespace tessera::fleet::advice {
namespace {

std::string patch(const Workload& of, const std::string& json) {
  return fmt::format("kubectl --namespace {} patch {} {} --type strategic --patch '{}'", of.space, lower(of.kind),
                     of.name, json);
}

/// Names come with the metrics of whoever is scraped, and end in a command that somebody pastes into a shell.
bool is_plain(std::string_view name) {
  return std::ranges::all_of(name, [](unsigned char c) { return std::isalnum(c) || c == '.' || c == '-' || c == '/'; });
}
bool is_plain(const Workload& of) {
  return is_plain(of.space) && is_plain(of.name) && is_plain(of.kind) &&
         std::ranges::all_of(of.holds, [](auto& one) { return is_plain(one.container) && is_plain(one.resource); });
}

constexpr const char* kWholeGpu = "nvidia.com/gpu";

bool has_replicas(const Workload& of) {
  return of.kind == "Deployment" || of.kind == "StatefulSet" || of.kind == "ReplicaSet";
}
bool has_template(const Workload& of) { return has_replicas(of) || of.kind == "DaemonSet"; }

/// The same for who is made anew, for want of anything that may be patched: a pod, a job, what another operator owns.
Steps by_hand(const Workload& of, Saying wanted, Saying now) {
  const auto whole = [&](Saying one) {
    const std::string who = of.kind.empty() ? "pod " + of.name : of.kind + ' ' + of.name;
    one.text = fmt::format("In the manifest of {} in namespace {}: {}; then make it anew.", who, of.space, one.text);
    one.values.insert({{"who", who}, {"namespace", of.space}});
    return by_hand(std::move(one));
  };
  return {whole(std::move(wanted)), whole(std::move(now))};
}

/// Asks Tessera for an instance of a name that no pod has, so that it is cut and nobody's holding is taken for it.
std::string cut(const Workload& of, const std::string& resource, std::size_t number) {
  return fmt::format(
      "curl --fail --request POST --header 'Content-Type: application/json' --header \"Authorization: Bearer "
      "$KEY\" --data "
      R"('{{"cluster":"{}","namespace":"{}","podName":"{}-smaller-{}","useMig":true,"resource":"{}"}}' )"
      "\"$TESSERA_SERVER/k8s-monitor/api/v1/gpu/allocations\"",
      of.cluster, of.space, of.name, number, resource);
}

std::string scale(const Workload& of, std::size_t to) {
  return fmt::format("kubectl --namespace {} scale {} {} --replicas {}", of.space, lower(of.kind), of.name, to);
}

Saying with_selector(const std::string& name, const std::string& value) {
  return Saying{
      "selector", {{"label", name}, {"value", value}}, fmt::format("let nodeSelector have {}: {}", name, value)};
}

Steps place_by_hand(const Workload& of, const Place& place, bool scales) {
  const auto& [name, value] = place.label;
  const auto former = of.node_selector.find(name);
  Saying wanted = value.empty() ? place.nodes : with_selector(name, value);
  Saying now = value.empty() ? Saying{"as-it-stood", {}, "let it stand where it stood"}
               : former == of.node_selector.end()
                   ? Saying{"no-selector", {{"label", name}}, fmt::format("take {} out of nodeSelector", name)}
                   : with_selector(name, former->second);
  if (!scales) return by_hand(of, std::move(wanted), std::move(now));
  const auto scaled = [](Saying one, std::size_t replicas) {
    one.word += "-replicas";
    one.values["replicas"] = std::to_string(replicas);
    one.text += fmt::format(", and have {} replicas", replicas);
    return one;
  };
  return by_hand(of, scaled(std::move(wanted), place.replicas), scaled(std::move(now), of.pods.size()));
}

std::string limits(const std::string& container, const std::map<std::string, std::string>& amounts) {
  std::string out;
  for (const auto& [name, amount] : amounts) out += fmt::format("{}\"{}\":{}", out.empty() ? "" : ",", name, amount);
  return fmt::format(R"({{"spec":{{"template":{{"spec":{{"containers":[{{"name":"{}","resources":{{"limits":{{{}}},)"
                     R"("requests":{{{}}}}}}}]}}}}}}}})",
                     container, out, out);
}

/// Which of a pod's containers has how many of its devices is told, but not which of them is to have how many.
bool has_one_container(const Workload& of) {
  return std::ranges::all_of(of.holds, [&](const Holding& one) { return one.container == of.holds.front().container; });
}

std::size_t held_by_first(const Workload& of) {
  return static_cast<std::size_t>(std::ranges::count(of.holds, of.holds.front().pod, &Holding::pod));
}

Saying ask_for(std::size_t count, const std::string& resource) {
  return Saying{"ask-for",
                {{"count", std::to_string(count)}, {"resource", resource}},
                fmt::format("ask for {} of {}", count, resource)};
}

std::string hour_of_day(unsigned hour) { return fmt::format("{:02}:00", hour); }

}  // namespace

Step by_hand(Saying of) { return {"hand", std::move(of.text), std::move(of.word), std::move(of.values)}; }

Steps stop_steps(const Workload& of) {
  const std::string pods = std::to_string(of.pods.size());
  const Steps hand =
      by_hand(of, Saying{"no-replicas", {}, "let it have no replicas"},
              Saying{"pods-again", {{"pods", pods}}, fmt::format("let it have its {} pods again", pods)});
  if (!is_plain(of)) return hand;
  if (has_replicas(of)) return {{"kubectl", scale(of, 0)}, {"kubectl", scale(of, of.pods.size())}};
  if (of.kind == "Job" || of.kind == "CronJob")
    return {{"kubectl", patch(of, R"({"spec":{"suspend":true}})")},
            {"kubectl", patch(of, R"({"spec":{"suspend":false}})")}};
  if (!of.kind.empty()) return hand;
  const std::string file = of.name + ".yaml";
  return {{"kubectl", fmt::format("kubectl --namespace {0} get pod {1} --output yaml >{2} && kubectl --namespace {0} "
                                  "delete pod {1}",
                                  of.space, of.name, file)},
          {"kubectl", fmt::format("kubectl --namespace {} create --filename {}", of.space, file)}};
}

Steps request_steps(const Workload& of, const std::string& resource, std::size_t count) {
  const Holding& first = of.holds.front();
  const std::size_t held = held_by_first(of);
  if (!is_plain(of) || !has_template(of) || first.container.empty() || first.resource.empty() || !has_one_container(of))
    return by_hand(of, ask_for(count, resource), ask_for(held, first.resource.empty() ? kWholeGpu : first.resource));
  const std::string wanted = fmt::format("\"{}\"", count), now = fmt::format("\"{}\"", held);
  std::map<std::string, std::string> change = {{first.resource, "null"}}, undo = {{resource, "null"}};
  change[resource] = wanted;
  undo[first.resource] = now;
  return {{"kubectl", patch(of, limits(first.container, change))},
          {"kubectl", patch(of, limits(first.container, undo))}};
}

Steps slice_steps(const Workload& of, const std::string& profile) {
  const std::string resource = "nvidia.com/mig-" + profile;
  const Holding& first = of.holds.front();
  if (!first.profile.empty() && first.resource == kWholeGpu)
    return by_hand(of,
                   Saying{"cut-nodes-as",
                          {{"profile", profile}, {"resource", kWholeGpu}},
                          fmt::format("let it stand on a node whose GPUs are cut into {}, as {}", profile, kWholeGpu)},
                   Saying{"cut-nodes",
                          {{"profile", first.profile}},
                          fmt::format("let it stand on a node whose GPUs are cut into {}", first.profile)});
  Steps out = request_steps(of, resource, 1);
  if (out.change.by != "kubectl" || !is_plain(of.cluster)) return out;
  std::string cuts;
  for (std::size_t i = 0; i < of.pods.size(); ++i) cuts += cut(of, resource, i) + " &&\n";
  out.change.text.insert(0, cuts);
  return out;
}

Steps place_steps(const Workload& of, const Place& place) {
  const auto& [name, value] = place.label;
  const bool scales = place.replicas != 0 && place.replicas != of.pods.size();
  const auto former = of.node_selector.find(name);
  const bool had_one = former != of.node_selector.end();
  if (value.empty() || !is_plain(of) || !is_plain(name) || !is_plain(value) || !has_template(of) ||
      (scales && !has_replicas(of)) || (had_one && !is_plain(former->second)))
    return place_by_hand(of, place, scales);
  const auto put = [&](const std::string& to, std::size_t replicas) {
    const std::string select =
        patch(of, fmt::format(R"({{"spec":{{"template":{{"spec":{{"nodeSelector":{{"{}":{}}}}}}}}}}})", name, to));
    return Step{"kubectl", scales ? scale(of, replicas) + " && " + select : select};
  };
  return {put('"' + value + '"', place.replicas), put(had_one ? '"' + former->second + '"' : "null", of.pods.size())};
}

Steps schedule_steps(const Workload& of, unsigned first, unsigned end) {
  if (!is_plain(of) || !has_replicas(of))
    return by_hand(of,
                   Saying{"run-hours",
                          {{"from", hour_of_day(first)}, {"to", hour_of_day(end)}},
                          fmt::format("let it run from {} to {} UTC alone", hour_of_day(first), hour_of_day(end))},
                   Saying{"run-always", {}, "let it run always"});
  const std::string manifest = fmt::format(
      "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {{name: {0}-hours, namespace: {1}}}\nspec:\n"
      "  scaleTargetRef: {{kind: {2}, name: {0}}}\n  minReplicaCount: 0\n  maxReplicaCount: {3}\n  triggers:\n"
      "  - type: cron\n    metadata: {{timezone: Etc/UTC, start: \"0 {4} * * *\", end: \"0 {5} * * *\", "
      "desiredReplicas: \"{3}\"}}\n",
      of.name, of.space, of.kind, of.pods.size(), first, end);
  return {
      {"kubectl", fmt::format("# KEDA, from https://keda.sh: without it two CronJobs that scale do the same.\n"
                              "kubectl apply --filename - <<'END'\n{}END\n",
                              manifest)},
      {"kubectl", fmt::format("kubectl --namespace {0} delete scaledobject {1}-hours && kubectl --namespace {0} scale "
                              "{2} {1} --replicas {3}",
                              of.space, of.name, lower(of.kind), of.pods.size())}};
}

Steps quota_steps(const Quota& of, std::int64_t hard) {
  if (!is_plain(of.space) || !is_plain(of.name) || !is_plain(of.resource))
    return {by_hand(Saying{"quota",
                           {{"hard", std::to_string(hard)}},
                           fmt::format("Let a quota of the namespace have {} of the resource.", hard)}),
            by_hand(Saying{
                "quota-again", {{"hard", std::to_string(of.hard)}}, fmt::format("Let it have {} again.", of.hard)})};
  const auto to = [&](std::int64_t amount) {
    return Step{"kubectl", fmt::format("kubectl --namespace {} patch resourcequota {} --type merge --patch "
                                       R"('{{"spec":{{"hard":{{"requests.{}":"{}"}}}}}}')",
                                       of.space, of.name, of.resource, amount)};
  };
  return {to(hard), to(of.hard)};
}

Steps cordon_steps(const std::string& node) {
  if (!is_plain(node))
    return {by_hand(Saying{"cordon", {{"node", node}}, "Let nothing new come to node " + node + "."}),
            by_hand(Saying{"uncordon", {}, "Let it come again."})};
  return {{"kubectl", "kubectl cordon " + node}, {"kubectl", "kubectl uncordon " + node}};
}

}  // namespace tessera::fleet::advice
