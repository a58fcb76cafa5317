#include "server/unknown_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/text.h"
#include "fleet/decision/published.h"
#include "fleet/decision/text.h"

namespace tessera::server {
namespace {
namespace decision = fleet::decision;

bool is_in_cluster(const decision::Candidate& one, const AllocationWish& wish) {
  return !wish.cluster || one.cluster == *wish.cluster;
}

bool knows_node(const decision::Supply& supply, const AllocationWish& wish) {
  return wish.node.empty() || std::ranges::any_of(supply.candidates, [&](const decision::Candidate& one) {
           return one.node == wish.node && is_in_cluster(one, wish);
         });
}

std::vector<std::string> unknown_models(const decision::Supply& supply, const AllocationWish& wish) {
  std::vector<std::string> out;
  for (const std::string& model : wish.need.models)
    if (std::ranges::none_of(supply.candidates, [&](const decision::Candidate& one) {
          return is_in_cluster(one, wish) && one.model == model;
        }))
      out.push_back(model);
  return out;
}

/// Each once; what `name` is short for, or nearly, first.
std::vector<std::string> there_are(const decision::Supply& supply, const AllocationWish& wish,
                                   std::string decision::Candidate::* member, std::string_view name) {
  std::set<std::string_view> known;
  for (const decision::Candidate& one : supply.candidates)
    if (is_in_cluster(one, wish)) known.insert(one.*member);
  std::vector<std::string_view> names(known.begin(), known.end());
  const std::string near(nearest(name, names));
  std::ranges::sort(
      names, {}, [&](std::string_view one) { return std::pair(one != near && !decision::is_called(one, name), one); });
  return {names.begin(), names.end()};
}

}  // namespace

std::string with_unknown_names(std::string sentence, const decision::Supply& supply, const AllocationWish& wish) {
  if (!knows_node(supply, wish)) return fmt::format("Nothing has been told of a GPU on a node '{}'", wish.node);
  const auto models = unknown_models(supply, wish);
  if (!models.empty()) sentence += fmt::format(". Nothing has been told of a GPU of model {}", decision::join(models));
  return sentence;
}

void tell_unknown_names(decision::Refusal& refusal, const decision::Supply& supply, const AllocationWish& wish) {
  refusal.sentence = with_unknown_names(std::move(refusal.sentence), supply, wish);
  const auto add = [&](std::string_view member, std::string decision::Candidate::* of, std::string_view name) {
    refusal.remedies.insert(refusal.remedies.begin(), {decision::RemedyKind::NameAnother,
                                                       "",
                                                       fmt::format("{}: GPUs are told of with the names {}", member,
                                                                   decision::join(there_are(supply, wish, of, name))),
                                                       {}});
  };
  if (!knows_node(supply, wish)) return add("nodeName", &decision::Candidate::node, wish.node);
  if (const auto models = unknown_models(supply, wish); !models.empty())
    add("models", &decision::Candidate::model, models.front());
}

}  // namespace tessera::server
