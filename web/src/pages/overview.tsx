// Is the fleet healthy, how much of it is really used, where to look next.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { address, get } from '../api/client';
import { clock, events, hourlyCost } from '../api/live';
import { readAhead as ahead, useApi, useRead, useSlowApi, type Told } from '../api/use';
import type { AdviceList, AlertList, BudgetList, Event, Heatmap, HealthReport, Overview as OverviewData } from '../api/schema';
import { t, word, type Word } from '../i18n';
import { HeatLegend, HeatMap } from '../maps/heatmap';
import { cellsOf, metrics, type Cell, type Metric } from '../maps/cells';
import { Badge, Choice, Coverage, deviceHref, Meter, Nothing, PageHead, Panel, podHref, Select, Shown, Tile, weightNote } from '../ui/parts';
import { absent, bytes, count, duration, money, number, percent, ratio, roundMoney, shareOf, since, watts } from '../ui/format';
import { href, query, setQuery } from '../frame/url';
import { sumsOf } from './advised';
import { useWho } from './who';

const totalsAt = (cluster: string | null) => address('/gpu/overview', { cluster });
const cellsKey = (cluster: string | null) => `cells ${cluster ?? ''}`;

/** Asks for all that it shows at once; done when its tiles can be drawn. */
export function readAhead(): Promise<unknown> {
  const cluster = query.value.get('cluster');
  const totals = ahead(totalsAt(cluster), () => get<OverviewData>(totalsAt(cluster)));
  void ahead(cellsKey(cluster), () => readCells(cluster)); // the longer reply: it must not stand before the other
  return totals;
}

export function Overview() {
  const cluster = query.value.get('cluster');
  const told = useApi<OverviewData>(totalsAt(cluster));
  const cells = useCells(cluster); // side by side with the above
  return (
    <>
      <PageHead title={t('nav.overview')} tools={<ClusterPicker />}>
        {!!told.data?.totalGpuDevices && <Verdict of={told.data} />}
      </PageHead>
      <Shown of={told} lines={6} empty={(data) => data.totalGpuDevices === 0 && <NoGpu />}>
        {(data) => (
          <>
            <Tiles of={data} />
            <Afterwards>
              {() => (
                <>
                  <Heat of={cells} />
                  <div class="columns">
                    <div class="stack"><Problems cluster={cluster} /><Recent /></div>
                    <Namespaces of={data} />
                    <Models of={data} />
                  </div>
                </>
              )}
            </Afterwards>
          </>
        )}
      </Shown>
    </>
  );
}

/** Drawn once what stands above it has been painted: that is there sooner then. */
function Afterwards({ children }: { children: () => ComponentChildren }) {
  const [painted, isPainted] = useState(false);
  useEffect(() => isPainted(true), []);
  return painted ? children() : null;
}

function NoGpu() {
  return (
    <Nothing title={t('overview.noGpu')}>
      <p>{t('overview.noGpuText')}</p>
    </Nothing>
  );
}

/** The answer in a word, from what the findings say. */
function Verdict({ of }: { of: OverviewData }) {
  const critical = of.findings['critical'] ?? 0;
  const warning = of.findings['warning'] ?? 0;
  const kind = critical ? 'bad' : warning ? 'warn' : 'good';
  const text = critical ? t('verdict.critical', { count: critical }) : warning ? t('verdict.warning', { count: warning }) : t('verdict.healthy');
  return <span class={`verdict ${kind}`}><span aria-hidden="true">{critical ? '✕' : warning ? '▲' : '●'}</span> {text}</span>;
}

export function ClusterPicker() {
  const told = useApi<{ items: { key: string }[] }>(address('/gpu/utilization', { groupBy: 'cluster', limit: 1000 }));
  const names = told.data?.items.map((one) => one.key) ?? [];
  if (names.length < 2 && !query.value.get('cluster')) return null;
  const now = query.value.get('cluster') ?? '';
  return <Select label={t('filter.cluster')} value={now} of={[['', t('filter.all')], ...[...new Set([...names, now])].filter(Boolean).map((one): [string, string] => [one, one])]} pick={(value) => setQuery({ cluster: value }, false)} />;
}

