// What was decided, and why; or why there is no room, and what would help.
import { address } from '../api/client';
import { useApi } from '../api/use';
import type { Decision, DeviceDetail } from '../api/schema';
import { t, word } from '../i18n';
import { legalPlaces, standingOf, type Standing } from '../maps/geometry';
import { axisOf } from '../maps/placement';
import { Strips, type Slot } from '../maps/strips';
import { DeviceLink, Facts } from '../ui/parts';
import { absent, count, number } from '../ui/format';

/** A device, an instance that stands, or a place for one. */
export interface Grant {
  cluster: string;
  node: string;
  deviceId: string;
  modelKey: string;
  kind: 'instance' | 'placement' | 'device' | 'share';
  profile: string | null;
  start: number | null;
  size: number | null;
  memoryMib: number | null;
  replicas?: number | null;
  pricePerHour: string | null;
}
/** What the contract leaves open of a decision. */
interface Told {
  grants?: Grant[];
  factors?: { key: string; text: string; value: number }[];
  runnersUp?: (Grant & { whyNot: string })[];
  misses?: { cause: string; devices: number; sentence: string; nearest: { deviceId: string; what: string }[] }[];
  remedies?: { kind: string; deviceId: string | null; sentence: string }[];
}

export const slotOf = (one: Standing): Slot => ({ ...one, title: one.profile, note: one.holder === absent ? null : one.holder, kind: one.holder === null ? 'idle' : 'held' });

export interface Preview {
  slices: number;
  rows: [string, Slot[]][];
}
/** A device as it is and as the grant would have it; null where nobody tells how it is cut. */
export function previewOf(device: DeviceDetail, grant: Grant): Preview | null {
  const standing = standingOf(device);
  const slices = axisOf(device)?.slices ?? 1;
  if (standing === null) return null;
  const now = standing.map(slotOf);
  if (grant.profile === null) return { slices, rows: [[t('plan.then'), [{ start: 0, size: slices, title: grant.replicas ? t('pod.shareOfGpu', { count: grant.replicas }) : t('pod.wholeGpu'), kind: 'mine' }]]] };
  const mine = { profile: grant.profile, start: grant.start!, size: grant.size! };
  const same = (one: Standing) => one.profile === mine.profile && one.start === mine.start;
  const profile = device.profiles.find((one) => one.profile === mine.profile);
  const goes = (one: Standing) => one.holder === null && !same(one) && !!profile && !legalPlaces(profile, [one]).some((place) => place.start === mine.start);
  const given: Slot = { ...mine, title: mine.profile, kind: grant.kind === 'instance' ? 'mine' : 'comes' };
  const stays = standing.filter((one) => !goes(one) && !same(one)).map(slotOf);
  return {
    slices,
    rows: [
      [t('plan.now'), now.map((slot, i) => (goes(standing[i]!) ? { ...slot, kind: 'goes', note: null } : slot))],
      [t('plan.then'), [...stays, given].sort((a, b) => a.start - b.start)],
    ],
  };
}

function GrantMap({ of }: { of: Grant }) {
  const told = useApi<DeviceDetail>(address('/gpu/devices/{deviceId}', { cluster: of.cluster }, { deviceId: of.deviceId }));
  const preview = told.data && previewOf(told.data, of);
  return (
    <>
      <h3><DeviceLink id={of.deviceId} node={of.node} cluster={of.cluster} /> <span class="quiet num">{of.modelKey}{of.memoryMib !== null && ` · ${count(of.memoryMib)} MiB`}</span></h3>
      {preview && <Strips label={of.deviceId} {...preview} />}
    </>
  );
}

const kMaps = 4;

/** `map`: as a whole, with its sentence and the devices; else what stands behind the sentence. */
export function DecisionView({ of, map }: { of: NonNullable<Decision>; map?: boolean }) {
  const { grants = [], factors = [], runnersUp = [], misses = [], remedies = [] } = of as unknown as Told;
  return (
    <div class="decision">
      {map && <p class="decision-sentence breakable">{of.sentence}</p>}
      {of.hint && <p class="breakable"><span class="badge s-warning"><span aria-hidden="true">▲</span> {t('decision.hint')}</span> {of.hint}</p>}
      {map && grants.slice(0, kMaps).map((one, i) => <GrantMap key={i} of={one} />)}
      {map && grants.length > kMaps && <p class="quiet">{t('problems.more', { count: grants.length - kMaps })}</p>}
      <Facts of={[
        ...(grants.length ? [[t('decision.price'), of.pricePerHour ? number(Number(of.pricePerHour), 4) : absent]] : []) as [string, string][],
        ...(of.requiredMib ? [[t('decision.memory'), `${count(of.requiredMib)} MiB`]] : []) as [string, string][],
        ...(of.policy ? [[t('decision.policy'), of.policy]] : []) as [string, string][],
      ]} />
      {of.assumed && <p class="quiet breakable">{of.assumed}</p>}
      {remedies.length > 0 && (
        <>
          <h3>{t('decision.remedies')}</h3>
          <ul class="reasons">
            {remedies.map((one, i) => <li key={i}><b>{word('remedy', one.kind)}</b><span class="breakable">{one.sentence} {one.deviceId && <DeviceLink id={one.deviceId} />}</span></li>)}
          </ul>
        </>
      )}
      {misses.length > 0 && (
        <>
          <h3>{t('decision.misses')}</h3>
          <ul class="reasons">
            {misses.map((one) => (
              <li key={one.cause}>
                <b>{word('cause', one.cause)} <span class="quiet num">× {count(one.devices)}</span></b>
                <span class="breakable">{one.sentence}{one.nearest.map((near) => <small key={near.deviceId}><DeviceLink id={near.deviceId} /> {near.what}</small>)}</span>
              </li>
            ))}
          </ul>
        </>
      )}
      {factors.length > 0 && (
        <>
          <h3>{t('decision.factors')}</h3>
          <ul class="reasons">{factors.map((one) => <li key={one.key}><b class="num">{number(one.value, 3)}</b><span class="breakable">{one.text}</span></li>)}</ul>
        </>
      )}
      {runnersUp.length > 0 && (
        <>
          <h3>{t('decision.runnersUp')}</h3>
          <ul class="reasons">
            {runnersUp.map((one, i) => <li key={i}><b><DeviceLink id={one.deviceId} node={one.node} cluster={one.cluster} /> <span class="quiet num">{one.profile}{one.start !== null && `@${one.start}`}</span></b><span class="breakable">{one.whyNot}</span></li>)}
          </ul>
        </>
      )}
    </div>
  );
}
