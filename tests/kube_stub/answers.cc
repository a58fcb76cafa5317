#include "tests/kube_stub/answers.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "tests/kube_stub/access.h"
#include "tests/kube_stub/selectors.h"

namespace tessera::kube_stub {
namespace {

constexpr std::size_t kMostSnapshots = 16;

std::string value(const std::map<std::string, std::string>& query, const std::string& name) {
  const auto found = query.find(name);
  return found == query.end() ? "" : found->second;
}

/// Objects of a list say neither kind nor apiVersion.
Json as_item(const Json& object) {
  Json item = object;
  item.erase("kind");
  item.erase("apiVersion");
  return item;
}

/// Of a role or binding with rights that its writer has not.
std::optional<Answer> refuse_grant(const Store& store, const Target& target, Json object, const std::string& user) {
  object["kind"] = target.resource.kind;
  if (target.resource.namespaced) object["metadata"]["namespace"] = target.space;
  if (may_grant(store, user, object)) return std::nullopt;
  return status_answer(403, "Forbidden",
                       fmt::format("{} '{}' is forbidden: user '{}' is attempting to grant RBAC permissions not "
                                   "currently held",
                                   target.resource.plural, target.name, user));
}

}  // namespace

Answer expired(const std::string& message) { return status_answer(410, "Expired", message); }

Answer Answers::answer(const Target& target, const http::Request& request,
                       const std::map<std::string, std::string>& query, const std::string& user) {
  if (request.method != "GET") {
    std::string manager = value(query, "fieldManager");
    const bool apply = request.header("content-type").starts_with("application/apply-patch");
    if (manager.empty() && apply)
      return status_answer(422, "Invalid", "fieldManager: Required value: is required for apply patch");
    if (manager.empty()) manager = split(request.header("user-agent"), '/')[0];
    return write(target, request, {manager, value(query, "force") == "true", user});
  }
  if (target.name.empty()) return list(target, query);
  return store_.get(target.resource, target.space, target.name);
}

void Answers::forget_pages() {
  const std::lock_guard lock(mutex_);
  pages_.clear();
}

// A token is "SNAPSHOT.FIRST": all pages of a list are of one moment.
Answer Answers::list(const Target& target, const std::map<std::string, std::string>& query) {
  const auto limit = static_cast<std::size_t>(std::max<std::int64_t>(parse_int(value(query, "limit")).value_or(0), 0));
  if (const std::string token = value(query, "continue"); !token.empty()) {
    const auto dot = token.find('.');
    const auto from = parse_int(dot == std::string::npos ? "" : std::string_view(token).substr(dot + 1));
    const std::lock_guard lock(mutex_);
    const auto snapshot = pages_.find(token.substr(0, dot));
    if (!from || *from < 0) return status_answer(400, "BadRequest", "continue key is not valid");
    if (snapshot == pages_.end()) return expired("The provided continue parameter is too old");
    return page(target.resource, snapshot->second, static_cast<std::size_t>(*from), limit);
  }
  const auto selector = Selector::parse(value(query, "labelSelector"), value(query, "fieldSelector"));
  if (!selector) return status_answer(400, "BadRequest", selector.error().what);
  Store::Listing all = store_.list(target.resource, target.space);
  std::erase_if(all.items, [&](const Object& object) { return !selector->matches(*object); });
  const std::lock_guard lock(mutex_);
  return page(target.resource, all, 0, limit);
}

// The caller holds the lock.
Answer Answers::page(const Resource& resource, const Store::Listing& all, std::size_t from, std::size_t limit) {
  const std::size_t begin = std::min(from, all.items.size());
  const std::size_t end = limit == 0 ? all.items.size() : std::min(begin + limit, all.items.size());
  Json items = Json::array();
  for (std::size_t i = begin; i < end; ++i) items.push_back(as_item(*all.items[i]));
  Json metadata = {{"resourceVersion", std::to_string(all.version)}};
  if (end < all.items.size()) {
    std::string snapshot;
    for (const auto& [name, listing] : pages_)
      if (&listing == &all) snapshot = name;
    if (snapshot.empty()) {
      if (pages_.size() >= kMostSnapshots) pages_.erase(pages_.begin());
      snapshot = fmt::format("s{:08}", ++made_);
      pages_[snapshot] = all;
    }
    metadata["continue"] = fmt::format("{}.{}", snapshot, end);
    metadata["remainingItemCount"] = all.items.size() - end;
  }
  return {200, std::make_shared<const Json>(Json{{"kind", resource.kind + "List"},
                                                 {"apiVersion", resource.api_version()},
                                                 {"metadata", std::move(metadata)},
                                                 {"items", std::move(items)}})};
}

Answer Answers::write(const Target& target, const http::Request& request, const Writer& writer) {
  const auto& [resource, space, name, part] = target;
  if (resource.namespaced && space.empty()) return status_answer(405, "MethodNotAllowed", "a namespace is missing");
  Json body =
      request.body.empty() && request.method == "DELETE" ? Json::object() : Json::parse(request.body, nullptr, false);
  if (body.is_discarded()) return status_answer(400, "BadRequest", "the body is no JSON");
  if (!writer.user.empty() && request.method != "DELETE" && body.is_object())
    if (const auto refused = refuse_grant(store_, target, body, writer.user)) return *refused;
  if (request.method == "PATCH" && !name.empty())
    return store_.patch(resource, space, name, body, std::string(request.header("content-type")), part, writer);
  if (!body.is_object()) return status_answer(400, "BadRequest", "the body is no object");
  if (request.method == "DELETE" && !name.empty()) return store_.remove(resource, space, name, body);
  if (request.method == "POST" && name.empty()) return store_.create(resource, space, std::move(body), writer);
  if (request.method == "PUT" && !name.empty())
    return store_.replace(resource, space, name, std::move(body), part, writer);
  return status_answer(405, "MethodNotAllowed", "the server does not allow this method on the requested resource");
}

}  // namespace tessera::kube_stub
