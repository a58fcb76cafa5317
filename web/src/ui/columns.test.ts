import { describe, expect, it } from 'vitest';
import { blocksOf } from './columns';

describe('stacked columns', () => {
  it('stand on each other, the highest to the top', () => {
    const { blocks, top } = blocksOf([{ name: 'A', kind: 'a', values: [1, 2] }, { name: 'B', kind: 'b', values: [3, 0] }]);
    expect(top).toBe(4);
    expect(blocks).toEqual([
      { kind: 'a', column: 0, from: 0, to: 0.25 }, { kind: 'b', column: 0, from: 0.25, to: 1 }, { kind: 'a', column: 1, from: 0, to: 0.5 },
    ]);
  });
  it('has none where nothing was spent, and none below the ground', () => {
    expect(blocksOf([{ name: 'A', kind: 'a', values: [0, -1] }])).toEqual({ blocks: [], top: 0 });
    expect(blocksOf([])).toEqual({ blocks: [], top: 0 });
  });
});
