#include "store/cost_bucket.h"

#include <algorithm>
#include <array>
#include <set>
#include <tuple>

#include "fleet/cost/ledger.h"
#include "fleet/cost/usage_slot.h"
#include "fleet/inventory/catalogue.h"
#include "store/cluster_nodes.h"
#include "store/devices.h"
#include "store/history.h"
#include "store/usage.h"

namespace tessera::store {
namespace {

using fleet::CostOwner;
using fleet::CostSubject;
using Key = std::pair<std::string, std::string>;  // cluster, and a device's UUID or a node

constexpr std::int64_t kSlotSeconds = 300;
constexpr EpochMs kSlot = kSlotSeconds * 1'000;

/// Everything of one device that is not usage.
struct Device {
  CostSubject subject;
  fleet::Slices whole;
  unsigned memory_gib = 0;
  EpochMs from = 0, to = 0;  ///< it costs between these
  EpochMs last_seen = 0;
  EpochMs told_at = 0;  ///< of the last five minutes in which it was told of; at the earliest, when it was first seen
  std::int64_t number = 0;
};

class Bucket {
 public:
  Bucket(Database& database, EpochMs begin, const CostRules& rules)
      : database_(database), begin_(begin), end_(begin + fleet::kCostBucket.count()), rules_(rules) {}

  Result<std::vector<CostPosting>> make() {
    TRY(read_devices());
    TRY(read_usage());
    TRY(read_absences());
    TRY(read_told_before());
    TRY(read_owners());
    std::vector<fleet::Posting> postings;
    for (auto& [key, device] : devices_)
      for (EpochMs slot = begin_; slot < end_; slot += kSlot) {
        const auto of = post(key, device, slot);
        postings.insert(postings.end(), of.begin(), of.end());
        if (is_told(key, slot)) device.told_at = slot;
      }
    std::vector<CostPosting> out;
    for (const fleet::Posting& one : fleet::merged(std::move(postings))) {
      std::optional<CostOwner> owner;
      if (one.line.owner != 0) owner = owners_[static_cast<std::size_t>(one.line.owner - 1)];
      out.push_back({subjects_[static_cast<std::size_t>(one.line.subject)], std::move(owner), one.line.kind,
                     one.line.basis, one.amount});
    }
    return out;
  }

  /// As make(), but what less is known of than was entered stays as it was entered.
  Result<std::vector<CostPosting>> make_again(const std::vector<CostPosting>& entered) {
    auto out = TRY(make());
    const auto before = times_of(entered);
    auto now = times_of(out);
    const auto stays = [&](const CostPosting& one) {
      const Key key = key_of(one);
      const auto was = before.find(key);
      return was != before.end() && is_less_known(key, was->second, now[key]);
    };
    std::erase_if(out, stays);
    std::ranges::copy_if(entered, std::back_inserter(out), stays);
    return out;
  }

 private:
  /// How long a device was there in the bucket, and for how long of that it was observed.
  struct Times {
    std::int64_t there_ms = 0, observed_ms = 0;
  };

  static Key key_of(const CostPosting& one) { return {one.subject.cluster, one.subject.device_uuid}; }

  static std::map<Key, Times> times_of(const std::vector<CostPosting>& postings) {
    std::map<Key, Times> out;
    for (const CostPosting& one : postings) {
      Times& of = out[key_of(one)];
      of.there_ms += one.amount.device_ms;
      if (one.kind != fleet::CostKind::Unobserved) of.observed_ms += one.amount.device_ms;
    }
    return out;
  }

  /// What was observed once is in the usage for good, and there was a device for as long: where that has become less
  /// by a slot or more, the device or its usage is kept no longer, or not here. Only of a node that is known to have
  /// been away, less is due. Of less than a slot the two may differ, for by its usage a device is there in whole ones.
  bool is_less_known(const Key& key, const Times& was, const Times& now) const {
    if (now.observed_ms + kSlot <= was.observed_ms) return true;
    const auto device = devices_.find(key);
    const bool was_away = left_.contains(key) ||
                          (device != devices_.end() && absences_.contains({key.first, device->second.subject.node}));
    return !was_away && now.there_ms + kSlot <= was.there_ms;
  }

