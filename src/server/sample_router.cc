#include "server/sample_router.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include "wire/series_walk.h"
#include "wire/staleness.h"

namespace tessera::server {
namespace {
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kEpoch = 300s;  // how finely the index knows when a series was last seen

constexpr std::size_t kAhead = 16;  // samples whose place in the index is on its way from memory

/// In the index, slots of serving engines are told from those of the fleet by this bit.
constexpr std::uint32_t kServing = 1U << 25U;
static_assert(kServing * 2 > fleet::SeriesIndex::kSlots);

/// The labels of a batch's series, for whoever asks for few of them and in the message's order.
class LabelsAhead {
 public:
  explicit LabelsAhead(const Batch& batch) : batch_(batch) {}
  /// Absent where the series stands before one that was asked for, or not in the message.
  std::optional<fleet::Labels> of(const fleet::SeriesKey& series) {
    if (!walk_) walk_.emplace(batch_.protocol, batch_.message);
    while (!(fleet::SeriesKey{walk_->key().low, walk_->key().high} == series)) {
      const auto more = walk_->next();
      if (!more || !*more) return std::nullopt;
    }
    const auto labels = walk_->labels();
    return labels ? std::optional<fleet::Labels>(*labels) : std::nullopt;
  }

 private:
  const Batch& batch_;
  std::optional<wire::SeriesWalk> walk_;
};

}  // namespace

SampleRouter::SampleRouter(fleet::Fleet& fleet, fleet::Serving& serving, std::size_t max_series)
    : fleet_(fleet),
      serving_(serving),
      max_series_(std::min<std::size_t>(max_series, kServing)),
      started_(Clock::now()) {}

std::uint32_t SampleRouter::epoch() const { return static_cast<std::uint32_t>((Clock::now() - started_) / kEpoch) + 1; }

void SampleRouter::find_slots(const Batch& batch) {
  const std::uint32_t now = epoch();
  slots_.clear();
  all_known_ = true;
  const std::size_t count = batch.samples.size();
  for (std::size_t i = 0; i < count; ++i) {
    if (i + kAhead < count) index_.prefetch(batch.samples[i + kAhead].series);
    slots_.push_back(index_.find(batch.samples[i].series, now));
    all_known_ &= slots_.back() != fleet::SeriesIndex::kUnknown;
  }
}

Routed SampleRouter::apply(const Batch& batch) {
  find_slots(batch);
  if (!all_known_) {
    learn_new(batch);
    find_slots(batch);
  }
  Routed out;
  LabelsAhead labels(batch);
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const BatchSample& sample = batch.samples[i];
    if (slots_[i] == fleet::kNothing || slots_[i] == fleet::SeriesIndex::kUnknown) {
      ++out.ignored;
    } else if ((slots_[i] & kServing) != 0) {
      const fleet::Slot slot = slots_[i] & ~kServing;
      if (wire::is_stale(sample.value)) {
        serving_.end(slot, sample.time);
        ++out.samples;
      } else {
        ++(serving_.apply(slot, sample.value, sample.time) ? out.samples : out.not_newer);
      }
    } else if (wire::is_stale(sample.value)) {
      fleet_.end(slots_[i], sample.time);
      ++out.samples;
    } else {
      if (fleet_.wants_labels(slots_[i], sample.time))
        if (const auto told = labels.of(sample.series)) fleet_.relearn(slots_[i], *told, sample.time);
      ++(fleet_.apply(slots_[i], sample.value, sample.time) ? out.samples : out.not_newer);
    }
  }
  return out;
}

std::uint32_t SampleRouter::learn(fleet::Labels labels, EpochMs time) {
  if (!fleet::serving_meaning(fleet::label(labels, "__name__"))) return fleet_.learn(labels, time);
  const fleet::Slot slot = serving_.learn(labels, time);
  return slot == fleet::kNothing ? slot : slot | kServing;
}

/// The labels are read where a series is met for the first time, and where it comes back: see Fleet::wants_labels.
void SampleRouter::learn_new(const Batch& batch) {
  wire::SeriesWalk walk(batch.protocol, batch.message);
  std::size_t at = 0;  // samples stand in the message's order, without those that were left out
  for (auto more = walk.next(); more && *more; more = walk.next()) {
    const fleet::SeriesKey key{walk.key().low, walk.key().high};
    const std::size_t begin = at;
    while (at < batch.samples.size() && batch.samples[at].series == key) ++at;
    if (begin == at || index_.find(key, epoch()) != fleet::SeriesIndex::kUnknown) continue;
    if (index_.size() >= max_series_) {
      ++refused_;
      continue;
    }
    const BatchSample& first = batch.samples[begin];
    if (wire::is_stale(first.value)) continue;  // something that was never known has ended
    const auto labels = walk.labels();
    if (labels) index_.insert(key, learn(*labels, first.time), epoch());
  }
}

void SampleRouter::forget_silent(Milliseconds silence) {
  index_.drop_old(epoch(), static_cast<std::uint32_t>(silence / kEpoch) + 1, [this](std::uint32_t slot) {
    (slot & kServing) != 0 ? serving_.forget(slot & ~kServing) : fleet_.forget(slot);
  });
}

}  // namespace tessera::server
