#include "server/opaque_ids.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <charconv>
#include <cstring>
#include <iterator>
#include <memory>
#include <stdexcept>

namespace tessera::server {
namespace {

using Block = std::array<unsigned char, 16>;

struct FreeCipher {
  void operator()(EVP_CIPHER_CTX* context) const noexcept { EVP_CIPHER_CTX_free(context); }
};

/// One block of AES: each number has one name, and no two have the same.
Block crypt(const Block& block, const Block& key, bool encrypt) {
  const std::unique_ptr<EVP_CIPHER_CTX, FreeCipher> context(EVP_CIPHER_CTX_new());
  Block out{};
  int size = 0;
  if (!context ||
      EVP_CipherInit_ex(context.get(), EVP_aes_128_ecb(), nullptr, key.data(), nullptr, encrypt ? 1 : 0) != 1 ||
      EVP_CIPHER_CTX_set_padding(context.get(), 0) != 1 ||
      EVP_CipherUpdate(context.get(), out.data(), &size, block.data(), static_cast<int>(block.size())) != 1)
    throw std::runtime_error("OpenSSL has no AES");
  return out;
}

}  // namespace

OpaqueIds::OpaqueIds() {
  if (RAND_bytes(key_.data(), static_cast<int>(key_.size())) != 1)
    throw std::runtime_error("the system gives no random bytes");
}

std::string OpaqueIds::of(std::uint64_t number) const {
  Block block{};
  std::memcpy(block.data(), &number, sizeof number);
  std::string out;
  for (const unsigned char byte : crypt(block, key_, true)) fmt::format_to(std::back_inserter(out), "{:02x}", byte);
  return out;
}

std::optional<std::uint64_t> OpaqueIds::number(std::string_view id) const {
  Block block{};
  if (id.size() != 2 * block.size()) return std::nullopt;
  for (std::size_t i = 0; i < block.size(); ++i) {
    const char* const end = id.data() + 2 * i + 2;
    if (std::from_chars(id.data() + 2 * i, end, block[i], 16).ptr != end) return std::nullopt;
  }
  const Block plain = crypt(block, key_, false);
  std::uint64_t number = 0, rest = 0;
  std::memcpy(&number, plain.data(), sizeof number);
  std::memcpy(&rest, plain.data() + sizeof number, sizeof rest);
  return rest == 0 ? std::optional(number) : std::nullopt;  // of another key: some other bytes
}

}  // namespace tessera::server
