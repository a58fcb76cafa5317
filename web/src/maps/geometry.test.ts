import { describe, expect, it } from 'vitest';
import type { DeviceDetail, DeviceProfile } from '../api/schema';
import { legalPlaces, standingOf, type Piece } from './geometry';

const profile = (name: string, starts: number[], size: number, maxInstances: number): DeviceProfile =>
  ({ profile: name, maxInstances, placements: starts.map((start) => ({ start, size })) }) as DeviceProfile;

// The boards and the numbers of src/gpu/geometry_test.cc.
const k1g = profile('1g.10gb', [0, 1, 2, 3, 4, 5, 6], 1, 7);
const k1gMedia = profile('1g.10gb+me', [0, 1, 2, 3, 4, 5, 6], 1, 1);
const k1gDouble = profile('1g.20gb', [0, 2, 4, 6], 2, 4);
const k2g = profile('2g.20gb', [0, 2, 4], 2, 3);
const k3g = profile('3g.40gb', [0, 4], 4, 2);
const k4g = profile('4g.40gb', [0], 4, 1);
const k7g = profile('7g.80gb', [0], 8, 1);
const eight = [k1g, k2g, k3g, k4g, k7g];
const eightDouble = [k1g, k1gDouble, k2g, k3g, k4g, k7g];
const eightAll = [k1g, k1gMedia, k1gDouble, k2g, k3g, k4g, k7g];
const a30 = [profile('1g.6gb', [0, 1, 2, 3], 1, 4), profile('2g.12gb', [0, 2], 2, 2), profile('4g.24gb', [0], 4, 1)];
const rtx = [profile('1g.24gb', [0, 3, 6, 9], 3, 4), profile('2g.48gb', [0, 6], 6, 2), profile('4g.96gb', [0], 12, 1)];
const at = (name: string, start: number, size: number): Piece => ({ profile: name, start, size });

/** Every layout that adding one legal instance after the other leads to. */
function layouts(profiles: DeviceProfile[], taken: Piece[] = [], seen = new Map<string, Piece[]>()): Map<string, Piece[]> {
  const key = taken.map((one) => `${one.profile}@${one.start}`).sort().join();
  if (seen.has(key)) return seen;
  seen.set(key, taken);
  for (const one of profiles) for (const place of legalPlaces(one, taken)) layouts(profiles, [...taken, { profile: one.profile, ...place }], seen);
  return seen;
}

describe('legal layouts', () => {
  it.each([
    ['8 slices', eight, 298, 19],
    ['8 slices with the double-memory 1g', eightDouble, 723, 78],
    ['A30', a30, 26, 5],
    ['RTX PRO 6000', rtx, 26, 5],
  ])('of %s are as many as the server counts', (_, profiles, legal, maximal) => {
    const all = [...layouts(profiles).values()];
    expect(all).toHaveLength(legal);
    expect(all.filter((taken) => profiles.every((one) => legalPlaces(one, taken).length === 0))).toHaveLength(maximal);
  });
  it('obey the number of instances', () => {
    expect(layouts([profile('1g.24gb', [0, 1, 2, 3], 1, 2)]).size).toBe(11);
  });
  it('have one set of media engines', () => {
    const media = [...a30, profile('1g.6gb+me', [0, 1, 2, 3], 1, 1), profile('2g.12gb+me', [0, 2], 2, 1)];
    for (const taken of layouts(media).values()) expect(taken.filter((one) => one.profile.endsWith('+me')).length).toBeLessThan(2);
    const all = profile('1g.24gb+me.all', [0, 3, 6, 9], 3, 1);
    const none = profile('1g.24gb-me', [0, 3, 6, 9], 3, 4);
    expect(legalPlaces(rtx[0]!, [at('1g.24gb+me.all', 0, 3)])).toEqual([]);
    expect(legalPlaces(none, [at('1g.24gb+me.all', 0, 3)])).toHaveLength(3);
    expect(legalPlaces(all, [at('1g.24gb-me', 0, 3)])).toHaveLength(3);
  });
  it.each<[string, Piece[], number[]]>([
    ['empty', [], [7, 7, 4, 3, 2, 1, 1]],
    ['1g at 0 and 4: five slices free, no 3g', [at('1g.10gb', 0, 1), at('1g.10gb', 4, 1)], [5, 5, 2, 1, 0, 0, 0]],
    ['1g at 6: slice 7 is lost to all but 3g', [at('1g.10gb', 6, 1)], [6, 6, 3, 3, 1, 1, 0]],
    ['+me at 3', [at('1g.10gb+me', 3, 1)], [6, 0, 3, 2, 1, 0, 0]],
    ['4g and 3g', [at('4g.40gb', 0, 4), at('3g.40gb', 4, 4)], [0, 0, 0, 0, 0, 0, 0]],
    ['whole', [at('7g.80gb', 0, 8)], [0, 0, 0, 0, 0, 0, 0]],
  ])('%s', (_, taken, places) => {
    expect(eightAll.map((one) => legalPlaces(one, taken).length)).toEqual(places);
  });
  it('offer no place that the driver does not', () => {
    expect(legalPlaces(k2g, [at('1g.10gb', 4, 1)])).toEqual([{ start: 0, size: 2 }, { start: 2, size: 2 }]);
    expect(legalPlaces(profile('2g.20gb', [], 2, 3), [])).toEqual([]);
  });
});

describe('what stands', () => {
  const instance = (gi: number, start: number | null, size: number, name: string, use = 'free', ci = 0) => ({ gi, ci, start, size, profile: name, use });
  const device = (instances: object[], holders: object[] = []) => ({ instances, holders, profiles: eightAll }) as unknown as DeviceDetail;
  it('counts a GPU instance once, by its own profile, and is held by whoever has a part of it', () => {
    const all = device([instance(2, 4, 4, '1c.3g.40gb', 'free', 0), instance(2, 4, 4, '2c.3g.40gb', 'active', 1), instance(7, 0, 1, '1g.10gb+me')]);
    expect(standingOf(all)).toEqual([{ profile: '1g.10gb+me', start: 0, size: 1, holder: null }, { profile: '3g.40gb', start: 4, size: 4, holder: '–' }]);
  });
  it('names the holder, and takes an instance of which nobody tells for held', () => {
    const all = device([instance(1, 0, 1, '1g.10gb', 'idle'), instance(2, 1, 1, '1g.10gb', 'unknown')], [{ instance: { gi: 1 }, namespace: 'ml', pod: 'a' }]);
    expect(standingOf(all)!.map((one) => one.holder)).toEqual(['ml/a', '–']);
  });
  it('has what is promised, be it that it does not stand yet', () => {
    const promised = [{ ...at('1g.10gb', 0, 1), holder: 'ml/a' }, { ...at('2g.20gb', 2, 2), holder: 'ml/b' }];
    expect(standingOf(device([instance(1, 0, 1, '1g.10gb')]), promised)!.map((one) => [one.profile, one.holder])).toEqual([['1g.10gb', 'ml/a'], ['2g.20gb', 'ml/b']]);
  });
  it('is not known where a place is not', () => {
    expect(standingOf(device([instance(1, null, 1, '1g.10gb')]))).toBeNull();
    expect(standingOf(device([instance(1, 1, 1, '1g.5gb')]))).toBeNull();
  });
});
