// A made-up fleet of any size, told to a server as pushed pages: for tests, pictures and measurements of the dashboard.
// node tools/fleet.mjs URL [NODES] [GPUS] [SECONDS]: pushes each 5 s, for SECONDS (0: once).
import { pathToFileURL } from 'node:url';

/** Numbers that look random and are the same each time. */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 4294967296;
  };
}

const spaces = ['ml', 'serving', 'research', 'vision', 'speech', 'recsys', 'batch', 'platform-experiments-long-name'];
const models = [
  ['NVIDIA H100 80GB HBM3', 81559, 700], ['NVIDIA A100-SXM4-80GB', 81920, 400], ['NVIDIA H200', 143771, 700], ['NVIDIA L40S', 46068, 350],
];
/** Ways to cut an H100: start, size, compute slices, profile. */
const cuts = [
  [[0, 4, 3, '3g.40gb'], [4, 2, 2, '2g.20gb'], [6, 1, 1, '1g.10gb']],
  [[0, 1, 1, '1g.10gb'], [1, 1, 1, '1g.10gb'], [2, 2, 2, '2g.20gb'], [4, 4, 3, '3g.40gb']],
  [[0, 8, 7, '7g.80gb']],
  [[0, 4, 4, '4g.40gb'], [4, 1, 1, '1g.10gb'], [6, 1, 1, '1g.10gb']],
];
const profiles = [['1g.10gb', 19, 1, 9984, 7, '0:1,1:1,2:1,3:1,4:1,5:1,6:1'], ['2g.20gb', 14, 2, 20096, 3, '0:2,2:2,4:2'],
  ['3g.40gb', 9, 3, 40448, 2, '0:4,4:4'], ['4g.40gb', 5, 4, 40448, 1, '0:4'], ['7g.80gb', 0, 7, 81152, 1, '0:8']];

/** Names that a page has to bear. */
const names = { '0 0': '<script>alert(1)</script>', '1 0': 'distributed-pretraining-of-a-rather-large-model-with-a-long-name-worker-0' };

export function nodeName(index) {
  return index === 2 ? 'ip-10-128-37-214.ap-northeast-2.compute.internal' : `gpu-${String(index + 1).padStart(3, '0')}`;
}

function labels(of) {
  return Object.entries(of).map(([key, value]) => `${key}="${String(value).replace(/["\\\n]/g, '')}"`).join(',');
}

/** What runs on a part: nothing (free), a pod that does nothing (idle), a pod at work. */
function tenant(rand, node, place) {
  const what = rand();
  if (node < 3 && place === '7') return { space: 'serving', pod: ['llama-0', 'llama-1', 'qwen-0'][node], idle: false, base: 60 + node * 12, uid: `u-s${node}` };
  const named = names[`${node} ${place}`];
  if (named) return { space: 'ml', pod: named, idle: false, base: 60, uid: `u-${node}-${place}` };
  if (what < 0.12) return null;
  const space = spaces[Math.floor(rand() ** 1.6 * spaces.length)];
  const pod = `${['trainer', 'llm', 'notebook', 'eval', 'embed', 'ranker'][Math.floor(rand() * 6)]}-${node}-${place}`;
  return { space, pod, idle: what < 0.22, base: 25 + rand() * 70, uid: `u-${node}-${place}` };
}

