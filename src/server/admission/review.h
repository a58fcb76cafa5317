#pragma once
// The mutating webhook: a pod that asks by label for a GPU gets our scheduling gate and the resource that will serve
// it, for what a pod asks for cannot be changed later. Pure.
#include <functional>
#include <string>
#include <string_view>

#include "server/admission/counts.h"
#include "server/allocation_wish.h"
#include "server/allocations.h"

namespace tessera::server {

struct ReviewGround {
  std::string cluster;  ///< which of the fleet's clusters asks
  std::function<Result<Foreseen>(const AllocationWish&)> foresee;
  std::function<void(Reviewed)> count{};  ///< told what became of it; may be empty
};

/// The AdmissionReview that answers the one in `body`, for any bytes. A pod that does not ask us is left as it is; what
/// is our own trouble lets it pass as it is, with a warning; only a label that cannot be understood, or that no device
/// of the fleet could ever serve, refuses it.
std::string answer_review(std::string_view body, const ReviewGround& ground);

}  // namespace tessera::server
