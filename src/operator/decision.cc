#include "operator/decision.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "operator/objects.h"

namespace tessera::operate {
namespace {
using namespace std::chrono_literals;

using Json = nlohmann::ordered_json;

constexpr Milliseconds kFirstRetry = 500ms;
constexpr Milliseconds kFirstDenied = 10s;  // rights and quotas are changed by people
constexpr Milliseconds kLongestRetry = 5min;
constexpr Milliseconds kEcho = 2s;  // within which a watch tells of a write
constexpr Milliseconds kQuiet = 10min;
constexpr unsigned kFreeRepairs = 3;

const Json& member(const Json& object, const char* name) {
  static const Json kNone = Json::object();
  const auto found = object.find(name);
  return found != object.end() && found->is_object() ? *found : kNone;
}

Milliseconds doubled(Milliseconds first, unsigned times) {
  constexpr unsigned kMost = 16;
  return std::min<Milliseconds>(first * (1LL << std::min(times, kMost)), kLongestRetry);
}

/// What the server will say again until somebody changes something.
bool is_final(int code) { return code == 400 || code == 413 || code == 422; }

Milliseconds pause_after(const kube::Status& status, unsigned failures) {
  Milliseconds pause = doubled(status.code == 403 ? kFirstDenied : kFirstRetry, failures - 1);
  if (is_final(status.code)) pause = kLongestRetry;
  return std::max(pause, std::min(status.retry_after.value_or(0ms), kLongestRetry));
}

/// The first few repairs are made at once; whoever undoes them all the same is met ever more seldom.
Milliseconds pause_after_repair(unsigned repairs) {
  return repairs <= kFreeRepairs ? Milliseconds(0) : doubled(1s, repairs - kFreeRepairs);
}

}  // namespace

Json with_hash(Json object) {
  const std::string hash = content_hash(object.dump());
  object["metadata"]["annotations"][kAppliedAnnotation] = hash;
  return object;
}

std::string hash_of(const Json& object) {
  return member(member(object, "metadata"), "annotations").value(kAppliedAnnotation, "");
}

std::string version_of(const Json& object) { return member(object, "metadata").value("resourceVersion", ""); }

Decision decide(const Json& desired, const Json* live, const Attempts& attempts, SteadyTime now) {
  using Step = Decision::Step;
  const std::string hash = hash_of(desired);
  const bool news = attempts.tried != hash;
  if (!attempts.expected.empty() && now < attempts.expected_until && (!live || version_of(*live) != attempts.expected))
    return {Step::Echo, {}, attempts.expected_until};
  Decision out{live ? Step::Nothing : Step::Create, {}, {}};
  if (live) {
    // It goes, and its end will be told.
    if (member(*live, "metadata").contains("deletionTimestamp")) return out;
    if (hash_of(*live) == hash) {
      auto found = differences(desired, *live);
      const bool known = !news && found == attempts.accepted;
      if (!found.empty() && !known) out = {Step::Apply, std::move(found), {}};
    } else {
      out.step = Step::Apply;
      // Not ours to wonder at where we have never applied this.
      if (!news && attempts.failures == 0) out.repairs = differences(desired, *live);
    }
  }
  if (out.step != Step::Nothing && !news && now < attempts.not_before)
    return {Step::Wait, std::move(out.repairs), attempts.not_before};
  return out;
}

void note_success(Attempts& attempts, const Json& desired, const Json& answer, const std::string& before,
                  SteadyTime now) {
  const bool again = attempts.repaired && now - *attempts.repaired < kQuiet;
  const bool repair = attempts.tried == hash_of(desired) && attempts.failures == 0;
  if (!repair || !again) attempts.repairs = 0;
  if (repair) {
    ++attempts.repairs;
    attempts.repaired = now;
  }
  attempts.tried = hash_of(desired);
  attempts.accepted = differences(desired, answer);
  attempts.failures = 0;
  attempts.trouble.clear();
  attempts.not_before = now + pause_after_repair(attempts.repairs);
  // What changed nothing is told by no watch.
  attempts.expected = version_of(answer) == before ? "" : version_of(answer);
  attempts.expected_until = now + kEcho;
}

void note_failure(Attempts& attempts, const std::string& hash, const kube::Status& status, const std::string& trouble,
                  double random, SteadyTime now) {
  if (attempts.tried != hash) attempts.failures = 0;
  attempts.tried = hash;
  ++attempts.failures;
  attempts.trouble = trouble;
  const Milliseconds pause = pause_after(status, attempts.failures);
  attempts.not_before = now + pause + std::chrono::duration_cast<Milliseconds>(pause * (0.2 * random));
}

bool may_delete(const Attempts& attempts, SteadyTime now) {
  return attempts.tried != kDeletion || now >= attempts.not_before;
}

void note_deletion(Attempts& attempts, SteadyTime now) {
  attempts = Attempts{};
  attempts.tried = kDeletion;
  attempts.not_before = now + kEcho;
}

bool is_fought_over(const Attempts& attempts, SteadyTime now) {
  return attempts.repairs > kFreeRepairs && attempts.repaired && now - *attempts.repaired < kQuiet;
}

}  // namespace tessera::operate
