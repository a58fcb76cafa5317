#include "store/devices.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

namespace tessera::store {
namespace {

template <class T>
std::optional<T> as(std::optional<std::int64_t> value) {
  return value ? std::optional(static_cast<T>(*value)) : std::nullopt;
}

constexpr std::string_view kSeen =
    "SELECT cluster, device_uuid, node, device_index, name, pci_bus_id, serial, architecture, compute_capability, "
    "driver_version, mig_enabled, compute_slices, sm_count, memory_bytes, first_seen, last_seen FROM device_seen";

fleet::Remembered read_device(const Row& row) {
  fleet::Remembered one;
  fleet::DeviceFacts facts;
  one.cluster = row.text(0);
  facts.uuid = row.text(1);
  one.node = row.text(2);
  facts.index = static_cast<unsigned>(row.integer(3).value_or(0));
  facts.name = row.text(4);
  facts.pci_bus_id = row.text(5);
  facts.serial = row.text(6);
  facts.architecture = row.text(7);
  facts.compute_capability = row.text(8);
  facts.driver_version = row.text(9);
  if (const auto mig = row.integer(10)) facts.mig_enabled = *mig != 0;
  facts.compute_slices = as<unsigned>(row.integer(11));
  facts.sm_count = as<unsigned>(row.integer(12));
  facts.memory_bytes = as<std::uint64_t>(row.integer(13));
  one.device.first_seen = row.integer(14).value_or(0);
  one.device.last_seen = row.integer(15).value_or(0);
  one.device.facts = std::make_shared<const fleet::DeviceFacts>(std::move(facts));
  return one;
}

}  // namespace

Result<void> write_device(Database& database, const fleet::Remembered& one) {
  const fleet::DeviceFacts& facts = *one.device.facts;
  return database.run(
      "INSERT INTO device_seen (cluster, device_uuid, node, device_index, name, pci_bus_id, serial, architecture, "
      "compute_capability, driver_version, mig_enabled, compute_slices, sm_count, memory_bytes, first_seen, last_seen) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (cluster, device_uuid) DO UPDATE SET "
      "node = excluded.node, device_index = excluded.device_index, name = excluded.name, pci_bus_id = "
      "excluded.pci_bus_id, serial = excluded.serial, architecture = excluded.architecture, compute_capability = "
      "excluded.compute_capability, driver_version = excluded.driver_version, mig_enabled = excluded.mig_enabled, "
      "compute_slices = excluded.compute_slices, sm_count = excluded.sm_count, memory_bytes = excluded.memory_bytes, "
      "last_seen = excluded.last_seen",
      {one.cluster, facts.uuid, one.node, std::int64_t{facts.index}, facts.name, facts.pci_bus_id, facts.serial,
       facts.architecture, facts.compute_capability, facts.driver_version, value_or_null(facts.mig_enabled),
       value_or_null(facts.compute_slices), value_or_null(facts.sm_count), value_or_null(facts.memory_bytes),
       one.device.first_seen, one.device.last_seen});
}

Result<void> each_device_seen(Database& database, const std::function<void(fleet::Remembered)>& take) {
  return database.each(kSeen, {}, [&](const Row& row) { take(read_device(row)); });
}

Result<std::optional<EpochMs>> first_device_seen(Database& database) {
  std::optional<EpochMs> out;
  TRY(database.each("SELECT MIN(first_seen) FROM device_seen", {}, [&](const Row& row) { out = row.integer(0); }));
  return out;
}

Result<std::vector<fleet::Remembered>> devices_seen(Database& database, std::string_view device_uuid) {
  std::vector<fleet::Remembered> out;
  const Value uuid = std::string(device_uuid);
  TRY(database.each(fmt::format("{} WHERE device_uuid = ? ORDER BY cluster", kSeen), {&uuid, 1},
                    [&](const Row& row) { out.push_back(read_device(row)); }));
  return out;
}

Result<std::vector<fleet::Remembered>> remembered_devices(Database& database) {
  std::vector<fleet::Remembered> out;
  std::map<std::pair<std::string, std::string>, std::size_t> places;
  TRY(each_device_seen(database, [&](fleet::Remembered one) {
    places[{one.cluster, one.device.facts->uuid}] = out.size();
    out.push_back(std::move(one));
  }));
  TRY(database.each(
      "SELECT l.cluster, l.device_uuid, l.layout FROM device_layout l JOIN (SELECT cluster, device_uuid, MAX(began) AS "
      "began FROM device_layout GROUP BY cluster, device_uuid) newest ON newest.cluster = l.cluster AND "
      "newest.device_uuid = l.device_uuid AND newest.began = l.began",
      {}, [&](const Row& row) {
        const auto place = places.find({row.text(0), row.text(1)});
        if (place == places.end()) return;
        fleet::Device& device = out[place->second].device;
        fleet::LayoutSeen layout;
        fleet::read_layout(row.text(2), layout);
        for (auto& [part, facts] : layout.instances) {
          fleet::Instance& instance = fleet::instance_at(device, part, device.last_seen);
          instance.facts = std::move(facts);
        }
      }));
  return out;
}

Result<void> write_layout(Database& database, const fleet::LayoutSeen& seen) {
  std::string text = fleet::layout_text(seen);
  std::optional<std::string> last;
  EpochMs began = 0;
  TRY(
      database.each("SELECT layout, began FROM device_layout WHERE cluster = ? AND device_uuid = ? ORDER BY began DESC "
                    "LIMIT 1",
                    std::vector<Value>{seen.cluster, seen.device_uuid}, [&](const Row& row) {
                      last = row.text(0);
                      began = row.integer(1).value_or(0);
                    }));
  if (last && (*last == text || seen.time <= began)) return {};
  return database.run("INSERT INTO device_layout VALUES (?, ?, ?, ?)",
                      {seen.cluster, seen.device_uuid, seen.time, std::move(text)});
}

Result<std::vector<LayoutInterval>> layouts_of(Database& database, std::string_view cluster,
                                               std::string_view device_uuid, EpochMs from, EpochMs to) {
  std::vector<LayoutInterval> out;
  TRY(database.each(
      "SELECT began, layout FROM device_layout WHERE cluster = ? AND device_uuid = ? AND began < ? ORDER BY began",
      std::vector<Value>{std::string(cluster), std::string(device_uuid), to}, [&](const Row& row) {
        LayoutInterval one;
        one.began = one.layout.time = row.integer(0).value_or(0);
        one.layout.cluster = cluster;
        one.layout.device_uuid = device_uuid;
        fleet::read_layout(row.text(1), one.layout);
        if (!out.empty()) out.back().ended = one.began;
        if (!out.empty() && *out.back().ended <= from) out.pop_back();
        out.push_back(std::move(one));
      }));
  if (out.empty()) return out;
  TRY(database.each("SELECT MIN(began) FROM device_layout WHERE cluster = ? AND device_uuid = ? AND began > ?",
                    std::vector<Value>{std::string(cluster), std::string(device_uuid), out.back().began},
                    [&](const Row& row) { out.back().ended = row.integer(0); }));
  return out;
}

Result<void> drop_old_devices(Database& database, EpochMs time) {
  TRY(database.run("DELETE FROM device_seen WHERE last_seen < ?", {time}));
  // A younger one may be of a device that is not remembered yet.
  TRY(
      database.run("DELETE FROM device_layout WHERE began < ? AND NOT EXISTS (SELECT 1 FROM device_seen s WHERE "
                   "s.cluster = device_layout.cluster AND s.device_uuid = device_layout.device_uuid)",
                   {time}));
  return database.run(
      "DELETE FROM device_layout WHERE began < ? AND began < (SELECT MAX(newer.began) FROM device_layout newer WHERE "
      "newer.cluster = device_layout.cluster AND newer.device_uuid = device_layout.device_uuid AND newer.began <= ?)",
      {time, time});
}

}  // namespace tessera::store
