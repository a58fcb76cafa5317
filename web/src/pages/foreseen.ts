// From the API's forecasts to what is drawn: money is a text there, GPUs are numbers.
import type { PatternHour } from '../api/schema';
import type { Expected, Known } from '../ui/band';
import { t } from '../i18n';
import { money, number } from '../ui/format';

export const measures = ['usage', 'demand', 'cost'] as const;
export type Measure = (typeof measures)[number];
export const horizons = ['24h', '48h', '7d', '14d'] as const;
export type Horizon = (typeof horizons)[number];

export const measureOf = (asked: string | null): Measure => measures.find((one) => one === asked) ?? 'usage';
export const horizonOf = (asked: string | null): Horizon => horizons.find((one) => one === asked) ?? '48h';

type Amount = number | string;

export function knownOf(points: { time: string; value: Amount | null }[]): Known[] {
  return points.map(({ time, value }) => ({ time, value: value === null ? null : Number(value) }));
}
export function expectedOf(items: { time: string; value: Amount; low: Amount; high: Amount }[]): Expected[] {
  return items.map(({ time, value, low, high }) => ({ time, value: Number(value), low: Number(low), high: Number(high) }));
}

/** `3.4 GPU`, `$12.50/h`. */
export function amountOf(value: number, unit: string): string {
  return unit === 'GPU' ? `${number(value, value < 10 ? 2 : 1)} GPU` : t('forecast.anHour', { amount: money(value, unit) });
}

/** Whose forecast is shown: as asked, else the fleet's; of who is restricted to teams the first that is told. Null: none is told to him. */
export function scopeOf(asked: string | null, restricted: boolean, told: string[]): string | null {
  return asked ?? (restricted ? (told[0] ?? null) : 'fleet');
}

/** How many there may be more, as it is typed; null: nothing that can be asked. */
export function addedOf(text: string | null): number | null {
  const value = Number(text ?? '');
  return Number.isInteger(value) && value > 0 && value <= 100_000 ? value : null;
}

/** Which of the colours 0 to 6; null where nothing is known. */
export function levelOf(mean: Amount | null, most: number): number | null {
  return mean === null ? null : most > 0 ? Math.min(6, Math.max(0, Math.round((6 * Number(mean)) / most))) : 0;
}

/** By weekday, Monday first. */
export function weekOf(items: PatternHour[]): PatternHour[][] {
  return Array.from({ length: 7 }, (_, day) => items.filter((one) => one.weekday === day + 1));
}
