// Asks for a GPU or a MIG instance; what would be decided is shown while one writes.
import { useEffect, useMemo, useState } from 'preact/hooks';
import { address, Failure, once, send } from '../api/client';
import { useRead } from '../api/use';
import type { Allocation, Decision } from '../api/schema';
import { go, href, query } from '../frame/url';
import { t } from '../i18n';
import { Choice, FailureNotice, Notice, PageHead, Panel, Skeleton } from '../ui/parts';
import { DecisionView } from './decision';
import { ClusterPicker } from './overview';
import { useWho } from './who';
import { bodyOf, faultOf, type Field, type Form, type Size } from './wish';

const kPause = 300; // ms without a key before the server is asked

interface Change {
  form: Form;
  fault: [Field, string] | null;
  set: (change: Partial<Form>) => void;
}

/** A field with what the server has against it. */
function Text({ name, hint, of, need }: { name: Field; hint?: string; of: Change; need?: boolean }) {
  const fault = of.fault?.[0] === name ? of.fault[1] : null;
  return (
    <label class="field">
      <span>{t(`field.${name}`)}</span>
      <input type="text" data-field={name} value={of.form[name] ?? ''} placeholder={hint} required={need} spellcheck={false} autocomplete="off" aria-invalid={fault !== null}
        onInput={(event) => of.set({ [name]: event.currentTarget.value })} />
      {fault && <small class="wrong breakable" role="alert">{fault}</small>}
    </label>
  );
}

function Check({ name, of }: { name: Field; of: Change }) {
  return <label class="check"><input type="checkbox" checked={of.form[name] === 'true'} onChange={(event) => of.set({ [name]: event.currentTarget.checked ? 'true' : '' })} /> {t(`field.${name}`)}</label>;
}

const types = ['Inference', 'Training', 'Batch', 'Interactive'];

function Fields({ of }: { of: Change }) {
  return (
    <>
      <div class="pair"><Text name="namespace" of={of} need /><Text name="podName" of={of} need /></div>
      <label class="field">
        <span>{t('field.workloadType')}</span>
        <select value={of.form.workloadType ?? types[0]} onChange={(event) => of.set({ workloadType: event.currentTarget.value })}>{types.map((one) => <option key={one}>{one}</option>)}</select>
      </label>
      <div class="field">
        <span>{t('field.useMig')}</span>
        <Choice label={t('field.useMig')} value={of.form.useMig ?? ''} of={[['', t('allocate.either')], ['true', t('kind.instance')], ['false', t('pod.wholeGpu')]]} pick={(useMig) => of.set({ useMig })} />
      </div>
      <div class="field">
        <span>{t('allocate.size')}</span>
        <Choice<Size> label={t('allocate.size')} value={of.form.size} of={[['memory', t('metric.memory')], ['model', t('allocate.model')], ['device', t('pod.wholeGpu')]]} pick={(size) => of.set({ size })} />
      </div>
      {of.form.size === 'memory' && <div class="pair"><Text name="requiredMemory" hint="20 = 20G, 20Gi" of={of} /><Text name="computeSlices" of={of} /></div>}
      {of.form.size === 'model' && <><Text name="model" hint="meta-llama/Llama-3.1-8B-Instruct" of={of} /><div class="pair"><Text name="dtype" hint="auto" of={of} /><Text name="maxModelLen" hint="8192" of={of} /><Text name="concurrency" hint="1" of={of} /></div></>}
      <details>
        <summary>{t('allocate.more')}</summary>
        <div class="form">
          <div class="pair"><Text name="devices" hint="1" of={of} /><Text name="nodeName" of={of} /></div>
          <Text name="models" hint="H100_80GB, A100_80GB" of={of} />
          <div class="pair"><Text name="team" of={of} /><Text name="priority" hint="0" of={of} /></div>
          <div class="pair"><Text name="maxPricePerHour" hint="2.50" of={of} /><Text name="leaseSeconds" hint="600" of={of} /></div>
          <Check name="mayMove" of={of} />
        </div>
      </details>
      <Check name="wait" of={of} />
    </>
  );
}

export function Allocate() {
  const who = useWho();
  const [form, setForm] = useState<Form>({ size: 'memory' });
  const [failure, setFailure] = useState<Failure | null>(null);
  const body = bodyOf(form, query.value.get('cluster'));
  const text = JSON.stringify(body);
  // Where the reply is lost, asking again is the same request.
  const key = useMemo(once, [text]);
  const [wish, setWish] = useState(text);
  useEffect(() => {
    const wait = setTimeout(() => setWish(text), kPause);
    return () => clearTimeout(wait);
  }, [text]);
  // Who it is for decides nothing, so that the preview need not wait for names.
  const told = useRead<{ decision: Decision }>(who?.operates ? wish : null, async (stop) =>
    (await send<{ decision: Decision }>('POST', address('/gpu/allocations', { dryRun: true }), { namespace: 'default', podName: 'preview', ...JSON.parse(wish) as object }, undefined, stop))!);
  const fault = faultOf((failure ?? told.failure)?.problem ?? null);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    try {
      await send<Allocation>('POST', address('/gpu/allocations'), body, key);
      go(href('/allocations', { namespace: body.namespace, podName: body.podName }));
    } catch (error) {
      setFailure(error as Failure);
    }
  };
  return (
    <>
      <PageHead title={t('allocate.title')} above={<a href={href('/allocations')}>{t('nav.allocations')}</a>} tools={<ClusterPicker />} />
      {who && !who.operates ? <Notice icon="lock" title={t('state.forbidden')}>{t('allocations.readOnly')}</Notice> : (
        <div class="columns beside">
          <Panel title={t('allocate.wish')}>
            <form class="form" onSubmit={submit}>
              <Fields of={{ form, fault, set: (change) => (setFailure(null), setForm((before) => ({ ...before, ...change }))) }} />
              {failure && !fault && <FailureNotice failure={failure} />}
              <p class="actions"><button type="submit" class="button main">{t('allocate.do')}</button></p>
            </form>
          </Panel>
          <Panel title={t('allocate.preview')} note={t('allocate.previewNote')}>
            <div aria-live="polite" aria-busy={text !== wish}>
              {told.failure?.problem?.refusal ? <DecisionView of={told.failure.problem.refusal} map />
                : told.failure ? (fault ? <p class="quiet">{t('allocate.fault', { field: t(`field.${fault[0]}`) })}</p> : <FailureNotice failure={told.failure} />)
                : told.data?.decision ? <DecisionView of={told.data.decision} map /> : <Skeleton lines={6} />}
            </div>
          </Panel>
        </div>
      )}
    </>
  );
}
