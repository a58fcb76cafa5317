// One node with its GPUs.
import { address } from '../api/client';
import { clock } from '../api/live';
import { useApi } from '../api/use';
import type { Heatmap, HealthReport, NodeDetail } from '../api/schema';
import { href, query } from '../frame/url';
import { t, word } from '../i18n';
import { HeatLegend, HeatMap } from '../maps/heatmap';
import { cellsOf } from '../maps/cells';
import { useMemo } from 'preact/hooks';
import { CsvButton, Rows } from '../ui/table';
import { Badge, Coverage, Facts, PageHead, Panel, Shown, Tile } from '../ui/parts';
import { absent, bytes, bytesOf, count, number, percent, since, watts } from '../ui/format';
import { deviceColumns } from './inventory';
import { Findings } from './device';

export function NodePage({ named }: { named: Record<string, string> }) {
  const node = named['node']!;
  const cluster = query.value.get('cluster');
  const told = useApi<NodeDetail>(address('/gpu/nodes/{node}', { cluster }, { node }));
  const found = useApi<HealthReport>(address('/gpu/health', { nodeName: node, cluster, severity: 'critical,warning,info' }));
  return (
    <>
      <PageHead title={<span class="breakable">{node}</span>} above={<a href={href('/inventory')}>{t('nav.inventory')}</a>}>
        {told.data && <><Badge kind="presence" value={told.data.presence} />{told.data.kubernetes?.cordoned && <span class="badge s-warning">{t('node.cordoned')}</span>}</>}
      </PageHead>
      <Shown of={told}>
        {(data) => (
          <>
            <div class="tiles">
              <Tile label={t('overview.utilization')} value={percent(data.utilization.device, 1)} note={<>{t('mean.plain')} {percent(data.utilization.simple, 1)} <Coverage value={data.utilization.coverage} /></>} />
              <Tile label={t('column.gpus')} value={count(data.deviceCount)} note={t('overview.freeOnly', { count: count(data.devicesByUse['free'] ?? 0) })} />
              <Tile label={t('overview.idle')} value={count(data.devicesByUse['idle'] ?? 0)} to={href(`/inventory?view=devices&use=idle&nodeName=${encodeURIComponent(node)}`)} kind={data.devicesByUse['idle'] ? 'attend' : ''} />
              <Tile label={t('overview.memory')} value={bytes(data.memoryUsedBytes)} note={`/ ${bytes(data.memoryTotalBytes)}`} />
              <Tile label={t('overview.power')} value={watts(data.powerWatts)} />
              <Tile label={t('overview.sessions')} value={count(data.sessionCount)} to={href(`/sessions?nodeName=${encodeURIComponent(node)}`)} />
            </div>
            <NodeMap of={data} />
            <Panel title={t('inventory.devices')} tools={<CsvButton path="/gpu/devices" parameters={{ nodeName: node, cluster: data.cluster }} named={{}} file={`${node}-devices`} />}>
              <Rows rows={data.devices} columns={deviceColumns().map((one) => ({ ...one, sort: undefined }))} rowKey={(one) => one.uuid} caption={t('inventory.devices')} />
            </Panel>
            <div class="columns">
              <Panel title={t('problems.title')}>
                <Shown of={found}>{(report) => <Findings of={report.items} />}</Shown>
              </Panel>
              <About of={data} />
            </div>
          </>
        )}
      </Shown>
    </>
  );
}

function NodeMap({ of }: { of: NodeDetail }) {
  const told = useApi<Heatmap>(address('/gpu/heatmap', { nodeName: of.name, cluster: of.cluster }));
  const cells = useMemo(() => (told.data ? cellsOf(told.data) : []), [told.data]);
  if (cells.length === 0) return null;
  return <Panel title={t('map.title')}><HeatMap cells={cells} metric="utilization" /><HeatLegend cells={cells} metric="utilization" /></Panel>;
}

function About({ of }: { of: NodeDetail }) {
  const kube = of.kubernetes;
  return (
    <Panel title={t('node.about')}>
      <Facts of={[
        [t('column.cluster'), of.cluster],
        [t('device.driver'), of.driverVersion],
        [t('column.lastSeen'), since(of.lastSeen, clock.value)],
        [t('column.instances'), count(of.instanceCount)],
        ...(kube ? [
          [t('node.ready'), kube.ready === null ? absent : kube.ready ? t('yes') : t('no')] as [string, string],
          [t('node.cpu'), `${number(kube.cpuCoresUsed)} / ${number(kube.cpuCoresAllocatable)}`] as [string, string],
          [t('node.hostMemory'), bytesOf(kube.memoryBytesUsed, kube.memoryBytesAllocatable)] as [string, string],
          [t('node.allocatable'), Object.entries(kube.allocatable).map(([name, n]) => `${n} × ${name}`).join(', ')] as [string, string],
          [t('node.taints'), kube.taints.map((one) => `${one.key}${one.value ? `=${one.value}` : ''}:${one.effect}`).join(', ')] as [string, string],
          [t('node.conditions'), kube.conditions.filter((one) => one.type !== 'Ready' && one.status !== 'False').map((one) => one.type).join(', ')] as [string, string],
        ] : []),
      ]} />
      {!kube && <p class="quiet">{t('node.noCluster')}</p>}
      {kube && Object.keys(kube.labels).length > 0 && <ul class="chips">{Object.entries(kube.labels).map(([key, value]) => <li key={key} class="breakable">{key}={value}</li>)}</ul>}
      <p class="hidden">{word('presence', of.presence)}</p>
    </Panel>
  );
}
