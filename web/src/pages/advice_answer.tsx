// What somebody makes of advice. The server changes nothing in a cluster: it keeps what was said.
import { useMemo, useState } from 'preact/hooks';
import { address, once, send, type Failure } from '../api/client';
import type { Advice, AdviceAnswerWish, Path } from '../api/schema';
import { Dialog } from '../frame/dialog';
import { t } from '../i18n';
import { FailureNotice } from '../ui/parts';
import { snoozeOf } from './advised';
import { riskOf } from './advice_item';
import { sentenceOf } from './advice_words';

export type Verb = 'accept' | 'snooze' | 'dismiss' | 'reopen';
export interface Asked {
  verb: Verb;
  of: Advice;
}

const paths: Record<Verb, Path> = { accept: '/advice/{adviceId}/accept', snooze: '/advice/{adviceId}/snooze', dismiss: '/advice/{adviceId}/dismiss', reopen: '/advice/{adviceId}/reopen' };
const lengths = ['7', '14', '30', '90'] as const;

export function AnswerDialog({ of: { verb, of }, close, done }: { of: Asked; close: () => void; done: () => void }) {
  const [days, setDays] = useState('14');
  const [reason, setReason] = useState('');
  const [failure, fail] = useState<Failure | null>(null);
  const length = verb === 'snooze' ? snoozeOf(days) : null;
  const body: AdviceAnswerWish = { ...(length ? { for: length } : {}), ...(reason.trim() ? { reason: reason.trim() } : {}) };
  const key = useMemo(once, [JSON.stringify(body)]);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    try {
      await send('POST', address(paths[verb], {}, { adviceId: of.id }), body, key);
      done();
      close();
    } catch (error) {
      fail(error as Failure);
    }
  };
  return (
    <Dialog title={t(`adviceVerb.${verb}`)} close={close}>
      <form class="form" onSubmit={submit}>
        <p class="advice-sentence breakable">{sentenceOf(of)}</p>
        <p class="quiet">{t(`adviceMeans.${verb}`)}</p>
        {verb === 'accept' && <p class="quiet">{t('advice.risk')}: {riskOf(of)}</p>}
        {verb === 'snooze' && <Days value={days} set={setDays} />}
        {verb !== 'reopen' && <label class="field"><span>{t(verb === 'dismiss' ? 'advice.reason' : 'advice.note')}</span><input type="text" maxLength={1000} required={verb === 'dismiss'} value={reason} onInput={(event) => setReason(event.currentTarget.value)} /></label>}
        {failure && <FailureNotice failure={failure} />}
        <p class="actions"><button type="submit" class="button main">{t(`adviceVerb.${verb}`)}</button></p>
      </form>
    </Dialog>
  );
}

function Days({ value, set }: { value: string; set: (days: string) => void }) {
  return (
    <>
      <label class="field"><span>{t('advice.days')}</span><input type="text" inputMode="numeric" required pattern="[1-9]\d?|[12]\d\d|3[0-5]\d|36[0-6]" value={value} onInput={(event) => set(event.currentTarget.value)} /></label>
      <p class="actions">{lengths.map((one) => <button key={one} type="button" class="button small" aria-pressed={one === value} onClick={() => set(one)}>{t('advice.daysOf', { days: one })}</button>)}</p>
    </>
  );
}
