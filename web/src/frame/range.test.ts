import { describe, expect, it } from 'vitest';
import { lengthOf, rangeOf } from './range';
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
});
