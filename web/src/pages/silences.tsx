// Whom nobody is told of, until when and why; making one and ending one.
import { useMemo, useState } from 'preact/hooks';
import { address, Failure, once, send } from '../api/client';
import { clock, refresh } from '../api/live';
import type { AlertMatcher, AlertSilence, AlertSilenceWish } from '../api/schema';
import { Dialog } from '../frame/dialog';
import { t } from '../i18n';
import { ApiTable, type Column } from '../ui/table';
import { Icon } from '../ui/icons';
import { Badge, FailureNotice, Nothing, Panel, Sure } from '../ui/parts';
import { absent, duration, moment } from '../ui/format';
import { matcherText } from './alert_words';

export function Silences({ operates }: { operates: boolean }) {
  const [failure, fail] = useState<Failure | null>(null);
  const columns: Column<AlertSilence>[] = [
    { title: t('silence.matchers'), cell: (one) => one.matchers.length === 0 ? t('silence.everything') : <ul class="chips">{one.matchers.map((matcher, i) => <li key={i} class="breakable">{matcherText(matcher)}</li>)}</ul> },
    { title: t('key.state'), cell: (one) => <Badge kind="silence" value={one.state} plain={one.state === 'expired'} /> },
    { title: t('range.from'), sort: 'starts', num: true, cell: (one) => moment(one.starts, false) },
    { title: t('range.to'), num: true, cell: (one) => <>{moment(one.ends, false)}{one.state === 'active' && one.repeat === 'never' && <p class="quiet">{t('silence.left', { age: duration(Date.parse(one.ends) - clock.value) })}</p>}</> },
    { title: t('silence.repeat'), cell: (one) => <>{t(`repeat.${one.repeat}`)}{one.repeat !== 'never' && <p class="quiet">{one.timeZone}</p>}</> },
    { title: t('silence.comment'), cell: (one) => <span class="breakable">{one.comment ?? absent}</span> },
    { title: t('silence.by'), rest: true, cell: (one) => <span class="breakable">{one.createdBy}</span> },
    ...(operates ? [{ title: t('key.change'), cell: (one: AlertSilence) => one.state !== 'expired' && <Sure name={t('silence.end')} sure={t('silence.endSure')} fail={fail} act={() => send('DELETE', address('/alerts/silences/{silenceId}', {}, { silenceId: one.id }))} /> }] : []),
  ];
  return (
    <Panel title={t('alerts.silences')} note={t('silence.note')}>
      {failure && <FailureNotice failure={failure} />}
      <ApiTable<AlertSilence> path="/alerts/silences" columns={columns} rowKey={(one) => one.id} caption={t('alerts.silences')} file="silences" empty={<Nothing title={t('silence.none')} />} />
    </Panel>
  );
}

const repeats = ['never', 'daily', 'weekly'] as const;
const ownZone = Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';
const zones = ['UTC', ...Intl.supportedValuesOf('timeZone')];

export function SilenceDialog({ matchers, close }: { matchers: AlertMatcher[]; close: () => void }) {
  const [wish, set] = useState<AlertSilenceWish>({ matchers, duration: '2h', repeat: 'never', timeZone: ownZone, comment: '' });
  const [failure, fail] = useState<Failure | null>(null);
  const body = { ...wish, matchers: wish.matchers.filter((one) => one.label.trim()), comment: wish.comment || undefined, timeZone: wish.repeat === 'never' ? undefined : wish.timeZone };
  const key = useMemo(once, [JSON.stringify(body)]);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    try {
      await send('POST', address('/alerts/silences'), body, key);
      refresh();
      close();
    } catch (error) {
      fail(error as Failure);
    }
  };
  return (
    <Dialog title={t('silence.add')} close={close}>
      <form class="form" onSubmit={submit}>
        <Matchers of={wish.matchers} set={(next) => set({ ...wish, matchers: next })} />
        <div class="pair">
          <label class="field"><span>{t('silence.duration')}</span><input type="text" required value={wish.duration} placeholder="2h" onInput={(event) => set({ ...wish, duration: event.currentTarget.value })} /></label>
          <label class="field"><span>{t('silence.repeat')}</span><select value={wish.repeat} onChange={(event) => set({ ...wish, repeat: event.currentTarget.value as AlertSilence['repeat'] })}>{repeats.map((one) => <option key={one} value={one}>{t(`repeat.${one}`)}</option>)}</select></label>
        </div>
        {wish.repeat !== 'never' && (
          <label class="field">
            <span>{t('silence.zone')}</span>
            <input type="text" required list="zones" value={wish.timeZone} spellcheck={false} onInput={(event) => set({ ...wish, timeZone: event.currentTarget.value })} />
            <datalist id="zones">{zones.map((one) => <option key={one} value={one} />)}</datalist>
          </label>
        )}
        <label class="field"><span>{t('silence.comment')}</span><input type="text" maxLength={500} value={wish.comment} onInput={(event) => set({ ...wish, comment: event.currentTarget.value })} /></label>
        {failure && <FailureNotice failure={failure} />}
        <p class="actions"><button type="submit" class="button main" disabled={body.matchers.length === 0}>{t('silence.do')}</button></p>
      </form>
    </Dialog>
  );
}

function Matchers({ of, set }: { of: AlertMatcher[]; set: (next: AlertMatcher[]) => void }) {
  const change = (at: number, part: Partial<AlertMatcher>) => set(of.map((one, i) => (i === at ? { ...one, ...part } : one)));
  return (
    <fieldset>
      <legend>{t('silence.matchers')}</legend>
      <ul class="matchers">
        {of.map((one, i) => (
          <li key={i}>
            <input type="text" aria-label={t('silence.label')} placeholder="node" value={one.label} spellcheck={false} onInput={(event) => change(i, { label: event.currentTarget.value })} />
            <select aria-label={t('silence.equal')} value={one.equal === false ? 'not' : 'is'} onChange={(event) => change(i, { equal: event.currentTarget.value === 'is' })}><option value="is">=</option><option value="not">≠</option></select>
            <input type="text" aria-label={t('silence.value')} placeholder="worker-01" value={one.value} spellcheck={false} onInput={(event) => change(i, { value: event.currentTarget.value })} />
            <button type="button" class="button icon-only" aria-label={t('silence.remove')} disabled={of.length === 1} onClick={() => set(of.filter((_, at) => at !== i))}><Icon name="close" /></button>
          </li>
        ))}
      </ul>
      <button type="button" class="button small" onClick={() => set([...of, { label: '', value: '' }])}>{t('silence.more')}</button>
    </fieldset>
  );
}
