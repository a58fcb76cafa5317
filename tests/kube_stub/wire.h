#pragma once
// HTTP/1.1 on a blocking socket, as little as the stub needs: what http::Server does not do is stream, and break.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/server.h"
#include "tests/kube_stub/faults.h"

namespace tessera::kube_stub {

/// `read` keeps what came after the request. False when the peer left or sent what is no request.
bool read_request(int fd, std::string& read, http::Request& request);

/// In parts and with pauses where it shall be slow. False when the peer left.
bool send_all(int fd, std::string_view bytes, const Slow& slow);

std::string reply_bytes(int status, std::string_view body, const std::string& type,
                        const std::vector<std::pair<std::string, std::string>>& headers);
std::string stream_head();
std::string as_chunk(std::string_view bytes);

/// Whether the peer has closed its side.
bool peer_left(int fd);

}  // namespace tessera::kube_stub
