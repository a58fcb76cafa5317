#pragma once
// One unary gRPC call over a unix socket, spoken through libcurl. Not thread-safe: a call blocks its thread.
#include <filesystem>
#include <string>
#include <string_view>

#include "base/duration.h"
#include "base/result.h"

namespace tessera::kube {

/// A message as gRPC sends it: uncompressed, with its length before it.
std::string grpc_frame(std::string_view message);

/// The one message of a body, a view into it. Refuses compressed messages (we accept none), cut or further messages,
/// and messages longer than `most_bytes`.
Result<std::string_view> grpc_unframe(std::string_view body, std::size_t most_bytes);

/// A grpc-message header with its %XX written out; what is no such escape stays.
std::string grpc_text(std::string_view percent_encoded);

// The status numbers that a caller here may branch on.
inline constexpr int kGrpcOk = 0;
inline constexpr int kGrpcPermissionDenied = 7;
inline constexpr int kGrpcResourceExhausted = 8;
inline constexpr int kGrpcUnimplemented = 12;
inline constexpr int kGrpcUnauthenticated = 16;

struct GrpcReply {
  int status = kGrpcOk;
  std::string status_text;
  std::string message;  ///< empty where status is not kGrpcOk
};

/// Calls `path` ("/package.Service/Method") of the server that listens on `socket`, on a connection of its own. Any
/// gRPC status is a reply; an error is a server that is away (Unavailable), closed to us (Denied) or not speaking gRPC
/// (Invalid).
Result<GrpcReply> grpc_call(const std::filesystem::path& socket, std::string_view path, std::string_view message,
                            Milliseconds deadline, std::size_t most_bytes);

}  // namespace tessera::kube
