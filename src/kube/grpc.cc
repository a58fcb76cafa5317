#include "kube/grpc.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "base/text.h"
#include "http/client.h"

namespace tessera::kube {
namespace {

constexpr std::size_t kPrefixBytes = 5;  // a flag and a 32-bit length
constexpr std::int64_t kMostTimeoutDigits = 99'999'999;

bool is_grpc(std::string_view content_type) {
  constexpr std::string_view kType = "application/grpc";
  if (!content_type.starts_with(kType)) return false;
  const auto rest = content_type.substr(kType.size());
  return rest.empty() || rest == "+proto" || rest.starts_with(';');
}

http::ClientRequest request_of(const std::filesystem::path& socket, std::string_view path, std::string_view message,
                               Milliseconds deadline, std::size_t most_bytes) {
  http::ClientRequest request;
  request.url = "http://localhost" + std::string(path);
  request.method = "POST";
  const auto timeout = std::clamp<std::int64_t>(deadline.count(), 1, kMostTimeoutDigits);
  request.headers = {{"content-type", "application/grpc"},
                     {"te", "trailers"},
                     {"grpc-timeout", fmt::format("{}m", timeout)},  // "m" is milliseconds here
                     {"grpc-accept-encoding", "identity"}};
  request.body = grpc_frame(message);
  request.deadline = deadline;
  request.max_body_bytes = most_bytes + kPrefixBytes;
  request.unix_socket = socket.string();
  request.http2_prior_knowledge = true;
  request.fresh_connection = true;  // a restarted server has a new socket under the old name
  return request;
}

}  // namespace

std::string grpc_frame(std::string_view message) {
  std::string out(kPrefixBytes, '\0');
  for (std::size_t i = 0; i < 4; ++i) out[1 + i] = static_cast<char>(message.size() >> (8 * (3 - i)) & 0xFFU);
  return out.append(message);
}

Result<std::string_view> grpc_unframe(std::string_view body, std::size_t most_bytes) {
  if (body.size() < kPrefixBytes)
    return fail(Code::Invalid, "gRPC: a message begins with {} bytes, only {} came", kPrefixBytes, body.size());
  if (body[0] == 1) return fail(Code::Invalid, "gRPC: the message is compressed, which was not offered");
  if (body[0] != 0) return fail(Code::Invalid, "gRPC: the message's flag is {}, 0 expected", static_cast<int>(body[0]));
  std::size_t length = 0;
  for (std::size_t i = 1; i < kPrefixBytes; ++i) length = length << 8U | static_cast<unsigned char>(body[i]);
  if (length > most_bytes)
    return fail(Code::Unavailable, "gRPC: the message has {} bytes, more than the {} that are taken", length,
                most_bytes);
  body.remove_prefix(kPrefixBytes);
  if (body.size() < length)
    return fail(Code::Invalid, "gRPC: the message has {} bytes, only {} came", length, body.size());
  if (body.size() > length)
    return fail(Code::Invalid, "gRPC: {} bytes follow the message, one message expected", body.size() - length);
  return body;
}

std::string grpc_text(std::string_view percent_encoded) {
  std::string out;
  while (!percent_encoded.empty()) {
    unsigned char byte = 0;
    const auto* digits = percent_encoded.data() + 1;
    if (percent_encoded.size() >= 3 && percent_encoded[0] == '%' &&
        std::from_chars(digits, digits + 2, byte, 16).ptr == digits + 2) {
      out += static_cast<char>(byte);
      percent_encoded.remove_prefix(3);
    } else {
      out += percent_encoded.front();
      percent_encoded.remove_prefix(1);
    }
  }
  return valid_utf8(out);
}

Result<GrpcReply> grpc_call(const std::filesystem::path& socket, std::string_view path, std::string_view message,
                            Milliseconds deadline, std::size_t most_bytes) {
  http::Client client;
  const auto response = TRY(client.send(request_of(socket, path, message, deadline, most_bytes)));
  if (response.status != 200 || !is_grpc(response.header("content-type")))
    return fail(Code::Invalid, "call {} over {}: HTTP status {} with content type '{}' is no gRPC reply", path,
                socket.string(), response.status, valid_utf8(response.header("content-type")));
  const auto status = parse_int(response.header("grpc-status"));
  if (!status || *status < 0 || *status > 1000)
    return fail(Code::Invalid, "call {} over {}: the reply ends without a grpc-status", path, socket.string());
  GrpcReply reply{static_cast<int>(*status), grpc_text(response.header("grpc-message")), ""};
  if (reply.status != kGrpcOk) return reply;
  const auto body = grpc_unframe(response.body, most_bytes);
  if (!body) return fail(body.error().code, "call {} over {}: {}", path, socket.string(), body.error().what);
  reply.message = *body;
  return reply;
}

}  // namespace tessera::kube
