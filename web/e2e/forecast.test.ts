// Forecasts, in a real browser, of a fleet that has five weeks behind it: what is expected and how far off that has been, when pools are
// full, and which hours of the week are.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Capacity, CostForecast, Patterns } from '../src/api/schema';
import { chromiumAt, launch, settled, violations, visits } from './browser';
import { Fleet, until } from './fleet';

const axe = readFileSync(join(process.cwd(), 'node_modules/axe-core/axe.min.js'), 'utf8');
const fleet = new Fleet(join(process.cwd(), '../sim/scenarios/fleet.yaml'));
const team = 'scope=team:vision&measure=cost';
let browser: Browser;
let app: string;
const { visit, close } = visits(() => ({ browser, app }));

beforeAll(async () => {
  if (!chromiumAt) return;
  await fleet.startServer([], { DATABASE_URL: await fleet.makePast() });
  app = `${fleet.url}/k8s-monitor`;
  await fleet.startNode();
  browser = await launch();
  await until('a forecast can be made, and a pool is known', async () =>
    (await fleet.json<CostForecast>('/forecast/cost?scope=team:vision')).state === 'forecast' && (await fleet.json<Capacity>('/forecast/capacity')).total > 0, 60_000);
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await fleet.end();
});

const panelOf = (page: Page, title: string) => page.locator('section', { has: page.getByRole('heading', { name: title, exact: true }) });
const amount = (text: string) => Number(text.replace(/[^\d.]/g, ''));

describe.skipIf(!chromiumAt)('forecasts', () => {
  it('are shown as a band, with the error that they have had beside that of none', async () => {
    const { page, wrong } = await visit(`/forecast?${team}`);
    const panel = panelOf(page, 'Cost');
    await panel.getByRole('img', { name: /^Expected: \$.* within \$.* and \$/ }).waitFor();
    const told = await fleet.json<CostForecast>('/forecast/cost?scope=team:vision');
    const tile = (label: string) => panel.locator('.tile', { hasText: label }).locator('.tile-value').innerText();
    expect(amount(await tile('Off by, on average'))).toBeCloseTo(Number(told.error!.mean), 1);
    expect(amount(await tile('The day before: off by'))).toBeCloseTo(Number(told.error!.sameHourYesterday), 1);
    expect(amount(await tile('The last value: off by'))).toBeCloseTo(Number(told.error!.lastValue), 1);
    await panel.getByText(/the forecast is .* better/).waitFor();
    await panel.getByText('At the end of the month').waitFor();
    await panel.getByText('As a table').click();
    expect(await panel.getByRole('region', { name: 'Expected' }).locator('tbody tr').count()).toBe(told.items.length);
    expect(await panel.getByRole('region', { name: 'Methods' }).locator('tbody tr').count()).toBe(told.methods.length);
    expect(wrong).toEqual([]);
  }, 60_000);

  it('are of whom, of what and as far as one picks, as the address says', async () => {
    const { page, wrong } = await visit('/forecast');
    await page.getByRole('button', { name: 'Cost', exact: true }).click();
    await page.waitForURL(/measure=cost/);
    await page.getByLabel('Of whom').selectOption('team:chat');
    await page.waitForURL(/scope=team(:|%3A)chat/);
    await page.getByLabel('Ahead').selectOption('7d');
    await page.waitForURL(/horizon=7d/);
    const panel = panelOf(page, 'Cost');
    await panel.getByText('As a table').click();
    await expect.poll(() => panel.getByRole('region', { name: 'Expected' }).locator('tbody tr').count()).toBe(168);
    expect(wrong).toEqual([]);
  }, 60_000);

  it('say when pools are full, and what more would change', async () => {
    const { page, wrong } = await visit('/forecast');
    const pools = (await fleet.json<Capacity>('/forecast/capacity?add=2')).items;
    const rows = page.getByRole('region', { name: 'When pools are full' }).locator('tbody tr');
    await expect.poll(() => rows.count()).toBe(pools.length);
    await page.getByLabel('What if there were more?').fill('2');
    await page.keyboard.press('Tab');
    await page.getByRole('columnheader', { name: 'With +2' }).waitFor();
    for (const one of pools) expect(await rows.filter({ hasText: one.model }).count()).toBe(1);
    expect(wrong).toEqual([]);
  }, 60_000);

  it('come with the hours of the week that are full', async () => {
    const { page, wrong } = await visit(`/forecast?${team}`);
    const panel = panelOf(page, 'Hours of the week');
    await panel.locator('table.week td[class^=heat-]').first().waitFor();
    expect(await panel.locator('table.week td[class^=heat-]').count()).toBe(7 * 24);
    const told = await fleet.json<Patterns>('/forecast/patterns?scope=team:vision&measure=cost&timezone=UTC');
    const fullest = `${String((told.busiest as { hour: number }).hour).padStart(2, '0')}:00`;
    await panel.getByText(new RegExp(`Fullest: \\w+ ${fullest}, \\$`)).waitFor();
    await panel.getByText('Hours of the day').first().click();
    await expect.poll(() => panel.getByRole('region', { name: 'Hours of the day' }).locator('tbody tr').count()).toBe(24);
    expect(wrong).toEqual([]);
  }, 60_000);

  it('have nothing that axe finds, light or dark, wide or narrow, in Korean too', async () => {
    for (const [theme, language, width] of [['light', 'en-US', 1440], ['dark', 'ko-KR', 360], ['light', 'ko-KR', 3840]] as const) {
      const { page } = await visit('/forecast', { theme, language, width });
      for (const path of [`/forecast?${team}&add=2`]) {
        await page.goto(app + path);
        await settled(page);
        await page.getByRole('img', { name: language === 'ko-KR' ? /^예상: / : /^Expected: / }).waitFor();
        await page.evaluate(axe);
        expect(await violations(page), `${path}, ${theme}`).toEqual([]);
        expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth), `${path}, ${width}`).toBeLessThanOrEqual(0);
      }
      if (language === 'ko-KR') await panelOf(page, '요일과 시간별 패턴').getByText(/가장 바쁜 때: /).waitFor();
      await close();
    }
  }, 300_000);
});