  std::int64_t number_of(const CostSubject& subject) {
    const auto [at, is_new] = subject_numbers_.try_emplace(subject, static_cast<std::int64_t>(subjects_.size()));
    if (is_new) subjects_.push_back(subject);
    return at->second;
  }

  /// Those that cost at any time of the bucket.
  Result<void> read_devices() {
    std::map<Key, EpochMs> gone;
    TRY(database_.each("SELECT cluster, node, gone FROM cluster_node WHERE gone IS NOT NULL", {},
                       [&](const Row& row) { gone[{row.text(0), row.text(1)}] = row.integer(2).value_or(0); }));
    return each_device_seen(database_, [&](const fleet::Remembered& one) {
      const fleet::DeviceFacts& facts = *one.device.facts;
      Device of;
      of.from = one.device.first_seen;
      of.last_seen = one.device.last_seen;
      of.told_at = of.from;
      of.to = one.device.last_seen + rules_.unobserved_for.count();
      if (const auto left = gone.find({one.cluster, one.node}); left != gone.end())
        of.to = std::min(of.to, std::max(left->second, one.device.last_seen));
      if (of.from < end_ && of.to < end_ && gone.contains({one.cluster, one.node}))
        left_.emplace(one.cluster, facts.uuid);
      of.to = std::min(of.to, rules_.until);
      if (of.from >= end_ || of.to <= begin_) return;
      of.subject.cluster = one.cluster;
      of.subject.node = one.node;
      of.subject.model = fleet::model_key_of(facts.name);
      of.subject.device_id = fleet::device_id(one.node, facts.index);
      of.subject.device_uuid = facts.uuid;
      const CostRules::Place place = rules_.place_of(one.cluster, one.node, end_ - 1);
      of.subject.pool = place.pool;
      of.subject.purchase = place.purchase;
      const fleet::Model* model = fleet::find_model(of.subject.model);
      of.whole = fleet::whole_slices(facts.compute_slices, model ? model->mig_max_slices : 0);
      constexpr std::uint64_t kGiB = std::uint64_t{1} << 30U;
      if (model)
        of.memory_gib = model->memory_gib;
      else if (facts.memory_bytes)
        of.memory_gib = static_cast<unsigned>((*facts.memory_bytes + kGiB - 1) / kGiB);
      of.number = number_of(of.subject);
      devices_.emplace(Key{one.cluster, facts.uuid}, std::move(of));
    });
  }

