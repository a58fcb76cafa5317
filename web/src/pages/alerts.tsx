// What is wrong now and was, what is watched, and whom nobody is told of.
import { useMemo, useState } from 'preact/hooks';
import { address } from '../api/client';
import { clock } from '../api/live';
import { useApi } from '../api/use';
import type { Alert, AlertAction, AlertEvent, AlertMatcher, AlertRule, AlertRuleList } from '../api/schema';
import { range, rangeKey } from '../frame/range';
import { query, setQuery } from '../frame/url';
import { t, word } from '../i18n';
import { ApiTable, type Column } from '../ui/table';
import { asked, Filters, PickFilter, TextFilter } from '../ui/filters';
import { Badge, Choice, Nothing, Notice, PageHead, Panel } from '../ui/parts';
import { absent, moment, since } from '../ui/format';
import { clearOf, conditionOf, isLink, matchersOf, observed, subjectOf } from './alert_words';
import { SilenceDialog, Silences } from './silences';
import { TestReceivers } from './receivers';
import { useWho } from './who';

const views = ['now', 'history', 'rules', 'silences', 'actions'] as const;
type View = (typeof views)[number];

export function Alerts() {
  const view = views.find((one) => one === query.value.get('view')) ?? 'now';
  const who = useWho();
  const operates = !!who?.operates && !who.restricted;
  const [silencing, silence] = useState<AlertMatcher[] | null>(null);
  const head = operates && <><button type="button" class="button" onClick={() => silence([{ label: '', value: '' }])}>{t('silence.add')}</button><TestReceivers /></>;
  if (who?.restricted) return <><PageHead title={t('nav.alerts')} /><Notice icon="lock" title={t('state.forbidden')}>{t('alerts.restricted')}</Notice></>;
  return (
    <>
      <PageHead title={t('nav.alerts')} tools={head} />
      <Choice<View> label={t('alerts.view')} value={view} of={views.map((one) => [one, t(`alerts.${one}`)])} pick={(value) => setQuery({ view: value === 'now' ? null : value, sort: null }, false)} />
      {view === 'history' ? <History /> : view === 'rules' ? <Watched /> : view === 'actions' ? <Actions /> : view === 'silences' ? <Silences operates={operates} /> : <Standing silence={operates ? silence : null} />}
      {silencing && <SilenceDialog matchers={silencing} close={() => silence(null)} />}
    </>
  );
}

const severities = ['critical', 'warning', 'info'] as const;
const severityFilter = () => severities.map((one): [string, string] => [one, t(`severity.${one}`)]);

/** What each rule observes, by its name: alerts do not say it. */
function useObserves(): Map<string, string> {
  const told = useApi<AlertRuleList>(address('/alerts/rules', { limit: 1000 }), false);
  return useMemo(() => new Map(told.data?.items.map((one) => [one.alert, one.observes])), [told.data]);
}

function Standing({ silence }: { silence: ((matchers: AlertMatcher[]) => void) | null }) {
  const observes = useObserves();
  const columns: Column<Alert>[] = [
    { title: t('alert.severity'), sort: 'severity', cell: (one) => <Badge kind="severity" value={one.severity} /> },
    { title: t('alert.name'), sort: 'alert', cell: (one) => <><b>{one.alert}</b> <Runbook of={one.runbook} /></> },
    { title: t('key.state'), sort: 'state', cell: (one) => <State of={one} /> },
    { title: t('alert.about'), cell: (one) => <About labels={one.labels} summary={one.summary} /> },
    { title: t('alert.value'), num: true, cell: (one) => observed(observes.get(one.alert), one.value) },
    { title: t('alert.since'), sort: 'since', num: true, cell: (one) => <span title={moment(one.since)}>{since(one.since, clock.value)}</span> },
    ...(silence ? [{ title: t('key.change'), cell: (one: Alert) => one.silencedBy === null && <button type="button" class="button small" onClick={() => silence(matchersOf(one))}>{t('silence.do')}</button> }] : []),
  ];
  return (
    <Panel>
      <Filters keys={['severity', 'state', 'told', 'nodeName']}>
        <PickFilter name="severity" label={t('alert.severity')} of={severityFilter()} />
        <PickFilter name="state" label={t('key.state')} of={[['firing', t('alert.firing')], ['pending', t('alert.pending')]]} />
        <PickFilter name="told" label={t('alert.told')} of={[['true', t('yes')], ['false', t('no')]]} />
        <TextFilter name="nodeName" label={t('column.node')} />
      </Filters>
      <ApiTable<Alert> path="/alerts" parameters={asked('severity', 'state', 'told', 'nodeName')} columns={columns} rowKey={(one) => `${one.alert} ${JSON.stringify(one.labels)}`}
        order="-state,-severity,since" caption={t('nav.alerts')} file="alerts" empty={<Nothing title={t('alerts.none')}>{t('alerts.noneText')}</Nothing>} />
    </Panel>
  );
}

function State({ of }: { of: Alert }) {
  return (
    <>
      <Badge kind="alert" value={of.state} />
      {of.silencedBy && <span class="quiet"> {t('alert.silenced')}</span>}
      {of.inhibitedBy && <span class="quiet breakable"> {t('alert.explained', { by: of.inhibitedBy.split(' ')[0]! })}</span>}
    </>
  );
}

