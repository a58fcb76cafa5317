#pragma once
// Allocations, as fleet/allocation/ has them. That a slice has one owner, and a pod one allocation that is not over, is
// the database's to see to as well: a second writer fails, whatever it believes.
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fleet/allocation/allocation.h"
#include "store/database.h"

namespace tessera::store {

/// By id.
Result<std::vector<fleet::PodAllocation>> allocations(Database& database);

/// In a transaction of the caller's: takes the place of what was there by its id.
Result<void> put_allocation(Database& database, const fleet::PodAllocation& one);

/// What was expected to come, which many scenes have in common: it is kept once.
struct SceneMix {
  std::string name;  ///< of no other text
  std::string text;
};

/// What the decision of an allocation was made on, in the words of whoever keeps it.
struct KeptScene {
  std::string allocation;                 ///< its id
  std::string text{};                     ///< empty: nothing is kept of it
  std::shared_ptr<const SceneMix> mix{};  ///< null: nothing was expected
};

/// In a transaction of the caller's: takes the place of what was kept of its allocation.
Result<void> put_scene(Database& database, const KeptScene& one);
/// Absent where nothing is kept.
Result<std::optional<KeptScene>> scene_of(Database& database, const std::string& allocation);

/// Those of these ids that are over, with what their decisions were made on. In a transaction of the caller's.
Result<void> drop_allocations(Database& database, const std::vector<std::string>& ids);

/// `w-1 GPU-… 2g.20gb 0+2 made|w-1 GPU-… - 0+8 found|w-1 GPU-… nvidia.com/gpu.shared:4 2+1 found`; empty for none.
std::string parts_text(const std::vector<fleet::PromisedPart>& parts);
/// Of what parts_text() has written; what is not of its form is left out.
std::vector<fleet::PromisedPart> read_parts(std::string_view text);

}  // namespace tessera::store
