// Which layouts a MIG device may have, as src/gpu/geometry.h says it: each instance at a placement that the driver offers, none
// over another, none more often than its profile allows, and one set of media engines for all of them.
import type { DeviceDetail, DeviceProfile, Placement } from '../api/schema';

/** A GPU instance of a layout, by the name of its profile. */
export interface Piece extends Placement {
  profile: string;
}

export function overlap(a: Placement, b: Placement): boolean {
  return a.start < b.start + b.size && b.start < a.start + a.size;
}

const medium = (profile: string) => /[+-]me(\.all)?$/.exec(profile)?.[0] ?? '';
function mediaFit(a: string, b: string): boolean {
  if (a === '+me.all' || b === '+me.all') return a === '-me' || b === '-me';
  return a !== '+me' || b !== '+me';
}

/** Where an instance of `profile` may be created beside `taken`. */
export function legalPlaces(profile: DeviceProfile, taken: readonly Piece[]): Placement[] {
  const beside = taken.filter((one) => one.profile === profile.profile).length < profile.maxInstances &&
    taken.every((one) => mediaFit(medium(profile.profile), medium(one.profile)));
  return beside ? profile.placements.filter((place) => !taken.some((one) => overlap(one, place))) : [];
}

export interface Standing extends Piece {
  /** Who has it or to whom it is promised: it is not moved. Null: nobody. */
  holder: string | null;
}

/** The GPU instances of a device; null where it is not known of one what it is or where it stands. Where nobody tells whether one is in use, it is. */
export function standingOf(device: DeviceDetail, promised: readonly Standing[] = []): Standing[] | null {
  const out = new Map<number, Standing>();
  for (const one of device.instances) {
    const profile = one.profile?.replace(/^\d+c\./, '');
    if (one.start === null || one.size === null || !device.profiles.some((known) => known.profile === profile)) return null;
    const held = device.holders.find((holder) => holder.instance?.gi === one.gi);
    const holder = held ? `${held.namespace ?? '–'}/${held.pod ?? held.podUid ?? '–'}` : one.use === 'free' ? null : '–';
    out.set(one.gi, { profile: profile!, start: one.start, size: one.size, holder: out.get(one.gi)?.holder ?? holder });
  }
  const all = [...out.values()];
  for (const one of promised) {
    const same = all.find((other) => other.profile === one.profile && other.start === one.start);
    if (same) same.holder ??= one.holder;
    else all.push(one);
  }
  return all.sort((a, b) => a.start - b.start);
}
