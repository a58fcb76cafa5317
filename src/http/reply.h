#pragma once
// The head of a reply as bytes. Pure.
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "base/duration.h"
#include "http/server.h"

namespace tessera::http {

using Headers = std::vector<std::pair<std::string, std::string>>;

/// A short plain reply; `text` gets its line end.
Response plain_reply(int status, std::string text);

/// The bytes that `response` sends as its body.
const std::string& body_of(const Response& response);

/// Whether no name or value would end its line: a line break would let a caller's data become headers.
bool sendable(const Response& response);

enum class After { Close, KeepAlive, KeepAliveSaid };  ///< said: HTTP/1.0 must hear it

/// Status line, Date, type, length, `common` (each reply has them) and the response's own headers, and the blank line.
std::string head_of(const Response& response, const Headers& common, After after, EpochMs now);

}  // namespace tessera::http
