// The time range of charts and of what is past: relative as 1h, or from and to; in the address.
import { computed } from '@preact/signals';
import { query, setQuery } from './url';
import { tick } from '../api/live';

export const ranges = ['15m', '1h', '6h', '24h', '7d', '30d'] as const;
const kUnits: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

export function lengthOf(text: string): number | null {
  const found = /^(\d{1,4})([mhd])$/.exec(text);
  const length = found ? Number(found[1]) * kUnits[found[2]!]! : 0;
  return length > 0 ? length : null;
}

export interface Range {
  from: number;
  to: number;
  /** As 1h, where it moves with the clock. */
  relative: string | null;
}

export function rangeOf(asked: URLSearchParams, now: number): Range {
  const from = Date.parse(asked.get('from') ?? '');
  const to = Date.parse(asked.get('to') ?? '');
  if (Number.isFinite(from) && Number.isFinite(to) && from < to) return { from, to, relative: null };
  const relative = asked.get('range') ?? '1h';
  const length = lengthOf(relative);
  return length ? { from: now - length, to: now, relative } : { from: now - kUnits['h']!, to: now, relative: '1h' };
}

/** Moves with the ticks while it is relative. */
export const range = computed<Range>(() => {
  void tick.value;
  return rangeOf(query.value, Date.now());
});

/** What names the range but not the moment: a key for what is read. */
export const rangeKey = computed(() => (range.value.relative ?? `${range.value.from}-${range.value.to}`));

const kLeast = 60_000; // ms: samples are half of it apart

/** Closer (half) or wider (2) about a moment, never into the future. */
export function zoomed({ from, to }: Pick<Range, 'from' | 'to'>, about: number, factor: number, now: number): { from: number; to: number } {
  const length = Math.max(kLeast, (to - from) * factor);
  const share = (about - from) / (to - from);
  const end = Math.min(now, about + length * (1 - share));
  return { from: end - length, to: end };
}

export function setRelative(relative: string): void {
  setQuery({ range: relative === '1h' ? null : relative, from: null, to: null }, false);
}
export function setAbsolute(from: number, to: number): void {
  setQuery({ range: null, from: new Date(from).toISOString(), to: new Date(to).toISOString() }, false);
}
