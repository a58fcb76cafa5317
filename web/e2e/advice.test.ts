// Advice, in a real browser: two boards are sick, which takes no day to see; what is said of them is copied, answered and answered anew. Then of
// workloads, in a fleet that has two weeks behind it in which some of it was wasted.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Advice, AdviceList, AlertList } from '../src/api/schema';
import { push, pushSick } from '../tools/fleet.mjs';
import { chromiumAt, launch, settled, violations, visits } from './browser';
import { Fleet, until } from './fleet';

const axe = readFileSync(join(process.cwd(), 'node_modules/axe-core/axe.min.js'), 'utf8');
const fleet = new Fleet(join(process.cwd(), '../sim/scenarios/default.yaml'));
const kSick = 2;
let browser: Browser;
let app: string;
const { visit, close } = visits(() => ({ browser, app }));

const said = async () => (await fleet.json<AdviceList>('/advice?kind=hardware')).items;
const about = (gpu: number) => `gpu-101-GPU-0${gpu}`;
let pushing: ReturnType<typeof setInterval> | undefined;
/** Advice waits for the second look at the fleet, and it is looked at every two intervals. */
const kOften = 'gpu.management.metrics.collection-interval: 5s';

beforeAll(async () => {
  if (!chromiumAt) return;
  await fleet.startServerWith(kOften);
  app = `${fleet.url}/k8s-monitor`;
  await fleet.pushOthers(2, 8);
  await pushSick(fleet.url, kSick);
  pushing = setInterval(() => pushSick(fleet.url, kSick).catch(() => {}), 4_000);
  browser = await launch();
  await until('the boards are known to be sick', async () => {
    await push(fleet.url, 2, 8);
    return (await fleet.json<AlertList>('/alerts?state=firing&alert=GPURowRemapFailed')).total === kSick;
  }, 300_000);
  await fleet.stopServer();
  await fleet.startServerWith(kOften); // advice is given when a server begins, and then once an hour
  await until('advice is given', async () => (await said()).length === kSick, 180_000);
}, 360_000);
afterAll(async () => {
  clearInterval(pushing);
  await browser?.close();
  await fleet.end();
});

const itemOf = (page: Page, gpu: number) => page.locator('.advices > li', { hasText: about(gpu) });

async function answer(page: Page, item: Locator, verb: string, fill: (dialog: Locator) => Promise<unknown> = async () => {}): Promise<void> {
  await item.getByRole('button', { name: verb }).click();
  const dialog = page.getByRole('dialog', { name: verb });
  await fill(dialog);
  await dialog.getByRole('button', { name: verb }).click();
  await dialog.waitFor({ state: 'detached' });
}

describe.skipIf(!chromiumAt)('advice', () => {
  it('says what, of whom, how sure and for how much, and what to do word for word', async () => {
    const one = (await said()).find((other) => other.sentence.includes(about(0))) as Advice;
    const { context, page, wrong } = await visit('/advising');
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    const item = itemOf(page, 0);
    await item.getByText(one.sentence).waitFor();
    expect(await item.innerText()).toContain('high confidence');
    await item.getByText('What to do, and how to undo it').click();
    await item.getByText('What runs there has to move').waitFor();
    expect(await item.locator('pre').allInnerTexts()).toEqual([one.change.text, one.undo.text]);
    await item.getByRole('button', { name: 'Copy: The change' }).click();
    await item.getByText('copied').waitFor();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(one.change.text);
    await item.getByRole('link', { name: about(0) }).click();
    await page.waitForURL(/\/inventory\/gpu-101\/gpu-101-GPU-00/);
    expect(wrong).toEqual([]);
  }, 60_000);

  it('is counted on the overview, and leads there', async () => {
    const { page, wrong } = await visit('/');
    const tile = page.getByRole('link', { name: /Advice would save/ });
    await tile.getByText(/2 open/).waitFor();
    await tile.click();
    await page.waitForURL(/\/advising/);
    await itemOf(page, 1).waitFor();
    expect(wrong).toEqual([]);
  });

  it('is accepted, and opened again', async () => {
    const { page, wrong } = await visit('/advising');
    await answer(page, itemOf(page, 0), 'Accept', (dialog) => dialog.getByLabel('Note').fill('goes back to its maker'));
    await itemOf(page, 0).waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Accepted (1)' }).click();
    await page.waitForURL(/state=accepted/);
    await itemOf(page, 0).getByText('Note: goes back to its maker').waitFor();
    await itemOf(page, 0).getByText('What it saves is measured from').waitFor(); // by what its board costs
    expect((await said()).map((one) => one.state).sort()).toEqual(['accepted', 'open']);
    await answer(page, itemOf(page, 0), 'Open again');
    await page.getByRole('button', { name: 'Open (2)' }).click();
    await itemOf(page, 0).waitFor();
    expect(wrong).toEqual([]);
  }, 60_000);

  it('is snoozed for so many days, and dismissed for a reason alone', async () => {
    const { page, wrong } = await visit('/advising');
    await answer(page, itemOf(page, 1), 'Snooze', (dialog) => dialog.getByRole('button', { name: '30 days' }).click());
    await page.getByRole('button', { name: 'Snoozed (1)' }).click();
    await itemOf(page, 1).getByText(/Snoozed by .* until/).waitFor();
    const until = ((await said()).find((one) => one.state === 'snoozed')!.answer as { until: string }).until;
    expect(Math.round((Date.parse(until) - Date.now()) / 86_400_000)).toBe(30);

    await itemOf(page, 1).getByRole('button', { name: 'Dismiss' }).click();
    const dialog = page.getByRole('dialog', { name: 'Dismiss' });
    await dialog.getByRole('button', { name: 'Dismiss' }).click();
    await dialog.waitFor(); // without a reason it is not sent
    await dialog.getByLabel('Why not').fill('it is a test bench');
    await dialog.getByRole('button', { name: 'Dismiss' }).click();
    await dialog.waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Dismissed (1)' }).click();
    await itemOf(page, 1).getByText('Because: it is a test bench').waitFor();
    await answer(page, itemOf(page, 1), 'Open again');
    await page.getByText('None here').waitFor();
    expect(wrong).toEqual([]);
  }, 60_000);

  it('is filtered, grouped by kind and taken as a file, as the address says', async () => {
    const { page, wrong } = await visit('/advising?by=kind');
    await page.getByRole('heading', { name: /Throttled or sick/ }).waitFor();
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: 'CSV' }).click();
    expect(readFileSync(await (await download).path(), 'utf8').trim().split('\r\n').length).toBe(1 + kSick);
    await page.getByLabel('Kind').selectOption('idle-held');
    await page.waitForURL(/kind=idle-held/);
    await page.getByText('None here').waitFor();
    expect(wrong).toEqual([]);
  });

  it('has nothing that axe finds, light or dark, wide or narrow, in Korean too', async () => {
    for (const [theme, language, width] of [['light', 'en-US', 1440], ['dark', 'ko-KR', 360], ['light', 'ko-KR', 3840]] as const) {
      const { page } = await visit('/advising', { theme, language, width });
      for (const path of ['/advising', '/advising?by=kind', '/advising?state=accepted', '/']) {
        await page.goto(app + path);
        await settled(page);
        if (await page.locator('.advice-more summary').count()) await page.locator('.advice-more summary').first().click();
        await page.evaluate(axe);
        expect(await violations(page), `${path}, ${theme}`).toEqual([]);
        expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth), `${path}, ${width}`).toBeLessThanOrEqual(0);
      }
      await page.goto(`${app}/advising`);
      await page.locator('.advice-verbs button').nth(1).click();
      await page.getByRole('dialog').waitFor();
      await page.evaluate(axe);
      expect(await violations(page), `the dialog, ${theme}`).toEqual([]);
      await close();
    }
  }, 300_000);
});

