// Asking for GPUs and cutting them anew, in a real browser, with the agent that carries it out on the simulated driver.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AllocationList, DeviceDetail, Overview } from '../src/api/schema';
import { chromiumAt, launch, settled, violations, visits } from './browser';
import { Fleet, until } from './fleet';

const axe = readFileSync(join(process.cwd(), 'node_modules/axe-core/axe.min.js'), 'utf8');
const fleet = new Fleet(join(process.cwd(), '../tests/e2e_layout/layout.yaml'));
// GPU 0: 1g idle at 0, 1 and 2, and a 3g that is held; GPU 1: two 1g, both held; GPU 2 and 3: whole.
const cut = 'worker-01-GPU-00';
let browser: Browser;
let app: string;
const { visit, close } = visits(() => ({ browser, app }));
const profiles = async (device: string) => (await fleet.json<DeviceDetail>(`/gpu/devices/${device}`)).instances.map((one) => `${one.profile}@${one.start}`).sort();
const refusals = (wrong: string[]) => wrong.filter((one) => !/\b(400|409)\b/.test(one)); // of previews: the console tells of each

beforeAll(async () => {
  if (!chromiumAt) return;
  await fleet.startServerWith('gpu.management.metrics.collection-interval: 5s\ngpu.management.mig: {auto-cleanup: true, cleanup-after: 2s}');
  app = `${fleet.url}/k8s-monitor`;
  await fleet.startNode();
  await fleet.startLayout();
  browser = await launch();
  await until('the fleet is told', async () => (await fleet.json<Overview>('/gpu/overview')).totalGpuDevices === 4 && (await profiles(cut)).length === 4);
}, 90_000);
afterAll(async () => {
  await browser?.close();
  await fleet.end();
});

