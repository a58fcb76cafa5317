// One GPU: what it is, what it does, who has it, how it is cut.
import { address, type Parameters } from '../api/client';
import { clock } from '../api/live';
import { useApi, useRead, type Told } from '../api/use';
import { useMemo } from 'preact/hooks';
import { get } from '../api/client';
import type { DeviceDetail, DeviceMetrics, Finding, LayoutList, MetricField, Session, Xid, XidsSeen } from '../api/schema';
import { range, rangeKey } from '../frame/range';
import { href, query } from '../frame/url';
import { t, word } from '../i18n';
import { LayoutTimeline, MigMap, UsageByProfile } from '../maps/mig';
import { Chart, type Line } from '../ui/chart';
import { ApiTable, CsvButton, Rows, RowsCsv, type Column } from '../ui/table';
import { Badge, Coverage, Facts, nodeHref, Notice, Nothing, PageHead, Panel, PodLink, Shown, Tile } from '../ui/parts';
import { absent, bytes, bytesOf, celsius, count, duration, moment, number, percent, ratio, since, watts } from '../ui/format';
import { idleFor } from './overview';
import { EditButton, Repartition } from './repartition';
import { Unattributed } from './unattributed';
import { useWho } from './who';

export function DevicePage({ named }: { named: Record<string, string> }) {
  const deviceId = named['device']!;
  const cluster = query.value.get('cluster');
  const told = useApi<DeviceDetail>(address('/gpu/devices/{deviceId}', { cluster }, { deviceId }));
  return (
    <>
      <PageHead title={<span class="breakable">{told.data?.id ?? deviceId}</span>}
        above={<><a href={href('/inventory')}>{t('nav.inventory')}</a> / <a class="breakable" href={nodeHref(named['node']!)}>{named['node']}</a></>}>
        {told.data && <State of={told.data} />}
      </PageHead>
      <Shown of={told}>{(data) => <Inside device={data} />}</Shown>
    </>
  );
}

function State({ of }: { of: DeviceDetail }) {
  return (
    <>
      <span class="quiet">{of.model}</span>
      {of.presence !== 'present' ? <Badge kind="presence" value={of.presence} /> : <Badge kind="health" value={of.health} />}
      <Badge kind="use" value={of.use} />
      {of.idleSince && <span class="quiet num">{t('device.idleSince', { age: idleFor(of.idleSince) })}</span>}
    </>
  );
}

function Inside({ device }: { device: DeviceDetail }) {
  const cut = device.migEnabled === true;
  const who = useWho();
  return (
    <>
      {device.why && <Notice icon="warn" title={device.why} kind={device.health === 'unhealthy' ? 'bad' : 'warn'} />}
      <div class="tiles">
        <Tile label={cut ? t('device.utilizationWhole') : t('overview.utilization')} value={percent(device.utilization.device, 1)}
          note={<>{word('source', device.utilization.source)} <Coverage value={device.utilization.coverage} /></>} />
        <Tile label={t('overview.memory')} value={bytes(device.memoryUsedBytes)} note={`/ ${bytes(device.memoryTotalBytes)}`} />
        <Tile label={t('column.temperature')} value={celsius(device.temperatureCelsius)} note={device.readings['slowdownTemperatureCelsius'] ? t('device.slowdown', { at: celsius(device.readings['slowdownTemperatureCelsius']) }) : undefined} />
        <Tile label={t('overview.power')} value={watts(device.powerWatts)} note={device.readings['powerLimitWatts'] ? t('device.limit', { at: watts(device.readings['powerLimitWatts']) }) : undefined} />
        <Tile label={t('overview.sessions')} value={count(device.sessionCount)} />
        <Tile label={t('device.clock')} value={device.readings['smClockMhz'] === undefined ? absent : <>{count(device.readings['smClockMhz'])}<small> MHz</small></>} note={device.readings['performanceState'] === undefined ? undefined : `P${device.readings['performanceState']}`} />
      </div>
      {device.migEnabled !== null && (
        <Panel title={t('mig.title')} note={cut ? undefined : t('device.whole')} tools={who && <EditButton device={device} who={who} />}>
          <MigMap device={device} />
          {cut && <UsageByProfile device={device} />}
          {who && <Repartition device={device} who={who} />}
        </Panel>
      )}
      <Charts device={device} />
      <Panel title={t('device.processes')} tools={(
        <>
          <a href={href(`/sessions?state=all&deviceId=${encodeURIComponent(device.id)}`, { cluster: device.cluster })}>{t('device.pastSessions')}</a>
          <CsvButton path="/gpu/sessions" parameters={{ deviceId: device.id, cluster: device.cluster }} named={{}} file={`${device.id}-sessions`} />
        </>
      )}>
        <Processes of={device} />
      </Panel>
      <div class="columns">
        <div class="stack">
          <Panel title={t('problems.title')}><Findings of={device.findings} /></Panel>
          <Panel title={t('device.xids')} tools={<RowsCsv rows={device.xids} file={`${device.id}-xids`} />}><Xids of={device.xids} /></Panel>
          <Panel title={t('device.xidHistory')}><XidHistory device={device} /></Panel>
          <Holders device={device} />
        </div>
        <About device={device} />
      </div>
      {device.migEnabled !== null && <Layouts device={device} />}
      <Panel title={t('device.readings')}><Readings device={device} /></Panel>
    </>
  );
}

