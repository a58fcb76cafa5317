#include "operator/certificates.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <tuple>
#include <vector>

#include "operator/x509.h"

namespace tessera::operate {
namespace {
using namespace std::chrono_literals;

constexpr Milliseconds kLife = std::chrono::days(90);
constexpr Milliseconds kBehind = 1h;     // a clock that is behind ours by less takes a new certificate too
constexpr Milliseconds kSettle = 10min;  // within which each API server has read what it is told
constexpr std::size_t kMostAuthorities = 4;
const std::string kAuthorityName = "tessera admission CA";

/// Our CAs of a text that have not expired, the newest first.
std::vector<Certificate> authorities(std::string_view pem, EpochMs now) {
  auto out = read_certificates(pem);
  std::erase_if(out, [&](const Certificate& one) { return !one.holds_at(now) || !is_authority(one, kAuthorityName); });
  std::ranges::sort(out, [](const Certificate& a, const Certificate& b) {
    return std::tie(b.since, b.pem) < std::tie(a.since, a.pem);
  });
  const auto same = [](const Certificate& a, const Certificate& b) { return a.pem == b.pem; };
  out.erase(std::unique(out.begin(), out.end(), same), out.end());
  if (out.size() > kMostAuthorities) out.resize(kMostAuthorities);
  return out;
}

std::string joined(const std::vector<Certificate>& list) {
  std::string out;
  for (const Certificate& one : list) out += one.pem;
  return out;
}

/// A certificate with its key, as the Secret has it.
struct Pair {
  std::optional<Certificate> certificate;
  std::optional<Certificate> authority;  ///< that signed it
  std::string wrong;                     ///< why it is of no use; empty: it is
  bool good() const { return wrong.empty(); }
  EpochMs made() const { return certificate->since + kBehind.count(); }
  EpochMs renewed_from() const { return certificate->since + (certificate->until - certificate->since) / 3 * 2; }
};

std::string wrong_with(const Pair& pair, const std::string& key, const std::string& host, EpochMs now) {
  const Certificate& one = *pair.certificate;
  if (!has_key(one, key)) return "its key is missing or another one's";
  if (now >= one.until) return fmt::format("it expired at {}", format_time(one.until));
  if (now < one.since) return fmt::format("it is good only from {}", format_time(one.since));
  if (!is_for_host(one, host)) return fmt::format("it is not for {}", host);
  return pair.authority ? "" : "none of the CAs beside it has signed it";
}

Pair pair_of(const Held& held, const char* certificate, const char* key, const std::vector<Certificate>& known,
             EpochMs now) {
  Pair out;
  const std::string text = text_at(held.secret, certificate);
  auto read = read_certificates(text);
  if (read.empty()) {
    out.wrong = text.empty() ? "there is none" : "it cannot be read";
    return out;
  }
  out.certificate = std::move(read.front());
  const auto by =
      std::ranges::find_if(known, [&](const Certificate& ca) { return is_signed_by(*out.certificate, ca); });
  if (by != known.end()) out.authority = *by;
  out.wrong = wrong_with(out, text_at(held.secret, key), held.host, now);
  return out;
}

bool is_told(const Pair& pair, const std::string& told) {
  return std::ranges::any_of(read_certificates(told),
                             [&](const Certificate& one) { return one.pem == pair.authority->pem; });
}

/// All that is known of what is held.
struct Looked {
  std::vector<Certificate> known;  ///< CAs
  Pair current, next;
};

Looked look(const Held& held, EpochMs now) {
  Looked out{authorities(text_at(held.secret, kAuthorities), now), {}, {}};
  out.current = pair_of(held, kCertificate, kPrivateKey, out.known, now);
  out.next = pair_of(held, kNextCertificate, kNextKey, out.known, now);
  return out;
}

EpochMs look_again(const Looked& looked, EpochMs now) {
  EpochMs out = looked.next.good() ? std::max(looked.next.made() + kSettle.count(), now + kSettle.count())
                                   : looked.current.renewed_from();
  for (const Certificate& one : looked.known) out = std::min(out, one.until);
  return out;
}

/// The Secret with a pair that was just made, and its CA before those that are kept.
Result<SecretTexts> with_new(const Held& held, const char* certificate, const char* key,
                             const std::vector<Certificate>& kept, EpochMs now) {
  const std::string full = held.host + ".cluster.local";
  Issued made = TRY(issue({kAuthorityName, {held.host, full}, now - kBehind.count(), now + kLife.count()}));
  SecretTexts out = held.secret;
  out[certificate] = std::move(made.certificate);
  out[key] = std::move(made.key);
  out[kAuthorities] = joined(authorities(made.authority + joined(kept), now));
  return out;
}

void drop_next(SecretTexts& texts) {
  texts.erase(kNextCertificate);
  texts.erase(kNextKey);
}

}  // namespace

std::string text_at(const SecretTexts& texts, std::string_view key) {
  const auto found = texts.find(key);
  return found == texts.end() ? std::string() : found->second;
}

CertificateStep next_step(const Held& held, EpochMs now) {
  using Kind = CertificateStep::Kind;
  const Looked looked = look(held, now);
  const auto& [known, current, next] = looked;
  if (!current.good()) return {next.good() ? Kind::Promote : Kind::Make, current.wrong, 0};
  const bool due = now >= current.renewed_from();
  if (due && !next.good())
    return {Kind::Prepare, fmt::format("it expires at {}", format_time(current.certificate->until)), 0};
  if (next.good() && now >= next.made() + kSettle.count() && is_told(next, held.told))
    return {Kind::Promote, fmt::format("the one before it expires at {}", format_time(current.certificate->until)), 0};
  if (joined(known) != text_at(held.secret, kAuthorities))
    return {Kind::Tidy, "CAs beside it have expired, or are not the operator's", 0};
  return {Kind::Keep, "", look_again(looked, now)};
}

Result<SecretTexts> carried_out(const CertificateStep& step, const Held& held, EpochMs now) {
  using Kind = CertificateStep::Kind;
  const auto known = authorities(text_at(held.secret, kAuthorities), now);
  switch (step.kind) {
    case Kind::Make: {
      // A server may go on with a certificate that is not in the Secret any more.
      Held cleared = held;
      drop_next(cleared.secret);
      return with_new(cleared, kCertificate, kPrivateKey, authorities(joined(known) + held.told, now), now);
    }
    case Kind::Prepare:
      return with_new(held, kNextCertificate, kNextKey, known, now);
    case Kind::Promote: {
      SecretTexts out = held.secret;
      out[kCertificate] = text_at(held.secret, kNextCertificate);
      out[kPrivateKey] = text_at(held.secret, kNextKey);
      out[kAuthorities] = joined(known);
      drop_next(out);
      return out;
    }
    case Kind::Tidy: {
      SecretTexts out = held.secret;
      out[kAuthorities] = joined(known);
      return out;
    }
    case Kind::Keep:
      break;
  }
  return held.secret;
}

Result<EpochMs> expiry_of(std::string_view pem) {
  const auto read = read_certificates(pem);
  if (read.empty()) return fail(Code::NotFound, "no certificate can be read");
  return read.front().until;
}

}  // namespace tessera::operate
