// Stacked columns, one a piece of time, in SVG. Kinds have colours by `k-KIND`; each column says its numbers in words too.
export interface Stack {
  name: string;
  kind: string;
  values: (number | null)[];
}

const kHeight = 150;
const kLeft = 7; // percent of the width: what the axis is written in
const kNames = 10; // as many have room below

export interface Block {
  kind: string;
  column: number;
  /** Shares of the highest column, from the ground. */
  from: number;
  to: number;
}

/** Where each value stands. What is below 0 has no place among shares of a whole. */
export function blocksOf(series: Stack[]): { blocks: Block[]; top: number } {
  const count = Math.max(0, ...series.map((one) => one.values.length));
  const sums = Array.from({ length: count }, (_, i) => series.reduce((sum, one) => sum + Math.max(0, one.values[i] ?? 0), 0));
  const top = Math.max(0, ...sums);
  const blocks: Block[] = [];
  if (top === 0) return { blocks, top };
  for (let column = 0; column < count; column++) {
    let ground = 0;
    for (const { kind, values } of series) {
      const value = Math.max(0, values[column] ?? 0);
      if (value > 0) blocks.push({ kind, column, from: ground / top, to: (ground + value) / top });
      ground += value;
    }
  }
  return { blocks, top };
}

export function Columns({ label, unit, names, series }: { label: string; unit: (value: number | null) => string; names: string[]; series: Stack[] }) {
  const { blocks, top } = blocksOf(series);
  const wide = (100 - kLeft) / Math.max(1, names.length);
  const every = Math.ceil(names.length / kNames);
  const at = (share: number) => 10 + (kHeight - 30) * (1 - share);
  return (
    <figure class="stacked">
      <svg width="100%" height={kHeight} role="img" aria-label={label}>
        {[0, 0.5, 1].map((share) => (
          <g key={share}>
            <line class="rule" x1={`${kLeft}%`} x2="100%" y1={at(share)} y2={at(share)} />
            <text class="axis" x={`${kLeft - 0.6}%`} y={at(share) + 4} text-anchor="end">{unit(top * share)}</text>
          </g>
        ))}
        {names.map((name, column) => (
          <g key={column}>
            <title>{`${name}: ${series.map((one) => `${one.name} ${unit(one.values[column] ?? null)}`).join(', ')}`}</title>
            <rect class="hit" x={`${kLeft + column * wide}%`} width={`${wide}%`} y={0} height={kHeight} />
            {blocks.filter((one) => one.column === column).map((one) => (
              <rect key={one.kind} class={`k-${one.kind}`} x={`${kLeft + (column + 0.12) * wide}%`} width={`${wide * 0.76}%`} y={at(one.to)} height={Math.max(0.5, at(one.from) - at(one.to))} />
            ))}
            {column % every === 0 && <text class="axis" x={`${kLeft + (column + 0.5) * wide}%`} y={kHeight - 4} text-anchor="middle">{name}</text>}
          </g>
        ))}
      </svg>
      <figcaption><ul class="legend">{series.map((one) => <li key={one.kind}><i class={`swatch k-${one.kind}`} aria-hidden="true" /> {one.name}</li>)}</ul></figcaption>
    </figure>
  );
}
