// What was measured on models of GPUs: side by side for the same money and the same power, run by run, and what has become worse.
import { useMemo, useState } from 'preact/hooks';
import { address, download, get, send, type Failure } from '../api/client';
import { useSlow, useSlowApi } from '../api/use';
import type { Benchmark, BenchmarkRegression, BenchmarkRegressions, BenchmarksCompared } from '../api/schema';
import { query, setQuery } from '../frame/url';
import { t } from '../i18n';
import { Icon } from '../ui/icons';
import { ApiTable, Rows, RowsCsv, type Column } from '../ui/table';
import { asked, Filters, PickFilter, TextFilter } from '../ui/filters';
import { Badge, Choice, FailureNotice, Nothing, PageHead, Panel, Shown, Sure } from '../ui/parts';
import { absent, count, moment, number, percent, watts } from '../ui/format';
import { figures, Regressions, views, type View } from './benched';
import { Comparisons } from './benchmarks_compare';
import { ImportDialog } from './benchmarks_import';
import { useWho } from './who';

const filters = ['name', 'model', 'driver', 'source'];

export function BenchmarksPage() {
  const who = useWho();
  const operates = !!who?.operates && !who.restricted;
  const view = views.find((one) => one === query.value.get('view')) ?? 'compare';
  const [changed, change] = useState(0);
  const [importing, open] = useState(false);
  const watched = useSlow<BenchmarkRegressions>(`regressions ${changed}`, (stop) => get(address('/benchmarks/regressions'), stop));
  const worse = useMemo(() => new Regressions(watched.data?.items ?? []), [watched.data]);
  const named = (one: View) => one === 'regressions' && watched.data ? t('bench.worseCount', { count: count(watched.data.items.length) }) : t(`benchView.${one}`);
  return (
    <>
      <PageHead title={t('nav.benchmarks')} tools={<>{operates && <button type="button" class="button" onClick={() => open(true)}>{t('bench.import')}</button>}<Exports /></>} />
      <Choice<View> label={t('bench.view')} value={view} of={views.map((one) => [one, named(one)])} pick={(value) => setQuery({ view: value === 'compare' ? null : value, sort: null }, false)} />
      {view === 'regressions' ? <Panel title={t('benchView.regressions')}><Shown of={watched}>{(data) => <Worse of={data} />}</Shown></Panel>
        : <Panel title={t(`benchView.${view}`)}><Picks />{view === 'compare' ? <Comparisons worse={worse} changed={changed} /> : <Runs worse={worse} operates={operates} />}</Panel>}
      {importing && <ImportDialog close={() => open(false)} done={() => change(changed + 1)} />}
    </>
  );
}

function Exports() {
  const [failure, fail] = useState<Failure | null>(null);
  const take = (format: 'csv' | 'json') => () => {
    fail(null);
    download(address('/benchmarks/export', { ...asked(...filters), format }), `benchmarks.${format}`).catch((error: unknown) => fail(error as Failure));
  };
  return (
    <>
      <button type="button" class="button no-print" onClick={take('csv')}><Icon name="download" /> CSV</button>
      <button type="button" class="button no-print" onClick={take('json')}><Icon name="download" /> JSON</button>
      {failure && <FailureNotice failure={failure} />}
    </>
  );
}

/** Of what there is: the API takes whole names alone. */
function Picks() {
  const told = useSlowApi<BenchmarksCompared>(address('/benchmarks/compare'));
  const of = (all: readonly string[]) => [...new Set(all)].sort().map((one): [string, string] => [one, one]);
  const items = told.data?.items ?? [];
  return (
    <Filters keys={filters}>
      <PickFilter name="name" label={t('bench.name')} of={of(items.map((one) => one.name))} />
      <PickFilter name="model" label={t('filter.model')} of={of(items.flatMap((one) => one.rows.map((row) => row.model)))} />
      <TextFilter name="driver" label={t('bench.driver')} />
      <TextFilter name="source" label={t('bench.source')} />
    </Filters>
  );
}

export function NothingMeasured() {
  return <Nothing title={t('bench.none')}>{t('bench.noneText')}</Nothing>;
}

