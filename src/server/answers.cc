#include "server/answers.h"

#include <fmt/format.h>

#include <utility>

namespace tessera::server {
namespace {

constexpr std::size_t kMostBytes = 64U << 20U;
constexpr std::size_t kMostOfOne = 4U << 20U;

/// All that a reply depends on beside the view: what is asked, in which form, and what the caller may see.
std::string key_of(const http::Request& request, const Viewer& viewer) {
  std::string spaces = "all";
  if (viewer.spaces) {
    spaces = "these";
    for (const std::string& one : *viewer.spaces) spaces += fmt::format(" {}:{}", one.size(), one);
  }
  return fmt::format("{}?{}\n{}\n{}\n{}", request.path, request.query, request.header("Accept"),
                     http::wants_gzip(request.header("Accept-Encoding")), spaces);
}

/// Empty where servers share nothing: a view that no leader has told is known to this server alone.
std::string shared_key_of(const Published& published, const std::string& key) {
  return published.epoch == 0 ? "" : fmt::format("{}:{}\n{}", published.epoch, published.view->time, key);
}

}  // namespace

http::Response Answers::of(const std::shared_ptr<const Published>& published, const http::Request& request,
                           const Viewer& viewer, bool costly, const Make& make) {
  const std::string key = key_of(request, viewer);
  if (const auto known = find(published, key)) {
    ++kept_;
    return *known;
  }
  const std::string shared_key = shared_ && costly ? shared_key_of(*published, key) : "";
  if (!shared_key.empty())
    if (auto told = shared_->find(shared_key)) {
      ++taken_;
      const auto answer = std::make_shared<const http::Response>(*std::move(told));
      keep(published, key, answer);
      return *answer;
    }
  ++made_;
  http::Response made = make();
  if (made.status != 200 || made.body.size() > kMostOfOne) return made;
  if (!shared_key.empty()) shared_->keep(shared_key, made);
  made.shared_body = std::make_shared<const std::string>(std::exchange(made.body, {}));
  const auto answer = std::make_shared<const http::Response>(std::move(made));
  keep(published, key, answer);
  return *answer;
}

AnswersStats Answers::stats() const { return {made_, kept_, taken_}; }

std::shared_ptr<const http::Response> Answers::find(const std::shared_ptr<const Published>& published,
                                                    const std::string& key) {
  const std::lock_guard lock(mutex_);
  if (published_.lock() != published) return nullptr;
  const auto found = answers_.find(key);
  return found == answers_.end() ? nullptr : found->second;
}

// The view is held weakly: what nobody asks of is not kept in memory for its answers' sake.
void Answers::keep(const std::shared_ptr<const Published>& published, const std::string& key,
                   std::shared_ptr<const http::Response> answer) {
  const std::size_t bytes = key.size() + answer->shared_body->size();
  const std::lock_guard lock(mutex_);
  if (const auto of = published_.lock(); of != published) {
    if (of && of->view->time > published->view->time) return;  // made of an older one meanwhile
    answers_.clear();
    bytes_ = 0;
    published_ = published;
  }
  if (bytes_ + bytes > kMostBytes) return;
  bytes_ += bytes;
  answers_.insert_or_assign(key, std::move(answer));
}

}  // namespace tessera::server
