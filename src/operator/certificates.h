#pragma once
// Inside the room: the certificate that the server shows the API servers that call its webhook, and the CAs that they
// hold it against. A CA signs one certificate and its key is thrown away; both are good for 90 days. At two thirds of
// that the next pair is made and its CA told to the API servers; when they have it, the server is given the
// certificate; the old CA is told until it has expired, for a server may still show the old certificate. What to do is
// a pure function of what the Secret holds, of what is told and of the time.
#include <map>
#include <string>
#include <string_view>

#include "base/duration.h"
#include "base/result.h"

namespace tessera::operate {

/// The keys of a Secret and their texts, which are PEM.
using SecretTexts = std::map<std::string, std::string, std::less<>>;

inline constexpr const char* kCertificate = "tls.crt";
inline constexpr const char* kPrivateKey = "tls.key";
inline constexpr const char* kAuthorities = "ca.crt";  ///< all that API servers are told
inline constexpr const char* kNextCertificate = "next.crt";
inline constexpr const char* kNextKey = "next.key";

/// Empty where there is none.
std::string text_at(const SecretTexts& texts, std::string_view key);

/// What the Secret and the webhook's configuration say now.
struct Held {
  SecretTexts secret;  ///< empty: there is none
  std::string told;    ///< PEM: the CAs in the webhook's configuration; empty: there is none
  std::string host;    ///< SERVICE.NAMESPACE.svc, which API servers ask for
};

struct CertificateStep {
  enum class Kind {
    Keep,
    Make,     ///< a pair at once: what is there is of no use
    Prepare,  ///< the next pair, and tell its CA
    Promote,  ///< the next pair is the one that is served
    Tidy      ///< CAs that have expired, or are not ours, go
  };
  Kind kind = Kind::Keep;
  std::string why;         ///< of all but Keep: "expired at 2026-01-31T09:30:00.000Z"
  EpochMs look_again = 0;  ///< of Keep: before this nothing changes by time alone
};

CertificateStep next_step(const Held& held, EpochMs now);

/// What the Secret is to hold after the step.
Result<SecretTexts> carried_out(const CertificateStep& step, const Held& held, EpochMs now);

/// When the first certificate of a text expires; NotFound where none can be read.
Result<EpochMs> expiry_of(std::string_view pem);

}  // namespace tessera::operate
