// What parts of the fleet may cost, how much of that is gone, and what the rest of the period is expected to take.
import { useState } from 'preact/hooks';
import { address, send, type Failure } from '../api/client';
import { useSlowApi } from '../api/use';
import type { Budget } from '../api/schema';
import { href, query, setQuery } from '../frame/url';
import { t, word } from '../i18n';
import { ApiTable, Rows, type Column } from '../ui/table';
import { asked, Filters, PickFilter } from '../ui/filters';
import { Badge, FailureNotice, Meter, Nothing, Notice, PageHead, Panel, Shown, Sure, Tile } from '../ui/parts';
import { absent, moment, money, number, percent } from '../ui/format';
import { burnState } from './burn';
import { BudgetDialog } from './budget_form';
import { BurnChart } from './burn_chart';
import { useWho } from './who';

export function BudgetsPage() {
  const who = useWho();
  const operates = !!who?.operates && !who.restricted;
  const [edited, edit] = useState<Budget | 'new' | null>(null);
  const [failure, fail] = useState<Failure | null>(null);
  const id = query.value.get('budget');
  return (
    <>
      <PageHead title={t('nav.budgets')} tools={operates && <button type="button" class="button" onClick={() => edit('new')}>{t('budget.add')}</button>} />
      {failure && <FailureNotice failure={failure} />}
      {id && <One key={id} id={id} />}
      <Panel>
        <Filters keys={['scope']}><PickFilter name="scope" label={t('budget.scope')} of={scopes.map((one) => [one, t(`budgetScope.${one}`)])} /></Filters>
        <ApiTable<Budget> path="/budgets" parameters={asked('scope')} columns={columns(operates ? edit : null, fail)} rowKey={(one) => one.id} order="-spentPercent" caption={t('nav.budgets')} file="budgets"
          empty={<Nothing title={t('budget.none')}>{t('budget.noneText')}</Nothing>} />
      </Panel>
      {edited && <BudgetDialog of={edited === 'new' ? null : edited} close={() => edit(null)} />}
    </>
  );
}

const scopes = ['fleet', 'team', 'project', 'namespace'] as const;
const scopeOf = (one: Budget) => one.scopeName === null ? t(`budgetScope.${one.scope}`) : `${t(`budgetScope.${one.scope}`)} ${one.scopeName}`;

/** Sums are the ledger's, and it is behind by some minutes. */
function columns(edit: ((one: Budget) => void) | null, fail: (failure: Failure | null) => void): Column<Budget>[] {
  const drop = (one: Budget) => () => send('DELETE', address('/budgets/{budgetId}', {}, { budgetId: one.id })).then(() => query.value.get('budget') === one.id && setQuery({ budget: null }));
  return [
    { title: t('budget.name'), sort: 'name', cell: (one) => <a class="breakable" href={href('/budgeting', { budget: one.id })}>{one.name}</a> },
    { title: t('budget.scope'), sort: 'scopeName', cell: (one) => <span class="breakable">{scopeOf(one)}</span> },
    { title: t('budget.period'), rest: true, cell: (one) => t(`period.${one.period}`) },
    { title: t('key.state'), cell: (one) => <Badge kind="burn" value={burnState(one)} plain={burnState(one) === 'unknown'} /> },
    { title: t('budget.amount'), sort: 'amount', num: true, cell: (one) => money(one.amount, one.currency) },
    { title: t('budget.spent'), num: true, cell: (one) => money(one.standing?.spent, one.currency) },
    { title: t('budget.part'), sort: 'spentPercent', num: true, cell: (one) => <Meter value={one.standing?.spentPercent} kind="plain" /> },
    { title: t('budget.even'), num: true, rest: true, cell: (one) => money(one.standing?.evenPace, one.currency) },
    { title: t('budget.forecast'), num: true, cell: (one) => money(one.standing?.forecast?.value, one.currency) },
    ...(edit ? [{ title: t('key.change'), cell: (one: Budget) => (
      <span class="actions">
        <button type="button" class="button small" onClick={() => edit(one)}>{t('budget.change')}</button>
        <Sure name={t('budget.remove')} sure={t('budget.removeSure')} fail={fail} act={drop(one)} />
      </span>
    ) }] : []),
  ];
}

