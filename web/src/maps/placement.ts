// What of a GPU's memory-slice axis is taken, what may still be cut there, and what no profile can use.
import type { DeviceDetail, DeviceProfile, Instance, Placement } from '../api/schema';

export interface Block {
  start: number;
  size: number;
  /** Compute instances that share the GPU instance. */
  instances: Instance[];
}
export interface Hole {
  start: number;
  size: number;
  /** Some profile fits here. */
  usable: boolean;
  profiles: string[];
}
export interface MigAxis {
  slices: number;
  blocks: Block[];
  /** Instances whose place the driver does not tell. */
  unplaced: Instance[];
  holes: Hole[];
  fitting: DeviceProfile[];
}

export function axisOf(device: DeviceDetail): MigAxis | null {
  const placed = device.instances.filter((one) => one.start !== null && one.size !== null);
  const ends = [
    ...placed.map((one) => one.start! + one.size!),
    ...device.profiles.flatMap((one) => one.placements.map((place) => place.start + place.size)),
  ];
  const slices = device.memorySlices ?? Math.max(0, ...ends);
  if (slices < 1) return null;
  const blocks = new Map<number, Block>();
  for (const one of placed) {
    const block = blocks.get(one.gi);
    if (block) block.instances.push(one);
    else blocks.set(one.gi, { start: one.start!, size: one.size!, instances: [one] });
  }
  for (const block of blocks.values()) block.instances.sort((a, b) => (a.ci ?? 0) - (b.ci ?? 0));
  const unplaced = device.instances.filter((one) => one.start === null || one.size === null);
  const fitting = device.profiles.filter((one) => (one.freePlacements?.length ?? 0) > 0);
  return {
    slices,
    blocks: [...blocks.values()].sort((a, b) => a.start - b.start),
    unplaced,
    holes: unplaced.length ? [] : holesOf(slices, [...blocks.values()], fitting, device.profiles.length > 0),
    fitting,
  };
}

/** Runs of free slices, apart by whether a profile that still fits covers them. */
function holesOf(slices: number, blocks: Block[], fitting: DeviceProfile[], told: boolean): Hole[] {
  const taken = new Array<boolean>(slices).fill(false);
  for (const block of blocks) for (let i = block.start; i < block.start + block.size && i < slices; i++) taken[i] = true;
  const usable = new Array<boolean>(slices).fill(!told);
  for (const profile of fitting)
    for (const place of profile.freePlacements ?? [])
      for (let i = place.start; i < place.start + place.size && i < slices; i++) usable[i] = true;
  const holes: Hole[] = [];
  for (let i = 0; i < slices; i++) {
    if (taken[i]) continue;
    const last = holes[holes.length - 1];
    if (last && last.start + last.size === i && last.usable === usable[i]) last.size++;
    else holes.push({ start: i, size: 1, usable: usable[i]!, profiles: [] });
  }
  for (const hole of holes)
    if (hole.usable) hole.profiles = fitting.filter((one) => one.freePlacements!.some((place) => inside(place, hole))).map((one) => one.profile);
  return holes;
}

function inside(place: Placement, hole: { start: number; size: number }): boolean {
  return place.start >= hole.start && place.start + place.size <= hole.start + hole.size;
}
