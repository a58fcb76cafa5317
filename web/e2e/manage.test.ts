// Money and alerts, in a real browser: what the fleet costs and whom, what fires, and keeping it quiet.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AlertList, CostAllocation, CostTeams } from '../src/api/schema';
import { push } from '../tools/fleet.mjs';
import { chromiumAt, launch, settled, violations, visits } from './browser';
import { Fleet, until } from './fleet';

const axe = readFileSync(join(process.cwd(), 'node_modules/axe-core/axe.min.js'), 'utf8');
const fleet = new Fleet(join(process.cwd(), '../sim/scenarios/default.yaml'));
const kNodes = 5; // the second has a GPU that is too hot
const hot = 'gpu-002-GPU-03';
const taken: string[] = [];
const receiver = createServer((request, reply) => {
  request.on('data', (piece) => taken.push(String(piece)));
  request.on('end', () => reply.end());
});
let browser: Browser;
let app: string;
const { visit, close } = visits(() => ({ browser, app }));

beforeAll(async () => {
  if (!chromiumAt) return;
  await new Promise<void>((ready) => receiver.listen(0, '127.0.0.1', ready));
  await fleet.startServerWith(`gpu.management.metrics.collection-interval: 5s
gpu.management.alerts.rules: [{name: GPUOverheating, for: 5s}]
gpu.management.alerts.webhooks: ["http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook", "http://127.0.0.1:1/nobody"]`);
  app = `${fleet.url}/k8s-monitor`;
  await fleet.pushOthers(kNodes, 8);
  browser = await launch();
  await until('money and alerts are told', async () =>
    (await fleet.json<CostTeams>('/cost/teams?window=24h')).knownUntil !== null && Number((await fleet.json<CostTeams>('/cost/teams?window=24h')).all) > 0
    && (await fleet.json<AlertList>('/alerts?state=firing&alert=GPUOverheating')).total > 0, 60_000);
}, 90_000);
afterAll(async () => {
  await browser?.close();
  await fleet.end();
  receiver.close();
});

/** Another alert of the same GPU says that this one explains it. */
const rowOf = (page: Page) => page.locator('tbody tr', { has: page.locator('b', { hasText: /^GPUOverheating$/ }) }).filter({ hasText: hot });

/** `$1,234.50` */
const amount = (text: string) => Number(text.replace(/[^\d.]/g, ''));

describe.skipIf(!chromiumAt)('cost', () => {
  it('is told for an hour, by what became of it, and adds up', async () => {
    const { page, wrong } = await visit('/cost?window=24h');
    const now = page.locator('section', { has: page.getByRole('heading', { name: 'An hour, as all is now' }) });
    await now.getByText(/^\$\d/).first().waitFor({ timeout: 25_000 });
    const [all, ...parts] = (await now.locator('.tile-value').allInnerTexts()).map(amount);
    expect(all).toBeGreaterThan(0);
    expect(Math.abs(all! - parts.reduce((sum, one) => sum + one, 0))).toBeLessThan(0.05); // rounded to cents each
    const went = page.locator('section', { has: page.getByRole('heading', { name: 'Where the money went' }) });
    const shown = (await went.locator('.tile-value').allInnerTexts()).slice(0, 7).map(amount);
    expect(Math.abs(shown[0]! - shown.slice(1).reduce((sum, one) => sum + one, 0))).toBeLessThan(0.05);
    await page.locator('.stacked rect.k-used').first().waitFor();
    expect(wrong).toEqual([]);
  }, 60_000);

  it('is grouped as one likes, for a window in the address', async () => {
    const { page, wrong } = await visit('/cost');
    await page.getByRole('button', { name: 'Namespace' }).click();
    await page.waitForURL(/by=namespace/);
    await page.getByLabel('Window').selectOption('24h');
    await page.waitForURL(/window=24h/);
    const rows = page.getByRole('region', { name: 'Who had it' }).locator('tbody tr');
    await rows.filter({ hasText: 'serving' }).first().waitFor();
    const told = await fleet.json<CostAllocation>('/cost/allocation?window=24h&aggregate=namespace');
    await expect.poll(() => rows.count()).toBe(Object.keys(told.data[0]!).length);
    expect(wrong).toEqual([]);
  });

  it('goes into files, its own and FOCUS', async () => {
    const { page, wrong } = await visit('/cost?window=24h');
    const head = async (name: string) => {
      const download = page.waitForEvent('download');
      await page.locator('.page-head').getByRole('button', { name }).click();
      const file = await download;
      expect(file.suggestedFilename()).toMatch(/-24h\.csv$/);
      return readFileSync(await file.path(), 'utf8').split('\r\n')[0]!;
    };
    expect(await head('CSV')).toContain('kind');
    expect(await head('FOCUS')).toContain('BilledCost');
    expect(wrong).toEqual([]);
  });

  it('of a million tokens stands where engines tell of them', async () => {
    const { page } = await visit('/cost');
    const rows = page.getByRole('region', { name: 'A million tokens' }).locator('tbody tr');
    await rows.filter({ hasText: 'Llama-3.1-8B' }).first().waitFor();
    expect(await rows.filter({ hasText: 'Llama-3.1-8B' }).first().innerText()).toMatch(/\$\d/);
  });
});