describe.skipIf(!chromiumAt)('allocations', () => {
  it('are previewed, promised, cut, bound, given back and cleaned up', async () => {
    const { page, wrong } = await visit('/allocations');
    await page.getByText('Nothing is allocated').waitFor();
    await page.getByRole('link', { name: 'Allocate' }).click();
    await page.waitForURL(/allocations\/new/);
    await page.getByRole('button', { name: 'MIG instance' }).click();
    await page.getByLabel('Memory of each GPU').fill('20');
    await page.getByLabel('Compute slices, at least').fill('2');
    await page.locator('.slot.k-comes', { hasText: '2g.20gb' }).waitFor();
    expect(await page.locator('.decision').innerText()).toContain('19,074 MiB');
    await page.getByLabel('Namespace').fill('serving');
    await page.getByLabel('Pod', { exact: true }).fill('llm-2g');
    await page.getByRole('button', { name: 'Allocate' }).click();
    await page.waitForURL(/podName=llm-2g/);
    const row = page.locator('.allocations li', { hasText: 'llm-2g' });
    await row.getByText('promised').waitFor();
    const [one] = (await fleet.json<AllocationList>('/gpu/allocations')).items;
    const part = one!.parts[0]!;
    await until('its agent has cut it', async () => (await profiles(part.deviceId!)).includes(`2g.20gb@${part.start}`), 60_000);
    await row.getByText('being cut').waitFor({ state: 'detached' });

    // The link leads to the map that has it.
    await row.getByRole('link', { name: part.deviceId! }).click();
    await page.locator('.mig-block', { hasText: '2g.20gb' }).first().waitFor();
    await page.goBack();

    const gi = (await fleet.json<DeviceDetail>(`/gpu/devices/${part.deviceId}`)).instances.find((instance) => instance.start === part.start)!.gi;
    await fleet.sim('pod', 'come', 'serving/llm-2g', '--gpu', part.deviceId!.slice(-1), '--gi', String(gi));
    await row.getByText('bound').waitFor(); // by its event, or at the next tick
    await row.getByRole('button', { name: 'Release' }).click();
    await row.getByRole('button', { name: 'Cancel' }).click();
    await row.getByRole('button', { name: 'Release' }).click();
    await row.getByRole('button', { name: 'Take it back' }).click();
    await row.waitFor({ state: 'detached' });
    await page.getByLabel('Past ones too').selectOption('true');
    await row.getByText('released').waitFor();
    expect(await profiles(part.deviceId!)).toContain(`2g.20gb@${part.start}`); // the pod has it still
    await fleet.sim('pod', 'go', 'serving/llm-2g');
    await until('it is cleaned up', async () => !(await profiles(part.deviceId!)).includes(`2g.20gb@${part.start}`), 60_000);
    expect(refusals(wrong)).toEqual([]); // an instance without a size is refused, until one is written
  }, 120_000);

  it('say what is wrong with which field, and why there is no room', async () => {
    const { page, wrong } = await visit('/allocations/new');
    await page.getByText('More conditions').click();
    const lease = page.getByLabel('Kept for a pod');
    await lease.fill('soon');
    await page.getByText('a whole number from 1 to').waitFor();
    expect(await lease.getAttribute('aria-invalid')).toBe('true');
    await lease.fill('');
    await page.getByLabel('Memory of each GPU').fill('20Gi');
    await page.getByText('Near miss').waitFor();
    await page.getByLabel('Memory of each GPU').fill('70');
    await page.getByRole('button', { name: 'Whole GPU' }).first().click();
    await page.getByLabel('GPUs, on one node').fill('4');
    await page.getByRole('heading', { name: 'What fails where' }).waitFor();
    await page.getByLabel('Namespace').fill('ml');
    await page.getByLabel('Pod', { exact: true }).fill('big-0');
    await page.getByRole('button', { name: 'Allocate' }).click();
    await page.getByRole('alert').getByText('none serves it').waitFor();
    await page.getByLabel('Wait where there is no room').check();
    await page.getByRole('button', { name: 'Allocate' }).click();
    await page.waitForURL(/podName=big-0/);
    const row = page.locator('ol.allocations li', { hasText: 'big-0' });
    await row.getByText('waiting').waitFor();
    await row.locator('summary').click();
    await row.getByRole('heading', { name: 'What fails where' }).waitFor();

    // And what would let it in.
    await page.getByRole('button', { name: 'Make room' }).click();
    await page.locator('.plans li', { hasText: 'big-0' }).waitFor();
    await page.getByLabel('More of').selectOption('A100_80GB'); // whole, as they are here: the H100 are cut
    await page.getByLabel('Count').selectOption('4');
    await page.locator('.chips li', { hasText: 'ml/big-0' }).waitFor();
    await page.waitForURL(/add=A100_80GB/);
    await page.getByRole('button', { name: 'Who has what' }).click();
    await row.getByRole('button', { name: 'Release' }).click();
    await row.getByRole('button', { name: 'Take it back' }).click();
    await row.waitFor({ state: 'detached' });
    expect(refusals(wrong)).toEqual([]);
  }, 60_000);

  it('are told apart by owner', async () => {
    const ask = (namespace: string, podName: string, team?: string) => fetch(`${app}/api/v1/gpu/allocations`, {
      method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ namespace, podName, team, requiredMemoryGb: 70, devices: 8, wait: true }),
    });
    for (const [namespace, pod, team] of [['serving', 'a', 'search'], ['ml', 'b', 'search'], ['ml', 'c', undefined]] as const) expect((await ask(namespace, pod, team)).status).toBe(202);
    const { page, wrong } = await visit('/allocations');
    const names = () => page.locator('.branch > summary b').allInnerTexts();
    await expect.poll(names).toEqual(['search', 'ml', 'serving', 'not told', 'ml']);
    await page.getByLabel('Team').fill('search');
    await page.waitForURL(/team=search/);
    await expect.poll(names).toEqual(['search', 'ml', 'serving']);
    for (const one of (await fleet.json<AllocationList>('/gpu/allocations')).items) await fetch(`${app}/api/v1/gpu/allocations/${one.id}`, { method: 'DELETE' });
    await page.getByText('Nothing is allocated').waitFor(); // by its events
    expect(wrong).toEqual([]);
  });
});

