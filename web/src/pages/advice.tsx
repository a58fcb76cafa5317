// What could be had for less: what is said, what somebody has made of it, and what that has saved.
import { useMemo, useState } from 'preact/hooks';
import { address, get, getAll } from '../api/client';
import { clock } from '../api/live';
import { useRead, useSlow, useSlowApi } from '../api/use';
import type { Advice, AdviceList, UsageForecast } from '../api/schema';
import { query, setQuery } from '../frame/url';
import { t, word } from '../i18n';
import { asked, Filters, PickFilter, TextFilter } from '../ui/filters';
import { Choice, Nothing, PageHead, Panel, Shown, Tile } from '../ui/parts';
import { CsvButton } from '../ui/table';
import { count, money, number } from '../ui/format';
import { byKind, kinds, measuredAfter, measuredOf, promisedOf, states, sumsOf, type State } from './advised';
import { AnswerDialog, type Asked } from './advice_answer';
import { AdviceItem } from './advice_item';
import { useWho } from './who';

const kMost = 2_000; // rows: of more the dearest are shown
const kMostMeasured = 200; // each is a request that reads two weeks of the ledger

export function AdvicePage() {
  const who = useWho();
  const operates = !!who?.operates && !who.restricted;
  const [answered, again] = useState(0);
  const [answering, answer] = useState<Asked | null>(null);
  const filters = asked('kind', 'namespace', 'team');
  const told = useSlow<AdviceList>(`advice ${JSON.stringify(filters)} ${answered}`, (stop) => getAll<AdviceList>('/advice', filters, kMost, stop));
  const state = states.find((one) => one === query.value.get('state')) ?? 'open';
  return (
    <>
      <PageHead title={t('nav.advice')} tools={<CsvButton path="/advice" parameters={{ ...filters, state }} named={{}} file="advice" />} />
      <Shown of={told} lines={8}>
        {(data) => <Told all={data.items} total={data.total} state={state} answer={operates ? answer : null} restricted={!!who?.restricted} />}
      </Shown>
      {answering && <AnswerDialog of={answering} close={() => answer(null)} done={() => again(answered + 1)} />}
    </>
  );
}

/** Of accepted ones whose second week is over, what they have saved, by their id. */
function useMeasured(accepted: readonly Advice[]): ReadonlyMap<string, Advice> {
  const due = accepted.filter((one) => measuredAfter(one) <= clock.peek()).slice(0, kMostMeasured).map((one) => one.id);
  const told = useRead<Advice[]>(due.length > 0 ? `measured ${due.join(' ')}` : null, async (stop) => {
    const all: Advice[] = [];
    for (const adviceId of due) all.push(await get<Advice>(address('/advice/{adviceId}', {}, { adviceId }), stop)); // one after the other: it is work
    return all;
  }, false);
  return useMemo(() => new Map(told.data?.map((one) => [one.id, one])), [told.data]);
}

interface Of {
  all: readonly Advice[];
  total: number;
  state: State;
  answer: ((what: Asked) => void) | null;
  restricted: boolean;
}

