// Who the reader is: by an API key, or by the issuer where the server has one.
import { useState } from 'preact/hooks';
import { address, ask, asksForKey } from '../api/client';
import { tick } from '../api/live';
import type { SignInOffer } from '../api/schema';
import { useApi } from '../api/use';
import { t } from '../i18n';
import { Icon } from '../ui/icons';
import { Dialog } from './dialog';
import { begin, lastFailure } from './issuer';
import { expired, signIn } from './settings';

export function SignIn() {
  const [key, setKey] = useState('');
  const [remember, setRemember] = useState(false);
  const [wrong, setWrong] = useState(lastFailure);
  const [busy, setBusy] = useState(false);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    setBusy(true);
    try {
      await ask(address('/access/whoami'), { headers: { Authorization: `Bearer ${key.trim()}` } });
      signIn(key.trim(), remember);
      asksForKey.value = false;
      tick.value++;
    } catch (error) {
      setWrong((error as Error).message || t('state.unreachable'));
    }
    setBusy(false);
  };
  return (
    <Dialog title={t('signIn.title')} close={() => (asksForKey.value = false)}>
      {expired.value && <p>{t('signIn.expired')}</p>}
      <ByIssuer fail={setWrong} />
      <form class="form" onSubmit={submit}>
        <p>{t('signIn.text')}</p>
        <label class="field">
          <span>{t('signIn.key')}</span>
          <input type="password" autocomplete="off" autoFocus required value={key} placeholder="tsk_…" onInput={(event) => setKey(event.currentTarget.value)} />
        </label>
        <label class="check"><input type="checkbox" checked={remember} onChange={(event) => setRemember(event.currentTarget.checked)} /> {t('signIn.remember')}</label>
        {wrong && <p class="wrong breakable" role="alert">{wrong}</p>}
        <p class="actions"><button type="submit" class="button main" disabled={busy}>{t('signIn.do')}</button></p>
      </form>
    </Dialog>
  );
}

function ByIssuer({ fail }: { fail: (why: string) => void }) {
  const { data, failure } = useApi<SignInOffer>(address('/access/oidc'));
  const leave = async (offer: SignInOffer) => {
    try {
      window.location.assign(await begin(offer));
    } catch (error) {
      fail((error as Error).message);
    }
  };
  if (failure?.status === 503) return <p class="quiet breakable">{failure.detail}</p>;
  if (!data?.offered) return null;
  return (
    <p class="actions">
      <button type="button" class="button main" onClick={() => void leave(data)}><Icon name="lock" /> {t('signIn.at', { issuer: new URL(data.issuer!).host })}</button>
    </p>
  );
}
