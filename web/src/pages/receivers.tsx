// A button that has each receiver be sent an alert that says it is a test, and what came of it.
import { useState } from 'preact/hooks';
import { address, send, type Failure } from '../api/client';
import type { AlertDelivery } from '../api/schema';
import { Dialog } from '../frame/dialog';
import { t } from '../i18n';
import { Rows, type Column } from '../ui/table';
import { Badge, FailureNotice, Nothing, Skeleton } from '../ui/parts';
import { absent } from '../ui/format';

type Result = { receivers: AlertDelivery[] } | null;

export function TestReceivers() {
  const [open, show] = useState(false);
  const [result, tell] = useState<Result>(null);
  const [failure, fail] = useState<Failure | null>(null);
  const test = () => {
    show(true);
    tell(null);
    fail(null);
    send<NonNullable<Result>>('POST', address('/alerts/test')).then(tell, (error: unknown) => fail(error as Failure));
  };
  return (
    <>
      <button type="button" class="button" onClick={test}>{t('receiver.test')}</button>
      {open && (
        <Dialog title={t('receiver.test')} close={() => show(false)} class="wide">
          {failure ? <FailureNotice failure={failure} /> : result === null ? <Skeleton lines={3} />
            : result.receivers.length === 0 ? <Nothing title={t('receiver.none')}>{t('receiver.noneText')}</Nothing>
            : <Rows rows={result.receivers} columns={columns()} rowKey={(one) => one.receiver} caption={t('receiver.test')} />}
        </Dialog>
      )}
    </>
  );
}

function columns(): Column<AlertDelivery>[] {
  return [
    { title: t('receiver.name'), cell: (one) => <span class="breakable">{one.receiver}</span> },
    { title: t('audit.result'), cell: (one) => <Badge kind="receiver" value={one.delivered ? 'done' : 'failed'} /> },
    { title: t('receiver.detail'), cell: (one) => <span class="breakable">{one.detail ?? absent}</span> },
  ];
}
