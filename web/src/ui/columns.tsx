// Stacked columns, one a piece of time, in SVG. Kinds have colours by `k-KIND`; each column says its numbers in words too.
export interface Stack {
  name: string;
  kind: string;
  values: (number | null)[];
}

const kHeight = 150;
const shares = [1, 0.5, 0]; // of the highest column: where lines are drawn
const kNames = 6; // as many have room below, also on a phone

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
  const wide = 100 / Math.max(1, names.length);
  const every = Math.ceil(names.length / kNames);
  const at = (share: number) => 10 + (kHeight - 30) * (1 - share);
  return (
    <figure class="stacked">
      <div class="stacked-plot">
        <ul class="axis num" aria-hidden="true">{shares.map((share) => <li key={share}>{unit(top * share)}</li>)}</ul>
        <svg width="100%" height={kHeight} role="img" aria-label={label}>
          {shares.map((share) => <line key={share} class="rule" x1="0" x2="100%" y1={at(share)} y2={at(share)} />)}
          {names.map((name, column) => (
            <g key={column}>
              <title>{`${name}: ${series.map((one) => `${one.name} ${unit(one.values[column] ?? null)}`).join(', ')}`}</title>
              <rect class="hit" x={`${column * wide}%`} width={`${wide}%`} y={0} height={kHeight} />
              {blocks.filter((one) => one.column === column).map((one) => (
                <rect key={one.kind} class={`k-${one.kind}`} x={`${(column + 0.12) * wide}%`} width={`${wide * 0.76}%`} y={at(one.to)} height={Math.max(0.5, at(one.from) - at(one.to))} />
              ))}
              {column % every === 0 && <text class="axis" x={`${(column + 0.5) * wide}%`} y={kHeight - 4} text-anchor="middle">{name}</text>}
            </g>
          ))}
        </svg>
      </div>
      <figcaption><ul class="legend">{series.map((one) => <li key={one.kind}><i class={`swatch k-${one.kind}`} aria-hidden="true" /> {one.name}</li>)}</ul></figcaption>
    </figure>
  );
}
