#include "store/test_database.h"

#include <stdexcept>

#include "store/postgres_peer.h"

namespace tessera::store {

void EachDatabase::SetUp() {
  if (!postgres()) {
    url_ = "sqlite:" + (folder.path() / "tessera.db").string();
  } else if (auto* peer = PostgresPeer::instance()) {
    url_ = peer->fresh_url();
  } else {
    GTEST_SKIP() << PostgresPeer::kMissing;
  }
  database = open();
}

std::unique_ptr<Database> EachDatabase::open() const {
  auto opened = Database::open(url_);
  if (!opened) throw std::runtime_error(opened.error().what);
  return *std::move(opened);
}

}  // namespace tessera::store
