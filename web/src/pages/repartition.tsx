// Cuts a device anew: what somebody has stays, profiles are dropped where the driver lets them stand, and the server plans the way.
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { address, Failure, send } from '../api/client';
import { refresh } from '../api/live';
import { useApi, useRead } from '../api/use';
import type { AllocationList, DeviceDetail, LayoutPlan, PlacedInstance, Placement, WantedLayout } from '../api/schema';
import { query, setQuery } from '../frame/url';
import { t, word } from '../i18n';
import { legalPlaces, overlap, standingOf, type Piece, type Standing } from '../maps/geometry';
import { overlapRow } from '../maps/mig';
import { axisOf } from '../maps/placement';
import { place, Strips, type Slot } from '../maps/strips';
import { Badge, FailureNotice, Notice, Sure } from '../ui/parts';
import { Icon } from '../ui/icons';
import { moment } from '../ui/format';
import { slotOf } from './decision';
import type { Who } from './who';

/** In the panel of the MIG map. */
export function EditButton({ device, who }: { device: DeviceDetail; who: Who }) {
  if (!who.operates || who.restricted || !device.profiles.some((one) => one.placements.length > 0)) return null;
  const open = query.value.get('edit') !== null;
  return <button type="button" class="button small" aria-pressed={open} onClick={() => setQuery({ edit: open ? null : '1' }, false)}>{t('repartition.open')}</button>;
}

export function Repartition({ device, who }: { device: DeviceDetail; who: Who }) {
  const edits = who.operates && query.value.get('edit') !== null;
  const promised = useApi<AllocationList>(!edits ? null : address('/gpu/allocations', { cluster: device.cluster, deviceUuid: device.uuid, limit: 1000 }));
  const wanted = useApi<WantedLayout>(who.restricted ? null : address('/gpu/devices/{deviceId}/mig', { cluster: device.cluster }, { deviceId: device.uuid }));
  const standing = promised.data && standingOf(device, promised.data.items.flatMap((one) => one.parts.filter((part) => part.deviceUuid === device.uuid && part.profile)
    .map((part) => ({ profile: part.profile!, start: part.start, size: part.size, holder: `${one.namespace}/${one.podName}` }))));
  const slices = axisOf(device)?.slices;
  return (
    <>
      {wanted.data?.wanted && slices && <Wanted of={wanted.data} device={device} slices={slices} operates={who.operates} />}
      {edits && promised.data && (standing && slices ? <Editor device={device} standing={standing} slices={slices} /> : <Notice icon="warn" title={t('mig.unplaced')} />)}
    </>
  );
}

const text = (one: PlacedInstance) => `${one.profile}@${one.start}`;
const keyOf = (all: readonly Piece[]) => all.map((one) => `${one.profile}@${one.start}`).sort().join();

