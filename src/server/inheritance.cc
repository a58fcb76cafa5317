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

std::optional<EpochMs> Inheritance::begins(const fleet::UsageSubject& subject) const {
  const auto number = heir_.usage_number(subject);
  return number ? heir_.meter().begins(*number) : std::nullopt;
}

void Inheritance::apply(const Batch& batch) {
  auto& journal = journals_[batch.of_another->journal];
  if (!journal) {
    fleet::FleetOptions options = options_;
    options.counted_elsewhere_from = [this](const fleet::UsageSubject& subject) { return begins(subject); };
    journal = std::make_unique<Journal>(std::move(options));
  }
  journal->fleet.arrived(batch.arrived);
  journal->router.apply(batch);
  journal->heard = batch.arrived;
  journal->holds = batch.of_another->direct;
  journal->ended |= batch.of_another->last;
}

std::vector<fleet::Usage> Inheritance::take(EpochMs now) {
  std::vector<fleet::Usage> out;
  std::erase_if(journals_, [&](const auto& entry) {
    Journal& journal = *entry.second;
    const bool over = journal.ended || now - journal.heard > kMostSilence.count();
    // By now all are silent: what was told last has lasted to where the heir's begins, or for a hold.
    if (journal.ended && journal.holds) journal.fleet.meter().settle(journal.heard + options_.interval.count() * 5 / 2);
    fleet::Usage usage = journal.fleet.meter().take();
    by_number_of_heir(usage, journal);
    if (!usage.subjects.empty() || !usage.owners.empty()) out.push_back(std::move(usage));
    return over;
  });
  return out;
}

void Inheritance::by_number_of_heir(fleet::Usage& usage, const Journal& of) const {
  const auto renumber = [&](auto& rows) {
    std::erase_if(rows, [&](auto& row) {
      const auto number = heir_.usage_number(of.fleet.usage_subject(row.subject));
      if (number) row.subject = *number;
      return !number;
    });
    std::ranges::sort(rows, {}, [](const auto& row) { return std::pair(row.bucket, row.subject); });
  };
  renumber(usage.subjects);
  renumber(usage.owners);
  usage.silent.clear();  // the heir knows what it has been told of
}

}  // namespace tessera::server
