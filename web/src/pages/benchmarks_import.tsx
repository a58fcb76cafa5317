// A file of runs: first what would become of it, then it is taken in.
import { useMemo, useState } from 'preact/hooks';
import { address, ask, once, type Failure } from '../api/client';
import { refresh } from '../api/live';
import type { BenchmarksTaken } from '../api/schema';
import { Dialog } from '../frame/dialog';
import { t } from '../i18n';
import { FailureNotice, Nothing } from '../ui/parts';
import { count } from '../ui/format';
import { typeOf } from './benched';

interface Chosen {
  name: string;
  text: string;
}

async function post(file: Chosen, dryRun: boolean, key: string): Promise<BenchmarksTaken> {
  const reply = await ask(address('/benchmarks', { dryRun: dryRun || null }), { method: 'POST', body: file.text, headers: { 'Content-Type': typeOf(file.name, file.text), 'Idempotency-Key': key } });
  return (await reply.json()) as BenchmarksTaken;
}

export function ImportDialog({ close, done }: { close: () => void; done: () => void }) {
  const [file, choose] = useState<Chosen | null>(null);
  const [would, tell] = useState<BenchmarksTaken | null>(null);
  const [failure, fail] = useState<Failure | null>(null);
  const key = useMemo(once, [file]);
  const run = (what: () => Promise<void>) => {
    fail(null);
    what().catch((error: unknown) => fail(error as Failure));
  };
  const pick = (picked: File | undefined) => {
    tell(null);
    choose(null);
    if (picked) run(async () => {
      const next = { name: picked.name, text: await picked.text() };
      tell(await post(next, true, once()));
      choose(next);
    });
  };
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    run(async () => {
      const taken = await post(file!, false, key);
      tell(taken);
      choose(null);
      done();
      refresh();
    });
  };
  return (
    <Dialog title={t('bench.import')} close={close} class="wide">
      <form class="form" onSubmit={submit}>
        <p class="quiet">{t('bench.importText')}</p>
        <label class="field"><span>{t('bench.file')}</span><input type="file" accept=".csv,.json,text/csv,application/json" onChange={(event) => pick(event.currentTarget.files?.[0])} /></label>
        {would && <Taken of={would} />}
        {failure && <><FailureNotice failure={failure} /><Refusals of={failure.problem?.errors?.map((one) => ({ where: one.parameter ?? '', why: one.detail })) ?? []} /></>}
        <p class="actions">
          {would && !would.dryRun ? <button type="button" class="button main" onClick={close}>{t('frame.close')}</button>
            : <button type="submit" class="button main" disabled={!file || !would || would.added + would.corrected === 0}>{t('bench.take')}</button>}
        </p>
      </form>
    </Dialog>
  );
}

function Taken({ of }: { of: BenchmarksTaken }) {
  const values = { added: count(of.added), corrected: count(of.corrected), unchanged: count(of.unchanged), refused: count(of.refused) };
  return (
    <div role="status">
      <p><b>{t(of.dryRun ? 'bench.would' : 'bench.taken', values)}</b></p>
      {of.refused > 0 ? <><p class="wrong">{t('bench.refused', values)}</p><Refusals of={of.refusals} /></> : of.taken === 0 && <Nothing title={t('bench.nothing')} />}
    </div>
  );
}

function Refusals({ of }: { of: { where: string; why: string }[] }) {
  if (of.length === 0) return null;
  return <ul class="refusals">{of.map((one, i) => <li key={i}><b>{one.where}</b> <span class="breakable">{one.why}</span></li>)}</ul>;
}
