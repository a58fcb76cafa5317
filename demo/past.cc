#include "demo/past.h"

#include <algorithm>
#include <cmath>

#include "demo/rhythm.h"
#include "fleet/cost/ledger.h"
#include "fleet/cost/rates.h"
#include "store/cost_rates.h"
#include "store/forecast_hours.h"

namespace tessera::demo {
namespace {

using fleet::CostKind;

constexpr EpochMs kBucket = fleet::kCostBucket.count();

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
/// Held day and night, used by day.
Share notebook(const When& when) { return {2.0 / 7, is_working(when) ? 0.3 + 0.2 * when.noise : 0}; }
Share evaluates(const When& when) { return {1.0 / 7, 0.12 + 0.02 * when.noise}; }
Share idles(const When&) { return {1.0 / 7, 0}; }
Share does_nothing(const When&) { return {1, 0}; }
Share tunes(const When& when) { return {1, 0.85 + 0.1 * when.noise}; }
Share embeds(const When& when) { return {1, 0.07 + 0.03 * when.noise}; }
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
       {{"serving", "llm-7b-0", "chat", "assistant", serves},
        {"research", "notebook-0", "lab", "", notebook},
        {"research", "eval-17", "lab", "", evaluates},
        {"research", "idle-holder", "lab", "", idles}}},
      {"A100_80GB", "worker-02", 0, 6 * fleet::kUnit, {{"ml", "pretrain-0", "vision", "pretraining", pretrains}}},
      {"A100_80GB", "worker-02", 1, 6 * fleet::kUnit, {{"ml", "pretrain-1", "vision", "pretraining", pretrains}}},
      {"A100_80GB", "worker-02", 2, 6 * fleet::kUnit, {{"serving", "chat-0", "chat", "assistant", serves_chat}}},
      {"RTX4090", "worker-03", 0, 2 * fleet::kUnit, {{"research", "render-0", "lab", "", renders}}},
      {"L40S", "worker-03", 1, 0, {}},
      {"RTX4090", "worker-04", 0, 2 * fleet::kUnit, {{"ml", "finetune-0", "vision", "pretraining", tunes}}},
      {"RTX4090", "worker-04", 1, 2 * fleet::kUnit, {{"ml", "finetune-0", "vision", "pretraining", does_nothing}}},
      {"RTX4090", "worker-04", 2, 2 * fleet::kUnit, {{"ml", "finetune-0", "vision", "pretraining", does_nothing}}},
      {"RTX4090", "worker-04", 3, 2 * fleet::kUnit, {{"ml", "finetune-0", "vision", "pretraining", does_nothing}}},
      {"RTX4090", "worker-04", 4, 2 * fleet::kUnit, {{"serving", "embed-0", "chat", "assistant", embeds}}},
      {"RTX4090", "worker-04", 5, 2 * fleet::kUnit, {}},
      {"RTX4090", "worker-04", 6, 2 * fleet::kUnit, {{"research", "sweep-0", "lab", "", does_nothing}}},
      {"RTX4090", "worker-04", 7, 2 * fleet::kUnit, {}}};
  return kDevices;
}

store::CostPosting posting(const std::string& cluster, const SimulatedDevice& device, const Tenant* tenant,
                           CostKind kind, std::int64_t ms) {
  store::CostPosting out;
  out.subject.cluster = cluster;
  out.subject.node = device.node;
  out.subject.model = device.model;
  out.subject.device_id = std::string(device.node) + "-GPU-0" + std::to_string(device.index);
  out.subject.device_uuid = "past-" + out.subject.device_id;
  out.kind = kind;
  out.amount = {device.hourly / 4 * ms / kBucket, ms, device.hourly == 0 ? ms : 0};
  if (!tenant) return out;
  out.owner.emplace();
  out.owner->cluster = cluster;
  out.owner->space = tenant->space;
  out.owner->pod = tenant->pod;
  out.owner->team = tenant->team;
  out.owner->project = tenant->project;
  out.basis = fleet::CostBasis::Held;
  return out;
}

/// All of the device's time and money: what somebody had, and the rest.
void add_device(std::vector<store::CostPosting>& into, const std::string& cluster, const SimulatedDevice& device,
                const When& when) {
  std::int64_t free = kBucket;
  fleet::Micros rest = device.hourly / 4;
  const auto add = [&](const Tenant* tenant, CostKind kind, std::int64_t ms) {
    if (ms <= 0) return;
    into.push_back(posting(cluster, device, tenant, kind, ms));
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
    store::CostPosting nobodys = posting(cluster, device, nullptr, CostKind::Unallocated, free);
    nobodys.amount.micros = rest;
    into.push_back(std::move(nobodys));
  } else if (!into.empty()) {
    into.back().amount.micros += rest;
  }
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

std::vector<store::CostPosting> past_postings(const std::string& cluster, EpochMs bucket, int day) {
  std::vector<store::CostPosting> out;
  When when = when_of(bucket, day);
  for (std::size_t i = 0; i < devices().size(); ++i) {
    when.noise = noise(bucket, i);
    add_device(out, cluster, devices()[i], when);
  }
  return out;
}

Result<void> write_past(store::Database& database, const std::string& cluster, EpochMs now, int days) {
  const EpochMs to = fleet::cost_bucket_of(now), from = to - days * kDay;
  TRY(store::keep_currency(database, TRY(fleet::Currency::named("USD"))));
  // So that the server, whose rates these are, finds nothing that was priced otherwise.
  TRY(store::keep_cost_rates(database, fleet::default_rates(), from, now));
  store::CostWriter writer(database);
  for (EpochMs bucket = from; bucket < to; bucket += kBucket)
    if (!TRY(writer.close(bucket, past_postings(cluster, bucket, static_cast<int>((bucket - from) / kDay)),
                          bucket + kBucket)))
      return fail(Code::Invalid, "the ledger of {} has a past of its own: a simulated one goes into an empty ledger",
                  database.shown());
  return write_queue(database, from, to);
}

}  // namespace tessera::demo
