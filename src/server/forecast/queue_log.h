#pragma once
// Writes down how much is waited for, each minute, so that demand has a past: a thread of the leader. Where it was not
// there, nobody looked, and that is written down as well.
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "base/latest.h"
#include "fleet/allocation/book.h"
#include "server/access/changes.h"
#include "server/keeper.h"
#include "store/forecast_hours.h"

namespace tessera::server {

/// What those that wait ask for, in whole devices times `ms`. An instance is the part of a device that its compute
/// slices are; of who asks for memory alone nobody knows which part that will be, so it counts as a whole device.
std::vector<store::QueueShare> waited(const fleet::AllocationBook& book, Milliseconds ms);

struct QueueLogOptions {
  Milliseconds look_every{60'000};  ///< 0: look() alone
};

/// What is given outlives it.
class QueueLog {
 public:
  using BookNow = std::function<std::shared_ptr<const fleet::AllocationBook>()>;
  /// `started`: whether the book is what it was before a restart.
  QueueLog(BookNow book, const Latest<Published>& fleet, Changes& changes, std::function<bool()> started,
           QueueLogOptions options = {});
  ~QueueLog();
  QueueLog(const QueueLog&) = delete;
  QueueLog& operator=(const QueueLog&) = delete;

  /// One round of the thread; for tests, too.
  void look();

 private:
  const BookNow book_;
  const Latest<Published>& fleet_;
  Changes& changes_;
  const std::function<bool()> started_;
  const QueueLogOptions options_;
  EpochMs looked_at_ = 0;
  bool failing_ = false;  ///< said once
  std::jthread thread_;   ///< last
};

}  // namespace tessera::server
