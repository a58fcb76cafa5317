#include "store/counted.h"

#include <memory>
#include <string_view>
#include <utility>

namespace tessera::store {

Result<std::vector<fleet::CountedBefore>> counted_usage(Database& database) {
  // An instance that was there under several profiles is one subject for whoever counts.
  constexpr std::string_view kAll =
      "SELECT s.cluster, s.device_uuid, s.gpu_instance, c.compute_instance, c.what, MAX(c.counted_until), c.owner, "
      "w.namespace, w.pod, w.pod_uid FROM usage_counted c JOIN usage_subject s ON s.id = c.subject LEFT JOIN "
      "usage_owner w ON w.id = c.owner GROUP BY s.cluster, s.device_uuid, s.gpu_instance, c.compute_instance, c.what, "
      "c.owner, w.namespace, w.pod, w.pod_uid";
  std::vector<fleet::CountedBefore> out;
  TRY(database.each(kAll, {}, [&](const Row& row) {
    const auto number = [&](std::size_t column) {
      const auto value = row.integer(column);
      return value && *value >= 0 ? std::optional(static_cast<unsigned>(*value)) : std::nullopt;
    };
    fleet::CountedBefore one{row.text(0), row.text(1), number(2), {}};
    one.counted.compute_instance = number(3);
    one.counted.what = static_cast<std::uint8_t>(row.integer(4).value_or(0));
    one.counted.until = row.integer(5).value_or(0);
    if (row.integer(6) != 0)
      one.counted.owner =
          std::make_shared<const fleet::Workload>(fleet::Workload{row.text(7), row.text(8), "", row.text(9)});
    out.push_back(std::move(one));
  }));
  return out;
}

Result<void> drop_counted_before(Database& database, EpochMs time) {
  return database.run("DELETE FROM usage_counted WHERE counted_until < ?", {time});
}

}  // namespace tessera::store
