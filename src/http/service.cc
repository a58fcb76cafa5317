#include "http/service.h"

#include <algorithm>
#include <exception>
#include <vector>

#include "base/log.h"
#include "base/text.h"
#include "http/basic_auth.h"
#include "http/reply.h"

namespace tessera::http {
namespace {

bool same_name(std::string_view a, std::string_view b) {
  const auto low = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return low(x) == low(y); });
}

bool allowed(const ServerOptions& options, const Request& request) {
  if (!options.authenticate) return true;
  const auto given = basic_credentials(request.header("authorization"));
  return given && options.authenticate(given->user, given->password);
}

Response unauthorized() {
  Response response = plain_reply(401, "user and password are needed (basic authentication)");
  response.headers.emplace_back("WWW-Authenticate", "Basic realm=\"tessera\", charset=\"UTF-8\"");
  return response;
}

// "http://host/path" is what clients send to proxies, and every server must take (RFC 9112, 3.2.2).
std::string_view without_authority(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"})
    if (target.starts_with(scheme)) {
      const auto slash = target.find_first_of("/?", scheme.size());
      return slash == std::string_view::npos || target[slash] == '?' ? "/" : target.substr(slash);
    }
  return target;
}

}  // namespace

std::string_view Request::header(std::string_view name) const {
  for (const auto& [key, value] : headers)
    if (same_name(key, name)) return value;
  return {};
}

std::string_view Request::param(std::string_view name) const {
  for (const auto& [key, value] : params)
    if (key == name) return value;
  return {};
}

void Connections::add(Connection* connection) {
  std::lock_guard lock(mutex_);
  open_.insert(connection);
}

void Connections::remove(Connection* connection) {
  std::lock_guard lock(mutex_);
  open_.erase(connection);
  if (open_.empty()) none_.notify_all();
}

std::size_t Connections::count() const {
  std::lock_guard lock(mutex_);
  return open_.size();
}

void Connections::drain_all() {
  draining_ = true;  // of all at once: where the first is seen to close, a reply that is made by then knows of it
  std::vector<std::shared_ptr<Connection>> all;  // freed after the lock: the last owner's destructor calls remove()
  {
    std::lock_guard lock(mutex_);
    for (auto* connection : open_)
      if (auto owned = connection->self()) all.push_back(std::move(owned));
  }
  for (const auto& connection : all) connection->drain();
}

bool Connections::wait_until_none(Milliseconds patience) {
  std::unique_lock lock(mutex_);
  return none_.wait_for(lock, patience, [&] { return open_.empty(); });
}

std::variant<Router::Match, Response> admit(Service& service, Request& request, std::string_view target,
                                            bool must_name_host) {
  const auto hosts = std::ranges::count_if(request.headers, [](const auto& h) { return same_name(h.first, "host"); });
  if (hosts > 1 || (hosts == 0 && must_name_host))
    return plain_reply(400, "a request has one Host header (RFC 9112, 3.2)");
  try {
    if (!allowed(service.options, request)) {
      ++service.counters.unauthorized;
      return unauthorized();
    }
  } catch (const std::exception& error) {
    log::error("authentication failed", {{"error", error.what()}});
    return plain_reply(500, "authentication failed inside the server");
  }
  target = without_authority(target.substr(0, target.find('#')));
  const auto question = target.find('?');
  const auto raw_path = target.substr(0, question);
  if (question != std::string_view::npos) request.query = target.substr(question + 1);
  auto found = service.router.find(request.method, raw_path);
  if (auto path = percent_decoded(raw_path)) request.path = *std::move(path);
  auto* match = std::get_if<Router::Match>(&found);
  if (!match) return found;
  request.params = std::move(match->params);
  if (!match->route->admit) return found;
  try {
    if (auto refusal = match->route->admit(request)) return *std::move(refusal);
  } catch (const std::exception& error) {
    log::error("a request could not be admitted", {{"path", match->route->path}, {"error", error.what()}});
    return plain_reply(500, "this request failed inside the server; its log says why");
  }
  return found;
}

void finish(const Service& service, const Request& request, Response& response) {
  if (!service.options.finish) return;
  try {
    service.options.finish(request, response);
  } catch (const std::exception& error) {
    log::error("a reply could not be finished", {{"path", request.path}, {"error", error.what()}});
  }
}

Result<std::string> next_piece(Service& service, const Request& request, const Response& response) {
  auto piece = [&]() -> Result<std::string> {
    try {
      return response.pieces();
    } catch (const std::exception& error) {
      return fail(Code::Internal, "{}", error.what());
    } catch (...) {
      return fail(Code::Internal, "an exception of unknown type");
    }
  }();
  if (piece) return piece;
  ++service.counters.failed_handlers;
  log::error("a reply broke off: its client sees that the end is missing",
             {{"method", request.method}, {"path", request.path}, {"error", piece.error().what}});
  return piece;
}

Response call(Service& service, const Route& route, const Request& request) {
  std::string why;
  try {
    Response response = route.handle(request);
    if (sendable(response)) return response;
    why = "its reply has a line break in a header, or no HTTP status";
  } catch (const std::exception& error) {
    why = error.what();
  } catch (...) {
    why = "an exception of unknown type";
  }
  ++service.counters.failed_handlers;
  log::error("handler failed", {{"method", route.method}, {"path", route.path}, {"error", why}});
  return plain_reply(500, "this request failed inside the server; its log says why");
}

}  // namespace tessera::http
