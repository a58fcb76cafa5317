// The whole fleet at once, on a canvas: a row per node, a cell per GPU, split into its MIG instances.
// Colour says how much; hatching, an outline and marks say idle, free and ill without it.
import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { cellAt, layout, sameOrder, scales, step, topOwners, type Cell, type Layout, type Metric, type Part } from './cells';
import type { Health } from '../api/schema';
import { shownTheme } from '../frame/settings';
import { go } from '../frame/url';
import { t, word } from '../i18n';
import { celsius, percent, watts } from '../ui/format';
import { deviceHref } from '../ui/parts';

interface Palette {
  /** By the numbers that `colourOf` gives: seven of heat, eight hues, the states, and that of nothing. */
  fills: string[];
  edge: string;
  quiet: string;
  ground: string;
  ill: string;
  warn: string;
}

const kHue = 7;
const kState: Record<Health, number> = { healthy: 15, degraded: 16, unhealthy: 17, unknown: 18 };
const kNothing = 18;

const kRoot = 14; // px: the size of text that sizes here are for

let painted: { theme: string; colours: Palette } | null = null;

function palette(): Palette {
  const theme = shownTheme.peek();
  if (painted?.theme !== theme) painted = { theme, colours: readPalette() };
  return painted.colours;
}

function readPalette(): Palette {
  const style = getComputedStyle(document.documentElement);
  const of = (name: string) => style.getPropertyValue(name).trim();
  const [good, warn, ill] = [of('--good'), of('--warn'), of('--bad')];
  const fills = [...Array.from({ length: 7 }, (_, i) => of(`--heat-${i}`)), ...Array.from({ length: 8 }, (_, i) => of(`--hue-${i}`)), good, warn, ill, of('--heat-none')];
  return { fills, edge: of('--edge'), quiet: of('--quiet'), ground: of('--panel'), ill, warn };
}

type Of<T> = (of: Cell | Part, cell: Cell) => T;

const values: Record<keyof typeof scales, Of<number | null>> = {
  utilization: (of) => of.utilization,
  memory: (of) => of.memory,
  temperature: (_, cell) => cell.temperature,
  power: (_, cell) => cell.power,
};

/** What gives a GPU's or an instance's colour: chosen once, not for each. */
function colourBy(metric: Metric, cells: Cell[]): Of<number> {
  if (metric === 'health') return (_, cell) => kState[cell.health] ?? kNothing;
  if (metric === 'owner') {
    const owners = new Map(topOwners(cells).map((name, i) => [name, i]));
    return (of) => of.owner === null ? kNothing : kHue + (owners.get(of.owner) ?? 7);
  }
  const { least, most } = scales[metric];
  const value = values[metric];
  return (of, cell) => step(value(of, cell), least, most) ?? kNothing;
}

/** Left, top and width of each. Kept from drawing to drawing: ten thousand numbers anew each time are a collector's work. */
class Boxes {
  private numbers = new Float32Array(3 * 64);
  private end = 0;

  add(x: number, y: number, width: number): void {
    if (this.end === this.numbers.length) {
      const more = new Float32Array(2 * this.end);
      more.set(this.numbers);
      this.numbers = more;
    }
    this.numbers[this.end++] = x;
    this.numbers[this.end++] = y;
    this.numbers[this.end++] = width;
  }
  each(draw: (x: number, y: number, width: number) => void): void {
    for (let i = 0; i < this.end; i += 3) draw(this.numbers[i]!, this.numbers[i + 1]!, this.numbers[i + 2]!);
  }
  clear(): void {
    this.end = 0;
  }
}

const kFills = 19;
const boxes = { fills: Array.from({ length: kFills }, () => new Boxes()), hatched: new Boxes(), outlined: new Boxes(), dashed: new Boxes() };

interface Brush {
  context: CanvasRenderingContext2D;
  colours: Palette;
  colourOf: Of<number>;
  /** Whether what nobody holds is drawn as an outline alone. */
  frees: boolean;
  size: number;
}

/** By colour: setting one costs more than a rectangle. */
function fillAll({ context, colours, size }: Brush): void {
  boxes.fills.forEach((all, colour) => {
    context.fillStyle = colours.fills[colour]!;
    all.each((x, y, width) => context.fillRect(x, y, width, size));
  });
}

