#include "store/wanted_layouts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.h"

namespace tessera::store {
namespace {

// Rows of layout_generation.
constexpr std::int64_t kGenerations = 1;  // the last that was given
constexpr std::int64_t kEpochsAhead = 2;  // there once something was skipped

Result<std::int64_t> last_of(Database& database, std::int64_t row_id) {
  std::int64_t out = 0;
  TRY(database.each("SELECT last FROM layout_generation WHERE id = ?", std::vector<Value>{row_id},
                    [&](const Row& row) { out = row.integer(0).value_or(0); }));
  return out;
}

}  // namespace

std::string instances_text(const std::vector<WantedInstance>& instances) {
  std::vector<std::string> out;
  for (const WantedInstance& one : instances)
    out.push_back(fmt::format("{} {}+{}", one.profile, one.placement.start, one.placement.size));
  return fmt::format("{}", fmt::join(out, "|"));
}

std::vector<WantedInstance> read_instances(std::string_view text) {
  std::vector<WantedInstance> out;
  if (text.empty()) return out;
  for (const std::string_view one : split(text, '|')) {
    const auto words = split(one, ' ');
    const auto place = words.size() == 2 ? split(words[1], '+') : std::vector<std::string_view>();
    if (place.size() != 2) continue;
    const auto start = parse_int(place[0]), size = parse_int(place[1]);
    if (start && size && *start >= 0 && *size > 0)
      out.push_back({std::string(words[0]), {static_cast<unsigned>(*start), static_cast<unsigned>(*size)}});
  }
  return out;
}

Result<std::vector<WantedLayout>> wanted_layouts(Database& database) {
  std::vector<WantedLayout> out;
  TRY(database.each(
      "SELECT cluster, device_uuid, node, generation, instances, planned_from, wanted_by, wanted_since FROM "
      "wanted_layout ORDER BY cluster, device_uuid",
      {}, [&](const Row& row) {
        out.push_back({row.text(0), row.text(1), row.text(2), row.integer(3).value_or(0), read_instances(row.text(4)),
                       read_instances(row.text(5)), row.text(6), row.integer(7).value_or(0)});
      }));
  return out;
}

Result<std::int64_t> last_layout_generation(Database& database) { return last_of(database, kGenerations); }

Result<std::int64_t> layout_epochs_ahead(Database& database) { return last_of(database, kEpochsAhead); }

Result<void> skip_layout_numbers(Database& database, std::int64_t generation, std::int64_t epochs) {
  TRY(database.run("UPDATE layout_generation SET last = ? WHERE id = ? AND last < ?",
                   {generation, kGenerations, generation}));
  if (epochs == 0) return {};
  return database.run(
      "INSERT INTO layout_generation VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET last = layout_generation.last + "
      "excluded.last",
      {kEpochsAhead, epochs});
}

Result<std::int64_t> want_layout(Database& database, const WantedLayout& layout) {
  TRY(database.run("UPDATE layout_generation SET last = last + 1 WHERE id = 1"));
  const std::int64_t generation = TRY(last_layout_generation(database));
  TRY(forget_wanted_layout(database, layout.cluster, layout.device_uuid));
  TRY(database.run("INSERT INTO wanted_layout VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                   {layout.cluster, layout.device_uuid, layout.node, generation, instances_text(layout.instances),
                    instances_text(layout.planned_from), layout.wanted_by, layout.wanted_since}));
  return generation;
}

Result<void> settle_wanted_layout(Database& database, const WantedLayout& layout) {
  return database.run(
      "UPDATE wanted_layout SET planned_from = '' WHERE cluster = ? AND device_uuid = ? AND generation = ?",
      {layout.cluster, layout.device_uuid, layout.generation});
}

Result<bool> forget_wanted_layout(Database& database, std::string_view cluster, std::string_view device_uuid) {
  bool there = false;
  const std::vector<Value> key = {std::string(cluster), std::string(device_uuid)};
  TRY(database.each("SELECT generation FROM wanted_layout WHERE cluster = ? AND device_uuid = ?", key,
                    [&](const Row&) { there = true; }));
  if (there) TRY(database.run("DELETE FROM wanted_layout WHERE cluster = ? AND device_uuid = ?", key));
  return there;
}

}  // namespace tessera::store
