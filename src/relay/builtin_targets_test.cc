#include "relay/builtin_targets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tessera::relay {
namespace {

using enum BuiltinKind;
using kube::Pod;
using kube::PodContainer;
using testing::HasSubstr;

PodContainer container(std::string image, std::vector<std::string> args, std::vector<kube::ContainerPort> ports = {},
                       std::string name = "main") {
  PodContainer out;
  out.name = std::move(name);
  out.image = std::move(image);
  out.args = std::move(args);
  out.ports = std::move(ports);
  return out;
}

PodContainer sidecar(std::string image, std::vector<std::string> args, std::vector<kube::ContainerPort> ports = {}) {
  PodContainer out = container(std::move(image), std::move(args), std::move(ports), "routing-proxy");
  out.init = out.sidecar = true;
  return out;
}

Pod pod(std::vector<PodContainer> containers, std::map<std::string, std::string> labels = {}) {
  Pod out;
  out.containers = std::move(containers);
  out.labels = std::move(labels);
  return out;
}

TEST(Recognise, FindsModelServersAndTheirPort) {
  const struct {
    std::string_view what;
    Pod pod;
    BuiltinKind kind;
    int port;
    std::string_view why;
  } kCases[] = {
      {"by its program", pod({container("x", {"vllm", "serve", "m"})}), Vllm, 8000, "runs 'vllm serve'"},
      {"by a path", pod({container("x", {"/opt/venv/bin/vllm", "serve", "m", "--port=9000"})}), Vllm, 9000,
       "vllm serve"},
      {"by a module", pod({container("x", {"python3", "-m", "vllm.entrypoints.openai.api_server", "--port", "8200"})}),
       Vllm, 8200, "openai.api_server"},
      {"inside a shell's script",
       pod({container("x", {"sh", "-c", "ray start; exec vllm serve m \\\n --port 8081 --pipeline_parallel_size 2"})}),
       Vllm, 8081, "vllm serve"},
      {"the command beats the image",
       pod({container("vllm/vllm-openai",
                      {"python", "-m", "sglang.launch_server", "--enable_metrics", "--host=0.0.0.0"})}),
       Sglang, 30000, "sglang.launch_server"},
      {"by its image", pod({container("reg:5000/vllm/vllm-openai:v0.9@sha256:ab", {"--model", "m"})}), Vllm, 8000,
       "has the image"},
      {"by its image, with a port", pod({container("vllm/vllm-openai", {"--model=m", "--port=8080"})}), Vllm, 8080,
       "has the image"},
      {"by its image, declared", pod({container("lmsysorg/sglang:v1", {}, {{"grpc", 1}, {"http", 2}})}), Sglang, 2,
       "has the image"},
      {"a port that is a variable", pod({container("x", {"vllm", "serve", "m", "--port", "$(PORT)"}, {{"api", 77}})}),
       Vllm, 77, "vllm serve"},
      {"a declared port changes no default", pod({container("x", {"vllm", "serve", "m"}, {{"other", 77}})}), Vllm, 8000,
       "vllm serve"},
      {"by labels", pod({container("x", {}, {}, "vllm")}, {{"app.kubernetes.io/component", "serving-engine"}}), Vllm,
       8000, "app.kubernetes.io/component=serving-engine"},
      {"by the engine's label", pod({container("x", {})}, {{"llm-d.ai/engine-type", "sglang"}}), Sglang, 30000,
       "engine-type=sglang"},
      {"the second container",
       pod({container("proxy", {"--port=8000"}, {}, "routing"),
            container("x", {"vllm", "serve", "m", "--port=8200"}, {}, "engine")}),
       Vllm, 8200, "container 'engine'"},
      {"behind llm-d's routing sidecar",
       pod({sidecar("ghcr.io/llm-d/llm-d-routing-sidecar:v0.4", {"--port=8000", "--vllm-port=8200"}, {{"", 8000}}),
            container("ghcr.io/llm-d/llm-d-cuda:v0.4", {"--model", "m", "--port", "8200"}, {{"", 8200}}, "vllm")}),
       Vllm, 8200, "container 'vllm' has the image"},
      {"behind a sidecar, by its label",
       pod({sidecar("own/proxy", {"--port=8000"}, {{"", 8000}}), container("own/built", {}, {{"", 8200}}, "engine")},
           {{"llm-d.ai/engine-type", "vllm"}}),
       Vllm, 8200, "engine-type=vllm"},
      {"beside an ordinary proxy, by its label and name",
       pod({container("own/proxy", {}, {{"", 8000}}, "proxy"), container("own/built", {}, {{"", 8200}}, "vllm")},
           {{"llm-d.ai/engine-type", "vllm"}}),
       Vllm, 8200, "engine-type=vllm"},
      {"an engine beside a benchmark",
       pod({container("vllm/vllm-openai", {"vllm", "bench", "serve", "--port=8000"}, {}, "load"),
            container("vllm/vllm-openai", {"--model=m", "--port=8100"}, {}, "engine")}),
       Vllm, 8100, "container 'engine'"},
      {"a benchmark that waits for the engine it starts",
       pod({container("vllm/vllm-openai", {"sh", "-c", "vllm serve m --port 8300 & vllm bench serve"})}), Vllm, 8300,
       "vllm serve"},
  };
  for (const auto& c : kCases) {
    const auto got = recognise(c.pod);
    ASSERT_TRUE(got) << c.what;
    EXPECT_EQ(got->kind, c.kind) << c.what;
    EXPECT_EQ(got->port, c.port) << c.what;
    EXPECT_THAT(got->why, HasSubstr(c.why)) << c.what;
    EXPECT_EQ(got->problem, "") << c.what;
    EXPECT_EQ(got->path, "/metrics");
    EXPECT_FALSE(recognise(c.pod, c.kind == Vllm ? Sglang : Vllm)) << c.what;
  }
}

TEST(Recognise, PassesOverWhatOnlyLooksLikeOne) {
  PodContainer download = container("vllm/vllm-openai", {"vllm", "serve", "m"});
  download.init = true;
  const Pod kCases[] = {
      pod({container("nginx", {}, {{"http", 8000}})}),  // never by the port alone
      pod({container("nginx", {}, {{"http", 30000}})}),
      pod({container("x", {"vllm", "bench"})}),
      pod({container("vllm/vllm-openai:v0.11", {"vllm", "bench", "serve", "--model", "m"})}),
      pod({container("vllm/vllm-openai", {"/opt/venv/bin/vllm", "run-batch", "-i", "x"})}),
      pod({container("x", {"vllm", "bench", "serve"}, {}, "vllm")}, {{"llm-d.ai/engine-type", "vllm"}}),
      pod({container("lmsysorg/sglang", {"python3", "-m", "sglang.bench_serving"})}),
      pod({container("lmsysorg/sglang", {"python3", "-m", "sglang_router.launch_router"})}),
      pod({container("ghcr.io/llm-d/llm-d-routing-sidecar:v0.4.0", {"--port=8000"})}),
      pod({container("ghcr.io/llm-d/llm-d-inference-scheduler:v0.4.0", {})}),
      pod({container("ghcr.io/llm-d/llm-d-inference-sim:v0.6.1", {"--port", "8000", "--model", "m"})}),
      pod({container("ghcr.io/llm-d/llm-d-kv-cache-manager:v0.2", {})}),
      pod({sidecar("ghcr.io/llm-d/llm-d-routing-sidecar:v0.4", {})}, {{"llm-d.ai/engine-type", "vllm"}}),
      pod({container("my-vllm/vllm-openai-proxy", {})}),
      pod({download}),
      pod({container("x", {})}, {{"app.kubernetes.io/component", "serving-engine"}}),
  };
  for (const Pod& one : kCases) EXPECT_FALSE(recognise(one)) << one.containers[0].image;
  download.sidecar = true;
  EXPECT_TRUE(recognise(pod({download})));
}

TEST(Recognise, SaysWhyAServerCannotBeScraped) {
  const struct {
    Pod pod;
    std::string_view problem;
  } kCases[] = {
      {pod({container("x", {"sglang", "serve", "--host", "0.0.0.0"})}), "--enable-metrics"},
      {pod({container("x", {"sglang", "serve", "--enable-metrics"})}), "--host 0.0.0.0"},
      {pod({container("x", {"sglang", "serve", "--enable-metrics", "--host=127.0.0.1"})}), "--host 0.0.0.0"},
      {pod({container("x", {"sglang", "serve", "--enable-metrics", "--host=::", "--node-rank", "1"})}), "a worker"},
      {pod({container("x", {"vllm", "serve", "m"})}, {{"leaderworkerset.sigs.k8s.io/worker-index", "2"}}), "a worker"},
      {pod({container("x", {"vllm", "serve", "m"})}, {{"leaderworkerset.sigs.k8s.io/worker-index", "0"}}), ""},
      {pod({container("x", {"sglang", "serve", "--config", "x.yaml"})}), ""},  // the file may say it
  };
  for (const auto& c : kCases) {
    const auto got = recognise(c.pod);
    ASSERT_TRUE(got);
    if (c.problem.empty())
      EXPECT_EQ(got->problem, "");
    else
      EXPECT_THAT(got->problem + "; " + got->change, HasSubstr(c.problem));
    EXPECT_EQ(got->change.empty(), c.problem.empty());
    EXPECT_TRUE(c.problem.empty() || got->change != got->problem);
  }
  EXPECT_EQ(recognise(pod({container("x", {"vllm", "serve", "m", "--ssl-certfile", "c"})}))->scheme, "https");
}

TEST(Recognise, KnowsTheExportersByTheirLabels) {
  const struct {
    std::string key, value;
    BuiltinKind kind;
  } kCases[] = {{"app.kubernetes.io/name", "tessera-agent", TesseraAgent},
                {"app.kubernetes.io/name", "dcgm-exporter", DcgmExporter},
                {"app", "nvidia-dcgm-exporter", DcgmExporter},
                {"app", "dcgm-exporter", DcgmExporter}};
  for (const auto& c : kCases) {
    const Pod one = pod({container("x", {}, {{"grpc", 5}, {"metrics", 9401}})}, {{c.key, c.value}});
    ASSERT_TRUE(recognise(one, c.kind)) << c.value;
    EXPECT_EQ(recognise(one, c.kind)->port, 9401);
    EXPECT_FALSE(recognise(one, c.kind == TesseraAgent ? DcgmExporter : TesseraAgent));
  }
  EXPECT_EQ(recognise(pod({container("x", {})}, {{"app", "dcgm-exporter"}}), DcgmExporter)->port, 9400);
  EXPECT_EQ(recognise(pod({container("x", {}, {{"", 7}, {"", 8}})}, {{"app", "dcgm-exporter"}}), DcgmExporter)->port,
            7);
  EXPECT_THAT(marks_of(DcgmExporter), HasSubstr("app=nvidia-dcgm-exporter"));
  EXPECT_THAT(marks_of(Vllm), HasSubstr("vllm serve"));
}

}  // namespace
}  // namespace tessera::relay
