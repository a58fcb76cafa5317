#pragma once
// The random name of the fleet that a database is of.
#include <string>

#include "store/database.h"

namespace tessera::store {

/// The same for every server on this database, and for no other fleet. Made with the first call.
Result<std::string> installation(Database& database);

}  // namespace tessera::store