describe.skipIf(!chromiumAt)('a device', () => {
  it('is cut anew from the keyboard, where the driver lets it', async () => {
    const { page, wrong } = await visit(`/inventory/worker-01/${cut}`);
    await page.getByRole('button', { name: 'Re-partition' }).click();
    await page.waitForURL(/edit=1/);
    const palette = page.locator('.palette');
    expect(await page.locator('.board .k-held').innerText()).toContain('serving/llm-7b-0');
    expect(await page.locator('.board .k-held button').count()).toBe(0);
    expect(await palette.getByRole('button', { name: /^2g\.20gb/ }).isDisabled()).toBe(true); // 1g at 0, 1, 2 and a 3g from 4
    await page.getByRole('button', { name: 'Remove 1g.10gb at slice 0' }).press('Enter');
    await page.getByRole('button', { name: 'Remove 1g.10gb at slice 1' }).press('Enter');
    await palette.getByRole('button', { name: /^2g\.20gb/ }).press('Enter');
    await page.getByText('1 place for 2g.20gb').waitFor();
    expect(await page.evaluate(() => document.activeElement?.getAttribute('aria-label'))).toBe('2g.20gb: slices 0 to 1');
    await page.keyboard.press('Enter');
    await page.locator('.board .k-comes', { hasText: '2g.20gb' }).waitFor();
    await page.locator('.plan .moves li').nth(2).waitFor();
    expect(await page.locator('.plan .moves li').allInnerTexts()).toEqual(['destroy 1g.10gb@0', 'destroy 1g.10gb@1', 'create 2g.20gb@0']);
    await page.evaluate(axe);
    expect(await violations(page)).toEqual([]);
    await page.getByRole('button', { name: 'Cut it so' }).click();
    const wanted = page.locator('.wanted');
    await wanted.getByText('done').first().waitFor({ timeout: 30_000 });
    await page.locator('.mig-block', { hasText: '2g.20gb' }).waitFor();
    expect(await profiles(cut)).toEqual(['1g.10gb@2', '2g.20gb@0', '3g.40gb@4']);
    await page.evaluate(axe);
    expect(await violations(page)).toEqual([]);
    await wanted.getByRole('button', { name: 'Take the wish back' }).click();
    await wanted.getByRole('button', { name: 'Leave it as it is' }).click();
    await wanted.waitFor({ state: 'detached' });
    expect(wrong).toEqual([]);
  }, 90_000);

  it('takes a profile that is dropped where it may stand, and nowhere else', async () => {
    const { page, wrong } = await visit(`/inventory/worker-01/worker-01-GPU-01?edit=1`);
    const board = page.locator('.board');
    const profile = page.locator('.palette').getByRole('button', { name: /^3g\.40gb/ });
    await settled(page);
    await board.scrollIntoViewIfNeeded();
    const drag = async (slice: number) => {
      const from = (await profile.boundingBox())!;
      const to = (await board.boundingBox())!;
      await page.mouse.move(from.x + from.width / 2, from.y + from.height / 2);
      await page.mouse.down();
      await page.mouse.move(to.x + ((slice + 0.3) * to.width) / 8, to.y + 10, { steps: 5 });
      await page.locator('.target').first().waitFor();
      await page.mouse.move(to.x + ((slice + 0.5) * to.width) / 8, to.y + to.height / 2, { steps: 5 });
      await page.mouse.up();
    };
    await drag(1); // held: a 3g stands at 0 or 4
    await page.locator('.target').first().waitFor({ state: 'detached' });
    expect(await board.locator('.k-comes').count()).toBe(0);
    await drag(5);
    await board.locator('.k-comes', { hasText: '3g.40gb' }).waitFor();
    await page.locator('.plan .moves li', { hasText: 'create 3g.40gb@4' }).waitFor();
    await page.getByRole('button', { name: 'As it stands' }).click();
    await page.locator('.plan').waitFor({ state: 'detached' });
    expect(wrong).toEqual([]);
  }, 60_000);
});

describe.skipIf(!chromiumAt)('the pages of allocations', () => {
  it('have nothing that axe finds with something in them, light or dark, wide or narrow, in Korean too', async () => {
    const waits = await fetch(`${app}/api/v1/gpu/allocations`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ namespace: 'ml', podName: 'big', devices: 8, wait: true }) });
    expect(waits.status).toBe(202);
    for (const [theme, language, width] of [['light', 'en-US', 1440], ['dark', 'ko-KR', 390]] as const) {
      const { page } = await visit('/allocations', { theme, language, width });
      for (const path of ['/allocations', '/allocations?view=plans&add=H100_80GB&more=8', '/allocations/new', `/inventory/worker-01/${cut}?edit=1`]) {
        await page.goto(app + path);
        await settled(page);
        if (path === '/allocations') await page.locator('ol.allocations summary').first().click();
        if (path.endsWith('new')) await page.locator('.decision').waitFor();
        await page.evaluate(axe);
        expect(await violations(page), `${path}, ${theme}`).toEqual([]);
        expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth), path).toBeLessThanOrEqual(0);
      }
      await close();
    }
  }, 120_000);
});
