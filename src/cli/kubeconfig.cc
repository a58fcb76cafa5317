#include "cli/kubeconfig.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <filesystem>
#include <optional>
#include <vector>

#include "base/files.h"
#include "base/text.h"
#include "config/yaml.h"

namespace tessera::cli {
namespace {
namespace fs = std::filesystem;

constexpr std::string_view kByProxy =
    "start `kubectl proxy`, which knows how to ask, and name it: --api http://127.0.0.1:8001";

Result<std::string> decoded(std::string_view base64, std::string_view what) {
  std::string out(base64.size() / 4 * 3 + 3, '\0');
  const int size =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(base64.data()), static_cast<int>(base64.size()));
  if (size < 0) return fail(Code::Invalid, "{} is not base64", what);
  const auto padding = base64.size() - std::min(base64.find_last_not_of('=') + 1, base64.size());
  out.resize(static_cast<std::size_t>(size) - padding);
  return out;
}

/// The `part` of the member called `name` of a list: clusters, users, contexts.
Result<config::Node> member_of(const config::Node& file, std::string_view list, std::string_view part,
                               const std::string& name) {
  if (const auto all = file.find(list))
    for (const config::Node& one : TRY(all->list())) {
      std::string called;
      TRY(one.read("name", called));
      const auto found = one.find(part);
      if (called == name && found) return *found;
    }
  return file.error(fmt::format("{} has no {} '{}'", list, part, name));
}

struct Credentials {
  std::string ca_file, ca_pem, cert_file, cert_pem, key_file, key_pem, token, token_file, server_name, user, password;
  bool insecure = false;
};

/// `key`-data as text, or `key` as a path from the file's folder.
Result<void> read_pem(const config::Node& from, const std::string& key, const fs::path& folder, std::string& file,
                      std::string& pem) {
  TRY(from.read(key, file));
  if (!file.empty()) file = (folder / file).string();
  std::string data;
  TRY(from.read(key + "-data", data));
  if (!data.empty()) pem = TRY(decoded(data, key + "-data"));
  return {};
}

Result<void> read_user(const config::Node& user, const fs::path& folder, Credentials& out) {
  for (const char* way : {"exec", "auth-provider"})
    if (user.find(way)) return user.error(fmt::format("credentials by {} are not made here: {}", way, kByProxy));
  TRY(read_pem(user, "client-certificate", folder, out.cert_file, out.cert_pem));
  TRY(read_pem(user, "client-key", folder, out.key_file, out.key_pem));
  TRY(user.read("token", out.token));
  TRY(user.read("tokenFile", out.token_file));
  TRY(user.read("username", out.user));
  TRY(user.read("password", out.password));
  return {};
}

Result<void> put(const Credentials& own, http::ClientRequest& request) {
  request.ca_pem = own.ca_pem;
  request.cert_file = own.cert_file;
  request.cert_pem = own.cert_pem;
  request.key_file = own.key_file;
  request.key_pem = own.key_pem;
  request.insecure_skip_verify = own.insecure;
  request.server_name = own.server_name;
  request.basic_user = own.user;
  request.basic_password = own.password;
  if (!own.token.empty()) request.home_headers.emplace_back("Authorization", "Bearer " + own.token);
  return {};
}

/// Of $KUBECONFIG, which may be a list, the first that is there; else the one in the home.
std::string file_of(const Environment& environment) {
  if (const auto named = environment("KUBECONFIG"); named && !named->empty()) {
    for (const auto one : split(*named, ':'))
      if (fs::exists(one)) return std::string(one);
    return *named;
  }
  if (environment("KUBERNETES_SERVICE_HOST")) return {};
  return environment("HOME").value_or("") + "/.kube/config";
}

}  // namespace

Result<kube::ApiServer> read_kubeconfig(std::string_view text, const std::string& file, const std::string& context) {
  const config::Node top = TRY(config::load(text, file));
  std::string name = context;
  if (name.empty()) TRY(top.read("current-context", name));
  if (name.empty()) return top.error("no current-context: name one with --context NAME");
  const config::Node chosen = TRY(member_of(top, "contexts", "context", name));
  std::string cluster_name, user_name;
  TRY(chosen.read("cluster", cluster_name));
  TRY(chosen.read("user", user_name));
  const config::Node cluster = TRY(member_of(top, "clusters", "cluster", cluster_name));
  const fs::path folder = fs::path(file).parent_path();

  kube::ApiServer out;
  TRY(cluster.read("server", out.url));
  while (out.url.ends_with('/')) out.url.pop_back();
  if (out.url.empty()) return cluster.error("no server");
  Credentials own;
  TRY(read_pem(cluster, "certificate-authority", folder, own.ca_file, own.ca_pem));
  TRY(cluster.read("insecure-skip-tls-verify", own.insecure));
  TRY(cluster.read("tls-server-name", own.server_name));
  if (!user_name.empty()) TRY(read_user(TRY(member_of(top, "users", "user", user_name)), folder, own));
  out.ca_file = own.ca_file;
  if (!own.token_file.empty()) out.token_file = folder / own.token_file;
  out.prepare = [own](http::ClientRequest& request) { return put(own, request); };
  return out;
}

Result<kube::ApiServer> find_api_server(const ClusterPlace& place, const Environment& environment) {
  kube::ApiServer out;
  if (!place.api.empty()) {
    out.url = place.api;
    while (out.url.ends_with('/')) out.url.pop_back();
  } else if (const std::string file = place.kubeconfig.empty() ? file_of(environment) : place.kubeconfig;
             file.empty()) {
    out = TRY(kube::in_cluster());
  } else {
    const auto text = read_file(file);
    if (!text)
      return fail(text.error().code, "{}; name the cluster with --kubeconfig FILE, or {}", text.error().what, kByProxy);
    out = TRY(read_kubeconfig(*text, file, place.context));
  }
  out.user_agent = "tessera-doctor/" TESSERA_VERSION;
  return out;
}

}  // namespace tessera::cli
