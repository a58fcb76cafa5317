#pragma once
// Inside the room: X.509 certificates as PEM texts: read, compared, made. Keys are ECDSA on P-256; they are never
// logged and never part of an error. Pure but for the keys that issue() draws.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/duration.h"
#include "base/result.h"

struct x509_st;  // OpenSSL's

namespace tessera::operate {

struct Certificate {
  std::shared_ptr<x509_st> handle;
  std::string pem;
  EpochMs since = 0, until = 0;  ///< good from one to the other
  bool holds_at(EpochMs now) const { return since <= now && now < until; }
};

/// The certificates of a text, up to the first that cannot be read.
std::vector<Certificate> read_certificates(std::string_view pem);

/// Whether it is a CA that has signed itself under this common name.
bool is_authority(const Certificate& certificate, const std::string& name);
bool is_signed_by(const Certificate& certificate, const Certificate& authority);
bool is_for_host(const Certificate& certificate, const std::string& host);
/// Whether the text is its private key.
bool has_key(const Certificate& certificate, std::string_view pem);

struct Issue {
  std::string authority;           ///< common name of the CA
  std::vector<std::string> hosts;  ///< DNS names, the shortest first
  EpochMs since = 0, until = 0;
};

/// A certificate of a server with its key, and the CA that signed it, all PEM.
struct Issued {
  std::string certificate, key, authority;
};

/// Unavailable where OpenSSL cannot. The CA's own key is gone when this returns: it signs no other one.
Result<Issued> issue(const Issue& wish);

}  // namespace tessera::operate
