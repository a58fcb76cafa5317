#include "relay/request_body.h"

namespace tessera::relay {
namespace {

constexpr std::size_t kMaxMessage = 256U << 20U;  // far more than a sender writes; a bound for what a disk made of it

}  // namespace

Result<wire::WriteRequest> unpack(RequestKind kind, std::string_view body) {
  const RequestForm& form = form_of(kind);
  return wire::decode(form.protocol, TRY(wire::decompress(form.compression, body, kMaxMessage)));
}

std::string pack(RequestKind kind, const wire::WriteRequest& request) {
  const RequestForm& form = form_of(kind);
  wire::Compressor compressor(form.compression);
  return std::string(compressor.compress(wire::encode(form.protocol, request)));
}

}  // namespace tessera::relay
