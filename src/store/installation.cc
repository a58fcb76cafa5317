#include "store/installation.h"

#include <fmt/format.h>

#include <random>

namespace tessera::store {

Result<std::string> installation(Database& database) {
  std::random_device random;
  TRY(database.run("INSERT INTO installation (id, name) VALUES (1, ?) ON CONFLICT (id) DO NOTHING",
                   {fmt::format("{:08x}{:08x}{:08x}{:08x}", random(), random(), random(), random())}));
  std::string out;
  TRY(database.each("SELECT name FROM installation WHERE id = 1", {}, [&](const Row& row) { out = row.text(0); }));
  return out;
}

}  // namespace tessera::store
