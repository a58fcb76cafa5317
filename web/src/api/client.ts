// One manner of asking the API, and of what goes wrong.
import { signal } from '@preact/signals';
import { context } from '../frame/url';
import { credential, expire, expired, tokenUntil } from '../frame/settings';
import type { Decision, Path, Problem } from './schema';

export class Failure extends Error {
  constructor(
    /** 0: no reply came. */
    readonly status: number,
    readonly title: string,
    readonly detail: string,
    readonly requestId: string | null,
    /** As the server wrote it, where it was the server. */
    readonly problem: (Problem & { refusal?: Decision }) | null = null,
  ) {
    super(detail);
  }
}

export type Parameters = Record<string, string | number | boolean | string[] | null | undefined>;

/** Whether the server has asked for a key; the frame then shows the way in. */
export const asksForKey = signal(false);
/** Times of the last reply and of the last try without one, milliseconds since the epoch. */
export const lastReply = signal(0);
export const unreachableSince = signal<number | null>(null);

export const api = `${context}/api/v1`;

/** Fills `{name}` parts of a path with those of `named`, and adds what is given of `parameters`. */
export function address(path: Path, parameters: Parameters = {}, named: Record<string, string> = {}): string {
  const where = path.replace(/\{(\w+)\}/g, (_, key: string) => encodeURIComponent(named[key] ?? ''));
  const asked = new URLSearchParams();
  for (const [key, value] of Object.entries(parameters)) {
    if (value === null || value === undefined || value === '') continue;
    if (Array.isArray(value) && value.length === 0) continue;
    asked.set(key, Array.isArray(value) ? value.join(',') : String(value));
  }
  const text = asked.toString();
  return api + where + (text ? `?${text}` : '');
}

export function headers(more: Record<string, string> = {}): Record<string, string> {
  return credential.value ? { Authorization: `Bearer ${credential.value}`, ...more } : more;
}

/** The server knows nobody by what it was sent: it asks for another credential. Where the reader has put that off, once is enough. */
export function refused(authorization: string | undefined): void {
  const first = !expired.value;
  if (tokenUntil.value !== null && authorization === `Bearer ${credential.value}`) expire();
  if (first) asksForKey.value = true;
}

async function failureOf(reply: Response): Promise<Failure> {
  const id = reply.headers.get('X-Request-Id');
  const text = await reply.text();
  try {
    const problem = JSON.parse(text) as Problem;
    if (typeof problem.detail === 'string')
      return new Failure(reply.status, problem.title, problem.detail, problem.requestId ?? id, problem);
  } catch {
    // not of the server itself: a proxy's page, say
  }
  return new Failure(reply.status, reply.statusText || `HTTP ${reply.status}`, text.slice(0, 500), id);
}

export async function ask(url: string, init: RequestInit = {}): Promise<Response> {
  let reply: Response;
  const sent = headers(init.headers as Record<string, string>);
  try {
    reply = await fetch(url, { ...init, headers: sent });
  } catch (error) {
    if ((error as Error).name === 'AbortError') throw error;
    unreachableSince.value ??= Date.now();
    throw new Failure(0, '', String((error as Error).message), null);
  }
  if (!reply.ok) {
    // A proxy that stands before the server answers for it while it is away.
    if (reply.status === 502 || reply.status === 504) unreachableSince.value ??= Date.now();
    if (reply.status === 401) refused(sent['Authorization']);
    throw await failureOf(reply);
  }
  unreachableSince.value = null;
  lastReply.value = Date.now();
  return reply;
}

const kPatience = 30_000; // ms: a reply that takes longer is none

export async function get<T>(url: string, stop?: AbortSignal): Promise<T> {
  const late = AbortSignal.timeout(kPatience);
  const signal = stop ? AbortSignal.any([stop, late]) : late;
  const reply = await ask(url, { headers: { Accept: 'application/json' }, signal });
  return (await reply.json()) as T;
}

/** A name for one request. (randomUUID is there over TLS and on localhost only.) */
export function once(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((one) => one.toString(16).padStart(2, '0')).join('');
}

/** Changes something; sent again under the same `key` it is done once. Null: the reply has no body. */
export async function send<T>(method: 'POST' | 'PUT' | 'DELETE', url: string, body?: object, key = once(), signal?: AbortSignal): Promise<T | null> {
  const reply = await ask(url, { method, signal, body: body && JSON.stringify(body), headers: { 'Content-Type': 'application/json', 'Idempotency-Key': key } });
  const text = await reply.text();
  return text ? (JSON.parse(text) as T) : null;
}

/** All pages of a list, up to `most` rows. */
export async function getAll<T extends { items: unknown[]; nextCursor: string | null; total: number }>(
  path: Path, parameters: Parameters, most: number, stop?: AbortSignal): Promise<T> {
  let all: T | null = null;
  let cursor: string | null = null;
  do {
    const page: T = await get<T>(address(path, { limit: 1000, ...parameters, cursor }), stop);
    if (all) all.items.push(...page.items);
    else all = page;
    cursor = page.nextCursor;
  } while (cursor !== null && all.items.length < most);
  all.nextCursor = cursor;
  return all;
}

/** The whole table as a file, as the server writes it. */
export function downloadCsv(path: Path, parameters: Parameters, named: Record<string, string>, name: string): Promise<void> {
  return download(address(path, { ...parameters, limit: 100000 }, named), name);
}

export async function download(url: string, name: string): Promise<void> {
  const reply = await ask(url, { headers: { Accept: 'text/csv' } });
  save(await reply.blob(), name);
}

export function save(blob: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
