// Processes on GPUs, now and past.
import type { Session } from '../api/schema';
import { clock } from '../api/live';
import { range, rangeKey } from '../frame/range';
import { query, setQuery } from '../frame/url';
import { t, word } from '../i18n';
import { ApiTable, type Column } from '../ui/table';
import { asked, Filters, PickFilter, TextFilter } from '../ui/filters';
import { Badge, Choice, DeviceLink, Nothing, PageHead, Panel, PodLink } from '../ui/parts';
import { absent, bytes, duration, moment, percent, since } from '../ui/format';
import { useMemo } from 'preact/hooks';
import { ClusterPicker } from './overview';
import { Unattributed } from './unattributed';

type State = 'active' | 'past' | 'all';

export function Sessions() {
  const state = (query.value.get('state') ?? 'active') as State;
  const past = state !== 'active';
  const key = rangeKey.value;
  // A relative range must not make another table each second.
  const times = useMemo(() => past ? { start: new Date(range.peek().from).toISOString(), end: range.peek().relative ? null : new Date(range.peek().to).toISOString() } : {}, [past, key]);
  return (
    <>
      <PageHead title={t('nav.sessions')} tools={<ClusterPicker />} />
      <Choice label={t('session.state')} value={state} of={[['active', t('session.active')], ['past', t('session.past')], ['all', t('session.all')]]} pick={(value) => setQuery({ state: value === 'active' ? null : value, sort: null }, false)} />
      <Panel>
        <Filters keys={['search', 'namespace', 'command', 'deviceId', 'nodeName', 'attribution']}>
          {!past && <TextFilter name="search" label={t('filter.search')} />}
          <TextFilter name="namespace" label={t('filter.namespace')} />
          <TextFilter name="command" label={t('filter.command')} />
          <TextFilter name="deviceId" label={t('filter.device')} />
          <PickFilter name="attribution" label={t('filter.attribution')} of={[['host,gone,no_access,conflict', t('session.unattributed')], ...['pod', 'holder', 'unnamed', 'host', 'gone', 'no_access', 'conflict'].map((one): [string, string] => [one, word('attribution', one)])]} />
        </Filters>
        <ApiTable<Session> path="/gpu/sessions" parameters={{ ...asked('namespace', 'command', 'deviceId', 'nodeName', 'attribution', 'cluster', ...(past ? [] : ['search'])), ...times, state }}
          columns={columns(past)} rowKey={(one) => one.id} caption={t('nav.sessions')} file={`sessions-${state}`} fixedOrder={past}
          empty={<Nothing title={t('session.none')}>{past ? t('session.noneText') : ''}</Nothing>} />
      </Panel>
    </>
  );
}

function columns(past: boolean): Column<Session>[] {
  const sort = (member: string) => past ? {} : { sort: member };
  return [
    { title: t('column.command'), ...sort('command'), cell: (one) => <span class="breakable">{one.command ?? absent}</span> },
    { title: t('column.pid'), num: true, cell: (one) => one.pid === null ? absent : String(one.pid) },
    { title: t('column.pod'), ...sort('pod'), cell: (one) => one.pod || one.podUid ? <PodLink namespace={one.namespace} pod={one.pod} uid={one.podUid} cluster={one.cluster} /> : <Unattributed of={one} /> },
    { title: t('column.device'), ...sort('deviceId'), cell: (one) => <><DeviceLink id={one.deviceId} node={one.node} cluster={one.cluster} />{one.instance && <span class="quiet num"> {one.instance.profile ?? `GI ${one.instance.gi}`}</span>}</> },
    { title: t('column.memory'), num: true, ...sort('memoryUsedBytes'), cell: (one) => bytes(one.memoryUsedBytes) },
    { title: t('column.peak'), num: true, rest: true, ...sort('peakMemoryBytes'), cell: (one) => bytes(one.peakMemoryBytes) },
    { title: t('column.utilization'), num: true, cell: (one) => percent(one.utilizationPercent) },
    { title: t('column.mean'), num: true, rest: true, ...sort('meanUtilizationPercent'), cell: (one) => percent(one.meanUtilizationPercent) },
    { title: t('column.holds'), cell: (one) => one.holds === null ? absent : one.holds ? t('yes') : <span class="badge s-warning"><span aria-hidden="true">▲</span> {t('pod.bypass')}</span> },
    { title: past ? t('column.began') : t('column.runningFor'), num: true, ...sort('firstSeen'), cell: (one) => past ? moment(one.startTime ?? one.firstSeen) : since(one.startTime ?? one.firstSeen, clock.value) },
    ...(past ? [{ title: t('column.ended'), num: true, cell: (one: Session) => one.endTime ? <>{moment(one.endTime)} <span class="quiet">{duration(Date.parse(one.endTime) - Date.parse(one.startTime ?? one.firstSeen))}</span></> : <Badge kind="use" value="active" plain /> }] : []),
  ];
}