function Told({ all, total, state, answer, restricted }: Of) {
  const grouped = query.value.get('by') === 'kind';
  const accepted = all.filter((one) => one.state === 'accepted');
  const measured = useMeasured(accepted);
  const shown = all.filter((one) => one.state === state).map((one) => measured.get(one.id) ?? one);
  const list = (items: readonly Advice[], kind: boolean) => <ul class="advices">{items.map((one) => <AdviceItem key={one.id} of={one} answer={answer} kind={kind} />)}</ul>;
  const named = (one: State) => t('advice.stateCount', { state: t(`adviceState.${one}`), count: count(all.filter((other) => other.state === one).length) });
  return (
    <>
      <Panel note={restricted ? t('advice.restricted') : undefined}><Totals open={all.filter((one) => one.state === 'open')} accepted={accepted.map((one) => measured.get(one.id) ?? one)} /></Panel>
      <div class="picks no-print">
        <Choice<State> label={t('key.state')} value={state} of={states.map((one) => [one, named(one)])} pick={(value) => setQuery({ state: value === 'open' ? null : value }, false)} />
        <Choice label={t('advice.order')} value={grouped ? 'kind' : 'money'} of={[['money', t('advice.byMoney')], ['kind', t('advice.byKind')]]} pick={(value) => setQuery({ by: value === 'kind' ? 'kind' : null })} />
      </div>
      <Panel title={t(`adviceState.${state}`)}>
        <Filters keys={['kind', 'namespace', 'team']}>
          <PickFilter name="kind" label={t('advice.kind')} of={kinds.map((one) => [one, word('advice', one)])} />
          <TextFilter name="namespace" label={t('filter.namespace')} />
          <TextFilter name="team" label={t('filter.team')} />
        </Filters>
        {shown.length === 0 ? (state === 'open' ? <NothingOpen restricted={restricted} /> : <Nothing title={t('advice.noneOf')}>{t('advice.noneOfText')}</Nothing>)
          : !grouped ? list(shown, true)
          : byKind(shown).map(({ kind, items }) => <section key={kind}><h3>{word('advice', kind)} <span class="quiet num">{groupNote(items)}</span></h3>{list(items, false)}</section>)}
        {all.length < total && <p class="quiet">{t('advice.cut', { shown: count(all.length), total: count(total) })}</p>}
      </Panel>
    </>
  );
}

const amount = (value: number | null, of: readonly Advice[]) => money(value, of[0]?.currency ?? '');

function groupNote(items: readonly Advice[]): string {
  const { saving, apart } = sumsOf(items); // of one kind: one of both is nothing
  const sum = saving ?? apart;
  return count(items.length) + (sum === null ? '' : ` · ${t('advice.perMonth', { amount: amount(sum, items) })}`);
}

function Totals({ open, accepted }: { open: readonly Advice[]; accepted: readonly Advice[] }) {
  const sums = sumsOf(open);
  const measured = measuredOf(accepted);
  return (
    <div class="tiles small totals">
      <Tile label={t('advice.wouldSave')} value={amount(sums.saving, open)} note={<>{t('advice.openCount', { count: count(sums.count) })}{sums.unknown > 0 && <> {t('advice.openUnknown', { count: count(sums.unknown) })}</>}</>} />
      {sums.apart !== null && <Tile label={t('advice.apart')} value={amount(sums.apart, open)} note={t('advice.apartNote')} />}
      <Tile label={t('advice.promised')} value={amount(promisedOf(accepted), accepted)} note={t('advice.acceptedCount', { count: count(accepted.length) })} />
      <Tile label={t('advice.measured')} value={amount(measured.saving, accepted)} note={t('advice.measuredNote', { known: count(measured.known), waiting: count(measured.waiting) })} kind={(measured.saving ?? 0) < 0 ? 'attend' : ''} />
    </div>
  );
}

const kLeast = 24; // hours: of less no kind says anything (src/fleet/advice/kind.cc)

/** That nothing is said means nothing as long as nobody could have said anything. */
function NothingOpen({ restricted }: { restricted: boolean }) {
  const filtered = ['kind', 'namespace', 'team'].some((key) => query.value.get(key));
  if (filtered) return <Nothing title={t('advice.noneOf')}>{t('advice.noneOfText')}</Nothing>;
  return restricted ? <NoAdvice hours={null} /> : <Observed />;
}

function Observed() {
  const { data } = useSlowApi<UsageForecast>(address('/forecast/usage', { scope: 'fleet', horizon: '24h' }));
  return <NoAdvice hours={data?.history.observedHours ?? null} />;
}

function NoAdvice({ hours }: { hours: number | null }) {
  const early = hours !== null && hours < kLeast;
  return (
    <Nothing title={t(early ? 'advice.early' : 'advice.none')}>
      {hours !== null && <p>{t('advice.hours', { hours: number(hours, 0) })}</p>}
      <p>{t('advice.needs')}</p>
    </Nothing>
  );
}