const kFields: MetricField[] = ['utilizationPercent', 'memoryUsedBytes', 'powerWatts', 'temperatureCelsius', 'smActivePercent', 'tensorActivePercent', 'dramActivePercent'];

/** What a device or an instance did in the chosen range. */
export function useMetrics(deviceId: string, cluster: string, fields: MetricField[], gpuInstance?: number): Told<DeviceMetrics> {
  return useRead<DeviceMetrics>(`metrics ${cluster} ${deviceId} ${gpuInstance} ${rangeKey.value} ${fields.join()}`,
    (stop) => get<DeviceMetrics>(address('/gpu/devices/{deviceId}/metrics', metricParameters(cluster, fields, gpuInstance), { deviceId }), stop));
}
function metricParameters(cluster: string, fields: MetricField[], gpuInstance?: number): Parameters {
  const { from, to } = range.peek();
  return { cluster, start: new Date(from).toISOString(), end: new Date(to).toISOString(), fields, gpuInstance };
}

function Charts({ device }: { device: DeviceDetail }) {
  const told = useMetrics(device.uuid, device.cluster, kFields);
  return (
    <Panel title={t('charts.title')} note={told.data ? t('charts.step', { step: told.data.step, resolution: told.data.resolution }) : ''}
      tools={<CsvButton path="/gpu/devices/{deviceId}/metrics" parameters={metricParameters(device.cluster, kFields)} named={{ deviceId: device.uuid }} file={`${device.id}-metrics`} />}>
      <Shown of={told} lines={6} empty={(data) => data.items.every((one) => one.coverage === 0) && <Nothing title={t('charts.none')}>{t('charts.noneText')}</Nothing>}>
        {(data) => <Lines data={data} device={device} />}
      </Shown>
    </Panel>
  );
}

function Lines({ data, device }: { data: DeviceMetrics; device: DeviceDetail }) {
  const times = data.items.map((one) => Date.parse(one.time) / 1000);
  const line = (name: string, field: MetricField, hue: number, dashed = false): Line => ({ name, hue, dashed, values: data.items.map((one) => (one[field as keyof typeof one] as number | null | undefined) ?? null) });
  const has = (one: Line) => one.values.some((value) => value !== null);
  const busy = [line(t('metric.utilization'), 'utilizationPercent', 0), line(t('metric.smActive'), 'smActivePercent', 1, true), line(t('metric.tensor'), 'tensorActivePercent', 2, true), line(t('metric.dram'), 'dramActivePercent', 3, true)];
  return (
    <div class="charts">
      <Chart title={t('metric.utilization')} unit={(value) => percent(value)} times={times} lines={busy.filter((one, i) => i === 0 || has(one))} top={100} fixed />
      <Chart title={t('metric.memory')} unit={bytes} times={times} lines={[line(t('metric.memory'), 'memoryUsedBytes', 0)]} top={device.memoryTotalBytes ?? 0} binary />
      <Chart title={t('metric.power')} unit={watts} times={times} lines={[line(t('metric.power'), 'powerWatts', 4)]} top={device.readings['powerLimitWatts'] ?? 0} />
      <Chart title={t('metric.temperature')} unit={celsius} times={times} lines={[line(t('metric.temperature'), 'temperatureCelsius', 3)]} top={90} />
    </div>
  );
}

