// What was spent in each hour, day or week of the window, by what became of it.
import { address } from '../api/client';
import { useSlowApi } from '../api/use';
import type { CostAllocation } from '../api/schema';
import { t } from '../i18n';
import { RowsCsv, Rows, type Column } from '../ui/table';
import { Nothing, Panel, Shown } from '../ui/parts';
import { Columns } from '../ui/columns';
import { money, percent } from '../ui/format';
import { begins, kinds, pieceOf, spentOf, type Spent, type Window } from './spent';

type Point = Spent & { start: string };

export function Trend({ window, filter }: { window: Window; filter: string | null }) {
  const piece = pieceOf(window);
  const told = useSlowApi<CostAllocation>(address('/cost/allocation', { window, filter, aggregate: 'cluster', includeIdle: true, accumulate: piece }));
  const points = told.data ? begins(told.data).map((start, i): Point => ({ start, ...spentOf(told.data!.data[i] ?? {}) })) : [];
  const currency = told.data?.currency ?? '';
  const label = (start: string) => piece === 'hour' ? start.slice(11, 16) : start.slice(5, 10);
  return (
    <Panel title={t('cost.trend')} note={t(`cost.by.${piece}`)} tools={<RowsCsv rows={points} file="cost-trend" />}>
      <Shown of={told} empty={() => points.every((one) => !one.all) && <Nothing title={t('cost.none')}>{t('cost.noneText')}</Nothing>}>
        {() => (
          <>
            <Columns label={t('cost.trend')} unit={(value) => money(value, currency)} names={points.map((one) => label(one.start))}
              series={kinds.map((kind) => ({ name: t(`cost.${kind}`), kind, values: points.map((one) => one.of[kind]) })).filter((one) => one.values.some((value) => value))} />
            <details>
              <summary>{t('cost.asTable')}</summary>
              <Rows rows={points} columns={columns(currency)} rowKey={(one) => one.start} caption={t('cost.trend')} />
            </details>
          </>
        )}
      </Shown>
    </Panel>
  );
}

function columns(currency: string): Column<Point>[] {
  return [
    { title: t('column.began'), cell: (one) => <span class="num">{one.start.slice(0, 16).replace('T', ' ')}</span> },
    { title: t('cost.all'), num: true, cell: (one) => money(one.all, currency) },
    ...kinds.map((kind): Column<Point> => ({ title: t(`cost.${kind}`), num: true, cell: (one) => money(one.of[kind], currency) })),
    { title: t('cost.efficiency'), num: true, cell: (one) => percent(one.efficiency) },
  ];
}
