// What people come for, in a real browser against the real server on a simulated fleet.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DeviceDetail, Overview } from '../src/api/schema';
import { chromiumAt, launch, settled, violations, visits } from './browser';
import { Fleet, until } from './fleet';

const axe = readFileSync(join(process.cwd(), 'node_modules/axe-core/axe.min.js'), 'utf8');
const fleet = new Fleet(join(process.cwd(), '../sim/scenarios/default.yaml'));
const mig = 'worker-01-GPU-01';
const kNodes = 6;
let browser: Browser;
let app: string;
const { visit, tab, close } = visits(() => ({ browser, app }));

beforeAll(async () => {
  if (!chromiumAt) return;
  await fleet.startServer();
  app = `${fleet.url}/k8s-monitor`;
  await Promise.all([fleet.startNode(), fleet.pushOthers(kNodes, 8)]);
  browser = await launch();
  await until('the fleet is told', async () => {
    const overview = await fleet.json<Overview>('/gpu/overview');
    return overview.totalGpuDevices === kNodes * 8 + 2 && (await fleet.json<DeviceDetail>(`/gpu/devices/${mig}`)).instances.length === 4;
  });
});
afterAll(async () => {
  await browser?.close();
  await fleet.end();
});

describe.skipIf(!chromiumAt)('journeys', () => {
  it('finds a GPU that is held and idle in three clicks', async () => {
    const { page, wrong } = await visit('/');
    await page.getByRole('link', { name: /Held, idle/ }).click();
    await page.waitForURL(/use=idle/);
    await page.locator('tbody a').first().click();
    await page.locator('.page-facts .s-idle').waitFor();
    expect(await page.locator('.holders a').count()).toBeGreaterThan(0);
    expect(wrong).toEqual([]);
  });

  it('follows a hot GPU to its pod', async () => {
    const { page, wrong } = await visit('/');
    await page.locator('.problems a', { hasText: 'gpu-002-GPU-03' }).click();
    await page.getByText('heat holds its clocks down').first().waitFor();
    await page.locator('.holders a').first().click();
    await page.waitForURL(/\/pods\//);
    await page.getByRole('heading', { name: 'What it holds against what it uses' }).waitFor();
    expect(await page.locator('tbody').first().innerText()).toContain('gpu-002-GPU-03');
    expect(wrong).toEqual([]);
  });

  it('reads a MIG map while it is cut anew', async () => {
    const { page, wrong } = await visit(`/inventory/worker-01/${mig}`);
    await page.locator('.mig-block').nth(3).waitFor();
    const before = await fleet.json<DeviceDetail>(`/gpu/devices/${mig}`);
    const free = before.instances.find((one) => one.use === 'idle')!;
    await fleet.sim('mig', 'destroy', '--gpu', '1', '--gi', String(free.gi));
    await page.locator('.mig-hole', { hasText: 'free' }).waitFor();
    expect(await page.locator('.mig-block').count()).toBe(3);
    expect(await page.locator('.mig-fit').first().innerText()).toContain('1g.10gb');
    await page.locator('.layouts-list li').nth(1).waitFor();
    await fleet.sim('mig', 'create', '--gpu', '1', '--profile', '1g.10gb', '--start', String(free.start));
    await page.locator('.mig-block').nth(3).waitFor();
    expect(wrong).toEqual([]);
  });

  it('searches from the keyboard', async () => {
    const { page, wrong } = await visit('/');
    const field = page.getByRole('combobox', { name: 'Search' });
    await page.keyboard.press('/');
    await field.waitFor();
    await page.keyboard.type('gpu-004');
    await page.locator('[role=option]', { hasText: 'gpu-004-GPU-00' }).waitFor();
    await page.keyboard.press('Escape');
    await field.waitFor({ state: 'detached' });
    await page.keyboard.press('/');
    await field.waitFor();
    await page.keyboard.type('distributed-pretraining');
    await page.locator('[role=option]', { hasText: 'distributed-pretraining' }).waitFor();
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/pods\/.*distributed-pretraining/);
    await page.locator('h1', { hasText: 'distributed-pretraining' }).waitFor();
    await page.keyboard.press('g');
    await page.keyboard.press('s');
    await page.waitForURL(/\/sessions/);
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keys' }).waitFor();
    expect(wrong).toEqual([]);
  });

  it('shows a pod named <script> as text', async () => {
    const { page, wrong } = await visit('/pods?search=%3Cscript');
    const link = page.getByRole('link', { name: '<script>alert(1)</script>' });
    await link.click();
    await page.locator('h1', { hasText: '<script>alert(1)</script>' }).waitFor();
    await page.reload();
    await page.locator('h1', { hasText: '<script>alert(1)</script>' }).waitFor();
    expect(await page.evaluate(() => document.querySelectorAll('#app script').length)).toBe(0);
    expect(wrong).toEqual([]);
  });

  it('would tell if anything ran into the content policy', async () => {
    const { page, wrong } = await visit('/settings');
    await page.evaluate(() => {
      const script = document.createElement('script');
      script.textContent = 'window.ran = true';
      document.head.append(script);
      document.body.setAttribute('style', 'color: red');
    });
    await expect.poll(() => wrong.filter((one) => one.includes('Content Security Policy')).length).toBe(2);
    expect(await page.evaluate(() => 'ran' in window)).toBe(false);
  });

  it('keeps filters, order and range in the address', async () => {
    const { page, wrong } = await visit('/inventory?view=devices&range=6h');
    await page.getByLabel('Use').selectOption('free');
    await page.waitForURL(/use=free/);
    await page.getByRole('button', { name: 'Power' }).click();
    await page.waitForURL(/sort=-powerWatts/);
    const address = page.url();
    await page.locator('tbody a').first().click();
    await page.waitForURL(/range=6h/);
    await page.goBack();
    expect(page.url()).toBe(address);
    expect(await page.locator('th[aria-sort=descending]').innerText()).toContain('Power');
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: 'CSV' }).click();
    const table = readFileSync(await (await download).path(), 'utf8').trim().split('\r\n');
    expect(table[0]).toMatch(/^id,cluster,/);
    expect(table.slice(1).every((row) => row.includes(',free,'))).toBe(true);
    expect(wrong).toEqual([]);
  });

  it('keeps the zone in the address, so that two read the same times', async () => {
    const { page, wrong } = await visit(`/inventory/worker-01/${mig}`, { zone: 'Asia/Seoul' });
    await page.locator('.zone', { hasText: 'UTC+9' }).waitFor();
    await page.locator('summary[aria-label="View settings"]').click();
    await page.getByLabel('Time zone').selectOption('utc');
    await page.waitForURL(/zone=utc/);
    const address = page.url();
    await close();
    const other = await visit(address.slice(app.length), { zone: 'Asia/Seoul' });
    await other.page.locator('.zone', { hasText: /^UTC$/ }).waitFor();
    await other.page.locator('.nav a', { hasText: 'Pods' }).click();
    await other.page.waitForURL(/\/pods\?zone=utc/);
    expect([...wrong, ...other.wrong]).toEqual([]);
  });

  it('reads and zooms a chart from the keyboard', async () => {
    const { page, wrong } = await visit(`/inventory/worker-01/${mig}`);
    const chart = page.locator('figure.chart').first();
    await chart.locator('.plot').focus();
    const read = () => chart.locator('figcaption .num').first().innerText();
    await page.keyboard.press('ArrowLeft');
    await expect.poll(read).toMatch(/^\d{4}-\d\d-\d\d /);
    const last = await read();
    await page.keyboard.press('ArrowLeft');
    await expect.poll(async () => (await read()) < last).toBe(true);
    await page.keyboard.press('+');
    await page.waitForURL(/from=.*to=/);
    const length = () => {
      const asked = new URL(page.url()).searchParams;
      return Date.parse(asked.get('to')!) - Date.parse(asked.get('from')!);
    };
    expect(length()).toBe(1_800_000);
    await chart.locator('.plot').focus();
    await page.keyboard.press('-');
    await expect.poll(length).toBe(3_600_000);
    await page.keyboard.press('0');
    await page.waitForURL((url) => !url.searchParams.has('from'));
    expect(wrong).toEqual([]);
  });

  it('writes what a page holds whole as CSV too', async () => {
    const { page } = await visit('/pods/serving/llm-7b-0');
    const panel = page.locator('section', { has: page.getByRole('heading', { name: 'What it holds against what it uses' }) });
    const download = page.waitForEvent('download');
    await panel.getByRole('button', { name: 'CSV' }).click();
    const table = readFileSync(await (await download).path(), 'utf8').trim().split('\r\n');
    expect(table[0]).toMatch(/^deviceId,/);
    expect(table.length).toBeGreaterThan(1);
  });

  it('moves nothing for a reader who asks for less motion', async () => {
    const slow = async (moves: boolean) => {
      const { context, page } = await tab({ moves });
      await page.route('**/gpu/pods**', () => undefined); // no reply: the place holder stays
      await page.goto(`${app}/pods`);
      await page.locator('.skeleton span').first().waitFor();
      const names = await page.evaluate(() => [...document.querySelectorAll('.skeleton span')].map((one) => getComputedStyle(one).animationName));
      await context.close();
      return names;
    };
    expect(new Set(await slow(false))).toEqual(new Set(['none']));
    expect(new Set(await slow(true))).not.toContain('none');
  });

  it('reaches a GPU of the heat map by arrows', async () => {
    const { page } = await visit('/');
    await page.locator('canvas').focus();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowRight');
    await expect.poll(() => page.locator('#heat-now').innerText()).toContain('-GPU-');
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/inventory\/.+\/.+-GPU-/);
  });

  it('switches language and theme at once, and remembers them', async () => {
    const { page, wrong } = await visit('/');
    await page.locator('summary[aria-label="View settings"]').click();
    await page.getByLabel('Language').selectOption('ko');
    await page.locator('h1', { hasText: '개요' }).waitFor();
    await page.getByLabel('테마').selectOption('dark');
    expect(await page.evaluate(() => document.documentElement.dataset['theme'])).toBe('dark');
    await page.reload();
    await page.locator('h1', { hasText: '개요' }).waitFor();
    expect(await page.evaluate(() => document.documentElement.lang)).toBe('ko');
    expect(wrong).toEqual([]);
  });

  it('follows one stream, and none while it is paused or hidden', async () => {
    const { page } = await tab();
    let streams = 0;
    page.on('request', (one) => one.url().includes('/events') && streams++);
    page.on('requestfailed', (one) => one.url().includes('/events') && streams--);
    await page.goto(app);
    await page.locator('.live.live').waitFor();
    expect(streams).toBe(1);
    await page.keyboard.press('.');
    await page.locator('.live.paused').waitFor();
    await expect.poll(() => streams).toBe(0);
    await page.keyboard.press('.');
    await page.locator('.live.live').waitFor();
    await page.evaluate(() => {
      Object.defineProperty(document, 'visibilityState', { value: 'hidden', configurable: true });
      document.dispatchEvent(new Event('visibilitychange'));
    });
    await expect.poll(() => streams).toBe(0);
  });

  it('tells when the pages\' file does not come, and gets it by another try', async () => {
    const { page } = await tab();
    await page.route('**/usage-*.js', (route) => route.abort());
    await page.goto(app);
    await page.locator('.nav a', { hasText: 'Pods' }).click();
    await page.getByText('The server does not answer').waitFor();
    await page.unroute('**/usage-*.js');
    // News of the fleet may draw the button anew while it is being pressed.
    const again = page.getByRole('button', { name: 'Try again' });
    await expect.poll(async () => {
      if (await again.isVisible()) await again.click({ timeout: 1_000 }).catch(() => undefined);
      return page.locator('h1', { hasText: 'Pods' }).isVisible();
    }, { timeout: 15_000 }).toBe(true);
  });

  it('moves nothing that stands there when data comes', async () => {
    const { page } = await tab();
    await page.addInitScript(() => {
      const shifts: [number, string][] = [];
      Object.assign(window, { shifts });
      new PerformanceObserver((list) => {
        for (const one of list.getEntries() as (PerformanceEntry & { value: number; sources: { node: Element | null }[] })[])
          shifts.push([one.value, one.sources.map((source) => source.node?.className ?? '').join(' ')]);
      }).observe({ type: 'layout-shift', buffered: true });
    });
    for (const path of ['/', '/inventory', `/inventory/worker-01/${mig}`, '/pods', '/serving', '/allocations']) {
      await page.goto(app + path);
      await settled(page);
      const shifts = await page.evaluate(() => (window as unknown as { shifts: [number, string][] }).shifts);
      expect(shifts.reduce((sum, [value]) => sum + value, 0), `${path}: ${JSON.stringify(shifts)}`).toBeLessThan(0.1); // what browsers call good
    }
  }, 60_000);

  it('keeps what it knew while the server is away, and finds it again', async () => {
    const { page } = await visit('/');
    await page.locator('.heat canvas').waitFor();
    const held = await page.locator('.tile').nth(1).innerText();
    await fleet.stopServer();
    await page.locator('.banner').waitFor();
    await page.locator('.live.stale').waitFor();
    expect(await page.locator('.tile').nth(1).innerText()).toBe(held);
    await fleet.startServer();
    await page.locator('.banner').waitFor({ state: 'detached', timeout: 20_000 });
    await page.locator('.live.live').waitFor({ timeout: 20_000 });
  });
});