function About({ labels, summary }: { labels: Alert['labels']; summary: string | null }) {
  const subject = subjectOf(labels);
  return <div class="breakable about">{subject && <a href={subject.to}>{subject.name}</a>}<p class="quiet">{summary ?? absent}</p></div>;
}

function Runbook({ of }: { of: string }) {
  return <p>{isLink(of) ? <a class="quiet" href={of} target="_blank" rel="noreferrer">{t('alert.runbook')}</a> : <code class="quiet">{of}</code>}</p>;
}

function History() {
  const observes = useObserves();
  const key = rangeKey.value;
  // A relative range must not make another table each second.
  const times = useMemo(() => ({ from: new Date(range.peek().from).toISOString(), to: range.peek().relative ? null : new Date(range.peek().to).toISOString() }), [key]);
  const columns: Column<AlertEvent>[] = [
    { title: t('audit.time'), sort: 'time', cell: (one) => <span class="num">{moment(one.time)}</span> },
    { title: t('key.state'), cell: (one) => <><Badge kind="alert" value={one.state} />{one.why !== 'observed' && <span class="quiet"> {word('why', one.why)}</span>}</> },
    { title: t('alert.severity'), cell: (one) => <Badge kind="severity" value={one.severity} plain /> },
    { title: t('alert.name'), cell: (one) => <b>{one.alert}</b> },
    { title: t('alert.about'), cell: (one) => <About labels={one.labels} summary={one.summary} /> },
    { title: t('alert.value'), num: true, cell: (one) => observed(observes.get(one.alert), one.value) },
    { title: t('alert.lasted'), num: true, cell: (one) => one.state === 'resolved' ? since(one.fired, Date.parse(one.time)) : absent },
    { title: t('alert.told'), rest: true, cell: (one) => t(one.told ? 'yes' : 'no') },
  ];
  return (
    <Panel note={t('alerts.historyNote')}>
      <Filters keys={['alert']}><PickFilter name="alert" label={t('alert.name')} of={[...observes.keys()].map((one) => [one, one])} /></Filters>
      <ApiTable<AlertEvent> path="/alerts/history" parameters={{ ...asked('alert'), ...times }} columns={columns} rowKey={(one) => String(one.id)}
        caption={t('alerts.history')} file="alert-history" empty={<Nothing title={t('alerts.noHistory')}>{t('alerts.noHistoryText')}</Nothing>} />
    </Panel>
  );
}

function Actions() {
  const columns: Column<AlertAction>[] = [
    { title: t('alert.name'), sort: 'alert', cell: (one) => <b>{one.alert}</b> },
    { title: t('action.what'), cell: (one) => <>{word('action', one.action)}{one.dryRun && <span class="quiet"> {t('action.dryRun')}</span>}</> },
    { title: t('alert.about'), cell: (one) => <><About labels={one.labels} summary={one.summary} />{one.action === 'webhook' && <code class="quiet breakable">{one.target}</code>}</> },
    { title: t('key.state'), cell: (one) => <><Badge kind="action" value={one.state} plain={one.state === 'ended'} />{one.error && <p class="quiet breakable">{one.error}</p>}</> },
    { title: t('action.begun'), num: true, cell: (one) => one.begun === null ? absent : moment(one.begun) },
    { title: t('action.endedAt'), num: true, cell: (one) => one.ended === null ? absent : moment(one.ended) },
  ];
  return <Panel title={t('alerts.actions')} note={t('action.note')}><ApiTable<AlertAction> path="/alerts/actions" columns={columns} rowKey={(one) => String(one.id)} caption={t('alerts.actions')} file="alert-actions" empty={<Nothing title={t('action.none')} />} /></Panel>;
}

function Watched() {
  const columns: Column<AlertRule>[] = [
    { title: t('alert.name'), sort: 'alert', cell: (one) => <><b>{one.alert}</b> <Runbook of={one.runbook} /></> },
    { title: t('alert.severity'), cell: (one) => <Badge kind="severity" value={one.severity} plain={one.severity === 'info'} /> },
    { title: t('rule.condition'), cell: (one) => <><code>{conditionOf(one)}</code><p class="quiet breakable">{one.summary}</p></> },
    { title: t('rule.clear'), num: true, cell: (one) => clearOf(one) ?? absent },
    { title: t('rule.for'), num: true, cell: (one) => one.for },
    { title: t('rule.keepFiring'), num: true, rest: true, cell: (one) => one.keepFiring },
    { title: t('rule.subject'), rest: true, cell: (one) => word('about', one.subject) },
    { title: t('rule.scope'), cell: (one) => Object.entries(one.scope).map(([label, value]) => `${label} = ${value}`).join(', ') || t('key.all') },
    { title: t('rule.action'), cell: (one) => one.action === null ? absent : <>{word('action', one.action.do)}{one.action.dryRun && <span class="quiet"> {t('action.dryRun')}</span>}</> },
    { title: t('rule.enabled'), cell: (one) => t(one.enabled ? 'on' : 'off') },
  ];
  return <Panel note={t('alerts.rulesNote')} title={t('alerts.rules')}><ApiTable<AlertRule> path="/alerts/rules" columns={columns} rowKey={(one) => one.alert} caption={t('alerts.rules')} file="alert-rules" /></Panel>;
}
