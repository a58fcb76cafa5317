#include "server/access/secret.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "base/base64url.h"
#include "base/text.h"
#include "http/basic_auth.h"

namespace tessera::server {
namespace {

constexpr std::string_view kMark = "tsk_";
constexpr std::size_t kIdSize = 8;
constexpr std::size_t kSecretSize = 43;                                      // 32 bytes in base64url without padding
constexpr std::string_view kIdLetters = "abcdefghijklmnopqrstuvwxyz012345";  // 32: five bits each, without a bias

bool is_token(std::string_view text) { return std::ranges::count(text, '.') == 2; }

Credential credential(std::string_view text) {
  using Kind = Credential::Kind;
  const Kind kind = key_id(text) ? Kind::Key : (is_token(text) ? Kind::Token : Kind::Unknown);
  return {kind, std::string(text)};
}

}  // namespace

Result<NewKey> make_key() {
  std::array<unsigned char, kIdSize + 32> random{};
  if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1)
    return fail(Code::Unavailable, "make a key: the system gives no random bytes");
  NewKey out;
  for (std::size_t i = 0; i < kIdSize; ++i) out.id += kIdLetters[random[i] % kIdLetters.size()];
  out.secret =
      fmt::format("{}{}_{}", kMark, out.id,
                  base64url({reinterpret_cast<const char*>(random.data()) + kIdSize, random.size() - kIdSize}));
  OPENSSL_cleanse(random.data(), random.size());
  return out;
}

std::optional<std::string_view> key_id(std::string_view secret) {
  if (!secret.starts_with(kMark) || secret.size() != kMark.size() + kIdSize + 1 + kSecretSize) return std::nullopt;
  const std::string_view id = secret.substr(kMark.size(), kIdSize);
  const std::string_view rest = secret.substr(kMark.size() + kIdSize + 1);
  if (id.find_first_not_of(kIdLetters) != std::string_view::npos || secret[kMark.size() + kIdSize] != '_' ||
      !base64url_decoded(rest))
    return std::nullopt;
  return id;
}

std::string sha256_hex(std::string_view bytes) {
  std::array<unsigned char, 32> digest{};
  unsigned size = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr);
  std::string out;
  for (const unsigned char byte : digest) fmt::format_to(std::back_inserter(out), "{:02x}", byte);
  return out;
}

bool same_bytes(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

Credential credential_of(const http::Request& request) {
  const std::string_view header = trim(request.header("Authorization"));
  const std::string_view key = trim(request.header("X-API-Key"));
  std::optional<std::string> shown;
  if (!key.empty()) shown = key;
  if (!header.empty()) {
    constexpr std::string_view kBearer = "bearer ";
    std::string other;
    if (lower(header.substr(0, kBearer.size())) == kBearer)
      other = trim(header.substr(kBearer.size()));
    else if (const auto basic = http::basic_credentials(header))
      other = basic->password;
    else
      other = header;
    if (shown && *shown != other) return {Credential::Kind::Unknown, {}};
    shown = other;
  }
  return shown ? credential(*shown) : Credential{};
}

}  // namespace tessera::server
