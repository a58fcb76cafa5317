// A server that has heard of nothing yet: every page says so, and none is blank.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chromiumAt, launch, open, settled, violations } from './browser';
import { Fleet } from './fleet';

const fleet = new Fleet(join(process.cwd(), '../sim/scenarios/default.yaml'));
const axe = readFileSync(join(process.cwd(), 'node_modules/axe-core/axe.min.js'), 'utf8');
let browser: Browser;

beforeAll(async () => {
  if (!chromiumAt) return;
  await fleet.startServer();
  browser = await launch();
});
afterAll(async () => {
  await browser?.close();
  await fleet.end();
});

const says: Record<string, string> = {
  '/': 'No GPU has been heard of', '/inventory': 'Nothing here', '/inventory?view=devices': 'Nothing here', '/pods': 'No pod holds or uses a GPU',
  '/sessions': 'No session', '/allocations': 'Nothing is allocated', '/cost': 'No cost in this window', '/budgeting': 'There are no budgets', '/alerting': 'Nothing fires and nothing is pending', '/alerting?view=silences': 'No silence', '/advising': 'Not observed long enough', '/benchmarking': 'No benchmark', '/benchmarking?view=regressions': 'Too few runs to say anything', '/forecast': 'Too little is known for a forecast', '/serving': 'No serving engine tells of itself', '/settings': 'Nothing here', '/nowhere': 'There is no such page',
};

describe.skipIf(!chromiumAt)('a server without a fleet', () => {
  it('says on each page that there is nothing, or no such page', async () => {
    const { context, page, wrong } = await open(browser);
    for (const [path, text] of Object.entries(says)) {
      await page.goto(`${fleet.url}/k8s-monitor`); // an unknown path is none of the server's
      await page.evaluate(([to]) => { history.pushState(null, '', to!); dispatchEvent(new PopStateEvent('popstate')); }, [`/k8s-monitor${path}`]);
      await page.getByText(text).first().waitFor();
      await settled(page);
      await page.evaluate(axe);
      expect(await violations(page), path).toEqual([]);
    }
    expect(wrong).toEqual([]);
    await context.close();
  }, 120_000);
});