/** What is held is fixed; the rest is as the reader puts it, and as it stands until he does. */
function Editor({ device, standing, slices }: { device: DeviceDetail; standing: Standing[]; slices: number }) {
  const [own, put] = useState<Piece[] | null>(null);
  const [picked, pick] = useState<{ profile: string; from?: Piece } | null>(null);
  const board = useRef<HTMLDivElement>(null);
  const byKey = useRef(false);
  const fixed = standing.filter((one) => one.holder !== null);
  const mine = (own ?? standing.filter((one) => one.holder === null)).filter((one) => !fixed.some((other) => overlap(one, other)));
  const all: Piece[] = [...fixed, ...mine];
  const placesOf = (profile: string, beside: Piece[]): Placement[] => {
    const known = device.profiles.find((one) => one.profile === profile);
    return known ? legalPlaces(known, beside) : [];
  };
  const targets = picked ? placesOf(picked.profile, all.filter((one) => one !== picked.from)).filter((one) => one.start !== picked.from?.start) : [];
  const choose = (next: typeof picked, keys: boolean) => {
    byKey.current = keys;
    pick(next);
  };
  const drop = (at: Placement) => {
    put([...mine.filter((one) => one !== picked!.from), { profile: picked!.profile, ...at }]);
    if (picked!.from) pick(null);
  };
  // The places come where the focus is, and it does not fall into nothing when they go.
  useLayoutEffect(() => {
    if (!byKey.current) return;
    const next = board.current?.querySelector<HTMLElement>('.target');
    if (next) next.focus();
    else if (picked) pick(null);
    else board.current?.focus();
  }, [picked, mine.length]);
  const drag = (next: NonNullable<typeof picked>) => ({
    draggable: true,
    onDragStart: (event: DragEvent) => {
      event.dataTransfer?.setData('text/plain', next.profile);
      choose(next, false);
    },
    onDragEnd: () => choose(null, false),
  });
  return (
    <div class="repartition" onKeyDown={(event) => event.key === 'Escape' && choose(null, true)}>
      <h3>{t('repartition.palette')}</h3>
      <ul class="palette">
        {device.profiles.map((one) => {
          const room = placesOf(one.profile, all).length;
          return (
            <li key={one.profile}>
              <button type="button" class="button small" disabled={room === 0} aria-pressed={picked?.profile === one.profile && !picked.from} {...drag({ profile: one.profile })}
                onClick={() => choose(picked?.profile === one.profile ? null : { profile: one.profile }, true)}>{one.profile} <span class="quiet num">×{room}</span></button>
            </li>
          );
        })}
      </ul>
      <p class="quiet" role="status">{picked ? t('repartition.places', { count: targets.length, profile: picked.profile }) : t('repartition.help')}</p>
      <div class="mig-scroll" ref={board} tabIndex={-1} role="group" aria-label={t('mig.label', { slices })}>
        <div class="mig-grid head" style={{ gridTemplateColumns: `repeat(${slices}, minmax(0, 1fr))` }} aria-hidden="true">{Array.from({ length: slices }, (_, i) => <span key={i} class="num">{i}</span>)}</div>
        <div class="mig-grid board" style={{ gridTemplateColumns: `repeat(${slices}, minmax(0, 1fr))` }}>
          {fixed.map((one) => <div key={text(one)} class="slot k-held" style={place(one.start, one.size)}><b><Icon name="lock" /> {one.profile}</b><span class="quiet">{slotOf(one).note ?? word('slot', 'held')}</span></div>)}
          {mine.map((one) => (
            <div key={text(one)} class={`slot ${standing.some((other) => text(other) === text(one)) ? 'k-idle' : 'k-comes'}`} style={place(one.start, one.size)}>
              <button type="button" class="piece" aria-pressed={picked?.from === one} {...drag({ profile: one.profile, from: one })}
                onClick={() => choose(picked?.from === one ? null : { profile: one.profile, from: one }, true)}>{one.profile}</button>
              <button type="button" class="button icon-only" aria-label={t('repartition.remove', { profile: one.profile, start: one.start })} onClick={() => (choose(null, true), put(mine.filter((other) => other !== one)))}><Icon name="close" /></button>
            </div>
          ))}
          {targets.map((one, i) => (
            <button key={`t${one.start}`} type="button" class="target" style={place(one.start, one.size, overlapRow(targets, i))} onClick={() => drop(one)}
              onDragOver={(event) => event.preventDefault()} onDrop={(event) => (event.preventDefault(), drop(one))}
              aria-label={`${picked!.profile}: ${t('slot.at', { from: one.start, to: one.start + one.size - 1 })}`}>{picked!.profile}</button>
          ))}
        </div>
      </div>
      <p class="actions">
        <button type="button" class="button small" disabled={mine.length === 0} onClick={() => put([])}>{t('repartition.clear')}</button>
        <button type="button" class="button small" disabled={own === null} onClick={() => put(null)}>{t('repartition.reset')}</button>
      </p>
      {keyOf(all) !== keyOf(standing) && <Plan device={device} standing={standing} drawn={all} slices={slices} />}
    </div>
  );
}

const kPause = 300; // ms: several drops are one question

