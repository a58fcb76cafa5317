import { afterEach, describe, expect, it, vi } from 'vitest';
import { address, ask, asksForKey, Failure, get, getAll, unreachableSince } from './client';
import { credential } from '../frame/settings';

const problem = (status: number, detail: string) =>
  new Response(JSON.stringify({ type: 'urn:tessera:problem:x', title: 'T', status, detail, requestId: 'r1' }), { status });

afterEach(() => {
  vi.unstubAllGlobals();
  credential.value = null;
  asksForKey.value = false;
});

describe('asking', () => {
  it('writes addresses', () => {
    expect(address('/gpu/devices', { use: ['idle', 'free'], sort: '', cluster: null, limit: 5 })).toBe('/k8s-monitor/api/v1/gpu/devices?use=idle%2Cfree&limit=5');
    expect(address('/gpu/devices/{deviceId}', {}, { deviceId: 'a/b?c' })).toBe('/k8s-monitor/api/v1/gpu/devices/a%2Fb%3Fc');
  });
  it('sends the key, and no key where there is none', async () => {
    const fetched = vi.fn(async (_: string, __: RequestInit) => new Response('{}'));
    vi.stubGlobal('fetch', fetched);
    await get('/x');
    credential.value = 'tsk_1';
    await get('/x');
    const sent = fetched.mock.calls.map(([, init]) => (init.headers as Record<string, string>)['Authorization']);
    expect(sent).toEqual([undefined, 'Bearer tsk_1']);
  });
  it('tells problems by their detail and request id', async () => {
    vi.stubGlobal('fetch', async () => problem(404, 'no such device'));
    const failure = await ask('/x').catch((error: unknown) => error as Failure);
    expect(failure).toMatchObject({ status: 404, detail: 'no such device', requestId: 'r1' });
  });
  it('asks for a key after 401, and takes a page that is no problem document', async () => {
    vi.stubGlobal('fetch', async () => new Response('<html>', { status: 401, headers: { 'X-Request-Id': 'p' } }));
    await expect(ask('/x')).rejects.toMatchObject({ status: 401, requestId: 'p' });
    expect(asksForKey.value).toBe(true);
  });
  it('knows a server that is away from one that refuses', async () => {
    vi.stubGlobal('fetch', async () => { throw new TypeError('Failed to fetch'); });
    await expect(ask('/x')).rejects.toMatchObject({ status: 0 });
    expect(unreachableSince.value).not.toBeNull();
    vi.stubGlobal('fetch', async () => new Response('{}'));
    await ask('/x');
    expect(unreachableSince.value).toBeNull();
  });
  it('reads all pages of a list', async () => {
    vi.stubGlobal('fetch', async (url: string) => {
      const cursor = new URL(url, 'http://x').searchParams.get('cursor');
      return new Response(JSON.stringify(cursor ? { items: [3], nextCursor: null, total: 3 } : { items: [1, 2], nextCursor: 'c', total: 3 }));
    });
    expect((await getAll('/gpu/devices', {}, 100)).items).toEqual([1, 2, 3]);
    expect((await getAll('/gpu/devices', {}, 2)).nextCursor).toBe('c');
  });
});
