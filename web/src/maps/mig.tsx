// The MIG map: what stands where on the memory-slice axis, what still fits, and what is lost.
import type { DeviceDetail, DeviceProfile, Holder, Instance, LayoutInterval, Placement } from '../api/schema';
import { axisOf, type Block, type Hole } from './placement';
import { place } from './strips';
import { t, word } from '../i18n';
import { bytesOf, duration, moment, percent } from '../ui/format';
import { Meter, Nothing, PodLink } from '../ui/parts';
import { clock } from '../api/live';


function holderOf(device: DeviceDetail, one: Instance): Holder | undefined {
  return device.holders.find((holder) => holder.instance?.gi === one.gi && (holder.instance?.ci ?? null) === one.ci) ??
    device.holders.find((holder) => holder.instance?.gi === one.gi);
}

function Inside({ device, one }: { device: DeviceDetail; one: Instance }) {
  const holder = holderOf(device, one);
  return (
    <div class={`mig-instance u-${one.use}`}>
      <span class="mig-name"><b>{one.profile ?? t('mig.unnamed')}</b> <span class="quiet num">GI {one.gi}{one.ci !== null ? ` · CI ${one.ci}` : ''}</span></span>
      <span class="mig-pod">{holder ? <PodLink namespace={holder.namespace} pod={holder.pod} uid={holder.podUid} cluster={device.cluster} /> : <span class="quiet">{word('use', one.use)}</span>}</span>
      <Meter value={one.utilizationPercent} />
      <span class="quiet num mig-memory">{bytesOf(one.memoryUsedBytes, one.memoryTotalBytes)}{one.use === 'idle' ? ` · ${word('use', 'idle')}` : ''}</span>
    </div>
  );
}

function BlockBox({ device, block }: { device: DeviceDetail; block: Block }) {
  return (
    <div class="mig-block" style={place(block.start, block.size)}>
      {block.instances.map((one) => <Inside key={`${one.gi}-${one.ci}`} device={device} one={one} />)}
    </div>
  );
}

function HoleBox({ hole }: { hole: Hole }) {
  return (
    <div class={`mig-hole ${hole.usable ? '' : 'lost'}`} style={place(hole.start, hole.size)}>
      <span>{hole.usable ? t('mig.free') : t('mig.lost')}</span>
      {hole.profiles.length > 0 && <span class="quiet mig-fits">{hole.profiles.join(', ')}</span>}
    </div>
  );
}

function FitRow({ profile, slices }: { profile: DeviceProfile; slices: number }) {
  return (
    <div class="mig-fit">
      <span class="mig-fit-name num">{profile.profile} <span class="quiet">×{profile.remaining ?? '–'}</span></span>
      <div class="mig-grid thin" style={{ gridTemplateColumns: `repeat(${slices}, minmax(0, 1fr))` }}>
        {profile.freePlacements!.map((one, i) => <span key={i} class="mig-ghost" style={place(one.start, one.size, overlapRow(profile.freePlacements!, i))} />)}
      </div>
    </div>
  );
}

/** Places that overlap stand below each other. */
export function overlapRow(all: readonly Placement[], index: number): number {
  const size = all[index]!.size;
  const step = all.length > 1 ? Math.min(...all.slice(1).map((one, i) => one.start - all[i]!.start).filter((gap) => gap > 0), size) : size;
  return 1 + (index % Math.max(1, Math.ceil(size / step)));
}

