#include "cli/demo.h"

namespace tessera::cli {

const char* const kDemoScenario =
    R"(# Three nodes on an ordinary day: serving, training, notebooks, something idle, something ill.
seed: 7
nodes:
  - name: worker-01
    driver: {version: 550.54.15, cuda: 12.4}
    gpus:
      - model: h100_sxm
        unattributed: 180MiB
        processes:
          - {pid: 4101, command: python3, memory: 41GiB, sm: {wave: {mean: 62, amplitude: 25, period: 5m}}, pod: ml/trainer-0}
          - {pid: 4205, command: nvidia-dcgm-probe, memory: 420MiB, sm: 1}
      - model: h100_sxm
        mig:
          layout:
            - {profile: 3g.40gb, start: 4, load: {walk: {seed: 3, start: 55, step: 8, min: 10, max: 95}}}
            - {profile: 2g.20gb, start: 0, load: {wave: {mean: 35, amplitude: 20, period: 3m}}}
            - {profile: 1g.10gb, start: 2, load: 12}
            - {profile: 1g.10gb, start: 3}
        processes:
          - {pid: 5301, command: VLLM::EngineCore, memory: 34GiB, instance: 0, pod: serving/llm-7b-0, container: vllm}
          - {pid: 5377, command: python3, memory: 9GiB, instance: 1, pod: research/notebook-0}
          - {pid: 5410, command: python3, memory: 3GiB, instance: 2, pod: research/eval-17}
    pods:
      - {namespace: ml, name: trainer-0, qos: guaranteed, containers: [{name: main, devices: [{gpu: 0}]}]}
      - {namespace: serving, name: llm-7b-0, containers: [{name: vllm, devices: [{gpu: 1, instance: 0}]}]}
      - {namespace: research, name: notebook-0, qos: besteffort, containers: [{name: main, devices: [{gpu: 1, instance: 1}]}]}
      - {namespace: research, name: eval-17, containers: [{name: main, devices: [{gpu: 1, instance: 2}]}]}
      - {namespace: research, name: idle-holder, containers: [{name: main, devices: [{gpu: 1, instance: 3}]}]}
  - name: worker-02
    driver: {version: 550.54.15, cuda: 12.4}
    gpus:
      - model: a100_sxm4_80gb
        processes:
          - {pid: 6101, command: torchrun, memory: 72GiB, sm: {walk: {seed: 5, min: 80, max: 99}}, pod: ml/pretrain-0}
      - model: a100_sxm4_80gb
        processes:
          - {pid: 6102, command: torchrun, memory: 72GiB, sm: {walk: {seed: 6, min: 80, max: 99}}, pod: ml/pretrain-1}
      - model: a100_sxm4_80gb
        mig: {layout: [{profile: 3g.40gb, start: 0, load: {wave: {mean: 50, amplitude: 30, period: 2m}}}, {profile: 3g.40gb, start: 4}]}
        processes:
          - {pid: 6301, command: "sglang::scheduler", memory: 30GiB, instance: 0, pod: serving/chat-0, container: sglang}
    pods:
      - {namespace: ml, name: pretrain-0, qos: guaranteed, containers: [{name: main, devices: [{gpu: 0}]}]}
      - {namespace: ml, name: pretrain-1, qos: guaranteed, containers: [{name: main, devices: [{gpu: 1}]}]}
      - {namespace: serving, name: chat-0, containers: [{name: sglang, devices: [{gpu: 2, instance: 0}]}]}
  - name: worker-03
    driver: {version: 550.54.15, cuda: 12.4}
    gpus:
      - model: rtx_4090
        processes:
          - {pid: 901, command: blender, memory: 7GiB, sm: 45}
      - model: l40s
    pods: []
)";

}  // namespace tessera::cli
