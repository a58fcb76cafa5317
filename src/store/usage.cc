#include "store/usage.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <utility>

#include "fleet/cost/ledger.h"
#include "fleet/inventory/layout.h"
#include "store/cost_ledger.h"

namespace tessera::store {
namespace {

using fleet::kFieldRows;
using fleet::kFields;

constexpr std::size_t kAtOnce = 100'000;       // values on their way to the database
constexpr std::size_t kKnownOwners = 200'000;  // more than that are looked up again

constexpr EpochMs kMinute = 60'000, kDay = 24 * 60 * kMinute;
// Rows go by the month where the database has partitions, and last_told may be days behind.
constexpr EpochMs kUnnamedFor = 45 * kDay;
constexpr std::int64_t kDroppedAtOnce = 1'000;

struct Table {
  std::string_view usage;
  std::string_view owned;
  std::int64_t seconds;  ///< 0: the meter's span
};
// In the order of Resolution.
constexpr std::array<Table, kResolutions> kTables = {
    {{"usage_raw", "owned_raw", 0}, {"usage_5m", "owned_5m", 300}, {"usage_1h", "owned_1h", 3600}}};
const Table& table_of(Resolution resolution) { return kTables[static_cast<std::size_t>(resolution)]; }

/// `INSERT … ` of rows and what adds them to what is there.
struct Adding {
  std::string head;
  std::size_t columns;
  std::string tail;
};

Adding usage_statement(Resolution resolution) {
  const std::string_view table = table_of(resolution).usage;
  Adding out;
  out.columns = 4;
  std::string columns = "bucket, subject, observed_ms, owned_ms";
  out.tail = fmt::format(
      "ON CONFLICT (bucket, subject) DO UPDATE SET observed_ms = {0}.observed_ms + excluded.observed_ms, owned_ms = "
      "{0}.owned_ms + excluded.owned_ms",
      table);
  for (const fleet::FieldRow& field : kFieldRows) {
    columns += fmt::format(", {0}_sum, {0}_gap", field.column);
    out.tail += fmt::format(", {1}_sum = {0}.{1}_sum + excluded.{1}_sum, {1}_gap = {0}.{1}_gap + excluded.{1}_gap",
                            table, field.column);
    out.columns += 2;
    if (!field.has_max) continue;
    columns += fmt::format(", {}_max", field.column);
    out.tail += fmt::format(", {1}_max = GREATEST({0}.{1}_max, excluded.{1}_max)", table, field.column);
    ++out.columns;
  }
  out.head = fmt::format("INSERT INTO {} ({})", table, columns);
  return out;
}

Adding owned_statement(Resolution resolution) {
  const std::string_view table = table_of(resolution).owned;
  return {fmt::format("INSERT INTO {} (bucket, subject, owner, compute_instance, held_ms, used_ms, share_ms)", table),
          7,
          fmt::format("ON CONFLICT (bucket, subject, owner, compute_instance) DO UPDATE SET held_ms = {0}.held_ms + "
                      "excluded.held_ms, used_ms = {0}.used_ms + excluded.used_ms, share_ms = {0}.share_ms + "
                      "excluded.share_ms",
                      table)};
}

template <Adding (*kMake)(Resolution)>
const Adding& statement(Resolution resolution) {
  static const std::array<Adding, kResolutions> kAll = {kMake(Resolution::Raw), kMake(Resolution::FiveMinutes),
                                                        kMake(Resolution::Hour)};
  return kAll[static_cast<std::size_t>(resolution)];
}

void put(std::vector<Value>& into, std::int64_t value) { into.emplace_back(value); }

Result<std::int64_t> one_number(Database& database, std::string_view sql, std::span<const Value> values = {}) {
  std::int64_t out = 0;
  TRY(database.each(sql, values, [&](const Row& row) { out = row.integer(0).value_or(0); }));
  return out;
}

/// What nothing is older than.
Result<std::int64_t> first_bucket(Database& database, std::string_view table) {
  return one_number(database, fmt::format("SELECT COALESCE(MIN(bucket), 9223372036854775807) FROM {}", table));
}

std::int64_t bucket_at(EpochMs time, std::int64_t seconds) {
  const std::int64_t at = time / 1000, rest = at % seconds;
  return at - (rest < 0 ? rest + seconds : rest);
}

/// What an instance was that has gone before its usage came here: the layouts know.
Result<void> recall_instance(Database& database, const fleet::UsageSubject& of, std::string& profile,
                             std::optional<unsigned>& compute_slices) {
  const std::array<Value, 2> values = {std::string(of.cluster), std::string(of.device_uuid)};
  return database.each(
      "SELECT layout FROM device_layout WHERE cluster = ? AND device_uuid = ? ORDER BY began DESC LIMIT 20", values,
      [&](const Row& row) {
        if (!profile.empty()) return;
        fleet::LayoutSeen layout;
        fleet::read_layout(row.text(0), layout);
        for (const auto& [part, facts] : layout.instances) {
          if (part.gpu_instance != of.gpu_instance) continue;
          if (profile.empty()) profile = facts->profile;
          if (facts->compute_slices) compute_slices = compute_slices.value_or(0) + *facts->compute_slices;
        }
      });
}

/// Whether it is to be noted that one was told of: at most daily, and not of all at one time.
bool is_due(std::int64_t id, EpochMs last_told, EpochMs told) { return told - last_told > kDay + id % 1440 * kMinute; }

std::uint64_t hash_of(const fleet::UsageSubject& of) {
  const std::hash<std::string_view> hash;
  return (hash(of.cluster) * 31 + hash(of.device_uuid)) * 31 + of.gpu_instance.value_or(~0U);
}

/// The buckets of the cost ledger that may be closed already, and are not what they were.
std::vector<EpochMs> late_buckets(const fleet::Usage& usage, EpochMs now) {
  std::vector<EpochMs> out;
  const auto add = [&](EpochMs time) {
    const EpochMs bucket = fleet::cost_bucket_of(time);
    if (bucket + fleet::kCostBucket.count() + kLateAfter.count() <= now) out.push_back(bucket);
  };
  for (const fleet::SubjectUsage& row : usage.subjects) add(row.bucket);
  for (const fleet::OwnerUsage& row : usage.owners) add(row.bucket);
  std::ranges::sort(out);
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

}  // namespace

std::string_view usage_table(Resolution resolution) { return table_of(resolution).usage; }
std::string_view owned_table(Resolution resolution) { return table_of(resolution).owned; }

std::int64_t bucket_seconds(Resolution resolution, Milliseconds raw) {
  const std::int64_t seconds = table_of(resolution).seconds;
  return seconds > 0 ? seconds : raw.count() / 1000;
}

std::string totals_columns(bool summed) {
  std::string out;
  const auto add = [&](std::string column, bool is_max) {
    if (!out.empty()) out += ", ";
    // A sum of BIGINT is a NUMERIC for PostgreSQL.
    out += summed ? fmt::format("CAST({}(u.{}) AS BIGINT)", is_max ? "MAX" : "SUM", column) : "u." + column;
  };
  add("observed_ms", false);
  add("owned_ms", false);
  for (const fleet::FieldRow& field : kFieldRows) {
    add(fmt::format("{}_sum", field.column), false);
    add(fmt::format("{}_gap", field.column), false);
    if (field.has_max)
      add(fmt::format("{}_max", field.column), true);
    else
      out += ", 0";
  }
  return out;
}

fleet::Totals totals_of(const Row& row, std::size_t first) {
  const auto at = [&](std::size_t column) { return row.integer(first + column).value_or(0); };
  fleet::Totals out;
  out.observed_ms = at(0);
  out.owned_ms = at(1);
  for (std::size_t i = 0; i < kFields; ++i)
    out.fields[i] = {at(2 + i * 3), out.observed_ms - at(3 + i * 3), at(4 + i * 3)};
  return out;
}

void UsageWriter::forget() {
  subjects_.clear();
  owners_.clear();
}

Result<void> UsageWriter::know_subject(Database& database, std::uint32_t number, const fleet::UsageSubject& of,
                                       EpochMs told) {
  if (number >= subjects_.size()) subjects_.resize(number + std::size_t{1});
  Subject& known = subjects_[number];
  // An instance that has gone has no profile any longer: what was told of it before is meant.
  const bool gone = of.gpu_instance && of.profile.empty();
  const std::uint64_t whose = hash_of(of);
  if (known.id != 0 && known.whose == whose &&
      (gone ||
       (known.profile == of.profile && known.compute_slices == of.compute_slices && known.sm_count == of.sm_count))) {
    if (!is_due(known.id, known.last_told, told)) return {};
    known.last_told = told;
    return database.run("UPDATE usage_subject SET last_told = ? WHERE id = ?", {told, known.id});
  }
  std::string profile(of.profile);
  auto compute_slices = of.compute_slices;
  if (gone) TRY(recall_instance(database, of, profile, compute_slices));
  const std::int64_t instance = of.gpu_instance ? std::int64_t{*of.gpu_instance} : -1;
  const std::vector<Value> key = {std::string(of.cluster), std::string(of.device_uuid), instance, profile};
  std::int64_t id = 0;
  EpochMs last_told = 0;
  TRY(
      database.each("SELECT id, last_told FROM usage_subject WHERE cluster = ? AND device_uuid = ? AND gpu_instance = "
                    "? AND profile = ?",
                    key, [&](const Row& row) {
                      id = row.integer(0).value_or(0);
                      last_told = row.integer(1).value_or(0);
                    }));
  last_told = std::max(last_told, told);
  const Value slices = value_or_null(compute_slices), sms = value_or_null(of.sm_count);
  if (id == 0) {
    id = 1 + TRY(one_number(database, "SELECT COALESCE(MAX(id), 0) FROM usage_subject"));
    TRY(database.run("INSERT INTO usage_subject VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                     {id, key[0], key[1], key[2], key[3], slices, sms, last_told}));
  } else {
    TRY(
        database.run("UPDATE usage_subject SET compute_slices = COALESCE(?, compute_slices), sm_count = COALESCE(?, "
                     "sm_count), last_told = ? WHERE id = ?",
                     {slices, sms, last_told, id}));
  }
  known = {id, last_told, whose, std::string(of.cluster), profile, compute_slices, of.sm_count};
  return {};
}

Result<std::int64_t> UsageWriter::owner_id(Database& database, std::string_view cluster, const fleet::Workload& of,
                                           EpochMs told) {
  std::string name = fmt::format("{}/{}/{}/{}", cluster, of.space, of.pod, of.pod_uid);
  const auto known = owners_.find(name);
  if (known != owners_.end() && !is_due(known->second.id, known->second.last_told, told)) return known->second.id;
  const std::vector<Value> key = {std::string(cluster), of.space, of.pod, of.pod_uid};
  Owner owner;
  TRY(database.each(
      "SELECT id, last_told FROM usage_owner WHERE cluster = ? AND namespace = ? AND pod = ? AND pod_uid = ?", key,
      [&](const Row& row) { owner = {row.integer(0).value_or(0), row.integer(1).value_or(0)}; }));
  if (owner.id == 0) {
    owner = {1 + TRY(one_number(database, "SELECT COALESCE(MAX(id), 0) FROM usage_owner")), told};
    TRY(database.run("INSERT INTO usage_owner VALUES (?, ?, ?, ?, ?, ?)",
                     {owner.id, key[0], key[1], key[2], key[3], told}));
  } else if (is_due(owner.id, owner.last_told, told)) {
    owner.last_told = told;
    TRY(database.run("UPDATE usage_owner SET last_told = ? WHERE id = ?", {told, owner.id}));
  }
  if (owners_.size() >= kKnownOwners) owners_.clear();
  owners_.insert_or_assign(std::move(name), owner);
  return owner.id;
}

Result<bool> UsageWriter::drop_unnamed(Database& database, EpochMs now) {
  const EpochMs named =
      now - std::max({retention_.raw, retention_.five_minutes, retention_.hour}).count() - kUnnamedFor;
  for (const Table& table : kTables)
    for (const std::string_view one : {table.usage, table.owned})
      if (TRY(first_bucket(database, one)) < named / 1000) return false;  // after a long stop: these go first
  bool more = false;
  for (const std::string_view table : {"usage_subject", "usage_owner"}) {
    const auto step = [&](std::string_view what, std::string_view which, EpochMs time) -> Result<void> {
      const auto changed =
          TRY(database.change(fmt::format("{} WHERE id IN (SELECT id FROM {} WHERE {} LIMIT ?)", what, table, which),
                              {time, kDroppedAtOnce}));
      more |= changed == static_cast<std::uint64_t>(kDroppedAtOnce);
      return {};
    };
    TRY(step(fmt::format("UPDATE {} SET last_told = ?", table), "last_told IS NULL", now));
    TRY(step(fmt::format("DELETE FROM {}", table), "last_told < ?", named));
  }
  std::erase_if(owners_, [&](const auto& one) { return one.second.last_told < named; });
  for (Subject& one : subjects_)
    if (one.last_told < named) one = {};
  return more;
}

Result<std::uint64_t> UsageWriter::write(Database& database, const fleet::Usage& usage,
                                         const std::function<fleet::UsageSubject(std::uint32_t)>& subject_of,
                                         EpochMs now) {
  const auto know = [&](std::uint32_t subject, EpochMs told) {
    return know_subject(database, subject, subject_of(subject), told);
  };
  for (const fleet::SubjectUsage& row : usage.subjects) TRY(know(row.subject, row.bucket));
  for (const fleet::OwnerUsage& row : usage.owners) TRY(know(row.subject, row.bucket));
  for (const fleet::Counted& row : usage.silent) TRY(know(row.subject, row.until));
  TRY(write_silent(database, usage.silent));
  std::uint64_t left_out = 0;
  for (const Resolution resolution : {Resolution::Raw, Resolution::FiveMinutes, Resolution::Hour}) {
    const EpochMs oldest = now - retention_.of(resolution).count();
    TRY(write_subjects(database, resolution, usage.subjects, oldest));
    TRY(write_owners(database, resolution, usage.owners, oldest));
    if (resolution == Resolution::Hour)
      left_out = static_cast<std::uint64_t>(
          std::ranges::count_if(usage.subjects, [&](const auto& row) { return row.bucket < oldest; }));
  }
  TRY(note_late(database, late_buckets(usage, now)));
  return left_out;
}

Result<void> UsageWriter::write_subjects(Database& database, Resolution resolution,
                                         const std::vector<fleet::SubjectUsage>& rows, EpochMs oldest) {
  const std::int64_t seconds = bucket_seconds(resolution, span_);
  const auto bucket = [&](std::size_t at) { return bucket_at(rows[at].bucket, seconds); };
  const auto id = [&](std::size_t at) { return subjects_[rows[at].subject].id; };
  std::vector<std::size_t> order;
  order.reserve(rows.size());
  for (std::size_t at = 0; at < rows.size(); ++at)
    if (rows[at].bucket >= oldest) order.push_back(at);
  std::ranges::sort(order, {}, [&](std::size_t at) { return std::pair(bucket(at), id(at)); });
  const Adding& adding = statement<usage_statement>(resolution);
  std::vector<Value> values;
  for (std::size_t i = 0; i < order.size();) {
    fleet::Totals totals;
    const std::pair key(bucket(order[i]), id(order[i]));
    for (; i < order.size() && std::pair(bucket(order[i]), id(order[i])) == key; ++i) totals.add(rows[order[i]].totals);
    put(values, key.first);
    put(values, key.second);
    put(values, totals.observed_ms);
    put(values, totals.owned_ms);
    for (std::size_t field = 0; field < kFields; ++field) {
      put(values, totals.fields[field].sum);
      put(values, totals.observed_ms - totals.fields[field].ms);
      if (kFieldRows[field].has_max) put(values, totals.fields[field].max);
    }
    if (values.size() < kAtOnce) continue;
    TRY(database.insert(adding.head, adding.columns, values, adding.tail));
    values.clear();
  }
  return database.insert(adding.head, adding.columns, values, adding.tail);
}

Result<void> UsageWriter::write_owners(Database& database, Resolution resolution,
                                       const std::vector<fleet::OwnerUsage>& rows, EpochMs oldest) {
  const std::int64_t seconds = bucket_seconds(resolution, span_);
  struct Key {
    std::int64_t bucket, subject, owner, compute_instance;
    auto operator<=>(const Key&) const = default;
  };
  std::vector<std::pair<Key, const fleet::OwnerUsage*>> keyed;
  keyed.reserve(rows.size());
  for (const fleet::OwnerUsage& row : rows) {
    if (row.bucket < oldest) continue;
    const std::int64_t owner = TRY(owner_id(database, subjects_[row.subject].cluster, *row.owner, row.bucket));
    const std::int64_t instance = row.compute_instance ? std::int64_t{*row.compute_instance} : -1;
    keyed.push_back({{bucket_at(row.bucket, seconds), subjects_[row.subject].id, owner, instance}, &row});
  }
  std::ranges::sort(keyed, {}, [](const auto& one) { return one.first; });
  const Adding& adding = statement<owned_statement>(resolution);
  std::vector<Value> values;
  for (std::size_t i = 0; i < keyed.size();) {
    const Key key = keyed[i].first;
    std::int64_t held = 0, used = 0, share = 0;
    for (; i < keyed.size() && keyed[i].first == key; ++i) {
      held += keyed[i].second->held_ms;
      used += keyed[i].second->used_ms;
      share += keyed[i].second->share_ms;
    }
    for (const std::int64_t value : {key.bucket, key.subject, key.owner, key.compute_instance, held, used, share})
      put(values, value);
    if (values.size() < kAtOnce) continue;
    TRY(database.insert(adding.head, adding.columns, values, adding.tail));
    values.clear();
  }
  return database.insert(adding.head, adding.columns, values, adding.tail);
}

Result<void> UsageWriter::write_silent(Database& database, const std::vector<fleet::Counted>& rows) {
  constexpr std::size_t kColumns = 5;
  const auto insert = [&](const std::vector<Value>& values) {
    return database.insert("INSERT INTO usage_counted (subject, owner, compute_instance, what, counted_until)",
                           kColumns, values,
                           "ON CONFLICT (subject, owner, compute_instance, what) DO UPDATE SET counted_until = "
                           "GREATEST(usage_counted.counted_until, excluded.counted_until)");
  };
  std::vector<Value> values;
  for (const fleet::Counted& row : rows) {
    const Subject& of = subjects_[row.subject];
    const std::int64_t owner = row.owner ? TRY(owner_id(database, of.cluster, *row.owner, row.until)) : 0;
    const std::int64_t instance = row.compute_instance ? std::int64_t{*row.compute_instance} : -1;
    for (const std::int64_t value : {of.id, owner, instance, std::int64_t{row.what}, row.until}) put(values, value);
    if (values.size() < kAtOnce) continue;
    TRY(insert(values));
    values.clear();
  }
  return insert(values);
}

Result<bool> drop_old_usage(Database& database, const UsageRetention& retention, EpochMs now) {
  bool more = false;
  for (const Resolution resolution : {Resolution::Raw, Resolution::FiveMinutes, Resolution::Hour}) {
    const std::int64_t oldest = (now - retention.of(resolution).count()) / 1000;
    for (const std::string_view table : {usage_table(resolution), owned_table(resolution)}) {
      const std::int64_t first = TRY(first_bucket(database, table));
      if (first >= oldest) continue;
      TRY(database.run(fmt::format("DELETE FROM {} WHERE bucket = ?", table), {first}));
      more = true;
    }
  }
  return more;
}

Result<void> prepare_usage(Database& database, Milliseconds span) {
  const std::int64_t seconds = span.count() / 1000;
  const std::int64_t before = TRY(one_number(database, "SELECT usage_seconds FROM progress"));
  if (before == seconds) return {};
  return database.atomically([&]() -> Result<void> {
    TRY(database.run("DELETE FROM usage_raw"));
    TRY(database.run("DELETE FROM owned_raw"));
    return database.run("UPDATE progress SET usage_seconds = ?", {seconds});
  });
}

}  // namespace tessera::store
