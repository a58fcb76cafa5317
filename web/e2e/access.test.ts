// Who is asked for a key, and what he sees who may not see all.
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NewKey } from '../src/api/schema';
import { chromiumAt, launch, open } from './browser';
import { Fleet, until } from './fleet';
import { push } from '../tools/fleet.mjs';

const fleet = new Fleet(join(process.cwd(), '../sim/scenarios/default.yaml'));
let browser: Browser;
let admin = '';
let tenant = '';

async function makeKey(wish: object, by = ''): Promise<string> {
  const reply = await fetch(`${fleet.url}/k8s-monitor/api/v1/access/keys`, {
    method: 'POST', body: JSON.stringify(wish), headers: { 'Content-Type': 'application/json', ...(by ? { Authorization: `Bearer ${by}` } : {}) },
  });
  return ((await reply.json()) as NewKey).secret!;
}

beforeAll(async () => {
  if (!chromiumAt) return;
  await fleet.startServer();
  await push(fleet.url, 2, 4);
  await until('the fleet is told', async () => (await fleet.json<{ total: number }>('/gpu/nodes')).total === 2);
  admin = await makeKey({ name: 'admin', scopes: ['admin'] });
  tenant = await makeKey({ name: 'team', scopes: ['read'], namespaces: ['ml'] }, admin);
  browser = await launch();
});
afterAll(async () => {
  await browser?.close();
  await fleet.end();
});

async function signedIn(key: string) {
  const { context, page, wrong } = await open(browser);
  await page.goto(`${fleet.url}/k8s-monitor`);
  const dialog = page.getByRole('dialog', { name: 'Sign in' });
  await dialog.waitFor();
  await page.getByLabel('API key or token').fill(key);
  await dialog.getByRole('button', { name: 'Sign in' }).click();
  return { context, page, wrong, dialog };
}

describe.skipIf(!chromiumAt)('a server that asks for keys', () => {
  it('shows the way in, and says why a wrong key is none', async () => {
    const { context, page, dialog } = await signedIn('tsk_wrong');
    await dialog.getByRole('alert').waitFor();
    await page.getByLabel('API key or token').fill(admin);
    await dialog.getByRole('button', { name: 'Sign in' }).click();
    await page.locator('.tile.lead').waitFor();
    await page.reload();
    await page.locator('.tile.lead').waitFor();
    expect(await dialog.count()).toBe(0);
    await context.close();
  });

  it('tells a restricted reader what is not for him, with the request id', async () => {
    const { context, page } = await signedIn(tenant);
    await page.locator('.tile.lead').waitFor();
    await page.goto(`${fleet.url}/k8s-monitor/settings`);
    await page.getByText('Not for this key').first().waitFor();
    expect(await page.locator('.notice code').first().innerText()).toMatch(/^[\w.-]+$/);
    await context.close();
  });

  it('lets a reader look at allocations, and says what asking needs', async () => {
    const { context, page, wrong } = await signedIn(tenant);
    await page.locator('.tile.lead').waitFor();
    wrong.length = 0;
    await page.goto(`${fleet.url}/k8s-monitor/allocations`);
    await page.getByText('a key needs the scope operate').waitFor();
    expect(await page.getByRole('link', { name: 'Allocate' }).count()).toBe(0);
    await page.goto(`${fleet.url}/k8s-monitor/allocations/new`);
    await page.getByText('Not for this key').waitFor();
    expect(await page.getByRole('button', { name: 'Allocate' }).count()).toBe(0);
    expect(wrong).toEqual([]);
    await context.close();
  });

  it('makes a key that works and takes it back', async () => {
    const { context, page, wrong } = await signedIn(admin);
    await page.locator('.tile.lead').waitFor();
    wrong.length = 0;
    await page.goto(`${fleet.url}/k8s-monitor/settings?tab=keys`);
    await page.getByRole('button', { name: 'Make a key' }).click();
    await page.getByRole('dialog').getByLabel('Name', { exact: true }).fill('grafana');
    await page.getByRole('dialog').getByRole('button', { name: 'Make a key' }).click();
    const secret = await page.locator('.secret').innerText();
    const who = await fetch(`${fleet.url}/k8s-monitor/api/v1/access/whoami`, { headers: { Authorization: `Bearer ${secret}` } });
    expect(who.status).toBe(200);
    await page.getByRole('dialog').getByRole('button', { name: 'Close' }).last().click();
    const row = page.locator('tr', { hasText: 'grafana' });
    await row.getByRole('button', { name: 'Revoke' }).click();
    await row.getByRole('button', { name: 'Revoke for good' }).click();
    await row.getByText('revoked').waitFor();
    await page.goto(`${fleet.url}/k8s-monitor/settings?tab=audit`);
    await page.getByText('key.revoke').first().waitFor();
    expect(wrong).toEqual([]);
    await context.close();
  });
});