const pages = ['/', '/?metric=owner', '/inventory', '/inventory?view=devices', '/inventory?view=instances', '/inventory/worker-01', `/inventory/worker-01/${mig}`,
  '/inventory/gpu-004/gpu-004-GPU-05', '/pods', '/pods/serving/llm-7b-0', '/sessions', '/sessions?state=all', '/serving', '/allocations', '/allocations?view=plans&cluster=demo', '/allocations/new?cluster=demo', '/cost', '/cost?window=today&by=namespace', '/alerting', '/alerting?view=history', '/alerting?view=rules', '/alerting?view=silences', '/forecast',
  `/inventory/worker-01/${mig}?edit=1`, '/settings', '/settings?tab=keys',
  '/settings?tab=audit', '/settings?tab=models', '/settings?tab=profiles', '/pods/ml/nowhere', '/inventory/nowhere'];

async function fits(page: Page, path: string): Promise<void> {
  for (const width of [360, 900, 3840]) {
    await page.setViewportSize({ width, height: 900 });
    // Charts take their new width in the frames after.
    await expect
      .poll(() => page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth), { message: `${path} at ${width}`, timeout: 5_000 })
      .toBeLessThanOrEqual(0);
  }
}

describe.skipIf(!chromiumAt)('every page', () => {
  it('has nothing that axe finds, light or dark', async () => {
    const { page, wrong } = await visit('/');
    for (const path of pages) {
      await page.goto(app + path);
      await settled(page);
      await page.evaluate(axe);
      for (const theme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme: theme });
        await page.waitForFunction((shown) => document.documentElement.dataset['theme'] === shown, theme);
        expect(await violations(page), `${path}, ${theme}`).toEqual([]);
      }
    }
    // What has no room, or is not there, is answered so.
    expect(wrong.filter((one) => !/404|409/.test(one))).toEqual([]);
  }, 240_000);

  it.each(['en-US', 'ko-KR'])('fits from 360 pixels to 4K, in %s', async (language) => {
    const { page } = await visit('/', { language });
    for (const path of pages) {
      await page.goto(app + path);
      await settled(page);
      await fits(page, path);
    }
  }, 120_000);

  it('lets the tab key come to every control', async () => {
    const { page } = await visit('/');
    for (const path of ['/', '/inventory?view=devices', `/inventory/worker-01/${mig}`, '/settings?tab=keys', '/allocations/new?cluster=demo', `/inventory/worker-01/${mig}?edit=1`]) {
      await page.goto(app + path);
      await settled(page);
      await page.keyboard.press('.'); // nothing comes and goes meanwhile
      const controls = () => page.evaluate(() => [...document.querySelectorAll<HTMLElement>('a[href], button, input, select, summary, [tabindex]:not([tabindex="-1"])')]
        .filter((one) => one.checkVisibility() && one.id !== 'main' && !one.matches(':disabled') && !('reached' in one.dataset)).map((one) => one.outerHTML.slice(0, 120)));
      const all = (await controls()).length;
      for (let i = 0; i < all + 2; i++) {
        await page.keyboard.press('Tab');
        await page.evaluate(() => ((document.activeElement as HTMLElement).dataset['reached'] = ''));
      }
      expect(all).toBeGreaterThan(10);
      expect(await controls(), path).toEqual([]);
    }
  }, 120_000);

  it('has nothing that axe finds in what opens above it', async () => {
    const { page } = await visit('/');
    await settled(page);
    await page.evaluate(axe);
    const opened: [string, () => Promise<void>][] = [
      ['search', () => page.keyboard.press('/')], ['keys', () => page.keyboard.press('?')],
      ['view', () => page.locator('summary[aria-label="View settings"]').click()], ['range', () => page.locator('summary[title="Time range"]').click()],
    ];
    for (const theme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme: theme });
      for (const [name, show] of opened) {
        await show();
        await page.locator('dialog[open], .menu[open] .menu-inside').waitFor();
        expect(await violations(page), `${name}, ${theme}`).toEqual([]);
        await page.keyboard.press('Escape');
        await page.locator('dialog[open], .menu[open]').waitFor({ state: 'detached' });
      }
    }
  }, 60_000);
});
