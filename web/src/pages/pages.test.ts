import { describe, expect, it } from 'vitest';
import type { Served } from '../api/schema';
import { language } from '../i18n';
import { reading } from './device';
import { byModel } from './models';
import { weightedSeries } from './weighted';
import { nextOrder } from '../ui/table';

describe('weighted utilization', () => {
  // The check values of the project: 1g 90 %, 2g 60 %, 1g 80 % and so on.
  it.each([
    [[90, 60, 80], [1, 2, 1], 72.5],
    [[90, 80, 60, 70], [1, 1, 2, 1], 72],
    [[95, 70, 85], [3, 2, 2], 85],
  ])('of %j by %j is %f', (values, weights, mean) => {
    expect(weightedSeries(values.map((one) => [one]), weights)[0]).toBeCloseTo(mean, 6);
  });
  it('takes what is not known for nothing, not for 0', () => {
    expect(weightedSeries([[null, 50], [80, null]], [1, 3])).toEqual([80, 50]);
    expect(weightedSeries([[null]], [1])).toEqual([null]);
    expect(weightedSeries([[10]], [null])).toEqual([null]);
    expect(weightedSeries([], [])).toEqual([]);
  });
});

describe('serving', () => {
  const replica = (model: string, running: number | null, more: Partial<Served> = {}) =>
    ({ model, running, waiting: null, engine: 'vllm', generationTokensPerSecond: null, kvCacheUsedPercent: null, parts: [], ...more }) as unknown as Served;
  it('adds replicas up, and adds nothing for what is not known', () => {
    const [first, second] = byModel([replica('a', 2), replica('a', null), replica('b', null)]);
    expect(first).toMatchObject({ model: 'a', replicas: 2, running: 2, waiting: null, utilization: null });
    expect(second).toMatchObject({ model: 'b', running: null, cache: null, coverage: null });
  });
  it('says how many of the parts its utilization is of', () => {
    const parts = [{ computeSlices: 7, utilizationPercent: 40 }, { computeSlices: 7, utilizationPercent: null }] as Served['parts'];
    expect(byModel([replica('a', 1, { parts })])[0]).toMatchObject({ utilization: 40, coverage: 0.5, parts: 2 });
  });
});

describe('readings', () => {
  it('are shown by the unit in their name', () => {
    language.value = 'en';
    expect(reading('smClockMhz', 1980)).toEqual(['Sm Clock', '1,980 MHz']);
    expect(reading('smActiveRatio', 0.5)).toEqual(['Sm Active', '50 %']);
    expect(reading('energyMillijoulesTotal', 3.6e9)).toEqual(['Energy', '1 kWh']);
    expect(reading('pcieTxBytesPerSecond', 1024)).toEqual(['Pcie Tx', '1 KiB/s']);
    expect(reading('eccCorrectedVolatileTotal', 3)).toEqual(['Ecc Corrected Volatile', '3']);
  });
});

it('orders by clicks: up, down, as the server has it', () => {
  expect(nextOrder('', 'name', false)).toBe('name');
  expect(nextOrder('name', 'name', false)).toBe('-name');
  expect(nextOrder('-name', 'name', false)).toBe('');
  expect(nextOrder('', 'powerWatts', true)).toBe('-powerWatts');
});
