#pragma once
// Inside the room: questions to an API server, of which some may be refused without harm to the others.
#include <string>
#include <string_view>
#include <vector>

#include "cli/cells.h"
#include "kube/api.h"

namespace tessera::cli {

class ClusterCalls {
 public:
  ClusterCalls(kube::ApiServer server, Milliseconds patience) : api_(std::move(server)), patience_(patience) {}

  /// The JSON of a 2xx reply; else why there is none, with the right that is missing.
  Result<JsonValue> json(kube::ApiRequest request);
  /// All pages of a list; null, and noted in unseen(), where it is refused. `optional`: null without a note where the
  /// cluster has no such resource.
  JsonValue items(const std::string& path, kube::Query query = {}, bool optional = false);

  void note(std::string trouble) { unseen_.push_back(std::move(trouble)); }
  const std::vector<std::string>& unseen() const { return unseen_; }

 private:
  kube::Api api_;
  Milliseconds patience_;
  std::vector<std::string> unseen_;
};

/// "" where there is none.
std::string label_of(const JsonValue& object, const char* key);
/// The object's own "namespace/name".
std::string place_of(const JsonValue& object);
/// A list at a path, empty where there is none.
const JsonValue& list_at(const JsonValue& object, std::string_view path);

}  // namespace tessera::cli