  Result<void> read_usage() {
    const std::array<Value, 2> values = {begin_ / 1'000, end_ / 1'000};
    constexpr std::size_t kBefore = 7;
    return database_.each(
        fmt::format(
            "SELECT u.bucket, s.id, s.cluster, s.device_uuid, s.gpu_instance, s.profile, s.compute_slices, {} FROM "
            "{} u JOIN usage_subject s ON s.id = u.subject WHERE u.bucket >= ? AND u.bucket < ? ORDER BY u.bucket, "
            "s.id",
            totals_columns(false), usage_table(Resolution::FiveMinutes)),
        values, [&](const Row& row) {
          const auto device = devices_.find({row.text(2), row.text(3)});
          if (device == devices_.end()) return;  // of one that is kept no longer
          const auto count = [&](std::size_t column) {
            const auto value = row.integer(column);
            return value && *value >= 0 ? std::optional(static_cast<unsigned>(*value)) : std::nullopt;
          };
          fleet::SubjectSlot slot;
          slot.gpu_instance = count(4);
          slot.totals = totals_of(row, kBefore);
          slot.slices = slices_of(device->second, slot.gpu_instance, row.text(5), count(6));
          CostSubject subject = device->second.subject;
          subject.gpu_instance = slot.gpu_instance;
          subject.profile = row.text(5);
          slot.subject = number_of(subject);
          slot.replicas = rules_.replicas_of({subject.cluster, subject.device_uuid, slot.gpu_instance},
                                             row.integer(0).value_or(0) * 1'000 + kSlot - 1);
          auto& slots = usage_[{row.integer(0).value_or(0), device->first}];
          places_[{row.integer(0).value_or(0), row.integer(1).value_or(0)}] = {device->first, slots.size()};
          slots.push_back(std::move(slot));
        });
  }

  bool is_told(const Key& key, EpochMs slot) const { return usage_.contains({slot / 1'000, key}); }

  Result<void> read_absences() {
    for (const ClusterAbsence& one : TRY(cluster_absences(database_, begin_, end_)))
      absences_[{one.cluster, one.node}].push_back({one.begins, one.ends});
    return {};
  }

  /// Of devices that are silent in the bucket, and have been told of since: when that was before. Most were within the
  /// hour.
  Result<void> read_told_before() {
    std::set<Key> silent;
    for (const auto& [key, device] : devices_)
      for (EpochMs slot = begin_; slot < end_; slot += kSlot)
        if (slot + kSlot <= device.last_seen && slot >= device.from && !is_told(key, slot)) silent.insert(key);
    constexpr EpochMs kMostly = 3'600'000;
    const EpochMs longest = rules_.unobserved_for.count() + kSlot;
    for (const EpochMs back : {std::min(kMostly, longest), longest}) {
      if (silent.empty()) return {};
      const std::array<Value, 2> values = {(begin_ - back) / 1'000, begin_ / 1'000};
      TRY(database_.each(
          fmt::format("SELECT s.cluster, s.device_uuid, MAX(u.bucket) FROM {} u JOIN usage_subject s ON s.id = "
                      "u.subject WHERE u.bucket >= ? AND u.bucket < ? GROUP BY s.cluster, s.device_uuid",
                      usage_table(Resolution::FiveMinutes)),
          values, [&](const Row& row) {
            const Key key{row.text(0), row.text(1)};
            if (silent.erase(key) == 0) return;
            EpochMs& told = devices_.at(key).told_at;
            told = std::max(told, row.integer(2).value_or(0) * 1'000);
          }));
    }
    // What may have been told when no usage is kept of, counts as told.
    if (begin_ - longest < rules_.usage_from)
      for (const Key& key : silent) devices_.at(key).told_at = begin_;
    return {};
  }

  /// Of a slot of which nothing is told, the time in which the device was there.
  std::pair<EpochMs, EpochMs> presence(const Device& device, EpochMs from, EpochMs to) const {
    if (to <= device.last_seen) to = std::min(to, device.told_at + rules_.unobserved_for.count());
    const auto away = absences_.find({device.subject.cluster, device.subject.node});
    if (away == absences_.end()) return {from, to};
    for (const auto& [begins, ends] : away->second) {
      if (begins >= to || ends <= from) continue;
      if (begins > from)
        to = begins;
      else
        from = ends;
    }
    return {from, to};
  }

  /// Of an instance whose profile nobody tells, what the driver tells of its compute slices: of memory as much.
  static fleet::Slices slices_of(const Device& device, std::optional<unsigned> gpu_instance, std::string_view profile,
                                 std::optional<unsigned> compute_slices) {
    if (!gpu_instance) return device.whole;
    if (const auto known = fleet::profile_slices(profile, compute_slices, device.memory_gib)) return *known;
    const std::int64_t compute = compute_slices.value_or(1);
    return {compute, std::max<std::int64_t>(1, device.whole.memory * compute / device.whole.compute)};
  }

  Result<void> read_owners() {
    const std::array<Value, 2> values = {begin_ / 1'000, end_ / 1'000};
    return database_.each(
        fmt::format(
            "SELECT o.bucket, o.subject, w.cluster, w.namespace, w.pod, w.pod_uid, CAST(SUM(o.held_ms) AS BIGINT), "
            "CAST(SUM(o.used_ms) AS BIGINT) FROM {} o JOIN usage_owner w ON w.id = o.owner WHERE o.bucket >= ? AND "
            "o.bucket < ? GROUP BY o.bucket, o.subject, w.cluster, w.namespace, w.pod, w.pod_uid ORDER BY o.bucket, "
            "o.subject, w.cluster, w.namespace, w.pod, w.pod_uid",
            owned_table(Resolution::FiveMinutes)),
        values, [&](const Row& row) {
          const auto number = [&](std::size_t column) { return row.integer(column).value_or(0); };
          const auto place = places_.find({number(0), number(1)});
          if (place == places_.end()) return;
          CostOwner owner;
          owner.cluster = row.text(2);
          owner.space = row.text(3);
          owner.pod = row.text(4);
          owner.pod_uid = row.text(5);
          fleet::Tenant tenant;
          std::tie(tenant.owner, tenant.overhead) = known_owner(owner);
          tenant.outside = !owner.is_pod();
          tenant.held_ms = number(6);
          tenant.used_ms = number(7);
          const auto& [device, at] = place->second;
          fleet::SubjectSlot& slot = usage_[{number(0), device}][at];
          if (slot.replicas > 1)
            tenant.replicas = rules_.replicas_held(
                {{device.first, device.second, slot.gpu_instance}, owner.space, owner.pod, owner.pod_uid});
          slot.tenants.push_back(tenant);
        });
  }

  std::pair<std::int64_t, bool> known_owner(const CostOwner& bare) {
    const auto [at, is_new] = owner_numbers_.try_emplace(bare, 0, false);
    if (is_new) {
      CostOwner named = bare;
      const bool overhead = rules_.name_owner(named);
      owners_.push_back(std::move(named));
      at->second = {static_cast<std::int64_t>(owners_.size()), overhead};
    }
    return at->second;
  }

  std::vector<fleet::Posting> post(const Key& key, const Device& device, EpochMs slot) {
    EpochMs from = std::max(slot, device.from), to = std::min(slot + kSlot, device.to);
    if (!is_told(key, slot)) std::tie(from, to) = presence(device, from, to);
    if (from >= to) return {};
    const auto found = usage_.find({slot / 1'000, key});
    auto slots = found == usage_.end() ? std::vector<fleet::SubjectSlot>() : found->second;
    const fleet::DeviceUsage usage = fleet::device_usage(device.number, device.whole, from, to, std::move(slots));
    const CostSubject& of = device.subject;
    const fleet::Charge charge = rules_.rates.charge({of.model, of.cluster, of.node, of.pool, of.purchase}, from, to);
    return fleet::post(usage, charge, rules_.posting);
  }

  Database& database_;
  const EpochMs begin_, end_;
  const CostRules& rules_;
  std::map<Key, Device> devices_;
  std::set<Key> left_;  ///< devices whose nodes have left before the bucket was over
  std::map<Key, std::vector<std::pair<EpochMs, EpochMs>>> absences_;  ///< by cluster and node
  std::map<CostSubject, std::int64_t> subject_numbers_;
  std::vector<CostSubject> subjects_;
  std::map<CostOwner, std::pair<std::int64_t, bool>> owner_numbers_;
  std::vector<CostOwner> owners_;
  std::map<std::pair<std::int64_t, Key>, std::vector<fleet::SubjectSlot>> usage_;        ///< by slot and device
  std::map<std::pair<std::int64_t, std::int64_t>, std::pair<Key, std::size_t>> places_;  ///< in it, by slot and subject
};

}  // namespace

Result<std::vector<CostPosting>> cost_of_bucket(Database& database, EpochMs bucket, const CostRules& rules) {
  return Bucket(database, bucket, rules).make();
}

Result<std::vector<CostPosting>> corrected_cost_of_bucket(Database& database, EpochMs bucket, const CostRules& rules) {
  const fleet::CostWindow window{bucket, bucket + fleet::kCostBucket.count()};
  const CostRows rows = TRY(cost_rows(database, {&window, 1}));
  std::vector<CostPosting> entered;
  for (const fleet::CostRow& one : rows.rows) {
    std::optional<CostOwner> owner;
    if (one.owner) owner = *one.owner;
    entered.push_back({*one.subject, std::move(owner), one.kind, one.basis, one.amount});
  }
  return Bucket(database, bucket, rules).make_again(entered);
}

}  // namespace tessera::store
