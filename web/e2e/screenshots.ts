// Pictures of every page for docs/images: light and dark, desktop and phone, of a fleet that has run for an hour.
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { it } from 'vitest';
import type { DeviceMetrics } from '../src/api/schema';
import { push } from '../tools/fleet.mjs';
import { launch, open, settled } from './browser';
import { Fleet, until } from './fleet';

const kNodes = 12;
const folder = resolve(process.env['TESSERA_IMAGES'] ?? '../docs/images');
const pictures: Record<string, string> = {
  overview: '/', inventory: '/inventory', gpus: '/inventory?view=devices&sort=-utilization', node: '/inventory/gpu-009', gpu: '/inventory/gpu-009/gpu-009-GPU-01',
  pods: '/pods?sort=-utilization', pod: '/pods/serving/llama-0', sessions: '/sessions', serving: '/serving', cost: '/cost?window=24h&by=namespace', budgets: '/budgeting', alerts: '/alerting', forecast: '/forecast', advice: '/advising', settings: '/settings',
};

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
  mkdirSync(folder, { recursive: true });
  const browser = await launch();
  const take = async (pages: Record<string, string>) => {
    for (const theme of ['light', 'dark'] as const)
      for (const [device, width, height] of [['desktop', 1360, 850], ['phone', 390, 844]] as const) {
        const { context, page } = await open(browser, { theme, width, height });
        for (const [name, path] of Object.entries(pages)) {
          if (name !== 'sign-in') await push(fleet.url, kNodes, 8);
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
}, 300_000);
