#pragma once
// For tests: hours of a fleet that was scraped each 30 s, kept in a database as the keeper does it.
#include <functional>
#include <memory>
#include <string>

#include "base/files.h"
#include "base/latest.h"
#include "fleet/inventory/told_pages.h"
#include "server/keeper.h"
#include "store/archive.h"
#include "store/database.h"
#include "store/readers.h"

namespace tessera::server {

class ToldHistory {
 public:
  static constexpr EpochMs kStart = 1'800'000'000'000;  ///< a quarter of an hour begins
  static constexpr EpochMs kMinute = 60'000;

  ToldHistory();

  /// The page of `node` each 30 s of [from, to), then kept as of `now`, which is published.
  using PageAt = std::function<std::string(EpochMs)>;
  void scrape(const std::string& node, EpochMs from, EpochMs to, const PageAt& page);
  void keep(EpochMs now);
  void publish(EpochMs now);

  std::unique_ptr<store::Database> open() const;

  fleet::ToldPages told;
  std::shared_ptr<const fleet::ClusterView> cluster = std::make_shared<const fleet::ClusterView>();
  Latest<Published> published;
  TempDir folder;
  const std::string url = "sqlite:" + (folder.path() / "tessera.db").string();
  std::unique_ptr<store::Database> database = open();
  store::Readers readers{url, 2};

 private:
  store::Archive archive_;
  std::uint64_t record_ = 0;
  EpochMs newest_ = 0;  ///< the fleet's time
};

/// A board whole that `team`'s pod holds at an hour's busy share, and one cut in two, of which one is held.
std::string two_boards(double busy, const std::string& holder);

}  // namespace tessera::server
