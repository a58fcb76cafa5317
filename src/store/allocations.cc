#include "store/allocations.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.h"

namespace tessera::store {
namespace {

constexpr std::string_view kWhole = "-", kMade = "made", kFound = "found";

Result<void> forget_claims(Database& database, const std::string& id) {
  TRY(database.run("DELETE FROM promised_slice WHERE allocation = ?", {id}));
  TRY(database.run("DELETE FROM allocated_pod WHERE allocation = ?", {id}));
  return {};
}

fleet::PodAllocation read(const Row& row) {
  fleet::PodAllocation out;
  out.id = row.text(0);
  out.cluster = row.text(1);
  out.space = row.text(2);
  out.pod = row.text(3);
  out.request = row.text(4);
  out.team = row.text(5);
  out.priority = row.integer(6).value_or(0);
  out.waits = row.integer(7).value_or(0) != 0;
  out.lease = Milliseconds(row.integer(8).value_or(0));
  out.asked_by = row.text(9);
  out.asked_at = row.integer(10).value_or(0);
  // What a later version may have written is nothing that this one acts on.
  out.state = fleet::allocation_state_named(row.text(11)).value_or(fleet::AllocationState::Released);
  out.why = row.text(12);
  out.who = row.text(13);
  out.since = row.integer(14).value_or(0);
  out.parts = read_parts(row.text(15));
  out.ready_since = row.integer(16);
  out.expires = row.integer(17);
  out.pod_uid = row.text(18);
  out.decision = row.text(19);
  return out;
}

/// A profile; kWhole; of a replica of a shared device, what a pod asks for and how many there are.
std::string kind_text(const fleet::PromisedPart& of) {
  if (of.replicas > 0) return fmt::format("{}:{}", of.resource, of.replicas);
  return of.profile.empty() ? std::string(kWhole) : of.profile;
}

bool read_kind(std::string_view text, fleet::PromisedPart& into) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) {
    into.profile = text == kWhole ? "" : text;
    return true;
  }
  const auto replicas = parse_int(text.substr(colon + 1));
  if (!replicas || *replicas <= 0) return false;
  into.resource = text.substr(0, colon);
  into.replicas = static_cast<unsigned>(*replicas);
  return true;
}

/// What has its name is there already, and is the same.
Result<void> put_mix(Database& database, const SceneMix& mix) {
  const Value values[] = {mix.name};
  bool is_there = false;
  TRY(database.each("SELECT name FROM allocation_mix WHERE name = ?", values, [&](const Row&) { is_there = true; }));
  if (is_there) return {};
  return database.run("INSERT INTO allocation_mix VALUES (?, ?)", {mix.name, mix.text});
}

}  // namespace

std::string parts_text(const std::vector<fleet::PromisedPart>& parts) {
  std::vector<std::string> out;
  for (const fleet::PromisedPart& one : parts)
    out.push_back(fmt::format("{} {} {} {}+{} {}", one.node, one.device_uuid, kind_text(one), one.placement.start,
                              one.placement.size, one.made ? kMade : kFound));
  return fmt::format("{}", fmt::join(out, "|"));
}

std::vector<fleet::PromisedPart> read_parts(std::string_view text) {
  std::vector<fleet::PromisedPart> out;
  if (text.empty()) return out;
  for (const std::string_view one : split(text, '|')) {
    const auto words = split(one, ' ');
    const auto place = words.size() == 5 ? split(words[3], '+') : std::vector<std::string_view>();
    if (place.size() != 2) continue;
    const auto start = parse_int(place[0]), size = parse_int(place[1]);
    if (!start || !size || *start < 0 || *size <= 0) continue;
    fleet::PromisedPart part{std::string(words[0]),
                             std::string(words[1]),
                             {},
                             {static_cast<unsigned>(*start), static_cast<unsigned>(*size)},
                             words[4] == kMade};
    if (read_kind(words[2], part)) out.push_back(std::move(part));
  }
  return out;
}

Result<std::vector<fleet::PodAllocation>> allocations(Database& database) {
  std::vector<fleet::PodAllocation> out;
  TRY(database.each(
      "SELECT id, cluster, namespace, pod, request, team, priority, waits, lease, asked_by, asked_at, state, why, who, "
      "since, parts, ready_since, expires, pod_uid, decision FROM allocation ORDER BY id",
      {}, [&](const Row& row) { out.push_back(read(row)); }));
  return out;
}

Result<void> put_allocation(Database& database, const fleet::PodAllocation& one) {
  TRY(forget_claims(database, one.id));
  TRY(database.run("DELETE FROM allocation WHERE id = ?", {one.id}));
  TRY(database.run("INSERT INTO allocation VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                   {one.id,
                    one.cluster,
                    one.space,
                    one.pod,
                    one.request,
                    one.team,
                    one.priority,
                    std::int64_t{one.waits ? 1 : 0},
                    one.lease.count(),
                    one.asked_by,
                    one.asked_at,
                    std::string(fleet::allocation_state_name(one.state)),
                    one.why,
                    one.who,
                    one.since,
                    parts_text(one.parts),
                    value_or_null(one.ready_since),
                    value_or_null(one.expires),
                    one.pod_uid,
                    one.decision}));
  if (fleet::is_over(one.state)) return {};
  TRY(database.run("INSERT INTO allocated_pod VALUES (?, ?, ?, ?)", {one.cluster, one.space, one.pod, one.id}));
  for (const fleet::PromisedPart& part : one.parts)
    for (unsigned i = 0; i < part.placement.size; ++i)
      TRY(database.run("INSERT INTO promised_slice VALUES (?, ?, ?, ?)",
                       {one.cluster, part.device_uuid, std::int64_t{part.placement.start + i}, one.id}));
  return {};
}

Result<void> put_scene(Database& database, const KeptScene& one) {
  TRY(database.run("DELETE FROM allocation_scene WHERE allocation = ?", {one.allocation}));
  if (one.text.empty()) return {};
  if (one.mix) TRY(put_mix(database, *one.mix));
  return database.run("INSERT INTO allocation_scene VALUES (?, ?, ?)",
                      {one.allocation, one.text, one.mix ? one.mix->name : std::string()});
}

Result<std::optional<KeptScene>> scene_of(Database& database, const std::string& allocation) {
  const Value values[] = {allocation};
  std::optional<KeptScene> out;
  TRY(
      database.each("SELECT s.scene, s.mix, m.mix FROM allocation_scene s LEFT JOIN allocation_mix m ON m.name = s.mix "
                    "WHERE s.allocation = ?",
                    values, [&](const Row& row) {
                      out = {allocation, row.text(0), nullptr};
                      const std::string name = row.text(1);
                      if (!name.empty()) out->mix = std::make_shared<const SceneMix>(SceneMix{name, row.text(2)});
                    }));
  return out;
}

Result<void> drop_allocations(Database& database, const std::vector<std::string>& ids) {
  for (const std::string& id : ids) {
    TRY(database.run("DELETE FROM allocation WHERE id = ? AND state IN ('ended', 'expired', 'released')", {id}));
    TRY(database.run(
        "DELETE FROM allocation_scene WHERE allocation = ? AND NOT EXISTS (SELECT id FROM allocation WHERE id = ?)",
        {id, id}));
  }
  return database.run(
      "DELETE FROM allocation_mix WHERE NOT EXISTS (SELECT 1 FROM allocation_scene s WHERE s.mix = "
      "allocation_mix.name)");
}

}  // namespace tessera::store
