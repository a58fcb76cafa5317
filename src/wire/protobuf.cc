#include "wire/protobuf.h"

namespace tessera::wire::protobuf {
namespace {
constexpr std::string_view kTypeNames[] = {"a varint", "8 bytes", "a length and bytes", "", "", "4 bytes"};
constexpr std::uint64_t kMaxField = (1U << 29) - 1;
}  // namespace

Error Fields::truncated(std::string_view what) const {
  return fail(Code::Invalid, "byte {}: the message ends within {}", offset(), what);
}

Result<std::uint64_t> Fields::varint() {
  std::uint64_t value = 0;
  const char* at = next_;
  for (unsigned shift = 0; at != end_; shift += 7) {
    const auto byte = static_cast<unsigned char>(*at++);
    if (shift == 63 && byte > 1) return fail(Code::Invalid, "byte {}: a varint of more than 64 bits", offset());
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) {
      next_ = at;
      return value;
    }
  }
  return truncated("a varint");
}

Result<void> Fields::key() {
  const std::size_t at = offset();
  const std::uint64_t key = TRY(varint());
  const std::uint64_t field = key >> 3;
  const auto type = static_cast<unsigned>(key & 7);
  if (field == 0 || field > kMaxField) return fail(Code::Invalid, "byte {}: {} is no field number", at, field);
  if (type >= std::size(kTypeNames) || kTypeNames[type].empty())
    return fail(Code::Invalid, "byte {}: field {} has wire type {}", at, field, type);
  field_ = static_cast<unsigned>(field);
  type_ = static_cast<Type>(type);
  return {};
}

Result<void> Fields::expect(Type type) const {
  if (type_ == type) return {};
  return fail(Code::Invalid, "byte {}: field {} is {}, expected {}", offset(), field_,
              kTypeNames[static_cast<std::size_t>(type_)], kTypeNames[static_cast<std::size_t>(type)]);
}

Result<std::uint64_t> Fields::number() {
  TRY(expect(Type::Varint));
  return varint();
}

Result<std::uint64_t> Fields::bits() {
  TRY(expect(Type::Fixed64));
  std::uint64_t value = 0;
  if (static_cast<std::size_t>(end_ - next_) < sizeof value) return truncated("a number of 8 bytes");
  std::memcpy(&value, next_, sizeof value);
  next_ += sizeof value;
  return value;
}

Result<std::string_view> Fields::bytes() {
  TRY(expect(Type::Bytes));
  const std::size_t at = offset();
  const std::uint64_t size = TRY(varint());
  const auto left = static_cast<std::size_t>(end_ - next_);
  if (size > left)
    return fail(Code::Invalid, "byte {}: field {} has a length of {} where {} bytes are left", at, field_, size, left);
  const std::string_view value(next_, static_cast<std::size_t>(size));
  next_ += value.size();
  return value;
}

Result<void> Fields::skip() {
  switch (type_) {
    case Type::Varint:
      TRY(number());
      break;
    case Type::Fixed64:
      TRY(bits());
      break;
    case Type::Bytes:
      TRY(bytes());
      break;
    case Type::Fixed32:
      if (end_ - next_ < 4) return truncated("a number of 4 bytes");
      next_ += 4;
      break;
  }
  return {};
}

}  // namespace tessera::wire::protobuf
