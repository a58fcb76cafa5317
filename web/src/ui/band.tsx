// What was and what is expected, as a line over time with the band that it should stay in. In SVG; the numbers stand in a table beside it.
import { moment } from './format';

export interface Known {
  time: string;
  value: number | null;
}
export interface Expected {
  time: string;
  value: number;
  low: number;
  high: number;
}

const kWide = 1000;
const kHigh = 220;
const shares = [1, 0.5, 0]; // of the highest value: where lines are drawn
const kTimes = 4; // as many have room below, also on a phone

export interface Drawn {
  top: number;
  /** Of what was: a piece for each stretch without a gap. */
  past: string[];
  ahead: string;
  band: string;
  /** Where what is expected begins. */
  now: number;
}

/** Places in a box of kWide by kHigh; one hour is as wide as another. */
export function drawn(past: Known[], ahead: Expected[]): Drawn {
  const count = Math.max(2, past.length + ahead.length);
  const top = Math.max(0, ...past.map((one) => one.value ?? 0), ...ahead.map((one) => one.high)) * 1.05 || 1;
  const x = (at: number) => ((at / (count - 1)) * kWide).toFixed(1);
  const y = (value: number) => ((1 - Math.max(0, value) / top) * kHigh).toFixed(1);
  const pieces: string[] = [];
  let piece: string[] = [];
  const end = () => {
    if (piece.length > 1) pieces.push(piece.join(' '));
    piece = [];
  };
  past.forEach((one, at) => (one.value === null ? end() : piece.push(`${x(at)},${y(one.value)}`)));
  end();
  const line = (of: (one: Expected) => number) => ahead.map((one, i) => `${x(past.length + i)},${y(of(one))}`);
  return { top, past: pieces, ahead: line((one) => one.value).join(' '), band: [...line((one) => one.high), ...line((one) => one.low).reverse()].join(' '), now: Number(x(past.length)) };
}

export function Band({ label, unit, past, ahead }: { label: string; unit: (value: number) => string; past: Known[]; ahead: Expected[] }) {
  const { top, past: pieces, ahead: line, band, now } = drawn(past, ahead);
  const times = [...past, ...ahead].map((one) => one.time);
  const shown = Array.from({ length: kTimes }, (_, i) => times[Math.round((i * (times.length - 1)) / (kTimes - 1))]);
  return (
    <figure class="band">
      <div class="stacked-plot">
        <ul class="axis num" aria-hidden="true">{shares.map((share) => <li key={share}>{unit(top * share)}</li>)}</ul>
        <div>
          <svg width="100%" height={kHigh} viewBox={`0 0 ${kWide} ${kHigh}`} preserveAspectRatio="none" role="img" aria-label={label}>
            {shares.map((share) => <line key={share} class="rule" x1="0" x2={kWide} y1={(1 - share) * kHigh} y2={(1 - share) * kHigh} />)}
            <polygon class="within" points={band} />
            <line class="now" x1={now} x2={now} y1="0" y2={kHigh} />
            {pieces.map((one) => <polyline key={one.slice(0, 12)} class="was" points={one} />)}
            <polyline class="expected" points={line} />
          </svg>
          <ul class="axis times num" aria-hidden="true">{shown.map((one, i) => <li key={i}>{one ? moment(one, false).slice(5) : ''}</li>)}</ul>
        </div>
      </div>
    </figure>
  );
}
