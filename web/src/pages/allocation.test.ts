import { describe, expect, it } from 'vitest';
import type { DeviceDetail, Problem } from '../api/schema';
import { previewOf, type Grant } from './decision';
import { grouped } from './groups';
import { bodyOf, faultOf } from './wish';

describe('what an allocation asks for', () => {
  it('takes a bare number for decimal GB, and a unit as it is written', () => {
    expect(bodyOf({ size: 'memory', namespace: ' ml ', podName: 'a', requiredMemory: '20' }, null)).toEqual({ namespace: 'ml', podName: 'a', requiredMemoryGb: 20 });
    expect(bodyOf({ size: 'memory', requiredMemory: '20Gi' }, 'east')).toEqual({ cluster: 'east', requiredMemory: '20Gi' });
  });
  it('leaves out what belongs to another way of sizing, and what is empty', () => {
    const form = { requiredMemory: '20', computeSlices: '2', model: 'llama', dtype: '', maxModelLen: '4096', devices: '2' };
    expect(bodyOf({ ...form, size: 'model' }, null)).toEqual({ model: 'llama', maxModelLen: 4096, devices: 2 });
    expect(bodyOf({ ...form, size: 'device' }, null)).toEqual({ devices: 2 });
    expect(bodyOf({ ...form, size: 'memory' }, null)).toEqual({ requiredMemoryGb: 20, computeSlices: 2, devices: 2 });
  });
  it('has flags and lists, and leaves to the server what is no number', () => {
    expect(bodyOf({ size: 'device', useMig: 'false', wait: 'true', models: 'H100_80GB, A100_80GB', priority: 'high', leaseSeconds: '60' }, null))
      .toEqual({ useMig: false, wait: true, models: ['H100_80GB', 'A100_80GB'], priority: 'high', leaseSeconds: 60 });
  });
  it('finds the field of a problem', () => {
    const problem = (detail: string) => faultOf({ detail } as Problem);
    expect(problem("leaseSeconds: 0, but a whole number from 1 to 604800 is expected")).toEqual(['leaseSeconds', '0, but a whole number from 1 to 604800 is expected']);
    expect(problem("requiredMemoryGb: more than nothing")).toEqual(['requiredMemory', 'more than nothing']);
    expect(problem('cluster: there are 2, so one has to be named')).toBeNull();
    expect(problem('the body is no JSON object')).toBeNull();
    expect(faultOf(null)).toBeNull();
  });
});

describe('allocations by owner', () => {
  const rows = [{ team: 'b', namespace: 'y', pod: 1 }, { team: 'a', namespace: 'x', pod: 2 }, { team: null, namespace: 'z', pod: 3 }, { team: 'a', namespace: 'w', pod: 4 }];
  it('has every row once in each level, and what is not known last', () => {
    const tree = grouped(rows, ['team', 'project', 'namespace']);
    expect(tree.map((one) => one.name)).toEqual(['a', 'b', null]);
    expect(tree[0]!.groups.map((one) => [one.level, one.name, one.rows.length])).toEqual([['namespace', 'w', 1], ['namespace', 'x', 1]]);
    expect(tree.flatMap((one) => one.groups).flatMap((one) => one.rows).map((one) => one.pod).sort()).toEqual([1, 2, 3, 4]);
  });
  it('has no level of which nothing is known', () => {
    expect(grouped(rows.map((one) => ({ ...one, team: null })), ['team', 'namespace'])[0]).toMatchObject({ level: 'namespace', name: 'w', groups: [] });
    expect(grouped([], ['team'])).toEqual([]);
  });
});

describe('the preview of a decision', () => {
  const profiles = [['1g.10gb', 7], ['2g.20gb', 3], ['1g.10gb+me', 1], ['7g.80gb', 1]].map(([profile, maxInstances]) =>
    ({ profile, maxInstances, placements: [0, 2, 4, 6].map((start) => ({ start, size: profile === '2g.20gb' ? 2 : profile === '7g.80gb' ? 8 : 1 })) }));
  const instance = (gi: number, start: number, profile: string, use = 'free') => ({ gi, ci: 0, start, size: profile === '2g.20gb' ? 2 : 1, profile, use });
  const device = (...instances: object[]) => ({ instances, profiles, holders: [], memorySlices: 8 }) as unknown as DeviceDetail;
  const grant = (profile: string, start: number, size: number, kind: Grant['kind'] = 'placement') => ({ kind, profile, start, size }) as Grant;
  const short = (of: ReturnType<typeof previewOf>) => of!.rows.map(([, slots]) => slots.map((one) => `${one.kind} ${one.title}@${one.start}`));
  it('has what goes in the first row and what comes in the second', () => {
    const of = previewOf(device(instance(1, 0, '1g.10gb'), instance(2, 2, '1g.10gb', 'active')), grant('2g.20gb', 0, 2));
    expect(short(of)).toEqual([['goes 1g.10gb@0', 'held 1g.10gb@2'], ['comes 2g.20gb@0', 'held 1g.10gb@2']]);
  });
  it('takes what stands as it is', () => {
    expect(short(previewOf(device(instance(1, 0, '2g.20gb')), grant('2g.20gb', 0, 2, 'instance')))).toEqual([['idle 2g.20gb@0'], ['mine 2g.20gb@0']]);
  });
  it('has an instance go that the media engines leave no room beside', () => {
    expect(short(previewOf(device(instance(1, 6, '1g.10gb+me')), grant('1g.10gb+me', 0, 1)))).toEqual([['goes 1g.10gb+me@6'], ['comes 1g.10gb+me@0']]);
  });
  it('is a device as a whole where that is given, and nothing where nobody tells what stands', () => {
    expect(previewOf(device(), { kind: 'device', profile: null } as Grant)!.rows.at(-1)![1]).toMatchObject([{ start: 0, size: 8, kind: 'mine' }]);
    expect(previewOf(device({ gi: 1, start: null, size: null, profile: '1g.10gb', use: 'free' }), grant('1g.10gb', 0, 1))).toBeNull();
  });
});
