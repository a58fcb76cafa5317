#include "tests/kube_stub/token_reviews.h"

#include <memory>
#include <nlohmann/json.hpp>

namespace tessera::kube_stub {

Answer review_token(const std::map<std::string, KnownToken>& tokens, const http::Request& request) {
  constexpr int kCreated = 201, kBadRequest = 400;
  Json review = Json::parse(request.body, nullptr, false);
  if (!review.is_object() || !review.contains("spec"))
    return status_answer(kBadRequest, "BadRequest", "a TokenReview is expected");
  const Json& spec = review["spec"];
  const auto known = tokens.find(spec.value("token", ""));
  Json shared = Json::array();
  if (known != tokens.end())
    for (const Json& one : spec.value("audiences", Json::array()))
      if (known->second.audiences.contains(one.get<std::string>())) shared.push_back(one);
  if (shared.empty())
    review["status"] = {{"authenticated", false}, {"error", "the token is nobody's, or for somebody else"}};
  else
    review["status"] = {{"authenticated", true}, {"user", known->second.user}, {"audiences", shared}};
  review["metadata"] = Json::object();
  return {kCreated, std::make_shared<const Json>(std::move(review))};
}

}  // namespace tessera::kube_stub
