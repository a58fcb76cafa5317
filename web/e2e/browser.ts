// A browser that fails a test for whatever the console says of errors: exceptions, refused requests, the content policy.
import { chmodSync, existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { afterEach } from 'vitest';

const places = [process.env['TESSERA_CHROMIUM'], '/usr/bin/chromium'];
export const chromiumAt = places.find((one) => one && existsSync(one));
if (!chromiumAt) console.log('SKIPPED: no chromium: apt-get install chromium, or name one in TESSERA_CHROMIUM');

export async function launch(): Promise<Browser> {
  if (!chromiumAt) throw new Error('no chromium: apt-get install chromium, or name one in TESSERA_CHROMIUM');
  const args = ['--no-sandbox', '--disable-gpu', '--font-render-hinting=none']; // containers have no namespaces to give
  if (process.getuid?.() !== 0) return chromium.launch({ executablePath: chromiumAt, args });
  const downloadsPath = mkdtempSync(join(tmpdir(), 'tessera-downloads-'));
  chmodSync(downloadsPath, 0o777);
  const env = { ...process.env, TESSERA_BROWSER: chromiumAt } as Record<string, string>;
  return chromium.launch({ executablePath: join(process.cwd(), 'e2e/as_nobody.sh'), args, downloadsPath, env });
}

export interface Look {
  theme?: 'light' | 'dark';
  width?: number;
  height?: number;
  language?: string;
  /** Whether the reader's system asks for less motion: it does, for pictures that are the same each time. */
  moves?: boolean;
  zone?: string;
}

export async function open(browser: Browser, look: Look = {}): Promise<Tab> {
  const context = await browser.newContext({
    viewport: { width: look.width ?? 1440, height: look.height ?? 900 }, colorScheme: look.theme ?? 'light',
    locale: look.language ?? 'en-US', timezoneId: look.zone ?? 'UTC', reducedMotion: look.moves ? 'no-preference' : 'reduce', acceptDownloads: true,
  });
  context.setDefaultTimeout(15_000);
  const page = await context.newPage();
  const wrong: string[] = [];
  page.on('pageerror', (error) => wrong.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') wrong.push(message.text());
  });
  page.on('request', (request) => {
    const url = request.url();
    if (url.startsWith('http') && new URL(url).hostname !== '127.0.0.1') wrong.push(`asked elsewhere: ${url}`);
  });
  return { context, page, wrong };
}

export interface Tab {
  context: BrowserContext;
  page: Page;
  wrong: string[];
}

/** How the tests of a file open pages of the dashboard; what one has opened is closed behind it. */
export function visits(of: () => { browser: Browser; app: string }) {
  let opened: BrowserContext[] = [];
  const close = async () => {
    for (const one of opened) await one.close();
    opened = [];
  };
  /** With nothing in it yet. */
  const tab = async (look: Look = {}): Promise<Tab> => {
    const next = await open(of().browser, look);
    opened.push(next.context);
    return next;
  };
  const visit = async (path: string, look: Look = {}): Promise<Tab> => {
    const next = await tab(look);
    await next.page.goto(of().app + path);
    await next.page.locator('h1').waitFor();
    return next;
  };
  afterEach(close);
  return { visit, tab, close };
}

export async function settled(page: Page): Promise<void> {
  await page.locator('h1').waitFor();
  await page.waitForFunction(() => document.querySelectorAll('.skeleton').length === 0);
}

/** What axe finds, in few words. */
export async function violations(page: Page): Promise<string[]> {
  return page.evaluate(async () => {
    const { axe } = window as unknown as { axe: { run: (options: object) => Promise<{ violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] }> } };
    const result = await axe.run({ resultTypes: ['violations'] });
    return result.violations.map((one) => `${one.id}: ${one.nodes.slice(0, 2).map((node) => `${node.html.slice(0, 160)} ${node.failureSummary}`).join(' | ')}`);
  });
}
