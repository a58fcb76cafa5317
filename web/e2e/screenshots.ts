// Pictures of every page for docs/images: light and dark, desktop and phone, of a fleet that has run for an hour.
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { it } from 'vitest';
import type { AdviceList, AlertList, DeviceMetrics } from '../src/api/schema';
import { push, pushSick } from '../tools/fleet.mjs';
import { launch, open, settled } from './browser';
import { Fleet, until } from './fleet';

const kNodes = 12;
const folder = resolve(process.env['TESSERA_IMAGES'] ?? '../docs/images');
const only = process.env['TESSERA_PICTURES']?.split(','); // all of them unless it names some
const pictures: Record<string, string> = {
  overview: '/', inventory: '/inventory', gpus: '/inventory?view=devices&sort=-utilization', node: '/inventory/gpu-009', gpu: '/inventory/gpu-009/gpu-009-GPU-01',
  pods: '/pods?sort=-utilization', pod: '/pods/serving/llama-0', sessions: '/sessions', serving: '/serving', cost: '/cost?window=24h&by=namespace', budgets: '/budgeting', alerts: '/alerting', forecast: '/forecast', advice: '/advising', benchmarks: '/benchmarking', settings: '/settings',
};

/** Two benchmarks on three models; the newest driver of one is slower. */
async function pushBenchmarks(server: string): Promise<void> {
  const day = (at: number) => new Date(Date.now() - (40 - at) * 86_400_000).toISOString();
  const runs = Array.from({ length: 40 }, (_, at) => [
    { model: 'H100_80GB', driver: at < 34 ? '570.124.06' : '580.65.06', name: 'Llama-3.1-8B, 64 requests', version: '1', value: (at < 34 ? 3010 : 2710) + (at % 7) * 6, unit: 'tokens/s', better: 'higher', source: 'lab', time: day(at), watts: 590 + (at % 5) },
    { model: 'A100_80GB', driver: '570.124.06', name: 'Llama-3.1-8B, 64 requests', version: '1', value: 2080 + (at % 5) * 7, unit: 'tokens/s', better: 'higher', source: 'lab', time: day(at), watts: 322 + (at % 3) },
    { model: 'L40S', driver: '570.124.06', name: 'Llama-3.1-8B, 64 requests', version: '1', value: 1190 + (at % 4) * 5, unit: 'tokens/s', better: 'higher', source: 'lab', time: day(at), watts: null },
    { model: 'H100_80GB', driver: '570.124.06', name: 'ResNet-50, an epoch', version: '2', value: 148 + (at % 3), unit: 's', better: 'lower', source: 'lab', time: day(at), watts: 640 },
    { model: 'A100_80GB', driver: '570.124.06', name: 'ResNet-50, an epoch', version: '2', value: 236 + (at % 3), unit: 's', better: 'lower', source: 'lab', time: day(at), watts: 371 },
  ]).flat();
  const reply = await fetch(`${server}/k8s-monitor/api/v1/benchmarks`, { method: 'POST', body: JSON.stringify(runs), headers: { 'Content-Type': 'application/json' } });
  if (!reply.ok) throw new Error(await reply.text());
}

it('takes pictures', async () => {
  const fleet = new Fleet(join(process.cwd(), '../sim/scenarios/default.yaml'));
  await fleet.startServer();
  const now = Date.now();
  const cut = now - 25 * 60_000;
  for (let time = now - 65 * 60_000; time < now; time += 30_000) await push(fleet.url, kNodes, 8, time, cut);
  await push(fleet.url, kNodes, 8);
  await until('the fleet is told', async () => (await fleet.json<{ totalGpuDevices: number }>('/gpu/overview')).totalGpuDevices === kNodes * 8);
  await until('the past is kept', async () => {
    await push(fleet.url, kNodes, 8);
    const past = await fleet.json<DeviceMetrics>('/gpu/devices/gpu-009-GPU-01/metrics');
    return past.items.filter((one) => one.coverage > 0).length > past.items.length / 2;
  }, 120_000);
  await pushBenchmarks(fleet.url);
  await pushSick(fleet.url, 2);
  await until('boards are known to be sick', async () => {
    await push(fleet.url, kNodes, 8);
    return (await fleet.json<AlertList>('/alerts?state=firing&alert=GPURowRemapFailed')).total === 2;
  }, 120_000);
  await fleet.stopServer();
  await fleet.startServer(); // advice is given when a server begins, and then once an hour
  await until('advice is given', async () => {
    await push(fleet.url, kNodes, 8);
    return (await fleet.json<AdviceList>('/advice')).total > 0;
  }, 180_000);
  mkdirSync(folder, { recursive: true });
  const browser = await launch();
  const take = async (pages: Record<string, string>) => {
    for (const theme of ['light', 'dark'] as const)
      for (const [device, width, height] of [['desktop', 1360, 850], ['phone', 390, 844]] as const) {
        const { context, page } = await open(browser, { theme, width, height });
        for (const [name, path] of Object.entries(pages)) {
          if (only && !only.includes(name)) continue;
          if (name !== 'sign-in') await Promise.all([push(fleet.url, kNodes, 8), pushSick(fleet.url, 2)]);
          await page.goto(`${fleet.url}/k8s-monitor${path}`);
          await settled(page);
          await page.waitForTimeout(300); // charts and canvas are drawn in the frame after
          await page.screenshot({ path: join(folder, `${name}-${theme}-${device}.png`), fullPage: device === 'desktop' && (name === 'gpu' || name === 'settings') });
        }
        await context.close();
      }
  };
  await take(pictures);
  await fetch(`${fleet.url}/k8s-monitor/api/v1/access/keys`, { method: 'POST', body: JSON.stringify({ name: 'admin', scopes: ['admin'] }), headers: { 'Content-Type': 'application/json' } });
  await take({ 'sign-in': '/' }); // there is a key by now, and this reader has none
  await browser.close();
  await fleet.end();
}, 900_000);