function Processes({ of }: { of: DeviceDetail }) {
  const columns: Column<Session>[] = [
    { title: t('column.pid'), num: true, cell: (one) => one.pid === null ? absent : String(one.pid) },
    { title: t('column.command'), cell: (one) => <span class="breakable">{one.command ?? absent}</span> },
    { title: t('column.instance'), cell: (one) => one.instance ? <>{one.instance.profile ?? absent} <span class="quiet num">GI {one.instance.gi}</span></> : absent },
    { title: t('column.pod'), cell: (one) => one.pod || one.podUid ? <PodLink namespace={one.namespace} pod={one.pod} uid={one.podUid} cluster={one.cluster} /> : <Unattributed of={one} /> },
    { title: t('column.memory'), num: true, cell: (one) => bytes(one.memoryUsedBytes) },
    { title: t('column.utilization'), num: true, cell: (one) => percent(one.utilizationPercent) },
    { title: t('column.runningFor'), num: true, cell: (one) => since(one.startTime ?? one.firstSeen, clock.value) },
  ];
  return of.sessions.length === 0 ? <p class="quiet">{t('device.noProcesses')}</p> : (
    <>
      <Rows rows={of.sessions} columns={columns} rowKey={(one) => one.id} caption={t('device.processes')} />
      {!!of.memoryUnattributedBytes && <p class="quiet">{t('device.unattributed', { memory: bytes(of.memoryUnattributedBytes) })}</p>}
    </>
  );
}

export function Findings({ of }: { of: Finding[] }) {
  if (of.length === 0) return <p class="fine"><span aria-hidden="true">●</span> {t('problems.none')}</p>;
  return (
    <ul class="problems">
      {of.map((one) => (
        <li key={one.id}>
          <Badge kind="severity" value={one.severity} />
          <div>
            <p class="breakable">{one.summary}</p>
            <p class="quiet breakable">{one.advice}</p>
            <p class="quiet num">{one.since ? t('problems.since', { time: moment(one.since) }) : t('problems.seen', { time: moment(one.lastSeen) })}</p>
          </div>
        </li>
      ))}
    </ul>
  );
}

/** In the chosen range. */
function XidHistory({ device }: { device: DeviceDetail }) {
  const kStep = 300_000; // ms: a relative range must not make another table each second
  const key = `${rangeKey.value} ${Math.floor(range.value.from / kStep)}`;
  const times = useMemo(() => ({ start: new Date(range.peek().from).toISOString(), end: range.peek().relative ? null : new Date(range.peek().to).toISOString() }), [key]);
  const columns: Column<XidsSeen>[] = [
    { title: t('audit.time'), num: true, cell: (one) => moment(one.time) },
    { title: 'XID', num: true, cell: (one) => String(one.code) },
    { title: t('column.count'), num: true, cell: (one) => count(one.count) },
    { title: t('column.meaning'), cell: (one) => <span class="breakable">{one.meaning ?? absent}</span> },
  ];
  return (
    <ApiTable<XidsSeen> path="/gpu/devices/{deviceId}/xids" named={{ deviceId: device.uuid }} parameters={{ cluster: device.cluster, ...times }} columns={columns}
      rowKey={(one) => `${one.time} ${one.code}`} caption={t('device.xidHistory')} file={`${device.id}-xid-history`} fixedOrder empty={<p class="quiet">{t('device.noXidHistory')}</p>} />
  );
}

function Xids({ of }: { of: Xid[] }) {
  if (of.length === 0) return <p class="fine"><span aria-hidden="true">●</span> {t('device.noXids')}</p>;
  const columns: Column<Xid>[] = [
    { title: 'XID', num: true, cell: (one) => String(one.code) },
    { title: t('column.count'), num: true, cell: (one) => count(one.count) },
    { title: t('column.meaning'), cell: (one) => <span class="breakable">{one.meaning ?? absent}</span> },
    { title: t('column.blame'), cell: (one) => word('blame', one.blame) },
  ];
  return <Rows rows={of} columns={columns} rowKey={(one) => String(one.code)} caption={t('device.xids')} />;
}

