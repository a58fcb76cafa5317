// From the API's benchmarks to what is shown of them.
import type { BenchmarkRegression } from '../api/schema';
import { number } from '../ui/format';

export const views = ['compare', 'runs', 'regressions'] as const;
export type View = (typeof views)[number];

export interface Bench {
  name: string;
  version: string | null;
  unit: string;
  better: 'higher' | 'lower';
}

/** Four figures, for values of any size. */
export function figures(value: number | null): string {
  if (value === null || value === 0) return number(value);
  return number(value, Math.max(0, Math.min(9, 3 - Math.floor(Math.log10(Math.abs(value))))));
}

/** Of the best of a column, in percent: 100 is the best, whichever way that is. Null where it is not known. */
export function standing(value: number | null, all: readonly (number | null)[], better: Bench['better']): number | null {
  const known = all.filter((one) => one !== null && one > 0) as number[];
  if (value === null || value <= 0 || known.length === 0) return null;
  return 100 * (better === 'higher' ? value / Math.max(...known) : Math.min(...known) / value);
}

/** `+12 %`, `−20 %` against the baseline. */
export function against(ratio: number | null): string {
  if (ratio === null) return number(null);
  const percent = Math.round(1000 * (ratio - 1)) / 10;
  return `${percent > 0 ? '+' : percent < 0 ? '−' : '±'}${number(Math.abs(percent))} %`;
}

const keyOf = (model: string, { name, version, unit, better }: Bench) => JSON.stringify([model, name, version, unit, better]);

/** What has become worse, by model and benchmark. */
export class Regressions {
  private readonly by: Map<string, BenchmarkRegression>;

  constructor(all: readonly BenchmarkRegression[]) {
    this.by = new Map(all.map((one) => [keyOf(one.model, one), one]));
  }
  of(model: string, bench: Bench): BenchmarkRegression | undefined {
    return this.by.get(keyOf(model, bench));
  }
  /** Whether a run is one of the newest, which are worse. */
  has(run: Bench & { model: string; time: string }): boolean {
    const one = this.of(run.model, run);
    return one !== undefined && Date.parse(run.time) >= Date.parse(one.since);
  }
}

/** How a file is sent: by its name, else by how it begins. */
export function typeOf(name: string, text: string): 'application/json' | 'text/csv' {
  if (/\.json$/i.test(name)) return 'application/json';
  return /\.csv$/i.test(name) || !/^\s*[[{]/.test(text) ? 'text/csv' : 'application/json';
}

