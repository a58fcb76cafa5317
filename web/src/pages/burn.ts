// How a budget burns down, as places in a picture: shares of its width and height, from the top left.
import type { Budget } from '../api/schema';

export interface Point {
  x: number;
  y: number;
}
export interface Burn {
  /** What an even pace leaves, from the amount to nothing. */
  even: Point[];
  /** What is left, as far as the ledger is closed; empty: nothing of the period is. */
  left: Point[];
  /** From the last of these to where the period is expected to end; empty: there is no forecast. */
  ahead: Point[];
  /** Between what ends of the interval. */
  band: { low: number; high: number } | null;
  /** Amounts at the upper and the lower edge. */
  top: number;
  bottom: number;
  /** Where nothing is left. */
  zero: number;
}

const amountOf = (text: string | null) => (text === null ? null : Number(text));

/** Null where there is no picture to make: nobody says how it stands, or of which days. */
export function burnOf(budget: Budget): Burn | null {
  const standing = budget.standing;
  const days = standing?.burnDown;
  if (!standing || !days?.length) return null;
  const amount = Number(budget.amount);
  const [begin, end] = [Date.parse(standing.period.start), Date.parse(standing.period.end)];
  const closed = standing.closedUntil === null ? begin : Date.parse(standing.closedUntil);
  const left: [number, number][] = [];
  for (const day of days) {
    const by = amountOf(day.spentBy);
    if (by === null) continue;
    if (left.length === 0) left.push([Date.parse(day.start), amount]);
    left.push([Math.min(Date.parse(day.end), closed), amount - by]);
  }
  const last = left.at(-1);
  const forecast = last ? standing.forecast : null;
  const ends = forecast ? [forecast.value, forecast.low, forecast.high].map((one) => amount - Number(one)) : [];
  const bottom = Math.min(0, ...ends, ...left.map(([, value]) => value));
  const top = Math.max(amount, bottom + 1e-6);
  const at = ([time, value]: [number, number]): Point => ({ x: (time - begin) / (end - begin), y: (top - value) / (top - bottom) });
  const y = (value: number) => at([begin, value]).y;
  return {
    even: [at([begin, amount]), ...days.map((day) => at([Date.parse(day.end), amount - Number(day.evenBy)]))],
    left: left.map(at),
    ahead: forecast && last ? [at(last), at([end, ends[0]!])] : [],
    band: forecast ? { low: y(ends[2]!), high: y(ends[1]!) } : null,
    top, bottom, zero: y(0),
  };
}

/** In a word, with the worst first. */
export function burnState(budget: Budget): 'overspent' | 'crossed' | 'within' | 'unknown' {
  const standing = budget.standing;
  if (!standing || standing.spent === null) return 'unknown';
  if (standing.overspent) return 'overspent';
  return standing.crossings.length > 0 ? 'crossed' : 'within';
}
