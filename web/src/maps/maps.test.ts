import { describe, expect, it } from 'vitest';
import type { DeviceDetail, DeviceProfile, Heatmap, Instance } from '../api/schema';
import { cellAt, cellsOf, layout, step, topOwners, type Cell } from './cells';
import { cut, neighbour } from './heatmap';
import { axisOf } from './placement';

const instance = (gi: number, start: number | null, size: number | null, more: Partial<Instance> = {}): Instance =>
  ({ gi, ci: 0, start, size, profile: `${size}`, computeSlices: 1, utilizationPercent: 50, memoryUsedBytes: 1, memoryTotalBytes: 2, use: 'active', ...more }) as Instance;
const profile = (name: string, size: number, free: number[]): DeviceProfile =>
  ({ profile: name, placements: free.map((start) => ({ start, size })), freePlacements: free.map((start) => ({ start, size })), remaining: free.length }) as DeviceProfile;
const device = (instances: Instance[], profiles: DeviceProfile[], memorySlices: number | null = 8) =>
  ({ instances, profiles, memorySlices, holders: [], computeSlices: 7, memoryUsedBytes: null, memoryTotalBytes: 8, utilization: { device: 10 }, node: 'n', id: 'n-GPU-00' }) as unknown as DeviceDetail;

describe('MIG map', () => {
  it('puts instances at their place and says what fits beside them', () => {
    const axis = axisOf(device([instance(2, 4, 4), instance(3, 0, 2)], [profile('1g.10gb', 1, [2, 3]), profile('2g.20gb', 2, [2])]))!;
    expect(axis.blocks.map((one) => [one.start, one.size])).toEqual([[0, 2], [4, 4]]);
    expect(axis.holes).toEqual([{ start: 2, size: 2, usable: true, profiles: ['1g.10gb', '2g.20gb'] }]);
  });
  it('tells room that no profile can use from room that one can', () => {
    const axis = axisOf(device([instance(1, 0, 4)], [profile('1g.10gb', 1, [4, 5, 6])]))!;
    expect(axis.holes.map((one) => [one.start, one.size, one.usable])).toEqual([[4, 3, true], [7, 1, false]]);
  });
  it('claims no hole where a place is not known, nor an axis where nothing tells its length', () => {
    const axis = axisOf(device([instance(1, null, null), instance(2, 0, 2)], [profile('1g.10gb', 1, [2])]))!;
    expect(axis.unplaced).toHaveLength(1);
    expect(axis.holes).toEqual([]);
    expect(axisOf(device([], [], null))).toBeNull();
  });
  it('keeps compute instances of one GPU instance together', () => {
    const axis = axisOf(device([instance(2, 0, 4, { ci: 1 }), instance(2, 0, 4, { ci: 0 })], []))!;
    expect(axis.blocks).toHaveLength(1);
    expect(axis.blocks[0]!.instances.map((one) => one.ci)).toEqual([0, 1]);
  });
});

const cells = (nodes: number, each: number): Cell[] => Array.from({ length: nodes * each }, (_, i) =>
  ({ id: `n${Math.floor(i / each)}-GPU-${i % each}`, node: `n${Math.floor(i / each)}`, cluster: 'c', parts: [], owner: i % 3 ? 'a' : 'b' }) as unknown as Cell);

describe('heat map', () => {
  it('takes each node\'s cells with their parts', () => {
    const map = {
      time: '', total: 2, shown: 2,
      columns: ['id', 'modelKey', 'presence', 'health', 'use', 'utilization', 'memoryPercent', 'temperatureCelsius', 'powerWatts', 'namespace', 'migEnabled', 'parts'],
      partColumns: ['share', 'profile', 'gi', 'utilization', 'memoryPercent', 'namespace', 'use'],
      nodes: [
        { cluster: 'c', node: 'a', devices: [['a-GPU-00', 'H100_80GB', 'present', 'healthy', 'active', 41.4, null, 61, 512, 'ml', true, [[0.2857, '2g.20gb', 3, 60, 10, 'ml', 'active'], [0.1429, null, 9, null, null, null, 'free']]]] },
        { cluster: 'c', node: 'b', devices: [['b-GPU-00', 'T4', 'stale', 'unknown', 'unknown', null, null, null, null, null, null, []]] },
      ],
    } satisfies Heatmap;
    const [cut, whole] = cellsOf(map);
    expect(cut!.parts.map((one) => [one.share, one.label, one.owner])).toEqual([[0.2857, '2g.20gb', 'ml'], [0.1429, '9', null]]);
    expect([cut!.node, cut!.id, cut!.utilization, cut!.memory, cut!.power, cut!.owner, cut!.mig]).toEqual(['a', 'a-GPU-00', 41.4, null, 512, 'ml', true]);
    expect([whole!.presence, whole!.mig, whole!.parts]).toEqual(['stale', false, []]);
  });
  it.each([[1, 1], [3, 2], [125, 8], [1250, 8], [1, 100]])('finds every cell of %i nodes with %i GPUs where it was put', (nodes, each) => {
    const all = cells(nodes, each);
    const places = layout(all, 1100, 440);
    expect(places.rows).toHaveLength(nodes);
    for (const i of [0, Math.floor(all.length / 2), all.length - 1])
      expect(cellAt(places, places.x[i]! + places.size / 2, places.y[i]! + places.size / 2)).toBe(i);
    expect(Math.max(...places.x) + places.size).toBeLessThanOrEqual(1100);
  });
  it('stays usable with 10,000 GPUs', () => {
    const places = layout(cells(1250, 8), 1100, 440);
    expect(places.size).toBeGreaterThanOrEqual(6);
    expect(places.height).toBeLessThan(900);
  });
  it('moves by arrows', () => {
    const places = layout(cells(3, 2), 300, 440);
    expect(neighbour(places, null, [1, 0])).toBe(0);
    expect(neighbour(places, 0, [1, 0])).toBe(1);
    expect(neighbour(places, 0, [0, 1])).toBe(2);
    expect(neighbour(places, 0, [-1, 0])).toBe(0);
  });
  it('takes nothing for a colour of its own', () => {
    expect(step(null, 0, 100)).toBeNull();
    expect([0, 14, 50, 100, 140].map((one) => step(one, 0, 100))).toEqual([0, 0, 3, 6, 6]);
    expect(topOwners(cells(1, 7))).toEqual(['a', 'b']);
    expect(topOwners([])).toEqual([]);
  });
  it('shortens long names in their middle', () => {
    expect(cut('ip-10-0-12-34.eu-west-1.compute.internal', 16)).toHaveLength(16);
    expect(cut('worker-01', 16)).toBe('worker-01');
  });
});
