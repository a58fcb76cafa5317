// The words of the dashboard, in the reader's language. en.ts says which there are; a test holds the others to it. Those of another language come
// in a file of their own, for who reads it.
import { effect, signal } from '@preact/signals';
import { en } from './en';
import { language as choice } from '../frame/settings';

export type Word = keyof typeof en;
export type Words = Record<Word, string>;
export const languages = { en: 'English', ko: '한국어' } as const;
export type Language = keyof typeof languages;
/** Its words, and those for what the server says in English. */
interface File { words: Words; server: Record<string, string> }
const files: Record<Exclude<Language, 'en'>, () => Promise<File>> = {
  ko: async () => {
    const [{ ko }, { server }] = await Promise.all([import('./ko'), import('./ko/server')]);
    return { words: ko, server };
  },
};
const here = signal<Partial<Record<Language, Words>>>({ en });
const servers = signal<Partial<Record<Language, Record<string, string>>>>({});

function first(): Language {
  const chosen = choice.read();
  if (chosen && chosen in languages) return chosen as Language;
  return navigator.language?.startsWith('ko') ? 'ko' : 'en';
}

export const language = signal<Language>(first());

/** Brings the words of a language; where they do not come, English goes on, and the next choice tries again. */
export async function bringWords(of: Language): Promise<void> {
  if (of === 'en' || here.peek()[of]) return;
  try {
    const { words, server } = await files[of]();
    servers.value = { ...servers.peek(), [of]: server };
    here.value = { ...here.peek(), [of]: words };
  } catch { /* the server is away, which the frame says */ }
}

export function applyLanguage(): void {
  effect(() => {
    document.documentElement.lang = language.value;
    choice.keep(language.value);
    void bringWords(language.value);
  });
}

/** The message, with `{name}` filled in; `{name:s}` is an s unless there is one of it. */
export function t(word: Word, values?: Record<string, string | number>): string {
  const text = (here.value[language.value] ?? en)[word];
  return values ? text.replace(/\{(\w+)(:s)?\}/g, (whole, name: string, plural?: string) =>
    plural ? (String(values[name]) === '1' ? '' : 's') : String(values[name] ?? whole)) : text;
}

/**
 * What the server says in an English sentence, in the reader's language. Its own words where those are the reader's, where none are known for it, and
 * where one of their blanks has no value.
 */
export function inWords<Own extends string | null>(key: string, own: Own, values: Record<string, string | number | null | undefined> = {}): Own | string {
  const text = servers.value[language.value]?.[key];
  if (text === undefined) return own;
  const blanks = [...text.matchAll(/\{(\w+)\}/g)].map((one) => values[one[1]!]);
  return blanks.some((value) => value === null || value === undefined || value === '') ? own : text.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name]));
}

/** The message of a value that the API may add to: its own word where there is no message. */
export function word(kind: string, value: string | null | undefined): string {
  if (value === null || value === undefined) return '–';
  const key = `${kind}.${value}`;
  return key in en ? t(key as Word) : value.replaceAll('_', ' ');
}