describe.skipIf(!chromiumAt)('advice on workloads', () => {
  const planted = new Fleet(join(process.cwd(), '../sim/scenarios/fleet.yaml'));
  const about = (page: Page, pod: string) => page.locator('.advices > li', { hasText: `research/${pod}` });
  const states = async () => Object.fromEntries((await planted.json<AdviceList>('/advice')).items.map((one) => [one.kind, one.state]));

  beforeAll(async () => {
    await planted.startServerWith(kOften, { DATABASE_URL: await planted.makePast() });
    app = `${planted.url}/k8s-monitor`;
    await planted.startNode();
    await until('what is wasted on the node is told', async () => (await planted.json<AdviceList>('/advice')).total === 2, 180_000);
  }, 240_000);
  afterAll(() => planted.end());

  it('says who holds a slice and does nothing, and whom a smaller one would do, and nothing else', async () => {
    const { page, wrong } = await visit('/advising');
    await about(page, 'idle-holder').getByText('Held, and nothing is done there').waitFor();
    await about(page, 'notebook-0').getByText('A smaller slice would do').waitFor();
    expect(await page.locator('.advices > li').count()).toBe(2);
    for (const pod of ['idle-holder', 'notebook-0']) expect(await about(page, pod).locator('.advice-money').innerText()).toContain('$834.29');
    await page.getByText('$1,668.57').first().waitFor(); // of workloads: these can be added
    expect(wrong).toEqual([]);
  }, 60_000);

  it('is accepted, snoozed and dismissed, each where it is looked for then', async () => {
    const { page, wrong } = await visit('/advising');
    await answer(page, about(page, 'idle-holder'), 'Accept', (dialog) => dialog.getByLabel('Note').fill('its owner has left'));
    await page.getByRole('button', { name: 'Accepted (1)' }).click();
    await about(page, 'idle-holder').getByText('Note: its owner has left').waitFor();
    await about(page, 'idle-holder').getByText('What it saves is measured from').waitFor();
    await page.getByRole('button', { name: 'Open (1)' }).click();

    await answer(page, about(page, 'notebook-0'), 'Snooze', (dialog) => dialog.getByRole('button', { name: '7 days' }).click());
    await page.getByRole('button', { name: 'Snoozed (1)' }).click();
    await about(page, 'notebook-0').getByText(/Snoozed by .* until/).waitFor();
    expect(await states()).toEqual({ 'idle-held': 'accepted', 'over-provisioned': 'snoozed' });

    await answer(page, about(page, 'notebook-0'), 'Dismiss', (dialog) => dialog.getByLabel('Why not').fill('a course begins on Monday'));
    await page.getByRole('button', { name: 'Dismissed (1)' }).click();
    await about(page, 'notebook-0').getByText('Because: a course begins on Monday').waitFor();
    expect(await states()).toEqual({ 'idle-held': 'accepted', 'over-provisioned': 'dismissed' });
    await answer(page, about(page, 'notebook-0'), 'Open again');
    await page.getByRole('button', { name: 'Open (1)' }).click();
    await about(page, 'notebook-0').waitFor();
    expect(wrong).toEqual([]);
  }, 60_000);
});
