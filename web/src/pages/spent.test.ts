import { describe, expect, it } from 'vitest';
import type { CostGroup } from '../api/schema';
import { filterOf, kinds, micros, ownedOf, spentOf, windowOf } from './spent';

/** A group as the server tells it; what is not said is 0. */
const group = (name: string, money: Partial<CostGroup['money']> = {}, totalCost = 0): CostGroup => ({
  name, totalCost, gpuHours: 1,
  money: { ...Object.fromEntries(kinds.map((kind) => [kind, '0.000000'])), gpuHours: 1, unpricedGpuHours: 0, efficiencyPercent: null, efficiencyCoverage: null, ...money },
}) as unknown as CostGroup;

describe('what was spent', () => {
  it('reads amounts to the millionth, large and small, and below 0', () => {
    expect(micros('12.345678')).toBe(12_345_678n);
    expect(micros('-0.5')).toBe(-500_000n);
    expect(micros('9223372036854.775807')).toBe(9_223_372_036_854_775_807n);
    expect(micros('0.000001')).toBe(1n);
  });
  it('comes to the sum of its kinds, where floating point would not', () => {
    const piece = { a: group('a', { used: '0.1', heldIdle: '0.2', efficiencyPercent: 40, efficiencyCoverage: 0.5 }), __idle__: group('__idle__', { unallocated: '0.000003' }), __unobserved__: group('__unobserved__', { unobserved: '1' }) };
    const of = spentOf(piece);
    expect(of.all).toBe(1.300003);
    expect(of.of).toMatchObject({ used: 0.1, heldIdle: 0.2, unallocated: 0.000003, unobserved: 1, overhead: 0 });
    expect(of).toMatchObject({ efficiency: 40, coverage: 0.5 });
  });
  it('has an efficiency of time: by the hours that were held and known', () => {
    const of = spentOf({ a: group('a', { gpuHours: 4, efficiencyPercent: 50, efficiencyCoverage: 0.5 }), b: group('b', { gpuHours: 6, efficiencyPercent: 75, efficiencyCoverage: 1 }), c: group('c', { gpuHours: 10 }) });
    expect(of).toMatchObject({ efficiency: (2 * 50 + 6 * 75) / 8, coverage: 0.4 });
  });
  it('has no efficiency where nobody had anything', () => {
    expect(spentOf({ __idle__: group('__idle__', { unallocated: '3' }) })).toMatchObject({ all: 3, efficiency: null, coverage: null });
  });
  it('is absent, not 0, where there was nothing and where nothing has a rate', () => {
    expect(spentOf({})).toMatchObject({ all: null, efficiency: null, of: { used: null } });
    expect(spentOf({ a: { ...group('a'), gpuHours: 0 } }).all).toBeNull();
    expect(spentOf({ a: group('a', { unpricedGpuHours: 2 }) })).toMatchObject({ all: null, unpricedHours: 2 });
    expect(spentOf({ a: group('a') }).all).toBe(0); // a rate of 0
  });
  it('has the dearest first, and nobody’s apart', () => {
    expect(ownedOf({ a: group('a', {}, 1), __overhead__: group('__overhead__', {}, 9), b: group('b', {}, 2), __unallocated__: group('__unallocated__', {}, 2) }).map((one) => one.name))
      .toEqual(['__unallocated__', 'b', 'a']);
  });
  it('takes a window that it knows, and lets no name out of its quotation marks', () => {
    expect(windowOf('lastmonth')).toBe('lastmonth');
    expect(windowOf('1 or 1')).toBe('7d');
    expect(filterOf('a"|x:"b')).toBe('cluster:"a|x:b"');
    expect(filterOf(null)).toBeNull();
  });
});
