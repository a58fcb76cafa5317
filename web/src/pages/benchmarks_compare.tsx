// Benchmarks side by side: models, or the drivers that one model has had.
import { address, get } from '../api/client';
import { useSlow } from '../api/use';
import type { BenchmarkRow, BenchmarksCompared } from '../api/schema';
import { query, setQuery } from '../frame/url';
import { t, word } from '../i18n';
import { asked } from '../ui/filters';
import { Rows, type Column } from '../ui/table';
import { Badge, Choice, Meter, Select, Shown } from '../ui/parts';
import { absent, count, money, moment, percent, watts } from '../ui/format';
import { against, figures, standing, type Regressions } from './benched';
import { NothingMeasured } from './benchmarks';

type Item = BenchmarksCompared['items'][number];

export function Comparisons({ worse, changed }: { worse: Regressions; changed: number }) {
  const by = query.value.get('by') === 'driver' ? 'driver' : 'model';
  const baseline = query.value.get('baseline');
  const url = address('/benchmarks/compare', { ...asked('name', 'model', 'driver', 'source'), by, baseline });
  const told = useSlow<BenchmarksCompared>(`${url} ${changed}`, (stop) => get(url, stop));
  const known = [...new Set(told.data?.items.flatMap((one) => one.rows.map((row) => row[by])))].filter((one) => one !== null).sort();
  const names = baseline && !known.includes(baseline) ? [baseline, ...known] : known;
  return (
    <>
      <div class="picks no-print">
        <Choice label={t('bench.compared')} value={by} of={[['model', t('bench.models')], ['driver', t('bench.drivers')]]} pick={(value) => setQuery({ by: value === 'driver' ? 'driver' : null, baseline: null })} />
        <Select label={t('bench.baseline')} value={baseline ?? ''} of={[['', t(by === 'model' ? 'bench.theBest' : 'bench.theFirst')], ...names.map((one): [string, string] => [one, one])]} pick={(value) => setQuery({ baseline: value || null })} />
      </div>
      <Shown of={told} lines={8} empty={(data) => data.items.length === 0 && <NothingMeasured />}>
        {(data) => (
          <>
            {data.items.map((one) => <One key={JSON.stringify([one.name, one.version, one.unit, one.better, one.model])} of={one} by={data.by} currency={data.currency} worse={worse} />)}
            <p class="quiet after">{t('bench.note')}{data.truncated && <> {t('bench.truncated')}</>}</p>
          </>
        )}
      </Shown>
    </>
  );
}

function One({ of, by, currency, worse }: { of: Item; by: 'model' | 'driver'; currency: string | null; worse: Regressions }) {
  const name = [of.name, of.version, of.model].filter(Boolean).join(' · ');
  const bar = (value: number | null, all: (number | null)[]) => <Meter value={standing(value, all, of.better)} text={figures(value)} kind="plain" />;
  const columns: Column<BenchmarkRow>[] = [
    by === 'model' ? { title: t('column.model'), cell: (one) => <><span class="breakable">{one.model}</span> <Mark of={one} item={of} worse={worse} /></> }
      : { title: t('bench.driver'), cell: (one) => <><span class="num">{one.driver ?? absent}</span> {one === newest(of) && <Mark of={one} item={of} worse={worse} />}</> },
    { title: t('bench.median'), num: true, cell: (one) => <>{figures(one.median)} <span class="quiet">± {figures(one.spread)}</span></> },
    { title: t('bench.against'), num: true, cell: (one) => <Verdict of={one} /> },
    { title: t(of.better === 'higher' ? 'bench.perMoney' : 'bench.timesMoney', { money: money(1, currency ?? '').replace(/\.0+/, '') }), num: true, cell: (one) => bar(one.perMoney, of.rows.map((row) => row.perMoney)) },
    { title: t(of.better === 'higher' ? 'bench.perWatt' : 'bench.timesWatt'), num: true, cell: (one) => <>{bar(one.perWatt, of.rows.map((row) => row.perWatt))}{one.wattsFrom === 'limit' && <span class="coverage" title={t('bench.limitHelp')}>{t('bench.limit')}</span>}</> },
    { title: t('bench.rate'), num: true, rest: true, cell: (one) => money(one.perHour, currency ?? '') },
    { title: t('bench.power'), num: true, rest: true, cell: (one) => watts(one.watts) },
    ...(by === 'model' ? [{ title: t('bench.driver'), rest: true, cell: (one: BenchmarkRow) => <span class="num">{one.driver ?? absent}</span> }] : []),
    { title: t('bench.runs'), num: true, cell: (one) => count(one.runs) },
    { title: t('bench.last'), num: true, rest: true, cell: (one) => moment(one.lastRun, false) },
  ];
  return (
    <section class="bench">
      <h3>{name} <span class="quiet">{of.unit} · {t(`benchBetter.${of.better}`)}</span></h3>
      <Rows rows={of.rows} columns={columns} rowKey={(one) => JSON.stringify([one.model, one.driver])} caption={name} />
    </section>
  );
}

/** The driver that ran last: it is its runs that have become worse. */
const newest = (of: Item) => of.rows.reduce((last, one) => (one.lastRun > last.lastRun ? one : last));

function Mark({ of, item, worse }: { of: BenchmarkRow; item: Item; worse: Regressions }) {
  const found = worse.of(of.model, item);
  return found ? <span title={t('bench.markHelp', { by: percent(100 * found.worse, 1), time: moment(found.since, false) })}><Badge kind="bench" value="regressed" /></span> : null;
}

function Verdict({ of }: { of: BenchmarkRow }) {
  if (of.verdict === null) return <>{absent}</>;
  return of.verdict === 'baseline' ? <span class="quiet">{word('verdictOf', of.verdict)}</span> : <>{against(of.ratio)} <Badge kind="verdictOf" value={of.verdict} plain /></>;
}
