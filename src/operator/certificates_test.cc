#include "operator/certificates.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <deque>
#include <functional>
#include <memory>

#include "operator/test_monitor.h"
#include "operator/x509.h"

namespace tessera::operate {
namespace {
using namespace std::chrono_literals;
using testing::HasSubstr;
using Kind = CertificateStep::Kind;

constexpr EpochMs kHour = 3'600'000, kDay = 24 * kHour;
constexpr EpochMs kStart = 1'800'000'000'000;  // 2027-01-15T08:00:00Z
const std::string kHost = "tessera-server-admission.gpu.svc";

// ---- A real handshake

template <class T, auto Free>
using Owned = std::unique_ptr<T, decltype([](T* one) { Free(one); })>;
using Context = Owned<SSL_CTX, SSL_CTX_free>;
using Session = Owned<SSL, SSL_free>;

Context server_of(const SecretTexts& secret) {
  Context out(SSL_CTX_new(TLS_server_method()));
  const std::string certificate = text_at(secret, kCertificate), key = text_at(secret, kPrivateKey);
  const Owned<BIO, BIO_free_all> cert_bio(BIO_new_mem_buf(certificate.data(), -1)),
      key_bio(BIO_new_mem_buf(key.data(), -1));
  const Owned<X509, X509_free> cert(PEM_read_bio_X509(cert_bio.get(), nullptr, nullptr, nullptr));
  const Owned<EVP_PKEY, EVP_PKEY_free> pkey(PEM_read_bio_PrivateKey(key_bio.get(), nullptr, nullptr, nullptr));
  if (!cert || !pkey || SSL_CTX_use_certificate(out.get(), cert.get()) != 1 ||
      SSL_CTX_use_PrivateKey(out.get(), pkey.get()) != 1)
    return nullptr;
  return out;
}

/// As an API server with this caBundle: it asks for the host, and it is `now`.
Context client_of(const std::string& bundle, EpochMs now) {
  Context out(SSL_CTX_new(TLS_client_method()));
  for (const Certificate& one : read_certificates(bundle))
    X509_STORE_add_cert(SSL_CTX_get_cert_store(out.get()), one.handle.get());
  X509_VERIFY_PARAM* const rules = SSL_CTX_get0_param(out.get());
  X509_VERIFY_PARAM_set_time(rules, now / 1000);
  X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_X509_STRICT);
  X509_VERIFY_PARAM_set_purpose(rules, X509_PURPOSE_SSL_SERVER);
  SSL_CTX_set_verify(out.get(), SSL_VERIFY_PEER, nullptr);
  return out;
}

/// "" where the handshake ends well, else why the client does not trust the server.
std::string handshake(const SecretTexts& secret, const std::string& bundle, EpochMs now,
                      const std::string& host = kHost) {
  const Context server = server_of(secret), client = client_of(bundle, now);
  if (!server) return "the server has no certificate";
  const Session here(SSL_new(client.get())), there(SSL_new(server.get()));
  BIO *a = nullptr, *b = nullptr;
  BIO_new_bio_pair(&a, 0, &b, 0);
  SSL_set_bio(here.get(), a, a);
  SSL_set_bio(there.get(), b, b);
  SSL_set_connect_state(here.get());
  SSL_set_accept_state(there.get());
  SSL_set1_host(here.get(), host.c_str());
  SSL_set_hostflags(here.get(), X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  constexpr int kFlights = 10;
  for (int i = 0; i < kFlights; ++i) {
    SSL_do_handshake(there.get());
    if (SSL_do_handshake(here.get()) == 1 && SSL_do_handshake(there.get()) == 1) return "";
  }
  const long result = SSL_get_verify_result(here.get());
  return result == X509_V_OK ? "no end of it" : X509_verify_cert_error_string(result);
}

// ---- The handshake itself

TEST(Handshake, FailsWhereItShould) {
  const Held none{{}, "", kHost};
  const auto secret = must(carried_out(next_step(none, kStart), none, kStart));
  const auto other = must(carried_out(next_step(none, kStart), none, kStart));
  const std::string bundle = text_at(secret, kAuthorities);
  EXPECT_EQ(handshake(secret, bundle, kStart), "");
  EXPECT_EQ(handshake(secret, bundle, kStart, kHost + ".cluster.local"), "");
  EXPECT_THAT(handshake(secret, bundle, kStart, "tessera-server-admission"), HasSubstr("ostname mismatch"));
  EXPECT_THAT(handshake(secret, text_at(other, kAuthorities), kStart), testing::Not(""));
  EXPECT_THAT(handshake(secret, "", kStart), HasSubstr("unable to get local issuer"));
  EXPECT_THAT(handshake(secret, bundle, kStart + 91 * kDay), HasSubstr("expired"));
  EXPECT_EQ(handshake(secret, bundle, kStart - 30 * 60'000), "") << "of a clock that is a little behind";
}

// ---- What is done when

/// A Secret and a webhook, carried on by the operator.
struct Played {
  Held held{{}, "", kHost};

  CertificateStep step(EpochMs now) {
    CertificateStep out = next_step(held, now);
    held.secret = must(carried_out(out, held, now));
    return out;
  }
  void tell() { held.told = text_at(held.secret, kAuthorities); }
  std::size_t authorities() const { return read_certificates(text_at(held.secret, kAuthorities)).size(); }
};

TEST(NextStep, FollowsTheTimesOfALife) {
  Played played;
  const struct {
    EpochMs at;
    Kind kind;
    std::size_t authorities;  // afterwards
    bool told = true;
  } kSteps[] = {
      {0, Kind::Make, 1},
      {0, Kind::Keep, 1},
      {59 * kDay, Kind::Keep, 1},
      {60 * kDay, Kind::Prepare, 2, false},
      {60 * kDay, Kind::Keep, 2, false},
      {60 * kDay + kHour, Kind::Keep, 2},  // API servers had not been told
      {60 * kDay + kHour, Kind::Promote, 2},
      {60 * kDay + 2 * kHour, Kind::Keep, 2},
      {90 * kDay - kHour, Kind::Keep, 2},
      {90 * kDay, Kind::Tidy, 1},  // with the old certificate its CA
      {119 * kDay, Kind::Keep, 1},
      {120 * kDay, Kind::Prepare, 2},
      {120 * kDay + 600'000, Kind::Promote, 2},
      {300 * kDay, Kind::Make, 1},  // the operator was away
  };
  for (const auto& one : kSteps) {
    EXPECT_EQ(played.step(kStart + one.at).kind, one.kind) << static_cast<double>(one.at) / kDay;
    EXPECT_EQ(played.authorities(), one.authorities) << static_cast<double>(one.at) / kDay;
    if (one.told) played.tell();
  }
}

TEST(NextStep, IsKeepWhereOneWasJustMade) {
  // Of any state that a life goes through.
  Played played;
  for (EpochMs now = kStart; now < kStart + 400 * kDay; now += 31 * kHour) {
    const auto step = played.step(now);
    played.tell();
    const auto after = next_step(played.held, now);
    EXPECT_EQ(after.kind, Kind::Keep) << format_time(now) << after.why;
    EXPECT_GT(after.look_again, now) << format_time(now);
    EXPECT_TRUE(step.kind == Kind::Keep || !step.why.empty());
  }
}

TEST(NextStep, SaysWhenToLookAgain) {
  Played played;
  played.step(kStart);
  const auto resting = next_step(played.held, kStart);
  EXPECT_EQ(next_step(played.held, resting.look_again - 1'000).kind, Kind::Keep);
  EXPECT_EQ(next_step(played.held, resting.look_again).kind, Kind::Prepare);
  played.step(resting.look_again);
  played.tell();
  const auto settling = next_step(played.held, resting.look_again);
  EXPECT_EQ(settling.look_again, resting.look_again + 600'000);
  EXPECT_EQ(next_step(played.held, settling.look_again).kind, Kind::Promote);
}

TEST(NextStep, LetsEveryServerBeTrustedByEveryApiServerAtAnyTime) {
  // The operator looks once a day; API servers read the configuration a day late, and servers their files two days
  // late.
  Played played;
  std::deque<SecretTexts> mounted;  // the newest last
  std::string told_before;
  int changes = 0;
  for (EpochMs now = kStart; now < kStart + 300 * kDay; now += kDay) {
    changes += played.step(now).kind == Kind::Promote;
    played.tell();
    mounted.push_back(played.held.secret);
    if (mounted.size() > 3) mounted.pop_front();
    if (told_before.empty()) told_before = played.held.told;
    ASSERT_EQ(handshake(mounted.back(), played.held.told, now), "") << format_time(now);
    if (mounted.front() != mounted.back())
      ASSERT_EQ(handshake(mounted.front(), played.held.told, now), "") << format_time(now);
    if (told_before != played.held.told) {
      ASSERT_EQ(handshake(mounted.front(), told_before, now), "") << format_time(now);
      ASSERT_EQ(handshake(mounted.back(), told_before, now), "") << format_time(now);
    }
    told_before = played.held.told;
  }
  EXPECT_EQ(changes, 4);
}

// ---- Secrets that are not as they were written

TEST(NextStep, MakesAnewWhatIsOfNoUse) {
  Played good;
  good.step(kStart);
  const Held elsewhere{{}, "", "tessera-server-admission.other.svc"};
  const auto foreign = must(carried_out({Kind::Make, "", 0}, elsewhere, kStart));
  const auto twin = must(carried_out({Kind::Make, "", 0}, {{}, "", kHost}, kStart));
  const auto ahead = must(carried_out({Kind::Make, "", 0}, {{}, "", kHost}, kStart + 2 * kDay));
  const auto cut = [](std::string& text) { text.resize(text.size() / 2); };
  const struct {
    const char* what;
    std::function<void(SecretTexts&)> spoil;
    const char* why;
  } kCases[] = {
      {"empty", [](SecretTexts& s) { s.clear(); }, "there is none"},
      {"no certificate", [](SecretTexts& s) { s.erase(kCertificate); }, "there is none"},
      {"certificate cut", [&](SecretTexts& s) { cut(s[kCertificate]); }, "it cannot be read"},
      {"certificate of noise", [](SecretTexts& s) { s[kCertificate] = std::string(4096, '\xff'); },
       "it cannot be read"},
      {"no key", [](SecretTexts& s) { s.erase(kPrivateKey); }, "its key is missing"},
      {"key cut", [&](SecretTexts& s) { cut(s[kPrivateKey]); }, "its key is missing"},
      {"another's key", [&](SecretTexts& s) { s[kPrivateKey] = twin.at(kPrivateKey); }, "or another one's"},
      {"no CA", [](SecretTexts& s) { s.erase(kAuthorities); }, "none of the CAs beside it"},
      {"CA cut", [&](SecretTexts& s) { cut(s[kAuthorities]); }, "none of the CAs beside it"},
      {"another's CA", [&](SecretTexts& s) { s[kAuthorities] = twin.at(kAuthorities); }, "none of the CAs beside it"},
      {"of another namespace", [&](SecretTexts& s) { s = foreign; }, "it is not for tessera-server-admission.gpu.svc"},
      {"of a clock that was ahead", [&](SecretTexts& s) { s = ahead; }, "it is good only from 2027-01-17"},
      {"the certificate is its own CA", [](SecretTexts& s) { s[kAuthorities] = s[kCertificate]; }, "none of the CAs"},
  };
  for (const auto& c : kCases) {
    Held held = good.held;
    c.spoil(held.secret);
    const CertificateStep step = next_step(held, kStart + kHour);
    EXPECT_EQ(step.kind, Kind::Make) << c.what;
    EXPECT_THAT(step.why, HasSubstr(c.why)) << c.what;
    const auto made = must(carried_out(step, held, kStart + kHour));
    EXPECT_EQ(handshake(made, text_at(made, kAuthorities), kStart + kHour), "") << c.what;
    EXPECT_EQ(next_step({made, text_at(made, kAuthorities), kHost}, kStart + kHour).kind, Kind::Keep) << c.what;
  }
}

TEST(NextStep, ADeletedSecretDoesNotCutOffServersThatStillHaveIt) {
  Played played;
  played.step(kStart);
  played.tell();
  const SecretTexts mounted = played.held.secret;
  played.held.secret.clear();
  EXPECT_EQ(played.step(kStart + kDay).kind, Kind::Make);
  EXPECT_NE(text_at(played.held.secret, kCertificate), text_at(mounted, kCertificate));
  EXPECT_EQ(handshake(mounted, text_at(played.held.secret, kAuthorities), kStart + kDay), "");
}

TEST(NextStep, CasOfOthersAreNotTold) {
  Played played;
  played.step(kStart);
  const auto stranger = must(issue({"somebody's CA", {"x"}, kStart, kStart + 900 * kDay}));
  const std::string before = text_at(played.held.secret, kAuthorities);
  played.held.secret[kAuthorities] = before + stranger.authority;
  EXPECT_EQ(played.step(kStart).kind, Kind::Tidy);
  EXPECT_EQ(text_at(played.held.secret, kAuthorities), before);
}

TEST(NextStep, ASpoiltNextPairIsMadeAgainAndAGoodOneHelpsOut) {
  Played played;
  played.step(kStart);
  played.step(kStart + 60 * kDay);
  Played spoilt = played;
  spoilt.held.secret[kNextKey] = "?";
  EXPECT_EQ(spoilt.step(kStart + 61 * kDay).kind, Kind::Prepare);
  // Nobody was told of it, but the one that is served is of no use at all.
  played.held.secret.erase(kPrivateKey);
  EXPECT_EQ(played.step(kStart + 60 * kDay).kind, Kind::Promote);
  EXPECT_EQ(handshake(played.held.secret, text_at(played.held.secret, kAuthorities), kStart + 60 * kDay), "");
}

TEST(NextStep, KnowsHowManyCasThereAreAtMost) {
  Played played;
  for (int i = 0; i < 9; ++i) {
    played.tell();
    played.held.secret.erase(kPrivateKey);
    played.step(kStart + i * kHour);
    EXPECT_EQ(handshake(played.held.secret, text_at(played.held.secret, kAuthorities), kStart + i * kHour), "");
  }
  EXPECT_EQ(played.authorities(), 4U);
}

TEST(Certificates, TheirKeysAreInNoTextThatIsTold) {
  Played played;
  played.step(kStart);
  for (const auto* key : {kCertificate, kPrivateKey, kAuthorities}) {
    Held held = played.held;
    held.secret[key] = text_at(held.secret, kPrivateKey).substr(0, 100);
    EXPECT_THAT(next_step(held, kStart).why, testing::Not(HasSubstr("PRIVATE"))) << key;
  }
  EXPECT_THAT(text_at(played.held.secret, kAuthorities), testing::Not(HasSubstr("PRIVATE")));
}

TEST(Certificates, AnEncryptedKeyIsNoneAndNobodyIsAskedForItsPassword) {
  Played played;
  played.step(kStart);
  played.held.secret[kPrivateKey] =
      "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAh4\n-----END ENCRYPTED "
      "PRIVATE KEY-----\n";
  EXPECT_EQ(next_step(played.held, kStart).kind, Kind::Make);
}

TEST(ExpiryOf, IsTheFirstCertificates) {
  Played played;
  played.step(kStart);
  EXPECT_EQ(must(expiry_of(text_at(played.held.secret, kCertificate))), kStart + 90 * kDay);
  EXPECT_FALSE(expiry_of(""));
  EXPECT_FALSE(expiry_of("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
}

}  // namespace
}  // namespace tessera::operate
