// One piece of advice: what, who, for how much money, how sure, since when; and behind that what to do, word for word.
import type { ComponentChildren } from 'preact';
import type { Advice } from '../api/schema';
import { clock } from '../api/live';
import { href } from '../frame/url';
import { inWords, t, word } from '../i18n';
import { Badge, Coverage, deviceHref, Facts, podHref } from '../ui/parts';
import { absent, duration, money, moment, percent } from '../ui/format';
import { Copied } from '../ui/copied';
import { numberOf, sentenceOf, stepOf, valuesOf } from './advice_words';
import { answerOf, measuredAfter, realisedOf, subjectOf } from './advised';
import type { Asked, Verb } from './advice_answer';

export function AdviceItem({ of, answer, kind }: { of: Advice; answer: ((what: Asked) => void) | null; kind: boolean }) {
  return (
    <li>
      <div class="advice-what">
        {kind && <p class="quiet">{word('advice', of.kind)}</p>}
        <p class="advice-sentence breakable">{sentenceOf(of)}</p>
        <Who of={of} />
      </div>
      <Saving of={of} />
      <Sure of={of} />
      <Made of={of} />
      <details class="advice-more">
        <summary>{t('advice.do')}</summary>
        <More of={of} />
      </details>
      {answer && <Verbs of={of} answer={answer} />}
    </li>
  );
}

/** In the reader's language where the kind is known here. */
export function riskOf(of: Advice): string {
  const known = word('adviceRisk', of.kind);
  return known === of.kind ? of.risk : known;
}

function Who({ of }: { of: Advice }) {
  const { cluster, namespace, kind, name, team, project, deviceId, model } = subjectOf(of);
  const at = cluster ? { cluster } : {};
  const parts: ComponentChildren[] = [];
  if (deviceId) parts.push(<a href={deviceHref(deviceId, undefined, cluster)}>{deviceId}</a>);
  else if (name && namespace) parts.push(<><a href={kind === 'Pod' || !kind ? podHref(namespace, name, cluster) : href('/pods', { ...at, namespace, search: name })}>{namespace}/{name}</a>{kind && ` (${kind})`}</>);
  else if (model) parts.push(<a href={href('/inventory', { ...at, view: 'devices', model })}>{model}</a>);
  if (team) parts.push(t('advice.team', { team }));
  if (project) parts.push(t('advice.project', { project }));
  if (cluster) parts.push(t('advice.cluster', { cluster }));
  return <p class="quiet breakable">{parts.map((one, i) => <span key={i}>{i > 0 && ' · '}{one}</span>)}</p>;
}

/** Or what it costs, of what saves nothing. */
function Saving({ of }: { of: Advice }) {
  const amount = of.savingPerMonth ?? of.costPerMonth;
  return (
    <div class="advice-money">
      <b class="num">{amount === null ? absent : money(amount, of.currency ?? '')}</b>
      <p class="quiet">{t(amount === null ? 'advice.noMoney' : of.savingPerMonth === null ? 'advice.costsUpTo' : 'advice.aMonth')}</p>
    </div>
  );
}

function Sure({ of }: { of: Advice }) {
  const { from, to, observedShare } = of.evidence;
  return (
    <div class="advice-sure">
      <Badge kind="confidence" value={of.confidenceWord} plain /> <span class="quiet num">{percent(100 * of.confidence)}</span>
      <p class="quiet" title={`${moment(from, false)} – ${moment(to, false)}`}>{t('advice.seenFor', { length: duration(Date.parse(to) - Date.parse(from)) })} <Coverage value={observedShare} /></p>
    </div>
  );
}

/** What somebody has made of it, and what that has saved. */
function Made({ of }: { of: Advice }) {
  const answer = answerOf(of);
  if (!answer) return null;
  const values = { by: answer.by, time: moment(answer.time, false), until: moment(answer.until, false) };
  return (
    <div class="advice-made breakable">
      <p>{of.state === 'open' ? t(of.reopened ? 'advice.changed' : 'advice.wokenUp', values) : t(of.state === 'accepted' ? 'advice.acceptedBy' : of.state === 'snoozed' ? 'advice.snoozedBy' : 'advice.dismissedBy', values)}</p>
      {answer.reason && <p class="quiet">{t(of.state === 'accepted' || of.state === 'snoozed' ? 'advice.noted' : 'advice.because', { reason: answer.reason })}</p>}
      {of.state === 'accepted' && <Saved of={of} />}
    </div>
  );
}

function Saved({ of }: { of: Advice }) {
  const realised = realisedOf(of);
  const amount = (value: string | null | undefined) => money(value, of.currency ?? '');
  const still = <p class="quiet">{t(of.standing ? 'advice.stillSaid' : 'advice.saidNoMore')}</p>;
  if (realised?.savingPerMonth != null)
    return <><p><b>{t('advice.saved', { amount: amount(realised.savingPerMonth) })}</b> <span class="quiet">{t('advice.savedOf', { before: amount(realised.before), after: amount(realised.after) })}</span></p>{still}</>;
  const due = measuredAfter(of);
  return <><p class="quiet">{!Number.isFinite(due) ? t('advice.neverMeasured') : due > clock.value ? t('advice.measuredFrom', { time: moment(due, false) }) : t('advice.notMeasured')}</p>{still}</>;
}

function More({ of }: { of: Advice }) {
  return (
    <>
      <p><b>{t('advice.risk')}:</b> {riskOf(of)}</p>
      {of.reckoned && <p class="breakable"><b>{t('advice.reckoned')}:</b> {inWords(`adviceReckoned.${of.kind}`, of.reckoned)}</p>}
      <Facts of={[
        [t('advice.aim'), inWords(`adviceAim.${of.kind}`, of.aim, valuesOf(of))],
        [t('advice.window'), t('advice.windowText', { from: moment(of.evidence.from, false), to: moment(of.evidence.to, false), share: percent(100 * of.evidence.observedShare) })],
        ...of.evidence.numbers.map((one): [string, string] => [word('evidence', one.name), numberOf(one)]),
        [t('advice.saidSince'), moment(of.firstSaid, false)],
      ]} />
      <h3>{t('advice.change')} <span class="quiet">{word('adviceBy', of.change.by)}</span></h3>
      <Copied text={stepOf(of.change)} label={t('advice.change')} />
      <h3>{t('advice.undo')} <span class="quiet">{word('adviceBy', of.undo.by)}</span></h3>
      <Copied text={stepOf(of.undo)} label={t('advice.undo')} />
    </>
  );
}

const verbs: Record<Advice['state'], Verb[]> = { open: ['accept', 'snooze', 'dismiss'], accepted: ['reopen'], snoozed: ['accept', 'dismiss', 'reopen'], dismissed: ['accept', 'reopen'] };

function Verbs({ of, answer }: { of: Advice; answer: (what: Asked) => void }) {
  return <p class="actions advice-verbs no-print">{verbs[of.state].map((verb) => <button key={verb} type="button" class="button small" onClick={() => answer({ verb, of })}>{t(`adviceVerb.${verb}`)}</button>)}</p>;
}
