// One pod: what it holds, what it makes of it, over time.
import { useMemo } from 'preact/hooks';
import { address, get } from '../api/client';
import { clock } from '../api/live';
import { useApi, useRead } from '../api/use';
import type { DeviceMetrics, Pod, PodList, PodPart, Session, SessionList } from '../api/schema';
import { range, rangeKey } from '../frame/range';
import { href, query } from '../frame/url';
import { t, word } from '../i18n';
import { Chart, type Line } from '../ui/chart';
import { CsvButton, Rows, RowsCsv, type Column } from '../ui/table';
import { Badge, Coverage, DeviceLink, Facts, Meter, Notice, Nothing, PageHead, Panel, Shown, Tile, nodeHref } from '../ui/parts';
import { absent, bytes, bytesOf, count, moment, number, percent, ratio, shareOf, since } from '../ui/format';
import { weightedSeries } from './weighted';
import { idleFor } from './overview';
import { podState } from './pods';

const kMostLines = 8;

export function PodPage({ named }: { named: Record<string, string> }) {
  const namespace = named['namespace'] === '-' ? null : named['namespace']!;
  const name = named['pod']!;
  const cluster = query.value.get('cluster');
  const told = useApi<PodList>(address('/gpu/pods', { namespace, pod: name, cluster, limit: 20 }));
  const pods = told.data?.items ?? [];
  return (
    <>
      <PageHead title={<span class="breakable">{name}</span>}
        above={<><a href={href('/pods')}>{t('nav.pods')}</a>{namespace && <> / <a class="breakable" href={href(`/pods?namespace=${encodeURIComponent(namespace)}`)}>{namespace}</a></>}</>}>
        {pods[0] && <>{podState(pods[0])}{pods[0].idleSince && <span class="quiet num">{t('device.idleSince', { age: idleFor(pods[0].idleSince) })}</span>}{pods[0].team && <span class="quiet">{t('column.team')}: {pods[0].team}</span>}</>}
      </PageHead>
      <Shown of={told} empty={(data) => data.items.length === 0 && <Gone namespace={namespace} name={name} />}>
        {(data) => data.items.map((one) => <Inside key={`${one.cluster} ${one.uid}`} pod={one} />)}
      </Shown>
    </>
  );
}

/** It has none any more; what it had is still told. */
function Gone({ namespace, name }: { namespace: string | null; name: string }) {
  return (
    <>
      <Nothing title={t('pod.gone')}>{t('pod.goneText')}</Nothing>
      <PodSessions namespace={namespace} pod={name} cluster={query.value.get('cluster')} />
    </>
  );
}

function Inside({ pod }: { pod: Pod }) {
  const memory = shareOf(pod.memoryUsedBytes, pod.memoryHeldBytes);
  return (
    <>
      {pod.kubernetes?.waiting && <Notice icon="warn" kind="warn" title={pod.kubernetes.waiting.reason ?? t('pod.waits')}>{pod.kubernetes.waiting.message}</Notice>}
      <div class="tiles">
        <Tile label={t('pod.utilization')} value={percent(pod.utilization.allocated, 1)} note={<>{t('pod.weighted')} <Coverage value={pod.utilization.coverage} /></>} />
        <Tile label={t('mean.simple')} value={percent(pod.utilization.simple, 1)} note={t('mean.plainNote')} />
        <Tile label={t('pod.memory')} value={percent(memory)} note={bytesOf(pod.memoryUsedBytes, pod.memoryHeldBytes)} />
        <Tile label={t('pod.parts')} value={count(pod.parts.length)} note={t('pod.slices', { slices: number(pod.utilization.allocatedWeight, 0), whole: number(pod.utilization.deviceWeight, 0) })} />
        <Tile label={t('overview.sessions')} value={count(pod.sessionCount)} />
      </div>
      <Panel title={t('pod.partsTitle')} tools={<RowsCsv rows={pod.parts} file={`${pod.name ?? pod.uid}-gpus`} />}><Parts pod={pod} /></Panel>
      <OverTime pod={pod} />
      <PodSessions namespace={pod.namespace} pod={pod.uid ?? pod.name ?? ''} cluster={pod.cluster} />
      <About pod={pod} />
    </>
  );
}

