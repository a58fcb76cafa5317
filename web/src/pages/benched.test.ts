import { describe, expect, it } from 'vitest';
import type { BenchmarkRegression } from '../api/schema';
import { against, figures, Regressions, standing, typeOf } from './benched';

describe('values of benchmarks', () => {
  it.each([[3010.5, '3,011'], [0.412, '0.412'], [0.00012346, '0.0001235'], [12.3456, '12.35'], [1e7, '10,000,000'], [0, '0'], [null, '–']])('%j is shown as %s', (value, text) => expect(figures(value)).toBe(text));
  it.each([[1, '±0 %'], [1.204, '+20.4 %'], [0.797, '−20.3 %'], [null, '–']])('%j of the baseline is %s', (ratio, text) => expect(against(ratio)).toBe(text));
  it('stand against the best, whichever way that is', () => {
    expect(standing(50, [100, 50, null], 'higher')).toBe(50);
    expect(standing(100, [100, 50], 'lower')).toBe(50);
    expect(standing(50, [100, 50], 'lower')).toBe(100);
    expect(standing(null, [100], 'higher')).toBeNull();
    expect(standing(0, [null, 0], 'higher')).toBeNull();
  });
});

describe('what has become worse', () => {
  const one = { model: 'H100_80GB', name: 'llama', version: null, unit: 'tokens/s', better: 'higher', since: '2027-01-02T00:00:00.000Z' } as BenchmarkRegression;
  const run = (more: object) => ({ model: 'H100_80GB', name: 'llama', version: null, unit: 'tokens/s', better: 'higher' as const, time: '2027-01-02T00:00:00Z', ...more });
  it('is of one benchmark on one model, and of its newest runs', () => {
    const worse = new Regressions([one]);
    expect(worse.has(run({}))).toBe(true);
    for (const other of [{ time: '2027-01-01T23:59:59Z' }, { model: 'A100_80GB' }, { version: '1' }, { unit: 's' }, { better: 'lower' }]) expect(worse.has(run(other)), JSON.stringify(other)).toBe(false);
    expect(new Regressions([]).of('H100_80GB', one)).toBeUndefined();
  });
});

it.each([['a.json', 'x', 'application/json'], ['a.CSV', '[1]', 'text/csv'], ['a.txt', ' [{}]', 'application/json'], ['a', 'model,name', 'text/csv']])('sends %s that begins %j as %s', (name, text, type) => expect(typeOf(name, text)).toBe(type));
