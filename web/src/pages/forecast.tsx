// What comes next: usage, demand and cost with the error that forecasts have had, when pools are full, and which hours of the week are.
import { address } from '../api/client';
import { useSlowApi } from '../api/use';
import type { CostForecast, ForecastScopes, UsageForecast } from '../api/schema';
import { query, setQuery } from '../frame/url';
import { inWords, t, word } from '../i18n';
import { Band } from '../ui/band';
import { Choice, Notice, Nothing, PageHead, Panel, Select, Shown, Tile } from '../ui/parts';
import { money, moment, number, percent } from '../ui/format';
import { Rows, RowsCsv, type Column } from '../ui/table';
import { Pools } from './forecast_pools';
import { Week } from './forecast_week';
import { amountOf, expectedOf, horizonOf, horizons, knownOf, measureOf, measures, scopeOf, type Measure } from './foreseen';
import { useWho } from './who';

type Forecast = UsageForecast & Partial<CostForecast>;

export function ForecastPage() {
  const who = useWho();
  const scopes = useSlowApi<ForecastScopes>(address('/forecast/scopes'));
  if (!who) return <PageHead title={t('nav.forecast')} />;
  if (!who.restricted) return <Foreseen scope={scopeOf(query.value.get('scope'), false, [])!} scopes={scopes.data} pools />;
  return <Shown of={scopes}>{(data) => <ForTeams told={data} />}</Shown>;
}

/** Whole pools are not told to who sees a part of the fleet. */
function ForTeams({ told }: { told: ForecastScopes }) {
  const scope = scopeOf(query.value.get('scope'), true, told.items.map((one) => one.scope));
  if (scope === null) return <><PageHead title={t('nav.forecast')} /><Notice icon="lock" title={t('state.forbidden')}>{t('forecast.restricted')}</Notice></>;
  return <Foreseen scope={scope} scopes={told} pools={false} />;
}

function Foreseen({ scope, scopes, pools }: { scope: string; scopes: ForecastScopes | null; pools: boolean }) {
  const measure = measureOf(query.value.get('measure'));
  const horizon = horizonOf(query.value.get('horizon'));
  return (
    <>
      <PageHead title={t('nav.forecast')} tools={<><ScopePicker scope={scope} told={scopes} /><Select label={t('forecast.horizon')} value={horizon} of={horizons.map((one) => [one, t(`horizon.${one}`)])} pick={(value) => setQuery({ horizon: value === '48h' ? null : value }, false)} /></>} />
      <Choice<Measure> label={t('forecast.of')} value={measure} of={measures.map((one) => [one, t(`forecast.${one}`)])} pick={(value) => setQuery({ measure: value === 'usage' ? null : value }, false)} />
      <Ahead measure={measure} scope={scope} horizon={horizon} />
      {pools && <Pools />}
      <Week measure={measure} scope={scope} />
    </>
  );
}

function ScopePicker({ scope, told }: { scope: string; told: ForecastScopes | null }) {
  const known = told?.items.map((one): [string, string] => [one.scope, one.name === null ? t('forecast.fleet') : `${word('scope', one.kind)} ${one.name}`]) ?? [];
  const of = known.some(([one]) => one === scope) ? known : [[scope, scope === 'fleet' ? t('forecast.fleet') : scope] as [string, string], ...known];
  return <Select label={t('forecast.scope')} value={scope} of={of} pick={(value) => setQuery({ scope: value === 'fleet' ? null : value }, false)} />;
}

/** Too little is known: said, and no number is shown. */
export function TooLittle({ reason, hours }: { reason: string | null; hours: number }) {
  return <Nothing title={t('forecast.none')}><p>{t('forecast.noneText', { hours: number(hours, 0) })}</p>{reason && <p class="breakable">{reason}</p>}</Nothing>;
}

function Ahead({ measure, scope, horizon }: { measure: Measure; scope: string; horizon: string }) {
  const told = useSlowApi<Forecast>(address(`/forecast/${measure}`, { scope, horizon }));
  return (
    <Panel title={t(`forecast.${measure}`)} note={t(`forecast.${measure}Note`)} tools={<RowsCsv rows={told.data?.items ?? []} file={`forecast-${measure}`} />}>
      <Shown of={told} lines={6}>
        {(data) => (
          <>
            {data.month && <Month of={data as CostForecast} />}
            {data.items.length === 0 ? <TooLittle reason={inWords(`forecastReason.${data.state}`, data.reason)} hours={data.history.observedHours} /> : <Told of={data} />}
          </>
        )}
      </Shown>
    </Panel>
  );
}

