// What money went to, added up to the millionth: from groups of the ledger to sums by kind, and to groups in order.
import type { CostAllocation, CostGroup } from '../api/schema';

export const kinds = ['used', 'heldIdle', 'heldUnknown', 'overhead', 'unallocated', 'unobserved'] as const;
export type Kind = (typeof kinds)[number];

export interface Spent {
  /** Null: there was nothing, or nothing that has a rate. */
  all: number | null;
  of: Record<Kind, number | null>;
  /** Of what somebody had; null: of nothing that is known. */
  efficiency: number | null;
  coverage: number | null;
  unpricedHours: number;
}

/** Millionths in `12.345678`. */
export function micros(text: string): bigint {
  const [, sign, whole, rest = ''] = /^(-?)(\d+)(?:\.(\d{1,6}))?$/.exec(text) ?? ['', '', '0'];
  const size = BigInt(whole!) * 1_000_000n + BigInt(rest.padEnd(6, '0') || '0');
  return sign ? -size : size;
}

const units = (of: bigint) => Number(of) / 1e6;
const nobodys = ['__idle__', '__unobserved__', '__overhead__'];

/** Of time: what each group used of what it held and was known of, together. */
function efficiencyOf(groups: CostGroup[]): Pick<Spent, 'efficiency' | 'coverage'> {
  let [held, known, used] = [0, 0, 0];
  for (const { money } of groups) {
    const hours = money.gpuHours * (money.efficiencyCoverage ?? 0);
    held += money.gpuHours;
    known += hours;
    used += hours * (money.efficiencyPercent ?? 0);
  }
  return { efficiency: known > 0 ? used / known : null, coverage: held > 0 ? known / held : null };
}

/** All groups of a piece of the window, those of nobody among them. */
export function spentOf(piece: Record<string, CostGroup>): Spent {
  const groups = Object.entries(piece);
  const sums = kinds.map((kind) => groups.reduce((sum, [, one]) => sum + micros(one.money[kind]), 0n));
  const all = sums.reduce((sum, one) => sum + one, 0n);
  const unpricedHours = groups.reduce((sum, [, one]) => sum + one.money.unpricedGpuHours, 0);
  const known = groups.some(([, one]) => one.gpuHours > 0) && (all !== 0n || unpricedHours === 0);
  return {
    all: known ? units(all) : null,
    of: Object.fromEntries(kinds.map((kind, i) => [kind, known ? units(sums[i]!) : null])) as Record<Kind, number | null>,
    ...efficiencyOf(ownedOf(piece)),
    unpricedHours,
  };
}

/** Groups of somebody, the dearest first. */
export function ownedOf(piece: Record<string, CostGroup>): CostGroup[] {
  return Object.entries(piece).filter(([name]) => !nobodys.includes(name)).map(([, one]) => one)
    .sort((a, b) => b.totalCost - a.totalCost || a.name.localeCompare(b.name));
}

/** Where each piece of the window begins, in the report's own zone: the ledger's days are not always the reader's. */
export function begins(of: CostAllocation): string[] {
  return of.totals.map((one) => one.window.start);
}

export const windows = ['today', 'yesterday', '24h', '7d', '30d', 'month', 'lastmonth', 'quarter'] as const;
export type Window = (typeof windows)[number];
const pieces: Record<Window, 'hour' | 'day' | 'week'> =
  { today: 'hour', yesterday: 'hour', '24h': 'hour', '7d': 'day', '30d': 'day', month: 'day', lastmonth: 'day', quarter: 'week' };

export function windowOf(asked: string | null): Window {
  return windows.find((one) => one === asked) ?? '7d';
}
export function pieceOf(window: Window): 'hour' | 'day' | 'week' {
  return pieces[window];
}

/** As the API filters: OpenCost's language, in which a quotation mark has no place within a value. */
export function filterOf(cluster: string | null): string | null {
  return cluster ? `cluster:"${cluster.replaceAll('"', '')}"` : null;
}
