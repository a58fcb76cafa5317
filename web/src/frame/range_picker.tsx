import { useState } from 'preact/hooks';
import { t } from '../i18n';
import { moment, zoneName } from '../ui/format';
import { closeMenu, Menu } from './menu';
import { lengthOf, range, ranges, setAbsolute, setRelative } from './range';
import { zone } from './settings';
import { duration } from '../ui/format';

/** `2026-07-31 10:00` in the chosen zone as a moment; NaN where it is none. */
export function parseMoment(text: string, utc: boolean): number {
  const found = /^(\d{4})-(\d{2})-(\d{2})[ T](\d{1,2}):(\d{2})(?::(\d{2}))?$/.exec(text.trim());
  if (!found) return NaN;
  const [, y, mo, d, h, mi, s] = found.map(Number) as [number, number, number, number, number, number, number?];
  const parts: [number, number, number, number, number, number] = [y, mo - 1, d, h, mi, s && Number.isFinite(s) ? s : 0];
  const time = utc ? Date.UTC(...parts) : new Date(...parts).getTime();
  const back = new Date(time);
  return (utc ? back.getUTCDate() : back.getDate()) === d ? time : NaN; // 31 February is none
}

export function RangePicker() {
  const { from, to, relative } = range.value;
  const name = relative ? t('range.last', { length: duration(lengthOf(relative)) }) : `${moment(from, false)} – ${moment(to, false)}`;
  return (
    <Menu button={<>{name} <span class="quiet zone">{zoneName()}</span></>} title={t('range.title')} kind="num">
      <div class="range-list" role="group" aria-label={t('range.title')}>
        {ranges.map((one) => (
          <button key={one} type="button" class="button" aria-pressed={one === relative} onClick={(event) => {
            setRelative(one);
            closeMenu(event.currentTarget);
          }}>{duration(lengthOf(one))}</button>
        ))}
      </div>
      <Absolute key={`${zone.value} ${relative ?? `${from}${to}`}`} from={from} to={to} />
    </Menu>
  );
}

function Absolute(props: { from: number; to: number }) {
  const [from, setFrom] = useState(moment(props.from, false));
  const [to, setTo] = useState(moment(props.to, false));
  const [wrong, setWrong] = useState(false);
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const [a, b] = [parseMoment(from, zone.value === 'utc'), parseMoment(to, zone.value === 'utc')];
    if (!(a < b)) return setWrong(true);
    closeMenu(event.currentTarget as Element);
    setAbsolute(a, b);
  };
  return (
    <form class="form" onSubmit={submit}>
      <label class="field"><span>{t('range.from')}</span><input type="text" class="num" value={from} onInput={(event) => setFrom(event.currentTarget.value)} /></label>
      <label class="field"><span>{t('range.to')}</span><input type="text" class="num" value={to} onInput={(event) => setTo(event.currentTarget.value)} /></label>
      <p class="quiet">{zoneName()}</p>
      {wrong && <p class="wrong" role="alert">{t('range.wrong')}</p>}
      <button type="submit" class="button main">{t('range.apply')}</button>
    </form>
  );
}