const kTimed = { elementtiming: 'tiles' }; // the browser then tells when it was painted: for tools/bench.mjs

function Tiles({ of }: { of: OverviewData }) {
  const [mean, setMean] = useState<'device' | 'simple'>('device');
  const use = of.devicesByUse;
  const ill = (of.devicesByHealth['unhealthy'] ?? 0) + (of.devicesByHealth['degraded'] ?? 0);
  const silent = (of.devicesByPresence['stale'] ?? 0) + (of.devicesByPresence['missing'] ?? 0);
  const held = (use['active'] ?? 0) + (use['idle'] ?? 0);
  const devices = (filter: string) => href(`/inventory?view=devices&${filter}`);
  const value = mean === 'device' ? of.overallGpuUtilization : of.utilization.simple;
  return (
    <div class="tiles">
      <div class="tile wide lead">
        <span class="tile-label">{t('overview.utilization')}</span>
        <span class="tile-value" {...kTimed}>{percent(value, 1)}</span>
        <Meter value={value} text="" />
        <span class="tile-note">
          <Choice label={t('mean.which')} value={mean} of={[['device', t('mean.weighted')], ['simple', t('mean.plain')]]} pick={setMean} />
          <span>{mean === 'device' ? weightNote(of.utilization.weight, of.utilization.deviceWeight) : t('mean.plainNote')} <Coverage value={of.utilization.coverage} /></span>
        </span>
      </div>
      <Tile label={t('overview.held')} value={count(held)} note={t('overview.heldNote', { total: count(of.totalGpuDevices), active: count(use['active'] ?? 0) })} to={devices('use=active,idle')} />
      <Tile label={t('overview.idle')} value={count(use['idle'] ?? 0)} note={t('overview.idleNote', { instances: count(of.instancesByUse['idle'] ?? 0) })} to={devices('use=idle')} kind={use['idle'] ? 'attend' : ''} />
      <Tile label={t('overview.free')} value={count(use['free'] ?? 0)} note={t('overview.freeNote', { instances: count(of.instancesByUse['free'] ?? 0) })} to={devices('use=free')} />
      <Tile label={t('overview.ill')} value={count(ill)} note={silent ? t('overview.silentNote', { count: count(silent) }) : t('overview.illNote', { unhealthy: count(of.devicesByHealth['unhealthy'] ?? 0), degraded: count(of.devicesByHealth['degraded'] ?? 0) })}
        to={ill || !silent ? devices('health=unhealthy,degraded') : devices('presence=stale,missing')} kind={of.devicesByHealth['unhealthy'] ? 'bad' : ill || silent ? 'attend' : 'good'} />
      <Tile label={t('overview.memory')} value={percent(shareOf(of.memoryUsedBytes, of.memoryTotalBytes))} note={`${bytes(of.memoryUsedBytes)} / ${bytes(of.memoryTotalBytes)}`} />
      <Tile label={t('overview.sessions')} value={count(of.totalSessions)} note={t('overview.unattributed', { count: count(of.unattributedSessions) })} to={href('/sessions')} />
      <Tile label={t('overview.power')} value={watts(of.powerWatts)} note={t('overview.nodes', { nodes: count(of.totalNodes), instances: count(of.totalMigInstances) })} to={href('/inventory')} />
      <AlertsTile />
      <BudgetsTile />
      <AdviceTile />
      <CostTile />
    </div>
  );
}

/** Of those that receivers are told of. A reader of a part of the fleet is told of none. */
function AlertsTile() {
  const who = useWho();
  const url = who && !who.restricted ? address('/alerts', { state: 'firing', severity: ['critical', 'warning'], told: true, limit: 1 }) : null;
  const { data } = useApi<AlertList>(url);
  const first = data?.items[0];
  return <Tile label={t('overview.alerts')} value={count(data?.total)} to={href('/alerting?state=firing')} kind={first?.severity === 'critical' ? 'bad' : first ? 'attend' : data ? 'good' : ''} note={data && (first ? t('overview.alertsWorst', { alert: first.alert }) : t('overview.alertsNone'))} />;
}

