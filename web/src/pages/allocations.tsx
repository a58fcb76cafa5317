// Who has been promised which GPU, who waits and why, and what would let them in.
import { useState } from 'preact/hooks';
import { address, Failure, getAll, send } from '../api/client';
import { clock } from '../api/live';
import { useRead } from '../api/use';
import type { AllocatedPart, Allocation, AllocationList, AllocationState } from '../api/schema';
import { href, query, setQuery } from '../frame/url';
import { t, word } from '../i18n';
import { asked, Filters, PickFilter, TextFilter } from '../ui/filters';
import { CsvButton } from '../ui/table';
import { Badge, Choice, DeviceLink, FailureNotice, Nothing, PageHead, Panel, PodLink, Shown, Sure } from '../ui/parts';
import { absent, count, duration, since } from '../ui/format';
import { DecisionView } from './decision';
import { grouped, type Group } from './groups';
import { ClusterPicker } from './overview';
import { Plans } from './plans';
import { useWho } from './who';

const kMost = 2000;
const states: AllocationState[] = ['waiting', 'promised', 'bound', 'ended', 'expired', 'released'];
const filters = ['namespace', 'podName', 'team', 'nodeName', 'deviceUuid', 'state', 'over'];

export function Allocations() {
  const view = query.value.get('view') === 'plans' ? 'plans' : 'list';
  const who = useWho();
  return (
    <>
      <PageHead title={t('nav.allocations')} tools={<><ClusterPicker />{who?.operates && <a class="button main" href={href('/allocations/new')}>{t('allocate.do')}</a>}</>} />
      <Choice label={t('allocations.view')} value={view} of={[['list', t('allocations.list')], ['plans', t('allocations.plans')]]} pick={(value) => setQuery({ view: value === 'list' ? null : value }, false)} />
      {who && !who.operates && <p class="quiet">{t('allocations.readOnly')}</p>}
      {view === 'plans' ? <Plans /> : <List operates={!!who?.operates} />}
    </>
  );
}

function List({ operates }: { operates: boolean }) {
  const parameters = asked(...filters, 'cluster');
  const told = useRead<AllocationList>(`allocations ${JSON.stringify(parameters)}`, (stop) => getAll<AllocationList>('/gpu/allocations', parameters, kMost, stop));
  const [failure, fail] = useState<Failure | null>(null);
  const release = operates ? (one: Allocation) => (
    <Sure name={t('allocation.release')} sure={t('allocation.releaseSure')} fail={fail} act={() => send('DELETE', address('/gpu/allocations/{allocationId}', {}, { allocationId: one.id }))} />
  ) : undefined;
  return (
    <>
      <Filters keys={filters}>
        <TextFilter name="namespace" label={t('filter.namespace')} />
        <TextFilter name="podName" label={t('column.pod')} />
        <TextFilter name="team" label={t('filter.team')} />
        <TextFilter name="nodeName" label={t('column.node')} />
        <PickFilter name="state" label={t('key.state')} of={states.map((one) => [one, word('allocation', one)])} />
        <PickFilter name="over" label={t('allocations.over')} of={[['true', t('yes')]]} />
      </Filters>
      {failure && <FailureNotice failure={failure} />}
      <Shown of={told} lines={8} empty={(data) => data.items.length === 0 && <Panel><Nothing title={t('allocations.none')}>{t('allocations.noneText')}</Nothing></Panel>}>
        {(data) => (
          <>
            <Waiting of={data.items.filter((one) => one.state === 'waiting')} release={release} />
            <Panel title={t('allocations.owners')} note={t('table.rows', { shown: count(data.items.length), total: count(data.total) })} tools={<CsvButton path="/gpu/allocations" parameters={parameters} named={{}} file="allocations" />}>
              {grouped(data.items, ['team', 'project', 'namespace']).map((one) => <Branch key={one.name} of={one} release={release} />)}
            </Panel>
          </>
        )}
      </Shown>
    </>
  );
}

type Release = ((one: Allocation) => preact.JSX.Element) | undefined;

/** In the order of their turn. */
function Waiting({ of, release }: { of: Allocation[]; release: Release }) {
  if (of.length === 0) return null;
  const turns = [...of].sort((a, b) => b.priority - a.priority || Date.parse(a.askedAt) - Date.parse(b.askedAt));
  return (
    <Panel title={t('allocations.waiting')} note={t('allocations.turn')}>
      <ol class="allocations">{turns.map((one) => <Row key={one.id} of={one} release={release} />)}</ol>
    </Panel>
  );
}

function Branch({ of, release }: { of: Group<Allocation>; release: Release }) {
  const counts = states.map((state): [AllocationState, number] => [state, of.rows.filter((one) => one.state === state).length]).filter(([, n]) => n > 0);
  return (
    <details class="branch" open>
      <summary>
        <span class="quiet">{word('kind', of.level)}</span> <b class="breakable">{of.name ?? t('allocations.nobody')}</b>{' '}
        {counts.map(([state, n]) => <span key={state} class="num"><Badge kind="allocation" value={state} plain /> {n} </span>)}
      </summary>
      {of.groups.map((one) => <Branch key={one.name} of={one} release={release} />)}
      {of.groups.length === 0 && <ul class="allocations">{of.rows.map((one) => <Row key={one.id} of={one} release={release} />)}</ul>}
    </details>
  );
}

function Row({ of, release }: { of: Allocation; release: Release }) {
  const over = !['waiting', 'promised', 'bound'].includes(of.state);
  const made = of.state === 'promised' && !of.ready;
  return (
    <li>
      <span class="allocation-who"><PodLink namespace={of.namespace} pod={of.podName} cluster={of.cluster} /> {of.priority !== 0 && <span class="quiet num">{t('allocation.priority', { priority: of.priority })}</span>}</span>
      <span><Badge kind="allocation" value={of.state} />{made && <span class="quiet"> {t('allocation.beingMade')}</span>}</span>
      <span class="allocation-parts">{of.parts.map((one, i) => <Part key={i} of={one} cluster={of.cluster} />)}{of.parts.length === 0 && <span class="quiet">{absent}</span>}</span>
      <span class="quiet num">{t('device.heldFor', { age: since(of.since, clock.value) })}{!over && of.expires && ` · ${t('allocation.expires', { age: duration(Date.parse(of.expires) - clock.value) })}`}</span>
      <span class="allocation-do">{!over && release?.(of)}</span>
      <Why of={of} />
    </li>
  );
}

function Part({ of, cluster }: { of: AllocatedPart; cluster: string }) {
  return (
    <span>
      {of.deviceId ? <DeviceLink id={of.deviceId} node={of.node} cluster={cluster} /> : of.deviceUuid} <span class="quiet num">{of.profile ? `${of.profile}@${of.start}` : of.replicas ? t('pod.shareOfGpu', { count: of.replicas }) : t('pod.wholeGpu')}</span>
    </span>
  );
}

function Why({ of }: { of: Allocation }) {
  const [open, setOpen] = useState(false);
  if (!of.decision) return <p class="allocation-why quiet breakable">{of.reason}</p>;
  return (
    <details class="allocation-why" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary class="quiet breakable">{of.reason}</summary>
      {open && <DecisionView of={of.decision} />}
    </details>
  );
}