function Holders({ device }: { device: DeviceDetail }) {
  return (
    <Panel title={t('device.holders')}>
      {device.holders.length === 0 ? <p class="quiet">{t('device.noHolders')}</p> : (
        <ul class="holders">
          {device.holders.map((one, i) => (
            <li key={i}>
              <PodLink namespace={one.namespace} pod={one.pod} uid={one.podUid} cluster={device.cluster} />
              <span class="quiet">{[one.container, one.instance?.profile, one.resource, one.shared ? t('device.shared', { count: one.replicas ?? '–' }) : null].filter(Boolean).join(' · ')}</span>
              <span class="quiet num">{t('device.heldFor', { age: since(one.since, clock.value) })}{one.used === false ? ` · ${t('device.unused')}` : ''}</span>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

function About({ device }: { device: DeviceDetail }) {
  return (
    <Panel title={t('device.about')}>
      <Facts of={[
        ['UUID', <code class="breakable">{device.uuid}</code>],
        [t('device.serial'), device.serial], ['PCI', device.pciBusId], [t('device.architecture'), device.architecture],
        [t('device.capability'), device.computeCapability], [t('device.driver'), device.driverVersion],
        ['MIG', device.migEnabled === null ? t('device.noMig') : device.migEnabled ? t('on') : t('off')],
        [t('device.pending'), device.migPending === null ? absent : device.migPending ? t('on') : t('off')],
        [t('column.slices'), count(device.computeSlices)], ['SM', count(device.smCount)], [t('column.cluster'), device.cluster],
        [t('device.firstSeen'), moment(device.firstSeen)], [t('column.lastSeen'), since(device.lastSeen, clock.value)],
      ]} />
    </Panel>
  );
}

function Layouts({ device }: { device: DeviceDetail }) {
  const told = useRead<LayoutList>(`layouts ${device.uuid} ${device.cluster} ${rangeKey.value}`,
    (stop) => get<LayoutList>(address('/gpu/devices/{deviceId}/layouts', { cluster: device.cluster, start: new Date(range.peek().from).toISOString(), end: new Date(range.peek().to).toISOString(), limit: 200 }, { deviceId: device.uuid }), stop));
  const slices = device.memorySlices ?? Math.max(1, ...device.instances.map((one) => (one.start ?? 0) + (one.size ?? 1)));
  return (
    <Panel title={t('mig.history')} tools={<CsvButton path="/gpu/devices/{deviceId}/layouts" parameters={{ cluster: device.cluster }} named={{ deviceId: device.uuid }} file={`${device.id}-layouts`} />}>
      <Shown of={told} empty={(data) => data.items.length === 0 && <p class="quiet">{t('mig.noHistory')}</p>}>
        {(data) => <LayoutTimeline items={data.items} from={range.value.from} to={range.value.to} slices={slices} />}
      </Shown>
    </Panel>
  );
}

/** A reading's unit is the end of its name. */
export function reading(name: string, value: number): [string, string] {
  const units: [string, (value: number) => string][] = [
    ['BytesPerSecond', (one) => `${bytes(one)}/s`], ['MegabytesPerSecond', (one) => `${number(one)} MB/s`], ['Bytes', bytes], ['Watts', watts], ['Celsius', celsius],
    ['Percent', (one) => percent(one)], ['Ratio', ratio], ['Mhz', (one) => `${count(one)} MHz`], ['MillijoulesTotal', (one) => `${number(one / 3.6e9, 3)} kWh`],
    ['NanosecondsTotal', (one) => duration(one / 1e6)],
  ];
  const found = units.find(([end]) => name.endsWith(end));
  const bare = found ? name.slice(0, name.length - found[0].length) : name.replace(/Total$/, '');
  const title = bare.replace(/([a-z0-9])([A-Z])/g, '$1 $2').replace(/^./, (one) => one.toUpperCase());
  return [title, found ? found[1](value) : count(value)];
}

function Readings({ device }: { device: DeviceDetail }) {
  const all = Object.entries(device.readings).map(([name, value]) => reading(name, value));
  return all.length === 0 ? <p class="quiet">{t('state.nothing')}</p> : <Facts of={all} />;
}

export function memoryText(used: number | null, total: number | null): string {
  return bytesOf(used, total);
}
