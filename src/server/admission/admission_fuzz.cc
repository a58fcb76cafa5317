#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

#include "base/base64url.h"
#include "kube/json_slice.h"
#include "server/admission/extender.h"
#include "server/admission/labels.h"
#include "server/admission/review.h"

namespace {
using namespace tessera;
using server::Json;

void require(bool law) {
  if (!law) std::abort();
}

std::string unpacked(std::string text) {
  while (text.ends_with('=')) text.pop_back();
  std::ranges::replace(text, '+', '-');
  std::ranges::replace(text, '/', '_');
  return base64url_decoded(text).value_or("");
}

constexpr std::size_t kMostToBuild = 4'096;  // a tree of what is deep is torn down by recursion

}  // namespace

// Any bytes have a whole answer: it says what was asked, refuses with a reason alone, and its patch applies to the pod,
// after which there is nothing more to patch. The scheduler's questions, likewise, have answers in JSON.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string body(reinterpret_cast<const char*>(data), size);
  const server::ReviewGround ground{"default", [](const server::AllocationWish& wish) -> Result<server::Foreseen> {
                                      require(!wish.space.empty() && wish.cluster == "default");
                                      if (wish.need.memory_mib > 80'000U) return fail(Code::NotFound, "too large");
                                      return server::Foreseen{"nvidia.com/mig-2g.20gb", 1, true, "", ""};
                                    }};
  const Json answer = Json::parse(server::answer_review(body, ground));
  const Json& response = answer["response"];
  require(answer["kind"] == "AdmissionReview" && response["uid"].is_string() && response["allowed"].is_boolean());
  require(response["allowed"] == true || (!response.contains("patch") && response["status"]["message"].is_string()));
  if (response.contains("patch") && size <= kMostToBuild) {
    Json review = Json::parse(body);
    Json& pod = review["request"]["object"];
    pod = pod.patch(Json::parse(unpacked(response["patch"])));
    require(!Json::parse(server::answer_review(review.dump(), ground))["response"].contains("patch"));
  }
  const server::ExtenderGround extender{[] { return std::make_shared<const server::Published>(); },
                                        [] { return std::make_shared<const fleet::AllocationBook>(); },
                                        [](const server::AllocationWish&) { return Result<void>(); },
                                        [](const std::string&) { return Result<void>(); }};
  require(kube::is_json(server::filter_nodes(body, extender)));
  require(kube::is_json(server::prioritize_nodes(body, extender)));
  return 0;
}
