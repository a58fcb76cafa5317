// Signing in at an issuer: out of the dashboard and back.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { chromiumAt, launch, open, violations } from './browser';
import { Fleet, until } from './fleet';
import { Issuer } from './issuer';
import { push } from '../tools/fleet.mjs';

const kLeeway = 60; // seconds after its end in which the server still takes a token

const fleet = new Fleet(join(process.cwd(), '../sim/scenarios/default.yaml'));
const issuer = new Issuer();
let browser: Browser;
let close = async () => {};

beforeAll(async () => {
  if (!chromiumAt) return;
  await issuer.start();
  await fleet.startServer();
  await push(fleet.url, 2, 4);
  await until('the fleet is told', async () => (await fleet.json<{ total: number }>('/gpu/nodes')).total === 2);
  await fleet.stopServer();
  await fleet.startServerWith(`server.access.oidc:
  issuer: ${issuer.url}
  client-id: dashboard
  roles: [{group: gpu-admins, scopes: [admin]}]`);
  await until('the issuer is known', async () => (await fleet.json<{ offered: boolean }>('/access/oidc')).offered);
  browser = await launch();
});
afterEach(async () => {
  await close();
  close = async () => {};
  Object.assign(issuer, { lifetime: 600, error: null, state: null });
});
afterAll(async () => {
  await browser?.close();
  await fleet.end();
  await issuer.end();
});

/** At a page of the dashboard, with the dialog open. */
async function visit(path = '/pods?namespace=ml'): Promise<{ page: Page; policy: () => string[] }> {
  const { context, page, wrong } = await open(browser);
  close = () => context.close();
  await page.goto(`${fleet.url}/k8s-monitor${path}`);
  await page.getByRole('dialog', { name: 'Sign in' }).waitFor();
  return { page, policy: () => wrong.filter((one) => /content.security.policy/i.test(one) || one.startsWith('asked elsewhere')) };
}
const button = (page: Page) => page.getByRole('dialog').getByRole('button', { name: `Sign in with ${new URL(issuer.url).host}` });

describe.skipIf(!chromiumAt)('a server with an issuer', () => {
  it('signs in, shows the fleet where the reader was, and forgets when he signs out', async () => {
    const { page, policy } = await visit();
    await button(page).click();
    await page.locator('tbody a').first().waitFor();
    expect(page.url()).toBe(`${fleet.url}/k8s-monitor/pods?namespace=ml`);
    expect(await page.getByRole('dialog').count()).toBe(0);
    expect(await page.evaluate(() => [document.cookie, localStorage.getItem('tessera.key'), sessionStorage.getItem('tessera.begun')])).toEqual(['', null, null]);
    await page.reload();
    await page.locator('tbody a').first().waitFor();
    await page.locator('summary[aria-label="View settings"]').click();
    await page.getByText(/^Signed in until /).waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('dialog', { name: 'Sign in' }).waitFor();
    expect(await page.evaluate(() => Object.keys(sessionStorage))).toEqual([]);
    expect(policy()).toEqual([]);
  });

  it('asks in a dialog in which axe finds nothing, light or dark', async () => {
    const { page } = await visit();
    await page.evaluate(readFileSync(join(process.cwd(), 'node_modules/axe-core/axe.min.js'), 'utf8'));
    await button(page).waitFor();
    for (const theme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme: theme });
      await page.waitForFunction((shown) => document.documentElement.dataset['theme'] === shown, theme);
      expect(await violations(page), theme).toEqual([]);
    }
  });

  it('asks again when the token has expired, and keeps what is shown', { timeout: 90_000 }, async () => {
    issuer.lifetime = 12 - kLeeway;
    const { page, policy } = await visit('/');
    await button(page).click();
    await page.locator('.tile.lead').waitFor();
    const dialog = page.getByRole('dialog', { name: 'Sign in' });
    await dialog.getByText('Your sign-in has expired.').waitFor({ timeout: 45_000 }); // 12 s, and then with what is asked next
    expect(await page.locator('.tile.lead').count()).toBe(1);
    await page.keyboard.press('Escape');
    await page.getByRole('alert').getByRole('button', { name: 'Sign in' }).waitFor();
    expect(await page.locator('.tile.lead').count()).toBe(1);
    issuer.lifetime = 600;
    await page.getByRole('alert').getByRole('button', { name: 'Sign in' }).click();
    await button(page).click();
    await page.locator('.tile.lead').waitFor();
    expect(await page.getByText('Your sign-in has expired.').count()).toBe(0);
    expect(policy()).toEqual([]);
  });

  it('takes no code that it has not asked for', async () => {
    issuer.state = 'of-somebody-else';
    const { page, policy } = await visit();
    await button(page).click();
    await page.getByRole('dialog').getByText('was not begun in this tab').waitFor();
    expect(page.url()).toBe(`${fleet.url}/k8s-monitor/pods?namespace=ml`);
    await page.goto(`${fleet.url}/k8s-monitor/signin?code=x&state=y`);
    await page.getByRole('dialog').getByText('was not begun in this tab').waitFor();
    expect(page.url()).toBe(`${fleet.url}/k8s-monitor/`);
    expect(await page.evaluate(() => sessionStorage.getItem('tessera.key'))).toBeNull();
    expect(policy()).toEqual([]);
  });

  it('says that the issuer said no', async () => {
    issuer.error = 'access_denied';
    const { page } = await visit();
    await button(page).click();
    await page.getByRole('dialog').getByText('did not let you in').waitFor();
    issuer.error = null;
    await button(page).click();
    await page.locator('tbody a').first().waitFor();
  });
});
