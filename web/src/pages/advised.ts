// From the API's advice to what is shown of it: whom it is about, what it comes to, in which order.
import type { Advice } from '../api/schema';

export const states = ['open', 'accepted', 'snoozed', 'dismissed'] as const;
export type State = (typeof states)[number];
export const kinds = ['idle-held', 'drop-unused', 'over-provisioned', 'share', 'schedule', 'cheaper-model', 'spot', 'reserve', 'hardware', 'defragment', 'quota', 'quota-too-small'] as const satisfies readonly Advice['kind'][];

export interface Subject {
  cluster?: string;
  namespace?: string | null;
  kind?: string | null;
  name?: string | null;
  team?: string | null;
  project?: string | null;
  deviceId?: string | null;
  model?: string | null;
  pods?: string[] | null;
}
export interface Answer {
  time: string;
  by: string;
  until: string | null;
  reason: string | null;
  savingPerMonth: string | null;
}
/** Money of a workload, of a device or of a model in seven days before it was accepted, and in seven behind. */
export interface Realised {
  known: boolean;
  from: string;
  to: string;
  before: string | null;
  after: string | null;
  savingPerMonth: string | null;
}
export const subjectOf = (one: Advice) => one.subject as Subject;
export const answerOf = (one: Advice) => one.answer as Answer | null;
export const realisedOf = (one: Advice) => (one.realised ?? null) as Realised | null;

/** Which a workload is told of one at a time. What is about a device or a model may be about the same money. */
const ofWorkloads: readonly string[] = ['idle-held', 'drop-unused', 'over-provisioned', 'share', 'schedule', 'cheaper-model', 'spot'];

const isOfWorkload = (one: Advice) => ofWorkloads.includes(one.kind);

export interface Sums {
  /** Of workloads: these can be added. Null: of none is anything known. */
  saving: number | null;
  /** Said of devices and models besides; not to be added to the above. */
  apart: number | null;
  count: number;
  /** Of which nobody can say what they save; those that cost something save nothing. */
  unknown: number;
}

export function sumsOf(all: readonly Advice[]): Sums {
  const sum = (some: readonly Advice[]) => {
    const known = some.filter((one) => one.savingPerMonth !== null);
    return known.length > 0 ? known.reduce((total, one) => total + Number(one.savingPerMonth), 0) : null;
  };
  return {
    saving: sum(all.filter(isOfWorkload)), apart: sum(all.filter((one) => !isOfWorkload(one))),
    count: all.length, unknown: all.filter((one) => one.savingPerMonth === null && one.costPerMonth === null).length,
  };
}

const quotas: readonly string[] = ['quota', 'quota-too-small'];
const kMeasured = 7 * 86_400_000 + 2 * 900_000; // ms: seven days behind the bucket in which it was accepted

/** When it can be known what an accepted one has saved, milliseconds since the epoch; never of a quota, which costs nothing. */
export function measuredAfter(one: Advice): number {
  const answer = answerOf(one);
  return answer && !quotas.includes(one.kind) ? Date.parse(answer.time) + kMeasured : Infinity;
}

/** What accepted ones were said to save when they were accepted. */
export function promisedOf(all: readonly Advice[]): number | null {
  const known = all.map((one) => answerOf(one)?.savingPerMonth ?? null).filter((one) => one !== null);
  return known.length > 0 ? known.reduce((sum, one) => sum + Number(one), 0) : null;
}

export interface Measured {
  /** Of workloads, a month; null: of none is anything known. Less than 0 where they cost more behind. */
  saving: number | null;
  known: number;
  waiting: number;
}

export function measuredOf(given: readonly Advice[]): Measured {
  const all = given.filter(isOfWorkload);
  const known = all.map(realisedOf).filter((one) => one !== null && one.savingPerMonth !== null);
  return { saving: known.length > 0 ? known.reduce((sum, one) => sum + Number(one!.savingPerMonth), 0) : null, known: known.length, waiting: all.length - known.length };
}

/** Kinds in the order of what they come to, the most first; each in the order that it was given in. */
export function byKind(all: readonly Advice[]): { kind: string; items: Advice[] }[] {
  const by = new Map<string, Advice[]>();
  for (const one of all) by.set(one.kind, [...(by.get(one.kind) ?? []), one]);
  const worth = (items: Advice[]) => items.reduce((sum, one) => sum + Number(one.savingPerMonth ?? 0), 0);
  return [...by].map(([kind, items]) => ({ kind, items })).sort((a, b) => worth(b.items) - worth(a.items) || a.kind.localeCompare(b.kind));
}

/** `14d` for so many days that somebody types; null: nothing that the server takes. */
export function snoozeOf(days: string): string | null {
  const value = Number(days);
  return /^\d+$/.test(days.trim()) && value >= 1 && value <= 366 ? `${value}d` : null;
}
