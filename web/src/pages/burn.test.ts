import { describe, expect, it } from 'vitest';
import type { Budget } from '../api/schema';
import { burnOf, burnState } from './burn';

const day = (at: number) => `2027-01-0${at}T00:00:00+00:00`;
const forecast = { value: '12.00', percent: 120, low: '11.00', high: '14.00', coverage: 0.9, hourlyError: '0.10', historyHours: 840, filledHours: 0, aheadHours: 36, judgedHours: 36, methods: [] };
const budget = (more: object = {}): Budget => ({
  id: 'b', name: 'b', scope: 'fleet', scopeName: null, period: 'custom', begin: day(1), end: day(5), timeZone: 'UTC', amount: '10.00', currency: 'USD',
  thresholds: [], enforcement: 'none', enforceOn: 'actual', createdBy: 'a', created: day(1), changedBy: 'a', changed: day(1), trouble: null,
  standing: {
    period: { start: day(1), end: day(5) }, closedUntil: '2027-01-02T12:00:00.000Z', spent: '6.00', spentPercent: 60, remaining: '4.00', evenPace: '3.75', unknownHours: 0, overspent: false,
    forecast, noForecast: null, crossings: [],
    burnDown: [1, 2, 3, 4].map((at) => ({ start: day(at), end: day(at + 1), spent: ['4.00', '2.00'][at - 1] ?? null, spentBy: ['4.00', '6.00'][at - 1] ?? null, evenBy: `${at * 2.5}`, closed: at === 1 })),
    ...more,
  },
});

describe('a burn-down', () => {
  it('goes from the amount to what is left, and on to what is expected', () => {
    const burn = burnOf(budget())!;
    expect([burn.top, burn.bottom]).toEqual([10, -4]);
    expect(burn.zero).toBeCloseTo(10 / 14);
    expect(burn.even.at(0)).toEqual({ x: 0, y: 0 });
    expect(burn.even.at(-1)!.y).toBeCloseTo(burn.zero);
    expect(burn.left.map((one) => one.x)).toEqual([0, 0.25, 0.375]);
    expect(burn.left.at(-1)!.y).toBeCloseTo(6 / 14);
    expect(burn.ahead.at(-1)).toEqual({ x: 1, y: 12 / 14 });
    expect(burn.band).toEqual({ low: 1, high: 11 / 14 });
  });
  it('ends where nothing more is known', () => {
    const burn = burnOf(budget({ forecast: null, noForecast: 'too little history' }))!;
    expect(burn.ahead).toEqual([]);
    expect(burn.bottom).toBe(0);
    const nothing = burnOf(budget({ forecast: null, closedUntil: null, spent: null, burnDown: [{ start: day(1), end: day(5), spent: null, spentBy: null, evenBy: '10.00', closed: false }] }))!;
    expect(nothing.left).toEqual([]);
    expect(burnOf({ ...budget(), standing: null })).toBeNull();
  });
  it('of a budget of nothing has a picture too', () => {
    const burn = burnOf({ ...budget({ forecast: null, spent: '0.00', burnDown: [{ start: day(1), end: day(5), spent: '0.00', spentBy: '0.00', evenBy: '0.00', closed: false }] }), amount: '0.00' })!;
    for (const one of [...burn.even, ...burn.left]) expect(Number.isFinite(one.y)).toBe(true);
  });
});

describe('the state of a budget', () => {
  it('is the worst that is known', () => {
    expect(burnState(budget())).toBe('within');
    expect(burnState(budget({ crossings: [{ percent: 50, on: 'actual', time: day(1), amount: '10.00', reached: '6.00' }] }))).toBe('crossed');
    expect(burnState(budget({ overspent: true }))).toBe('overspent');
    expect(burnState(budget({ spent: null }))).toBe('unknown');
    expect(burnState({ ...budget(), standing: null })).toBe('unknown');
  });
});
