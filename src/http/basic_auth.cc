#include "http/basic_auth.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stdexcept>

#include "base/text.h"

namespace tessera::http {
namespace {

using Digest = std::array<unsigned char, 32>;

constexpr std::size_t kBcryptLength = 60;
constexpr std::string_view kBcryptAlphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

std::optional<std::string> base64_decoded(std::string_view text) {
  static constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (text.empty() || text.size() % 4 != 0) return std::nullopt;
  for (int i = 0; i < 2 && text.back() == '='; ++i) text.remove_suffix(1);
  std::string out;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const auto at = kAlphabet.find(c);
    if (at == std::string_view::npos) return std::nullopt;
    bits = (bits << 6U) | static_cast<std::uint32_t>(at);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out += static_cast<char>((bits >> static_cast<unsigned>(count)) & 0xFFU);
    }
  }
  return out;
}

/// Remembers good passwords; see basic_authenticator.
class Authenticator {
 public:
  explicit Authenticator(std::map<std::string, std::string> users) {
    std::string costliest = "10";
    for (auto& [user, hash] : users) {
      if (is_bcrypt(hash)) costliest = std::max(costliest, hash.substr(4, 2));
      users_[user].hash = std::move(hash);
    }
    nobody_ = "$2b$" + costliest + "$" + std::string(53, '.');
    if (RAND_bytes(key_.data(), static_cast<int>(key_.size())) != 1) throw std::runtime_error("no random bytes");
  }

  bool allows(std::string_view user, std::string_view password) {
    const auto found = users_.find(user);
    if (found == users_.end()) {
      [[maybe_unused]] const bool same_effort = bcrypt_matches(password, nobody_);
      return false;
    }
    const Digest digest = digest_of(password);
    User& known = found->second;
    {
      std::lock_guard lock(mutex_);
      if (known.good && CRYPTO_memcmp(known.good->data(), digest.data(), digest.size()) == 0) return true;
    }
    if (!bcrypt_matches(password, known.hash)) return false;
    std::lock_guard lock(mutex_);
    known.good = digest;
    return true;
  }

 private:
  struct User {
    std::string hash;
    std::optional<Digest> good;  ///< of the last password that was right; guarded by mutex_
  };

  Digest digest_of(std::string_view password) const {
    Digest digest{};
    unsigned size = 0;
    HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
         reinterpret_cast<const unsigned char*>(password.data()), password.size(), digest.data(), &size);
    return digest;
  }

  std::map<std::string, User, std::less<>> users_;  ///< its keys never change
  std::string nobody_;                              ///< the hash that unknown users are held against
  std::array<unsigned char, 32> key_{};
  std::mutex mutex_;
};

}  // namespace

std::optional<Credentials> basic_credentials(std::string_view authorization) {
  authorization = trim(authorization);
  const auto blank = authorization.find(' ');
  if (blank == std::string_view::npos || lower(authorization.substr(0, blank)) != "basic") return std::nullopt;
  const auto text = base64_decoded(trim(authorization.substr(blank + 1)));
  const auto colon = text ? text->find(':') : std::string::npos;
  if (colon == std::string::npos) return std::nullopt;
  return Credentials{text->substr(0, colon), text->substr(colon + 1)};
}

bool is_bcrypt(std::string_view hash) {
  if (hash.size() != kBcryptLength) return false;
  if (!hash.starts_with("$2a$") && !hash.starts_with("$2b$") && !hash.starts_with("$2y$")) return false;
  const auto cost = parse_int(hash.substr(4, 2));
  return cost && *cost >= 4 && *cost <= 31 && hash[6] == '$' &&
         hash.substr(7).find_first_not_of(kBcryptAlphabet) == std::string_view::npos;
}

bool bcrypt_matches(std::string_view password, const std::string& hash) {
  if (!is_bcrypt(hash) || password.find('\0') != std::string_view::npos) return false;
  const auto scratch = std::make_unique<crypt_data>();  // 32 KiB: not for a stack
  const char* const made = ::crypt_r(std::string(password).c_str(), hash.c_str(), scratch.get());
  return made && std::string_view(made).size() == hash.size() && CRYPTO_memcmp(made, hash.data(), hash.size()) == 0;
}

std::function<bool(std::string_view, std::string_view)> basic_authenticator(std::map<std::string, std::string> users) {
  return [authenticator = std::make_shared<Authenticator>(std::move(users))](
             std::string_view user, std::string_view password) { return authenticator->allows(user, password); };
}

}  // namespace tessera::http
