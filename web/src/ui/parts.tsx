// The small things that pages are made of.
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { t, word, type Word } from '../i18n';
import type { Told } from '../api/use';
import type { Failure } from '../api/client';
import { asksForKey } from '../api/client';
import { refresh } from '../api/live';
import { absent, number, percent, ratio } from './format';
import { Icon, type IconName } from './icons';
import { href, part } from '../frame/url';

export function Panel(props: { title?: string; note?: ComponentChildren; tools?: ComponentChildren; children: ComponentChildren; class?: string }) {
  return (
    <section class={`panel ${props.class ?? ''}`}>
      {(props.title || props.tools) && (
        <header class="panel-head">
          {props.title && <h2>{props.title}</h2>}
          {props.note && <span class="note">{props.note}</span>}
          {props.tools && <div class="tools">{props.tools}</div>}
        </header>
      )}
      {props.children}
    </section>
  );
}

export function PageHead(props: { title: ComponentChildren; above?: ComponentChildren; tools?: ComponentChildren; children?: ComponentChildren }) {
  return (
    <header class="page-head">
      <div>
        {props.above && <nav class="crumbs" aria-label={t('frame.crumbs')}>{props.above}</nav>}
        <h1>{props.title}</h1>
      </div>
      {props.children && <div class="page-facts">{props.children}</div>}
      {props.tools && <div class="tools">{props.tools}</div>}
    </header>
  );
}

export function Notice(props: { icon: IconName; title: string; children?: ComponentChildren; kind?: string }) {
  return (
    <div class={`notice ${props.kind ?? ''}`}>
      <Icon name={props.icon} />
      <div>
        <p class="notice-title">{props.title}</p>
        {props.children && <div class="notice-text">{props.children}</div>}
      </div>
    </div>
  );
}

function titleOf(failure: Failure): { icon: IconName; title: Word } {
  if (failure.status === 0 || failure.status === 502 || failure.status === 504) return { icon: 'warn', title: 'state.unreachable' };
  if (failure.status === 401) return { icon: 'lock', title: 'state.unauthorized' };
  if (failure.status === 403) return { icon: 'lock', title: 'state.forbidden' };
  if (failure.status === 404) return { icon: 'empty', title: 'state.notFound' };
  if (failure.status === 503) return { icon: 'warn', title: 'state.starting' };
  return { icon: 'warn', title: 'state.error' };
}

export function FailureNotice({ failure }: { failure: Failure }) {
  const { icon, title } = titleOf(failure);
  return (
    <div role="alert">
      <Notice icon={icon} title={failure.problem?.type.endsWith(':disabled') ? failure.title : t(title)} kind={failure.status === 404 ? '' : 'bad'}>
        {failure.status === 0 ? <p>{t('state.retrying')}</p> : <p class="breakable">{failure.detail}</p>}
        {failure.requestId && <p class="quiet">{t('state.requestId')} <code>{failure.requestId}</code></p>}
        <p class="actions">
          {failure.status === 401 && <button type="button" class="button main" onClick={() => (asksForKey.value = true)}>{t('signIn.open')}</button>}
          {![403, 404].includes(failure.status) && <button type="button" class="button" onClick={refresh}>{t('state.again')}</button>}
        </p>
      </Notice>
    </div>
  );
}

/** A button that asks once more before it does something that is not taken back. */
export function Sure({ name, sure, act, fail }: { name: string; sure: string; act: () => Promise<unknown>; fail: (failure: Failure | null) => void }) {
  const [asks, setAsks] = useState(false);
  const no = useRef<HTMLButtonElement>(null);
  useLayoutEffect(() => no.current?.focus(), [asks]); // the button that was pressed has gone
  const go = () => {
    fail(null);
    setAsks(false);
    act().then(refresh, (error: unknown) => fail(error as Failure));
  };
  if (!asks) return <button type="button" class="button small" onClick={() => setAsks(true)}>{name}</button>;
  return (
    <span class="actions">
      <button type="button" class="button small danger" onClick={go}>{sure}</button>
      <button type="button" class="button small" ref={no} onClick={() => setAsks(false)}>{t('frame.cancel')}</button>
    </span>
  );
}

/** Stands where something will come. */
export function Skeleton({ lines }: { lines: number }) {
  return (
    <div class="skeleton" role="status" aria-label={t('state.loading')}>
      {Array.from({ length: lines }, (_, i) => <span key={i} />)}
    </div>
  );
}

/** One manner for all: what was read last, else what is in its place. */
export function Shown<T>(props: { of: Told<T>; empty?: (data: T) => ComponentChildren | null | false; lines?: number; children: (data: T) => ComponentChildren }) {
  const { data, failure } = props.of;
  if (data === null) {
    if (failure) return <FailureNotice failure={failure} />;
    return <Skeleton lines={props.lines ?? 4} />;
  }
  const nothing = props.empty?.(data);
  return (
    <>
      {failure && failure.status > 0 && <FailureNotice failure={failure} />}
      {nothing || props.children(data)}
    </>
  );
}

