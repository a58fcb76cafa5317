// A living fleet: a simulated node with its agent, a relay, the server, and a second cluster of pushed pages beside it.
import { spawn, execFile, type ChildProcess } from 'node:child_process';
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { push } from '../tools/fleet.mjs';

const bin = process.env['TESSERA_BIN'] ?? join(process.cwd(), '../build/release/bin');
const run = promisify(execFile);
/** Programs refuse variables of ours that they do not know. */
const bare = Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith('TESSERA_')));

/** Starts a program and waits for what it says when it is ready. */
export function start(name: string, flags: string[], ready: RegExp, environment: Record<string, string> = {}): Promise<{ child: ChildProcess; said: RegExpExecArray }> {
  const child = spawn(join(bin, name), flags, { env: { ...bare, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  return new Promise((resolve, reject) => {
    const take = (piece: Buffer) => {
      text += String(piece);
      const said = ready.exec(text);
      if (said) resolve({ child, said });
    };
    child.stdout!.on('data', take);
    child.stderr!.on('data', take);
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      reject(new Error(`${name} ended with ${code ?? signal}: ${text}`));
      if (!child.killed) console.error(`${name} ended by itself with ${code ?? signal}: ${text.slice(-2_000)}`); // what then fails is not the dashboard's
    });
  });
}

export function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.on('exit', () => resolve());
    child.kill();
  });
}

export class Fleet {
  readonly folder = mkdtempSync(join(tmpdir(), 'tessera-web-'));
  private readonly children: ChildProcess[] = [];
  private server: ChildProcess | undefined;
  private pushing: ReturnType<typeof setInterval> | undefined;
  private readonly node: Record<string, string>;
  private flags: string[] = [];
  url = '';

  constructor(scenario: string) {
    this.node = { TESSERA_SIM_SCENARIO: scenario, TESSERA_SIM_STATE: join(this.folder, 'state'), NODE_NAME: 'worker-01' };
    mkdirSync(join(this.folder, 'state'));
  }

  /** Weeks of costs and usage that never were, for a server that has not begun yet; its database. */
  async makePast(): Promise<string> {
    const database = `sqlite:${join(this.folder, 'past.db')}`;
    await run(join(bin, 'tessera-demo-past'), ['--database', database, '--scenario', this.node['TESSERA_SIM_SCENARIO']!], { env: bare });
    return database;
  }

  /** With these settings, in YAML. */
  async startServerWith(settings: string, environment: Record<string, string> = {}): Promise<void> {
    const file = join(this.folder, 'server.yaml');
    writeFileSync(file, `${settings}\n`);
    await this.startServer(['--config', file], environment);
  }

  async startServer(flags: string[] = [], environment: Record<string, string> = {}): Promise<void> {
    const at = this.url ? this.url.replace('http://', '') : '127.0.0.1:0';
    const { child, said } = await start('tessera-server', ['--data', join(this.folder, 'server'), '--address', at, ...flags], /server ready address=(\S+)/, environment);
    this.server = child;
    this.url = `http://${said[1]}`;
  }
  async stopServer(): Promise<void> {
    if (this.server) await end(this.server);
  }

  async startNode(): Promise<void> {
    const player = await start('tessera-sim', ['play', '--root', join(this.folder, 'n')], /(--nvml.*)\n/, this.node);
    this.flags = player.said[1]!.trim().split(' ');
    const agent = await start('tessera-agent', ['--address', '127.0.0.1:0', '--interval', '1s', ...this.flags], /agent ready address=(\S+)/, this.node);
    const config = join(this.folder, 'relay.yaml');
    writeFileSync(config, `remoteWrite:
- {name: server, url: "${this.url}/k8s-monitor/api/v1/write"}
externalLabels: {cluster: demo}
targets:
- targetName: tessera-agent
  type: Static
  endpoints:
  - {interval: 1s, honorLabels: true}
  staticTargets:
  - targets: ["${agent.said[1]}"]
`);
    const relay = await start('tessera-relay', ['--config', config, '--data', join(this.folder, 'relay'), '--address', '127.0.0.1:0'], /relay ready/);
    this.children.push(player.child, agent.child, relay.child);
  }

  /** What cuts the node's devices anew. */
  async startLayout(): Promise<void> {
    const flags = ['layout', '--server', this.url, '--cluster', 'demo', '--data', join(this.folder, 'layout'), '--pause', '500ms', ...this.flags];
    this.children.push((await start('tessera-agent', flags, /layout ready/, this.node)).child);
  }

  /** Tells of another cluster, again and again. */
  async pushOthers(nodes: number, gpus: number): Promise<void> {
    await push(this.url, nodes, gpus);
    this.pushing = setInterval(() => push(this.url, nodes, gpus).catch(() => {}), 4_000);
  }

  sim(...words: string[]): Promise<unknown> {
    return run(join(bin, 'tessera-sim'), words, { env: { ...bare, ...this.node } });
  }

  async json<T>(path: string): Promise<T> {
    return (await (await fetch(`${this.url}/k8s-monitor/api/v1${path}`)).json()) as T;
  }

  async end(): Promise<void> {
    clearInterval(this.pushing);
    for (const child of this.children.reverse()) await end(child);
    await this.stopServer();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Asks until it is so. */
export async function until(what: string, is: () => Promise<boolean>, patience = 20_000): Promise<void> {
  for (const deadline = Date.now() + patience; Date.now() < deadline; ) {
    if (await is().catch(() => false)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`not within ${patience} ms: ${what}`);
}