export function MigMap({ device }: { device: DeviceDetail }) {
  const axis = axisOf(device);
  if (!axis) return <Nothing title={t('mig.noAxis')} />;
  const columns = { gridTemplateColumns: `repeat(${axis.slices}, minmax(0, 1fr))` };
  return (
    <div class="mig" role="group" aria-label={t('mig.label', { slices: axis.slices })}>
      <div class="mig-scroll" tabIndex={0} role="region" aria-label={t('mig.label', { slices: axis.slices })}>
        <div class="mig-grid head" style={columns} aria-hidden="true">
          {Array.from({ length: axis.slices }, (_, i) => <span key={i} class="num">{i}</span>)}
        </div>
        <div class="mig-grid" style={columns}>
          {axis.blocks.map((block) => <BlockBox key={block.instances[0]!.gi} device={device} block={block} />)}
          {axis.holes.map((hole) => <HoleBox key={`h${hole.start}`} hole={hole} />)}
        </div>
        {axis.blocks.length === 0 && axis.unplaced.length === 0 && <p class="quiet">{t('mig.uncut')}</p>}
        {axis.fitting.length > 0 && axis.unplaced.length === 0 && (
          <div class="mig-fitting">
            <h3>{t('mig.fits')}</h3>
            {axis.fitting.map((profile) => <FitRow key={profile.profileId ?? profile.profile} profile={profile} slices={axis.slices} />)}
          </div>
        )}
      </div>
      {axis.unplaced.length > 0 && (
        <div class="mig-unplaced">
          <p class="quiet">{t('mig.unplaced')}</p>
          <div class="mig-list">{axis.unplaced.map((one) => <div class="mig-block" key={`${one.gi}-${one.ci}`}><Inside device={device} one={one} /></div>)}</div>
        </div>
      )}
      {axis.fitting.length === 0 && axis.holes.length > 0 && <p class="quiet">{t('mig.nothingFits')}</p>}
    </div>
  );
}

/** What the GPU was cut into over time: time goes right, memory slices go down. */
export function LayoutTimeline({ items, from, to, slices }: { items: LayoutInterval[]; from: number; to: number; slices: number }) {
  const first = Math.max(from, Math.min(...items.map((one) => Date.parse(one.began))));
  const whole = Math.max(1, to - first);
  const at = (time: number) => (1000 * (Math.min(to, Math.max(first, time)) - first)) / whole;
  const unit = 96 / Math.max(1, slices);
  return (
    <div class="layouts">
      <svg class="layouts-map" viewBox="0 0 1000 96" preserveAspectRatio="none" role="img" aria-label={t('mig.timeline', { count: items.length })}>
        {items.map((one) => {
          const x = at(Date.parse(one.began));
          const width = Math.max(2, at(one.ended ? Date.parse(one.ended) : to) - x - 1);
          return (
            <g key={one.began}>
              <rect class={one.migEnabled ? 'layout-ground' : 'layout-whole'} x={x} y="0" width={width} height="96" />
              {one.instances.map((instance, i) => instance.placement && (
                <rect key={i} class={`layout-part size-${Math.min(8, instance.placement.size)}`} x={x} y={instance.placement.start * unit + 0.5}
                  width={width} height={instance.placement.size * unit - 1} />
              ))}
            </g>
          );
        })}
      </svg>
      <div class="layouts-axis quiet num"><span>{moment(first, false)}</span><span>{moment(to, false)}</span></div>
      <ol class="layouts-list">
        {[...items].reverse().map((one) => (
          <li key={one.began}>
            <span class="num">{moment(one.began)}</span>
            <span class="quiet num">{duration((one.ended ? Date.parse(one.ended) : clock.value) - Date.parse(one.began))}{one.ended ? '' : ` · ${t('mig.now')}`}</span>
            <span>{!one.migEnabled ? t('mig.whole') : one.instances.length === 0 ? t('mig.noInstances') : layoutText(one)}</span>
          </li>
        ))}
      </ol>
    </div>
  );
}

function layoutText(one: LayoutInterval): string {
  return [...one.instances].sort((a, b) => (a.placement?.start ?? 0) - (b.placement?.start ?? 0))
    .map((instance) => `${instance.profile ?? '–'}${instance.placement ? `@${instance.placement.start}` : ''}`).join(', ');
}

export function UsageByProfile({ device }: { device: DeviceDetail }) {
  const { utilization } = device;
  return (
    <div class="means">
      <div class="mean">
        <span class="quiet">{t('mean.allocated')}</span><Meter value={utilization.allocated} text={percent(utilization.allocated, 1)} />
      </div>
      <div class="mean">
        <span class="quiet">{t('mean.device')}</span><Meter value={utilization.device} text={percent(utilization.device, 1)} />
      </div>
      <div class="mean">
        <span class="quiet">{t('mean.simple')}</span><Meter value={utilization.simple} text={percent(utilization.simple, 1)} />
      </div>
      {device.usageByProfile.map((one) => (
        <div class="mean" key={one.profile}>
          <span class="quiet num">{one.count} × {one.profile}</span><Meter value={one.utilization} text={percent(one.utilization, 1)} />
        </div>
      ))}
    </div>
  );
}
