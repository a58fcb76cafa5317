// Benchmarks, in a real browser: a file is taken in, models are compared, what has become worse is marked, and it all comes out again.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BenchmarkList, BenchmarksCompared } from '../src/api/schema';
import { chromiumAt, launch, settled, violations, visits } from './browser';
import { Fleet, until } from './fleet';

const axe = readFileSync(join(process.cwd(), 'node_modules/axe-core/axe.min.js'), 'utf8');
const fleet = new Fleet(join(process.cwd(), '../sim/scenarios/default.yaml'));
let browser: Browser;
let app: string;
const { visit, close } = visits(() => ({ browser, app }));

const head = 'model,driver,name,version,value,unit,better,source,time,watts';
const day = (at: number) => new Date(Date.UTC(2026, 0, 1 + at)).toISOString();
/** A run a day; in the last five days the driver is another one, and all is a tenth slower. */
const runs = Array.from({ length: 30 }, (_, at) => {
  const late = at >= 25;
  return `H100_80GB,${late ? '580.65.06' : '570.10'},llama tokens,1,${(late ? 2700 : 3000) + (at % 5)},tokens/s,higher,lab,${day(at)},600`;
});
const others = [0, 1, 2].map((at) => `A100_80GB,570.10,llama tokens,1,${2400 + at},tokens/s,higher,lab,${day(at)},`);
const csv = [head, ...runs, ...others, 'A100_80GB,570.10,llama tokens,1,many,tokens/s,higher,lab,2026-01-09T00:00:00Z,'].join('\r\n');

beforeAll(async () => {
  if (!chromiumAt) return;
  await fleet.startServer();
  app = `${fleet.url}/k8s-monitor`;
  browser = await launch();
  await until('the server knows of benchmarks', async () => (await fleet.json<BenchmarkList>('/benchmarks')).total === 0);
});
afterAll(async () => {
  await browser?.close();
  await fleet.end();
});

async function choose(page: Page, name: string, text: string) {
  await page.getByRole('button', { name: 'Import a file' }).click();
  const dialog = page.getByRole('dialog', { name: 'Import a file' });
  await dialog.getByLabel('File').setInputFiles({ name, mimeType: 'application/octet-stream', buffer: Buffer.from(text) });
  return dialog;
}
const section = (page: Page) => page.locator('section.bench', { hasText: 'llama tokens' });

