#include "server/forecast/queue_log.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/every.h"
#include "base/log.h"
#include "gpu/profile_name.h"
#include "server/allocation_wish.h"
#include "server/forecast/past.h"

namespace tessera::server {
namespace {

constexpr double kSlices = 7;  // of a device that can be cut
constexpr EpochMs kLongestLook = 5 * 60'000;
constexpr EpochMs kKept = 70 * 24 * kForecastHour;  // more than a Past has

double devices_of(const fleet::decision::Need& need) {
  double part = 1;
  if (!need.profile.empty()) {
    if (const auto name = gpu::parse_profile_name(need.profile))
      part = (name->compute_slices > 0 ? name->compute_slices : name->gpu_instance_slices) / kSlices;
  } else if (need.compute_slices) {
    part = *need.compute_slices / kSlices;
  } else if (need.compute_milli) {
    part = *need.compute_milli / 1000.0;
  }
  return need.devices * std::min(part, 1.0);
}

}  // namespace

std::vector<store::QueueShare> waited(const fleet::AllocationBook& book, Milliseconds ms) {
  std::map<std::pair<std::string, std::string>, double> sums;
  for (const fleet::PodAllocation* one : book.queue()) {
    const auto wish = read_kept_wish(one->request);
    if (!wish) continue;  // of a server that knew other wishes
    const std::string model = wish->need.models.size() == 1 ? wish->need.models.front() : "";
    sums[{one->team, model}] += devices_of(wish->need) * static_cast<double>(ms.count());
  }
  std::vector<store::QueueShare> out;
  for (const auto& [of, gpu_ms] : sums) out.push_back({of.first, of.second, std::llround(gpu_ms)});
  return out;
}

QueueLog::QueueLog(BookNow book, const Latest<Published>& fleet, Changes& changes, std::function<bool()> started,
                   QueueLogOptions options)
    : book_(std::move(book)), fleet_(fleet), changes_(changes), started_(std::move(started)), options_(options) {
  if (options_.look_every.count() == 0) return;
  thread_ = std::jthread([this](const std::stop_token& stop) { every(options_.look_every, stop, [this] { look(); }); });
}

QueueLog::~QueueLog() { thread_ = {}; }

void QueueLog::look() {
  const auto known = fleet_.get();
  if (!known || !known->view || !started_()) return;
  const EpochMs now = known->view->time, before = looked_at_;
  looked_at_ = now;
  // Longer ago than that, nobody can say what waited meanwhile.
  if (before == 0 || now <= before || now - before > kLongestLook) return;
  const auto book = book_();
  const EpochMs hour = now / kForecastHour * kForecastHour;
  const auto done = changes_.read([&](store::Database& database) {
    return database.atomically([&]() -> Result<void> {
      if (before < hour)
        TRY(store::add_queue(database, hour - kForecastHour, hour - before,
                             waited(*book, Milliseconds(hour - before))));
      const EpochMs from = std::max(before, hour);
      if (from < now) TRY(store::add_queue(database, hour, now - from, waited(*book, Milliseconds(now - from))));
      if (before < hour) TRY(store::drop_queue_before(database, now - kKept));
      return {};
    });
  });
  if (!done && !failing_)
    log::error("what is waited for cannot be kept; it is tried again", {{"why", done.error().what}});
  failing_ = !done;
}

}  // namespace tessera::server
