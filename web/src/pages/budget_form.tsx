// Making a budget, or changing one.
import { useMemo, useState } from 'preact/hooks';
import { address, once, send, type Failure } from '../api/client';
import { refresh } from '../api/live';
import type { Budget, BudgetThreshold, BudgetWish } from '../api/schema';
import { Dialog } from '../frame/dialog';
import { t, word } from '../i18n';
import { Icon } from '../ui/icons';
import { FailureNotice } from '../ui/parts';

const scopes = ['fleet', 'team', 'project', 'namespace'] as const;
const periods = ['day', 'week', 'month', 'quarter', 'custom'] as const;
const bases = ['actual', 'forecast'] as const;
const enforcements = ['none', 'warn', 'refuse'] as const;

function wishOf(one: Budget | null): BudgetWish {
  if (!one) return { name: '', scope: 'team', scopeName: '', period: 'month', timeZone: null, amount: '', thresholds: [{ percent: 80, on: 'actual' }, { percent: 100, on: 'forecast' }], enforcement: 'none', enforceOn: 'actual' };
  const { name, scope, scopeName, period, begin, end, timeZone, amount, thresholds, enforcement, enforceOn } = one;
  return { name, scope, scopeName, period, begin, end, timeZone, amount, thresholds, enforcement, enforceOn };
}

export function BudgetDialog({ of, close }: { of: Budget | null; close: () => void }) {
  const [wish, put] = useState(() => wishOf(of));
  const [failure, fail] = useState<Failure | null>(null);
  const set = (part: Partial<BudgetWish>) => put({ ...wish, ...part });
  const body: BudgetWish = { ...wish, scopeName: wish.scope === 'fleet' ? null : wish.scopeName, begin: wish.period === 'custom' ? wish.begin : null, end: wish.period === 'custom' ? wish.end : null, timeZone: wish.timeZone || null };
  const key = useMemo(once, [JSON.stringify(body)]);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    try {
      await (of ? send('PUT', address('/budgets/{budgetId}', {}, { budgetId: of.id }), body, key) : send('POST', address('/budgets'), body, key));
      refresh();
      close();
    } catch (error) {
      fail(error as Failure);
    }
  };
  return (
    <Dialog title={of ? t('budget.changeTitle', { name: of.name }) : t('budget.add')} close={close}>
      <form class="form" onSubmit={submit}>
        <label class="field"><span>{t('budget.name')}</span><input type="text" required maxLength={100} value={wish.name} onInput={(event) => set({ name: event.currentTarget.value })} /></label>
        <div class="pair">
          <Pick label={t('budget.scope')} value={wish.scope} of={scopes} kind="budgetScope" pick={(scope) => set({ scope })} />
          {wish.scope !== 'fleet' && <label class="field"><span>{t('budget.scopeName')}</span><input type="text" required value={wish.scopeName ?? ''} spellcheck={false} onInput={(event) => set({ scopeName: event.currentTarget.value })} /></label>}
        </div>
        <div class="pair">
          <Pick label={t('budget.period')} value={wish.period} of={periods} kind="period" pick={(period) => set({ period })} />
          <label class="field"><span>{t('budget.zone')}</span><input type="text" placeholder="Asia/Seoul" value={wish.timeZone ?? ''} spellcheck={false} onInput={(event) => set({ timeZone: event.currentTarget.value })} /></label>
        </div>
        {wish.period === 'custom' && (
          <div class="pair">
            <Time label={t('range.from')} value={wish.begin} set={(begin) => set({ begin })} />
            <Time label={t('range.to')} value={wish.end} set={(end) => set({ end })} />
          </div>
        )}
        <label class="field"><span>{t('budget.amount')}</span><input type="text" inputMode="decimal" required pattern="\d+(\.\d{1,6})?" placeholder="1000.00" value={wish.amount} onInput={(event) => set({ amount: event.currentTarget.value })} /></label>
        <Thresholds of={wish.thresholds ?? []} set={(thresholds) => set({ thresholds })} />
        <div class="pair">
          <Pick label={t('budget.enforcement')} value={wish.enforcement ?? 'none'} of={enforcements} kind="enforcement" pick={(enforcement) => set({ enforcement })} />
          {wish.enforcement !== 'none' && <Pick label={t('budget.enforceOn')} value={wish.enforceOn ?? 'actual'} of={bases} kind="basis" pick={(enforceOn) => set({ enforceOn })} />}
        </div>
        {failure && <FailureNotice failure={failure} />}
        <p class="actions"><button type="submit" class="button main">{of ? t('budget.change') : t('budget.make')}</button></p>
      </form>
    </Dialog>
  );
}

function Pick<T extends string>(props: { label: string; value: T; of: readonly T[]; kind: string; pick: (value: T) => void }) {
  return (
    <label class="field">
      <span>{props.label}</span>
      <select value={props.value} onChange={(event) => props.pick(event.currentTarget.value as T)}>{props.of.map((one) => <option key={one} value={one}>{word(props.kind, one)}</option>)}</select>
    </label>
  );
}

function Time({ label, value, set }: { label: string; value: string | null | undefined; set: (value: string) => void }) {
  return <label class="field"><span>{label}</span><input type="text" required placeholder="2027-01-01T00:00:00+09:00" value={value ?? ''} spellcheck={false} onInput={(event) => set(event.currentTarget.value)} /></label>;
}

function Thresholds({ of, set }: { of: BudgetThreshold[]; set: (next: BudgetThreshold[]) => void }) {
  const change = (at: number, part: Partial<BudgetThreshold>) => set(of.map((one, i) => (i === at ? { ...one, ...part } : one)));
  return (
    <fieldset>
      <legend>{t('budget.thresholds')}</legend>
      <ul class="thresholds">
        {of.map((one, i) => (
          <li key={i}>
            <input type="text" inputMode="numeric" required pattern="[1-9]\d{0,3}" aria-label={t('budget.percent')} value={one.percent || ''} onInput={(event) => change(i, { percent: Number(event.currentTarget.value) })} />
            <span aria-hidden="true">%</span>
            <select aria-label={t('budget.on')} value={one.on} onChange={(event) => change(i, { on: event.currentTarget.value as BudgetThreshold['on'] })}>{bases.map((basis) => <option key={basis} value={basis}>{word('basis', basis)}</option>)}</select>
            <button type="button" class="button icon-only" aria-label={t('budget.dropThreshold')} onClick={() => set(of.filter((_, at) => at !== i))}><Icon name="close" /></button>
          </li>
        ))}
      </ul>
      <button type="button" class="button small" onClick={() => set([...of, { percent: 100, on: 'actual' }])}>{t('budget.addThreshold')}</button>
    </fieldset>
  );
}
