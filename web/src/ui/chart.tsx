// Lines over time. All charts of a page share their cursor; dragging picks a range, a double click goes back to the last hour. From
// the keyboard: arrows move the cursor, + and - zoom about it, 0 is the last hour.
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { useEffect, useRef } from 'preact/hooks';
import { shownTheme, zone } from '../frame/settings';
import { language, t } from '../i18n';
import { range, setAbsolute, setRelative, zoomed } from '../frame/range';
import { absent, moment } from './format';

export interface Line {
  name: string;
  values: (number | null)[];
  /** Number of its colour, 0 to 7. */
  hue: number;
  dashed?: boolean;
}

interface Props {
  title: string;
  unit: (value: number | null) => string;
  times: number[];
  lines: Line[];
  /** Where the axis ends at least; percents end at 100. */
  top?: number;
  fixed?: boolean;
  /** Ticks at powers of two: bytes. */
  binary?: boolean;
}

const kBinary = Array.from({ length: 50 }, (_, i) => 2 ** i);

const sync = uPlot.sync('page');

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** Ticks of the time axis, on a 24 h clock. */
function timeTicks(_: uPlot, splits: number[], __: number, ___: number, step: number): string[] {
  return splits.map((at) => {
    const text = moment(at * 1000, true);
    if (step >= 86400) return text.slice(5, 10);
    if (text.slice(11, 16) === '00:00' && step >= 60) return text.slice(5, 10);
    return step < 60 ? text.slice(11, 19) : text.slice(11, 16);
  });
}

function options(props: Props, width: number, legend: (index: number | null) => void): uPlot.Options {
  const grid = { stroke: colour('--line'), width: 1 };
  const axis = { stroke: colour('--quiet'), grid, ticks: { ...grid, size: 4 }, font: `${kFont} system-ui, sans-serif` };
  return {
    width,
    height: 148,
    legend: { show: false },
    padding: [8, 24, 0, 0],
    tzDate: (ts) => (zone.value === 'utc' ? uPlot.tzDate(new Date(ts * 1000), 'Etc/UTC') : new Date(ts * 1000)),
    cursor: {
      sync: { key: sync.key, scales: ['x', null] },
      drag: { x: true, y: false, setScale: false },
      points: { size: 6 },
      bind: { dblclick: () => () => (setRelative('1h'), null) },
    },
    scales: {
      x: { time: true, range: () => [range.peek().from / 1000, range.peek().to / 1000] },
      y: { range: (_, __, most) => [0, props.fixed ? props.top! : Math.max(props.top ?? 0, (most ?? 0) * 1.08, 1e-9)] },
    },
    axes: [
      { ...axis, values: timeTicks, space: 64, size: 28 },
      { ...axis, size: 62, space: 28, ...(props.binary ? { incrs: kBinary } : {}), values: (_, splits) => splits.map((one) => props.unit(one)) },
    ],
    series: [
      {},
      ...props.lines.map((line) => ({
        label: line.name,
        stroke: colour(`--hue-${line.hue}`),
        width: 1.6,
        spanGaps: false,
        ...(line.dashed ? { dash: [5, 4] } : {}),
      })),
    ],
    hooks: {
      setSelect: [(plot: uPlot) => {
        const { left, width: wide } = plot.select;
        if (wide < 8) return;
        const from = plot.posToVal(left, 'x') * 1000;
        const to = plot.posToVal(left + wide, 'x') * 1000;
        plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        setAbsolute(Math.round(from), Math.round(to));
      }],
      setCursor: [(plot: uPlot) => legend(plot.cursor.idx ?? null)],
    },
  };
}
const kFont = '11px';

/** What a key does to a chart; false: nothing. */
function act(key: string, plot: uPlot, times: number[]): boolean {
  const at = plot.cursor.idx ?? times.length - 1;
  const step = { ArrowLeft: -1, ArrowRight: 1 }[key];
  const factor = { '+': 0.5, '=': 0.5, '-': 2 }[key];
  if (step !== undefined && times.length > 0) {
    const next = times[Math.min(times.length - 1, Math.max(0, plot.cursor.idx === null ? at : at + step))]!;
    plot.setCursor({ left: plot.valToPos(next, 'x'), top: plot.over.clientHeight / 2 });
  } else if (factor !== undefined) {
    const asked = range.peek();
    const { from, to } = zoomed(asked, plot.cursor.idx != null && times[at] !== undefined ? times[at]! * 1000 : (asked.from + asked.to) / 2, factor, Date.now());
    setAbsolute(Math.round(from), Math.round(to));
  } else if (key === '0') {
    setRelative('1h');
  } else return false;
  return true;
}

function lastKnown(line: Line): number | null {
  for (let i = line.values.length - 1; i >= 0; i--) if (line.values[i] !== null) return line.values[i]!;
  return null;
}

export function Chart(props: Props) {
  const box = useRef<HTMLDivElement>(null);
  const legend = useRef<HTMLUListElement>(null);
  const time = useRef<HTMLSpanElement>(null);
  const plot = useRef<uPlot | null>(null);
  const now = useRef(props);
  now.current = props;
  const shape = `${props.title} ${props.lines.map((line) => line.name + line.hue).join()} ${shownTheme.value} ${zone.value} ${language.value}`;
  const data = () => [now.current.times, ...now.current.lines.map((line) => line.values)] as uPlot.AlignedData;

  const tell = (index: number | null) => {
    const items = legend.current?.querySelectorAll('b');
    now.current.lines.forEach((line, i) => {
      const value = index === null ? lastKnown(line) : (line.values[index] ?? null);
      if (items?.[i]) items[i]!.textContent = value === null ? absent : now.current.unit(value);
    });
    const at = index === null ? undefined : now.current.times[index];
    if (time.current) time.current.textContent = at === undefined ? '' : moment(at * 1000);
  };

  useEffect(() => {
    const element = box.current!;
    const made = new uPlot(options(now.current, Math.max(160, element.clientWidth), tell), data(), element);
    plot.current = made;
    const watch = new ResizeObserver(() => made.setSize({ width: Math.max(160, element.clientWidth), height: 148 }));
    watch.observe(element);
    return () => {
      watch.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [shape]);
  useEffect(() => {
    plot.current?.setData(data());
    tell(plot.current?.cursor.idx ?? null);
  }, [props.times, props.lines, shape]);

  const pressed = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !plot.current || !act(event.key, plot.current, now.current.times)) return;
    event.preventDefault();
    event.stopPropagation();
  };

  const summary = props.lines.map((line) => `${line.name} ${lastKnown(line) === null ? absent : props.unit(lastKnown(line))}`).join(', ');
  return (
    <figure class="chart">
      <figcaption>
        <span class="chart-title">{props.title}</span>
        <span class="quiet num" ref={time} />
        <ul class="legend" ref={legend}>
          {props.lines.map((line) => (
            <li key={line.name} class={`hue-${line.hue} ${line.dashed ? 'dashed' : ''}`}>
              <i aria-hidden="true" /> {line.name} <b class="num" />
            </li>
          ))}
        </ul>
      </figcaption>
      <div ref={box} class="plot" role="img" tabIndex={0} onKeyDown={pressed} aria-label={t('chart.label', { title: props.title, values: summary })} />
    </figure>
  );
}
