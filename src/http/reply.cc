#include "http/reply.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <iterator>

namespace tessera::http {
namespace {

constexpr struct {
  int status;
  std::string_view reason;
} kReasons[] = {{200, "OK"},
                {201, "Created"},
                {202, "Accepted"},
                {204, "No Content"},
                {206, "Partial Content"},
                {301, "Moved Permanently"},
                {302, "Found"},
                {303, "See Other"},
                {304, "Not Modified"},
                {307, "Temporary Redirect"},
                {308, "Permanent Redirect"},
                {400, "Bad Request"},
                {401, "Unauthorized"},
                {403, "Forbidden"},
                {404, "Not Found"},
                {405, "Method Not Allowed"},
                {406, "Not Acceptable"},
                {408, "Request Timeout"},
                {409, "Conflict"},
                {410, "Gone"},
                {412, "Precondition Failed"},
                {413, "Content Too Large"},
                {415, "Unsupported Media Type"},
                {422, "Unprocessable Content"},
                {428, "Precondition Required"},
                {429, "Too Many Requests"},
                {431, "Request Header Fields Too Large"},
                {500, "Internal Server Error"},
                {501, "Not Implemented"},
                {502, "Bad Gateway"},
                {503, "Service Unavailable"},
                {504, "Gateway Timeout"},
                {505, "HTTP Version Not Supported"}};

std::string_view reason_of(int status) {
  const auto* found = std::ranges::find_if(kReasons, [&](const auto& row) { return row.status == status; });
  return found == std::end(kReasons) ? "" : found->reason;
}

// "Sun, 06 Nov 1994 08:49:37 GMT"; by hand, because strftime obeys the locale.
void append_date(std::string& out, EpochMs now) {
  static constexpr std::string_view kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::string_view kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t seconds = now / 1000;
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  fmt::format_to(std::back_inserter(out), "Date: {}, {:02} {} {} {:02}:{:02}:{:02} GMT\r\n", kDays[utc.tm_wday],
                 utc.tm_mday, kMonths[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

bool one_line(std::string_view text) { return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos; }

}  // namespace

Response plain_reply(int status, std::string text) {
  Response response;
  response.status = status;
  response.by_server = true;
  response.body = std::move(text);
  response.body += '\n';
  return response;
}

const std::string& body_of(const Response& response) {
  return response.shared_body ? *response.shared_body : response.body;
}

bool sendable(const Response& response) {
  return response.status >= 200 && response.status <= 599 && one_line(response.content_type) &&
         std::ranges::all_of(response.headers, [](const auto& header) {
           return !header.first.empty() && one_line(header.first) && one_line(header.second);
         });
}

std::string head_of(const Response& response, const Headers& common, After after, EpochMs now) {
  std::string out = fmt::format("HTTP/1.1 {} {}\r\n", response.status, reason_of(response.status));
  append_date(out, now);
  const bool bodiless = response.status == 204 || response.status == 304;  // these never have one (RFC 9110, 8.6)
  if (!bodiless) {
    if (!response.content_type.empty()) out += fmt::format("Content-Type: {}\r\n", response.content_type);
    // A reply that goes on comes in chunks, or ends with its connection (RFC 9112, 6.3).
    if (!response.stream && !response.pieces) out += fmt::format("Content-Length: {}\r\n", body_of(response).size());
  }
  if (after == After::Close) out += "Connection: close\r\n";
  if (after == After::KeepAliveSaid) out += "Connection: keep-alive\r\n";
  for (const auto& [name, value] : common) out += fmt::format("{}: {}\r\n", name, value);
  for (const auto& [name, value] : response.headers) out += fmt::format("{}: {}\r\n", name, value);
  out += "\r\n";
  return out;
}

}  // namespace tessera::http
