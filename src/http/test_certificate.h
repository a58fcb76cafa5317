#pragma once
// For tests: certificates made on the spot, so that none in the repository ever expires.
#include <filesystem>
#include <memory>
#include <string>

struct evp_pkey_st;
struct x509_st;

namespace tessera::http {

/// A certificate with its key, on disk as PEM; `issuer` null: signed by itself, and a CA.
class TestCertificate {
 public:
  explicit TestCertificate(const std::string& name, const TestCertificate* issuer = nullptr);
  void write(const std::filesystem::path& cert_file, const std::filesystem::path& key_file) const;

 private:
  std::shared_ptr<evp_pkey_st> key_;
  std::shared_ptr<x509_st> certificate_;
};

}  // namespace tessera::http
