#include "server/decision_scene.h"

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

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
      value = static_cast<T>(from.get<unsigned>());
    else
      value = from.get<T>();
  }
  static void read(const Json& from, Milliseconds& value) { value = Milliseconds(from.get<std::int64_t>()); }
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
  member("replicas", shares.replicas);
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
      out.back().placements.push_back({at.at(0).get<unsigned>(), at.at(1).get<unsigned>()});
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

decision::Candidate read_device(const Json& from, const std::vector<Profiles>& tables) {
  auto out = read<decision::Candidate>(from);
  if (from.contains("pieces"))
    for (const Json& piece : from.at("pieces")) out.pieces.push_back(read<decision::Piece>(piece));
  if (from.contains("shares")) out.shares = read<decision::Shares>(from.at("shares"));
  if (from.contains("profiles")) out.profiles = tables.at(from.at("profiles").get<std::size_t>());
  return out;
}

decision::Scene read_all(const Json& from) {
  decision::Scene out;
  out.policy = from.at("policy").get<std::string>();
  out.need = read<decision::Need>(from.at("need"));
  for (const Json& one : from.at("mix"))
    out.mix.push_back({read<decision::Need>(one.at("need")), one.at("share").get<double>()});
  out.supply.as_of = from.at("asOf").get<EpochMs>();
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

}  // namespace

std::string scene_text(const decision::Scene& scene) {
  Json mix = Json::array(), tables = Json::array(), nodes = Json::array(), closed = Json::array();
  for (const decision::Typical& one : scene.mix) mix.push_back({{"need", written(one.need)}, {"share", one.share}});
  Json devices = devices_json(scene.supply.candidates, tables);
  for (const auto& [name, beside] : scene.supply.nodes)
    nodes.push_back({{"cluster", name.first}, {"node", name.second}, {"beside", written(beside)}});
  for (const auto& [cluster, node] : scene.closed) closed.push_back(Json::array({cluster, node}));
  const Json out = {{"asOf", scene.supply.as_of}, {"policy", scene.policy},     {"need", written(scene.need)},
                    {"mix", std::move(mix)},      {"profiles", tables},         {"devices", std::move(devices)},
                    {"nodes", std::move(nodes)},  {"closed", std::move(closed)}};
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string scene_to_keep(const decision::Supply& supply, const decision::Need& need, const decision::Mix& mix,
                          const decision::Scope& scope, const decision::Decision& decided) {
  const auto scene = decision::scene_of(supply, need, mix, scope, decided);
  std::string out = scene ? scene_text(*scene) : std::string();
  return out.size() > kLongestScene ? std::string() : out;
}

Result<decision::Scene> read_scene(std::string_view text) {
  try {
    return read_all(Json::parse(text));
  } catch (const std::exception& error) {  // the library's, and a table that is not there
    return fail(Code::Invalid, "what the decision was made on cannot be read: {}", error.what());
  }
}

}  // namespace tessera::server
