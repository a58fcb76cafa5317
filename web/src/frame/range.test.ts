import { describe, expect, it } from 'vitest';
import { lengthOf, rangeOf, zoomed } from './range';
import { parseMoment } from './range_picker';

const now = Date.UTC(2026, 6, 31, 12);

describe('time range', () => {
  it('is the last hour unless it says otherwise', () => {
    expect(rangeOf(new URLSearchParams(), now)).toEqual({ from: now - 3_600_000, to: now, relative: '1h' });
    expect(rangeOf(new URLSearchParams('range=7d'), now).from).toBe(now - 7 * 86_400_000);
    expect(rangeOf(new URLSearchParams('range=bogus'), now).relative).toBe('1h');
  });
  it('takes two moments, in their order', () => {
    const asked = (from: string, to: string) => rangeOf(new URLSearchParams({ from, to }), now);
    expect(asked('2026-07-31T10:00:00Z', '2026-07-31T11:00:00Z').relative).toBeNull();
    expect(asked('2026-07-31T11:00:00Z', '2026-07-31T10:00:00Z').relative).toBe('1h');
  });
  it('reads lengths and written times', () => {
    expect(lengthOf('15m')).toBe(900_000);
    expect(lengthOf('0m')).toBeNull();
    expect(lengthOf('1y')).toBeNull();
    expect(parseMoment('2026-07-31 10:00', true)).toBe(Date.UTC(2026, 6, 31, 10));
    expect(parseMoment('2026-02-31 10:00', true)).toBeNaN();
    expect(parseMoment('yesterday', true)).toBeNaN();
  });
  it('zooms about a moment, never into the future and never to nothing', () => {
    const hour = { from: now - 3_600_000, to: now };
    expect(zoomed(hour, now - 900_000, 0.5, now)).toEqual({ from: now - 900_000 - 1_350_000, to: now - 900_000 + 450_000 });
    expect(zoomed(hour, now - 1_800_000, 2, now)).toEqual({ from: now - 7_200_000, to: now });
    expect(zoomed(hour, now - 1_800_000, 2, now + 86_400_000)).toEqual({ from: now - 5_400_000, to: now + 1_800_000 });
    const least = zoomed({ from: now - 60_000, to: now }, now - 30_000, 0.5, now);
    expect(least.to - least.from).toBe(60_000);
  });
});
