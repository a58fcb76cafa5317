// What the fleet costs: an hour now, and in a window by kind, over time, by owner and by token.
import { useState } from 'preact/hooks';
import { address, download, type Failure } from '../api/client';
import { hourlyCost } from '../api/live';
import { useSlowApi } from '../api/use';
import type { CostAllocation } from '../api/schema';
import { query, setQuery } from '../frame/url';
import { t } from '../i18n';
import { Icon } from '../ui/icons';
import { Coverage, FailureNotice, Nothing, PageHead, Panel, Select, Shown, Tile } from '../ui/parts';
import { moment, money, number, percent, shareOf } from '../ui/format';
import { Owners } from './cost_owners';
import { Tokens } from './cost_tokens';
import { Trend } from './cost_trend';
import { ClusterPicker } from './overview';
import { filterOf, kinds, spentOf, windowOf, windows, type Spent } from './spent';
import { useWho } from './who';

export function CostPage() {
  const window = windowOf(query.value.get('window'));
  const filter = filterOf(query.value.get('cluster'));
  const told = useSlowApi<CostAllocation>(address('/cost/allocation', { window, filter, aggregate: 'cluster', includeIdle: true }));
  const who = useWho();
  const disabled = told.failure?.problem?.type.endsWith(':disabled');
  return (
    <>
      <PageHead title={t('nav.cost')} tools={<><ClusterPicker /><WindowPicker /><Downloads parameters={{ window, filter }} /></>} />
      {!disabled && who && !who.restricted && <Now />}
      <Shown of={told} lines={6} empty={(data) => !data.knownUntil && <Panel><Nothing title={t('cost.none')}>{t('cost.noneText')}</Nothing></Panel>}>
        {(data) => (
          <>
            <Panel title={t('cost.went')} note={<Until of={data} />}><Went of={spentOf(data.data[0] ?? {})} currency={data.currency} /></Panel>
            <Trend window={window} filter={filter} />
            <Owners window={window} filter={filter} />
            <Tokens window={window} />
          </>
        )}
      </Shown>
    </>
  );
}

function WindowPicker() {
  return <Select label={t('cost.window')} value={windowOf(query.value.get('window'))} of={windows.map((one) => [one, t(`window.${one}`)])} pick={(value) => setQuery({ window: value === '7d' ? null : value }, false)} />;
}

function Downloads({ parameters }: { parameters: { window: string; filter: string | null } }) {
  const [failure, fail] = useState<Failure | null>(null);
  const get = (format: string, name: string) => () => {
    fail(null);
    download(address('/cost/export', { ...parameters, format }), `${name}-${parameters.window}.csv`).catch((error: unknown) => fail(error as Failure));
  };
  return (
    <>
      <button type="button" class="button no-print" onClick={get('csv', 'cost')}><Icon name="download" /> {t('table.csv')}</button>
      <button type="button" class="button no-print" onClick={get('focus', 'focus')}><Icon name="download" /> FOCUS</button>
      {failure && <FailureNotice failure={failure} />}
    </>
  );
}

/** As events tell it: nothing until the first has come. */
function Now() {
  const cost = hourlyCost.value;
  const tile = (of: 'allocated' | 'unallocated' | 'unobserved' | 'overhead') =>
    <Tile label={t(`cost.${of}`)} value={money(cost?.[of], cost?.currency ?? '')} note={percent(shareOf(cost ? Number(cost[of]) : null, cost ? Number(cost.perHour) : null))} />;
  return (
    <Panel title={t('cost.now')} note={t('cost.nowNote')}>
      <div class="tiles small">
        <Tile label={t('cost.perHour')} value={money(cost?.perHour, cost?.currency ?? '')} note={cost ? t('cost.perMonth', { amount: money(Number(cost.perHour) * 730, cost.currency) }) : t('cost.waits')} />
        {tile('allocated')}
        {tile('unallocated')}
        {tile('unobserved')}
        {tile('overhead')}
      </div>
    </Panel>
  );
}

function Until({ of }: { of: CostAllocation }) {
  const piece = of.totals[0]?.window;
  return (
    <>
      {piece && t('cost.between', { from: piece.start.slice(0, 16).replace('T', ' '), to: piece.end.slice(0, 16).replace('T', ' '), zone: of.timeZone })}
      {' · '}{of.closedUntil ? t('cost.closed', { time: moment(of.closedUntil, false) }) : t('cost.open')}
    </>
  );
}

function Went({ of, currency }: { of: Spent; currency: string }) {
  return (
    <div class="tiles small">
      <Tile label={t('cost.all')} value={money(of.all, currency)} note={of.unpricedHours > 0 ? t('cost.unpriced', { hours: number(of.unpricedHours) }) : t('cost.allNote')} kind={of.unpricedHours > 0 ? 'attend' : ''} />
      {kinds.map((kind) => (
        <Tile key={kind} label={t(`cost.${kind}`)} value={money(of.of[kind], currency)} note={<><i class={`swatch k-${kind}`} aria-hidden="true" /> {percent(shareOf(of.of[kind], of.all))}</>} />
      ))}
      <Tile label={t('cost.efficiency')} value={percent(of.efficiency)} note={of.efficiency === null ? t('cost.efficiencyNone') : <>{t('cost.efficiencyNote')} <Coverage value={of.coverage} /></>} />
    </div>
  );
}
