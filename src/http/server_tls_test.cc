#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "http/client.h"
#include "http/raw_peer.h"
#include "http/server.h"
#include "http/test_certificate.h"

namespace tessera::http {
namespace {

using testing::HasSubstr;

class ServerTls : public testing::Test {
 protected:
  std::string file(const std::string& name) const { return (dir_.path() / name).string(); }

  void install(const TestCertificate& authority) {
    TestCertificate("localhost", &authority).write(file("server.pem"), file("server.key"));
  }

  TlsOptions options() const {
    TlsOptions tls;
    tls.cert_file = file("server.pem");
    tls.key_file = file("server.key");
    tls.check_files_every = Milliseconds(0);
    return tls;
  }

  static Result<std::unique_ptr<Server>> start(TlsOptions tls) {
    ServerOptions options;
    options.address = "127.0.0.1:0";
    options.tls = std::move(tls);
    return Server::listen(std::move(options), {{"GET", "/", [](const Request&) {
                                                  Response response;
                                                  response.shared_body =
                                                      std::make_shared<const std::string>(1U << 20U, 'x');
                                                  return response;
                                                }}});
  }

  ClientRequest request_to(const Server& server) const {
    ClientRequest request;
    request.url = "https://" + server.address() + "/";
    request.ca_file = file("ca.pem");
    request.fresh_connection = true;
    return request;
  }

