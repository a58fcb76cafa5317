// What one reader has chosen on this machine: theme, language, zone. Kept in the browser, where it lets us.
import { effect, signal } from '@preact/signals';

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
export const zone = signal<Zone>(oneOf(stored('zone'), ['local', 'utc'], 'local'));
const dark = window.matchMedia?.('(prefers-color-scheme: dark)');
const systemIsDark = signal(dark?.matches ?? false);
dark?.addEventListener?.('change', (event) => (systemIsDark.value = event.matches));

/** What is shown now: charts and canvases draw anew when it changes. */
export const shownTheme = signal<'light' | 'dark'>('light');

export function applySettings(): void {
  effect(() => {
    shownTheme.value = theme.value === 'auto' ? (systemIsDark.value ? 'dark' : 'light') : theme.value;
    document.documentElement.dataset['theme'] = shownTheme.value;
    keep('theme', theme.value);
  });
  effect(() => keep('zone', zone.value));
}

export const language = { read: () => stored('language'), keep: (value: string) => keep('language', value) };

function session(): Storage | undefined {
  try {
    return window.sessionStorage;
  } catch {
    return undefined;
  }
}

/** The API key: in this tab until it is closed, or on this machine where the reader asked for that. */
export const credential = signal<string | null>(stored('key', session()) ?? stored('key'));

export function signIn(key: string, remember: boolean): void {
  keep('key', key, remember ? kept() : session());
  credential.value = key;
}
export function signOut(): void {
  keep('key', null);
  keep('key', null, session());
  credential.value = null;
}
