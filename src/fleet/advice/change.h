#pragma once
// What is to be done, as one would type it.
#include <string>
#include <utility>

#include "fleet/advice/advice.h"

namespace tessera::fleet::advice {

/// What a person is asked to do; see Step.
struct Saying {
  std::string word;
  std::map<std::string, std::string> values;
  std::string text;
};
Step by_hand(Saying of);

/// What is done, and what undoes it.
struct Steps {
  Step change, undo;
};

/// Ends all pods of the workload.
Steps stop_steps(const Workload& of);
/// Each pod asks for `count` of `resource` in the place of what it asks for now. By hand where several of its
/// containers hold devices: whose request is to be less nobody can tell.
Steps request_steps(const Workload& of, const std::string& resource, std::size_t count);
/// Each pod asks for one instance of `profile`, which the server has cut first where none stands. By hand where an
/// instance is held as a GPU (the plugin's single strategy): the node has no other resource to ask for.
Steps slice_steps(const Workload& of, const std::string& profile);
/// Where pods are to stand.
struct Place {
  Saying nodes;                                 ///< in words: "let it stand on spot nodes"
  std::pair<std::string, std::string> label{};  ///< that they have; an empty value: none is known
  std::size_t replicas = 0;                     ///< 0: as many as there are
};
/// By hand where no label is known, or replicas that are to be another number cannot be set. Undone to what pods asked
/// of nodes before.
Steps place_steps(const Workload& of, const Place& place);
/// It runs in hours of the day alone (UTC): between `first` and `end`.
Steps schedule_steps(const Workload& of, unsigned first, unsigned end);
/// The namespace may have `hard` of the quota's resource.
Steps quota_steps(const Quota& of, std::int64_t hard);
/// Nothing new is scheduled to the node.
Steps cordon_steps(const std::string& node);

}  // namespace tessera::fleet::advice
