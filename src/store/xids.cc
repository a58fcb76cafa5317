#include "store/xids.h"

#include <fmt/ranges.h>

#include <string>

namespace tessera::store {

Result<void> write_xids(Database& database, std::span<const fleet::XidsSeen> seen) {
  for (const fleet::XidsSeen& one : seen)
    TRY(database.run(
        "INSERT INTO device_xid VALUES (?, ?, ?, ?, ?) ON CONFLICT (cluster, device_uuid, seen, code) DO "
        "NOTHING",
        {one.cluster, one.device_uuid, one.time, std::int64_t{one.code}, static_cast<std::int64_t>(one.events)}));
  return {};
}

Result<std::vector<fleet::XidsSeen>> xids_of(Database& database, std::string_view cluster, std::string_view device_uuid,
                                             EpochMs from, EpochMs to, std::size_t most,
                                             const std::optional<std::vector<unsigned>>& codes) {
  const std::string sql = fmt::format(
      "SELECT seen, code, events FROM device_xid WHERE cluster = ? AND device_uuid = ? AND seen >= ? AND seen < ?{} "
      "ORDER BY seen DESC, code LIMIT ?",
      codes ? fmt::format(" AND code IN ({})", fmt::join(*codes, ", ")) : std::string());
  const std::vector<Value> values = {std::string(cluster), std::string(device_uuid), from, to,
                                     static_cast<std::int64_t>(most)};
  std::vector<fleet::XidsSeen> out;
  TRY(database.each(sql, values, [&](const Row& row) {
    out.push_back({std::string(cluster), std::string(device_uuid), static_cast<unsigned>(row.integer(1).value_or(0)),
                   row.integer(0).value_or(0), static_cast<std::uint64_t>(row.integer(2).value_or(0))});
  }));
  return out;
}

Result<std::vector<fleet::XidsSeen>> xids_since(Database& database, EpochMs from) {
  std::vector<fleet::XidsSeen> out;
  const std::vector<Value> values = {from};
  TRY(database.each(
      "SELECT cluster, device_uuid, code, seen, events FROM device_xid WHERE seen >= ?", values, [&](const Row& row) {
        out.push_back({row.text(0), row.text(1), static_cast<unsigned>(row.integer(2).value_or(0)),
                       row.integer(3).value_or(0), static_cast<std::uint64_t>(row.integer(4).value_or(0))});
      }));
  return out;
}

Result<void> drop_xids_before(Database& database, EpochMs time) {
  return database.run("DELETE FROM device_xid WHERE seen < ?", {time});
}

}  // namespace tessera::store
