#pragma once
// One accepted connection: reads requests, calls handlers, writes replies, until either side ends it. All of Beast is
// behind this door.
#include "http/listener.h"
#include "http/service.h"
#include "http/tls.h"

namespace boost::asio {
class io_context;
}

namespace tessera::http {

/// Serves an accepted, non-blocking socket; `tls` null: plain.
void serve(boost::asio::io_context& io, Socket socket, bool ipv6, const SslContext& tls, Service& service);

/// Answers 503 without reading a request, and ends.
void refuse(boost::asio::io_context& io, Socket socket, bool ipv6, Service& service);

}  // namespace tessera::http
