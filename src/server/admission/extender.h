#pragma once
// The scheduler's extender, for clusters whose API server knows no scheduling gates (before 1.27): a pod that asks by
// label is let to the node alone that it is promised, once what it was promised is there. A promise is made only to a
// pod that the cluster shows: whoever else reaches the port gets none by a name.
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "fleet/allocation/book.h"
#include "server/allocation_wish.h"
#include "server/keeper.h"

namespace tessera::server {

struct ExtenderGround {
  std::function<std::shared_ptr<const Published>()> known;
  std::function<std::shared_ptr<const fleet::AllocationBook>()> book;
  std::function<Result<void>(const AllocationWish&)> ask;  ///< see ask_for(); of a server that does not lead: why not
  std::function<Result<void>(const std::string& id)> release;  ///< an allocation; likewise
  Milliseconds patience{3'000};                                ///< for the watch to show a pod; schedulers wait for 5 s
};

/// ExtenderFilterResult of ExtenderArgs, for any bytes. A pod that does not ask us keeps all of its nodes.
std::string filter_nodes(std::string_view body, const ExtenderGround& ground);

/// HostPriorityList of ExtenderArgs: 10 for the node that the pod is promised, 0 for all others.
std::string prioritize_nodes(std::string_view body, const ExtenderGround& ground);

}  // namespace tessera::server
