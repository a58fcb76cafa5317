#include "tests/kube/control_plane.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>

#include "base/every.h"
#include "base/text.h"
#include "tests/deploy/rendered.h"
#include "tests/e2e/node.h"

namespace tessera::e2e {
namespace {
namespace fs = std::filesystem;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

fs::path cache() {
  if (const std::string named = variable("TESSERA_KUBE"); !named.empty()) return named;
  const std::string home = variable("XDG_CACHE_HOME");
  return (home.empty() ? fs::path(variable("HOME")) / ".cache" : fs::path(home)) / "tessera" / "kube-1.20.2";
}

std::string kubectl_program() {
  const fs::path unpacked = fs::path(variable("TESSERA_PEERS")) / "kubectl" / "kubectl";
  return fs::exists(unpacked) ? unpacked.string() : peer("kubectl");
}

std::string text_of(const fs::path& file) {
  auto text = read_file(file);
  if (!text) throw std::runtime_error(text.error().what);
  return *std::move(text);
}

std::unique_ptr<ControlPlane>& running() {
  static std::unique_ptr<ControlPlane> one;
  return one;
}

/// Ends it while the process is still whole.
class EndsIt : public testing::Environment {
  void TearDown() override { running().reset(); }
};
const auto* const kEndsIt = testing::AddGlobalTestEnvironment(new EndsIt);

}  // namespace

std::string ControlPlane::why_not() {
  const fs::path programs = cache();
  if (!fs::exists(programs / "bin" / "kubemark"))
    return fmt::format("no Kubernetes in {}: ./dev test-kube builds one", programs.string());
  if (kubectl_program().empty()) return "kubectl is missing: $TESSERA_PEERS/kubectl/kubectl is where ./dev puts it";
  return e2e::helm().empty() ? "helm is missing: $TESSERA_PEERS/helm/helm is where ./dev puts it" : "";
}

ControlPlane* ControlPlane::shared() {
  if (!running() && why_not().empty()) running() = std::make_unique<ControlPlane>(cache().string());
  return running().get();
}

ControlPlane::ControlPlane(const std::string& programs) {
  const std::string gpu = "nvidia.com/gpu.present=true";
  const std::string nodes =
      fmt::format("{}:{} {}:{}:nvidia.com/gpu=present:NoSchedule {}", kGpuNode, gpu, kTaintedNode, gpu, kPlainNode);
  ::signal(SIGPIPE, SIG_IGN);  // of an API server that a test kills while it is asked
  // A short path, for sockets in it; and no control plane without this process.
  process_ = std::make_unique<Child>(
      std::vector<std::string>{"setpriv", "--pdeathsig", "TERM", TESSERA_SOURCE_DIR "/tools/kube/up",
                               (folder_.path() / "k").string()},
      std::map<std::string, std::string>{{"TESSERA_KUBE", programs}, {"TESSERA_KUBE_NODES", nodes}});
  if (!process_->says("ready ", std::chrono::minutes(5)))
    throw std::runtime_error(
        fmt::format("tools/kube/up was not ready in five minutes; it said: {}", process_->output()));
  url_ = std::string(trim(text_of(folder_.path() / "k" / "server")));
  port_ = url_.substr(url_.rfind(':') + 1);
  api_ = std::make_unique<kube::Api>(kube::ApiServer{
      .url = url_, .token_file = folder_.path() / "k" / "admin.token", .ca_file = folder_.path() / "k" / "ca.crt"});
  for (const auto node : {kGpuNode, kTaintedNode, kPlainNode})
    if (!eventually([&] { return has(fmt::format("/api/v1/nodes/{}", node)); }))
      throw std::runtime_error(fmt::format("the node {} did not come", node));
}

ControlPlane::~ControlPlane() { process_->stop(); }

std::map<std::string, std::string> ControlPlane::client_environment() const {
  const std::string home = (folder_.path() / "home").string();
  return {{"KUBECONFIG", kubeconfig()}, {"KUBECACHEDIR", home + "/kubectl"},
          {"HELM_CACHE_HOME", home},    {"HELM_CONFIG_HOME", home},
          {"HELM_DATA_HOME", home},     {"HOME", home}};
}

Finished ControlPlane::kubectl(std::vector<std::string> words, const std::string& input) {
  words.insert(words.begin(), kubectl_program());
  if (input.empty()) return run(std::move(words), client_environment());
  const TempDir folder;
  const auto file = folder.path() / "input";
  if (!write_file_atomically(file, input)) throw std::runtime_error("no input file");
  for (auto& word : words)
    if (word == "-") word = file.string();
  return run(std::move(words), client_environment());
}

std::string ControlPlane::done(std::vector<std::string> words, const std::string& input) {
  const std::string said = fmt::format("kubectl {}", fmt::join(words, " "));
  const Finished ended = kubectl(std::move(words), input);
  EXPECT_EQ(ended.code, 0) << said << '\n' << ended.output;
  return ended.output;
}

Finished ControlPlane::helm(std::vector<std::string> words, const std::string& values, const std::string& chart) {
  return run_helm(std::move(words), values, chart, client_environment());
}

Finished ControlPlane::helm_alone(std::vector<std::string> words) {
  words.insert(words.begin(), e2e::helm());
  return run(std::move(words), client_environment());
}

Finished ControlPlane::shell(const std::string& line) {
  auto environment = client_environment();
  environment["PATH"] = fmt::format("{}:{}:{}", fs::path(kubectl_program()).parent_path().string(),
                                    fs::path(e2e::helm()).parent_path().string(), variable("PATH"));
  return run({"sh", "-c", fmt::format("cd '{}' && {}", TESSERA_SOURCE_DIR, line)}, environment);
}

std::vector<std::string> ControlPlane::ours() {
  constexpr const char* kKinds =
      "serviceaccounts,clusterroles,clusterrolebindings,roles,rolebindings,configmaps,secrets,persistentvolumeclaims,"
      "services,networkpolicies,poddisruptionbudgets,daemonsets,deployments,statefulsets,cronjobs,jobs,pods,"
      "mutatingwebhookconfigurations";
  constexpr const char* kNames =
      "go-template={{range .items}}{{if not "
      ".metadata.deletionTimestamp}}{{.kind}}/{{.metadata.name}}{{\"\\n\"}}{{end}}{{end}}";
  std::vector<std::string> out;
  const std::string listed =
      done({"get", kKinds, "--all-namespaces", "--selector", "app.kubernetes.io/part-of=tessera", "--output", kNames});
  for (const auto line : split(listed, '\n'))
    if (line.find('/') != std::string_view::npos && line.find(' ') == std::string_view::npos) out.emplace_back(line);
  return out;
}

Json ControlPlane::get(const std::string& path) {
  const auto reply = api_->send({.path = path});
  if (!reply) throw std::runtime_error(reply.error().what);
  return reply->status == 200 ? Json::parse(reply->body, nullptr, false) : Json();
}

std::vector<Json> ControlPlane::requests() {
  std::vector<Json> out;
  const std::string text = text_of(folder_.path() / "k" / "audit.log");
  for (const auto line : split(text, '\n'))
    if (Json request = Json::parse(line, nullptr, false); request.is_object()) out.push_back(std::move(request));
  return out;
}

int ControlPlane::minor_version() {
  return static_cast<int>(parse_int(get("/version").value("minor", "")).value_or(0));
}

void ControlPlane::kill(const std::string& program) {
  const auto pid = parse_int(trim(text_of(folder_.path() / "k" / "pids" / program)));
  if (!pid || ::kill(static_cast<pid_t>(*pid), SIGKILL) != 0) throw std::runtime_error("cannot kill " + program);
}

void ControlPlane::set_flags(const std::string& program, const std::vector<std::string>& flags) {
  const fs::path file = folder_.path() / "k" / "flags" / program;
  std::string lines;
  for (const auto& flag : flags) lines += flag + '\n';
  if (!write_file_atomically(file, lines)) throw std::runtime_error("cannot write " + file.string());
}

void ControlPlane::restart_scheduler(const std::vector<std::string>& flags) {
  set_flags("kube-scheduler", flags);
  kill("kube-scheduler");
}

void ControlPlane::restart_api_server(const std::vector<std::string>& flags) {
  set_flags("kube-apiserver", flags);
  const fs::path pid = folder_.path() / "k" / "pids" / "kube-apiserver";
  const std::string before = text_of(pid);
  kill("kube-apiserver");
  const auto answers = [&] {
    if (text_of(pid) == before) return false;
    const auto reply = api_->send({.path = "/readyz"});
    return reply && reply->status == 200;
  };
  EXPECT_TRUE(eventually(answers, std::chrono::minutes(2))) << text_of(folder_.path() / "k" / "log" / "kube-apiserver");
  for (const char* program : {"kube-controller-manager", "kube-scheduler"}) kill(program);
}

http::ClientResponse ControlPlane::etcd(const std::string& path, const Json& body) {
  http::ClientRequest request;
  request.method = "POST";
  request.url = "http://etcd/v3/kv/" + path;
  request.unix_socket = (folder_.path() / "k" / "etcd.sock:0").string();
  request.body = body.dump();
  http::Client client;
  auto reply = client.send(request);
  if (!reply) throw std::runtime_error(reply.error().what);
  return *std::move(reply);
}

void ControlPlane::compact() {
  const std::string anything = "eA==";  // "x" in base64: no key of Kubernetes, but the reply tells etcd's version
  const Json head = Json::parse(etcd("range", {{"key", anything}}).body).at("header");
  const auto version = parse_int(head.at("revision").get<std::string>()).value_or(0);
  const auto before = [&] { return etcd("range", {{"key", anything}, {"revision", version - 1}}); };
  EXPECT_EQ(before().status, 200);
  EXPECT_EQ(etcd("compaction", {{"revision", version}, {"physical", true}}).status, 200);
  EXPECT_THAT(before().body, testing::HasSubstr("compacted"));
}

fs::path ControlPlane::service_account(const std::string& space, const std::string& name) {
  const fs::path folder = folder_.path() / "accounts" / space / name;
  fs::create_directories(folder);
  fs::copy_file(folder_.path() / "k" / "ca.crt", folder / "ca.crt", fs::copy_options::overwrite_existing);
  const std::string token = token_bound_to(name + "-token-0", space, name);
  if (!write_file_atomically(folder / "token", token) || !write_file_atomically(folder / "namespace", space))
    throw std::runtime_error("cannot write " + folder.string());
  return folder;
}

void ControlPlane::run_pod_of_job(const std::string& space, const std::string& name, const std::string& program,
                                  const std::stop_token& stop) {
  const std::string path =
      fmt::format("/api/v1/namespaces/{}/pods?labelSelector=app.kubernetes.io/name={}", space, name);
  do {
    const Json pods = get(path);
    if (pods["items"].empty()) continue;
    const Json& pod = pods["items"][0];
    std::vector<std::string> words{e2e::program(program), "--service-account",
                                   service_account(space, pod["spec"]["serviceAccountName"]).string()};
    for (const Json& flag : pod["spec"]["containers"][0]["args"]) words.push_back(flag);
    const Finished ended = run(std::move(words), environment());
    EXPECT_EQ(ended.code, 0) << ended.output;
    done({"patch", "pod", pod["metadata"]["name"], "--namespace", space, "--subresource=status", "--type=merge",
          "--patch", fmt::format(R"({{"status":{{"phase":"{}"}}}})", ended.code == 0 ? "Succeeded" : "Failed")});
    return;
  } while (wait_until(std::chrono::steady_clock::now() + std::chrono::milliseconds(200), stop));
}

std::string ControlPlane::token_bound_to(const std::string& secret, const std::string& space, const std::string& name) {
  if (!has(fmt::format("/api/v1/namespaces/{}/secrets/{}", space, secret)))
    done({"create", "secret", "generic", secret, "--namespace", space});
  return std::string(trim(done({"create", "token", name, "--namespace", space, "--bound-object-kind", "Secret",
                                "--bound-object-name", secret})));
}

void ControlPlane::renew_token(const std::string& space, const std::string& name) {
  const std::string before = fmt::format("{}-token-{}", name, renewed_),
                    now = fmt::format("{}-token-{}", name, ++renewed_);
  const std::string token = token_bound_to(now, space, name);
  const fs::path file = folder_.path() / "accounts" / space / name / "token";
  if (!write_file_atomically(file, token)) throw std::runtime_error("cannot write " + file.string());
  done({"delete", "secret", before, "--namespace", space});
}

std::map<std::string, std::string> ControlPlane::environment() const {
  return {{"KUBERNETES_SERVICE_HOST", "127.0.0.1"}, {"KUBERNETES_SERVICE_PORT", port_}};
}

ControlPlane::Namespace::Namespace(ControlPlane& cluster, std::string name)
    : cluster_(cluster), name_(std::move(name)) {
  cluster_.done({"create", "namespace", name_});
}

ControlPlane::Namespace::~Namespace() { cluster_.done({"delete", "namespace", name_, "--wait=false"}); }

}  // namespace tessera::e2e
