#include "server/web.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "base/text.h"
#include "server/problem.h"

namespace tessera::server {
namespace {

// The pages of web/src/frame/pages.ts.
constexpr std::string_view kPages[] = {"",
                                       "/",
                                       "/inventory",
                                       "/inventory/{node}",
                                       "/inventory/{node}/{device}",
                                       "/pods",
                                       "/pods/{namespace}/{pod}",
                                       "/sessions",
                                       "/serving",
                                       "/allocations",
                                       "/allocations/new",
                                       "/cost",
                                       "/budgeting",
                                       "/alerting",
                                       "/advising",
                                       "/benchmarking",
                                       "/forecast",
                                       "/settings",
                                       "/signin"};

// Own files and own API; no inline script or style, nothing from elsewhere.
constexpr const char* kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'";

constexpr std::size_t kMostUnpacked = 16U << 20U;

constexpr std::pair<std::string_view, const char*> kTypes[] = {{".html", "text/html; charset=utf-8"},
                                                               {".js", "text/javascript; charset=utf-8"},
                                                               {".css", "text/css; charset=utf-8"},
                                                               {".svg", "image/svg+xml"}};

std::string type_of(std::string_view name) {
  for (const auto& [ending, type] : kTypes)
    if (name.ends_with(ending)) return type;
  return "application/octet-stream";
}

/// A file as it is sent, both ways.
struct Page {
  std::string type;
  std::string cache;
  std::string etag;  ///< of `plain`
  std::string packed_etag;
  std::shared_ptr<const std::string> packed;
  std::shared_ptr<const std::string> plain;
};

std::shared_ptr<const Page> page(const WebFile& file, std::string plain, std::string packed, const char* cache) {
  return std::make_shared<const Page>(Page{
      type_of(file.name), cache, fmt::format("\"{}\"", file.hash), fmt::format("\"{}-gzip\"", file.hash),
      std::make_shared<const std::string>(std::move(packed)), std::make_shared<const std::string>(std::move(plain))});
}

/// Whether If-None-Match names it. A proxy may have made a weak one of it.
bool is_known(std::string_view header, std::string_view etag) {
  for (std::string_view one : split(header, ',')) {
    one = trim(one);
    if (one.starts_with("W/")) one.remove_prefix(2);
    if (one == "*" || one == etag) return true;
  }
  return false;
}

http::Response send(const Page& page, const http::Request& request) {
  http::Response out;
  const bool packed = http::wants_gzip(request.header("Accept-Encoding"));
  const std::string& etag = packed ? page.packed_etag : page.etag;
  out.headers = {{"X-Request-Id", request_id(request)},
                 {"Cache-Control", page.cache},
                 {"ETag", etag},
                 {"Vary", "Accept-Encoding"},
                 {"Content-Security-Policy", kPolicy}};
  out.content_type = page.type;
  if (is_known(request.header("If-None-Match"), page.etag) ||
      is_known(request.header("If-None-Match"), page.packed_etag)) {
    out.status = 304;
    return out;
  }
  if (packed) out.headers.emplace_back("Content-Encoding", "gzip");
  out.shared_body = packed ? page.packed : page.plain;
  return out;
}

/// index.html names its files as "./…"; the pages that it stands for lie at several depths.
std::string rooted(std::string text, const std::string& context_path) {
  const std::string from = "\"./";
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at))
    text.replace(at, from.size(), '"' + context_path + '/');
  return text;
}

http::Route route(std::string path, std::shared_ptr<const Page> sent) {
  return {"GET", std::move(path),
          [sent = std::move(sent)](const http::Request& request) { return send(*sent, request); }};
}

}  // namespace

std::span<const std::string_view> web_pages() { return kPages; }

std::vector<http::Route> web_routes(std::span<const WebFile> files, const std::string& context_path) {
  const auto index = std::ranges::find(files, "index.html", &WebFile::name);
  if (index == files.end()) return {};
  std::vector<http::Route> out;
  for (const WebFile& file : files) {
    const auto plain = http::decoded("gzip", file.gzip, kMostUnpacked);
    if (!plain || &file == &*index) continue;
    // The name changes with what is in it.
    out.push_back(route(context_path + '/' + std::string(file.name),
                        page(file, *plain, std::string(file.gzip), "public, max-age=31536000, immutable")));
  }
  const auto plain = http::decoded("gzip", index->gzip, kMostUnpacked);
  if (!plain) return {};
  const std::string text = rooted(*plain, context_path);
  const auto shown = page(*index, text, http::gzip(text), "no-cache");
  for (const std::string_view path : kPages)
    if (const std::string full = context_path + std::string(path); !full.empty()) out.push_back(route(full, shown));
  return out;
}

}  // namespace tessera::server
