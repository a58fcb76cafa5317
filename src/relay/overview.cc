#include "relay/overview.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace tessera::relay {
namespace {

void add(journal::Count& sum, const journal::Count& more) {
  sum.records += more.records;
  sum.items += more.items;
}

int urgency(Health health) {
  switch (health) {
    case Health::Down:
      return 0;
    case Health::Unknown:
      return 1;
    case Health::Up:
      return 2;
  }
  return 0;
}

}  // namespace

std::string_view name_of(Health health) {
  switch (health) {
    case Health::Unknown:
      return "unknown";
    case Health::Up:
      return "up";
    case Health::Down:
      return "down";
  }
  return "";
}

std::string_view name_of(const Member& member) { return member.lives ? "living" : "away"; }

void sort_for_people(std::vector<SeenTarget>& targets) {
  const auto place = [](const SeenTarget& seen) {
    return std::make_tuple(urgency(seen.status.health), std::string_view(seen.target.job->name),
                           std::string_view(seen.target.url), std::string_view(seen.target.job->id));
  };
  std::ranges::sort(targets, [&](const SeenTarget& a, const SeenTarget& b) { return place(a) < place(b); });
}

std::size_t keep_dropped(std::vector<Sifted::Dropped>& dropped, const std::vector<Job>& jobs) {
  std::map<std::string_view, std::uint64_t> left;
  for (const Job& job : jobs)
    if (const auto& limit = job.scrape.limits.keep_dropped_targets) left[job.id] = *limit;
  return std::erase_if(dropped, [&](const Sifted::Dropped& one) {
    const auto job = left.find(one.target.job_id);
    if (job == left.end()) return false;
    if (job->second == 0) return true;
    --job->second;
    return false;
  });
}

journal::Stats sum_of(const std::vector<journal::Stats>& queues) {
  journal::Stats sum;
  for (const journal::Stats& queue : queues) {
    add(sum.pending, queue.pending);
    sum.pending_bytes += queue.pending_bytes;
    if (queue.oldest) sum.oldest = std::min(sum.oldest.value_or(*queue.oldest), *queue.oldest);
    add(sum.appended, queue.appended);
    sum.appended_bytes += queue.appended_bytes;
    add(sum.acknowledged, queue.acknowledged);
    for (std::size_t i = 0; i < sum.dropped.size(); ++i) add(sum.dropped[i], queue.dropped[i]);
    sum.disk_bytes += queue.disk_bytes;
    sum.segments += queue.segments;
    sum.syncs += queue.syncs;
    sum.write_errors += queue.write_errors;
  }
  return sum;
}

std::optional<Milliseconds> lag_of(const journal::Stats& queue, EpochMs now) {
  if (queue.pending.records == 0 || !queue.oldest) return std::nullopt;
  return Milliseconds(std::max<EpochMs>(now - *queue.oldest, 0));
}

}  // namespace tessera::relay