/** `cutAnew`: before that second, what is cut was cut otherwise. */
export function page(node, gpus, seconds, cutAnew = 0, seed = 7) {
  const rand = random(seed + node * 7919);
  const move = random(seed + node * 104729 + Math.floor(seconds));
  const [model, memory, watts] = models[node % models.length];
  const out = [];
  const line = (name, of, value) => out.push(`${name}{${labels(of)}} ${value}`);
  const work = (own, pod, part, place, busy, mib) => {
    const holder = { ...own, ...part, resource: part.GPU_I_ID ? `nvidia.com/mig-${part.GPU_I_PROFILE}` : 'nvidia.com/gpu', share: 'exclusive', pod: pod.pod, namespace: pod.space, container: 'main', pod_uid: pod.uid };
    line('gpu_allocation_info', holder, 1);
    if (pod.idle) return;
    const process = { ...own, ...part, pid: 1000 + node * 100 + place, command: pod.space === 'serving' ? 'VLLM::EngineCor' : 'python3', type: 'C', attribution: 'pod', pod: pod.pod, namespace: pod.space, container: 'main', pod_uid: pod.uid };
    line('gpu_process_info', { ...process, status: 'active' }, 1);
    line('gpu_process_start_time_seconds', process, Math.floor((seconds + kEpoch) / 86400) * 86400 - 3600 * (1 + (place % 37)));
    line('gpu_process_memory_used_bytes', process, mib * 1048576);
    if (!part.GPU_I_ID) line('gpu_process_utilization', process, busy);
  };
  for (let gpu = 0; gpu < gpus; gpu++) {
    const own = { gpu, UUID: `GPU-${node.toString(16).padStart(8, '0')}-${gpu}` };
    const cut = node % 4 === 0 && gpu % 3 === 1 && gpu !== 7 ? cuts[(node / 4 + gpu + (seconds < cutAnew ? 1 : 0)) % cuts.length] : null;
    const ill = rand();
    line('tessera_agent_device_up', own, 1);
    line('gpu_device_info', { ...own, model, DCGM_FI_DEV_MIG_MODE: cut ? 1 : 0, DCGM_FI_DRIVER_VERSION: '550.54.15' }, 1);
    line('gpu_device_compute_slices', own, 7);
    line('gpu_device_memory_bytes', own, memory * 1048576);
    let busy = 0;
    let used = 0;
    if (cut) {
      for (const [profile, id, slices, mib, most, places] of profiles)
        line('gpu_profile_info', { ...own, profile, profile_id: id, compute_slices: slices, memory_mib: mib, max_instances: most, placements: places }, 1);
      cut.forEach(([start, size, slices, profile], i) => {
        const part = { GPU_I_ID: i + 1, GPU_CI_ID: 0, GPU_I_PROFILE: profile };
        const pod = tenant(rand, node, `${gpu}-${i}`);
        const load = pod && !pod.idle ? Math.max(1, Math.min(99, pod.base + (move() - 0.5) * 24)) : 0;
        const mib = pod && !pod.idle ? Math.round(size * (memory / 8) * 0.7) : 0;
        line('gpu_instance_info', { ...own, ...part, mig_uuid: `MIG-${node}-${gpu}-${i}`, start, size }, 1);
        line('gpu_instance_compute_slices', { ...own, ...part }, slices);
        line('gpu_instance_memory_bytes', { ...own, ...part }, Math.round((size * memory) / 8) * 1048576);
        line('DCGM_FI_PROF_GR_ENGINE_ACTIVE', { ...own, ...part }, (load / 100).toFixed(4));
        line('DCGM_FI_DEV_FB_USED', { ...own, ...part }, mib);
        if (pod) work(own, pod, part, gpu * 10 + i, load, mib);
        busy += (load * slices) / 7;
        used += mib;
      });
    } else {
      const pod = tenant(rand, node, `${gpu}`);
      busy = pod && !pod.idle ? Math.max(1, Math.min(100, pod.base + (move() - 0.5) * 20)) : 0;
      used = pod && !pod.idle ? Math.round(memory * (0.35 + rand() * 0.6)) : 0;
      line('DCGM_FI_PROF_GR_ENGINE_ACTIVE', own, (busy / 100).toFixed(4));
      if (pod) work(own, pod, {}, gpu * 10, busy, used);
    }
    const hot = ill > 0.985 || (node === 1 && gpu === 3);
    line('DCGM_FI_DEV_FB_USED', own, used);
    line('DCGM_FI_DEV_GPU_TEMP', own, Math.round(hot ? 91 + move() * 2 : 31 + busy * 0.42 + move() * 3));
    line('DCGM_FI_DEV_POWER_USAGE', own, (70 + (watts - 90) * (busy / 100) + move() * 8).toFixed(1));
    line('DCGM_FI_DEV_SM_CLOCK', own, hot ? 990 : 1980);
    if (hot) line('DCGM_FI_DEV_CLOCK_THROTTLE_REASONS', own, 64);
    if (ill < 0.006 || (node === 3 && gpu === 5)) line('DCGM_FI_DEV_XID_ERRORS', own, 79);
  }
  return out.join('\n') + '\n';
}

