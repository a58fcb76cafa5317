#pragma once
// TokenReview: whose a token is, as a test has told. Pure.
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "http/server.h"
#include "tests/kube_stub/store.h"

namespace tessera::kube_stub {

struct KnownToken {
  Json user;  ///< username, extra
  std::set<std::string> audiences;
};

/// The review that was asked for, with its status.
Answer review_token(const std::map<std::string, KnownToken>& tokens, const http::Request& request);

}  // namespace tessera::kube_stub
