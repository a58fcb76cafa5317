#pragma once
// The rules of advice.h, one for each kind. Each says nothing where anything that it would need is not known.
#include <array>
#include <optional>
#include <vector>

#include "fleet/advice/advice.h"
#include "fleet/advice/change.h"

namespace tessera::fleet::advice {

using Said = std::optional<Advice>;

/// By what its engine does where it serves a model: memory that an engine holds says nothing.
Said idle_held(const Workload& of, const Options& options);
Said drop_unused(const Workload& of, const Options& options);
Said over_provisioned(const Workload& of, const Options& options);
Said schedule(const Workload& of, const Options& options);
Said cheaper_model(const Workload& of, const Options& options);
Said spot(const Workload& of, const Options& options);
/// Two of a namespace and a model that would do with one device.
struct Sharing {
  Advice advice;
  std::array<const Workload*, 2> who;
};
std::vector<Sharing> share(const std::vector<const Workload*>& of, const Options& options);
Said reserve(const Pool& of, const Options& options);
std::vector<Advice> hardware(const std::vector<Trouble>& of, const Options& options);
Said defragment(const Scattered& of, const Options& options);
Said quota(const Quota& of, const Options& options);
Said quota_too_small(const QuotaShortage& of, const Options& options);

// What they have in common.

/// With kind, subject, risk, window, confidence and the id; the rest is the caller's.
Advice begun(Kind kind, const Workload& of, const Rhythm& by, const Options& options);
Advice begun(Kind kind, Subject subject, Evidence evidence, const Options& options);
void take(Advice& into, Steps steps);
/// Told of in the last hour: what nobody tells of any longer may be anything by now.
bool is_recent(const Rhythm& by);
/// As long as the kind's least window, its least share has been told, and it is recent.
bool is_enough(Kind kind, const Rhythm& by, const Options& options);
/// Absent where one of them has no rate, or beyond 64 bits.
std::optional<Micros> per_hour(const std::vector<Holding>& holds);
/// `less` an hour, for a month.
std::optional<Saving> saving_of(const std::optional<Micros>& less, const std::string& how);
/// "3.20"
std::string hourly(Micros micros);

/// Of a device on which an engine has this many tokens in its KV cache at most: room for weights, for these with a
/// fifth of the cache left, and for the longest request.
double memory_needed(const ServedNeed& of, double kv_tokens_most);

/// Of all that the workload holds as of one: told as the one that was told least, active where any of them is. By its
/// engine where it serves a model; absent where nothing is told of that, and where it holds nothing.
std::optional<Rhythm> rhythm_of(const Workload& of);

}  // namespace tessera::fleet::advice
