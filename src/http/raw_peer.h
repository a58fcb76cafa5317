#pragma once
// For tests: the other end of a connection, byte by byte, so that it can misbehave.
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "http/listener.h"

namespace tessera::http {

class RawPeer {
 public:
  /// Connects to this port of the loopback interface; 10 s without a byte end any wait. `receive_buffer` 0: as usual.
  explicit RawPeer(std::uint16_t port, int receive_buffer = 0);
  bool connected() const { return static_cast<bool>(socket_); }
  void send(std::string_view bytes);
  void send_end();                            ///< no more from us
  std::string read_reply();                   ///< one head, and the body that its Content-Length announces
  std::string read_head();                    ///< one head alone, as replies to HEAD are
  std::string read_to_end();                  ///< until the server closes
  bool was_reset() const { return reset_; }   ///< how the last wait ended: not by the end that the server has sent
  std::string ask(std::string_view request);  ///< send, then read_reply

 private:
  bool read_more();
  Socket socket_;
  std::string read_;
  bool reset_ = false;
};

/// A GET of this target with what HTTP/1.1 needs.
std::string get(std::string_view target, std::string_view more_headers = "");

/// Polls until it holds, for at most 10 s.
bool eventually(const std::function<bool()>& holds);

}  // namespace tessera::http
