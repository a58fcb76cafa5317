// Which moves would let in who waits, and whom another fleet would serve. Nothing here is done: owners move their pods.
import { address, api } from '../api/client';
import { useApi } from '../api/use';
import type { Defragmentation, DeviceDetail, HeldPlace, MigProfileList, ModelList, Move, MovedDevice, WhatIf } from '../api/schema';
import { query } from '../frame/url';
import { t } from '../i18n';
import { axisOf } from '../maps/placement';
import { Strips, type Slot } from '../maps/strips';
import { Filters, PickFilter } from '../ui/filters';
import { DeviceLink, Nothing, Panel, PodLink, Shown, Tile } from '../ui/parts';
import { count } from '../ui/format';

export function Plans() {
  const cluster = query.value.get('cluster');
  const told = useApi<Defragmentation>(address('/gpu/defragmentation', { cluster, mostMoves: query.value.get('mostMoves') }));
  return (
    <>
      <Filters keys={['mostMoves']}><PickFilter name="mostMoves" label={t('plans.mostMoves')} none="4" of={['1', '2', '8', '16', '32'].map((one) => [one, one])} /></Filters>
      <Shown of={told} lines={8}>
        {(data) => (
          <>
            <Panel title={t('plans.waiting')} note={t('plans.note', { movable: count(data.movable), waiting: count(data.waitingTotal), moves: data.mostMoves })}>
              {data.waiting.length === 0 && <Nothing title={t('plans.nobody')} />}
              <ul class="plans">
                {data.waiting.map((one) => (
                  <li key={one.allocationId}>
                    <PodLink namespace={one.namespace} pod={one.podName} cluster={data.cluster} />
                    <p class="breakable">{one.sentence}</p>
                    <Steps moves={one.moves ?? []} devices={one.devices} cluster={data.cluster} />
                  </li>
                ))}
              </ul>
            </Panel>
            <Panel title={t('plans.consolidation')} note={t('plans.freed', { count: data.consolidation.freedDevices.length })}>
              <p class="breakable">{data.consolidation.sentence}</p>
              <Steps moves={data.consolidation.moves} devices={data.consolidation.devices} cluster={data.cluster} />
            </Panel>
            <Ask names={new Map(data.waiting.map((one) => [one.allocationId, `${one.namespace}/${one.podName}`]))} cluster={data.cluster} />
          </>
        )}
      </Shown>
    </>
  );
}

function Steps({ moves, devices, cluster }: { moves: Move[]; devices: MovedDevice[]; cluster: string }) {
  return (
    <>
      {moves.length > 0 && <ol class="moves">{moves.map((one, i) => <li key={i} class="breakable">{one.sentence}</li>)}</ol>}
      {devices.map((one) => <Moved key={one.deviceId} of={one} cluster={cluster} />)}
    </>
  );
}

const same = (a: HeldPlace) => (b: HeldPlace) => a.start === b.start && a.profile === b.profile && a.holder === b.holder;
function slots(of: HeldPlace[], other: HeldPlace[], changed: Slot['kind']): Slot[] {
  return of.map((one) => ({ ...one, title: one.profile ?? t('pod.wholeGpu'), note: one.holder, kind: !other.some(same(one)) ? changed : one.holder === null ? 'idle' : 'held' }));
}

function Moved({ of, cluster }: { of: MovedDevice; cluster: string }) {
  const told = useApi<DeviceDetail>(address('/gpu/devices/{deviceId}', { cluster }, { deviceId: of.deviceId }), false);
  const slices = Math.max(1, (told.data && axisOf(told.data)?.slices) ?? 0, ...[...of.before, ...of.after].map((one) => one.start + one.size));
  return (
    <>
      <h3><DeviceLink id={of.deviceId} node={of.node} cluster={cluster} /> <span class="quiet">{of.modelKey}</span></h3>
      <Strips label={of.deviceId} slices={slices} rows={[[t('plan.now'), slots(of.before, of.after, 'goes')], [t('plan.then'), slots(of.after, of.before, 'comes')]]} />
    </>
  );
}

function Ask({ names, cluster }: { names: Map<string, string>; cluster: string }) {
  const models = useApi<ModelList>(address('/gpu/models', { limit: 1000 }), false).data?.items.filter((one) => one.deviceCount) ?? [];
  const profiles = useApi<MigProfileList>(address('/gpu/mig-profiles', { limit: 1000 }), false).data?.items ?? [];
  const [more, add, cut] = ['more', 'add', 'cut'].map((one) => query.value.get(one));
  const told = useApi<WhatIf>(add || cut ? `${api}/gpu/what-if?${new URLSearchParams({ cluster, ...(add ? { add: `${more ?? 1}x${add}` } : {}), ...(cut ? { cut } : {}) })}` : null);
  const cuts = [...new Set(profiles.map((one) => `${one.modelKey}:${one.profile}`))].sort();
  return (
    <Panel title={t('whatIf.title')} note={t('whatIf.note')}>
      <Filters keys={['more', 'add', 'cut']} label={t('whatIf.title')}>
        <PickFilter name="add" label={t('whatIf.add')} none={t('whatIf.none')} of={models.map((one) => [one.key, one.key])} />
        <PickFilter name="more" label={t('column.count')} none="1" of={['2', '4', '8', '16', '32', '64'].map((one) => [one, one])} />
        <PickFilter name="cut" label={t('whatIf.cut')} none={t('whatIf.none')} of={cuts.map((one) => [one, one.replace(':', ' ')])} />
      </Filters>
      {(add || cut) && (
        <Shown of={told}>
          {(data) => (
            <>
              <div class="tiles">
                {([['plan.now', data.now], ['plan.then', data.then]] as const).map(([name, one]) => (
                  <Tile key={name} label={t('whatIf.served', { when: t(name) })} value={count(one.served.length)} note={t('whatIf.of', { waiting: count(data.waiting), empty: count(one.emptyDevices) })} />
                ))}
              </div>
              <ul class="chips">{data.then.served.filter((one) => !data.now.served.includes(one)).map((one) => <li key={one}>+ {names.get(one) ?? one}</li>)}</ul>
              {data.assumed.map((one) => <p key={one} class="quiet breakable">{one}</p>)}
              {data.boundToNode > 0 && <p class="quiet">{t('whatIf.bound', { count: data.boundToNode })}</p>}
            </>
          )}
        </Shown>
      )}
    </Panel>
  );
}
