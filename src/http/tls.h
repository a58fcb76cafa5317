#pragma once
// The server's TLS context, taken anew when its files change. OpenSSL only; no Beast.
#include <memory>
#include <mutex>
#include <string>

#include "base/duration.h"
#include "base/result.h"
#include "http/server.h"

struct ssl_ctx_st;

namespace tessera::http {

using SslContext = std::shared_ptr<ssl_ctx_st>;

/// Invalid with the file and OpenSSL's reason, or with the setting that is not understood.
Result<SslContext> load_tls(const TlsOptions& options);

/// Thread-safe. Certificates are renewed while a server runs (cert-manager swaps files by a symlink), so changed files
/// are read for the next connection; while the new ones are wrong or half written, the last good ones serve.
class TlsContext {
 public:
  static Result<std::unique_ptr<TlsContext>> open(TlsOptions options);
  SslContext current();

 private:
  TlsContext(TlsOptions options, std::string seen, SslContext context);

  const TlsOptions options_;
  std::mutex mutex_;
  SteadyTime checked_;  // guarded by mutex_, as is all below
  std::string seen_;    ///< identity of the files that were last tried
  SslContext context_;
};

}  // namespace tessera::http
