#include "operator/applier.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "operator/components.h"
#include "operator/key_secret.h"
#include "operator/serving.h"
#include "operator/sources.h"

namespace tessera::operate {
namespace {
using namespace std::chrono_literals;

using Json = nlohmann::ordered_json;

std::string place(const ObjectKey& key) { return key.home.empty() ? key.name : key.home + '/' + key.name; }
std::string name_of(const ObjectKey& key) { return fmt::format("{} {}", key.kind, place(key)); }

const Json* find(const Seen::Snapshot& seen, const ObjectKey& key) {
  const auto kind = seen.find(key.kind == "Secret" && key.name == kAdmission ? kAdmissionSecrets : key.kind);
  if (kind == seen.end()) return nullptr;
  const auto object = kind->second.find(place(key));
  return object == kind->second.end() ? nullptr : object->second.get();
}

std::string label(const Json& object, const char* name) {
  return object.at("metadata").value("labels", Json::object()).value(name, "");
}

bool is_ours(const Json& object, const GpuMonitor& monitor) {
  if (label(object, "app.kubernetes.io/managed-by") == kFieldManager) return true;
  for (const Json& owner : object.at("metadata").value("ownerReferences", Json::array()))
    if (owner.value("uid", "") == monitor.uid) return true;
  return false;
}

/// A claim that a StatefulSet of ours has made: it has no owner, and on older servers only its selector's labels.
bool is_claim_of_ours(const ObjectKey& key, const Json& object) {
  return key.kind == "PersistentVolumeClaim" && label(object, "app.kubernetes.io/component") == "relay" &&
         key.name.starts_with("queue-tessera-relay-");
}

bool is_going(const Json& object) { return object.at("metadata").contains("deletionTimestamp"); }

/// The Secrets that were made for the resource, by their labels: one of the same name that a person made stays.
std::vector<ObjectKey> secrets_made(const Seen::Snapshot& seen, const GpuMonitor& monitor, const char* called) {
  std::vector<ObjectKey> out;
  const auto known = seen.find(called);
  if (known == seen.end()) return out;
  for (const auto& [at, object] : known->second) {
    const Json& metadata = object->at("metadata");
    if (label(*object, "app.kubernetes.io/instance") == monitor.name &&
        label(*object, "app.kubernetes.io/managed-by") == kFieldManager)
      out.push_back({"v1", "Secret", metadata.at("namespace"), metadata.at("name")});
  }
  return out;
}

/// Of the kinds of plans, what is there and belongs to the resource.
std::vector<ObjectKey> present(const Seen::Snapshot& seen, const Facts& facts, const GpuMonitor& monitor) {
  std::vector<ObjectKey> out;
  for (const Kind& kind : kinds(facts)) {
    const auto known = seen.find(std::string(kind.kind));
    if (known == seen.end()) continue;
    for (const auto& [at, object] : known->second) {
      const ObjectKey key = key_of(*object);
      if (label(*object, "app.kubernetes.io/instance") != monitor.name) continue;
      if (label(*object, "app.kubernetes.io/managed-by") == kFieldManager || is_claim_of_ours(key, *object))
        out.push_back(key);
    }
  }
  return out;
}

/// Fields that can never change: only a new object can have another value.
bool is_immutable(const kube::Status& status, const std::string& kind) {
  const bool workload = kind == "StatefulSet" || kind == "DaemonSet" || kind == "Deployment";
  return workload && status.code == 422 &&
         (status.message.find("field is immutable") != std::string::npos ||
          status.message.find("updates to statefulset spec") != std::string::npos);
}

/// Who else has written the object's own fields.
std::string others_of(const Json& live) {
  std::vector<std::string> out;
  for (const Json& entry : live.at("metadata").value("managedFields", Json::array()))
    if (const std::string name = entry.value("manager", "");
        name != kFieldManager && entry.value("subresource", "") != "status" && std::ranges::count(out, name) == 0)
      out.push_back(name);
  return out.empty() ? "somebody" : fmt::format("{}", fmt::join(out, ", "));
}

/// Waited for like a right that is missing.
kube::Status taken() { return {.code = 403, .reason = "Taken"}; }

}  // namespace

struct Applier::Pass {
  const GpuMonitor& monitor;
  const Facts& facts;
  const Seen::Snapshot& seen;
  const std::stop_token& stop;
  SteadyTime now = std::chrono::steady_clock::now();
  Progress out{};
  std::size_t written = 0;
  std::vector<std::string> pruned{};

