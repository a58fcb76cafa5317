#include "server/decision_scene.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "server/access/secret.h"

namespace tessera::server {
namespace {
namespace decision = fleet::decision;
using Json = nlohmann::ordered_json;
using Profiles = std::shared_ptr<const std::vector<gpu::Profile>>;

// ---- One member, which is left out where it is what it is anyway. The same list of members writes and reads.

class Writer {
 public:
  explicit Writer(Json& into) : into_(into) {}
  template <class T>
  void operator()(const char* name, const T& value, const T& usual = {}) {
    if (!(value == usual)) into_[name] = plain(value);
  }

 private:
  template <class T>
  static Json plain(const T& value) {
    if constexpr (std::is_enum_v<T>)
      return static_cast<unsigned>(value);
    else
      return value;
  }
  static Json plain(const Milliseconds& value) { return value.count(); }
  template <class T>
  static Json plain(const std::optional<T>& value) {
    return plain(*value);
  }

  Json& into_;
};

template <class T>
constexpr unsigned kWords = 0;  ///< of an enumeration: how many there are
template <>
constexpr unsigned kWords<decision::WorkloadType> = decision::kWorkloadTypes;
template <>
constexpr unsigned kWords<decision::MigUse> = 3;
template <>
constexpr unsigned kWords<decision::MigMode> = 3;

/// More than any device, price or time has, and so little that sums of them are numbers still.
constexpr std::int64_t kMost = 1'000'000'000'000'000;
constexpr std::int64_t kMostCounted = 1'000'000;

/// Throws as the library does, whose message says no more either.
[[noreturn]] void refuse(const std::string& why) { throw std::out_of_range(why); }

template <class T>
T number_in(const Json& from, std::int64_t least, std::int64_t most) {
  if (!from.is_number_integer() || from > most || from < least)
    refuse(fmt::format("{} is no whole number from {} to {}", from.dump(), least, most));
  return from.get<T>();
}

class Reader {
 public:
  explicit Reader(const Json& from) : from_(from) {}
  template <class T>
  void operator()(const char* name, T& value, const T& usual = {}) {
    const auto found = from_.find(name);
    if (found == from_.end())
      value = usual;
    else
      read(*found, value);
  }

 private:
  template <class T>
  static void read(const Json& from, T& value) {
    if constexpr (std::is_enum_v<T>)
      value = static_cast<T>(number_in<unsigned>(from, 0, kWords<T> - 1));
    else if constexpr (std::is_same_v<T, bool> || !std::is_integral_v<T>)
      value = from.get<T>();
    else if constexpr (sizeof(T) < sizeof(kMost))
      value = number_in<T>(from, std::is_signed_v<T> ? std::numeric_limits<T>::min() : 0,
                           std::is_signed_v<T> ? std::numeric_limits<T>::max() : kMostCounted);
    else
      value = number_in<T>(from, std::is_signed_v<T> ? -kMost : 0, kMost);
  }
  static void read(const Json& from, Milliseconds& value) {
    value = Milliseconds(number_in<std::int64_t>(from, -kMost, kMost));
  }
  template <class T>
  static void read(const Json& from, std::optional<T>& value) {
    T told{};
    read(from, told);
    value = std::move(told);
  }

