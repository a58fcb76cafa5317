#include "operator/x509.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <array>
#include <ctime>

namespace tessera::operate {
namespace {

using Bio = std::unique_ptr<BIO, decltype(&BIO_free_all)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Cert = std::shared_ptr<X509>;

constexpr EpochMs kSecond = 1'000;

Bio reader(std::string_view text) {
  return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free_all};
}
Bio writer() { return {BIO_new(BIO_s_mem()), BIO_free_all}; }

std::string text_of(const Bio& bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

/// Nobody is asked for a password: a key that has one is no key of ours.
int no_password(char*, int, int, void*) { return -1; }

EpochMs time_of(const ASN1_TIME* time) {
  std::tm parts{};
  return ASN1_TIME_to_tm(time, &parts) == 1 ? static_cast<EpochMs>(::timegm(&parts)) * kSecond : 0;
}

std::string pem_of(X509* certificate) {
  const Bio bio = writer();
  PEM_write_bio_X509(bio.get(), certificate);
  return text_of(bio);
}

/// What OpenSSL says, with its queue emptied: it names no key.
Error failed(std::string_view what) {
  const unsigned long code = ERR_peek_error();
  const char* const reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  return fail(Code::Unavailable, "make a certificate: {}: {}", what, reason ? reason : "unknown OpenSSL error");
}

bool extend(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  const bool added = extension && X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

/// 20 bytes at most, positive (RFC 5280, 4.1.2.2).
bool draw_serial(X509* certificate) {
  std::array<unsigned char, 16> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) return false;
  bytes[0] = (bytes[0] & 0x7fU) | 0x40U;
  const std::unique_ptr<BIGNUM, decltype(&BN_free)> number(
      BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr), BN_free);
  return number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate));
}

/// Without extensions and signature.
Cert blank(EVP_PKEY* key, const std::string& name, EpochMs since, EpochMs until) {
  Cert out(X509_new(), X509_free);
  const bool good = out && X509_set_version(out.get(), X509_VERSION_3) == 1 && draw_serial(out.get()) &&
                    ASN1_TIME_set(X509_getm_notBefore(out.get()), since / kSecond) &&
                    ASN1_TIME_set(X509_getm_notAfter(out.get()), until / kSecond) &&
                    X509_set_pubkey(out.get(), key) == 1 &&
                    X509_NAME_add_entry_by_txt(X509_get_subject_name(out.get()), "CN", MBSTRING_UTF8,
                                               reinterpret_cast<const unsigned char*>(name.data()),
                                               static_cast<int>(name.size()), -1, 0) == 1;
  return good ? out : nullptr;
}

Cert make_authority(EVP_PKEY* key, const Issue& wish) {
  const Cert out = blank(key, wish.authority, wish.since, wish.until);
  const bool good = out && X509_set_issuer_name(out.get(), X509_get_subject_name(out.get())) == 1 &&
                    extend(out.get(), out.get(), NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
                    extend(out.get(), out.get(), NID_key_usage, "critical,keyCertSign") &&
                    extend(out.get(), out.get(), NID_subject_key_identifier, "hash") &&
                    X509_sign(out.get(), key, EVP_sha256()) > 0;
  return good ? out : nullptr;
}

Cert make_certificate(EVP_PKEY* key, X509* authority, EVP_PKEY* signer, const Issue& wish) {
  // A common name has 64 letters at most; nobody looks at it where there are DNS names.
  constexpr std::size_t kLongestName = 64;
  const Cert out = blank(key, wish.hosts.front().substr(0, kLongestName), wish.since, wish.until);
  const bool good =
      out && X509_set_issuer_name(out.get(), X509_get_subject_name(authority)) == 1 &&
      extend(out.get(), authority, NID_basic_constraints, "critical,CA:FALSE") &&
      extend(out.get(), authority, NID_key_usage, "critical,digitalSignature") &&
      extend(out.get(), authority, NID_ext_key_usage, "serverAuth") &&
      extend(out.get(), authority, NID_authority_key_identifier, "keyid:always") &&
      extend(out.get(), authority, NID_subject_alt_name, fmt::format("DNS:{}", fmt::join(wish.hosts, ",DNS:"))) &&
      X509_sign(out.get(), signer, EVP_sha256()) > 0;
  return good ? out : nullptr;
}

}  // namespace

std::vector<Certificate> read_certificates(std::string_view pem) {
  std::vector<Certificate> out;
  const Bio bio = reader(pem);
  while (X509* const one = PEM_read_bio_X509(bio.get(), nullptr, no_password, nullptr)) {
    const Cert handle(one, X509_free);
    out.push_back({handle, pem_of(one), time_of(X509_get0_notBefore(one)), time_of(X509_get0_notAfter(one))});
  }
  ERR_clear_error();  // the end of the text is an error to OpenSSL
  return out;
}

bool is_authority(const Certificate& certificate, const std::string& name) {
  X509* const one = certificate.handle.get();
  std::array<char, 128> common{};
  const int size = X509_NAME_get_text_by_NID(X509_get_subject_name(one), NID_commonName, common.data(), common.size());
  return size >= 0 && name == common.data() && X509_check_ca(one) == 1 && is_signed_by(certificate, certificate);
}

bool is_signed_by(const Certificate& certificate, const Certificate& authority) {
  X509* const one = certificate.handle.get();
  X509* const by = authority.handle.get();
  const bool good = X509_check_issued(by, one) == X509_V_OK && X509_verify(one, X509_get0_pubkey(by)) == 1;
  ERR_clear_error();
  return good;
}

bool is_for_host(const Certificate& certificate, const std::string& host) {
  constexpr unsigned kFlags = X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_WILDCARDS;
  return X509_check_host(certificate.handle.get(), host.data(), host.size(), kFlags, nullptr) == 1;
}

bool has_key(const Certificate& certificate, std::string_view pem) {
  const Key key(PEM_read_bio_PrivateKey(reader(pem).get(), nullptr, no_password, nullptr), EVP_PKEY_free);
  const bool good = key && X509_check_private_key(certificate.handle.get(), key.get()) == 1;
  ERR_clear_error();
  return good;
}

Result<Issued> issue(const Issue& wish) {
  const Key signer(EVP_EC_gen("P-256"), EVP_PKEY_free), key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  if (!signer || !key) return failed("draw a key");
  const Cert authority = make_authority(signer.get(), wish);
  if (!authority) return failed("sign the CA");
  const Cert certificate = make_certificate(key.get(), authority.get(), signer.get(), wish);
  if (!certificate) return failed(fmt::format("sign the certificate for {}", fmt::join(wish.hosts, ", ")));
  const Bio bio = writer();
  if (PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1)
    return failed("write the key");
  return Issued{pem_of(certificate.get()), text_of(bio), pem_of(authority.get())};
}

}  // namespace tessera::operate
