#include "demo/past.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "fleet/cost/ledger.h"
#include "store/forecast_hours.h"

namespace tessera::demo {
namespace {

using fleet::CostKind;

constexpr EpochMs kHour = 3'600'000, kDay = 24 * kHour, kBucket = fleet::kCostBucket.count();

struct When {
  double hour = 0;  ///< of the day
  bool weekend = false;
  int day = 0;       ///< of the past
  double noise = 0;  ///< -1 to 1, another one each hour
};

/// 0 by night, 1 in the afternoon.
double daytime(const When& when) { return 0.5 - 0.5 * std::cos((when.hour - 3) / 12 * std::numbers::pi); }

/// What a pod holds of a device and how busy it is, both 0 to 1.
struct Share {
  double held = 0, busy = 0;
};
struct Tenant {
  const char* space;
  const char* pod;
  const char* team;
  const char* project;
  Share (*at)(const When& when);
};

Share serves(const When& when) {
  return {3.0 / 7, 0.2 + (when.weekend ? 0.25 : 0.55) * daytime(when) + 0.06 * when.noise};
}
Share serves_chat(const When& when) { return {3.0 / 7, 0.15 + 0.7 * daytime(when) + 0.08 * when.noise}; }
Share notebook(const When& when) {
  const bool open = !when.weekend && when.hour >= 8 && when.hour < 19;
  return {open ? 2.0 / 7 : 0, 0.3 + 0.2 * when.noise};
}
Share trains(const When& when) { return {1, 0.85 + 0.08 * when.noise}; }
/// More of it each week: the pool that fills up.
Share pretrains(const When& when) {
  const double wanted = 0.2 + 0.012 * when.day + (when.weekend ? -0.1 : 0.1 * daytime(when));
  return {std::clamp(wanted + 0.05 * when.noise, 0.0, 1.0), 0.9 + 0.05 * when.noise};
}
Share renders(const When& when) { return {!when.weekend && when.hour >= 9 ? 0.8 : 0, 0.45}; }

struct SimulatedDevice {
  const char* model;
  const char* node;
  int index;
  fleet::Micros hourly;  ///< 0: it has no rate
  std::vector<Tenant> tenants;
};

const std::vector<SimulatedDevice>& devices() {
  static const std::vector<SimulatedDevice> kDevices = {
      {"H100_80GB", "worker-01", 0, 8 * fleet::kUnit, {{"ml", "trainer-0", "vision", "pretraining", trains}}},
      {"H100_80GB",
       "worker-01",
       1,
       8 * fleet::kUnit,
       {{"serving", "llm-7b-0", "chat", "assistant", serves}, {"research", "notebook-0", "lab", "", notebook}}},
      {"A100_80GB", "worker-02", 0, 6 * fleet::kUnit, {{"ml", "pretrain-0", "vision", "pretraining", pretrains}}},
      {"A100_80GB", "worker-02", 1, 6 * fleet::kUnit, {{"ml", "pretrain-1", "vision", "pretraining", pretrains}}},
      {"A100_80GB", "worker-02", 2, 6 * fleet::kUnit, {{"serving", "chat-0", "chat", "assistant", serves_chat}}},
      {"RTX4090", "worker-03", 0, 2 * fleet::kUnit, {{"research", "render-0", "lab", "", renders}}},
      {"L40S", "worker-03", 1, 0, {}}};
  return kDevices;
}

/// -1 to 1: the same for the same hour and device.
double noise(EpochMs bucket, std::size_t device) {
  auto mixed =
      (static_cast<std::uint64_t>(bucket / kHour) + 1) * 0x9E3779B97F4A7C15ULL + device * 0xBF58476D1CE4E5B9ULL;
  mixed = (mixed ^ (mixed >> 30U)) * 0x94D049BB133111EBULL;
  return static_cast<double>(mixed >> 40U) / static_cast<double>(1ULL << 23U) - 1;
}

store::CostPosting posting(const SimulatedDevice& device, const Tenant* tenant, CostKind kind, std::int64_t ms) {
  store::CostPosting out;
  out.subject.cluster = "demo";
  out.subject.node = device.node;
  out.subject.model = device.model;
  out.subject.device_id = std::string(device.node) + "-GPU-0" + std::to_string(device.index);
  out.subject.device_uuid = "past-" + out.subject.device_id;
  out.kind = kind;
  out.amount = {device.hourly / 4 * ms / kBucket, ms, device.hourly == 0 ? ms : 0};
  if (!tenant) return out;
  out.owner.emplace();
  out.owner->cluster = "demo";
  out.owner->space = tenant->space;
  out.owner->pod = tenant->pod;
  out.owner->team = tenant->team;
  out.owner->project = tenant->project;
  out.basis = fleet::CostBasis::Held;
  return out;
}

/// All of the device's time and money: what somebody had, and the rest.
void add_device(std::vector<store::CostPosting>& into, const SimulatedDevice& device, const When& when) {
  std::int64_t free = kBucket;
  fleet::Micros rest = device.hourly / 4;
  const auto add = [&](const Tenant* tenant, CostKind kind, std::int64_t ms) {
    if (ms <= 0) return;
    into.push_back(posting(device, tenant, kind, ms));
    free -= ms;
    rest -= into.back().amount.micros;
  };
  for (const Tenant& tenant : device.tenants) {
    const Share share = tenant.at(when);
    const auto held = std::min(free, static_cast<std::int64_t>(share.held * static_cast<double>(kBucket)));
    const auto used = static_cast<std::int64_t>(std::clamp(share.busy, 0.0, 1.0) * static_cast<double>(held));
    add(&tenant, CostKind::Used, used);
    add(&tenant, CostKind::HeldIdle, held - used);
  }
  if (free > 0) {
    store::CostPosting nobodys = posting(device, nullptr, CostKind::Unallocated, free);
    nobodys.amount.micros = rest;
    into.push_back(std::move(nobodys));
  } else if (!into.empty()) {
    into.back().amount.micros += rest;
  }
}

When when_of(EpochMs bucket, int day) {
  When out;
  out.hour = static_cast<double>(bucket % kDay) / static_cast<double>(kHour);
  const EpochMs weekday = (bucket / kDay + 4) % 7;  // 0: Sunday
  out.weekend = weekday == 0 || weekday == 6;
  out.day = day;
  return out;
}

/// Pods of `vision` that wait for an A100 on working days, more of them each week.
Result<void> write_queue(store::Database& database, EpochMs from, EpochMs to) {
  return database.atomically([&]() -> Result<void> {
    for (EpochMs hour = (from + kHour - 1) / kHour * kHour; hour + kHour <= to; hour += kHour) {
      const When when = when_of(hour, static_cast<int>((hour - from) / kDay));
      const bool waits = !when.weekend && when.hour >= 9 && when.hour < 18;
      const double gpus = waits ? std::round(0.4 + 0.04 * when.day + noise(hour, 99)) : 0;
      std::vector<store::QueueShare> waited;
      if (gpus > 0) waited.push_back({"vision", "A100_80GB", static_cast<std::int64_t>(gpus) * kHour});
      TRY(store::add_queue(database, hour, kHour, waited));
    }
    return {};
  });
}

}  // namespace

std::vector<store::CostPosting> past_postings(EpochMs bucket, int day) {
  std::vector<store::CostPosting> out;
  When when = when_of(bucket, day);
  for (std::size_t i = 0; i < devices().size(); ++i) {
    when.noise = noise(bucket, i);
    add_device(out, devices()[i], when);
  }
  return out;
}

Result<void> write_past(store::Database& database, EpochMs now, int days) {
  const EpochMs to = fleet::cost_bucket_of(now), from = to - days * kDay;
  TRY(store::keep_currency(database, TRY(fleet::Currency::named("USD"))));
  store::CostWriter writer(database);
  for (EpochMs bucket = from; bucket < to; bucket += kBucket)
    if (!TRY(writer.close(bucket, past_postings(bucket, static_cast<int>((bucket - from) / kDay)), bucket + kBucket)))
      return fail(Code::Invalid, "the ledger of {} has a past of its own: a simulated one goes into an empty ledger",
                  database.shown());
  return write_queue(database, from, to);
}

}  // namespace tessera::demo
