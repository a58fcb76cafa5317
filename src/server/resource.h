#pragma once
// From a request to a resource's reply: parameters, problems, JSON or a table, ids and links.
#include <functional>
#include <string>
#include <vector>

#include "base/latest.h"
#include "http/server.h"
#include "server/access/sight.h"
#include "server/answers.h"
#include "server/api.h"

namespace tessera::server {

/// What resources are asked of.
struct Source {
  const Latest<Published>& fleet;
  std::vector<std::string> supported_models;
  std::function<bool()> started{};  ///< false while the journal is replayed: what is known is not all
  std::shared_ptr<Sight> sight = std::make_shared<Sight>();
  History history{};
  std::shared_ptr<Answers> answers = std::make_shared<Answers>();
  std::shared_ptr<NodeTexts> texts = std::make_shared<NodeTexts>();
  std::function<std::shared_ptr<const fleet::AllocationBook>()> allocations = [] {
    return std::make_shared<const fleet::AllocationBook>();
  };
};

using Show = Json (*)(const Known& known, Query& query);
using Tell = std::string (*)(const Known& known, Query& query);
using List = Page (*)(const Known& known, Query& query);

http::Response show(const Source& source, Show resource, const http::Request& request);
/// Of a resource that writes its JSON itself.
http::Response tell(const Source& source, Tell resource, const http::Request& request);
http::Response list(const Source& source, List resource, Columns columns, const http::Request& request);

/// One page as JSON or as a table, with the link to the next.
http::Response paged(const Page& page, Columns columns, const Query& query, EpochMs time);

/// 503 while the server starts.
http::Response starting(const http::Request& request);

}  // namespace tessera::server
