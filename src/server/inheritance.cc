#include "server/inheritance.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

namespace tessera::server {
namespace {
using namespace std::chrono_literals;

// A journal that does not come to its end: its server is gone again, or of a version that does not say which is the
// last.
constexpr Milliseconds kMostSilence = 600s;

}  // namespace

Inheritance::Journal::Journal(fleet::FleetOptions options)
    : fleet(std::move(options)), router(fleet, serving, std::numeric_limits<std::size_t>::max()) {}

/// Here its own server had counted everything: what that came to is dropped, and the states that had not ended are
/// known.
void Inheritance::Journal::end_recall(EpochMs counted_at) {
  if (std::exchange(counts, true)) return;
  fleet.meter().settle(counted_at);
  fleet.meter().take();
}

std::optional<EpochMs> Inheritance::begins(const fleet::UsageSubject& subject) const {
  const auto number = heir_.usage_number(subject);
  return number ? heir_.usage_begins(*number) : std::nullopt;
}

Inheritance::Journal& Inheritance::journal_of(const OfAnother& from) {
  auto& journal = journals_[from.journal];
  if (journal) return *journal;
  fleet::FleetOptions options = options_;
  options.counted_elsewhere_from = [this](const fleet::UsageSubject& subject) { return begins(subject); };
  journal = std::make_shared<Journal>(std::move(options));
  if (from.direct)
    for (const fleet::CountedBefore& one : counted_) journal->fleet.remember(one);
  return *journal;
}

void Inheritance::apply(const Batch& batch) {
  const OfAnother& from = *batch.of_another;
  Journal& journal = journal_of(from);
  if (from.sequence <= journal.sequence) return;
  if (!from.counted) journal.end_recall(from.counted_at);
  journal.fleet.arrived(batch.arrived);
  journal.router.apply(batch);
  // Live state is the heir's.
  journal.fleet.take_ended();
  journal.fleet.take_layouts();
  journal.fleet.take_xids();
  journal.sequence = from.sequence;
  journal.heard = std::max(journal.heard, batch.arrived);
  journal.holds = from.direct;
  journal.ended = from.last;
}

/// What was told last has lasted to where the heir's begins, or for a hold: of that the heir is to count nothing again
/// that it may yet be told of.
fleet::Usage Inheritance::end(Journal& journal) {
  if (!journal.holds) return journal.fleet.meter().take();
  journal.fleet.meter().settle(journal.heard + options_.interval.count() * 5 / 2);
  fleet::Usage usage = journal.fleet.meter().take(std::numeric_limits<EpochMs>::max());
  std::erase_if(usage.silent, [&](const fleet::Counted& one) {
    const auto number = heir_.usage_number(journal.fleet.usage_subject(one.subject));
    if (!number || heir_.usage_begins(*number)) return true;
    fleet::Counted own = one;
    own.subject = *number;
    heir_.meter().remember(own);
    return false;
  });
  return usage;
}

std::vector<Inheritance::Share> Inheritance::take(EpochMs now) {
  std::vector<Share> out;
  std::erase_if(journals_, [&](const auto& entry) {
    const auto& [id, journal] = entry;
    if (journal->sequence == journal->told) return now - journal->came > kMostSilence.count();
    fleet::Usage usage;
    if (journal->counts) usage = journal->ended ? end(*journal) : journal->fleet.meter().take();
    out.push_back({id, journal->sequence, {journal, &journal->fleet}, std::move(usage)});
    journal->told = journal->sequence;
    journal->came = now;
    return journal->ended;
  });
  return out;
}

}  // namespace tessera::server
