#include "server/allocation_wish.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <tuple>

#include "base/text.h"
#include "fleet/decision/model_size.h"
#include "fleet/decision/policy.h"
#include "gpu/profile_name.h"
#include "server/api_json.h"

namespace tessera::server {
namespace {
using fleet::decision::MigUse;
using fleet::decision::Need;
using fleet::decision::WorkloadType;

constexpr double kMib = 1024.0 * 1024.0;
constexpr double kMostMib = 1e9;
constexpr std::size_t kLongestName = 253;
constexpr std::int64_t kMostDevices = 1'024;
constexpr std::int64_t kLongestLease = 7 * 24 * 3'600;
constexpr std::size_t kMostModels = 64;
constexpr std::int64_t kModelLen = 8'192;  // where a model's longest sequence is not said

std::string shown(const Json& value) { return valid_utf8(json_text(value).substr(0, 100)); }

/// As Kubernetes names namespaces and pods, and labels them.
bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kLongestName && std::ranges::all_of(text, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
  });
}

Result<std::string> name_of(std::string_view member, const Json& value) {
  if (!value.is_string() || !is_name(value.get<std::string>()))
    return fail(Code::Invalid, "{}: {}, but a name of 1 to {} letters, digits, '-', '_' and '.' is expected", member,
                shown(value), kLongestName);
  return value.get<std::string>();
}

Result<std::int64_t> whole_of(std::string_view member, const Json& value, std::int64_t least, std::int64_t most) {
  if (!value.is_number_integer() || value.get<std::int64_t>() < least || value.get<std::int64_t>() > most)
    return fail(Code::Invalid, "{}: {}, but a whole number from {} to {} is expected", member, shown(value), least,
                most);
  return value.get<std::int64_t>();
}

Result<bool> flag_of(std::string_view member, const Json& value) {
  if (!value.is_boolean()) return fail(Code::Invalid, "{}: {}, but true or false is expected", member, shown(value));
  return value.get<bool>();
}

Result<std::uint64_t> mib_of(std::string_view member, double bytes) {
  const double mib = std::ceil(bytes / kMib - 1e-9);
  if (!(mib >= 1) || mib > kMostMib)
    return fail(Code::Invalid, "{}: more than nothing, and at most {} MiB, is expected", member, kMostMib);
  return static_cast<std::uint64_t>(mib);
}

Result<std::int64_t> micros_of(std::string_view member, const Json& value) {
  const auto amount = value.is_string()   ? parse_double(value.get<std::string>())
                      : value.is_number() ? std::optional(value.get<double>())
                                          : std::nullopt;
  if (!amount || !(*amount > 0) || *amount > 1e9)
    return fail(Code::Invalid, "{}: {}, but an amount of money above 0, such as \"2.50\", is expected", member,
                shown(value));
  return static_cast<std::int64_t>(std::llround(*amount * 1e6));
}

struct Read {
  AllocationWish wish;
  unsigned memories = 0;  ///< members that say how much
  std::string model, dtype;
  std::int64_t model_len = 0, concurrency = 0;  // 0: not said
};

using Take = Result<void> (*)(Read& into, std::string_view member, const Json& value);

template <std::string AllocationWish::* member>
Result<void> take_name(Read& into, std::string_view name, const Json& value) {
  into.wish.*member = TRY(name_of(name, value));
  return {};
}

Result<void> take_type(Read& into, std::string_view name, const Json& value) {
  for (std::size_t i = 0; i < fleet::decision::kWorkloadTypes; ++i)
    if (const auto type = static_cast<WorkloadType>(i); value == fleet::decision::workload_type_name(type)) {
      into.wish.need.type = type;
      return {};
    }
  return fail(Code::Invalid, "{}: {}, but Training, Inference, Batch or Interactive is expected", name, shown(value));
}

Result<void> take_models(Read& into, std::string_view name, const Json& value) {
  if (!value.is_array() || value.size() > kMostModels)
    return fail(Code::Invalid, "{}: a list of at most {} model keys, such as [\"H100_80GB\"], is expected", name,
                kMostModels);
  for (const Json& one : value) into.wish.need.models.push_back(TRY(name_of(name, one)));
  return {};
}