function drawPart(brush: Brush, of: Cell | Part, cell: Cell, x: number, y: number, width: number): void {
  if (of.use === 'free' && brush.frees) {
    boxes.outlined.add(x, y, width);
    return;
  }
  boxes.fills[brush.colourOf(of, cell)]!.add(x, y, width);
  if (of.use === 'idle') boxes.hatched.add(x, y, width);
}

/** One path for all of a kind. */
function strokeAll({ context, colours, size }: Brush): void {
  context.lineWidth = 1;
  const outline = (all: Boxes) => {
    context.beginPath();
    all.each((x, y, width) => context.rect(x + 0.5, y + 0.5, width - 1, size - 1));
    context.stroke();
  };
  context.strokeStyle = colours.edge;
  outline(boxes.outlined);
  context.strokeStyle = colours.quiet;
  context.beginPath();
  boxes.hatched.each((x, y, width) => hatch(context, x, y, width, size));
  context.stroke();
  context.setLineDash([2, 2]);
  outline(boxes.dashed);
  context.setLineDash([]);
}

function hatch(context: CanvasRenderingContext2D, x: number, y: number, width: number, height: number): void {
  for (let at = 4; at < width + height; at += 5) {
    const x0 = Math.max(0, at - height), x1 = Math.min(width, at);
    context.moveTo(x + x0, y + Math.min(height, at));
    context.lineTo(x + x1, y + Math.max(0, at - width));
  }
}

function mark(context: CanvasRenderingContext2D, x: number, y: number, size: number, colours: Palette, kind: 'ill' | 'warn'): void {
  const length = Math.max(4, size * 0.34);
  const left = x + size - length - 1;
  context.fillStyle = colours.ground;
  context.fillRect(left - 1, y, length + 2, length + 2);
  context.strokeStyle = colours[kind];
  context.lineWidth = size >= 18 ? 2 : 1.4;
  context.beginPath();
  if (kind === 'ill') {
    context.moveTo(left, y + 1);
    context.lineTo(left + length, y + 1 + length);
    context.moveTo(left + length, y + 1);
    context.lineTo(left, y + 1 + length);
  } else {
    context.moveTo(left, y + 1 + length);
    context.lineTo(left + length / 2, y + 1);
    context.lineTo(left + length, y + 1 + length);
    context.closePath();
  }
  context.stroke();
}

function drawCell(brush: Brush, cell: Cell, x: number, y: number): void {
  const { size } = brush;
  if (cell.presence !== 'present') boxes.dashed.add(x, y, size);
  else if (cell.parts.length === 0) drawPart(brush, cell, cell, x, y, size);
  else {
    boxes.outlined.add(x, y, size);
    let at = x;
    for (const part of cell.parts) {
      const width = part.share * size;
      drawPart(brush, part, cell, at, y, Math.max(1, width - (size >= 10 ? 1 : 0.5)));
      at += width;
    }
  }
}

/** `unit`: how many pixels one of the layout's is; more than one where all text is large. */
export function paint(canvas: HTMLCanvasElement, cells: Cell[], places: Layout, metric: Metric, unit: number): void {
  const began = performance.now();
  const context = canvas.getContext('2d');
  if (!context) return;
  const scale = Math.min(2, window.devicePixelRatio || 1) * unit;
  const width = Math.ceil(places.width * scale);
  const height = Math.max(1, Math.ceil(places.height * scale));
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, places.width, places.height);
  const colours = palette();
  const frees = metric === 'utilization' || metric === 'memory' || metric === 'owner';
  const brush: Brush = { context, colours, colourOf: colourBy(metric, cells), frees, size: places.size };
  for (const one of [...boxes.fills, boxes.hatched, boxes.outlined, boxes.dashed]) one.clear();
  for (let i = 0; i < cells.length; i++) drawCell(brush, cells[i]!, places.x[i]!, places.y[i]!);
  fillAll(brush);
  strokeAll(brush);
  markIll(context, cells, places, colours);
  if (places.label > 0) {
    context.fillStyle = colours.quiet;
    context.font = '12px system-ui, sans-serif';
    context.textBaseline = 'middle';
    for (const row of places.rows) context.fillText(cut(row.node, places.label / 6.6 - 1), row.x, row.y + places.size / 2 + 0.5);
  }
  performance.clearMeasures('heat map');
  performance.measure('heat map', { start: began }); // for tools/bench.mjs, and for whoever looks into the browser
}

