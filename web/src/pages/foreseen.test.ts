import { describe, expect, it } from 'vitest';
import { drawn } from '../ui/band';
import { addedOf, amountOf, expectedOf, horizonOf, knownOf, levelOf, measureOf, scopeOf, weekOf } from './foreseen';

describe('what is asked', () => {
  it('is one of a few, or the usual', () => {
    expect([measureOf('cost'), measureOf('pods'), measureOf(null)]).toEqual(['cost', 'usage', 'usage']);
    expect([horizonOf('7d'), horizonOf('1y')]).toEqual(['7d', '48h']);
    expect(['8', '0', '-1', '1.5', '', null, '100001'].map(addedOf)).toEqual([8, null, null, null, null, null, null]);
  });
});

describe('whose forecast', () => {
  it('is that of the fleet, or of who leads a team his own', () => {
    expect([scopeOf(null, false, []), scopeOf('team:chat', false, ['fleet'])]).toEqual(['fleet', 'team:chat']);
    expect([scopeOf(null, true, ['team:chat', 'team:vision']), scopeOf('team:vision', true, ['team:chat']), scopeOf(null, true, [])]).toEqual(['team:chat', 'team:vision', null]);
  });
});

describe('amounts', () => {
  it('are GPUs or money, and gaps stay gaps', () => {
    expect(amountOf(3.456, 'GPU')).toBe('3.46 GPU');
    expect(amountOf(1234.5, 'USD')).toBe('$1,234.50/h'); // beside sums of a month
    expect(knownOf([{ time: 'a', value: '1.50' }, { time: 'b', value: null }, { time: 'c', value: 0 }]).map((one) => one.value)).toEqual([1.5, null, 0]);
    expect(expectedOf([{ time: 'a', value: '2.00', low: 1, high: '3.00' }])[0]).toEqual({ time: 'a', value: 2, low: 1, high: 3 });
  });
});

describe('the week', () => {
  it('has a colour for each share of the most, and none for what is not known', () => {
    expect([0, 5, 10, 12].map((mean) => levelOf(mean, 10))).toEqual([0, 3, 6, 6]);
    expect(levelOf(null, 10)).toBeNull();
    expect(levelOf('0.00', 0)).toBe(0);
  });
  it('begins on Monday', () => {
    const items = Array.from({ length: 168 }, (_, i) => ({ weekday: Math.floor(i / 24) + 1, hour: i % 24, mean: i, peak: i, values: 1 }));
    expect(weekOf(items).map((day) => day.length)).toEqual(Array(7).fill(24));
    expect(weekOf(items)[0]![0]!.mean).toBe(0);
  });
});

describe('the line', () => {
  const ahead = [{ time: 'e', value: 2, low: 1, high: 4 }, { time: 'f', value: 2, low: 0, high: 4 }];
  it('is cut at gaps', () => {
    const past = [1, 2, null, 3, null, 4, 5].map((value, i) => ({ time: String(i), value }));
    const { past: pieces } = drawn(past, ahead);
    expect(pieces.map((one) => one.split(' ').length)).toEqual([2, 2]); // an hour alone has no line
  });
  it('has a band with as many points above as below, and ends at the right edge', () => {
    const { band, ahead: line, top } = drawn([{ time: 'a', value: 1 }], ahead);
    expect(band.split(' ')).toHaveLength(4);
    expect(line.split(' ')[1]).toMatch(/^1000\.0,/);
    expect(top).toBeCloseTo(4.2);
  });
  it('is there without anything', () => {
    expect(drawn([], []).past).toEqual([]);
  });
});
