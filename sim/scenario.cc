#include "sim/scenario.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <set>
#include <sstream>

#include "sim/layout.h"
#include "sim/scenario_parts.h"
#include "sim/units.h"
#include "sim/yaml.h"

namespace tessera::sim {
namespace {

constexpr std::size_t kMaxNodes = 256, kMaxGpus = 64, kMaxProcesses = 20000, kMaxPods = 2000;

void read_flag(const Yaml& map, const char* key, bool& out) {
  if (const auto value = map.find(key)) out = value->flag();
}
void read_number(const Yaml& map, const char* key, double low, double high, double& out) {
  if (const auto value = map.find(key)) out = value->number(low, high);
}

LoadSpec read_wave(const Yaml& map) {
  map.expect_map({"mean", "amplitude", "period", "phase"});
  LoadSpec load{.kind = LoadSpec::Kind::Wave};
  load.level = map.at("mean").number(0, 100);
  load.amplitude =
      map.at("amplitude").number(0, std::min(load.level, 100 - load.level));  // never clipped: the integral is exact
  read_seconds(map, "period", 0.1, load.period);
  read_number(map, "phase", 0, 1, load.phase);
  return load;
}

LoadSpec read_walk(const Yaml& map) {
  map.expect_map({"seed", "start", "step", "every", "min", "max"});
  LoadSpec load{.kind = LoadSpec::Kind::Walk};
  if (const auto seed = map.find("seed")) load.seed = seed->whole(0, UINT64_MAX);
  read_number(map, "min", 0, 100, load.low);
  read_number(map, "max", load.low, 100, load.high);
  load.level = (load.low + load.high) / 2;
  read_number(map, "start", load.low, load.high, load.level);
  read_number(map, "step", 0, 100, load.step);
  read_seconds(map, "every", 0.1, load.every);
  return load;
}

LoadSpec read_replay(const Yaml& map, const std::string& scenario_file) {
  map.expect_map({"file", "key", "scale", "speed"});
  LoadSpec load{.kind = LoadSpec::Kind::Replay};
  load.file = map.at("file").text();
  if (!load.file.starts_with('/')) {
    const std::size_t slash = scenario_file.rfind('/');
    if (slash != std::string::npos) load.file = scenario_file.substr(0, slash + 1) + load.file;
  }
  read_text(map, "key", load.key);
  read_number(map, "scale", 0, 1000, load.scale);
  read_number(map, "speed", 0.001, 1e6, load.speed);
  return load;
}

std::optional<LoadSpec> read_load(const Yaml& map, const char* key, const std::string& file) {
  const auto value = map.find(key);
  if (!value) return std::nullopt;
  if (!value->is_map()) return LoadSpec{.level = value->number(0, 100)};
  value->expect_map({"constant", "wave", "walk", "replay"});
  std::optional<LoadSpec> load;
  const auto take = [&](const char* kind, auto read) {
    const auto form = value->find(kind);
    if (!form) return;
    if (load) value->refuse("one of constant, wave, walk, replay, not two,");
    load = read(*form);
  };
  take("constant", [](const Yaml& y) { return LoadSpec{.level = y.number(0, 100)}; });
  take("wave", read_wave);
  take("walk", read_walk);
  take("replay", [&](const Yaml& y) { return read_replay(y, file); });
  if (!load) value->refuse("one of constant, wave, walk, replay");
  return load;
}

Traffic read_traffic(const Yaml& map, const char* key, Traffic otherwise) {
  const auto value = map.find(key);
  if (!value) return otherwise;
  value->expect_map({"tx", "rx"});
  read_number(*value, "tx", 0, 1e6, otherwise.tx);
  read_number(*value, "rx", 0, 1e6, otherwise.rx);
  return otherwise;
}

Activity read_activity(const Yaml& gpu) {
  Activity out;
  const auto map = gpu.find("activity");
  if (!map) return out;
  const struct {
    const char* key;
    double* value;
  } kFactors[] = {{"sm", &out.sm},           {"occupancy", &out.occupancy}, {"tensor", &out.tensor},
                  {"dram", &out.dram},       {"fp64", &out.fp64},           {"fp32", &out.fp32},
                  {"fp16", &out.fp16},       {"integer", &out.integer},     {"memory", &out.memory},
                  {"encoder", &out.encoder}, {"decoder", &out.decoder}};
  map->expect_map(
      {"sm", "occupancy", "tensor", "dram", "fp64", "fp32", "fp16", "integer", "memory", "encoder", "decoder"});
  constexpr double kMost = 2;  // real counters have been seen above 1
  for (const auto& factor : kFactors) read_number(*map, factor.key, 0, kMost, *factor.value);
  return out;
}

std::vector<unsigned> read_compute(const Yaml& instance, const MigProfile& profile) {
  const auto list = instance.find("compute");
  std::vector<unsigned> out;
  if (!list) {
    for (const ComputeShape& shape : compute_shapes())
      if (shape.slices == profile.compute_slices) out.push_back(shape.index);
    return out;
  }
  unsigned used = 0;
  list->each(8, [&](const Yaml& item) {
    const std::string word = item.text();
    std::vector<std::string> names;
    for (const ComputeShape& shape : compute_shapes()) {
      if (!compute_shape_fits(profile, shape.index)) continue;
      names.push_back(fmt::format("{}c", shape.slices));
      if (word != names.back() && word != compute_name(profile, shape.index)) continue;
      used += shape.slices;
      if (used > profile.compute_slices)
        item.refuse(fmt::format("compute instances within {} slices", profile.compute_slices));
      out.push_back(shape.index);
      return;
    }
    item.refuse(fmt::format("one of {}", fmt::join(names, ", ")));
  });
  if (!lay_out_compute(profile, out)) list->refuse("compute instances that can lie side by side");
  return out;
}

void read_layout(const Yaml& list, const MigFamily& family, const std::string& file, std::vector<InstanceSpec>& out) {
  std::vector<Placed> placed;
  list.each(family.max_devices * 2, [&](const Yaml& item) {
    item.expect_map({"profile", "start", "compute", "load"});
    InstanceSpec instance;
    const Yaml profile = item.at("profile");
    instance.profile = family.by_name(profile.text());
    if (!instance.profile) {
      std::vector<std::string_view> names;
      for (const MigProfile& known : family.profiles) names.push_back(known.name);
      profile.refuse(fmt::format("one of {}", fmt::join(names, ", ")));
    }
    if (const auto start = item.find("start")) {
      instance.start = static_cast<unsigned>(start->whole(0, family.memory_slices));
      if (!fits(family, placed, *instance.profile, instance.start))
        start->refuse(fmt::format("a legal, free start for {} (it may lie at {})", instance.profile->name,
                                  fmt::join(instance.profile->starts, ", ")));
    } else if (const auto picked = pick_start(family, placed, *instance.profile)) {
      instance.start = *picked;
    } else {
      profile.refuse("a profile that still has room on this GPU");
    }
    placed.push_back({instance.profile, instance.start});
    instance.compute = read_compute(item, *instance.profile);
    instance.load = read_load(item, "load", file);
    out.push_back(std::move(instance));
  });
  std::size_t devices = 0;
  for (const InstanceSpec& instance : out) devices += instance.compute.size();
  if (devices > family.max_devices) list.refuse(fmt::format("at most {} compute instances", family.max_devices));
}

void read_process(const Yaml& item, const std::string& file, const GpuSpec& gpu, std::size_t gpu_index,
                  std::vector<ProcessSpec>& out) {
  item.expect_map({"id", "pid", "spawn", "copies", "command", "type", "memory", "sm", "encoder", "decoder", "instance",
                   "compute", "start", "end", "every", "pod", "container"});
  ProcessSpec process;
  bool spawn = false;
  read_flag(item, "spawn", spawn);
  const auto pid = item.find("pid");
  if (spawn == pid.has_value()) item.refuse("either pid: NUMBER or spawn: true in a process");
  if (pid) process.pid = static_cast<unsigned>(pid->whole(1, 4194304));
  process.id = fmt::format("gpu{}-process{}", gpu_index, out.size());
  read_text(item, "id", process.id);
  if (process.id.find_first_of(" \t\n") != std::string::npos) item.at("id").refuse("an id without blanks");
  process.command = "python3";
  read_text(item, "command", process.command);
  if (const auto type = item.find("type")) {
    const std::string word = type->one_of({"C", "G", "C+G", "MPS"});
    process.type = word == "C"     ? ProcessType::Compute
                   : word == "G"   ? ProcessType::Graphics
                   : word == "MPS" ? ProcessType::Mps
                                   : ProcessType::ComputeAndGraphics;
  }
  const auto memory = item.find("memory");
  if (!memory)
    process.memory = 0;
  else if (memory->is_map() || memory->text() != "hidden")
    process.memory = memory->bytes();
  process.sm = read_load(item, "sm", file);
  read_number(item, "encoder", 0, 100, process.encoder);
  read_number(item, "decoder", 0, 100, process.decoder);
  if (const auto instance = item.find("instance")) {
    if (gpu.layout.empty()) instance->refuse("no instance (this GPU has no MIG layout)");
    process.instance = instance->whole(0, gpu.layout.size() - 1);
    const std::size_t computes = gpu.layout[*process.instance].compute.size();
    if (computes == 0) instance->refuse("an instance with a compute instance");
    if (const auto compute = item.find("compute")) process.compute = compute->whole(0, computes - 1);
  } else if (gpu.mig) {
    item.refuse("instance: INDEX (this GPU is in MIG mode) in a process");
  }
  process.window = read_window(item);
  read_text(item, "pod", process.pod);
  read_text(item, "container", process.container);
  std::uint64_t copies = 1;
  if (const auto value = item.find("copies")) copies = value->whole(1, kMaxProcesses);
  if (out.size() + copies > kMaxProcesses) item.refuse(fmt::format("at most {} processes on a GPU", kMaxProcesses));
  for (std::uint64_t copy = 0; copy < copies; ++copy) {
    out.push_back(process);
    if (pid) out.back().pid += static_cast<unsigned>(copy);
    if (copies > 1) out.back().id += fmt::format("-{}", copy);
  }
}

void read_gpu(const Yaml& item, const std::string& file, std::uint64_t seed, NodeSpec& node) {
  item.expect_map({"model", "count", "name", "uuid", "serial", "minor", "mig", "load", "activity", "pcie", "nvlink",
                   "temperature", "unattributed", "processes"});
  GpuSpec gpu;
  const Yaml model = item.at("model");
  gpu.model = find_model(model.text());
  if (!gpu.model) {
    std::vector<std::string_view> keys;
    for (const Model& known : models()) keys.push_back(known.key);
    model.refuse(fmt::format("one of {}", fmt::join(keys, ", ")));
  }
  gpu.name = gpu.model->name;
  read_text(item, "name", gpu.name);
  if (gpu.name.size() > 95) item.at("name").refuse("a name of at most 95 bytes");
  if (const auto mig = item.find("mig")) {
    mig->expect_map({"enabled", "layout"});
    gpu.mig = true;
    read_flag(*mig, "enabled", gpu.mig);
    if (!gpu.model->mig) mig->refuse(fmt::format("no MIG ({} is not capable of it)", gpu.model->key));
    if (const auto layout = mig->find("layout")) {
      if (!gpu.mig) layout->refuse("no layout while MIG is disabled");
      read_layout(*layout, *gpu.model->mig, file, gpu.layout);
    }
  }
  gpu.load = read_load(item, "load", file);
  gpu.activity = read_activity(item);
  gpu.pcie = read_traffic(item, "pcie", gpu.pcie);
  gpu.nvlink = read_traffic(item, "nvlink", gpu.nvlink);
  if (const auto temperature = item.find("temperature")) gpu.temperature = temperature->number(-40, 120);
  if (const auto bytes = item.find("unattributed")) gpu.unattributed = bytes->bytes();
  std::uint64_t count = 1;
  if (const auto value = item.find("count")) count = value->whole(1, kMaxGpus);
  if (count > 1)
    for (const char* own : {"uuid", "serial", "minor"})
      if (const auto value = item.find(own)) value->refuse("no identity beside count (each GPU derives its own)");
  for (std::uint64_t copy = 0; copy < count; ++copy) {
    if (node.gpus.size() >= kMaxGpus) item.refuse(fmt::format("at most {} GPUs on a node", kMaxGpus));
    const std::size_t index = node.gpus.size();
    GpuSpec one = gpu;
    one.minor = static_cast<unsigned>(index);
    const std::uint64_t identity = hash_text(fmt::format("{}/gpu{}", node.name, index), seed);
    one.uuid = "GPU-" + random_uuid(identity);
    one.serial = fmt::format("165{:010}", identity % 10000000000ULL);
    read_text(item, "uuid", one.uuid);
    read_text(item, "serial", one.serial);
    if (const auto minor = item.find("minor")) one.minor = static_cast<unsigned>(minor->whole(0, 255));
    if (!one.uuid.starts_with("GPU-") || one.uuid.size() != 40) item.at("uuid").refuse("GPU- and 36 characters");
    if (one.serial.size() > 29) item.at("serial").refuse("at most 29 characters");
    if (const auto processes = item.find("processes"))
      processes->each(kMaxProcesses,
                      [&](const Yaml& process) { read_process(process, file, one, index, one.processes); });
    node.gpus.push_back(std::move(one));
  }
}

void read_driver(const Yaml& map, DriverSpec& driver) {
  map.expect_map({"version", "cuda", "generation", "unprivileged", "quirks", "drop_symbols"});
  read_text(map, "version", driver.version);
  if (driver.version.size() > 40 || driver.version.find_first_not_of("0123456789.") != std::string::npos)
    map.at("version").refuse("a version such as 550.54.15");
  if (const auto cuda = map.find("cuda")) {  // 12.4 is 12040
    const auto tenths = static_cast<unsigned>(std::lround(cuda->number(1, 99) * 10));
    driver.cuda = tenths / 10 * 1000 + tenths % 10 * 10;
  }
  if (const auto generation = map.find("generation"))
    driver.generation = generation->one_of({"r470", "r510", "r535", "r550", "r580", "current"});
  read_flag(map, "unprivileged", driver.unprivileged);
  if (const auto quirks = map.find("quirks"))
    quirks->each(16, [&](const Yaml& item) {
      const std::string word = item.one_of({"stride32", "memory_temperature_double", "pcie_wrap32", "legacy_mig_uuid"});
      (word == "stride32"          ? driver.stride32
       : word == "pcie_wrap32"     ? driver.pcie_wrap32
       : word == "legacy_mig_uuid" ? driver.legacy_mig_uuid
                                   : driver.memory_temperature_double) = true;
    });
  if (const auto drop = map.find("drop_symbols"))
    drop->each(500, [&](const Yaml& item) {
      driver.drop_symbols.push_back(item.text());
      if (!driver.drop_symbols.back().starts_with("nvml")) item.refuse("a symbol that starts with nvml");
    });
}

void read_node(const Yaml& item, const std::string& file, Scenario& scenario) {
  item.expect_map({"name", "driver", "cgroup", "gpus", "pods"});
  NodeSpec node;
  node.name = fmt::format("node-{:02}", scenario.nodes.size());
  read_text(item, "name", node.name);
  if (!is_kubernetes_name(node.name) || node.name.starts_with('.'))
    item.at("name").refuse("a node name (a-z, 0-9, '-', '.')");
  if (scenario.node(node.name) && !scenario.nodes.empty())
    for (const NodeSpec& other : scenario.nodes)
      if (other.name == node.name) item.refuse(fmt::format("a node name other than '{}', which is taken,", node.name));
  if (const auto driver = item.find("driver")) read_driver(*driver, node.driver);
  if (const auto cgroup = item.find("cgroup")) {
    cgroup->expect_map({"version", "driver"});
    if (const auto version = cgroup->find("version")) node.cgroup_version = version->one_of({"1", "2", "hybrid"});
    if (const auto driver = cgroup->find("driver")) node.cgroup_driver = driver->one_of({"systemd", "cgroupfs"});
  }
  if (const auto gpus = item.find("gpus"))
    gpus->each(kMaxGpus, [&](const Yaml& gpu) { read_gpu(gpu, file, scenario.seed, node); });
  if (const auto pods = item.find("pods"))
    pods->each(kMaxPods, [&](const Yaml& pod) { read_pod(pod, scenario.seed, node); });
  connect_processes(item, node);
  scenario.nodes.push_back(std::move(node));
}

}  // namespace

const NodeSpec* Scenario::node(std::string_view name) const {
  if (name.empty()) return nodes.empty() ? nullptr : &nodes.front();
  const auto found = std::ranges::find(nodes, name, &NodeSpec::name);
  return found == nodes.end() ? nullptr : &*found;
}

Outcome<Scenario> parse_scenario(std::string_view text, const std::string& file) {
  try {
    const Yaml root = Yaml::load(text, file);
    root.expect_map({"seed", "nodes"});
    Scenario scenario;
    scenario.hash = hash_text(text);
    if (const auto seed = root.find("seed")) scenario.seed = seed->whole(0, UINT64_MAX);
    const Yaml nodes = root.at("nodes");
    nodes.each(kMaxNodes, [&](const Yaml& node) { read_node(node, file, scenario); });
    if (scenario.nodes.empty()) nodes.refuse("at least one node");
    return scenario;
  } catch (const ScenarioError& error) {
    return Failure{error.what()};
  }
}

Outcome<Scenario> load_scenario(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return Failure{fmt::format("scenario {}: cannot be opened", file)};
  std::ostringstream text;
  text << in.rdbuf();
  return parse_scenario(text.str(), file);
}

}  // namespace tessera::sim