Result<void> take_gb(Read& into, std::string_view name, const Json& value) {
  if (!value.is_number()) return fail(Code::Invalid, "{}: {}, but a number of GB is expected", name, shown(value));
  ++into.memories;
  into.wish.need.memory_mib = TRY(mib_of(name, value.get<double>() * 1e9));
  return {};
}

Result<void> take_mib(Read& into, std::string_view name, const Json& value) {
  ++into.memories;
  into.wish.need.memory_mib = static_cast<std::uint64_t>(TRY(whole_of(name, value, 1, 1'000'000'000)));
  return {};
}

Result<void> take_memory(Read& into, std::string_view name, const Json& value) {
  if (!value.is_string())
    return fail(Code::Invalid, "{}: {}, but a text such as \"20G\" or \"20Gi\" is expected", name, shown(value));
  const auto mib = parse_memory(value.get<std::string>());
  if (!mib) return fail(Code::Invalid, "{}: {}", name, mib.error().what);
  ++into.memories;
  into.wish.need.memory_mib = *mib;
  return {};
}

Result<void> take_model(Read& into, std::string_view name, const Json& value) {
  if (!value.is_string()) return fail(Code::Invalid, "{}: a text is expected", name);
  into.model = value.get<std::string>();
  ++into.memories;
  return {};
}

Result<void> take_dtype(Read& into, std::string_view name, const Json& value) {
  if (!value.is_string()) return fail(Code::Invalid, "{}: a text is expected", name);
  into.dtype = value.get<std::string>();
  return {};
}

Result<void> take_policy(Read& into, std::string_view name, const Json& value) {
  const auto names = fleet::decision::policy_names();
  if (!value.is_string() || std::ranges::find(names, value.get<std::string>()) == names.end())
    return fail(Code::Invalid, "{}: {}, but one of {} is expected", name, shown(value), fmt::join(names, ", "));
  into.wish.policy = value.get<std::string>();
  return {};
}

/// A part of a device's compute, of which a thousandth is the least: a share of one that is shared, an instance that is
/// as large, or a device.
Result<void> take_share(Read& into, std::string_view name, const Json& value) {
  const auto share = value.is_string()   ? parse_double(value.get<std::string>())
                     : value.is_number() ? std::optional(value.get<double>())
                                         : std::nullopt;
  if (!share || !(*share >= 0.001) || *share > 1)
    return fail(Code::Invalid, "{}: {}, but a part of a device, such as 0.25, is expected", name, shown(value));
  into.wish.need.compute_milli = static_cast<unsigned>(std::lround(*share * 1000));
  return {};
}

/// What the pod asks Kubernetes for: nothing else would serve it.
Result<void> take_resource(Read& into, std::string_view name, const Json& value) {
  Need& need = into.wish.need;
  const auto profile = gpu::parse_resource_name(value.is_string() ? value.get<std::string>() : std::string());
  const bool whole = value == "nvidia.com/gpu" || value == "nvidia.com/gpu.shared";
  if (!profile && !whole)
    return fail(Code::Invalid,
                "{}: {}, but nvidia.com/gpu, nvidia.com/gpu.shared or one such as nvidia.com/mig-2g.20gb is expected",
                name, shown(value));
  const MigUse use = whole ? MigUse::Never : MigUse::Required;
  if (need.mig != MigUse::Allowed && need.mig != use)
    return fail(Code::Invalid, "{}: {} is {} MIG instance, against useMig", name, shown(value), whole ? "no" : "a");
  need.mig = use;
  if (whole)
    need.resource = value.get<std::string>();
  else
    need.profile = gpu::format_profile_name(*profile);
  return {};
}

struct Member {
  std::string_view name;
  Take take;
};
constexpr Member kMembers[] = {{"cluster",
                                [](Read& r, std::string_view n, const Json& v) -> Result<void> {
                                  r.wish.cluster = TRY(name_of(n, v));
                                  return {};
                                }},
                               {"namespace", take_name<&AllocationWish::space>},
                               {"podName", take_name<&AllocationWish::pod>},
                               {"workloadType", take_type},
                               {"useMig",
                                [](Read& r, std::string_view n, const Json& v) -> Result<void> {
                                  r.wish.need.mig = TRY(flag_of(n, v)) ? MigUse::Required : MigUse::Never;
                                  return {};
                                }},
                               {"requiredMemoryGb", take_gb},
                               {"requiredMemoryMib", take_mib},
                               {"requiredMemory", take_memory},
                               {"model", take_model},
                               {"dtype", take_dtype},
                               {"maxModelLen",
                                [](Read& r, std::string_view n, const Json& v) -> Result<void> {
                                  r.model_len = TRY(whole_of(n, v, 1, 100'000'000));
                                  return {};
                                }},
                               {"concurrency",
                                [](Read& r, std::string_view n, const Json& v) -> Result<void> {
                                  r.concurrency = TRY(whole_of(n, v, 1, 100'000));
                                  return {};
                                }},
                               {"gpuShare", take_share},
                               {"computeSlices",
                                [](Read& r, std::string_view n, const Json& v) -> Result<void> {
                                  r.wish.need.compute_slices = static_cast<unsigned>(TRY(whole_of(n, v, 1, 64)));
                                  return {};
                                }},
                               {"devices",
                                [](Read& r, std::string_view n, const Json& v) -> Result<void> {
                                  r.wish.need.devices = static_cast<unsigned>(TRY(whole_of(n, v, 1, kMostDevices)));
                                  return {};
                                }},
                               {"sameNode",
                                [](Read& r, std::string_view n, const Json& v) -> Result<void> {
                                  r.wish.need.same_node = TRY(flag_of(n, v));
                                  return {};
                                }},
                               {"resource", take_resource},
                               {"models", take_models},
                               {"nodeName", take_name<&AllocationWish::node>},
                               {"team", take_name<&AllocationWish::team>},
                               {"priority",
                                [](Read& r, std::string_view n, const Json& v) -> Result<void> {
                                  r.wish.need.priority =
                                      static_cast<int>(TRY(whole_of(n, v, -1'000'000'000, 2'000'000'000)));
                                  return {};
                                }},
                               {"maxPricePerHour",
                                [](Read& r, std::string_view n, const Json& v) -> Result<void> {
                                  r.wish.need.most_price_micros = TRY(micros_of(n, v));
                                  return {};
                                }},
                               {"leaseSeconds",
                                [](Read& r, std::string_view n, const Json& v) -> Result<void> {
                                  r.wish.lease = Milliseconds(1'000 * TRY(whole_of(n, v, 1, kLongestLease)));
                                  return {};
                                }},
                               {"wait",
                                [](Read& r, std::string_view n, const Json& v) -> Result<void> {
                                  r.wish.waits = TRY(flag_of(n, v));
                                  return {};
                                }},
                               {"mayMove",
                                [](Read& r, std::string_view n, const Json& v) -> Result<void> {
                                  r.wish.may_move = TRY(flag_of(n, v));
                                  return {};
                                }},
                               {"policy", take_policy},
                               {"dryRun", [](Read& r, std::string_view n, const Json& v) -> Result<void> {
                                  r.wish.dry_run = TRY(flag_of(n, v));
                                  return {};
                                }}};

/// Memory of a model that is served, in place of a number.
Result<void> size_model(Read& of) {
  if (of.model.empty()) {
    if (!of.dtype.empty() || of.model_len > 0 || of.concurrency > 0)
      return fail(Code::Invalid, "dtype, maxModelLen and concurrency belong to a model, and none is named (model)");
    return {};
  }
  if (of.wish.need.devices > 1 && of.wish.need.mig == MigUse::Required)
    return fail(
        Code::Invalid,
        "devices: tensor parallelism over MIG instances has no peer-to-peer and no NVLink between them: ask for "
        "whole devices (useMig false), or for one instance that holds the model");
  const auto* shape = fleet::decision::find_model_shape(of.model);
  if (shape == nullptr) {
    std::vector<std::string_view> known;
    for (const auto& one : fleet::decision::model_shapes()) known.push_back(one.name);
    return fail(Code::Invalid,
                "model: '{}' is not known here, so its memory has to be given (requiredMemoryGb); known are {}",
                valid_utf8(of.model.substr(0, 100)), fmt::join(known, ", "));
  }
  fleet::decision::Serving serving{.max_model_len = static_cast<unsigned>(of.model_len > 0 ? of.model_len : kModelLen),
                                   .concurrency = static_cast<unsigned>(std::max<std::int64_t>(1, of.concurrency)),
                                   .tensor_parallel = of.wish.need.devices};
  if (!of.dtype.empty()) serving.dtype = lower(of.dtype);
  const auto size = fleet::decision::size_of_model(*shape, serving);
  if (!size) return fail(Code::Invalid, "model: {}", size.error().what);
  of.wish.need.memory_mib = size->memory_mib;
  if (!size->may_be_mig) of.wish.need.mig = MigUse::Never;
  of.wish.assumed = fmt::format("{}: {}", shape->name, fmt::join(size->assumed, "; "));
  return {};
}

Result<AllocationWish> parse(const Json& json) {
  if (!json.is_object()) return fail(Code::Invalid, "the body is no JSON object");
  Read read;
  Json asked = Json::object();
  for (const Member& member : kMembers) {
    const auto found = json.find(member.name);
    if (found == json.end() || found->is_null()) continue;
    TRY(member.take(read, member.name, *found));
    if (member.name != "dryRun") asked[std::string(member.name)] = *found;
  }
  for (const auto& [name, value] : json.items())
    if (std::ranges::find(kMembers, name, &Member::name) == std::end(kMembers))
      return fail(Code::Invalid, "{}: there is no such member; docs/allocation.md lists them",
                  valid_utf8(std::string_view(name).substr(0, 100)));
  for (const std::string_view needed : {"namespace", "podName"})
    if (!asked.contains(needed)) return fail(Code::Invalid, "{}: it is missing", needed);
  if (read.memories > 1)
    return fail(Code::Invalid,
                "requiredMemoryGb, requiredMemoryMib, requiredMemory and model say the same thing: give one of them");
  TRY(size_model(read));
  AllocationWish& out = read.wish;
  out.need.owner = fmt::format("{}/{}", out.space, out.pod);
  if (const auto checked = fleet::decision::check(out.need); !checked) return checked.error();
  out.asked = json_text(asked);
  return out;
}

/// Which models will do, in whatever order they are named.
Need in_order(Need need) {
  std::ranges::sort(need.models);
  need.models.erase(std::ranges::unique(need.models).begin(), need.models.end());
  return need;
}

}  // namespace

Result<std::uint64_t> parse_memory(std::string_view text) {
  constexpr std::pair<std::string_view, double> kUnits[] = {{"Ki", 1024.0},      {"Mi", kMib}, {"Gi", kMib * 1024},
                                                            {"Ti", kMib * kMib}, {"k", 1e3},   {"M", 1e6},
                                                            {"G", 1e9},          {"T", 1e12}};
  const auto unit = std::ranges::find_if(kUnits, [&](const auto& one) { return text.ends_with(one.first); });
  const auto number =
      unit == std::end(kUnits) ? std::nullopt : parse_double(text.substr(0, text.size() - unit->first.size()));
  if (!number || !std::isfinite(*number))
    return fail(Code::Invalid,
                "'{}', but a number with its unit is expected: 20G is 20 000 000 000 bytes, 20Gi 20 × 2³⁰",
                valid_utf8(text.substr(0, 100)));
  return mib_of(text, *number * unit->second);
}

Result<AllocationWish> parse_allocation_wish(std::string_view body) { return parse(Json::parse(body, nullptr, false)); }

Result<AllocationWish> read_kept_wish(std::string_view request) {
  Json json = Json::parse(request, nullptr, false);
  // It was taken without a model once, and meant nothing.
  if (json.is_object() && !json.contains("model")) json.erase("concurrency");
  return parse(json);
}

bool ask_the_same(std::string_view request, std::string_view other, std::string_view policy) {
  if (request == other) return true;
  const auto one = read_kept_wish(request), two = read_kept_wish(other);
  if (!one || !two) return false;
  const auto meaning = [&](const AllocationWish& of) {
    return std::tuple(of.space, of.pod, in_order(of.need), of.node, of.team, of.waits, of.may_move,
                      of.policy.empty() ? std::string(policy) : of.policy, of.lease);
  };
  return meaning(*one) == meaning(*two);
}

}  // namespace tessera::server