/** Two replicas of one model and one of another, by their engines' own metrics. */
export function serving(index, seconds) {
  const rand = random(index * 31 + Math.floor(seconds));
  const model = index < 2 ? 'meta-llama/Llama-3.1-8B-Instruct' : 'Qwen/Qwen2.5-72B-Instruct';
  const made = Math.round(seconds * (index < 2 ? 1450 : 620));
  const own = `engine="0",model_name="${model}"`;
  const first = Math.round(seconds * 3);
  return `vllm:num_requests_running{${own}} ${20 + Math.round(rand() * 30)}
vllm:num_requests_waiting{${own}} ${index === 2 ? 40 + Math.round(rand() * 30) : Math.round(rand() * 3)}
vllm:kv_cache_usage_perc{${own}} ${(0.35 + rand() * 0.1 + (index === 2 ? 0.5 : 0)).toFixed(3)}
vllm:generation_tokens_total{${own}} ${made}
vllm:prompt_tokens_total{${own}} ${made * 3}
vllm:time_to_first_token_seconds_bucket{${own},le="0.25"} ${Math.round(first * 0.7)}
vllm:time_to_first_token_seconds_bucket{${own},le="1"} ${Math.round(first * 0.95)}
vllm:time_to_first_token_seconds_bucket{${own},le="+Inf"} ${first}
vllm:time_to_first_token_seconds_sum{${own}} ${first * 0.3}
vllm:time_to_first_token_seconds_count{${own}} ${first}
`;
}

async function post(url, body) {
  const reply = await fetch(url, { method: 'POST', body, headers: { 'Content-Type': 'text/plain' } });
  if (!reply.ok) throw new Error(`${url}: ${reply.status} ${await reply.text()}`);
}

const kEpoch = 1_700_000_000; // so that counters have few digits

export async function push(server, nodes, gpus, time = Date.now(), cutAnew = 0) {
  const api = `${server}/k8s-monitor/api/v1/import/prometheus`;
  const seconds = time / 1000 - kEpoch;
  for (let node = 0; node < nodes; node++)
    await post(`${api}?cluster=east&node=${nodeName(node)}&timestamp=${time}`, page(node, gpus, seconds, cutAnew / 1000 - kEpoch));
  for (let i = 0; i < 3 && nodes > 2; i++) {
    const pod = `${i < 2 ? 'llama' : 'qwen'}-${i % 2}`;
    const from = ['namespace=serving', `pod=${pod}`, `instance=10.0.0.${i + 5}:8000`, 'job=vllm'].map((one) => `extra_label=${encodeURIComponent(one)}`).join('&');
    await post(`${api}?cluster=east&node=${nodeName(i)}&timestamp=${time}&${from}`, serving(i, seconds));
  }
}

/** Tells of a node whose boards have no spare memory rows left: what advice is given of without a day's wait. */
export async function pushSick(server, boards) {
  const lines = Array.from({ length: boards }, (_, gpu) => {
    const own = labels({ gpu, UUID: `GPU-sick-${gpu}` });
    const model = labels({ model: models[0][0], DCGM_FI_DEV_MIG_MODE: 0, DCGM_FI_DRIVER_VERSION: '550.54.15' });
    return `tessera_agent_device_up{${own}} 1
gpu_device_info{${own},${model}} 1
gpu_device_compute_slices{${own}} 7
gpu_device_memory_bytes{${own}} ${models[0][1] * 1048576}
DCGM_FI_PROF_GR_ENGINE_ACTIVE{${own}} 0
DCGM_FI_DEV_ROW_REMAP_FAILURE{${own}} 1
`;
  });
  await post(`${server}/k8s-monitor/api/v1/import/prometheus?cluster=east&node=gpu-101`, lines.join(''));
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [server, nodes = '12', gpus = '8', seconds = '0'] = process.argv.slice(2);
  const until = Date.now() + Number(seconds) * 1000;
  do {
    const began = Date.now();
    await push(server, Number(nodes), Number(gpus));
    if (Date.now() < until) await new Promise((resolve) => setTimeout(resolve, Math.max(0, 5000 - (Date.now() - began))));
  } while (Date.now() < until);
}
