// Which hours of the week are full: a map of seven days by 24 hours. Each field says its numbers in words, and the hours of the day
// stand in a table below.
import { address } from '../api/client';
import { useSlowApi } from '../api/use';
import type { PatternHour, Patterns } from '../api/schema';
import { inWords, t, type Word } from '../i18n';
import { Panel, Shown } from '../ui/parts';
import { absent } from '../ui/format';
import { Rows, type Column } from '../ui/table';
import { TooLittle } from './forecast';
import { amountOf, levelOf, weekOf, type Measure } from './foreseen';
import { zone } from '../frame/settings';

const dayOf = (weekday: number): string => t(`weekday.${weekday}` as Word);
const clockOf = (hour: number): string => `${String(hour).padStart(2, '0')}:00`;

export function Week({ measure, scope }: { measure: Measure; scope: string }) {
  const timezone = zone.value === 'utc' ? 'UTC' : Intl.DateTimeFormat().resolvedOptions().timeZone;
  const told = useSlowApi<Patterns>(address('/forecast/patterns', { scope, measure, timezone }));
  return (
    <Panel title={t('week.title')} note={t('week.note', { measure: t(`forecast.${measure}`), zone: timezone })}>
      <Shown of={told} lines={6} empty={(data) => data.items.length === 0 && <TooLittle reason={inWords(`weekReason.${data.state}`, data.reason)} hours={data.history.observedHours} />}>
        {(data) => (
          <>
            <Extremes of={data} />
            <Map of={data} />
            <details>
              <summary>{t('week.byHour')}</summary>
              <Rows rows={data.byHour} columns={columns(data.unit)} rowKey={(one) => String(one.hour)} caption={t('week.byHour')} />
            </details>
          </>
        )}
      </Shown>
    </Panel>
  );
}

function amount(value: number | string | null, unit: string): string {
  return value === null ? absent : amountOf(Number(value), unit);
}

function Extremes({ of: { busiest, quietest, unit } }: { of: Patterns }) {
  const place = (one: PatternHour | null) => ({ day: one ? dayOf(one.weekday ?? 1) : absent, hour: one ? clockOf(one.hour) : absent, amount: one ? amount(one.mean, unit) : absent });
  return <p>{t('week.busiest', place(busiest as PatternHour | null))} {t('week.quietest', place(quietest as PatternHour | null))}</p>;
}

function Map({ of }: { of: Patterns }) {
  const most = Math.max(0, ...of.items.map((one) => Number(one.mean ?? 0)));
  const says = (one: PatternHour) => t('week.cell', { day: dayOf(one.weekday ?? 1), hour: clockOf(one.hour), mean: amount(one.mean, of.unit), peak: amount(one.peak, of.unit) });
  return (
    <table class="week">
      <caption class="hidden">{t('week.title')}</caption>
      <thead><tr><td />{Array.from({ length: 24 }, (_, hour) => <th key={hour} scope="col"><span class={hour % 6 === 0 ? '' : 'hidden'}>{hour}</span></th>)}</tr></thead>
      <tbody>
        {weekOf(of.items).map((day, i) => (
          <tr key={i}>
            <th scope="row">{dayOf(i + 1)}</th>
            {day.map((one) => <td key={one.hour} class={levelOf(one.mean, most) === null ? 'none' : `heat-${levelOf(one.mean, most)}`} title={says(one)}><span class="hidden">{amount(one.mean, of.unit)}</span></td>)}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function columns(unit: string): Column<PatternHour>[] {
  return [
    { title: t('week.hour'), cell: (one) => <span class="num">{clockOf(one.hour)}</span> },
    { title: t('week.mean'), num: true, cell: (one) => amount(one.mean, unit) },
    { title: t('week.peak'), num: true, cell: (one) => amount(one.peak, unit) },
  ];
}