describe.skipIf(!chromiumAt)('benchmarks', () => {
  it('come out of a file, of which it is first said what would become', async () => {
    const { page, wrong } = await visit('/benchmarking');
    await page.getByText('No benchmark').waitFor();
    const dialog = await choose(page, 'runs.csv', csv);
    await dialog.getByText('It would add 33 runs').waitFor();
    await dialog.getByText('line 35').waitFor();
    expect((await fleet.json<BenchmarkList>('/benchmarks')).total).toBe(0);
    await page.evaluate(axe);
    expect(await violations(page)).toEqual([]);
    await dialog.getByRole('button', { name: 'Take it in' }).click();
    await dialog.getByText('33 runs were added').waitFor();
    await dialog.getByRole('button', { name: 'Close' }).last().click();
    await section(page).waitFor();
    expect((await fleet.json<BenchmarkList>('/benchmarks')).total).toBe(33);
    expect(wrong).toEqual([]);
  }, 60_000);

  it('say what is wrong with a file that is none', async () => {
    const { page, wrong } = await visit('/benchmarking');
    const dialog = await choose(page, 'runs.json', '{"model": ');
    await dialog.getByRole('alert').waitFor();
    expect(await dialog.getByRole('button', { name: 'Take it in' }).isDisabled()).toBe(true);
    expect(wrong.filter((one) => !/\b400\b/.test(one))).toEqual([]); // the console tells of the refusal
  });

  it('are compared by what a GPU costs and draws, with the worse ones marked', async () => {
    const { page, wrong } = await visit('/benchmarking');
    const told = await fleet.json<BenchmarksCompared>('/benchmarks/compare');
    const rows = section(page).locator('tbody tr');
    await rows.first().waitFor();
    const shown = await rows.allInnerTexts();
    expect(shown.length).toBe(2);
    expect(shown[0]).toContain('H100_80GB');
    expect(shown[0]).toContain('has become worse');
    expect(shown[1]).toMatch(/−11\.\d %/); // 2,401 against 2,702
    expect(told.items[0]!.rows.map((one) => one.model)).toEqual(['H100_80GB', 'A100_80GB']);
    await page.getByLabel('Against').selectOption('A100_80GB');
    await page.waitForURL(/baseline=A100_80GB/);
    await rows.filter({ hasText: 'H100_80GB' }).getByText('better').waitFor();
    await page.getByRole('button', { name: 'Drivers of one model' }).click();
    await page.waitForURL(/by=driver/);
    await section(page).filter({ hasText: 'H100_80GB' }).locator('tbody tr', { hasText: '570.10' }).waitFor();
    expect(wrong).toEqual([]);
  }, 60_000);

  it('tell what has become worse, since when, and with which driver', async () => {
    const { page, wrong } = await visit('/benchmarking');
    await page.getByRole('button', { name: 'What has become worse (1)' }).click();
    await page.waitForURL(/view=regressions/);
    const row = page.locator('tbody tr', { hasText: 'llama tokens' });
    expect(await row.innerText()).toMatch(/10 % /);
    expect(await row.innerText()).toContain('570.10 → 580.65.06');
    expect(await row.innerText()).toContain('2026-01-26');
    await page.getByText('1 series were judged; 1 have too few runs').waitFor();
    expect(wrong).toEqual([]);
  });

  it('are filtered, removed, and taken as a file that comes in again', async () => {
    const { page, wrong } = await visit('/benchmarking?view=runs');
    await page.getByLabel('Model').selectOption('A100_80GB');
    await page.waitForURL(/model=A100_80GB/);
    const rows = page.locator('tbody tr');
    await expect.poll(() => rows.count(), { timeout: 20_000 }).toBe(3);
    const file = async (name: string) => {
      const download = page.waitForEvent('download');
      await page.locator('.page-head').getByRole('button', { name }).click();
      return readFileSync(await (await download).path(), 'utf8');
    };
    const table = await file('CSV');
    expect(table.trim().split(/\r?\n/).length).toBe(4);
    expect((JSON.parse(await file('JSON')) as unknown[]).length).toBe(3);
    await rows.first().getByRole('button', { name: 'Remove' }).click();
    await rows.first().getByRole('button', { name: 'Remove it now' }).click();
    await expect.poll(() => rows.count(), { timeout: 20_000 }).toBe(2);
    const dialog = await choose(page, 'again.csv', table);
    await dialog.getByText('It would add 1 runs, correct 0 and leave 2 as they are.').waitFor();
    await dialog.getByRole('button', { name: 'Take it in' }).click();
    await dialog.getByText('1 runs were added').waitFor();
    await dialog.getByRole('button', { name: 'Close' }).last().click();
    await expect.poll(() => rows.count(), { timeout: 20_000 }).toBe(3);
    expect(wrong).toEqual([]);
  }, 60_000);

  it('have nothing that axe finds, light or dark, wide or narrow, in Korean too', async () => {
    for (const [theme, language, width] of [['light', 'en-US', 1440], ['dark', 'ko-KR', 360], ['light', 'ko-KR', 3840]] as const) {
      const { page } = await visit('/benchmarking', { theme, language, width });
      for (const path of ['/benchmarking', '/benchmarking?by=driver', '/benchmarking?view=runs', '/benchmarking?view=regressions']) {
        await page.goto(app + path);
        await settled(page);
        await page.evaluate(axe);
        expect(await violations(page), `${path}, ${theme}`).toEqual([]);
        expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth), `${path}, ${width}`).toBeLessThanOrEqual(0);
      }
      await close();
    }
  }, 300_000);
});
