#include "http/connection.h"

#include <fmt/format.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <deque>
#include <exception>
#include <type_traits>
#include <utility>

#include "base/log.h"
#include "http/reply.h"

namespace tessera::http {
namespace {

namespace net = boost::asio;
namespace beast = boost::beast;
using ErrorCode = beast::error_code;
using Strand = net::strand<net::io_context::executor_type>;
using Plain = beast::basic_stream<net::ip::tcp, Strand>;
using Secure = net::ssl::stream<Plain>;
using Parser = beast::http::request_parser<beast::http::string_body>;
using GoingOn = Stream;  // the class below calls something else so

constexpr std::size_t kFirstRead = 2U << 10U;  // a scrape's header fits; the buffer grows for longer ones
constexpr int kStreamBuffer = 128 << 10;       // bytes that the kernel takes ahead of a client; Linux doubles it
constexpr std::string_view kLineEnd = "\r\n";
constexpr Milliseconds kLinger{1'000};  // for the other side to read our last words

std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

bool is_close(const std::pair<std::string, std::string>& header) {
  return beast::iequals(header.first, "Connection") && beast::iequals(header.second, "close");
}

/// The reply to a request that could not be read; none where the connection is simply over.
std::optional<Response> reply_to_bad_read(const ErrorCode& code, Counters& counters) {
  using beast::http::error;
  if (code == error::header_limit || code == error::buffer_overflow) {
    ++counters.refused_headers;
    return plain_reply(431, "the request's header is too long");
  }
  if (code == error::body_limit) {
    ++counters.refused_bodies;
    return plain_reply(413, "the request's body is too long");
  }
  if (code == error::bad_version) return plain_reply(505, "this server speaks HTTP/1.1");
  const bool over = code == error::end_of_stream || code == error::partial_message;
  if (over || code.category() != make_error_code(error::end_of_stream).category()) return std::nullopt;
  return plain_reply(400, "this is not an HTTP/1.1 request: " + code.message());
}

/// All its work is done on one strand, so no member needs a lock.
template <class Stream>
class Session final : public Connection, public std::enable_shared_from_this<Session<Stream>> {
 public:
  Session(Stream stream, Service& service)
      : service_(service), stream_(std::move(stream)), buffer_(service.options.max_header_bytes + kFirstRead) {}
  ~Session() override {
    if (streaming_) --service_.counters.streams;
    service_.connections.remove(this);
  }

  void serve() {
    service_.connections.add(this);
    on_strand([](Session& s) { s.handshake(); });
  }
  void refuse() {
    service_.connections.add(this);
    on_strand([](Session& s) {
      Response response = plain_reply(503, "too many connections are open");
      response.headers.emplace_back("Retry-After", "1");
      s.reply(std::move(response), false);
    });
  }
  void drain() override {
    on_strand([](Session& s) {
      if (s.streaming_) return s.end_stream();
      if (!s.replying_) s.lowest().close();
    });
  }
  std::shared_ptr<Connection> self() override { return this->weak_from_this().lock(); }

 private:
  static constexpr bool kSecure = std::is_same_v<Stream, Secure>;

  bool draining() const { return service_.connections.draining(); }
  Plain& lowest() { return beast::get_lowest_layer(stream_); }
  const ServerOptions& options() const { return service_.options; }

  std::string peer() {
    ErrorCode code;
    const auto end = lowest().socket().remote_endpoint(code);
    if (code) return {};
    const auto address = end.address();
    if (address.is_v6() && address.to_v6().is_v4_mapped())
      return net::ip::make_address_v4(net::ip::v4_mapped, address.to_v6()).to_string();
    return address.to_string();
  }

  void on_strand(void (*work)(Session&)) {
    net::post(stream_.get_executor(), [self = this->shared_from_this(), work] { work(*self); });
  }

  void handshake() {
    if constexpr (kSecure) {
      lowest().expires_after(options().read_timeout);
      stream_.async_handshake(net::ssl::stream_base::server, [self = this->shared_from_this()](const ErrorCode& code) {
        if (!code) self->await_request(self->options().read_timeout);
      });
    } else {
      await_request(options().read_timeout);
    }
  }

  void await_request(Milliseconds patience) {
    if (draining()) return;
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(options().max_header_bytes));
    parser_->body_limit(options().max_body_bytes);
    if (buffer_.size() > 0) return read_header();  // sent ahead of our last reply
    lowest().expires_after(patience);
    stream_.async_read_some(buffer_.prepare(kFirstRead),
                            [self = this->shared_from_this()](const ErrorCode& code, std::size_t size) {
                              if (code) return;  // the usual end of a kept connection
                              self->buffer_.commit(size);
                              self->read_header();
                            });
  }

  void read_header() {
    lowest().expires_after(options().read_timeout);  // runs on through the body
    beast::http::async_read_header(stream_, buffer_, *parser_,
                                   [self = this->shared_from_this()](const ErrorCode& code, std::size_t) {
                                     code ? self->bad_read(code) : self->take_header();
                                   });
  }

  // Refused before the body is read: who may not come in shall not make us keep a body.
  void take_header() {
    const auto& head = parser_->get();
    request_ = Request{};
    request_.method = view(head.method_string());
    request_.peer = peer();
    for (const auto& field : head)
      request_.headers.emplace_back(std::string(view(field.name_string())), std::string(view(field.value())));
    auto admitted = admit(service_, request_, view(head.target()), head.version() >= 11);
    if (auto* refusal = std::get_if<Response>(&admitted)) return reply(std::move(*refusal), parser_->is_done());
    route_ = std::get<Router::Match>(admitted).route;
    if (parser_->is_done()) return handle();
    if (beast::iequals(head[beast::http::field::expect], "100-continue") && head.version() >= 11)
      return send_continue();
    read_body();
  }

  void send_continue() {
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    net::async_write(stream_, net::buffer(kContinue.data(), kContinue.size()),
                     [self = this->shared_from_this()](const ErrorCode& code, std::size_t) {
                       code ? self->lost(code) : self->read_body();
                     });
  }

  void read_body() {
    beast::http::async_read(stream_, buffer_, *parser_,
                            [self = this->shared_from_this()](const ErrorCode& code, std::size_t) {
                              code ? self->bad_read(code) : self->handle();
                            });
  }

  void bad_read(const ErrorCode& code) {
    if (auto response = reply_to_bad_read(code, service_.counters)) return reply(*std::move(response), false);
    lost(code);
  }

  void lost(const ErrorCode& code) {
    if (code == beast::error::timeout) ++service_.counters.timeouts;
  }

  void handle() {
    request_.body = std::move(parser_->get().body());
    if (service_.handlers == nullptr) return reply(call(service_, *route_, request_), true);
    replying_ = true;
    // Work that is on its way: without it the threads that are to write the reply end with the last other connection.
    auto coming = net::make_work_guard(stream_.get_executor());
    // What throws in a pool ends the process: out of memory, this connection is lost, and no other.
    net::post(*service_.handlers, [self = this->shared_from_this(), coming = std::move(coming)] {
      try {
        net::post(self->stream_.get_executor(),
                  [self, response = call(self->service_, *self->route_, self->request_)]() mutable {
                    self->reply(std::move(response), true);
                  });
      } catch (const std::exception& error) {
        log::error("HTTP connection failed", {{"error", error.what()}});
      }
    });
  }

  void reply(Response response, bool read_whole) {
    replying_ = true;
    response_ = std::move(response);
    finish(service_, request_, response_);
    const auto ends = std::erase_if(response_.headers, [](const auto& header) { return is_close(header); });
    // A client that is told where the end is knows a reply that was cut from one that has ended (RFC 9112, 7.1).
    chunked_ = (response_.stream || response_.pieces) && parser_->get().version() >= 11;
    const bool ends_with_connection = response_.stream || (response_.pieces && !chunked_);
    keep_ = read_whole && parser_->keep_alive() && !draining() && !ends_with_connection && ends == 0;
    if (chunked_) response_.headers.emplace_back("Transfer-Encoding", "chunked");
    const bool old = keep_ && parser_->get().version() < 11;
    const After after = !keep_ ? After::Close : old ? After::KeepAliveSaid : After::KeepAlive;
    head_ = head_of(response_, options().headers, after, now_epoch_ms());
    const bool head_only = request_.method == "HEAD" || response_.status == 204 || response_.status == 304;
    if (head_only) {
      response_.stream.reset();
      response_.pieces = nullptr;
    }
    if (response_.pieces && !chunked_) reset_at_end(true);
    const auto& body = body_of(response_);
    // One gathering write, straight from the shared bytes.
    const std::array<net::const_buffer, 2> bytes{net::buffer(head_),
                                                 net::buffer(body.data(), head_only ? 0 : body.size())};
    lowest().expires_after(options().write_timeout);
    net::async_write(stream_, bytes, [self = this->shared_from_this()](const ErrorCode& code, std::size_t) {
      if (code) return self->lost(code);
      if (self->response_.pieces) return self->make_piece();
      self->response_.stream ? self->begin_stream() : self->replied();
    });
  }

  // A reply that is made while it is sent: the next piece once the client has taken this one, so that a slow client
  // costs neither memory nor a thread.
  void make_piece() {
    if (service_.handlers == nullptr) return send_piece(next_piece(service_, request_, response_));
    auto coming = net::make_work_guard(stream_.get_executor());  // as in handle()
    net::post(*service_.handlers, [self = this->shared_from_this(), coming = std::move(coming)] {
      try {
        net::post(self->stream_.get_executor(),
                  [self, piece = next_piece(self->service_, self->request_, self->response_)]() mutable {
                    self->send_piece(std::move(piece));
                  });
      } catch (const std::exception& error) {
        log::error("HTTP connection failed", {{"error", error.what()}});
      }
    });
  }

  void send_piece(Result<std::string> made) {
    if (!made) return lowest().close();
    piece_ = *std::move(made);
    const bool last = piece_.empty();
    if (last && !chunked_) return replied();
    piece_size_ = chunked_ ? fmt::format("{:x}\r\n", piece_.size()) : std::string();
    const std::array<net::const_buffer, 3> bytes{net::buffer(piece_size_), net::buffer(piece_),
                                                 net::buffer(kLineEnd.data(), chunked_ ? kLineEnd.size() : 0)};
    lowest().expires_after(options().write_timeout);
    net::async_write(stream_, bytes, [self = this->shared_from_this(), last](const ErrorCode& code, std::size_t) {
      if (code) return self->lost(code);
      last ? self->replied() : self->make_piece();
    });
  }

  // An HTTP/1.0 client takes the connection's end for the reply's. Until all has been sent any end is a reset: of a
  // piece that cannot be made, a client that is too slow, a server that does not wait any longer. Past Asio, which ends
  // what it resets in a destructor politely.
  void reset_at_end(bool on) {
    const ::linger option{.l_onoff = on ? 1 : 0, .l_linger = 0};
    ::setsockopt(lowest().socket().native_handle(), SOL_SOCKET, SO_LINGER, &option, sizeof option);
  }

  // A reply that goes on. The client's end is seen by reading on, while pieces are written as they come.
  void begin_stream() {
    ++service_.counters.streams;
    streaming_ = true;
    if (draining()) return end_stream();
    // Else the kernel keeps megabytes for each client that does not read, before any of it counts as lying here.
    ErrorCode refused;  // then it keeps what it likes
    lowest().socket().set_option(net::socket_base::send_buffer_size(kStreamBuffer), refused);
    response_.stream->attach([weak = this->weak_from_this()] {
      if (const auto self = weak.lock()) self->on_strand([](Session& s) { s.pump(); });
    });
    lowest().expires_never();
    await_end_of_client();
    pump();
  }

  void await_end_of_client() {
    buffer_.clear();
    stream_.async_read_some(buffer_.prepare(kFirstRead),
                            [self = this->shared_from_this()](const ErrorCode& code, std::size_t) {
                              code ? self->end_stream() : self->await_end_of_client();
                            });
  }

  void pump() {
    if (!response_.stream) return;
    if (response_.stream->state() == GoingOn::State::Cut) {
      ++service_.counters.cut_streams;
      return end_stream();
    }
    if (writing_) return;
    GoingOn::Taken taken = response_.stream->take();
    if (taken.pieces.empty()) {
      if (taken.state == GoingOn::State::Open) return;
      return chunked_ && taken.state == GoingOn::State::Closed ? write_end() : end_stream();
    }
    writing_ = true;
    pieces_ = std::move(taken.pieces);
    std::erase_if(pieces_, [](const auto& piece) { return piece->empty(); });  // of no length is the end
    const std::vector<net::const_buffer> bytes = bytes_of_pieces();
    lowest().expires_after(options().write_timeout);  // of the write alone: the read is under way
    net::async_write(stream_, bytes, [self = this->shared_from_this()](const ErrorCode& code, std::size_t) {
      self->writing_ = false;
      self->pieces_.clear();
      if (code == beast::error::timeout) ++self->service_.counters.cut_streams;
      code ? self->end_stream() : self->pump();
    });
  }

  std::vector<net::const_buffer> bytes_of_pieces() {
    std::vector<net::const_buffer> out;
    sizes_.clear();
    for (const auto& piece : pieces_) {
      if (chunked_) out.push_back(net::buffer(sizes_.emplace_back(fmt::format("{:x}\r\n", piece->size()))));
      out.push_back(net::buffer(*piece));
      if (chunked_) out.push_back(net::buffer(kLineEnd.data(), kLineEnd.size()));
    }
    return out;
  }

  void write_end() {
    static constexpr std::string_view kEnd = "0\r\n\r\n";
    writing_ = true;
    lowest().expires_after(options().write_timeout);
    net::async_write(stream_, net::buffer(kEnd.data(), kEnd.size()),
                     [self = this->shared_from_this()](const ErrorCode&, std::size_t) { self->end_stream(); });
  }

  void end_stream() {
    if (!response_.stream) return;
    ++service_.counters.requests;
    response_.stream->leave();
    response_.stream.reset();
    lowest().close();
  }

  void replied() {
    ++service_.counters.requests;
    if (response_.pieces && !chunked_) reset_at_end(false);
    replying_ = false;
    response_ = Response{};  // a page is not kept for as long as an idle connection
    request_ = Request{};
    head_ = std::string();
    piece_ = std::string();
    if (keep_ && !draining()) return await_request(options().idle_timeout);
    end();
  }

  void end() {
    lowest().expires_after(kLinger);
    if constexpr (kSecure) {
      stream_.async_shutdown([self = this->shared_from_this()](const ErrorCode&) {});
    } else {
      const bool read_whole = parser_ && parser_->is_done() && buffer_.size() == 0;
      ErrorCode ignored;
      lowest().socket().shutdown(net::ip::tcp::socket::shutdown_send, ignored);
      if (!read_whole && !draining()) linger();
    }
  }

  // Closing while the other side still sends resets the connection, which can take our reply from it unread.
  void linger() {
    buffer_.clear();
    stream_.async_read_some(buffer_.prepare(kFirstRead),
                            [self = this->shared_from_this()](const ErrorCode& code, std::size_t) {
                              if (!code) self->linger();
                            });
  }

  Service& service_;
  Stream stream_;
  beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
  Request request_;
  const Route* route_ = nullptr;
  Response response_;
  std::string head_;
  bool keep_ = false;
  bool replying_ = false;
  bool streaming_ = false;
  bool writing_ = false;            ///< a piece of a stream
  bool chunked_ = false;            ///< the stream
  std::string piece_, piece_size_;  ///< of a reply that is made while it is sent, and how a chunk says how long it is
  std::vector<std::shared_ptr<const std::string>> pieces_;
  std::deque<std::string> sizes_;  ///< of the pieces, as chunks say them: they stay where they are
};

std::optional<Plain> stream_of(net::io_context& io, Socket socket, bool ipv6) {
  Plain stream(net::make_strand(io));
  ErrorCode code;
  stream.socket().assign(ipv6 ? net::ip::tcp::v6() : net::ip::tcp::v4(), socket.fd(), code);
  if (code) return std::nullopt;
  socket.release();
  ErrorCode ignored;
  stream.socket().set_option(net::ip::tcp::no_delay(true), ignored);
  return stream;
}

}  // namespace

void serve(net::io_context& io, Socket socket, bool ipv6, const SslContext& tls, Service& service) {
  auto stream = stream_of(io, std::move(socket), ipv6);
  if (!stream) return;
  if (!tls) return std::make_shared<Session<Plain>>(*std::move(stream), service)->serve();
  if (SSL* const ssl = SSL_new(tls.get()))
    std::make_shared<Session<Secure>>(Secure(*std::move(stream), ssl), service)->serve();
}

void refuse(net::io_context& io, Socket socket, bool ipv6, Service& service) {
  if (auto stream = stream_of(io, std::move(socket), ipv6))
    std::make_shared<Session<Plain>>(*std::move(stream), service)->refuse();
}

}  // namespace tessera::http
