#include "store/test_database.h"

#include <stdexcept>

#include "store/postgres_peer.h"

namespace tessera::store {

void EachDatabase::SetUp() {
  if (!postgres()) {
    url_ = "sqlite:" + (folder.path() / "tessera.db").string();
  } else if (auto* peer = PostgresPeer::instance()) {
    const bool odbc = GetParam() == std::string("postgres_odbc");
    url_ = odbc ? peer->fresh_odbc_url() : peer->fresh_url();
    if (url_.empty()) GTEST_SKIP() << "psqlodbc's driver is neither in TESSERA_PEERS nor in /usr/lib";
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
