#include "server/problem.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <nlohmann/json.hpp>
#include <random>

namespace tessera::server {
namespace {
using Json = nlohmann::ordered_json;

struct Title {
  std::string_view type;
  std::string_view title;
};
constexpr Title kTitles[] = {{"invalid-parameter", "Invalid parameter"},
                             {"invalid-samples", "Invalid samples"},
                             {"not-found", "Not found"},
                             {"ambiguous-id", "Ambiguous id"},
                             {"too-large", "Too large"},
                             {"unsupported-type", "Unsupported media type"},
                             {"starting", "Starting"},
                             {"busy", "Too much at once"},
                             {"journal-full", "Nothing can be written"}};

std::string_view title_of(std::string_view type) {
  const auto* found = std::ranges::find(kTitles, type, &Title::type);
  return found == std::end(kTitles) ? type : found->title;
}

std::string fresh_id() {
  static const std::uint64_t start = (std::uint64_t{std::random_device()()} << 32U) ^ std::random_device()();
  static std::atomic<std::uint64_t> count = 0;
  return fmt::format("{:016x}", start + count++);
}

}  // namespace

std::string request_id(const http::Request& request) {
  const std::string_view own = request.header("X-Request-Id");
  const auto fine = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.';
  };
  if (!own.empty() && own.size() <= 64 && std::ranges::all_of(own, fine)) return std::string(own);
  return fresh_id();
}

http::Response reply(const Problem& problem, const http::Request& request) {
  const std::string id = request_id(request);
  Json body{{"type", fmt::format("urn:tessera:problem:{}", problem.type)},
            {"title", title_of(problem.type)},
            {"status", problem.status},
            {"detail", problem.detail},
            {"requestId", id}};
  for (const Fault& fault : problem.faults)
    body["errors"].push_back({{"parameter", fault.parameter}, {"detail", fault.detail}});
  http::Response out;
  out.status = problem.status;
  out.content_type = "application/problem+json";
  out.body = body.dump(-1, ' ', false, Json::error_handler_t::replace);
  out.headers.emplace_back("X-Request-Id", id);
  if (problem.status == 503 || problem.status == 429) out.headers.emplace_back("Retry-After", "1");
  return out;
}

}  // namespace tessera::server