function Runs({ worse, operates }: { worse: Regressions; operates: boolean }) {
  const [failure, fail] = useState<Failure | null>(null);
  const drop = (one: Benchmark) => () => send('DELETE', address('/benchmarks/{benchmarkId}', {}, { benchmarkId: one.id }));
  const columns: Column<Benchmark>[] = [
    { title: t('bench.name'), sort: 'name', cell: (one) => <span class="breakable">{one.name}</span> },
    { title: t('bench.version'), sort: 'version', rest: true, cell: (one) => one.version ?? absent },
    { title: t('column.model'), sort: 'model', cell: (one) => one.model },
    { title: t('bench.driver'), sort: 'driver', cell: (one) => <span class="num">{one.driver ?? absent}</span> },
    { title: t('bench.value'), sort: 'value', num: true, cell: (one) => <>{worse.has(one) && <Badge kind="bench" value="regressed" />} {figures(one.value)} {one.unit}</> },
    { title: t('bench.better'), rest: true, cell: (one) => t(`benchBetter.${one.better}`) },
    { title: t('bench.power'), num: true, cell: (one) => watts(one.watts) },
    { title: t('bench.time'), sort: 'time', num: true, cell: (one) => moment(one.time, false) },
    { title: t('bench.source'), sort: 'source', cell: (one) => <span class="breakable">{one.source ?? absent}</span> },
    ...(operates ? [{ title: t('key.change'), cell: (one: Benchmark) => <Sure name={t('bench.remove')} sure={t('bench.removeSure')} fail={fail} act={drop(one)} /> }] : []),
  ];
  return (
    <>
      {failure && <FailureNotice failure={failure} />}
      <ApiTable<Benchmark> path="/benchmarks" parameters={asked(...filters)} columns={columns} rowKey={(one) => one.id} order="-time" caption={t('benchView.runs')} file="benchmarks" empty={<NothingMeasured />} />
    </>
  );
}

function Worse({ of }: { of: BenchmarkRegressions }) {
  const driver = (one: string | null) => one ?? absent;
  const columns: Column<BenchmarkRegression>[] = [
    { title: t('bench.name'), cell: (one) => <span class="breakable">{one.name}{one.version && ` ${one.version}`}</span> },
    { title: t('column.model'), cell: (one) => one.model },
    { title: t('bench.by'), num: true, cell: (one) => <>{percent(100 * one.worse, 1)} <Badge kind="bench" value="regressed" plain /></> },
    { title: t('bench.before'), num: true, cell: (one) => `${figures(one.before)} ${one.unit}` },
    { title: t('bench.now'), num: true, cell: (one) => `${figures(one.now)} ${one.unit}` },
    { title: t('bench.driver'), cell: (one) => <span class="breakable">{one.driverBefore === one.driverNow ? driver(one.driverNow) : `${driver(one.driverBefore)} → ${driver(one.driverNow)}`}</span> },
    { title: t('bench.since'), num: true, cell: (one) => moment(one.since, false) },
    { title: t('bench.chance'), num: true, rest: true, cell: (one) => number(one.p, 6) },
    { title: t('bench.runs'), num: true, rest: true, cell: (one) => `${count(one.runsBefore)} / ${count(one.runsNow)}` },
  ];
  return (
    <>
      {of.items.length === 0 ? <Nothing title={t(of.judged > 0 ? 'bench.noWorse' : 'bench.unjudged')} />
        : <div class="table-box"><div class="table-bar"><span /><RowsCsv rows={of.items} file="regressions" /></div><Rows rows={of.items} columns={columns} rowKey={(one) => JSON.stringify([one.model, one.name, one.version, one.unit, one.better])} caption={t('benchView.regressions')} /></div>}
      <p class="quiet after">{t('bench.how', { newest: count(of.newestRuns), before: count(of.leastBefore), least: percent(100 * of.leastWorse), p: number(of.significance, 6) })} {t('bench.judged', { judged: count(of.judged), few: count(of.tooFew) })}</p>
    </>
  );
}
