// When each pool will be full, and what more devices would change.
import { address } from '../api/client';
import { useSlowApi } from '../api/use';
import type { Capacity, PoolCapacity } from '../api/schema';
import { query, setQuery } from '../frame/url';
import { inWords, t, word } from '../i18n';
import { Nothing, Panel, Shown } from '../ui/parts';
import { absent, moment, number } from '../ui/format';
import { Rows, RowsCsv, type Column } from '../ui/table';
import { addedOf } from './foreseen';

export function Pools() {
  const add = addedOf(query.value.get('add'));
  const told = useSlowApi<Capacity>(address('/forecast/capacity', { add: add === null ? null : String(add) }));
  return (
    <Panel title={t('pools.title')} note={t('pools.note')} tools={<><More add={add} /><RowsCsv rows={told.data?.items ?? []} file="capacity" /></>}>
      <Shown of={told} empty={(data) => data.items.length === 0 && <Nothing title={t('pools.none')} />}>
        {(data) => <Rows rows={data.items} columns={columns(add)} rowKey={(one) => one.model} caption={t('pools.title')} />}
      </Shown>
    </Panel>
  );
}

function More({ add }: { add: number | null }) {
  return (
    <label class="select">
      <span>{t('pools.add')}</span>
      <input type="text" inputMode="numeric" size={5} value={add ?? ''} onChange={(event) => setQuery({ add: addedOf(event.currentTarget.value) === null ? null : event.currentTarget.value })} />
    </label>
  );
}

type Outlook = Pick<PoolCapacity, 'state' | 'fullAt' | 'earliest' | 'latest'>;

function Full({ of, reason }: { of: Outlook; reason: string | null }) {
  if (of.state !== 'dated') return <><b>{word('outlook', of.state)}</b>{reason && <div class="quiet">{reason}</div>}</>;
  const day = (time: string | null) => (time === null ? t('pools.never') : moment(time, false).slice(0, 10));
  return <><b class="num">{day(of.fullAt)}</b><div class="quiet num">{t('pools.between', { earliest: day(of.earliest), latest: day(of.latest) })}</div></>;
}

function columns(add: number | null): Column<PoolCapacity>[] {
  return [
    { title: t('column.model'), cell: (one) => <b>{one.model}</b> },
    { title: t('pools.held'), num: true, cell: (one) => <>{number(one.held, 2)} / {number(one.capacity, 0)}{one.missing > 0 && <div class="quiet">{t('pools.missing', { count: number(one.missing, 0) })}</div>}</> },
    { title: t('pools.waiting'), num: true, cell: (one) => number(one.waiting, 1) },
    { title: t('pools.trend'), num: true, cell: (one) => one.trend ? <span title={`${number(one.trend.perDayLow, 3)} … ${number(one.trend.perDayHigh, 3)}`}>{t('pools.perDay', { gpus: number(one.trend.perDay, 3) })}</span> : absent },
    { title: t('pools.full'), cell: (one) => <Full of={one} reason={inWords(`poolReason.${one.state}`, one.reason)} /> },
    ...(add === null ? [] : [{ title: t('pools.with', { add: `+${add}` }), cell: (one: PoolCapacity) => one.whatIf ? <Full of={one.whatIf} reason={null} /> : absent }]),
    { title: t('pools.needed'), num: true, cell: (one) => number(one.trend?.neededIn90Days, 0) },
  ];
}
