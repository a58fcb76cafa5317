// What stands on a device's memory slices, as a row; several rows are before and after.
import type { Placement } from '../api/schema';
import { t, word } from '../i18n';

export interface Slot extends Placement {
  title: string;
  note?: string | null;
  /** `mine`: stands, and is given. */
  kind: 'held' | 'idle' | 'comes' | 'goes' | 'mine';
}

const marks = { held: '●', idle: '○', comes: '+', goes: '−', mine: '✓' };

export function place(start: number, size: number, row = 1): { gridColumn: string; gridRow: string } {
  return { gridColumn: `${start + 1} / span ${size}`, gridRow: String(row) };
}

export function Strips({ label, slices, rows }: { label: string; slices: number; rows: readonly [name: string, slots: readonly Slot[]][] }) {
  const columns = { gridTemplateColumns: `repeat(${slices}, minmax(0, 1fr))` };
  return (
    <div class="strips" tabIndex={0} role="region" aria-label={label}>
      {rows.map(([name, slots]) => (
        <div class="strip" key={name} role="group" aria-label={name}>
          <span class="strip-name quiet">{name}</span>
          <div class="mig-grid" style={columns}>
            {slots.map((one) => (
              <div key={`${one.title} ${one.start}`} class={`slot k-${one.kind}`} style={place(one.start, one.size)} title={`${one.title} · ${one.note ?? word('slot', one.kind)} · ${t('slot.at', { from: one.start, to: one.start + one.size - 1 })}`}>
                <b>{one.title}</b>
                <span class="quiet"><span aria-hidden="true">{marks[one.kind]}</span> {one.note ?? word('slot', one.kind)}</span>
              </div>
            ))}
            {slots.length === 0 && <div class="slot" style={place(0, slices)}><span class="quiet">{t('mig.free')}</span></div>}
          </div>
        </div>
      ))}
    </div>
  );
}