function markIll(context: CanvasRenderingContext2D, cells: Cell[], places: Layout, colours: Palette): void {
  for (let i = 0; i < cells.length; i++) {
    const { health } = cells[i]!;
    if (health === 'unhealthy') mark(context, places.x[i]!, places.y[i]!, places.size, colours, 'ill');
    else if (health === 'degraded') mark(context, places.x[i]!, places.y[i]!, places.size, colours, 'warn');
  }
}

/** Long names differ at their end as a rule. */
export function cut(name: string, most: number): string {
  if (name.length <= most) return name;
  const head = Math.max(1, Math.floor(most / 3));
  return `${name.slice(0, head)}…${name.slice(name.length - Math.floor(most - head - 1))}`;
}

function shown(of: Cell | Part, cell: Cell, metric: Metric): string {
  switch (metric) {
    case 'temperature': return celsius(cell.temperature);
    case 'power': return watts(cell.power);
    case 'owner': return of.owner ?? t('map.nobody');
    case 'health': return word('health', cell.health);
    default: return percent(of[metric]);
  }
}

function tell(cell: Cell, metric: Metric): string {
  const parts = cell.parts.map((part) => `${part.label} ${shown(part, cell, metric)}`).join(', ');
  return `${cell.id}, ${cell.model}, ${word('use', cell.use)}, ${shown(cell, cell, metric)}${parts ? ` (${parts})` : ''}`;
}

export function HeatMap({ cells, metric }: { cells: Cell[]; metric: Metric }) {
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [width, setWidth] = useState(0);
  const [picked, pick] = useState<number | null>(null);
  const unit = useMemo(() => (parseFloat(getComputedStyle(document.documentElement).fontSize) || kRoot) / kRoot, [width]);
  const last = useRef<{ cells: Cell[]; width: number; places: Layout } | null>(null);
  const places = useMemo(() => {
    if (!width) return null;
    const before = last.current;
    const kept = before && before.width === width && sameOrder(before.cells, cells);
    const next = kept ? before.places : layout(cells, width / unit, window.innerWidth < 700 ? 520 : 440);
    last.current = { cells, width, places: next };
    return next;
  }, [cells, width]);
  const theme = shownTheme.value;
  // Both before the frame is painted: what stands below must not move once more.
  useLayoutEffect(() => {
    const element = box.current!;
    const take = () => setWidth(Math.floor(element.clientWidth));
    take();
    const watch = new ResizeObserver(take);
    watch.observe(element);
    return () => watch.disconnect();
  }, []);
  useLayoutEffect(() => {
    if (places) paint(canvas.current!, cells, places, metric, unit);
  }, [cells, places, metric, theme]);

  const at = (event: MouseEvent) => {
    const edge = canvas.current!.getBoundingClientRect();
    return places ? cellAt(places, (event.clientX - edge.left) / unit, (event.clientY - edge.top) / unit) : null;
  };
  const open = (index: number | null) => {
    const cell = index === null ? undefined : cells[index];
    if (cell) go(deviceHref(cell.id, cell.node, cell.cluster));
  };
  const move = (event: KeyboardEvent) => {
    const by: Record<string, [number, number]> = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };
    const way = by[event.key];
    if (event.key === 'Enter') return open(picked);
    if (event.key === 'Escape') return pick(null);
    if (!way || !places) return;
    event.preventDefault();
    pick(neighbour(places, picked, way));
  };
  const cell = picked === null ? undefined : cells[picked];
  return (
    <div class="heat" ref={box}>
      <canvas
        ref={canvas} class="heat-canvas" tabIndex={0} role="application" aria-label={t('map.label', { count: cells.length })}
        aria-describedby="heat-now"
        onMouseMove={(event) => { const next = at(event); if (next !== picked) pick(next); }}
        onMouseLeave={() => pick(null)} onClick={(event) => open(at(event))} onKeyDown={move} onBlur={() => pick(null)} />
      {cell && places && <i class="heat-pick" style={{ left: `${places.x[picked!]! * unit}px`, top: `${places.y[picked!]! * unit}px`, width: `${places.size * unit}px`, height: `${places.size * unit}px` }} />}
      {cell && places && <Tip cell={cell} metric={metric} x={places.x[picked!]! * unit} y={(places.y[picked!]! + places.size) * unit} width={places.width * unit} />}
      <p id="heat-now" class="hidden" aria-live="polite">{cell ? tell(cell, metric) : t('map.keys')}</p>
    </div>
  );
}

