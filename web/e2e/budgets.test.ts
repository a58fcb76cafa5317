// Budgets, in a real browser: one is made, its threshold is crossed by what the ledger has, it is changed and removed.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AlertList, BudgetList, CostTeams } from '../src/api/schema';
import { push } from '../tools/fleet.mjs';
import { chromiumAt, launch, settled, violations, visits } from './browser';
import { Fleet, until } from './fleet';

const axe = readFileSync(join(process.cwd(), 'node_modules/axe-core/axe.min.js'), 'utf8');
const fleet = new Fleet(join(process.cwd(), '../sim/scenarios/default.yaml'));
const kNodes = 4;
const kPast = 70 * 60_000; // ms: two quarters of an hour are closed for sure
let browser: Browser;
let app: string;
const { visit, close } = visits(() => ({ browser, app }));

beforeAll(async () => {
  if (!chromiumAt) return;
  await fleet.startServerWith(
    `gpu.management.metrics.collection-interval: 10s
gpu.management.cost.owners: [{field: team, namespace: ml, value: vision}, {field: team, namespace: serving, value: chat}]`,
  );
  app = `${fleet.url}/k8s-monitor`;
  const now = Date.now();
  for (let time = now - kPast; time < now; time += 20_000) await push(fleet.url, kNodes, 8, time);
  await fleet.pushOthers(kNodes, 8);
  browser = await launch();
  await until('a part of the past is closed', async () => {
    const told = await fleet.json<CostTeams & { closedUntil: string | null }>('/cost/teams?window=24h');
    return told.closedUntil !== null && Number(told.all) > 0;
  }, 120_000);
}, 180_000);
afterAll(async () => {
  await browser?.close();
  await fleet.end();
});

/** In the first test; the others look at it. */
async function make(page: Page, name: string, amount: string): Promise<void> {
  await page.getByRole('button', { name: 'Add a budget' }).click();
  const dialog = page.getByRole('dialog', { name: 'Add a budget' });
  await dialog.getByLabel('Name', { exact: true }).fill(name);
  await dialog.getByRole('combobox', { name: /^Of/ }).selectOption('team');
  await dialog.getByLabel('Its name').fill('vision');
  await dialog.getByLabel('Period').selectOption('quarter');
  await dialog.getByLabel('Amount', { exact: true }).fill(amount);
  await dialog.getByLabel('Once it is spent').selectOption('warn');
  await page.evaluate(axe);
  expect(await violations(page)).toEqual([]);
  await dialog.getByRole('button', { name: 'Make it' }).click();
  await dialog.waitFor({ state: 'detached' });
}

describe.skipIf(!chromiumAt)('budgets', () => {
  it('are made, cross their threshold, and are shown day by day', async () => {
    const { page, wrong } = await visit('/budgeting');
    await page.getByText('There are no budgets').waitFor();
    await make(page, 'vision in a quarter', '1.00');
    const row = page.locator('tbody tr', { hasText: 'vision in a quarter' });
    await row.getByText('overspent').waitFor({ timeout: 60_000 }); // the server looks at budgets every so often, and the page at the server
    expect(await row.innerText()).toContain('$1.00');
    await row.getByRole('link', { name: 'vision in a quarter' }).click();
    await page.waitForURL(/budget=/);
    const panel = page.locator('section', { has: page.getByRole('heading', { name: 'vision in a quarter' }) });
    await panel.getByRole('img', { name: /of \$1\.00 is left/ }).waitFor();
    await panel.getByText(/crossed .* at \$/).waitFor();
    await panel.getByText('As a table').click();
    await panel.locator('tbody tr').first().waitFor();
    expect(await panel.innerText()).toContain('too little history');
    const told = await fleet.json<BudgetList>('/budgets');
    expect(told.items[0]!.standing!.crossings.map((one) => `${one.percent} ${one.on}`)).toEqual(['80 actual']);
    await until('it is an alert', async () => (await fleet.json<AlertList>('/alerts?state=firing&alert=BudgetThresholdCrossed')).total === 1, 60_000);
    expect(wrong).toEqual([]);
  }, 150_000);

  it('stand on the overview, the fullest of them', async () => {
    const { page, wrong } = await visit('/');
    const tile = page.getByRole('link', { name: /Budget, the fullest/ });
    await tile.getByText(/vision in a quarter: \$.* of \$1\.00/).waitFor();
    await tile.click();
    await page.waitForURL(/\/budgeting/);
    expect(wrong).toEqual([]);
  }, 120_000);

  it('have nothing that axe finds, light or dark, wide or narrow, in Korean too', async () => {
    const id = (await fleet.json<BudgetList>('/budgets')).items[0]!.id;
    for (const [theme, language, width] of [['light', 'en-US', 1440], ['dark', 'ko-KR', 360], ['light', 'ko-KR', 3840]] as const) {
      const { page } = await visit('/budgeting', { theme, language, width });
      for (const path of ['/budgeting', `/budgeting?budget=${id}`]) {
        await page.goto(app + path);
        await settled(page);
        await page.evaluate(axe);
        expect(await violations(page), `${path}, ${theme}`).toEqual([]);
        expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth), `${path}, ${width}`).toBeLessThanOrEqual(0);
      }
      await close();
    }
  }, 120_000);

  it('are changed and removed', async () => {
    const { page, wrong } = await visit('/budgeting');
    const row = page.locator('tbody tr', { hasText: 'vision in a quarter' });
    await row.getByRole('button', { name: 'Change' }).click();
    const dialog = page.getByRole('dialog', { name: 'Change vision in a quarter' });
    await dialog.getByLabel('Amount', { exact: true }).fill('-5');
    await dialog.getByRole('button', { name: 'Change' }).click();
    await dialog.waitFor(); // no number that the form takes
    await dialog.getByLabel('Amount', { exact: true }).fill('1000000');
    await dialog.getByRole('button', { name: 'Change' }).click();
    await dialog.waitFor({ state: 'detached' });
    await row.getByText('within').waitFor();
    await row.getByRole('button', { name: 'Remove' }).click();
    await row.getByRole('button', { name: 'Remove it now' }).click();
    await page.getByText('There are no budgets').waitFor();
    expect(wrong).toEqual([]);
  });
});
