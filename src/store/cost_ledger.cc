#include "store/cost_ledger.h"

#include <array>

#include "fleet/cost/ledger.h"
#include "store/label_text.h"

namespace tessera::store {
namespace {

using fleet::CostAmount;
using fleet::CostOwner;
using fleet::CostSubject;

constexpr std::size_t kMostKnown = 200'000;  // owners and subjects; more than that are looked up again

std::int64_t seconds(EpochMs bucket) { return bucket / 1'000; }

/// The number of a row that is told apart by all of `key`; it is made where there is none.
Result<std::int64_t> number_of(Database& database, std::string_view table, std::span<const std::string_view> columns,
                               std::vector<Value> key) {
  std::string where, names, places;
  for (const std::string_view column : columns) {
    where += fmt::format("{}{} = ?", where.empty() ? "" : " AND ", column);
    names += fmt::format(", {}", column);
    places += ", ?";
  }
  std::int64_t id = 0;
  TRY(database.each(fmt::format("SELECT id FROM {} WHERE {}", table, where), key,
                    [&](const Row& row) { id = row.integer(0).value_or(0); }));
  if (id != 0) return id;
  TRY(database.each(fmt::format("SELECT COALESCE(MAX(id), 0) + 1 FROM {}", table), {},
                    [&](const Row& row) { id = row.integer(0).value_or(0); }));
  key.insert(key.begin(), id);
  TRY(database.run(fmt::format("INSERT INTO {} (id{}) VALUES (?{})", table, names, places), key));
  return id;
}

constexpr std::string_view kSubjectColumns[] = {"cluster",   "node",        "pool",         "model",  "purchase",
                                                "device_id", "device_uuid", "gpu_instance", "profile"};
constexpr std::string_view kOwnerColumns[] = {"cluster", "namespace", "pod",         "pod_uid",
                                              "team",    "project",   "cost_centre", "labels"};

Result<std::vector<fleet::Posting>> entered(Database& database, EpochMs bucket) {
  std::vector<fleet::Posting> out;
  const Value key = seconds(bucket);
  TRY(database.each(
      "SELECT subject, owner, kind, basis, micros, device_ms, unpriced_ms FROM cost_entry WHERE bucket = ?", {&key, 1},
      [&](const Row& row) {
        const auto number = [&](std::size_t column) { return row.integer(column).value_or(0); };
        out.push_back({{number(0), number(1), fleet::cost_kind_named(row.text(2)).value_or(fleet::CostKind::Unobserved),
                        fleet::cost_basis_named(row.text(3)).value_or(fleet::CostBasis::Nobody)},
                       {number(4), number(5), number(6)}});
      }));
  return out;
}

Result<std::optional<std::int64_t>> revision_of(Database& database, EpochMs bucket) {
  std::optional<std::int64_t> out;
  const Value key = seconds(bucket);
  TRY(database.each("SELECT revision FROM cost_bucket WHERE bucket = ?", {&key, 1},
                    [&](const Row& row) { out = row.integer(0); }));
  return out;
}

}  // namespace

Result<std::optional<std::string>> cost_currency(Database& database) {
  std::optional<std::string> out;
  TRY(database.each("SELECT currency FROM cost_currency", {}, [&](const Row& row) { out = row.text(0); }));
  return out;
}

Result<void> keep_currency(Database& database, const fleet::Currency& currency) {
  TRY(database.run("INSERT INTO cost_currency VALUES (1, ?) ON CONFLICT (id) DO NOTHING",
                   {std::string(currency.code())}));
  const std::string kept = TRY(cost_currency(database)).value_or("");
  if (kept == currency.code()) return {};
  return fail(
      Code::Invalid,
      "gpu.management.cost.currency: {} is asked for, and the ledger in {} is in {}: two currencies have no sum; "
      "keep {}, or begin with another database",
      currency.code(), database.shown(), kept, kept);
}

Result<std::optional<EpochMs>> newest_cost_bucket(Database& database) {
  std::optional<EpochMs> out;
  TRY(database.each("SELECT MAX(bucket) FROM cost_bucket", {}, [&](const Row& row) {
    if (const auto bucket = row.integer(0)) out = *bucket * 1'000;
  }));
  return out;
}

Result<bool> is_cost_bucket_closed(Database& database, EpochMs bucket) {
  return TRY(revision_of(database, bucket)).has_value();
}

Result<void> note_late(Database& database, std::span<const EpochMs> buckets, std::string_view why) {
  for (const EpochMs bucket : buckets)
    TRY(
        database.run("INSERT INTO cost_late (bucket, version, why) VALUES (?, 1, ?) ON CONFLICT (bucket) DO UPDATE SET "
                     "version = cost_late.version + 1, why = excluded.why",
                     {seconds(bucket), std::string(why)}));
  return {};
}

Result<std::vector<LateBucket>> late_buckets(Database& database, std::size_t most) {
  std::vector<LateBucket> out;
  const Value limit = static_cast<std::int64_t>(most);
  TRY(database.each(
      "SELECT l.bucket, l.version, l.why FROM cost_late l JOIN cost_bucket b ON b.bucket = l.bucket ORDER BY "
      "l.bucket LIMIT ?",
      {&limit, 1}, [&](const Row& row) {
        out.push_back({row.integer(0).value_or(0) * 1'000, row.integer(1).value_or(0), row.text(2)});
      }));
  return out;
}

Result<void> drop_late_before(Database& database, EpochMs time) {
  return database.run("DELETE FROM cost_late WHERE bucket < ?", {seconds(time)});
}

/// A day ahead, so that of what costs all the time it is written once a day.
Result<void> CostWriter::note_use(std::string_view table, Name& name, EpochMs bucket) {
  constexpr std::int64_t kDay = 86'400;
  if (seconds(bucket) <= name.used_until) return {};
  name.used_until = seconds(bucket) + kDay;
  return database_.run(fmt::format("UPDATE {} SET used_until = ? WHERE id = ? AND used_until < ?", table),
                       {name.used_until, name.id, name.used_until});
}

Result<std::int64_t> CostWriter::id_of(const CostSubject& subject, EpochMs bucket) {
  auto known = subjects_.find(subject);
  if (known == subjects_.end()) {
    const std::int64_t instance = subject.gpu_instance ? std::int64_t{*subject.gpu_instance} : -1;
    const std::int64_t id = TRY(number_of(database_, "cost_subject", kSubjectColumns,
                                          {subject.cluster, subject.node, subject.pool, subject.model,
                                           std::string(fleet::purchase_name(subject.purchase)), subject.device_id,
                                           subject.device_uuid, instance, subject.profile}));
    if (subjects_.size() >= kMostKnown) subjects_.clear();
    known = subjects_.emplace(subject, Name{id, 0}).first;
  }
  TRY(note_use("cost_subject", known->second, bucket));
  return known->second.id;
}

Result<std::int64_t> CostWriter::id_of(const std::optional<CostOwner>& owner, EpochMs bucket) {
  if (!owner) return std::int64_t{0};
  auto known = owners_.find(*owner);
  if (known == owners_.end()) {
    const std::int64_t id = TRY(number_of(database_, "cost_owner", kOwnerColumns,
                                          {owner->cluster, owner->space, owner->pod, owner->pod_uid, owner->team,
                                           owner->project, owner->cost_centre, label_text(owner->labels)}));
    if (owners_.size() >= kMostKnown) owners_.clear();
    known = owners_.emplace(*owner, Name{id, 0}).first;
  }
  TRY(note_use("cost_owner", known->second, bucket));
  return known->second.id;
}

Result<std::vector<fleet::Posting>> CostWriter::numbered(EpochMs bucket, const std::vector<CostPosting>& postings) {
  std::vector<fleet::Posting> out;
  out.reserve(postings.size());
  for (const CostPosting& one : postings)
    out.push_back({{TRY(id_of(one.subject, bucket)), TRY(id_of(one.owner, bucket)), one.kind, one.basis}, one.amount});
  return out;
}

Result<void> CostWriter::enter(EpochMs bucket, std::int64_t revision, const std::vector<fleet::Posting>& postings) {
  constexpr std::size_t kColumns = 9;
  std::vector<Value> values;
  values.reserve(postings.size() * kColumns);
  for (const fleet::Posting& one : postings) {
    const fleet::CostLine& line = one.line;
    for (Value value :
         {Value(seconds(bucket)), Value(revision), Value(line.subject), Value(line.owner),
          Value(std::string(fleet::cost_kind_name(line.kind))), Value(std::string(fleet::cost_basis_name(line.basis))),
          Value(one.amount.micros), Value(one.amount.device_ms), Value(one.amount.unpriced_ms)})
      values.push_back(std::move(value));
  }
  return database_.insert(
      "INSERT INTO cost_entry (bucket, revision, subject, owner, kind, basis, micros, device_ms, unpriced_ms)",
      kColumns, values);
}

Result<void> CostWriter::atomically(const std::function<Result<void>()>& work) {
  auto done = database_.atomically(work);
  if (!done) {
    subjects_.clear();
    owners_.clear();
  }
  return done;
}

Result<bool> CostWriter::close(EpochMs bucket, const std::vector<CostPosting>& postings, EpochMs now) {
  bool closed = false;
  TRY(atomically([&]() -> Result<void> {
    closed = false;
    if (TRY(revision_of(database_, bucket))) return {};
    // First, so that of two who close at once the second fails here and enters nothing.
    TRY(database_.run("INSERT INTO cost_bucket VALUES (?, 0, ?)", {seconds(bucket), now}));
    TRY(enter(bucket, 0, fleet::correction({}, TRY(numbered(bucket, postings)))));
    closed = true;
    return {};
  }));
  return closed;
}

Result<std::size_t> CostWriter::correct(const LateBucket& late, const std::vector<CostPosting>& postings, EpochMs now) {
  std::size_t count = 0;
  TRY(atomically([&]() -> Result<void> {
    count = 0;
    const auto before = TRY(revision_of(database_, late.bucket));
    if (!before)
      return fail(Code::NotFound, "cost ledger: {} cannot be corrected: it is not closed", format_time(late.bucket));
    const auto lacking = fleet::correction(TRY(entered(database_, late.bucket)), TRY(numbered(late.bucket, postings)));
    // What comes while this is worked out has another version, and stays to be corrected.
    TRY(database_.run("DELETE FROM cost_late WHERE bucket = ? AND version = ?", {seconds(late.bucket), late.version}));
    if (lacking.empty()) return {};
    count = lacking.size();
    TRY(database_.run("INSERT INTO cost_correction VALUES (?, ?, ?, ?)",
                      {seconds(late.bucket), *before + 1, now, late.why}));
    TRY(database_.run("UPDATE cost_bucket SET revision = ? WHERE bucket = ?", {*before + 1, seconds(late.bucket)}));
    return enter(late.bucket, *before + 1, lacking);
  }));
  return count;
}

Result<bool> CostWriter::drop_buckets(EpochMs time, std::size_t most) {
  std::vector<std::int64_t> old;
  const std::array<Value, 2> values = {seconds(time), static_cast<std::int64_t>(most)};
  TRY(database_.each("SELECT bucket FROM cost_bucket WHERE bucket < ? ORDER BY bucket LIMIT ?", values,
                     [&](const Row& row) { old.push_back(row.integer(0).value_or(0)); }));
  if (old.empty()) return false;
  TRY(atomically([&]() -> Result<void> {
    for (const char* table : {"cost_entry", "cost_correction", "cost_bucket"})
      TRY(database_.run(fmt::format("DELETE FROM {} WHERE bucket <= ?", table), {old.back()}));
    return {};
  }));
  return old.size() == most;
}

Result<bool> CostWriter::drop_names(std::string_view table, EpochMs time) {
  constexpr std::int64_t kAtOnce = 1'000;
  std::int64_t old = 0;
  const std::array<Value, 2> values = {seconds(time), kAtOnce};
  const std::string those =
      fmt::format("SELECT id FROM {} WHERE used_until < ? ORDER BY used_until, id LIMIT ?", table);
  TRY(atomically([&]() -> Result<void> {
    old = 0;
    TRY(database_.each(those, values, [&](const Row&) { ++old; }));
    if (old == 0) return {};
    return database_.run(fmt::format("DELETE FROM {} WHERE id IN ({})", table, those), values);
  }));
  return old == kAtOnce;
}

Result<bool> CostWriter::drop_before(EpochMs time, std::size_t most) {
  if (TRY(drop_buckets(time, most))) return true;
  bool more = false;
  for (const char* table : {"cost_subject", "cost_owner"}) more |= TRY(drop_names(table, time));
  subjects_.clear();
  owners_.clear();
  return more;
}

namespace {

constexpr std::size_t kMostRows = 1'000'000;  // some hundred bytes each

/// Begin and end of all pieces.
using Bounds = std::array<Value, 2>;

Result<std::map<std::int64_t, const CostSubject*>> subjects_in(Database& database, const Bounds& bounds,
                                                               std::deque<CostSubject>& into) {
  std::map<std::int64_t, const CostSubject*> out;
  TRY(database.each(
      "SELECT id, cluster, node, pool, model, purchase, device_id, device_uuid, gpu_instance, profile FROM "
      "cost_subject WHERE id IN (SELECT subject FROM cost_entry WHERE bucket >= ? AND bucket < ?)",
      bounds, [&](const Row& row) {
        CostSubject& one = into.emplace_back();
        one.cluster = row.text(1);
        one.node = row.text(2);
        one.pool = row.text(3);
        one.model = row.text(4);
        one.purchase = fleet::purchase_named(row.text(5)).value_or(fleet::Purchase::OnDemand);
        one.device_id = row.text(6);
        one.device_uuid = row.text(7);
        if (const auto instance = row.integer(8); instance && *instance >= 0)
          one.gpu_instance = static_cast<unsigned>(*instance);
        one.profile = row.text(9);
        out[row.integer(0).value_or(0)] = &one;
      }));
  return out;
}

Result<std::map<std::int64_t, const CostOwner*>> owners_in(Database& database, const Bounds& bounds,
                                                           std::deque<CostOwner>& into) {
  std::map<std::int64_t, const CostOwner*> out;
  TRY(database.each(
      "SELECT id, cluster, namespace, pod, pod_uid, team, project, cost_centre, labels FROM cost_owner WHERE id IN "
      "(SELECT owner FROM cost_entry WHERE bucket >= ? AND bucket < ?)",
      bounds, [&](const Row& row) {
        into.push_back({row.text(1), row.text(2), row.text(3), row.text(4), row.text(5), row.text(6), row.text(7),
                        labels_of(row.text(8))});
        out[row.integer(0).value_or(0)] = &into.back();
      }));
  return out;
}

}  // namespace

Result<CostRows> cost_rows(Database& database, std::span<const fleet::CostWindow> pieces, const fleet::Zone& zone) {
  CostRows out;
  std::vector<std::pair<std::int64_t, std::int64_t>> whose;  // subject and owner of each row
  std::optional<Error> beyond;                               // a sum of 64 bits: the database has it in two parts
  for (const fleet::CostWindow& piece : pieces) {
    const std::array<Value, 4> values = {seconds(piece.from), seconds(piece.to), fleet::end_of_month(piece.from, zone),
                                         static_cast<std::int64_t>(kMostRows - out.rows.size() + 1)};
    TRY(database.each(
        "SELECT e.subject, e.owner, e.kind, e.basis, MIN(c.entered_at), CAST(SUM(e.micros / 1000000) AS BIGINT), "
        "CAST(SUM(e.micros % 1000000) AS BIGINT), CAST(SUM(e.device_ms) AS BIGINT), CAST(SUM(e.unpriced_ms) AS BIGINT) "
        "FROM cost_entry e LEFT JOIN "
        "cost_correction c ON c.bucket = e.bucket AND c.revision = e.revision WHERE e.bucket >= ? AND e.bucket < ? "
        "GROUP BY e.subject, e.owner, e.kind, e.basis, CASE WHEN c.entered_at IS NULL THEN 0 WHEN c.entered_at < ? "
        "THEN 1 ELSE 2 END ORDER BY e.subject, e.owner, e.kind, e.basis, MIN(c.entered_at) LIMIT ?",
        values, [&](const Row& row) {
          const auto number = [&](std::size_t column) { return row.integer(column).value_or(0); };
          whose.emplace_back(number(0), number(1));
          const auto micros = fleet::narrow(fleet::Wide{number(5)} * fleet::kUnit + number(6), "a line of the ledger");
          if (!micros && !beyond) beyond = micros.error();
          out.rows.push_back({piece.from,
                              nullptr,
                              nullptr,
                              fleet::cost_kind_named(row.text(2)).value_or(fleet::CostKind::Unobserved),
                              fleet::cost_basis_named(row.text(3)).value_or(fleet::CostBasis::Nobody),
                              {micros ? *micros : 0, number(7), number(8)},
                              row.integer(4)});
        }));
    if (beyond) return *std::move(beyond);
    if (out.rows.size() > kMostRows)
      return fail(Code::Invalid, "more than {} lines: ask for a shorter window or longer pieces", kMostRows);
  }
  if (pieces.empty()) return out;
  // Names come before what has them, so those of all rows are there now.
  const Bounds bounds = {seconds(pieces.front().from), seconds(pieces.back().to)};
  const auto subjects = TRY(subjects_in(database, bounds, out.subjects));
  const auto owners = TRY(owners_in(database, bounds, out.owners));
  for (std::size_t i = 0; i < out.rows.size(); ++i) {
    const auto [subject, owner] = whose[i];
    if (!subjects.contains(subject) || (owner != 0 && !owners.contains(owner)))
      return fail(Code::Internal, "cost ledger: an entry names subject {} and owner {}, which {} does not have",
                  subject, owner, database.shown());
    out.rows[i].subject = subjects.at(subject);
    if (owner != 0) out.rows[i].owner = owners.at(owner);
  }
  return out;
}

}  // namespace tessera::store
