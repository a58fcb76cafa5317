#pragma once
// The protobuf wire format as far as these few messages need it. Inside the room only.
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tessera::wire::protobuf {

static_assert(std::endian::native == std::endian::little, "fixed64 is copied as it lies in memory");

enum class Type : std::uint8_t { Varint = 0, Fixed64 = 1, Bytes = 2, Fixed32 = 5 };

constexpr char tag(unsigned field, Type type) { return static_cast<char>(field << 3 | static_cast<unsigned>(type)); }

inline constexpr std::size_t kMaxVarint = 10;

constexpr std::size_t varint_size(std::uint64_t value) {
  return (static_cast<std::size_t>(std::bit_width(value | 1)) + 6) / 7;
}

/// Writes at `out`, where there is room, and returns the end.
inline char* put_varint(char* out, std::uint64_t value) {
  while (value >= 0x80) {
    *out++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *out++ = static_cast<char>(value);
  return out;
}

inline void append_varint(std::string& out, std::uint64_t value) {
  char bytes[kMaxVarint];
  out.append(bytes, put_varint(bytes, value));
}

/// Zero is left out, as proto3 does.
inline void append_number(std::string& out, unsigned field, std::uint64_t value) {
  if (value == 0) return;
  out += tag(field, Type::Varint);
  append_varint(out, value);
}

inline void append_double(std::string& out, unsigned field, double value) {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  if (bits == 0) return;
  out += tag(field, Type::Fixed64);
  char bytes[sizeof bits];
  std::memcpy(bytes, &bits, sizeof bits);
  out.append(bytes, sizeof bits);
}

/// Also when empty: an element of a repeated field.
inline void append_bytes(std::string& out, unsigned field, std::string_view bytes) {
  out += tag(field, Type::Bytes);
  append_varint(out, bytes.size());
  out += bytes;
}

inline void append_string(std::string& out, unsigned field, std::string_view text) {
  if (!text.empty()) append_bytes(out, field, text);
}

/// Walks the fields of one message. After an error every further call is one too.
class Fields {
 public:
  /// `whole` is the body that `message` is a piece of: offsets in errors count from its begin.
  Fields(std::string_view whole, std::string_view message)
      : whole_(whole.data()), next_(message.data()), end_(message.data() + message.size()) {}

  bool at_end() const { return next_ == end_; }
  std::size_t offset() const { return static_cast<std::size_t>(next_ - whole_); }

  /// Reads the next field's key; then exactly one of number(), bits(), bytes() or skip() reads its value.
  Result<void> key();
  unsigned field() const { return field_; }
  Type type() const { return type_; }
  bool is(unsigned field) const { return field_ == field; }

  Result<std::uint64_t> number();
  Result<std::uint64_t> bits();
  Result<std::string_view> bytes();
  Result<void> skip();

  /// A varint without a key, as in packed fields.
  Result<std::uint64_t> varint();

 private:
  Error truncated(std::string_view what) const;
  Result<void> expect(Type type) const;

  const char* whole_;
  const char* next_;
  const char* end_;
  unsigned field_ = 0;
  Type type_ = Type::Varint;
};

}  // namespace tessera::wire::protobuf