/** The nearest cell in a direction. */
export function neighbour(places: Layout, from: number | null, [dx, dy]: [number, number]): number | null {
  if (places.x.length === 0) return null;
  if (from === null || from >= places.x.length) return 0;
  let best = from;
  let nearest = Infinity;
  for (let i = 0; i < places.x.length; i++) {
    const ax = places.x[i]! - places.x[from]!;
    const ay = places.y[i]! - places.y[from]!;
    const along = ax * dx + ay * dy;
    const across = Math.abs(ax * dy) + Math.abs(ay * dx);
    if (along <= 0) continue;
    const far = along + across * 4;
    if (far < nearest) {
      nearest = far;
      best = i;
    }
  }
  return best;
}

function Tip({ cell, metric, x, y, width }: { cell: Cell; metric: Metric; x: number; y: number; width: number }) {
  const right = x > width - 240;
  return (
    <div class="tip" aria-hidden="true" style={{ top: `${y + 8}px`, ...(right ? { right: `${Math.max(0, width - x - 40)}px` } : { left: `${x}px` }) }}>
      <b>{cell.id}</b>
      <span class="quiet">{cell.model}</span>
      <span>{word('use', cell.use)} · {word('health', cell.health)}</span>
      <span class="num">{percent(cell.utilization)} · {t('metric.memory')} {percent(cell.memory)} · {celsius(cell.temperature)} · {watts(cell.power)}</span>
      {cell.parts.length === 0 && cell.owner && <span>{cell.owner}</span>}
      {cell.parts.map((part, i) => (
        <span key={i} class="num">{part.label} · {metric === 'memory' ? percent(part.memory) : percent(part.utilization)} · {part.owner ?? word('use', part.use)}</span>
      ))}
    </div>
  );
}

export function HeatLegend({ cells, metric }: { cells: Cell[]; metric: Metric }) {
  const owners = metric === 'owner' ? topOwners(cells) : [];
  const ends: Record<string, [string, string]> = {
    utilization: ['0 %', '100 %'], memory: ['0 %', '100 %'], temperature: ['25 °C', '95 °C'], power: ['0 W', '700 W'],
  };
  return (
    <ul class="heat-legend">
      {ends[metric] && (
        <li class="ramp">
          <span class="num">{ends[metric]![0]}</span>
          {Array.from({ length: 7 }, (_, i) => <i key={i} class={`heat-${i}`} aria-hidden="true" />)}
          <span class="num">{ends[metric]![1]}</span>
        </li>
      )}
      {owners.map((name, i) => <li key={name}><i class={`fill-${i}`} aria-hidden="true" /> <span class="breakable">{name}</span></li>)}
      {metric === 'owner' && <li><i class="fill-7" aria-hidden="true" /> {t('map.others')}</li>}
      {metric === 'health' && ['healthy', 'degraded', 'unhealthy', 'unknown'].map((one) => <li key={one}><i class={`state-${one}`} aria-hidden="true" /> {word('health', one)}</li>)}
      <li><i class="idle" aria-hidden="true" /> {word('use', 'idle')}</li>
      <li><i class="free" aria-hidden="true" /> {word('use', 'free')}</li>
      <li><i class="mark-ill" aria-hidden="true">✕</i> {word('health', 'unhealthy')}</li>
      <li><i class="mark-warn" aria-hidden="true">▲</i> {word('health', 'degraded')}</li>
      <li><i class="silent" aria-hidden="true" /> {t('map.silent')}</li>
    </ul>
  );
}
