// Signing in at the issuer: authorization code with PKCE (RFC 7636). This tab keeps what it began with; the server makes
// a token of the code.
import { ask, asksForKey, address, Failure } from '../api/client';
import type { CodeGrant, SignedIn, SignInOffer } from '../api/schema';
import { t, type Word } from '../i18n';
import { begun, signInByToken } from './settings';
import { context, go } from './url';

/** Where the issuer leads back to. */
export const kSignInPage = '/signin';

interface Begun {
  state: string;
  nonce: string;
  verifier: string;
  redirectUri: string;
  /** The address that the reader was at. */
  back: string;
}

/** What went wrong at the last sign-in, for the dialog to say. */
let failed: { word: Word; values: Record<string, string> } | null = null;
export function lastFailure(): string {
  return failed ? t(failed.word, failed.values) : '';
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

export async function challengeOf(verifier: string): Promise<string> {
  return base64url(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier))));
}

/** The address to lead the reader to, or why there is none. */
export async function begin(offer: SignInOffer): Promise<URL> {
  failed = null;
  const here = `${window.location.origin}${context}${kSignInPage}`;
  const redirectUri = offer.redirectUri ?? here;
  if (redirectUri !== here) throw new Error(t('signIn.elsewhere', { url: redirectUri.slice(0, -kSignInPage.length) }));
  // Browsers have it on https and on this machine alone.
  if (!crypto.subtle) throw new Error(t('signIn.needsHttps'));
  const back = window.location.pathname + window.location.search;
  const what: Begun = { state: random(), nonce: random(), verifier: random(), redirectUri, back };
  if (!begun.keep(JSON.stringify(what))) throw new Error(t('signIn.needsStorage'));
  const url = new URL(offer.authorizationEndpoint!);
  const asked = {
    response_type: 'code', client_id: offer.clientId!, redirect_uri: redirectUri, scope: offer.scopes!, state: what.state, nonce: what.nonce,
    code_challenge: await challengeOf(what.verifier), code_challenge_method: 'S256',
  };
  for (const [name, value] of Object.entries(asked)) url.searchParams.set(name, value);
  return url;
}

function read(text: string | null): Begun | null {
  try {
    return text === null ? null : (JSON.parse(text) as Begun);
  } catch {
    return null; // not of this page
  }
}

/** What the issuer has sent the reader back with comes to a token, or to a word on why not. */
async function finish(asked: URLSearchParams, what: Begun | null): Promise<typeof failed> {
  if (!what || asked.get('state') !== what.state) return { word: 'signIn.wrongState', values: {} };
  const error = asked.get('error');
  if (error === 'access_denied') return { word: 'signIn.denied', values: {} };
  const code = asked.get('code');
  if (error || !code) return { word: 'signIn.refused', values: { detail: asked.get('error_description') ?? error ?? '' } };
  const grant: CodeGrant = { code, codeVerifier: what.verifier, redirectUri: what.redirectUri, nonce: what.nonce };
  try {
    const reply = await ask(address('/access/oidc/token'), { method: 'POST', body: JSON.stringify(grant), headers: { 'Content-Type': 'application/json' } });
    const { token, expires } = (await reply.json()) as SignedIn;
    signInByToken(token, expires);
    return null;
  } catch (failure) {
    const { status, detail } = failure as Failure;
    if (status === 0) return { word: 'state.unreachable', values: {} };
    return { word: status === 403 ? 'signIn.noRole' : 'signIn.refused', values: { detail } };
  }
}

/** On the page that the issuer leads back to: takes the code out of the address, signs in, and goes back to where the reader was. */
export async function comeBack(): Promise<void> {
  const asked = new URLSearchParams(window.location.search);
  const what = read(begun.take());
  window.history.replaceState(null, '', context + kSignInPage);
  failed = await finish(asked, what);
  asksForKey.value = failed !== null;
  go(what && !what.back.startsWith(context + kSignInPage) ? what.back : `${context}/`, true);
}
