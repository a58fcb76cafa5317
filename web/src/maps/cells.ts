// What the heat map shows of a GPU, and where each stands. Pure: no canvas here.
import type { Health, Heatmap, Presence, Use } from '../api/schema';

export interface Part {
  /** Share of the GPU, by compute slices; all together at most 1. */
  share: number;
  label: string;
  utilization: number | null;
  memory: number | null;
  owner: string | null;
  use: Use;
}
export interface Cell {
  id: string;
  cluster: string;
  node: string;
  model: string;
  health: Health;
  presence: Presence;
  use: Use;
  utilization: number | null;
  memory: number | null;
  temperature: number | null;
  power: number | null;
  owner: string | null;
  /** Of a GPU in MIG mode; what they leave is free. */
  parts: Part[];
  mig: boolean;
}

export const metrics = ['utilization', 'memory', 'temperature', 'power', 'owner', 'health'] as const;
export type Metric = (typeof metrics)[number];

type Row = [id: string, model: string, presence: Presence, health: Health, use: Use, utilization: number | null, memory: number | null,
  temperature: number | null, power: number | null, owner: string | null, mig: boolean | null, parts: PartRow[]];
type PartRow = [share: number, profile: string | null, gi: number, utilization: number | null, memory: number | null, owner: string | null, use: Use];

const kWhole: Part[] = [];

/** By `columns` and `partColumns` of the reply, which are these. */
export function cellsOf(map: Heatmap): Cell[] {
  return map.nodes.flatMap(({ cluster, node, devices }) => (devices as Row[]).map(
    ([id, model, presence, health, use, utilization, memory, temperature, power, owner, mig, parts]): Cell => ({
      id, cluster, node, model, health, presence, use, utilization, memory, temperature, power, owner, mig: mig === true,
      parts: parts.length === 0 ? kWhole : parts.map(partOf),
    })));
}

function partOf([share, profile, gi, utilization, memory, owner, use]: PartRow): Part {
  return { share, label: profile ?? `${gi}`, utilization, memory, owner, use };
}

/** A number of 0 to 6 for each cell's colour; null where nothing is known. */
export function step(value: number | null, least: number, most: number): number | null {
  if (value === null) return null;
  const at = ((value - least) / (most - least)) * 7;
  return Math.min(6, Math.max(0, Math.floor(at)));
}

export const scales: Record<'utilization' | 'memory' | 'temperature' | 'power', { least: number; most: number }> = {
  utilization: { least: 0, most: 100 },
  memory: { least: 0, most: 100 },
  temperature: { least: 25, most: 95 },
  power: { least: 0, most: 700 },
};

/** The owners with a colour of their own: those of most GPUs. */
export function topOwners(cells: Cell[], most = 7): string[] {
  const held = new Map<string, number>();
  for (const cell of cells) {
    if (cell.parts.length === 0) {
      if (cell.owner !== null) held.set(cell.owner, (held.get(cell.owner) ?? 0) + 1);
    } else for (const part of cell.parts) if (part.owner !== null) held.set(part.owner, (held.get(part.owner) ?? 0) + part.share);
  }
  return [...held].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, most).map(([name]) => name);
}

export interface Layout {
  size: number;
  gap: number;
  label: number;
  columns: number;
  blockWidth: number;
  rowHeight: number;
  width: number;
  height: number;
  /** Where each cell stands. */
  x: Float32Array;
  y: Float32Array;
  /** First cell of each node's row, and its name. */
  rows: { node: string; cluster: string; x: number; y: number }[];
}

const kSizes = [34, 30, 26, 22, 18, 15, 12, 10, 8, 6];
const kLabelFrom = 15;
const kBetween = 14;
const kShort = 6; // rows of a column that is not full

/** A row per node, as large as `height` allows; rows stand in columns beside each other where there is room. */
export function layout(cells: Cell[], width: number, height: number): Layout {
  const starts: number[] = [];
  let widest = 1;
  let run = 0;
  cells.forEach((cell, i) => {
    const before = cells[i - 1];
    if (!before || before.node !== cell.node || before.cluster !== cell.cluster) {
      starts.push(i);
      run = 0;
    }
    widest = Math.max(widest, ++run);
  });
  const across = Math.min(widest, 16);
  const longest = Math.min(18, cells.reduce((most, cell) => Math.max(most, cell.node.length), 0));
  const fits = kSizes.map((size) => {
    const gap = size >= 18 ? 3 : size >= 10 ? 2 : 1;
    const label = size >= kLabelFrom ? Math.min(140, 14 + longest * 6.6) : 0;
    const blockWidth = label + across * (size + gap) + (label ? kBetween : Math.max(3, size * 0.6));
    const columns = Math.max(1, Math.floor((width + kBetween) / blockWidth));
    const lines = starts.map((start, i) => Math.ceil(((starts[i + 1] ?? cells.length) - start) / across));
    const rowHeight = Math.max(...lines, 1) * (size + gap);
    const needed = Math.ceil(starts.length / Math.max(1, Math.floor(height / rowHeight)));
    return { size, gap, label, needed, columns, blockWidth, rowHeight, total: Math.ceil(starts.length / columns) * rowHeight };
  });
  const best = fits.find((one) => one.total <= height && one.label + across * (one.size + one.gap) <= width) ?? fits[fits.length - 1]!;
  // A few nodes stand below each other; many fill the width.
  const columns = Math.min(best.columns, Math.max(best.needed, Math.ceil(starts.length / kShort)));
  const perColumn = Math.max(1, Math.ceil(starts.length / columns));
  const x = new Float32Array(cells.length);
  const y = new Float32Array(cells.length);
  const rows = starts.map((start, i) => {
    const left = Math.floor(i / perColumn) * best.blockWidth;
    const top = (i % perColumn) * best.rowHeight;
    for (let k = start; k < (starts[i + 1] ?? cells.length); k++) {
      x[k] = left + best.label + ((k - start) % across) * (best.size + best.gap);
      y[k] = top + Math.floor((k - start) / across) * (best.size + best.gap);
    }
    return { node: cells[start]!.node, cluster: cells[start]!.cluster, x: left, y: top };
  });
  return { ...best, width, height: Math.min(perColumn, starts.length) * best.rowHeight, x, y, rows };
}

/** Whether the same GPUs stand in the same order: then their places hold. */
export function sameOrder(a: Cell[], b: Cell[]): boolean {
  return a.length === b.length && a.every((cell, i) => cell.id === b[i]!.id && cell.cluster === b[i]!.cluster);
}

/** The cell at a point; null between them. */
export function cellAt(layout: Layout, px: number, py: number): number | null {
  for (let i = 0; i < layout.x.length; i++) {
    const dx = px - layout.x[i]!;
    const dy = py - layout.y[i]!;
    if (dx >= -layout.gap / 2 && dy >= -layout.gap / 2 && dx < layout.size + layout.gap / 2 && dy < layout.size + layout.gap / 2) return i;
  }
  return null;
}
