#include "http/body_decoder.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <climits>
#include <utility>

#include "base/text.h"

namespace tessera::http {
namespace {

constexpr int kGzipOnly = 15 + 16;                         // zlib's words for the largest window and a gzip header
constexpr unsigned char kFrame = 0x28, kSkippable = 0x50;  // the first byte of a frame of zstd; the latter to 0x5F
constexpr int kMostWindowLog = 23;                         // 8 MiB, the most that zstd may use as a content encoding

}  // namespace

struct BodyDecoder::Codec {
  std::string_view name;
  bool at_end = false;  ///< of a member or frame, after which the body may end or another may follow

  explicit Codec(std::string_view shown) : name(shown) {}
  Codec(const Codec&) = delete;
  Codec& operator=(const Codec&) = delete;
  virtual ~Codec() = default;
  /// Takes from the front of `wire`; 0 bytes: none of it is left, and more is needed.
  virtual Result<std::size_t> decode(std::string_view& wire, std::span<char> scratch) = 0;
  Error broken(const char* why) const {
    return fail(Code::Unavailable, "the body is no {}: {}", name, why ? why : "unknown cause");
  }
};

struct BodyDecoder::Gzip final : Codec {
  z_stream stream{};
  bool ready;

  Gzip() : Codec("gzip"), ready(inflateInit2(&stream, kGzipOnly) == Z_OK) {}
  ~Gzip() override {
    if (ready) inflateEnd(&stream);
  }
  Gzip(const Gzip&) = delete;
  Gzip& operator=(const Gzip&) = delete;

  Result<std::size_t> decode(std::string_view& wire, std::span<char> scratch) override {
    stream.next_out = reinterpret_cast<Bytef*>(scratch.data());
    const auto room = static_cast<uInt>(std::min<std::size_t>(scratch.size(), UINT_MAX));
    stream.avail_out = room;
    while (stream.avail_out == room) {
      if (at_end && wire.empty()) return std::size_t{0};
      if (std::exchange(at_end, false)) inflateReset(&stream);
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(wire.data()));  // zlib only reads it
      const auto given = static_cast<uInt>(std::min<std::size_t>(wire.size(), UINT_MAX));
      stream.avail_in = given;
      const int code = inflate(&stream, Z_NO_FLUSH);
      wire.remove_prefix(given - stream.avail_in);
      at_end = code == Z_STREAM_END;
      if (code == Z_BUF_ERROR) return std::size_t{0};  // neither input to read nor output left inside
      if (code != Z_OK && code != Z_STREAM_END) return broken(stream.msg ? stream.msg : zError(code));
    }
    return std::size_t{room - stream.avail_out};
  }
};

struct BodyDecoder::Zstd final : Codec {
  struct Free {
    void operator()(ZSTD_DCtx* freed) const noexcept { ZSTD_freeDCtx(freed); }
  };
  std::unique_ptr<ZSTD_DCtx, Free> context{ZSTD_createDCtx()};
  bool within = false;  ///< a frame

  Zstd() : Codec("zstd") {
    if (context) ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, kMostWindowLog);
  }

  static bool begins_frame(char first) {
    const auto byte = static_cast<unsigned char>(first);
    return byte == kFrame || (byte & 0xF0U) == kSkippable;
  }

  Result<std::size_t> decode(std::string_view& wire, std::span<char> scratch) override {
    ZSTD_outBuffer out{scratch.data(), scratch.size(), 0};
    while (out.pos == 0) {
      if (at_end && wire.empty()) return std::size_t{0};
      // The library knows formats from before RFC 8878 too, by decoders that nobody has looked at for years.
      if (!within && !wire.empty() && !begins_frame(wire.front())) return broken("Unknown frame descriptor");
      within = within || !wire.empty();
      ZSTD_inBuffer in{wire.data(), wire.size(), 0};
      const std::size_t code = ZSTD_decompressStream(context.get(), &out, &in);
      if (ZSTD_isError(code)) return broken(ZSTD_getErrorName(code));
      wire.remove_prefix(in.pos);
      at_end = code == 0;
      within = within && !at_end;
      if (!at_end && out.pos == 0 && wire.empty()) return std::size_t{0};
    }
    return out.pos;
  }
};

BodyDecoder::BodyDecoder(std::unique_ptr<Codec> codec) : codec_(std::move(codec)) {}
BodyDecoder::BodyDecoder(BodyDecoder&& other) noexcept = default;
BodyDecoder& BodyDecoder::operator=(BodyDecoder&& other) noexcept = default;
BodyDecoder::~BodyDecoder() = default;

Result<BodyDecoder> BodyDecoder::open(std::string_view encoding) {
  const std::string name = lower(trim(encoding));
  if (name.empty() || name == "identity") return BodyDecoder(nullptr);
  if (name == "gzip" || name == "x-gzip") {
    auto gzip = std::make_unique<Gzip>();
    if (!gzip->ready) return fail(Code::Internal, "zlib could not be started");
    return BodyDecoder(std::move(gzip));
  }
  if (name == "zstd") {
    auto zstd = std::make_unique<Zstd>();
    if (!zstd->context) return fail(Code::Internal, "zstd could not be started");
    return BodyDecoder(std::move(zstd));
  }
  return fail(Code::Invalid, "the body is encoded as '{}'; gzip, zstd and identity are understood", name);
}

void BodyDecoder::feed(std::string_view wire) { wire_ = wire; }

void BodyDecoder::hold() {
  held_ = std::string(wire_);  // which may be a part of held_
  wire_ = held_;
}

Result<std::string_view> BodyDecoder::next(std::span<char> scratch) {
  if (!codec_) return std::exchange(wire_, {});
  const std::size_t size = TRY(codec_->decode(wire_, scratch));
  return std::string_view(scratch.data(), size);
}

Result<void> BodyDecoder::finish() const {
  if (codec_ && !codec_->at_end) return codec_->broken("it ends too early");
  return {};
}

}  // namespace tessera::http