function Parts({ pod }: { pod: Pod }) {
  const columns: Column<PodPart>[] = [
    { title: t('column.device'), cell: (one) => <DeviceLink id={one.deviceId} node={pod.node ?? undefined} cluster={pod.cluster} /> },
    { title: t('column.instance'), cell: (one) => one.instance ? <>{one.instance.profile ?? absent} <span class="quiet num">GI {one.instance.gi}</span></> : t('pod.wholeGpu') },
    { title: t('pod.truth'), cell: (one) => <span>{one.held ? t('pod.held') : <span class="badge s-warning"><span aria-hidden="true">▲</span> {t('pod.bypass')}</span>}{one.shared && <span class="quiet"> · {t('pod.sharedGpu')}</span>}{one.used === false && <span class="badge s-idle"><span aria-hidden="true">◐</span> {t('device.unused')}</span>}</span> },
    { title: t('column.utilization'), num: true, cell: (one) => <Meter value={one.utilizationPercent} /> },
    { title: t('column.memory'), num: true, cell: (one) => bytesOf(one.memoryUsedBytes, one.memoryTotalBytes) },
    { title: t('column.slices'), num: true, cell: (one) => count(one.computeSlices) },
    { title: t('column.container'), cell: (one) => <span class="breakable">{one.containers.join(', ') || absent}</span> },
    { title: t('column.resource'), rest: true, cell: (one) => <span class="breakable">{one.resource ?? absent}</span> },
  ];
  return pod.parts.length === 0 ? <p class="quiet">{t('pod.noParts')}</p> : <Rows rows={pod.parts} columns={columns} rowKey={(one) => `${one.deviceId} ${one.instance?.gi} ${one.instance?.ci}`} caption={t('pod.partsTitle')} />;
}

function OverTime({ pod }: { pod: Pod }) {
  const parts = pod.parts.slice(0, kMostLines);
  const key = parts.map((one) => `${one.deviceId}/${one.instance?.gi ?? ''}`).join();
  const told = useRead<DeviceMetrics[]>(parts.length ? `pod ${pod.cluster} ${key} ${rangeKey.value}` : null, (stop) => {
    const { from, to } = range.peek();
    return Promise.all(parts.map((one) => get<DeviceMetrics>(address('/gpu/devices/{deviceId}/metrics', {
      cluster: pod.cluster, start: new Date(from).toISOString(), end: new Date(to).toISOString(),
      fields: ['utilizationPercent', 'memoryUsedBytes'], gpuInstance: one.instance?.gi,
    }, { deviceId: one.deviceId }), stop)));
  });
  if (parts.length === 0) return null;
  return (
    <Panel title={t('charts.title')} note={t('pod.chartsNote')}>
      <Shown of={told} lines={6} empty={(data) => data.every((one) => one.items.every((point) => point.coverage === 0)) && <Nothing title={t('charts.none')}>{t('charts.noneText')}</Nothing>}>
        {(data) => <Lines parts={parts} data={data} />}
      </Shown>
      {pod.parts.length > kMostLines && <p class="quiet">{t('pod.firstParts', { count: kMostLines, total: pod.parts.length })}</p>}
    </Panel>
  );
}

function nameOf(part: PodPart): string {
  return part.instance ? `${part.deviceId.replace(/^.*-GPU-/, 'GPU-')} ${part.instance.profile ?? ''} GI ${part.instance.gi}` : part.deviceId.replace(/^.*-GPU-/, 'GPU-');
}

function Lines({ parts, data }: { parts: PodPart[]; data: DeviceMetrics[] }) {
  const { times, utilization, memory } = useMemo(() => {
    const first = data[0]?.items ?? [];
    const own = (field: 'utilizationPercent' | 'memoryUsedBytes') => parts.map((part, i): Line => ({
      name: nameOf(part), hue: i % 7, values: first.map((_, at) => data[i]?.items[at]?.[field] ?? null),
    }));
    const each = own('utilizationPercent');
    const weights = parts.map((one) => one.computeSlices);
    const together: Line[] = parts.length > 1 ? [{ name: t('pod.weighted'), hue: 7, dashed: true, values: weightedSeries(each.map((one) => one.values), weights) }] : [];
    return { times: first.map((one) => Date.parse(one.time) / 1000), utilization: [...each, ...together], memory: own('memoryUsedBytes') };
  }, [data, parts.length]);
  const most = Math.max(0, ...parts.map((one) => one.memoryTotalBytes ?? 0));
  return (
    <div class="charts">
      <Chart title={t('metric.utilization')} unit={(value) => percent(value)} times={times} lines={utilization} top={100} fixed />
      <Chart title={t('metric.memory')} unit={bytes} times={times} lines={memory} top={most} binary />
    </div>
  );
}

