#include "bench/placement/trace.h"

#include <algorithm>

#include "base/text.h"

namespace tessera::bench {
namespace {

using namespace fleet::placement;

/// The lines of a table below its header, and where they have what.
class Table {
 public:
  Table(std::string_view kind, std::string_view text) : kind_(kind), lines_(split(text, '\n')) {
    if (!lines_.empty()) header_ = split(trim(lines_[0]), ',');
  }

  bool has(std::string_view column) const { return std::ranges::find(header_, column) != header_.end(); }

  /// False at the end; blank lines are passed over.
  bool next() {
    while (++line_ < lines_.size()) {
      if (trim(lines_[line_]).empty()) continue;
      cells_ = split(trim(lines_[line_]), ',');
      return true;
    }
    return false;
  }

  Result<std::string_view> text(std::string_view column) const {
    const auto at = static_cast<std::size_t>(std::ranges::find(header_, column) - header_.begin());
    if (at == header_.size()) return fail(Code::Invalid, "table of {}: no column '{}' in its header", kind_, column);
    if (at >= cells_.size())
      return fail(Code::Invalid, "table of {}, line {}: it ends before column '{}'", kind_, line_ + 1, column);
    return cells_[at];
  }

  Result<std::int64_t> number(std::string_view column, std::int64_t most) const {
    const std::string_view cell = TRY(text(column));
    const auto value = parse_int(cell);
    if (!value || *value < 0 || *value > most)
      return fail(Code::Invalid, "table of {}, line {}, column {}: '{}': a whole number from 0 to {} expected", kind_,
                  line_ + 1, column, cell, most);
    return *value;
  }

 private:
  std::string_view kind_;
  std::vector<std::string_view> lines_, header_, cells_;
  std::size_t line_ = 0;
};

constexpr std::int64_t kMost = 1'000'000'000;

Result<Room> read_node(const Table& table, ModelNumbers& models) {
  Room room;
  room.cpu_milli = TRY(table.number("cpu_milli", kMost));
  room.memory_mib = TRY(table.number("memory_mib", kMost));
  room.devices = static_cast<std::uint8_t>(TRY(table.number("gpu", kMaxDevices)));
  const std::uint8_t model = TRY(models.number(TRY(table.text("model"))));
  for (unsigned i = 0; i < room.devices; ++i) {
    room.model[i] = model;
    room.milli[i] = kWholeMilli;
  }
  return room;
}

Result<Models> read_models(std::string_view spec, ModelNumbers& models) {
  if (spec.empty()) return kAnyModel;
  Models set = 0;
  for (const std::string_view name : split(spec, '|')) set |= Models{1} << TRY(models.number(name));
  return set;
}

Result<std::optional<std::int64_t>> read_time(const Table& table, std::string_view column) {
  using Time = std::optional<std::int64_t>;
  if (!table.has(column) || TRY(table.text(column)).empty()) return Time{};
  return Time{TRY(table.number(column, kMost))};
}

Result<Pod> read_pod(const Table& table, ModelNumbers& models) {
  Pod pod;
  pod.name = TRY(table.text("name"));
  pod.request.cpu_milli = TRY(table.number("cpu_milli", kMost));
  pod.request.memory_mib = TRY(table.number("memory_mib", kMost));
  pod.request.devices = static_cast<unsigned>(TRY(table.number("num_gpu", kMaxDevices)));
  if (pod.request.devices > 0) {
    pod.request.device_milli = static_cast<unsigned>(TRY(table.number("gpu_milli", kWholeMilli)));
    if (table.has("gpu_spec")) pod.request.models = TRY(read_models(TRY(table.text("gpu_spec")), models));
  }
  pod.created_s = TRY(read_time(table, "creation_time"));
  pod.deleted_s = TRY(read_time(table, "deletion_time"));
  if (const auto checked = check(pod.request); !checked)
    return fail(Code::Invalid, "table of pods, {}: {}", pod.name, checked.error().what);
  return pod;
}

Result<std::vector<Pod>> pods_of(std::string_view text, ModelNumbers& models) {
  std::vector<Pod> pods;
  for (Table table("pods", text); table.next();) pods.push_back(TRY(read_pod(table, models)));
  if (pods.empty()) return fail(Code::Invalid, "table of pods: there is none");
  return pods;
}

}  // namespace

Result<std::vector<Pod>> read_pods(std::string_view pods) {
  ModelNumbers models;
  return pods_of(pods, models);
}

Result<Trace> read_trace(std::string_view nodes, std::string_view pods) {
  Trace trace;
  ModelNumbers models;
  for (Table table("nodes", nodes); table.next();) {
    trace.nodes.push_back(TRY(read_node(table, models)));
    trace.capacity_milli += trace.nodes.back().free_milli();
  }
  trace.pods = TRY(pods_of(pods, models));
  if (trace.capacity_milli == 0) return fail(Code::Invalid, "table of nodes: no node has a GPU");
  return trace;
}

}  // namespace tessera::bench
