#pragma once
// For tests: workloads with a label of what is wrong with each, made of slots as they would be told.
#include <functional>
#include <string>
#include <vector>

#include "fleet/advice/advice.h"

namespace tessera::fleet::advice {

inline constexpr EpochMs kMinute = 60'000, kHourMs = 60 * kMinute, kDayMs = 24 * kHourMs;
inline constexpr EpochMs kNow = 20'000 * kDayMs;  ///< a midnight
inline constexpr Milliseconds kSlot = Windowing().slot;
inline constexpr std::uint64_t kGiB = std::uint64_t{1} << 30U;

/// What a pod does at a time; absent: nobody tells.
using Doing = std::function<std::optional<Slot>(EpochMs)>;
/// All of a slot known.
Slot doing(EpochMs begin, double busy, double busy_most, double sm, double memory_gib);
std::vector<Slot> slots_of(const Doing& doing, Milliseconds of_late);

/// A pod of a Deployment of one replica on an H100, whole, that came `days` ago.
Workload on_h100(const std::string& name, const Doing& doing, double days = 14);
/// On an RTX 4090, which cannot be cut.
Workload on_4090(const std::string& name, const Doing& doing, double days = 14);
/// As an engine that serves Llama 3.1 8B on an H100.
Workload serving(const std::string& name, const std::function<std::optional<EngineSlot>(EpochMs)>& doing,
                 double days = 14);

/// `kind`: what is to be said of it alone; absent: nothing.
struct Labelled {
  std::string name;
  std::optional<Kind> kind;
  Facts facts;
};
const std::vector<Labelled>& labelled();

}  // namespace tessera::fleet::advice