function PodSessions({ namespace, pod, cluster }: { namespace: string | null; pod: string; cluster: string | null }) {
  const parameters = () => ({ namespace, pod, cluster, state: 'all', start: new Date(range.peek().from).toISOString() });
  const told = useRead<SessionList>(`sessions ${namespace} ${pod} ${cluster} ${rangeKey.value}`,
    (stop) => get<SessionList>(address('/gpu/sessions', { ...parameters(), limit: 50 }), stop));
  const columns: Column<Session>[] = [
    { title: t('column.pid'), num: true, cell: (one) => one.pid === null ? absent : String(one.pid) },
    { title: t('column.command'), cell: (one) => <span class="breakable">{one.command ?? absent}</span> },
    { title: t('column.device'), cell: (one) => <DeviceLink id={one.deviceId} node={one.node} cluster={one.cluster} /> },
    { title: t('column.instance'), cell: (one) => one.instance?.profile ?? absent },
    { title: t('column.memory'), num: true, cell: (one) => bytes(one.memoryUsedBytes) },
    { title: t('column.peak'), num: true, cell: (one) => bytes(one.peakMemoryBytes) },
    { title: t('column.mean'), num: true, cell: (one) => percent(one.meanUtilizationPercent) },
    { title: t('column.began'), num: true, cell: (one) => moment(one.startTime ?? one.firstSeen) },
    { title: t('column.ended'), num: true, cell: (one) => one.endTime ? moment(one.endTime) : t('session.running') },
  ];
  return (
    <Panel title={t('nav.sessions')} tools={<CsvButton path="/gpu/sessions" parameters={parameters()} named={{}} file={`${pod}-sessions`} />}>
      <Shown of={told} empty={(data) => data.items.length === 0 && <p class="quiet">{t('session.none')}</p>}>
        {(data) => <Rows rows={data.items} columns={columns} rowKey={(one) => one.id} caption={t('nav.sessions')} />}
      </Shown>
    </Panel>
  );
}

function About({ pod }: { pod: Pod }) {
  const kube = pod.kubernetes;
  return (
    <Panel title={t('pod.about')}>
      <Facts of={[
        [t('column.node'), pod.node ? <a href={nodeHref(pod.node, pod.cluster)}>{pod.node}</a> : absent],
        [t('column.cluster'), pod.cluster], ['UID', <code class="breakable">{pod.uid ?? absent}</code>], [t('column.team'), pod.team],
        [t('device.firstSeen'), moment(pod.firstSeen)], [t('column.lastSeen'), since(pod.lastSeen, clock.value)],
        [t('pod.efficiency'), pod.utilization.allocated === null ? absent : `${ratio(pod.utilization.allocated / 100)} · ${t('column.memory')} ${percent(shareOf(pod.memoryUsedBytes, pod.memoryHeldBytes))}`],
        ...(kube ? [
          [t('pod.phase'), word('phase', kube.phase)] as [string, string], [t('pod.owner'), kube.owner ? `${kube.owner.kind}/${kube.owner.name}` : absent] as [string, string],
          [t('pod.requests'), Object.entries(kube.requests).map(([name, n]) => `${n} × ${name}`).join(', ')] as [string, string],
          [t('node.cpu'), `${number(kube.cpuCoresUsed)} / ${number(kube.cpuCoresRequested)}`] as [string, string],
          [t('node.hostMemory'), bytesOf(kube.memoryBytesUsed, kube.memoryBytesRequested)] as [string, string],
        ] : []),
      ]} />
      <p class="hidden"><Badge kind="use" value={pod.use} /></p>
    </Panel>
  );
}