/** Of the one that most is spent of, of those that this reader is told of. */
function BudgetsTile() {
  const { data } = useSlowApi<BudgetList>(address('/budgets', { sort: '-spentPercent', limit: 1 }));
  const one = data?.items[0];
  const standing = one?.standing;
  const note = one ? t('overview.budgetsWorst', { name: one.name, spent: money(standing?.spent, one.currency), amount: money(one.amount, one.currency) }) : data ? t('overview.budgetsNone') : undefined;
  return <Tile label={t('overview.budgets')} value={percent(standing?.spentPercent)} note={note} to={href('/budgeting')} kind={standing?.overspent ? 'bad' : standing?.crossings.length ? 'attend' : ''} />;
}

const kMostAdvice = 200; // the dearest: what would be behind them is little

/** What open advice of workloads would save a month, of that which this reader is told. */
function AdviceTile() {
  const { data } = useSlowApi<AdviceList>(address('/advice', { state: 'open', limit: kMostAdvice }));
  const { saving, unknown } = sumsOf(data?.items ?? []);
  const text = roundMoney(saving, data?.items[0]?.currency ?? '');
  const note = data && (data.total === 0 ? t('overview.adviceNone') : t(unknown > 0 ? 'overview.adviceUnknown' : 'overview.adviceOpen', { count: count(data.total), unknown: count(unknown) }));
  return <Tile label={t('overview.advice')} value={data && data.items.length < data.total && saving !== null ? t('overview.atLeast', { amount: text }) : text} note={note || undefined} to={href('/advising')} kind={data?.total ? 'attend' : ''} />;
}

/** Of all clusters, as events tell it. */
function CostTile() {
  const cost = hourlyCost.value;
  const part = (of: 'allocated' | 'unallocated' | 'unobserved') => money(cost?.[of], cost?.currency ?? '');
  return (
    <Tile label={t('cost.perHour')} value={money(cost?.perHour, cost?.currency ?? '')} to={href('/cost')} kind="across"
      note={cost ? t('overview.cost', { held: part('allocated'), unallocated: part('unallocated'), unobserved: part('unobserved') }) : t('cost.waits')} />
  );
}

/** Large fleets are read less often: their map is long. */
function useCells(cluster: string | null): Told<Cells> {
  const last = useRef<{ key: string; time: number; list: Cells } | null>(null);
  const key = cellsKey(cluster);
  return useRead<Cells>(key, async (stop) => {
    const before = last.current;
    if (before && before.key === key && Date.now() - before.time < before.list.total - 500) return before.list; // 5 s for each 5,000
    const list = await readCells(cluster, stop);
    last.current = { key, time: Date.now(), list };
    return list;
  });
}

async function readCells(cluster: string | null, stop?: AbortSignal): Promise<Cells> {
  const map = await get<Heatmap>(address('/gpu/heatmap', { cluster }), stop);
  return { cells: cellsOf(map), total: map.total };
}

interface Cells {
  cells: Cell[];
  total: number;
}

function Heat({ of }: { of: Told<Cells> }) {
  const asked = query.value.get('metric') as Metric | null;
  const metric = asked && metrics.includes(asked) ? asked : 'utilization';
  return (
    <Panel title={t('map.title')} note={t('map.note')} class="heat-panel"
      tools={<Choice label={t('map.metric')} value={metric} of={metrics.map((one): [Metric, string] => [one, t(`metric.${one}` as Word)])} pick={(value) => setQuery({ metric: value === 'utilization' ? null : value })} />}>
      <Shown of={of} lines={6}>
        {(data) => (
          <>
            <HeatMap cells={data.cells} metric={metric} />
            <HeatLegend cells={data.cells} metric={metric} />
            {data.cells.length < data.total && <p class="quiet">{t('map.cut', { shown: count(data.cells.length), total: count(data.total) })}</p>}
          </>
        )}
      </Shown>
    </Panel>
  );
}

