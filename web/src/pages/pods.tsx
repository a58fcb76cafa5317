// Pods: what they hold against what they use.
import type { Pod } from '../api/schema';
import { clock } from '../api/live';
import { t, word } from '../i18n';
import { ApiTable, type Column } from '../ui/table';
import { asked, Filters, PickFilter, TextFilter } from '../ui/filters';
import { Badge, Coverage, Meter, Nothing, PageHead, Panel, podHref } from '../ui/parts';
import { absent, bytesOf, count, since } from '../ui/format';
import { ClusterPicker, idleFor } from './overview';

export function partText(of: Pod): string {
  const held = new Map<string, number>();
  for (const one of of.parts) {
    const name = one.instance?.profile ?? (one.shared ? t('pod.sharedGpu') : 'GPU');
    held.set(name, (held.get(name) ?? 0) + 1);
  }
  return [...held].map(([name, n]) => `${n} × ${name}`).join(', ') || absent;
}

export function podState(of: Pod) {
  if (of.kubernetes?.waiting) return <span class="badge s-warning"><span aria-hidden="true">▲</span> {word('phase', 'Pending')}</span>;
  return <Badge kind="use" value={of.use} plain={of.use !== 'idle'} />;
}

export function Pods() {
  const columns: Column<Pod>[] = [
    { title: t('column.pod'), sort: 'name', cell: (one) => <a class="breakable" href={podHref(one.namespace, one.name ?? one.uid, one.cluster)}>{one.name ?? one.uid ?? absent}</a> },
    { title: t('column.namespace'), sort: 'namespace', cell: (one) => <span class="breakable">{one.namespace ?? absent}</span> },
    { title: t('column.use'), cell: (one) => <span>{podState(one)}{one.idleSince && <span class="quiet num"> {idleFor(one.idleSince)}</span>}</span> },
    { title: t('column.holds'), cell: (one) => <span class="num">{partText(one)}</span> },
    { title: t('column.utilization'), sort: 'utilization', num: true, cell: (one) => <><Meter value={one.utilization.allocated} /><Coverage value={one.utilization.coverage} /></> },
    { title: t('column.memory'), sort: 'memoryUsedBytes', num: true, cell: (one) => bytesOf(one.memoryUsedBytes, one.memoryHeldBytes) },
    { title: t('column.sessions'), sort: 'sessionCount', num: true, cell: (one) => count(one.sessionCount) },
    { title: t('column.node'), sort: 'node', cell: (one) => one.node ?? absent },
    { title: t('column.team'), sort: 'team', rest: true, cell: (one) => one.team ?? absent },
    { title: t('column.seenFor'), num: true, rest: true, cell: (one) => since(one.firstSeen, clock.value) },
  ];
  return (
    <>
      <PageHead title={t('nav.pods')} tools={<ClusterPicker />} />
      <Panel>
        <Filters keys={['search', 'namespace', 'team', 'use', 'phase', 'nodeName']}>
          <TextFilter name="search" label={t('filter.search')} />
          <TextFilter name="namespace" label={t('filter.namespace')} />
          <TextFilter name="team" label={t('filter.team')} />
          <PickFilter name="use" label={t('filter.use')} of={['active', 'idle', 'unknown'].map((one) => [one, word('use', one)])} />
          <PickFilter name="phase" label={t('filter.phase')} of={['Pending', 'Running'].map((one) => [one, word('phase', one)])} />
        </Filters>
        <ApiTable<Pod> path="/gpu/pods" parameters={asked('search', 'namespace', 'team', 'use', 'phase', 'nodeName', 'cluster')} columns={columns}
          rowKey={(one) => `${one.cluster} ${one.namespace} ${one.name} ${one.uid}`} caption={t('nav.pods')} file="pods" empty={<Nothing title={t('pod.none')}>{t('pod.noneText')}</Nothing>} />
      </Panel>
    </>
  );
}