  const Json& from_;
};

template <class Member>
void members(Member member, auto& need)
  requires std::same_as<std::remove_const_t<std::remove_reference_t<decltype(need)>>, decision::Need>
{
  member("devices", need.devices, 1U);
  member("memoryMib", need.memory_mib);
  member("computeMilli", need.compute_milli);
  member("computeSlices", need.compute_slices);
  member("profile", need.profile);
  member("resource", need.resource);
  member("models", need.models);
  member("type", need.type);
  member("mig", need.mig);
  member("owner", need.owner);
  member("priority", need.priority);
  member("mostPrice", need.most_price_micros);
  member("sameNode", need.same_node, true);
  member("cpuMilli", need.cpu_milli);
  member("nodeMemoryMib", need.node_memory_mib);
}

template <class Member>
void members(Member member, auto& piece)
  requires std::same_as<std::remove_const_t<std::remove_reference_t<decltype(piece)>>, decision::Piece>
{
  member("profile", piece.placed.profile);
  member("start", piece.placed.placement.start);
  member("size", piece.placed.placement.size);
  member("heldBy", piece.held_by);
  member("stands", piece.stands, true);
  member("parted", piece.parted);
  member("mayMove", piece.may_move);
  member("gpuInstance", piece.gpu_instance);
  member("uuid", piece.uuid);
  member("idleMs", piece.idle);
}

template <class Member>
void members(Member member, auto& shares)
  requires std::same_as<std::remove_const_t<std::remove_reference_t<decltype(shares)>>, decision::Shares>
{
  member("replicas", shares.replicas, 1U);
  member("left", shares.left);
  member("leftBytes", shares.left_memory_bytes);
  member("resource", shares.resource);
  member("parted", shares.memory_is_parted);
}

/// But for its profiles, pieces and shares.
template <class Member>
void members(Member member, auto& device)
  requires std::same_as<std::remove_const_t<std::remove_reference_t<decltype(device)>>, decision::Candidate>
{
  member("cluster", device.cluster);
  member("node", device.node);
  member("id", device.id);
  member("uuid", device.uuid);
  member("model", device.model);
  member("memoryBytes", device.memory_bytes);
  member("smCount", device.sm_count);
  member("mig", device.mig);
  member("maySwitchOn", device.may_switch_on);
  member("mayCut", device.may_cut, true);
  member("uncut", device.uncut);
  member("heldBy", device.held_by);
  member("mayMove", device.may_move);
  member("idleMs", device.idle);
  member("unfit", device.unfit);
  member("withheld", device.withheld);
  member("price", device.price_micros);
  member("mayBeTaken", device.may_be_taken);
}

template <class Member>
void members(Member member, auto& profile)
  requires std::same_as<std::remove_const_t<std::remove_reference_t<decltype(profile)>>, gpu::Profile>
{
  member("id", profile.id);
  member("name", profile.name);
  member("computeSlices", profile.compute_slices);
  member("smCount", profile.sm_count);
  member("memoryBytes", profile.memory_bytes);
  member("most", profile.max_instances);
}

template <class Member>
void members(Member member, auto& beside)
  requires std::same_as<std::remove_const_t<std::remove_reference_t<decltype(beside)>>, decision::Beside>
{
  member("cpuMilli", beside.cpu_milli);
  member("memoryMib", beside.memory_mib);
  member("freeCpuMilli", beside.free_cpu_milli);
  member("freeMemoryMib", beside.free_memory_mib);
}

template <class T>
Json written(const T& value) {
  Json out = Json::object();
  members(Writer(out), value);
  return out;
}
template <class T>
T read(const Json& from) {
  T out;
  members(Reader(from), out);
  return out;
}

Json profiles_json(const std::vector<gpu::Profile>& profiles) {
  Json out = Json::array();
  for (const gpu::Profile& one : profiles) {
    out.push_back(written(one));
    Json& places = out.back()["places"] = Json::array();
    for (const gpu::Placement at : one.placements) places.push_back({at.start, at.size});
  }
  return out;
}

Profiles read_profiles(const Json& from) {
  std::vector<gpu::Profile> out;
  for (const Json& one : from) {
    out.push_back(read<gpu::Profile>(one));
    for (const Json& at : one.at("places"))
      out.back().placements.push_back(
          {number_in<unsigned>(at.at(0), 0, kMostCounted), number_in<unsigned>(at.at(1), 0, kMostCounted)});
  }
  return std::make_shared<const std::vector<gpu::Profile>>(std::move(out));
}

/// Devices of a model share what their drivers offer: it is written once, and named by its position.
Json devices_json(const std::vector<decision::Candidate>& devices, Json& tables) {
  std::vector<Profiles> known;
  Json out = Json::array();
  for (const decision::Candidate& one : devices) {
    out.push_back(written(one));
    Json& device = out.back();
    for (const decision::Piece& piece : one.pieces) device["pieces"].push_back(written(piece));
    if (one.shares) device["shares"] = written(*one.shares);
    if (!one.profiles) continue;
    const auto is_it = [&](const Profiles& of) {
      return of == one.profiles || profiles_json(*of) == profiles_json(*one.profiles);
    };
    const auto found = std::ranges::find_if(known, is_it);
    device["profiles"] = found - known.begin();
    if (found != known.end()) continue;
    known.push_back(one.profiles);
    tables.push_back(profiles_json(*one.profiles));
  }
  return out;
}

decision::Shares read_shares(const Json& from) {
  auto out = read<decision::Shares>(from);
  if (out.replicas == 0 || out.left > out.replicas)
    refuse(fmt::format("{} of {} replicas are left", out.left, out.replicas));
  return out;
}

decision::Candidate read_device(const Json& from, const std::vector<Profiles>& tables) {
  auto out = read<decision::Candidate>(from);
  if (from.contains("pieces"))
    for (const Json& piece : from.at("pieces")) out.pieces.push_back(read<decision::Piece>(piece));
  if (from.contains("shares")) out.shares = read_shares(from.at("shares"));
  if (from.contains("profiles")) out.profiles = tables.at(number_in<std::size_t>(from.at("profiles"), 0, kMostCounted));
  return out;
}

decision::Need read_need(const Json& from) {
  auto out = read<decision::Need>(from);
  if (const auto sound = decision::check(out); !sound) refuse(sound.error().what);
  return out;
}

decision::Mix read_mix(const Json& from) {
  decision::Mix out;
  if (!from.is_array()) refuse("the mix is no list");
  for (const Json& one : from) {
    out.push_back({read_need(one.at("need")), one.at("share").get<double>()});
    if (!(out.back().share > 0 && out.back().share <= 1)) refuse(fmt::format("a share of {}", out.back().share));
  }
  return out;
}

decision::Scene read_all(const Json& from, const Json& mix) {
  decision::Scene out;
  out.policy = from.at("policy").get<std::string>();
  out.need = read_need(from.at("need"));
  out.mix = read_mix(mix);
  out.supply.as_of = number_in<EpochMs>(from.at("asOf"), 0, kMost);
  std::vector<Profiles> tables;
  for (const Json& one : from.at("profiles")) tables.push_back(read_profiles(one));
  for (const Json& one : from.at("devices")) out.supply.candidates.push_back(read_device(one, tables));
  for (const Json& one : from.at("nodes"))
    out.supply.nodes[{one.at("cluster").get<std::string>(), one.at("node").get<std::string>()}] =
        read<decision::Beside>(one.at("beside"));
  for (const Json& one : from.at("closed"))
    out.closed.insert({one.at(0).get<std::string>(), one.at(1).get<std::string>()});
  return out;
}

std::string text_of(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace

std::string scene_text(const decision::Scene& scene) {
  Json tables = Json::array(), nodes = Json::array(), closed = Json::array();
  Json devices = devices_json(scene.supply.candidates, tables);
  for (const auto& [name, beside] : scene.supply.nodes)
    nodes.push_back({{"cluster", name.first}, {"node", name.second}, {"beside", written(beside)}});
  for (const auto& [cluster, node] : scene.closed) closed.push_back(Json::array({cluster, node}));
  return text_of({{"asOf", scene.supply.as_of},
                  {"policy", scene.policy},
                  {"need", written(scene.need)},
                  {"profiles", tables},
                  {"devices", std::move(devices)},
                  {"nodes", std::move(nodes)},
                  {"closed", std::move(closed)}});
}

std::string mix_text(const decision::Mix& mix) {
  Json out = Json::array();
  for (const decision::Typical& one : mix) out.push_back({{"need", written(one.need)}, {"share", one.share}});
  return mix.empty() ? std::string() : text_of(out);
}

std::shared_ptr<const store::SceneMix> MixTexts::of(const std::shared_ptr<const decision::Mix>& mix) {
  if (mix_ == mix) return text_;
  mix_ = mix;
  std::string text = mix_text(*mix);
  std::string name = sha256_hex(text);
  text_ = text.empty() ? nullptr
                       : std::make_shared<const store::SceneMix>(store::SceneMix{std::move(name), std::move(text)});
  return text_;
}

store::KeptScene scene_to_keep(const std::string& allocation, const decision::Supply& supply,
                               const decision::Need& need, decision::Policy& policy,
                               std::shared_ptr<const store::SceneMix> mix, const decision::Scope& scope,
                               const decision::Decision& decided) {
  store::KeptScene out{.allocation = allocation};
  if (mix && mix->text.size() > kLongestMix) return out;
  if (const auto scene = decision::scene_of(supply, need, policy, scope, decided)) out.text = scene_text(*scene);
  if (out.text.size() > kLongestScene) out.text.clear();
  if (!out.text.empty()) out.mix = std::move(mix);
  return out;
}

Result<decision::Scene> read_scene(std::string_view text, std::string_view mix) {
  try {
    return read_all(Json::parse(text), mix.empty() ? Json::array() : Json::parse(mix));
  } catch (const std::exception& error) {  // the library's, a table that is not there, and our own
    return fail(Code::Invalid, "what the decision was made on cannot be read: {}", error.what());
  }
}

}  // namespace tessera::server
