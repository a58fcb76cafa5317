// Replicas of one model taken together.
import type { Served } from '../api/schema';

export interface ServedModel {
  model: string;
  engines: string[];
  replicas: number;
  running: number | null;
  waiting: number | null;
  generation: number | null;
  /** Mean over the replicas that tell theirs. */
  cache: number | null;
  /** Of what they hold, weighted by compute slices. */
  utilization: number | null;
  /** How many of these tell theirs, 0 to 1; null where there are none. */
  coverage: number | null;
  parts: number;
}

function sum(values: (number | null)[]): number | null {
  const known = values.filter((one) => one !== null);
  return known.length ? known.reduce((all, one) => all + one, 0) : null;
}

export function byModel(items: Served[]): ServedModel[] {
  const groups = new Map<string, Served[]>();
  for (const one of items) groups.set(one.model ?? '–', [...(groups.get(one.model ?? '–') ?? []), one]);
  return [...groups].map(([model, all]) => {
    const held = all.flatMap((one) => one.parts);
    const parts = held.filter((one) => one.utilizationPercent !== null && one.computeSlices !== null);
    const weight = parts.reduce((whole, one) => whole + one.computeSlices!, 0);
    const caches = all.map((one) => one.kvCacheUsedPercent).filter((one) => one !== null);
    return {
      model, engines: [...new Set(all.map((one) => one.engine))], replicas: all.length,
      running: sum(all.map((one) => one.running)), waiting: sum(all.map((one) => one.waiting)),
      generation: sum(all.map((one) => one.generationTokensPerSecond)),
      cache: caches.length ? caches.reduce((whole, one) => whole + one, 0) / caches.length : null,
      utilization: weight ? parts.reduce((whole, one) => whole + one.utilizationPercent! * one.computeSlices!, 0) / weight : null,
      coverage: held.length ? parts.length / held.length : null,
      parts: held.length,
    };
  }).sort((a, b) => (b.running ?? 0) - (a.running ?? 0) || (a.model < b.model ? -1 : 1));
}