/** What the server makes of the wish, and the button that asks for it. */
function Plan({ device, standing, drawn, slices }: { device: DeviceDetail; standing: Standing[]; drawn: Piece[]; slices: number }) {
  const [failure, setFailure] = useState<Failure | null>(null);
  const profiles = JSON.stringify([...drawn].sort((a, b) => a.start - b.start).map((one) => device.profiles.find((known) => known.profile === one.profile)?.profileKey ?? one.profile));
  const [wish, setWish] = useState(profiles);
  useEffect(() => {
    setFailure(null);
    const wait = setTimeout(() => setWish(profiles), kPause);
    return () => clearTimeout(wait);
  }, [profiles]);
  const url = (dryRun: boolean) => address('/gpu/devices/{deviceId}/mig', { cluster: device.cluster, dryRun: dryRun || null }, { deviceId: device.uuid });
  const told = useRead<LayoutPlan>(wish, async (stop) => (await send<LayoutPlan>('POST', url(true), JSON.parse(wish) as object, undefined, stop))!);
  const cut = () => send('POST', url(false), JSON.parse(profiles) as object).then(() => (setQuery({ edit: null }, false), refresh()), (error: unknown) => setFailure(error as Failure));
  const slots = (of: PlacedInstance[], other: PlacedInstance[], changes: Slot['kind']): Slot[] => of.map((one) => {
    const stands = standing.find((same) => text(same) === text(one));
    return stands && other.some((same) => text(same) === text(one)) ? slotOf(stands) : { ...one, title: one.profile, kind: changes };
  });
  const wrong = failure ?? told.failure;
  const plan = told.data;
  return (
    <div class="plan" aria-live="polite" aria-busy={profiles !== wish}>
      <h3>{t('repartition.plan')}</h3>
      {wrong ? <FailureNotice failure={wrong} /> : plan && (
        <>
          <Strips label={t('repartition.plan')} slices={slices} rows={[[t('plan.now'), slots(plan.from, plan.to, 'goes')], [t('plan.then'), slots(plan.to, plan.from, 'comes')]]} />
          <Steps of={plan.steps} />
          {keyOf(plan.to) !== keyOf(drawn) && profiles === wish && <p><span class="badge s-warning"><span aria-hidden="true">▲</span></span> {t('repartition.elsewhere')}</p>}
          <p class="actions"><button type="button" class="button main" disabled={profiles !== wish} onClick={() => void cut()}>{t('repartition.do')}</button></p>
        </>
      )}
    </div>
  );
}

type Step = { action: string; profile?: string; start?: number; mode?: string; state?: string; reason?: string | null };
function Steps({ of }: { of: Step[] }) {
  return (
    <ol class="moves">
      {of.map((one, i) => (
        <li key={i}>{word('step', one.action)} {one.mode ?? <span class="num">{one.profile}@{one.start}</span>} {one.state && <Badge kind="report" value={one.state} plain />} {one.reason && <span class="quiet breakable">{one.reason}</span>}</li>
      ))}
    </ol>
  );
}

/** What is wanted of the device, and how far its agent has come. */
function Wanted({ of, device, slices, operates }: { of: WantedLayout; device: DeviceDetail; slices: number; operates: boolean }) {
  const [failure, fail] = useState<Failure | null>(null);
  const wanted = of.wanted!;
  const stands = (one: PlacedInstance) => device.instances.some((other) => other.start === one.start && other.profile === one.profile);
  const report = of.reported && of.reported.generation >= wanted.generation ? of.reported : null;
  return (
    <div class="wanted">
      <h3>{t('wanted.title')}</h3>
      <p class="quiet breakable">{t('wanted.by', { by: wanted.by, time: moment(wanted.since) })}</p>
      {failure && <FailureNotice failure={failure} />}
      <Strips label={t('wanted.title')} slices={slices} rows={[[t('plan.then'), wanted.instances.map((one): Slot => ({ ...one, title: one.profile, kind: stands(one) ? 'mine' : 'comes', note: t(stands(one) ? 'report.done' : 'report.planned') }))]]} />
      {of.node && <p role="status">{word('course', of.node.state)} {of.node.reason && <span class="quiet breakable">{of.node.reason}</span>}</p>}
      {report ? (
        <>
          <p role="status"><Badge kind="report" value={report.state} /> {report.reason && <span class="breakable">{report.reason}</span>} {report.time && <span class="quiet num">{moment(report.time)}</span>}</p>
          <Steps of={(report.steps ?? []) as Step[]} />
        </>
      ) : <p class="quiet" role="status">{t('wanted.silent')}</p>}
      {operates && <p class="actions"><Sure name={t('wanted.forget')} sure={t('wanted.forgetSure')} fail={fail} act={() => send('DELETE', address('/gpu/devices/{deviceId}/mig', { cluster: device.cluster }, { deviceId: of.deviceUuid }))} /></p>}
    </div>
  );
}