  TempDir dir_;
  TestCertificate authority_{"test CA"};
};

TEST_F(ServerTls, ServesThoseWhoTrustItsCertificate) {
  install(authority_);
  authority_.write(file("ca.pem"), file("ca.key"));
  TestCertificate("another CA").write(file("other.pem"), file("other.key"));
  const auto server = start(options());
  ASSERT_TRUE(server) << server.error().what;
  Client client;
  ClientRequest request = request_to(**server);
  request.fresh_connection = false;
  for (int i = 0; i < 3; ++i) {
    const auto reply = client.send(request);
    ASSERT_TRUE(reply) << reply.error().what;
    EXPECT_EQ(reply->body.size(), 1U << 20U);
  }
  EXPECT_EQ((*server)->stats().connections, 1);
  request.ca_file = file("other.pem");
  const auto distrusted = Client().send(request);
  ASSERT_FALSE(distrusted);
  EXPECT_THAT(distrusted.error().what, HasSubstr("certificate"));
  EXPECT_EQ(RawPeer((*server)->port()).ask(get("/")).find("HTTP"), std::string::npos);  // plain words get no reply
}

TEST_F(ServerTls, TakesUpNewFilesAndKeepsTheOldOnesWhenTheyAreWrong) {
  install(authority_);
  authority_.write(file("ca.pem"), file("ca.key"));
  const auto server = start(options());
  ASSERT_TRUE(server) << server.error().what;
  Client client;
  ASSERT_TRUE(client.send(request_to(**server)));

  const TestCertificate next("next CA");
  install(next);
  EXPECT_FALSE(client.send(request_to(**server)));
  next.write(file("ca.pem"), file("ca.key"));
  ASSERT_TRUE(client.send(request_to(**server)));

  ASSERT_TRUE(write_file_atomically(file("server.pem"), "not a certificate"));
  EXPECT_TRUE(client.send(request_to(**server)));
  std::filesystem::remove(file("server.key"));
  EXPECT_TRUE(client.send(request_to(**server)));
}

TEST_F(ServerTls, AsksForAClientCertificate) {
  install(authority_);
  authority_.write(file("ca.pem"), file("ca.key"));
  TestCertificate("a client", &authority_).write(file("client.pem"), file("client.key"));
  TestCertificate("a stranger").write(file("stranger.pem"), file("stranger.key"));
  for (const bool optional : {false, true}) {
    TlsOptions tls = options();
    tls.client_ca_file = file("ca.pem");
    tls.client_certificate_optional = optional;
    const auto server = start(tls);
    ASSERT_TRUE(server) << server.error().what;
    ClientRequest request = request_to(**server);
    EXPECT_EQ(static_cast<bool>(Client().send(request)), optional);
    request.cert_file = file("client.pem");
    request.key_file = file("client.key");
    EXPECT_TRUE(Client().send(request));
    request.cert_file = file("stranger.pem");
    request.key_file = file("stranger.key");
    EXPECT_FALSE(Client().send(request));
  }
}

TEST_F(ServerTls, TheClientTakesItsCertificatesAsText) {
  install(authority_);
  authority_.write(file("ca.pem"), file("ca.key"));
  TestCertificate("relay", &authority_).write(file("client.pem"), file("client.key"));
  TlsOptions asking = options();
  asking.client_ca_file = file("ca.pem");
  const auto server = start(asking);
  ASSERT_TRUE(server) << server.error().what;
  ClientRequest request = request_to(**server);
  request.ca_pem = *read_file(request.ca_file);
  request.ca_file.clear();
  EXPECT_FALSE(Client().send(request)) << "without a certificate of its own";
  request.cert_pem = *read_file(file("client.pem"));
  request.key_pem = *read_file(file("client.key"));
  const auto reply = Client().send(request);
  EXPECT_TRUE(reply) << reply.error().what;
  request.ca_pem = *read_file(file("client.pem"));
  EXPECT_FALSE(Client().send(request)) << "the server is nobody that this text vouches for";
}

TEST_F(ServerTls, TheClientKeepsToItsVersions) {
  install(authority_);
  authority_.write(file("ca.pem"), file("ca.key"));
  TlsOptions old = options();
  old.max_version = "TLS12";
  const auto server = start(old);
  ASSERT_TRUE(server) << server.error().what;
  ClientRequest request = request_to(**server);
  request.tls_most = "TLS12";
  EXPECT_TRUE(Client().send(request));
  request.tls_most.clear();
  request.tls_least = "TLS13";
  EXPECT_FALSE(Client().send(request));
}

TEST_F(ServerTls, TakesVersionsCiphersAndCurves) {
  install(authority_);
  authority_.write(file("ca.pem"), file("ca.key"));
  for (const auto* version : {"TLS12", "TLS13"}) {
    TlsOptions tls = options();
    tls.min_version = tls.max_version = version;
    tls.cipher_suites = {"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"};
    tls.curves = {"P-256"};
    const auto server = start(tls);
    ASSERT_TRUE(server) << server.error().what;
    const auto reply = Client().send(request_to(**server));
    EXPECT_TRUE(reply) << reply.error().what;
  }
}

TEST_F(ServerTls, SaysWhatIsWrong) {
  install(authority_);
  TestCertificate("another").write(file("other.pem"), file("other.key"));
  ASSERT_TRUE(write_file_atomically(file("empty.pem"), ""));
  const std::pair<std::function<void(TlsOptions&)>, std::string> cases[] = {
      {[&](TlsOptions& t) { t.cert_file = file("none.pem"); }, "none.pem"},
      {[&](TlsOptions& t) { t.key_file = file("other.key"); }, "other.key: key values mismatch"},
      {[&](TlsOptions& t) { t.cert_file = file("empty.pem"); }, "empty.pem: no start line"},
      {[&](TlsOptions& t) { t.client_ca_file = file("empty.pem"); }, "client CA"},
      {[&](TlsOptions& t) { t.min_version = "TLS11"; }, "TLS version 'TLS11': expected TLS12 or TLS13"},
      {[&](TlsOptions& t) { t.min_version = "TLS13", t.max_version = "TLS12"; }, "is above"},
      {[&](TlsOptions& t) { t.cipher_suites = {"TLS_ROT13"}; }, "TLS_ROT13"},
      {[&](TlsOptions& t) { t.curves = {"straight"}; }, "straight"},
  };
  for (const auto& [spoil, says] : cases) {
    TlsOptions tls = options();
    spoil(tls);
    const auto server = start(tls);
    ASSERT_FALSE(server) << says;
    EXPECT_THAT(server.error().what, HasSubstr(says));
  }
}

}  // namespace
}  // namespace tessera::http