function One({ id }: { id: string }) {
  const told = useSlowApi<Budget>(address('/budgets/{budgetId}', {}, { budgetId: id }));
  const title = told.data?.name ?? t('nav.budgets');
  const close = <button type="button" class="button small" onClick={() => setQuery({ budget: null }, false)}>{t('frame.close')}</button>;
  return (
    <Panel title={title} note={told.data?.standing && <Period of={told.data} />} tools={close}>
      <Shown of={told} lines={6}>
        {(one) => one.standing ? <Standing of={one} standing={one.standing} /> : <Notice icon="warn" title={t('budget.unknown')}>{one.trouble ?? t('budget.unknownText')}</Notice>}
      </Shown>
    </Panel>
  );
}

/** In the budget's own zone: its days are not always the reader's. */
function Period({ of }: { of: Budget }) {
  const { start, end } = of.standing!.period;
  const shown = (time: string) => time.slice(0, 16).replace('T', ' ');
  return <>{scopeOf(of)} · {t('cost.between', { from: shown(start), to: shown(end), zone: of.timeZone })}</>;
}

type Stands = NonNullable<Budget['standing']>;

function Standing({ of, standing }: { of: Budget; standing: Stands }) {
  const state = burnState(of);
  const closed = standing.closedUntil ? t('cost.closed', { time: moment(standing.closedUntil, false) }) : t('budget.nothingClosed');
  return (
    <>
      <div class="tiles small">
        <Tile label={t('budget.amount')} value={money(of.amount, of.currency)} note={t(`enforcement.${of.enforcement}`)} />
        <Tile label={t('budget.spent')} value={money(standing.spent, of.currency)} note={<>{percent(standing.spentPercent)} · {closed}</>} kind={state === 'overspent' ? 'bad' : state === 'crossed' ? 'attend' : ''} />
        <Tile label={t('budget.left')} value={money(standing.remaining, of.currency)} note={standing.unknownHours > 0 ? t('budget.unknownHours', { hours: number(standing.unknownHours) }) : undefined} />
        <Tile label={t('budget.even')} value={money(standing.evenPace, of.currency)} note={t('budget.evenNote')} />
        <ForecastTile of={of} standing={standing} />
      </div>
      <BurnChart of={of} />
      <Thresholds of={of} standing={standing} />
      <details>
        <summary>{t('cost.asTable')}</summary>
        <Rows rows={standing.burnDown ?? []} columns={dayColumns(of.currency)} rowKey={(one) => one.start} caption={t('budget.burnDown')} />
      </details>
    </>
  );
}

function ForecastTile({ of, standing }: { of: Budget; standing: Stands }) {
  const { forecast } = standing;
  if (!forecast) return <Tile label={t('budget.forecast')} value={absent} note={<span class="breakable">{standing.noForecast}</span>} />;
  const note = t('budget.forecastNote', { low: money(forecast.low, of.currency), high: money(forecast.high, of.currency), hours: number(forecast.historyHours), error: money(forecast.hourlyError, of.currency) });
  return <Tile label={t('budget.forecast')} value={money(forecast.value, of.currency)} note={note} kind={(forecast.percent ?? 0) > 100 ? 'attend' : ''} />;
}

function Thresholds({ of, standing }: { of: Budget; standing: Stands }) {
  if (of.thresholds.length === 0) return <p class="quiet">{t('budget.noThresholds')}</p>;
  return (
    <ul class="chips" aria-label={t('budget.thresholds')}>
      {of.thresholds.map((one) => {
        const crossed = standing.crossings.find((other) => other.percent === one.percent && other.on === one.on);
        return (
          <li key={`${one.percent} ${one.on}`}>
            <span class="num">{percent(one.percent)}</span> {word('basis', one.on)}: {crossed ? t('budget.crossedAt', { time: moment(crossed.time, false), amount: money(crossed.reached, of.currency) }) : t('budget.notCrossed')}
          </li>
        );
      })}
    </ul>
  );
}

type Day = NonNullable<Stands['burnDown']>[number];

function dayColumns(currency: string): Column<Day>[] {
  return [
    { title: t('column.began'), cell: (one) => <span class="num">{one.start.slice(0, 10)}</span> },
    { title: t('budget.spent'), num: true, cell: (one) => <>{money(one.spent, currency)}{one.spent !== null && !one.closed && <span class="quiet"> {t('budget.soFar')}</span>}</> },
    { title: t('budget.spentBy'), num: true, cell: (one) => money(one.spentBy, currency) },
    { title: t('budget.even'), num: true, cell: (one) => money(one.evenBy, currency) },
  ];
}
