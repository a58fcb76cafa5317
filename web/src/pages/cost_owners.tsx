// Who had what for how much, and how much of it was used.
import { address } from '../api/client';
import { useSlowApi } from '../api/use';
import type { CostAllocation, CostGroup } from '../api/schema';
import { query, setQuery } from '../frame/url';
import { t } from '../i18n';
import { RowsCsv, Rows, type Column } from '../ui/table';
import { Choice, Coverage, Meter, Nothing, Panel, Shown } from '../ui/parts';
import { count, money, number, shareOf } from '../ui/format';
import { ownedOf, type Window } from './spent';

const groupings = ['team', 'project', 'namespace', 'model'] as const;
type Grouping = (typeof groupings)[number];

export function Owners({ window, filter }: { window: Window; filter: string | null }) {
  const by = groupings.find((one) => one === query.value.get('by')) ?? 'team';
  const told = useSlowApi<CostAllocation>(address('/cost/allocation', { window, filter, aggregate: by }));
  const rows = told.data ? ownedOf(told.data.data[0] ?? {}) : [];
  const flat = rows.map(({ money: { unallocated: _, unobserved: __, overhead: ___, ...had }, properties }) => ({ ...properties, ...had }));
  return (
    <Panel title={t('cost.owners')} note={t('table.rows', { shown: count(rows.length), total: count(rows.length) })} tools={<RowsCsv rows={flat} file={`cost-${by}`} />}>
      <Choice<Grouping> label={t('cost.by')} value={by} of={groupings.map((one) => [one, t(`kind.${one}`)])} pick={(value) => setQuery({ by: value === 'team' ? null : value })} />
      <Shown of={told} empty={() => rows.length === 0 && <Nothing title={t('cost.none')}>{t('cost.noneText')}</Nothing>}>
        {(data) => <Rows rows={rows} columns={columns(by, data.currency, rows.reduce((sum, one) => sum + one.totalCost, 0), rows.some((one) => one.money.unpricedGpuHours > 0))} rowKey={(one) => one.name} caption={t('cost.owners')} />}
      </Shown>
    </Panel>
  );
}

function columns(by: Grouping, currency: string, all: number, unpriced: boolean): Column<CostGroup>[] {
  const amount = (of: 'used' | 'heldIdle' | 'heldUnknown', rest = false): Column<CostGroup> =>
    ({ title: t(`cost.${of}`), num: true, rest, cell: (one) => money(one.money[of], currency) });
  return [
    { title: t(`kind.${by}`), cell: (one) => <span class="breakable">{one.properties[by] ?? <span class="quiet">{t('allocations.nobody')}</span>}</span> },
    { title: t('cost.had'), num: true, cell: (one) => money(one.money.cost, currency) },
    { title: t('cost.share'), num: true, cell: (one) => <Meter value={shareOf(one.totalCost, all)} kind="plain" /> },
    amount('used'), amount('heldIdle'), amount('heldUnknown', true),
    { title: t('cost.hours'), num: true, rest: true, cell: (one) => number(one.gpuHours) },
    ...(unpriced ? [{ title: t('cost.hoursUnpriced'), num: true, cell: (one: CostGroup) => number(one.money.unpricedGpuHours) }] : []),
    { title: t('cost.efficiency'), num: true, cell: (one) => <><Meter value={one.money.efficiencyPercent} />{one.money.efficiencyPercent !== null && <Coverage value={one.money.efficiencyCoverage} />}</> },
  ];
}