  bool over() const { return out.away.has_value(); }
  void wait(SteadyTime until) {
    ++out.waiting;
    out.due = std::min(out.due, until);
  }
};

Applier::Applier(Client& client, Counts& counts, std::function<bool()> may_write)
    : client_(client), counts_(counts), may_write_(std::move(may_write)) {}

void Applier::refused(Pass& pass, const ObjectKey& key, const std::string& hash, const kube::Status& status,
                      const std::string& trouble) {
  Attempts& attempts = attempts_[key];
  if (attempts.trouble != trouble)
    pass.out.notes.push_back({true, "NotApplied", fmt::format("{}: {}", name_of(key), trouble)});
  note_failure(attempts, hash, status, trouble, std::uniform_real_distribution<double>(0, 1)(random_), pass.now);
  pass.out.troubles[key] = trouble;
  pass.wait(attempts.not_before);
  counts_.change(
      [&](Totals& totals) { ++totals.refused[status.reason.empty() ? std::to_string(status.code) : status.reason]; });
}

// ---- One object

/// A Secret that is there is left as it is, whatever is in it.
void Applier::make_secret(Pass& pass, const KeySecret& secret) {
  const ObjectKey key{"v1", "Secret", secret.home, secret.name};
  Attempts& attempts = attempts_[key];
  if (find(pass.seen, key)) return attempts.trouble.clear();
  if (pass.now < attempts.not_before) {
    if (!attempts.trouble.empty()) pass.out.troubles[key] = attempts.trouble;
    return pass.wait(attempts.not_before);
  }
  const auto object = key_secret_object(pass.monitor, secret);
  if (!object) return refused(pass, key, "", {.code = 500}, object.error().what);
  if (!may_write_()) return void(pass.out.away = fail(Code::Unavailable, "not leading"));
  const auto reply = client_.create(path_of("v1", "secrets", secret.home), *object, pass.stop);
  if (!reply) return void(pass.out.away = reply.error());
  if (!reply->ok() && reply->status.code != 409) return refused(pass, key, "", reply->status, reply->trouble);
  constexpr Milliseconds kEcho = 2s;  // within which the watch tells of it
  attempts = Attempts{};
  attempts.not_before = pass.now + kEcho;
  if (!reply->ok()) return;
  pass.out.notes.push_back({false, "KeysMade", fmt::format("Secret {} with API keys made", place(key))});
  counts_.change([](Totals& totals) { ++totals.writes["create"]; });
}

/// Made from a version: whoever changes it meanwhile is first, and the watch tells of that.
void Applier::write_certificate(Pass& pass, const CertificateSecret& secret) {
  const ObjectKey key{"v1", "Secret", secret.home, secret.name};
  Attempts& attempts = attempts_[key];
  if (pass.now < attempts.not_before && attempts.trouble.empty())
    return void(pass.out.due = std::min(pass.out.due, attempts.not_before));
  if (pass.now < attempts.not_before) {
    pass.out.troubles[key] = attempts.trouble;
    return pass.wait(attempts.not_before);
  }
  if (!may_write_()) return void(pass.out.away = fail(Code::Unavailable, "not leading"));
  const Json object = certificate_object(pass.monitor, secret);
  const auto reply = secret.version.empty() ? client_.create(path_of("v1", "secrets", secret.home), object, pass.stop)
                                            : client_.merge(path_of(key, pass.facts), object, pass.stop);
  if (!reply) return void(pass.out.away = reply.error());
  const bool outdated = reply->status.code == 409 || (reply->status.code == 404 && !secret.version.empty());
  if (!reply->ok() && !outdated) return refused(pass, key, "", reply->status, reply->trouble);
  constexpr Milliseconds kEcho = 2s;  // within which the watch tells of it
  attempts = Attempts{};
  attempts.not_before = pass.now + kEcho;
  pass.out.due = std::min(pass.out.due, attempts.not_before);
  if (!reply->ok()) return;
  pass.out.notes.push_back({false, "CertificateMade", secret.note});
  counts_.change([&](Totals& totals) { ++totals.writes[secret.version.empty() ? "create" : "apply"]; });
}

void Applier::settle(Pass& pass, const Json& desired) {
  const ObjectKey key = key_of(desired);
  const Json* const live = find(pass.seen, key);
  const Attempts& attempts = attempts_[key];
  const Decision decision = decide(desired, live, attempts, pass.now);
  if (is_fought_over(attempts, pass.now)) ++pass.out.fought;
  using Step = Decision::Step;
  if (decision.step == Step::Nothing) return;
  if (decision.step == Step::Echo) return void(pass.out.due = std::min(pass.out.due, decision.when));
  if (decision.step == Step::Wait) {
    const bool fight = attempts.trouble.empty() && !decision.repairs.empty();
    if (fight || !attempts.trouble.empty())
      pass.out.troubles[key] = fight ? "somebody else changes it again and again: see the events" : attempts.trouble;
    return pass.wait(decision.when);
  }
  if (decision.step == Step::Create && !is_free(pass, desired)) return;
  write(pass, desired, decision, live);
}

/// Whether the place of an object that no watch has told of is free, or ours: what is somebody else's is left alone.
bool Applier::is_free(Pass& pass, const Json& desired) {
  const ObjectKey key = key_of(desired);
  const auto reply = client_.get(path_of(key, pass.facts), pass.stop);
  if (!reply) {
    pass.out.away = reply.error();
    return false;
  }
  if (reply->status.code == 404) return true;
  if (!reply->ok()) {
    refused(pass, key, hash_of(desired), reply->status, reply->trouble);
    return false;
  }
  const Json there = Json::parse(reply->body, nullptr, false);
  if (there.is_object() && there.contains("metadata") && is_ours(there, pass.monitor)) return true;
  const std::string manager = there.is_object() ? label(there, "app.kubernetes.io/managed-by") : "";
  refused(pass, key, hash_of(desired), taken(),
          fmt::format("it is there already and not the operator's{}: delete it, or set another namespace",
                      manager.empty() ? "" : fmt::format(" but {}'s", manager)));
  return false;
}

void Applier::write(Pass& pass, const Json& desired, const Decision& decision, const Json* live) {
  const ObjectKey key = key_of(desired);
  if (!may_write_()) return void(pass.out.away = fail(Code::Unavailable, "not leading"));
  const auto reply = client_.apply(path_of(key, pass.facts), desired, pass.stop);
  if (!reply) return void(pass.out.away = reply.error());
  if (is_immutable(reply->status, key.kind)) return replace(pass, desired, live);
  if (!reply->ok()) return refused(pass, key, hash_of(desired), reply->status, reply->trouble);
  Attempts& attempts = attempts_[key];
  const Json answer = Json::parse(reply->body, nullptr, false);
  const bool repair = attempts.tried == hash_of(desired) && attempts.failures == 0;
  const bool fought = is_fought_over(attempts, pass.now);
  note_success(attempts, desired, answer, live ? version_of(*live) : "", pass.now);
  counts_.change([&](Totals& totals) { ++totals.writes[repair ? "repair" : "apply"]; });
  if (!repair) {
    ++pass.written;
    return;
  }
  const std::string what = live ? text_of(decision.repairs) : "it was deleted";
  if (!is_fought_over(attempts, pass.now))
    pass.out.notes.push_back({false, "Repaired", fmt::format("{}: {}", name_of(key), what)});
  else if (!fought)
    pass.out.notes.push_back(
        {true, "FoughtOver",
         fmt::format("{} is changed again and again: {}. Others who write it: {}. It is repaired ever more seldom: let "
                     "one of the two go",
                     name_of(key), what, live ? others_of(*live) : "unknown")});
}

/// Its pods go on meanwhile, and belong to the new one.
void Applier::replace(Pass& pass, const Json& desired, const Json* live) {
  if (!live) return;
  const ObjectKey key = key_of(desired);
  if (!may_write_()) return void(pass.out.away = fail(Code::Unavailable, "not leading"));
  Attempts& attempts = attempts_[key];
  const auto reply = client_.remove(path_of(key, pass.facts), live->at("metadata").value("uid", ""), true, pass.stop);
  if (!reply) return void(pass.out.away = reply.error());
  if (!reply->ok() && reply->status.code != 404) return refused(pass, key, kDeletion, reply->status, reply->trouble);
  attempts = Attempts{};
  attempts.tried = hash_of(desired);
  attempts.failures = 1;                // what comes next is no repair
  attempts.not_before = pass.now + 1s;  // the old one goes first
  pass.wait(attempts.not_before);
  pass.out.notes.push_back(
      {false, "Replaced", fmt::format("{} is made anew, for fields that cannot change; its pods stay", name_of(key))});
}

void Applier::remove(Pass& pass, const ObjectKey& key, const Json& live) {
  Attempts& attempts = attempts_[key];
  if (is_going(live)) return;
  if (!may_delete(attempts, pass.now)) {
    if (!attempts.trouble.empty()) pass.out.troubles[key] = attempts.trouble;
    return pass.wait(attempts.not_before);
  }
  if (!may_write_()) return void(pass.out.away = fail(Code::Unavailable, "not leading"));
  const auto reply = client_.remove(path_of(key, pass.facts), live.at("metadata").value("uid", ""), false, pass.stop);
  if (!reply) return void(pass.out.away = reply.error());
  // A conflict: another one of this name is there by now, of which the watch will tell.
  const bool gone = reply->status.code == 404 || reply->status.code == 409;
  if (!reply->ok() && !gone) return refused(pass, key, kDeletion, reply->status, reply->trouble);
  note_deletion(attempts, pass.now);
  pass.out.due = std::min(pass.out.due, attempts.not_before);
  if (!reply->ok()) return;
  pass.pruned.push_back(name_of(key));
  counts_.change([](Totals& totals) { ++totals.writes["delete"]; });
}

// ---- All of them

void Applier::forget(const Pass& pass, const Plan& plan) {
  std::set<ObjectKey> wanted;
  for (const Json& object : plan.objects) wanted.insert(key_of(object));
  for (const KeySecret& secret : plan.secrets) wanted.insert({"v1", "Secret", secret.home, secret.name});
  if (plan.certificate) wanted.insert({"v1", "Secret", plan.certificate->home, plan.certificate->name});
  std::erase_if(attempts_,
                [&](const auto& entry) { return !wanted.contains(entry.first) && !find(pass.seen, entry.first); });
}

Progress Applier::apply(const GpuMonitor& monitor, const Facts& facts, const Plan& plan, const Seen::Snapshot& seen,
                        const std::stop_token& stop) {
  Pass pass{monitor, facts, seen, stop};
  const auto rest = std::ranges::find_if(plan.objects, [](const Json& one) { return one["kind"] != "Namespace"; });
  for (auto one = plan.objects.begin(); one != rest && !pass.over(); ++one) settle(pass, *one);
  for (const KeySecret& secret : plan.secrets)
    if (!pass.over()) make_secret(pass, secret);
  if (plan.certificate && !pass.over()) write_certificate(pass, *plan.certificate);
  for (auto one = rest; one != plan.objects.end() && !pass.over(); ++one) settle(pass, *one);
  for (const ObjectKey& key : left_over(present(seen, facts, monitor), plan))
    if (!pass.over()) remove(pass, key, *find(seen, key));
  for (const ObjectKey& key : secrets_made(seen, monitor, kAdmissionSecrets))
    if (!pass.over() && !(has_own_certificate(monitor.spec) && key.home == monitor.spec.home))
      remove(pass, key, *find(seen, key));
  forget(pass, plan);
  if (pass.written > 0) pass.out.notes.push_back({false, "Applied", fmt::format("{} objects applied", pass.written)});
  if (!pass.pruned.empty())
    pass.out.notes.push_back(
        {false, "Pruned", fmt::format("deleted, for it is not asked for any more: {}", fmt::join(pass.pruned, ", "))});
  return std::move(pass.out);
}

Progress Applier::clean(const GpuMonitor& monitor, const Facts& facts, const Seen::Snapshot& seen,
                        const std::stop_token& stop) {
  Pass pass{monitor, facts, seen, stop};
  auto keys = present(seen, facts, monitor);
  std::reverse(keys.begin(), keys.end());
  for (const char* called : {"Secret", kAdmissionSecrets})
    std::ranges::copy(secrets_made(seen, monitor, called), std::back_inserter(keys));
  // A StatefulSet would make its claims anew: they go after it.
  const bool sets = std::ranges::any_of(keys, [](const ObjectKey& key) { return key.kind == "StatefulSet"; });
  for (const ObjectKey& key : keys) {
    const Json& live = *find(seen, key);
    const bool claim = key.kind == "PersistentVolumeClaim";
    // A claim goes with its last pod, which may take its time.
    if (key.kind == "Namespace" || (claim && is_going(live))) continue;
    ++pass.out.waiting;
    if (!pass.over() && !(claim && sets)) remove(pass, key, live);
  }
  forget(pass, {});
  if (!pass.pruned.empty())
    pass.out.notes.push_back({false, "Cleaned", fmt::format("deleted: {}", fmt::join(pass.pruned, ", "))});
  return std::move(pass.out);
}

}  // namespace tessera::operate
