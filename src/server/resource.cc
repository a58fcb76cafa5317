#include "server/resource.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "server/api_json.h"
#include "server/csv.h"

namespace tessera::server {
namespace {

http::Response json_reply(std::string text) {
  http::Response out;
  out.content_type = "application/json";
  out.body = std::move(text);
  return out;
}

http::Response with_id(http::Response out, const http::Request& request) {
  out.headers.emplace_back("X-Request-Id", request_id(request));
  return out;
}

http::Response packed(http::Response out, const http::Request& request) {
  out.headers.emplace_back("Vary", "Accept, Accept-Encoding");
  if (http::wants_gzip(request.header("Accept-Encoding"))) {
    out.body = http::gzip(out.body);
    out.headers.emplace_back("Content-Encoding", "gzip");
  }
  return out;
}

/// The address of the next page.
std::string link_to(const http::Request& request, const std::string& cursor) {
  std::string query;
  for (const std::string_view part : split(request.query, '&'))
    if (!part.empty() && !part.starts_with("cursor=")) query += fmt::format("{}&", part);
  return fmt::format("<{}?{}cursor={}>; rel=\"next\"", request.path, query, cursor);
}

std::string page_json(const Page& page, EpochMs time) {
  std::string out = fmt::format("{{\"time\":\"{}\",\"total\":{},\"nextCursor\":{}", format_time(time), page.total,
                                page.next_cursor.empty() ? "null" : json_text(page.next_cursor));
  for (const auto& [name, value] : page.about) out += fmt::format(",\"{}\":{}", name, json_text(value));
  out += ",\"items\":[";
  for (std::size_t i = 0; i < page.rows; ++i) {
    if (i > 0) out += ',';
    if (page.text) {
      out += *page.text(i);
      continue;
    }
    Json row;
    page.row(i, row);
    out += json_text(row);
  }
  return out + "]}";
}

std::string page_csv(const Page& page, Columns columns) {
  std::string out;
  append_csv_head(out, columns);
  for (std::size_t i = 0; i < page.rows; ++i) {
    Json row;
    page.row(i, row);
    append_csv_row(out, columns, row);
  }
  return out;
}

http::Response page_reply(const Page& page, Columns columns, const Query& query, EpochMs time) {
  http::Response out;
  out.content_type = query.csv() ? "text/csv; charset=utf-8; header=present" : "application/json";
  out.body = query.csv() ? page_csv(page, columns) : page_json(page, time);
  if (!page.next_cursor.empty()) out.headers.emplace_back("Link", link_to(query.request(), page.next_cursor));
  return out;
}

/// A reply of `make` to what is known now, or the problem that its query came to.
template <class Make>
http::Response make_answer(const Source& source, const std::shared_ptr<const Published>& published,
                           const http::Request& request, const Make& make) {
  Query query(request);
  const Viewer& viewer = viewer_of(request);
  const auto seen = viewer.restricted() ? source.sight->of(published, viewer) : nullptr;
  const auto allocations = source.allocations();
  const Known known{seen ? *seen->view : *published->view,
                    seen ? seen->overviews : published->overviews,
                    seen ? *seen->cluster : *published->cluster,
                    seen ? *seen->serving : *published->serving,
                    source.supported_models,
                    viewer,
                    source.history,
                    *source.texts,
                    seen ? *seen->heads : *published->heads,
                    *allocations};
  http::Response out = make(known, query);
  return query.problem() ? reply(*query.problem(), request) : packed(std::move(out), request);
}

/// Made, or as it was made for somebody who asked the same of the same view. `costly`: see Answers.
template <class Make>
http::Response answer(const Source& source, const http::Request& request, bool costly, const Make& make) {
  const auto published = source.fleet.get();
  if (!source.started() || !published) return starting(request);
  http::Response out = source.answers->of(published, request, viewer_of(request), costly,
                                          [&] { return make_answer(source, published, request, make); });
  return out.status == 200 ? with_id(std::move(out), request) : out;
}

}  // namespace

http::Response starting(const http::Request& request) {
  return reply({503, "starting", "the server has begun and reads again what it had accepted: ask again soon"}, request);
}

http::Response show(const Source& source, Show resource, const http::Request& request) {
  return answer(source, request, false,
                [&](const Known& known, Query& query) { return json_reply(json_text(resource(known, query))); });
}

http::Response tell(const Source& source, Tell resource, const http::Request& request) {
  return answer(source, request, true,
                [&](const Known& known, Query& query) { return json_reply(resource(known, query)); });
}

http::Response list(const Source& source, List resource, Columns columns, const http::Request& request) {
  return answer(source, request, true, [&](const Known& known, Query& query) {
    const Page page = resource(known, query);
    return query.problem() ? http::Response() : page_reply(page, columns, query, known.view.time);
  });
}

http::Response paged(const Page& page, Columns columns, const Query& query, EpochMs time) {
  return with_id(packed(page_reply(page, columns, query, time), query.request()), query.request());
}

}  // namespace tessera::server
