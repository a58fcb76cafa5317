// What one reader has chosen on this machine: theme, language, zone. Kept in the browser, where it lets us.
import { batch, computed, effect, signal } from '@preact/signals';
import { query, setQuery } from './url';

export type Theme = 'auto' | 'light' | 'dark';
export type Zone = 'local' | 'utc';

function stored(key: string, most: Storage | undefined = kept()): string | null {
  try {
    return most?.getItem(`tessera.${key}`) ?? null;
  } catch {
    return null;
  }
}
function kept(): Storage | undefined {
  try {
    return window.localStorage;
  } catch {
    return undefined; // forbidden by the browser's settings
  }
}
function keep(key: string, value: string | null, where: Storage | undefined = kept()): void {
  try {
    if (value === null) where?.removeItem(`tessera.${key}`);
    else where?.setItem(`tessera.${key}`, value);
  } catch {
    // full or forbidden: it holds for this page then
  }
}

function oneOf<T extends string>(value: string | null, all: readonly T[], otherwise: T): T {
  return all.includes(value as T) ? (value as T) : otherwise;
}

export const theme = signal<Theme>(oneOf(stored('theme'), ['auto', 'light', 'dark'], 'auto'));
const ownZone = signal<Zone>(oneOf(stored('zone'), ['local', 'utc'], 'local'));
/** A link says UTC, so that two who look at it read the same times; local times differ between two anyway. */
export const zone = computed<Zone>(() => oneOf(query.value.get('zone'), ['local', 'utc'], ownZone.value));
export function chooseZone(next: Zone): void {
  ownZone.value = next;
  setQuery({ zone: next === 'utc' ? next : null });
}
const dark = window.matchMedia?.('(prefers-color-scheme: dark)');
const systemIsDark = signal(dark?.matches ?? false);
dark?.addEventListener?.('change', (event) => (systemIsDark.value = event.matches));

/** What is shown now: charts and canvases draw anew when it changes. */
export const shownTheme = signal<'light' | 'dark'>('light');

export function applySettings(): void {
  if (zone.value === 'utc') setQuery({ zone: 'utc' });
  effect(() => {
    shownTheme.value = theme.value === 'auto' ? (systemIsDark.value ? 'dark' : 'light') : theme.value;
    document.documentElement.dataset['theme'] = shownTheme.value;
    keep('theme', theme.value);
  });
  effect(() => keep('zone', ownZone.value));
}

export const language = { read: () => stored('language'), keep: (value: string) => keep('language', value) };

function session(): Storage | undefined {
  try {
    return window.sessionStorage;
  } catch {
    return undefined;
  }
}

/** The API key: in this tab until it is closed, or on this machine where the reader asked for that. Or the issuer's token: in this tab. */
export const credential = signal<string | null>(stored('key', session()) ?? stored('key'));
/** Until when the issuer's token is good, as the server said; null for an API key. */
export const tokenUntil = signal<string | null>(stored('until', session()));
/** The issuer's token was good and is no more. What it has shown stays. */
export const expired = signal(false);

function become(key: string | null, until: string | null, where?: Storage): void {
  keep('key', null);
  keep('key', null, session());
  if (key !== null) keep('key', key, where);
  keep('until', until, session());
  batch(() => {
    credential.value = key;
    tokenUntil.value = until;
    expired.value = false;
  });
}
export const signIn = (key: string, remember: boolean): void => become(key, null, remember ? kept() : session());
export const signInByToken = (token: string, until: string): void => become(token, until, session());
export const signOut = (): void => become(null, null);
/** The server takes the issuer's token no more: asked with it again and again, it would take the reader for one who guesses. */
export function expire(): void {
  batch(() => {
    signOut();
    expired.value = true;
  });
}

/** What a sign-in at the issuer began with, in this tab; to be had once. */
export const begun = {
  keep: (what: string): boolean => {
    keep('begun', what, session());
    return stored('begun', session()) === what;
  },
  take: (): string | null => {
    const what = stored('begun', session());
    keep('begun', null, session());
    return what;
  },
};