export function Nothing(props: { title: string; children?: ComponentChildren }) {
  return <Notice icon="empty" title={props.title}>{props.children}</Notice>;
}

/** A number to see at once; a link where there is more behind it. */
export function Tile(props: { label: string; value: ComponentChildren; note?: ComponentChildren; to?: string; kind?: string; children?: ComponentChildren }) {
  const inside = (
    <>
      <span class="tile-label">{props.label}</span>
      <span class="tile-value">{props.value}</span>
      {props.note !== undefined && <span class="tile-note">{props.note}</span>}
      {props.children}
    </>
  );
  const name = `tile ${props.kind ?? ''}`;
  return props.to ? <a class={name} href={props.to}>{inside}</a> : <div class={name}>{inside}</div>;
}

/** A share of 0 to 100 as a bar with its number. */
export function Meter(props: { value: number | null | undefined; label?: string; text?: string; kind?: string }) {
  const value = props.value ?? null;
  return (
    <span class={`meter ${props.kind ?? ''}`}>
      <svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
        <rect class="track" width="100" height="6" />
        {value !== null && <rect class="fill" width={Math.min(100, Math.max(0, value))} height="6" />}
      </svg>
      <span class="num">{props.text ?? percent(value)}</span>
    </span>
  );
}

const marks: Record<string, string> = {
  healthy: '●', degraded: '▲', unhealthy: '✕', unknown: '?', critical: '✕', warning: '▲', info: 'i',
  active: '●', idle: '◐', free: '○', present: '●', stale: '◌', missing: '✕', retired: '–',
  within: '●', crossed: '▲', overspent: '✕',
  regressed: '▼', better: '▲', worse: '▼', same: '=',
  low: '○', medium: '◐', high: '●',
  firing: '✕', pending: '◌', resolved: '●', failed: '✕', done: '●',
  waiting: '◌', promised: '◐', bound: '●', ended: '–', released: '–',
  revoked: '–', expired: '–', pod: '●', holder: '●', unnamed: '◐', host: '○', gone: '○', no_access: '✕', conflict: '▲',
};

/** A state: by its word and its mark, and by colour too. */
export function Badge({ kind, value, plain }: { kind: string; value: string | null | undefined; plain?: boolean }) {
  if (!value) return <span class="quiet">{absent}</span>;
  return (
    <span class={`badge ${plain ? 'plain' : ''} s-${value}`}>
      <span aria-hidden="true">{marks[value] ?? '·'}</span> {word(kind, value)}
    </span>
  );
}

/** How much of an aggregate was known, where that is not all. */
export function Coverage({ value }: { value: number | null | undefined }) {
  if (value === null || value === undefined || value >= 0.9995) return null;
  return <span class="coverage" title={t('coverage.help')}>{t('coverage.of', { share: ratio(value) })}</span>;
}

export function DeviceLink({ id, node, cluster }: { id: string; node?: string; cluster?: string }) {
  return <a class={id.length > 28 ? 'breakable' : 'num'} href={deviceHref(id, node, cluster)}>{id}</a>;
}
export function deviceHref(id: string, node?: string, cluster?: string): string {
  const on = node ?? id.replace(/-GPU-\d+$/, '');
  return href(`/inventory/${part(on)}/${part(id)}`, cluster ? { cluster } : {});
}
export function nodeHref(name: string, cluster?: string): string {
  return href(`/inventory/${part(name)}`, cluster ? { cluster } : {});
}
export function podHref(namespace: string | null, pod: string | null, cluster?: string): string {
  return href(`/pods/${part(namespace ?? '-')}/${part(pod ?? '-')}`, cluster ? { cluster } : {});
}
export function PodLink({ namespace, pod, cluster, uid }: { namespace: string | null; pod: string | null; cluster?: string; uid?: string | null }) {
  if (!pod && !uid) return <span class="quiet">{absent}</span>;
  return <a class="breakable" href={podHref(namespace, pod ?? uid ?? null, cluster)}>{namespace ? `${namespace}/` : ''}{pod ?? uid}</a>;
}

export function Facts({ of }: { of: [string, ComponentChildren][] }) {
  return (
    <dl class="facts">
      {of.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value === null || value === undefined || value === '' ? absent : value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Choices of which one holds. */
export function Choice<T extends string>(props: { label: string; value: T; of: [T, string][]; pick: (value: T) => void }) {
  return (
    <div class="choice" role="group" aria-label={props.label}>
      {props.of.map(([value, name]) => (
        <button key={value} type="button" aria-pressed={value === props.value} onClick={() => props.pick(value)}>{name}</button>
      ))}
    </div>
  );
}

export function Select(props: { label: string; value: string; of: [string, string][]; pick: (value: string) => void }) {
  return (
    <label class="select">
      <span>{props.label}</span>
      <select value={props.value} onChange={(event) => props.pick(event.currentTarget.value)}>
        {props.of.map(([value, name]) => <option key={value} value={value}>{name}</option>)}
      </select>
    </label>
  );
}

export function weightNote(weight: string, sum: number | null): string {
  return `${word('weight', weight)}${sum === null ? '' : `: ${number(sum, 0)}`}`;
}
