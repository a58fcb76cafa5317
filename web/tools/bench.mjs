// What the dashboard costs: node tools/bench.mjs [MINUTES], with programs in TESSERA_BIN. Chromium with a CPU four times slower.
// Prints the first paint of an overview of 1,000 GPUs, beside that of a page with nothing in it, the script time of an update of 10,000 cells, and, for MINUTES of
// updates, how the heap grows.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { push } from './fleet.mjs';

const bin = process.env.TESSERA_BIN ?? join(process.cwd(), '../build/release/bin');
const minutes = Number(process.argv[2] ?? 0);
const slower = Number(process.env.TESSERA_SLOWER ?? 4);
const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];

async function server() {
  const folder = mkdtempSync(join(tmpdir(), 'tessera-web-bench-'));
  const child = spawn(join(bin, 'tessera-server'), ['--data', folder, '--address', '127.0.0.1:0'], { stdio: ['ignore', 'ignore', 'pipe'] });
  const url = await new Promise((resolve, reject) => {
    let text = '';
    child.stderr.on('data', (piece) => {
      text += piece;
      const found = /server ready address=(\S+)/.exec(text);
      if (found) resolve(`http://${found[1]}`);
    });
    child.on('exit', () => reject(new Error(text)));
  });
  return { url, end: () => new Promise((resolve) => child.removeAllListeners('exit').on('exit', () => { rmSync(folder, { recursive: true }); resolve(); }).kill()) };
}

async function told(url, devices) {
  for (;;) {
    const overview = await (await fetch(`${url}/k8s-monitor/api/v1/gpu/overview`)).json();
    if (overview.totalGpuDevices === devices) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const browser = await chromium.launch({ executablePath: process.env.TESSERA_CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
async function slowPage() {
  const page = await (await browser.newContext({ viewport: { width: 1440, height: 900 } })).newPage();
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('Emulation.setCPUThrottlingRate', { rate: slower });
  await devtools.send('Performance.enable');
  const metric = async (name) => (await devtools.send('Performance.getMetrics')).metrics.find((one) => one.name === name).value;
  return { page, devtools, metric };
}
const kLoaded = 5000; // ms: nobody looks meanwhile, since looking is work of the page's too

/** When the browser painted what a page is opened for, and the map below it, in milliseconds from the navigation. */
async function firstLoad(address) {
  const { page } = await slowPage();
  await page.goto(address, { waitUntil: 'commit' });
  await new Promise((resolve) => setTimeout(resolve, kLoaded));
  const times = await page.evaluate(() => new Promise((resolve) => {
    const [map] = performance.getEntriesByName('heat map');
    const [first] = performance.getEntriesByName('first-contentful-paint');
    const times = { first: first?.startTime, map: map && map.startTime + map.duration };
    new PerformanceObserver((list) => resolve({ ...times, tiles: list.getEntries()[0].renderTime })).observe({ type: 'element', buffered: true });
    setTimeout(() => resolve(times), 1000);
  }));
  await page.context().close();
  return times;
}

const small = await server();
await push(small.url, 125, 8);
await told(small.url, 1000);
const paints = [], empty = [];
for (let i = 0; i < 9; i++) {
  paints.push(await firstLoad(`${small.url}/k8s-monitor`));
  empty.push((await firstLoad(`${small.url}/livez`)).first);
}
const print = (what, times) => console.log(`${what}: median ${Math.round(median(times))} ms, worst ${Math.round(Math.max(...times))} ms`);
print('overview of 1,000 GPUs, first load, until its tiles are painted', paints.map((one) => one.tiles));
print('overview of 1,000 GPUs, first load, until its map is drawn', paints.map((one) => one.map));
print('a page of one word, first load, until it is painted', empty);
await small.end();

const large = await server();
await push(large.url, 1250, 8);
await told(large.url, 10_000);
const { page, devtools, metric } = await slowPage();
await page.goto(`${large.url}/k8s-monitor`);
await page.waitForFunction(() => document.querySelector('.heat canvas')?.getAttribute('aria-label').includes('10000'));
await page.keyboard.press('.');
const draws = [];
const paints10k = [];
const names = ['Memory', 'Temperature', 'Power', 'Health', 'Utilization'];
for (let i = 0; i < 25; i++) {
  const button = page.getByRole('button', { name: names[i % 5], exact: true });
  await button.evaluate((one) => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))); // let the last one end
  const before = await metric('ScriptDuration');
  await button.evaluate((one) => new Promise((resolve) => { one.click(); requestAnimationFrame(() => setTimeout(resolve, 50)); }));
  draws.push(1000 * (await metric('ScriptDuration') - before));
  paints10k.push(await page.evaluate(() => performance.getEntriesByName('heat map')[0].duration));
}
console.log(`10,000 cells drawn anew: median ${median(paints10k).toFixed(1)} ms, worst ${Math.max(...paints10k).toFixed(1)} ms;`,
  `with all else that a change of metric makes anew: median ${median(draws).toFixed(1)} ms of script`);

if (minutes > 0) {
  await page.keyboard.press('.');
  const heap = async () => {
    await devtools.send('HeapProfiler.collectGarbage');
    return (await metric('JSHeapUsedSize')) / 1e6;
  };
  await new Promise((resolve) => setTimeout(resolve, 60_000));
  const first = await heap();
  for (let minute = 1; minute <= minutes; minute++) {
    const next = Date.now() + 60_000;
    while (Date.now() < next) {
      await push(large.url, 1250, 8);
      await new Promise((resolve) => setTimeout(resolve, 25_000));
    }
    if (minute % 3 === 0 || minute === minutes) console.log(`heap after ${minute} min: ${(await heap()).toFixed(1)} MB (${first.toFixed(1)} MB at first)`);
  }
}
await browser.close();
await large.end();