function Problems({ cluster }: { cluster: string | null }) {
  const told = useApi<HealthReport>(address('/gpu/health', { cluster, limit: 5 }));
  return (
    <Panel title={t('problems.title')} note={told.data ? count(told.data.total) : ''}>
      <Shown of={told} empty={(data) => data.items.length === 0 && <p class="fine"><span aria-hidden="true">●</span> {t('problems.none')}</p>}>
        {(data) => (
          <ul class="problems">
            {data.items.map((one) => (
              <li key={one.id}>
                <Badge kind="severity" value={one.severity} />
                <div>
                  <a href={deviceHref(one.deviceId, one.node, one.cluster)}>{one.deviceId}</a>
                  <p class="breakable">{one.summary}</p>
                  <p class="quiet breakable">{one.advice}</p>
                </div>
              </li>
            ))}
            {data.total > data.items.length && <li class="quiet">{t('problems.more', { count: count(data.total - data.items.length) })}</li>}
          </ul>
        )}
      </Shown>
    </Panel>
  );
}

function Namespaces({ of }: { of: OverviewData }) {
  return (
    <Panel title={t('namespaces.title')} note={t('namespaces.note')}>
      {of.topNamespaces.length === 0 ? <p class="quiet">{t('namespaces.none')}</p> : (
        <ul class="bars">
          {of.topNamespaces.map((one) => (
            <li key={one.namespace}>
              <span>
                <a class="breakable" href={href(`/pods?namespace=${encodeURIComponent(one.namespace)}`)}>{one.namespace}</a>
                <small>{t('namespaces.holds', { devices: number(one.heldDevices, 2), sessions: count(one.sessionCount) })} {one.utilization !== null && <Coverage value={one.coverage} />}</small>
              </span>
              <Meter value={one.utilization} />
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

function Models({ of }: { of: OverviewData }) {
  const models = Object.entries(of.devicesByModel).sort((a, b) => b[1] - a[1]);
  const profiles = Object.entries(of.instancesByProfile).sort((a, b) => b[1] - a[1]);
  return (
    <Panel title={t('models.title')}>
      <ul class="bars">
        {models.map(([name, devices]) => (
          <li key={name}>
            <span>
              <a class="breakable" href={href(`/inventory?view=devices&model=${encodeURIComponent(name)}`)}>{name}</a>
              <small>{ratio(devices / of.totalGpuDevices)}</small>
            </span>
            <Meter value={(100 * devices) / of.totalGpuDevices} text={count(devices)} kind="plain" />
          </li>
        ))}
      </ul>
      {profiles.length > 0 && (
        <>
          <h3>{t('models.profiles')}</h3>
          <ul class="chips">{profiles.map(([name, instances]) => <li key={name}><span class="num">{count(instances)} ×</span> {name}</li>)}</ul>
        </>
      )}
    </Panel>
  );
}

function Recent() {
  const now = clock.value;
  return (
    <Panel title={t('recent.title')} note={t('recent.note')}>
      {events.value.length === 0 ? <p class="quiet">{t('recent.none')}</p> : (
        <ol class="recent">
          {events.value.slice(0, 12).map((one, i) => (
            <li key={`${one.time}${i}`}>
              <span class="quiet num">{since(one.time, now)}</span>
              <span>{word('event', one.type)}</span>
              <Subject of={one} />
            </li>
          ))}
        </ol>
      )}
    </Panel>
  );
}

function Subject({ of }: { of: Event }) {
  if (of.pod) return <a class="breakable" href={podHref(of.namespace, of.pod, of.cluster)}>{of.namespace}/{of.pod}</a>;
  if (!of.deviceId) return <span class="breakable">{of.node || of.cluster || absent}</span>;
  const change = of.from || of.to ? ` ${of.from ?? '–'} → ${of.to ?? '–'}` : of.command ? ` ${of.command}` : '';
  return <span class="breakable"><a href={deviceHref(of.deviceId, of.node, of.cluster)}>{of.deviceId}</a><span class="quiet">{change}</span></span>;
}

export function idleFor(since: string | null): string {
  return since ? duration(clock.value - Date.parse(since)) : '–';
}
