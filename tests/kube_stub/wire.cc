#include "tests/kube_stub/wire.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <thread>

#include "base/text.h"

namespace tessera::kube_stub {
namespace {

constexpr std::size_t kMaxRequestBytes = 8U << 20U;

bool read_more(int fd, std::string& read) {
  char bytes[16'384];
  const auto got = ::recv(fd, bytes, sizeof bytes, 0);
  if (got <= 0 || read.size() > kMaxRequestBytes) return false;
  read.append(bytes, static_cast<std::size_t>(got));
  return true;
}

}  // namespace

bool read_request(int fd, std::string& read, http::Request& request) {
  std::size_t end = 0;
  while ((end = read.find("\r\n\r\n")) == std::string::npos)
    if (!read_more(fd, read)) return false;
  const auto lines = split(std::string_view(read).substr(0, end), '\n');
  const auto words = split(trim(lines[0]), ' ');
  if (words.size() != 3) return false;
  request = {};
  request.method = words[0];
  const auto question = words[1].find('?');
  request.path = words[1].substr(0, question);
  if (question != std::string_view::npos) request.query = words[1].substr(question + 1);
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const auto colon = lines[i].find(':');
    if (colon == std::string_view::npos) return false;
    request.headers.emplace_back(trim(lines[i].substr(0, colon)), trim(lines[i].substr(colon + 1)));
  }
  const auto length = parse_int(request.header("content-length")).value_or(0);
  if (length < 0 || static_cast<std::size_t>(length) > kMaxRequestBytes) return false;
  const std::size_t whole = end + 4 + static_cast<std::size_t>(length);
  while (read.size() < whole)
    if (!read_more(fd, read)) return false;
  request.body = read.substr(end + 4, static_cast<std::size_t>(length));
  read.erase(0, whole);
  return true;
}

bool send_all(int fd, std::string_view bytes, const Slow& slow) {
  const std::size_t part = slow.bytes == 0 ? bytes.size() : slow.bytes;
  while (!bytes.empty()) {
    const auto sent = ::send(fd, bytes.data(), std::min(part, bytes.size()), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
    if (!bytes.empty() && slow.pause.count() > 0) std::this_thread::sleep_for(slow.pause);
  }
  return true;
}

std::string reply_bytes(int status, std::string_view body, const std::string& type,
                        const std::vector<std::pair<std::string, std::string>>& headers) {
  std::string bytes = fmt::format("HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n", status,
                                  status < 400 ? "OK" : "Refused", type, body.size());
  for (const auto& [name, value] : headers) bytes += fmt::format("{}: {}\r\n", name, value);
  return bytes.append("\r\n").append(body);
}

std::string stream_head() {
  return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
}

std::string as_chunk(std::string_view bytes) { return fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes); }

bool peer_left(int fd) {
  char byte = 0;
  return ::recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

}  // namespace tessera::kube_stub
