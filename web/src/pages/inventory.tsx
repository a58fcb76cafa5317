// Nodes and devices.
import type { Device, Node } from '../api/schema';
import { clock } from '../api/live';
import { query, setQuery } from '../frame/url';
import { t, word } from '../i18n';
import { ApiTable, type Column } from '../ui/table';
import { asked, Filters, PickFilter, TextFilter } from '../ui/filters';
import { Badge, Choice, Coverage, DeviceLink, Meter, nodeHref, PageHead, Panel } from '../ui/parts';
import { absent, bytesOf, celsius, count, percent, since, watts } from '../ui/format';
import { ClusterPicker, idleFor } from './overview';

type View = 'nodes' | 'devices' | 'instances';

export function Inventory() {
  const view = (query.value.get('view') ?? 'nodes') as View;
  return (
    <>
      <PageHead title={t('nav.inventory')} tools={<ClusterPicker />} />
      <Choice label={t('inventory.view')} value={view} of={[['nodes', t('inventory.nodes')], ['devices', t('inventory.devices')], ['instances', t('inventory.instances')]]}
        pick={(value) => setQuery({ view: value === 'nodes' ? null : value, sort: null, use: null, health: null, presence: null, profile: null, model: null, search: null }, false)} />
      <Panel>{view === 'devices' ? <Devices /> : view === 'instances' ? <Instances /> : <Nodes />}</Panel>
    </>
  );
}

function Nodes() {
  return (
    <>
      <Filters keys={['search', 'model', 'presence']}>
        <TextFilter name="search" label={t('filter.search')} />
        <TextFilter name="model" label={t('filter.model')} />
        <PickFilter name="presence" label={t('filter.presence')} of={['present', 'stale', 'missing', 'retired'].map((one) => [one, word('presence', one)])} />
      </Filters>
      <ApiTable<Node> path="/gpu/nodes" parameters={asked('search', 'model', 'presence', 'cluster')} columns={nodeColumns()} rowKey={(one) => `${one.cluster} ${one.name}`} caption={t('inventory.nodes')} file="nodes" />
    </>
  );
}

function counts(of: Record<string, number>): string {
  const all = Object.entries(of).filter(([, n]) => n > 0);
  return all.length ? all.map(([name, n]) => `${count(n)} × ${name}`).join(', ') : absent;
}

function nodeColumns(): Column<Node>[] {
  return [
    { title: t('column.node'), sort: 'name', cell: (one) => <a class="breakable" href={nodeHref(one.name, one.cluster)}>{one.name}</a> },
    { title: t('column.presence'), cell: (one) => <><Badge kind="presence" value={one.presence} plain={one.presence === 'present'} />{one.kubernetes?.cordoned && <span class="quiet"> {t('node.cordoned')}</span>}</> },
    { title: t('column.gpus'), sort: 'deviceCount', num: true, cell: (one) => count(one.deviceCount) },
    { title: t('column.models'), cell: (one) => <span class="breakable">{counts(one.devicesByModel)}</span> },
    { title: t('column.health'), cell: (one) => <NodeHealth of={one} /> },
    { title: t('column.use'), rest: true, cell: (one) => <span class="num">{['active', 'idle', 'free'].map((use) => `${count(one.devicesByUse[use] ?? 0)} ${word('use', use)}`).join(' · ')}</span> },
    { title: t('column.utilization'), sort: 'utilization', num: true, cell: (one) => <><Meter value={one.utilization.device} /><Coverage value={one.utilization.coverage} /></> },
    { title: t('column.memory'), num: true, cell: (one) => bytesOf(one.memoryUsedBytes, one.memoryTotalBytes) },
    { title: t('column.power'), sort: 'powerWatts', num: true, cell: (one) => watts(one.powerWatts) },
    { title: t('column.sessions'), sort: 'sessionCount', num: true, cell: (one) => count(one.sessionCount) },
    { title: t('column.instances'), sort: 'instanceCount', num: true, rest: true, cell: (one) => count(one.instanceCount) },
    { title: t('column.lastSeen'), sort: 'lastSeen', num: true, rest: true, cell: (one) => since(one.lastSeen, clock.value) },
  ];
}

function NodeHealth({ of }: { of: Node }) {
  for (const one of ['unhealthy', 'degraded', 'unknown'] as const) {
    const n = of.devicesByHealth[one] ?? 0;
    if (n > 0) return <span><Badge kind="health" value={one} /> <span class="quiet num">{count(n)}/{count(of.deviceCount)}</span></span>;
  }
  return <Badge kind="health" value="healthy" plain />;
}

function Devices() {
  return (
    <>
      <Filters keys={['search', 'use', 'health', 'model', 'namespace', 'presence', 'nodeName']}>
        <TextFilter name="search" label={t('filter.search')} />
        <PickFilter name="use" label={t('filter.use')} of={['active', 'idle', 'free', 'unknown'].map((one) => [one, word('use', one)])} />
        <PickFilter name="health" label={t('filter.health')} of={['healthy', 'degraded', 'unhealthy', 'unknown'].map((one) => [one, word('health', one)])} />
        <TextFilter name="model" label={t('filter.model')} />
        <TextFilter name="namespace" label={t('filter.namespace')} />
        <PickFilter name="presence" label={t('filter.presence')} of={['present', 'stale', 'missing', 'retired'].map((one) => [one, word('presence', one)])} />
      </Filters>
      <ApiTable<Device> path="/gpu/devices" parameters={asked('search', 'use', 'health', 'model', 'namespace', 'presence', 'cluster', 'nodeName')} columns={deviceColumns()}
        rowKey={(one) => one.cluster + one.uuid} caption={t('inventory.devices')} file="devices" />
    </>
  );
}