function Told({ of }: { of: Forecast }) {
  const past = knownOf(of.history.points ?? []);
  const ahead = expectedOf(of.items);
  const unit = (value: number) => amountOf(value, of.unit);
  const last = ahead[ahead.length - 1]!;
  const unjudged = of.items.filter((one) => !one.judged).length;
  return (
    <>
      <Errors of={of} />
      <Band unit={unit} past={past} ahead={ahead}
        label={t('forecast.label', { from: unit(ahead[0]!.value), to: unit(last.value), low: unit(Math.min(...ahead.map((one) => one.low))), high: unit(Math.max(...ahead.map((one) => one.high))) })} />
      <p class="quiet">{of.method && t('forecast.mostly', { method: methodOf(of.method), count: of.methods.length })} {t('forecast.stands', { hours: number(of.history.observedHours, 0), gaps: number(of.history.gapHours, 0), until: moment(of.history.end, false) })}{unjudged > 0 && <> {t('forecast.unjudged', { hours: unjudged })}</>}</p>
      <details>
        <summary>{t('cost.asTable')}</summary>
        <Rows rows={ahead} columns={steps(unit)} rowKey={(one) => one.time} caption={t('forecast.expected')} />
        <Rows rows={of.methods} columns={methods(unit)} rowKey={(one) => one.name} caption={t('forecast.methods')} />
      </details>
    </>
  );
}

const methodOf = (name: string): string => inWords(`forecastMethod.${name}`, name);

function steps(unit: (value: number) => string): Column<ReturnType<typeof expectedOf>[number]>[] {
  return [
    { title: t('column.began'), cell: (one) => <span class="num">{moment(one.time, false)}</span> },
    { title: t('forecast.expected'), num: true, cell: (one) => unit(one.value) },
    { title: t('forecast.low'), num: true, cell: (one) => unit(one.low) },
    { title: t('forecast.high'), num: true, cell: (one) => unit(one.high) },
  ];
}

function methods(unit: (value: number) => string): Column<Forecast['methods'][number]>[] {
  return [
    { title: t('forecast.method'), cell: (one) => methodOf(one.name) },
    { title: t('forecast.error'), num: true, cell: (one) => unit(Number(one.error)) },
    { title: t('forecast.weight'), num: true, cell: (one) => percent(one.weightPercent) },
  ];
}

/** Beside what comes of no forecast at all. */
function Errors({ of }: { of: Forecast }) {
  const error = of.error!;
  const unit = (value: number | string | null | undefined) => value === null || value === undefined ? '–' : amountOf(Number(value), of.unit);
  const worse = (error.ofSameHourYesterday ?? 0) >= 1;
  return (
    <div class="tiles small">
      <Tile label={t('forecast.off')} value={unit(error.mean)} note={t('forecast.offNote', { origins: error.origins, hours: error.judgedHours })} />
      <Tile label={t('forecast.offYesterday')} value={unit(error.sameHourYesterday)} kind={worse ? 'attend' : ''}
        note={error.ofSameHourYesterday === null ? undefined : t(worse ? 'forecast.worse' : 'forecast.better', { share: percent(100 * Math.abs(1 - error.ofSameHourYesterday)) })} />
      <Tile label={t('forecast.offLast')} value={unit(error.lastValue)} />
    </div>
  );
}

function Month({ of }: { of: CostForecast }) {
  const { month, unit } = of;
  return (
    <div class="tiles small">
      <Tile label={t('forecast.monthEnd')} value={money(month.projected, unit)} note={month.projected ? t('forecast.between', { low: money(month.low, unit), high: money(month.high, unit) }) : (inWords('monthReason.none', month.reason) ?? undefined)} />
      <Tile label={t('forecast.soFar')} value={money(month.soFar, unit)} note={t('forecast.until', { time: month.soFarUntil.slice(0, 16).replace('T', ' '), zone: of.timeZone })} />
      {month.unknownHours > 0 && <Tile label={t('forecast.notInLedger')} value={t('forecast.unknownHours', { hours: number(month.unknownHours) })} kind="attend" note={t('forecast.unknownNote')} />}
    </div>
  );
}
