#include "demo/usage.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "demo/rhythm.h"
#include "fleet/inventory/node.h"
#include "sim/layout.h"

namespace tessera::demo {
namespace {

using fleet::Field;

constexpr EpochMs kSlot = 5 * 60'000;

/// What a pod does on the first of what it holds; the others it never touches.
struct Habit {
  const char* space;
  const char* pod;
  double (*busy)(const When& when);  ///< share of time with a kernel
  double memory_gib;
  double width = 0;                      ///< of its kernels, where the driver tells it; 0: it does not
  EpochMs came_ago = 0;                  ///< 0: before all of the past
  bool (*told)(EpochMs slot) = nullptr;  ///< null: always
};

double never(const When&) { return 0; }

constexpr Habit kHabits[] = {
    // What is wasted.
    {"research", "idle-holder", never, 0},
    {"research", "notebook-0", [](const When& when) { return is_working(when) ? 0.3 + 0.2 * when.noise : 0; }, 9, 0.3},
    {"ml", "finetune-0", [](const When& when) { return 0.85 + 0.1 * when.noise; }, 21},
    // What only looks like it.
    {"serving", "embed-0", [](const When& when) { return 0.07 + 0.03 * when.noise; }, 9},
    {"ml", "warmup-0", never, 18, 0, kHour},
    {"research", "sweep-0", never, 5, 0, 0, [](EpochMs slot) { return slot / kHour % 4 != 0; }},
    // Everyday work.
    {"ml", "trainer-0", [](const When& when) { return 0.85 + 0.08 * when.noise; }, 41, 0.9},
    {"serving", "llm-7b-0",
     [](const When& when) { return 0.2 + (when.weekend ? 0.25 : 0.55) * daytime(when) + 0.06 * when.noise; }, 34, 0.9},
    {"research", "eval-17", [](const When& when) { return 0.12 + 0.02 * when.noise; }, 3, 0.6},
    {"ml", "pretrain-0", [](const When& when) { return 0.9 + 0.05 * when.noise; }, 72},
    {"ml", "pretrain-1", [](const When& when) { return 0.9 + 0.05 * when.noise; }, 72},
    {"serving", "chat-0", [](const When& when) { return 0.15 + 0.7 * daytime(when) + 0.08 * when.noise; }, 30},
};

/// As a value was for all of a slot, and the most of it.
void tell(fleet::Totals& into, Field field, double value, double most) {
  const double scale = fleet::kFieldRows[static_cast<std::size_t>(field)].scale;
  into[field] = {std::llround(value * scale) * kSlot, kSlot, std::llround(most * scale)};
}

fleet::UsageSubject subject_of(const std::string& cluster, const HeldPart& part) {
  fleet::UsageSubject out;
  out.cluster = cluster;
  out.device_uuid = part.uuid;
  if (!part.instance) return out;
  const sim::MigProfile& profile = *part.instance->profile;
  out.gpu_instance = sim::instance_id(*part.gpu->model->mig, profile, part.instance->start);
  out.profile = profile.name;
  out.compute_slices = profile.compute_slices;
  return out;
}

/// All that was told in one slot.
fleet::Usage usage_of(const std::vector<HeldPart>& parts,
                      const std::vector<std::shared_ptr<const fleet::Workload>>& owners, EpochMs slot, EpochMs now) {
  fleet::Usage out;
  for (std::uint32_t i = 0; i < parts.size(); ++i) {
    const auto told = told_of(parts[i], slot, now);
    if (!told) continue;
    out.subjects.push_back({i, slot, *told});
    fleet::OwnerUsage had;
    had.subject = i;
    had.bucket = slot;
    had.owner = owners[i];
    had.held_ms = had.share_ms = kSlot;
    had.used_ms = told->max(Field::MemoryUsed).value_or(0) > 0 ? kSlot : 0;
    out.owners.push_back(std::move(had));
  }
  return out;
}

}  // namespace

std::vector<HeldPart> held_parts(const sim::Scenario& scenario) {
  std::vector<HeldPart> out;
  for (const sim::NodeSpec& node : scenario.nodes)
    for (const sim::PodSpec& pod : node.pods) {
      std::size_t ordinal = 0;
      for (const sim::ContainerSpec& container : pod.containers)
        for (const sim::HoldSpec& hold : container.devices) {
          const sim::GpuSpec& gpu = node.gpus.at(hold.gpu);
          out.push_back({gpu.uuid, &gpu, hold.instance ? &gpu.layout.at(*hold.instance) : nullptr, &pod, ordinal++});
        }
    }
  return out;
}

std::optional<fleet::Totals> told_of(const HeldPart& part, EpochMs slot, EpochMs now) {
  const auto* const habit = std::ranges::find_if(
      kHabits, [&](const Habit& one) { return part.pod->ns == one.space && part.pod->name == one.pod; });
  if (habit == std::end(kHabits) || (habit->told && !habit->told(slot))) return std::nullopt;
  if (habit->came_ago > 0 && slot < now - habit->came_ago) return std::nullopt;
  When when = when_of(slot, 0);
  when.noise = noise(slot, static_cast<std::size_t>(habit - std::begin(kHabits)));
  const bool touched = part.ordinal == 0;
  const double busy = touched ? std::clamp(habit->busy(when), 0.0, 1.0) : 0;
  const double memory = touched ? habit->memory_gib * (1U << 30U) : 0;
  fleet::Totals out;
  out.observed_ms = out.owned_ms = kSlot;
  tell(out, Field::Utilization, busy, std::min(1.0, 1.3 * busy));
  tell(out, Field::MemoryUsed, memory, memory);
  if (habit->width > 0) tell(out, Field::SmActive, busy * habit->width, 0);
  return out;
}

Result<void> write_usage(store::Database& database, const std::string& cluster, const sim::Scenario& scenario,
                         EpochMs now, int days) {
  const auto parts = held_parts(scenario);
  std::vector<std::shared_ptr<const fleet::Workload>> owners;
  for (const HeldPart& one : parts)
    owners.push_back(std::make_shared<fleet::Workload>(fleet::Workload{one.pod->ns, one.pod->name, {}, one.pod->uid}));
  const auto subject = [&](std::uint32_t number) { return subject_of(cluster, parts[number]); };
  store::UsageRetention kept;
  kept.raw = Milliseconds(0);
  store::UsageWriter writer(Milliseconds(kSlot), kept);
  const EpochMs end = now / kSlot * kSlot;
  for (EpochMs day = end - days * kDay; day < end; day += kDay)
    TRY(database.atomically([&]() -> Result<void> {
      // Slot by slot, so that no bucket of the ledger is written late, and is corrected then.
      for (EpochMs slot = day; slot < std::min(end, day + kDay); slot += kSlot)
        TRY(writer.write(database, usage_of(parts, owners, slot, now), subject, slot + kSlot));
      return {};
    }));
  return {};
}

}  // namespace tessera::demo
