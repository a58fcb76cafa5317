#include "http/tls.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/stat.h>

#include <algorithm>
#include <iterator>
#include <optional>

#include "base/files.h"
#include "base/log.h"

namespace tessera::http {
namespace {

constexpr std::size_t kMaxPemBytes = 1U << 20U;

std::string openssl_reason() {
  const unsigned long code = ERR_peek_error();  // the first is the cause, the last only says where it ended up
  const char* const reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  std::string text = reason ? reason : "unknown OpenSSL error";
  ERR_clear_error();
  return text;
}

Result<int> version_of(const std::string& name) {
  if (name == "TLS12") return TLS1_2_VERSION;
  if (name == "TLS13") return TLS1_3_VERSION;
  return fail(Code::Invalid, "TLS version '{}': expected TLS12 or TLS13 (older ones are broken: RFC 8996)", name);
}

Result<void> set_versions(SSL_CTX* context, const TlsOptions& options) {
  const int least = TRY(version_of(options.min_version));
  const int most = TRY(version_of(options.max_version));
  if (least > most)
    return fail(Code::Invalid, "TLS min_version {} is above max_version {}", options.min_version, options.max_version);
  SSL_CTX_set_min_proto_version(context, least);
  SSL_CTX_set_max_proto_version(context, most);
  return {};
}

Result<void> set_ciphers(SSL_CTX* context, const TlsOptions& options) {
  std::string suites;  // of TLS 1.3
  std::string older;
  for (const auto& name : options.cipher_suites) {
    const std::string known = OPENSSL_cipher_name(name.c_str());
    if (known == "(NONE)") return fail(Code::Invalid, "TLS cipher suite '{}' is not known to OpenSSL", name);
    std::string& list = known == name ? suites : older;  // only those of TLS 1.3 have one name everywhere
    list += fmt::format("{}{}", list.empty() ? "" : ":", known);
  }
  if (!older.empty() && SSL_CTX_set_cipher_list(context, older.c_str()) != 1)
    return fail(Code::Invalid, "TLS cipher suites {}: {}", older, openssl_reason());
  if (!suites.empty() && SSL_CTX_set_ciphersuites(context, suites.c_str()) != 1)
    return fail(Code::Invalid, "TLS cipher suites {}: {}", suites, openssl_reason());
  const std::string curves = fmt::format("{}", fmt::join(options.curves, ":"));
  if (!curves.empty() && SSL_CTX_set1_groups_list(context, curves.c_str()) != 1)
    return fail(Code::Invalid, "TLS curves {}: {}", curves, openssl_reason());
  if (options.prefer_server_ciphers) SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE);
  return {};
}

Result<void> set_certificate(SSL_CTX* context, const TlsOptions& options) {
  TRY(read_file(options.cert_file, kMaxPemBytes));  // for an error that says why a file cannot be read
  TRY(read_file(options.key_file, kMaxPemBytes));
  if (SSL_CTX_use_certificate_chain_file(context, options.cert_file.c_str()) != 1)
    return fail(Code::Invalid, "TLS certificate {}: {}", options.cert_file, openssl_reason());
  if (SSL_CTX_use_PrivateKey_file(context, options.key_file.c_str(), SSL_FILETYPE_PEM) != 1)
    return fail(Code::Invalid, "TLS key {}: {} (certificate: {})", options.key_file, openssl_reason(),
                options.cert_file);
  return {};
}

Result<void> set_client_ca(SSL_CTX* context, const TlsOptions& options) {
  const std::string& file = options.client_ca_file;
  if (file.empty()) return {};
  TRY(read_file(file, kMaxPemBytes));
  STACK_OF(X509_NAME)* const names = SSL_load_client_CA_file(file.c_str());
  if (!names || SSL_CTX_load_verify_locations(context, file.c_str(), nullptr) != 1) {
    sk_X509_NAME_pop_free(names, X509_NAME_free);
    return fail(Code::Invalid, "TLS client CA {}: {}", file, openssl_reason());
  }
  SSL_CTX_set_client_CA_list(context, names);  // takes them
  SSL_CTX_set_verify(
      context, SSL_VERIFY_PEER | (options.client_certificate_optional ? 0 : SSL_VERIFY_FAIL_IF_NO_PEER_CERT), nullptr);
  static constexpr unsigned char kSessionContext[] = "tessera";  // resumption with client certificates needs one
  SSL_CTX_set_session_id_context(context, kSessionContext, sizeof kSessionContext - 1);
  return {};
}

/// Changes when a file is written, replaced, or reached through a swapped symbolic link.
std::string identity_of(const TlsOptions& options) {
  std::string out;
  for (const auto& path : {options.cert_file, options.key_file, options.client_ca_file}) {
    struct stat file{};
    if (path.empty() || ::stat(path.c_str(), &file) != 0)
      out += "none;";
    else
      out += fmt::format("{}/{}/{}/{}.{:09};", file.st_dev, file.st_ino, file.st_size, file.st_mtim.tv_sec,
                         file.st_mtim.tv_nsec);
  }
  return out;
}

}  // namespace

Result<SslContext> load_tls(const TlsOptions& options) {
  ERR_clear_error();
  SslContext context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  if (!context) return fail(Code::Internal, "TLS context: {}", openssl_reason());
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);  // 34 KiB less for each idle connection
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  TRY(set_versions(context.get(), options));
  TRY(set_ciphers(context.get(), options));
  TRY(set_certificate(context.get(), options));
  TRY(set_client_ca(context.get(), options));
  return context;
}

Result<std::unique_ptr<TlsContext>> TlsContext::open(TlsOptions options) {
  std::string seen = identity_of(options);  // before reading: a change in between is then noticed
  SslContext context = TRY(load_tls(options));
  return std::unique_ptr<TlsContext>(new TlsContext(std::move(options), std::move(seen), std::move(context)));
}

TlsContext::TlsContext(TlsOptions options, std::string seen, SslContext context)
    : options_(std::move(options)),
      checked_(std::chrono::steady_clock::now()),
      seen_(std::move(seen)),
      context_(std::move(context)) {}

SslContext TlsContext::current() {
  const auto now = std::chrono::steady_clock::now();
  std::lock_guard lock(mutex_);
  if (now - checked_ < options_.check_files_every) return context_;
  checked_ = now;
  std::string seen = identity_of(options_);
  if (seen == seen_) return context_;
  seen_ = std::move(seen);
  if (auto next = load_tls(options_)) {
    context_ = *std::move(next);
    log::info("TLS files taken up", {{"cert_file", options_.cert_file}});
  } else {
    log::warn("TLS files changed but are not usable; the old ones stay", {{"error", next.error().what}});
  }
  return context_;
}

}  // namespace tessera::http
