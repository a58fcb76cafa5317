import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ask, asksForKey } from '../api/client';
import type { SignInOffer } from '../api/schema';
import { language } from '../i18n';
import { begin, challengeOf, comeBack, lastFailure } from './issuer';
import { credential, expired, signIn, signInByToken, signOut, tokenUntil } from './settings';
import { followLinks } from './url';

const offer: SignInOffer = {
  offered: true, issuer: 'https://login.example/r', authorizationEndpoint: 'https://login.example/r/auth?tenant=a', clientId: 'web',
  scopes: 'openid groups', redirectUri: null,
};
const page = `${window.location.origin}/k8s-monitor/signin`;
const at = (address: string) => {
  window.history.replaceState(null, '', address);
  followLinks();
};
const here = () => window.location.pathname + window.location.search;
/** What the server says to the code. */
const server = (status: number, body: object) => {
  const fetched = vi.fn(async (_: string, __: RequestInit) => new Response(JSON.stringify(body), { status }));
  vi.stubGlobal('fetch', fetched);
  return fetched;
};

beforeEach(() => {
  language.value = 'en';
  at('/k8s-monitor/pods?namespace=ml');
});
afterEach(() => {
  vi.unstubAllGlobals();
  signOut();
  sessionStorage.clear();
  asksForKey.value = false;
});

describe('leaving for the issuer', () => {
  it('makes the challenge of RFC 7636, appendix B', async () => {
    expect(await challengeOf('dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk')).toBe('E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM');
  });
  it('asks for a code with state, nonce and challenge, anew each time', async () => {
    const [first, second] = [await begin(offer), await begin(offer)];
    expect(first.origin + first.pathname).toBe('https://login.example/r/auth');
    expect(Object.fromEntries(first.searchParams)).toMatchObject({
      tenant: 'a', response_type: 'code', client_id: 'web', redirect_uri: page, scope: 'openid groups', code_challenge_method: 'S256',
    });
    for (const name of ['state', 'nonce', 'code_challenge']) {
      expect(first.searchParams.get(name)).toMatch(/^[\w-]{43}$/);
      expect(second.searchParams.get(name)).not.toBe(first.searchParams.get(name));
    }
    expect(second.search).not.toContain((JSON.parse(sessionStorage.getItem('tessera.begun')!) as { verifier: string }).verifier);
  });
  it('does not leave from where the issuer will not lead back to', async () => {
    await expect(begin({ ...offer, redirectUri: 'https://gpu.example/k8s-monitor/signin' })).rejects.toThrow('open the dashboard at https://gpu.example/k8s-monitor');
    expect(sessionStorage.getItem('tessera.begun')).toBeNull();
  });
  it('says what the browser cannot do', async () => {
    vi.stubGlobal('crypto', {});
    await expect(begin(offer)).rejects.toThrow('https');
  });
});

describe('coming back', () => {
  const signedIn = { token: 'e.y.J', expires: '2026-07-31T10:00:00.000Z' };
  const back = async (query: Record<string, string>, state?: string) => {
    const url = await begin(offer);
    at(`/k8s-monitor/signin?${new URLSearchParams({ state: state ?? url.searchParams.get('state')!, ...query })}`);
    await comeBack();
    return url;
  };

  it('sends the code with its verifier to the server, and goes where the reader was', async () => {
    const fetched = server(200, signedIn);
    const url = await back({ code: 'c-1' });
    const [address, init] = fetched.mock.calls[0]!;
    expect(address).toBe('/k8s-monitor/api/v1/access/oidc/token');
    const sent = JSON.parse(init.body as string) as Record<string, string>;
    expect(sent).toMatchObject({ code: 'c-1', redirectUri: page, nonce: url.searchParams.get('nonce') });
    expect(await challengeOf(sent['codeVerifier']!)).toBe(url.searchParams.get('code_challenge'));
    expect(here()).toBe('/k8s-monitor/pods?namespace=ml');
    expect([credential.value, tokenUntil.value, asksForKey.value]).toEqual(['e.y.J', signedIn.expires, false]);
    expect(sessionStorage.getItem('tessera.key')).toBe('e.y.J');
    expect(localStorage.getItem('tessera.key')).toBeNull();
    expect(sessionStorage.getItem('tessera.begun')).toBeNull();
    signOut();
    expect([sessionStorage.getItem('tessera.key'), sessionStorage.getItem('tessera.until')]).toEqual([null, null]);
  });
  it.each([
    ['no', { error: 'access_denied' }, undefined, 'did not let you in'],
    ['another error', { error: 'server_error', error_description: 'database down' }, undefined, 'database down'],
    ['nothing', {}, undefined, 'did not work'],
    ['the state of another', { code: 'c' }, 'x', 'not begun in this tab'],
    ['an error with the state of another', { error: 'access_denied' }, 'x', 'not begun in this tab'],
  ])('says in words that the issuer said %s', async (_, query, state, words) => {
    const fetched = server(200, signedIn);
    await back(query, state);
    expect(lastFailure()).toContain(words);
    expect(fetched).not.toHaveBeenCalled();
    expect([credential.value, asksForKey.value, here()]).toEqual([null, true, '/k8s-monitor/pods?namespace=ml']);
  });
  it.each([[400, 'the issuer said invalid_grant', 'did not work. the issuer said invalid_grant'], [403, 'none of the 2 groups', 'you have no role here. none of the 2 groups']])(
    'says what the server said with %i', async (status, detail, words) => {
      server(status, { type: 'x', title: 'T', status, detail, requestId: 'r' });
      await back({ code: 'c' });
      expect(lastFailure()).toContain(words);
      expect([credential.value, asksForKey.value]).toEqual([null, true]);
    });
  it('comes back once', async () => {
    server(200, signedIn);
    const url = await back({ code: 'c' });
    signOut();
    at(`/k8s-monitor/signin?code=c&state=${url.searchParams.get('state')}`);
    await comeBack();
    expect(lastFailure()).toContain('not begun in this tab');
    expect([credential.value, here()]).toEqual([null, '/k8s-monitor/']);
  });
});

describe('a token that is good no more', () => {
  it('is dropped with the first refusal, which asks for another, once', async () => {
    server(401, { type: 'x', title: 'T', status: 401, detail: 'the token has expired', requestId: 'r' });
    signInByToken('e.y.J', '2026-07-31T10:00:00.000Z');
    await ask('/x').catch(() => {});
    expect([credential.value, expired.value, asksForKey.value, sessionStorage.getItem('tessera.key')]).toEqual([null, true, true, null]);
    asksForKey.value = false;
    await ask('/x').catch(() => {});
    expect(asksForKey.value).toBe(false);
    signIn('tsk_1', false);
    expect(expired.value).toBe(false);
    await ask('/x').catch(() => {});
    expect([credential.value, expired.value, asksForKey.value]).toEqual(['tsk_1', false, true]);
  });
  it('is not the one that came after it', async () => {
    const fetched = server(401, {});
    signInByToken('old', '2026-07-31T10:00:00.000Z');
    const late = ask('/x').catch(() => {});
    signInByToken('new', '2026-07-31T11:00:00.000Z');
    await late;
    expect(fetched).toHaveBeenCalledOnce();
    expect([credential.value, expired.value]).toEqual(['new', false]);
  });
});