export function holdersOf(device: Device): string {
  const names = [...new Set(device.holders.map((one) => `${one.namespace ?? absent}/${one.pod ?? one.podUid ?? absent}`))];
  return names.length > 2 ? `${names.slice(0, 2).join(', ')} +${names.length - 2}` : names.join(', ') || absent;
}

export function deviceColumns(): Column<Device>[] {
  return [
    { title: t('column.device'), sort: 'id', cell: (one) => <DeviceLink id={one.id} node={one.node} cluster={one.cluster} /> },
    { title: t('column.model'), sort: 'modelKey', cell: (one) => one.modelKey },
    { title: t('column.health'), sort: 'health', cell: (one) => one.presence === 'present' ? <Badge kind="health" value={one.health} plain={one.health === 'healthy'} /> : <Badge kind="presence" value={one.presence} /> },
    { title: t('column.use'), cell: (one) => <span><Badge kind="use" value={one.use} plain={one.use !== 'idle'} />{one.idleSince && <span class="quiet num"> {idleFor(one.idleSince)}</span>}</span> },
    { title: t('column.utilization'), sort: 'utilization', num: true, cell: (one) => <><Meter value={one.utilization.device} /><Coverage value={one.utilization.coverage} /></> },
    { title: t('column.memory'), sort: 'memoryUsedBytes', num: true, cell: (one) => bytesOf(one.memoryUsedBytes, one.memoryTotalBytes) },
    { title: t('column.temperature'), sort: 'temperatureCelsius', num: true, cell: (one) => celsius(one.temperatureCelsius) },
    { title: t('column.power'), sort: 'powerWatts', num: true, cell: (one) => watts(one.powerWatts) },
    { title: t('column.heldBy'), cell: (one) => <span class="breakable">{holdersOf(one)}</span> },
    { title: t('column.mig'), rest: true, cell: (one) => one.migEnabled === null ? absent : one.migEnabled ? t('device.cut', { count: one.instances.length }) : t('device.whole') },
    { title: t('column.sessions'), sort: 'sessionCount', num: true, rest: true, cell: (one) => count(one.sessionCount) },
  ];
}

interface InstanceRow extends Omit<Device['instances'][number], never> {
  cluster: string;
  node: string;
  deviceUuid: string;
  modelKey: string;
  holders: Device['holders'];
}

function Instances() {
  const columns: Column<InstanceRow>[] = [
    { title: t('column.device'), sort: 'deviceId', cell: (one) => <DeviceLink id={one.deviceId} node={one.node} cluster={one.cluster} /> },
    { title: t('column.profile'), sort: 'profile', cell: (one) => <>{one.profile ?? absent} <span class="quiet num">GI {one.gi}{one.ci !== null ? ` CI ${one.ci}` : ''}</span></> },
    { title: t('column.place'), num: true, sort: 'start', cell: (one) => one.start === null || one.size === null ? absent : `${one.start}–${one.start + one.size - 1}` },
    { title: t('column.use'), cell: (one) => <span><Badge kind="use" value={one.use} plain={one.use !== 'idle'} />{one.idleSince && <span class="quiet num"> {idleFor(one.idleSince)}</span>}</span> },
    { title: t('column.utilization'), sort: 'utilizationPercent', num: true, cell: (one) => <Meter value={one.utilizationPercent} text={percent(one.utilizationPercent)} /> },
    { title: t('column.memory'), sort: 'memoryUsedBytes', num: true, cell: (one) => bytesOf(one.memoryUsedBytes, one.memoryTotalBytes) },
    { title: t('column.heldBy'), cell: (one) => <span class="breakable">{one.holders.map((holder) => `${holder.namespace ?? absent}/${holder.pod ?? holder.podUid ?? absent}`).join(', ') || absent}</span> },
    { title: t('column.slices'), num: true, rest: true, cell: (one) => count(one.computeSlices) },
    { title: t('column.sessions'), sort: 'sessionCount', num: true, rest: true, cell: (one) => count(one.sessionCount) },
  ];
  return (
    <>
      <Filters keys={['use', 'profile', 'model', 'namespace']}>
        <PickFilter name="use" label={t('filter.use')} of={['active', 'idle', 'free', 'unknown'].map((one) => [one, word('use', one)])} />
        <TextFilter name="profile" label={t('filter.profile')} />
        <TextFilter name="model" label={t('filter.model')} />
        <TextFilter name="namespace" label={t('filter.namespace')} />
      </Filters>
      <ApiTable<InstanceRow> path="/gpu/instances" parameters={asked('use', 'profile', 'model', 'namespace', 'cluster')} columns={columns}
        rowKey={(one) => `${one.cluster} ${one.deviceUuid} ${one.gi} ${one.ci}`} caption={t('inventory.instances')} file="instances" />
    </>
  );
}