describe.skipIf(!chromiumAt)('alerts', () => {
  it('are counted on the overview, and lead to what they are about', async () => {
    const { page, wrong } = await visit('/');
    const tile = page.getByRole('link', { name: /Alerts firing/ });
    await tile.locator('.tile-value', { hasText: /[1-9]/ }).waitFor();
    await tile.click();
    await page.waitForURL(/\/alerting\?state=firing/);
    const row = rowOf(page);
    await row.getByText('critical').waitFor();
    expect(await row.innerText()).toMatch(/9\d °C/);
    await row.getByRole('link').first().click();
    await page.waitForURL(/\/inventory\/gpu-002\//);
    expect(wrong).toEqual([]);
  });

  it('are silenced from their row, and told of again when that is ended', async () => {
    const { page, wrong } = await visit('/alerting');
    const row = rowOf(page);
    await row.getByRole('button', { name: 'Silence' }).click();
    const dialog = page.getByRole('dialog', { name: 'Add a silence' });
    expect(await dialog.getByLabel('Value', { exact: true }).first().inputValue()).toBe('GPUOverheating');
    await page.evaluate(axe);
    expect(await violations(page)).toEqual([]);
    await dialog.getByLabel('Why').fill('its fans are changed');
    await dialog.getByRole('button', { name: 'Silence' }).click();
    await dialog.waitFor({ state: 'detached' });
    await row.getByText('silenced').waitFor();
    await page.getByRole('button', { name: 'Silences' }).click();
    const silence = page.locator('tbody tr', { hasText: 'its fans are changed' });
    await silence.getByText('in force').waitFor();
    await page.evaluate(axe);
    expect(await violations(page)).toEqual([]);
    await silence.getByRole('button', { name: 'End' }).click();
    await silence.getByRole('button', { name: 'End it now' }).click();
    await silence.getByText('in force').waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Now', exact: true }).click();
    await row.getByRole('button', { name: 'Silence' }).waitFor();
    expect(wrong).toEqual([]);
  });

  it('have rules with thresholds, a history, and receivers that can be tried', async () => {
    const { page, wrong } = await visit('/alerting?view=rules');
    expect(await page.locator('tbody tr', { hasText: 'GPUOverheating' }).innerText()).toContain('temperatureCelsius > 85 °C');
    await page.getByRole('button', { name: 'History' }).click();
    await page.locator('tbody tr', { hasText: 'GPUOverheating' }).first().waitFor();
    const before = taken.length;
    await page.getByRole('button', { name: 'Test the receivers' }).click();
    const dialog = page.getByRole('dialog', { name: 'Test the receivers' });
    await dialog.getByText('has taken it').waitFor();
    await dialog.getByText('has not taken it').waitFor();
    expect(taken.slice(before).join('')).toContain('test');
    await page.evaluate(axe);
    expect(await violations(page)).toEqual([]);
    expect(wrong).toEqual([]);
  }, 60_000);
});

describe.skipIf(!chromiumAt)('forecasts', () => {
  it('say that too little is known, and show no number of it', async () => {
    const { page, wrong } = await visit('/forecast');
    await page.getByText('Too little is known for a forecast').first().waitFor();
    expect(await page.locator('.band').count()).toBe(0);
    await page.getByRole('region', { name: 'When pools are full' }).locator('tbody tr').first().waitFor();
    await page.getByLabel('What if there were more?').fill('8');
    await page.keyboard.press('Tab');
    await page.waitForURL(/add=8/);
    await page.getByRole('columnheader', { name: 'With +8' }).waitFor();
    await page.getByRole('button', { name: 'Cost', exact: true }).click();
    await page.waitForURL(/measure=cost/);
    await page.getByText('This month so far').waitFor();
    expect(wrong).toEqual([]);
  }, 60_000);
});

describe.skipIf(!chromiumAt)('the pages of money and alerts', () => {
  it('have nothing that axe finds with something in them, light or dark, wide or narrow, in Korean too', async () => {
    await push(fleet.url, kNodes, 8);
    for (const [theme, language, width] of [['light', 'en-US', 1440], ['dark', 'ko-KR', 390]] as const) {
      const { page } = await visit('/cost', { theme, language, width });
      for (const path of ['/cost?window=24h&by=namespace', '/alerting', '/alerting?view=history', '/alerting?view=rules', '/alerting?view=silences', '/alerting?view=actions', '/forecast']) {
        await page.goto(app + path);
        await settled(page);
        await page.evaluate(axe);
        expect(await violations(page), `${path}, ${theme}`).toEqual([]);
        expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth), path).toBeLessThanOrEqual(0);
      }
      await close();
    }
  }, 120_000);
});
