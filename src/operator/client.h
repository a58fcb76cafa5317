#pragma once
// Inside the room: calls to the API server that end at a stop, each counted. Thread contract: one thread.
#include <nlohmann/json_fwd.hpp>
#include <stop_token>
#include <string>

#include "kube/api.h"
#include "kube/status.h"
#include "operator/counts.h"

namespace tessera::operate {

struct Reply {
  kube::Status status{};  ///< code 200 or 201: it went well
  std::string body{};
  std::string trouble{};  ///< what was tried and why it did not go well; empty: it did
  bool ok() const { return status.code / 100 == 2; }
};

/// The name by which the API server knows which fields are ours.
inline constexpr const char* kFieldManager = "tessera-operator";

class Client {
 public:
  Client(kube::ApiServer server, Counts& counts);

  /// An error is that no reply came: the API server is away.
  Result<Reply> get(const std::string& path, const std::stop_token& stop);
  Result<Reply> create(const std::string& path, const nlohmann::ordered_json& object, const std::stop_token& stop);
  /// Server-side, with force: fields that we name are ours.
  Result<Reply> apply(const std::string& path, const nlohmann::ordered_json& object, const std::stop_token& stop);
  Result<Reply> merge(const std::string& path, const nlohmann::ordered_json& patch, const std::stop_token& stop);
  /// Only the object with this uid. `orphan`: what it owns stays.
  Result<Reply> remove(const std::string& path, const std::string& uid, bool orphan, const std::stop_token& stop);

 private:
  Result<Reply> call(kube::ApiRequest request, const std::stop_token& stop);

  kube::Api api_;
  Counts& counts_;
};

}  // namespace tessera::operate
