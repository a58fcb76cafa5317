#include "sim/kubelet.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <vector>

namespace tessera::sim {
namespace {

struct Stream {
  std::string path;
  std::string body;  // the framed reply
  std::size_t sent = 0;
  std::string status;
};

nghttp2_nv header(std::string_view name, std::string_view value) {
  return {reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
          reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(),
          NGHTTP2_NV_FLAG_NONE};
}

// One client. nghttp2 calls back into it; it answers a request when the client has finished sending it.
class Connection {
 public:
  Connection(int socket, const Kubelet::Answer& answer) : socket_(socket), answer_(answer) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    nghttp2_session_server_new(&session_, callbacks, this);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, nullptr, 0);
    flush();
  }
  ~Connection() {
    nghttp2_session_del(session_);
    ::close(socket_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  int socket() const { return socket_; }
  bool wants_write() const { return !pending_.empty(); }

  // False: the connection is over.
  bool readable() {
    std::array<std::uint8_t, 16384> chunk{};
    const ssize_t count = ::read(socket_, chunk.data(), chunk.size());
    if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) return false;
    if (count > 0 && nghttp2_session_mem_recv(session_, chunk.data(), static_cast<std::size_t>(count)) < 0)
      return false;
    return flush();
  }

  bool flush() {
    for (;;) {
      if (pending_.empty()) {
        const std::uint8_t* data = nullptr;
        const ssize_t count = nghttp2_session_mem_send(session_, &data);
        if (count < 0) return false;
        if (count == 0) return nghttp2_session_want_read(session_) != 0 || nghttp2_session_want_write(session_) != 0;
        pending_.assign(reinterpret_cast<const char*>(data), static_cast<std::size_t>(count));
      }
      const ssize_t count = ::send(socket_, pending_.data(), pending_.size(), MSG_NOSIGNAL);
      if (count < 0) return errno == EAGAIN || errno == EINTR;
      pending_.erase(0, static_cast<std::size_t>(count));
    }
  }

 private:
  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_length,
                       const std::uint8_t* value, std::size_t value_length, std::uint8_t, void* self) {
    const std::string_view key(reinterpret_cast<const char*>(name), name_length);
    if (key == ":path")
      static_cast<Connection*>(self)->streams_[frame->hd.stream_id].path.assign(reinterpret_cast<const char*>(value),
                                                                                value_length);
    return 0;
  }

  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* self) {
    const bool request = frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS;
    if (request && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
      static_cast<Connection*>(self)->reply(frame->hd.stream_id);
    return 0;
  }

  static int on_close(nghttp2_session*, std::int32_t id, std::uint32_t, void* self) {
    static_cast<Connection*>(self)->streams_.erase(id);
    return 0;
  }

  static ssize_t read_body(nghttp2_session* session, std::int32_t id, std::uint8_t* out, std::size_t room,
                           std::uint32_t* flags, nghttp2_data_source*, void* self) {
    Stream& stream = static_cast<Connection*>(self)->streams_[id];
    const std::size_t count = std::min(room, stream.body.size() - stream.sent);
    std::copy_n(stream.body.begin() + static_cast<std::ptrdiff_t>(stream.sent), count, out);
    stream.sent += count;
    if (stream.sent == stream.body.size()) {
      *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;  // trailers end a gRPC reply
      const nghttp2_nv trailer = header("grpc-status", stream.status);
      nghttp2_submit_trailer(session, id, &trailer, 1);
    }
    return static_cast<ssize_t>(count);
  }

  void reply(std::int32_t id) {
    Stream& stream = streams_[id];
    const Kubelet::Reply answer = answer_(stream.path);
    stream.status = std::to_string(answer.status);
    if (answer.status == 0) {
      const auto length = static_cast<std::uint32_t>(answer.body.size());
      stream.body += '\0';  // not compressed
      for (const unsigned shift : {24U, 16U, 8U, 0U}) stream.body += static_cast<char>(length >> shift);
      stream.body += answer.body;
    }
    const std::array<nghttp2_nv, 3> headers = {header(":status", "200"), header("content-type", "application/grpc"),
                                               header("grpc-status", stream.status)};
    if (answer.status != 0) {  // headers alone tell a refusal
      nghttp2_submit_response(session_, id, headers.data(), headers.size(), nullptr);
      return;
    }
    nghttp2_data_provider body{};
    body.read_callback = read_body;
    nghttp2_submit_response(session_, id, headers.data(), 2, &body);
  }

  const int socket_;
  const Kubelet::Answer& answer_;
  nghttp2_session* session_ = nullptr;
  std::map<std::int32_t, Stream> streams_;
  std::string pending_;
};

}  // namespace

struct Kubelet::Server {
  int socket = -1;
  std::string path;
  Answer answer;
  std::vector<std::unique_ptr<Connection>> connections;
};

Kubelet::Kubelet(std::unique_ptr<Server> server) : server_(std::move(server)) {}

Kubelet::~Kubelet() {
  server_->connections.clear();
  ::close(server_->socket);
  ::unlink(server_->path.c_str());
}

Outcome<std::unique_ptr<Kubelet>> Kubelet::listen(const std::string& path, Answer answer) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return Failure{fmt::format("kubelet socket {}: a path of at most {} bytes expected; use a shorter --root", path,
                               sizeof address.sun_path - 1)};
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  auto server = std::make_unique<Server>();
  server->path = path;
  server->answer = std::move(answer);
  server->socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  ::unlink(path.c_str());  // of an earlier player
  constexpr int kBacklog = 16;
  if (server->socket < 0 || ::bind(server->socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(server->socket, kBacklog) != 0) {
    const Failure failure{fmt::format("kubelet socket {}: {}", path, std::strerror(errno))};
    if (server->socket >= 0) ::close(server->socket);
    return failure;
  }
  return std::unique_ptr<Kubelet>(new Kubelet(std::move(server)));
}

void Kubelet::serve(std::chrono::milliseconds at_most) {
  const auto deadline = std::chrono::steady_clock::now() + at_most;
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() < 0) return;
    std::vector<pollfd> waits{{server_->socket, POLLIN, 0}};
    for (const auto& connection : server_->connections)
      waits.push_back(
          {connection->socket(), static_cast<short>(connection->wants_write() ? POLLIN | POLLOUT : POLLIN), 0});
    const int ready = ::poll(waits.data(), waits.size(), static_cast<int>(std::max<long>(left.count(), 0)));
    if (ready <= 0) return;  // time is over, or a signal: the caller looks why
    std::vector<std::unique_ptr<Connection>> kept;
    for (std::size_t i = 0; i < server_->connections.size(); ++i) {
      auto& connection = server_->connections[i];
      const short events = waits[i + 1].revents;
      bool open = true;
      if (events & POLLOUT) open = connection->flush();
      if (open && (events & (POLLIN | POLLHUP | POLLERR))) open = connection->readable();
      if (open) kept.push_back(std::move(connection));
    }
    server_->connections = std::move(kept);
    if (waits[0].revents & POLLIN)
      if (const int client = ::accept4(server_->socket, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK); client >= 0)
        server_->connections.push_back(std::make_unique<Connection>(client, server_->answer));
  }
}

}  // namespace tessera::sim
