// Models that are served: requests, tokens, cache, and what the GPUs under them do.
import { getAll } from '../api/client';
import { useRead } from '../api/use';
import type { Served, ServingList } from '../api/schema';
import { query } from '../frame/url';
import { t } from '../i18n';
import { ApiTable, type Column } from '../ui/table';
import { asked, Filters, PickFilter, TextFilter } from '../ui/filters';
import { Coverage, Meter, Nothing, PageHead, Panel, PodLink, Shown, Tile } from '../ui/parts';
import { absent, count, number, percent, seconds } from '../ui/format';
import { ClusterPicker } from './overview';
import { byModel, type ServedModel } from './models';

export function Serving() {
  const cluster = query.value.get('cluster');
  const told = useRead<ServingList>(`serving ${cluster}`, (stop) => getAll<ServingList>('/gpu/serving', { cluster }, 5000, stop));
  return (
    <>
      <PageHead title={t('nav.serving')} tools={<ClusterPicker />} />
      <Shown of={told} empty={(data) => data.items.length === 0 && <Panel><Nothing title={t('serving.none')}>{t('serving.noneText')}</Nothing></Panel>}>
        {(data) => (
          <>
            <div class="models">{byModel(data.items).map((one) => <ModelCard key={one.model} of={one} />)}</div>
            <Panel title={t('serving.replicas')}>
              <Filters keys={['model', 'engine', 'namespace']}>
                <TextFilter name="model" label={t('filter.model')} />
                <PickFilter name="engine" label={t('filter.engine')} of={[['vllm', 'vLLM'], ['sglang', 'SGLang']]} />
                <TextFilter name="namespace" label={t('filter.namespace')} />
              </Filters>
              <ApiTable<Served> path="/gpu/serving" parameters={asked('model', 'engine', 'namespace', 'cluster')} columns={columns()} rowKey={(one) => `${one.cluster} ${one.namespace} ${one.pod} ${one.instance} ${one.model}`} caption={t('serving.replicas')} file="serving" />
            </Panel>
          </>
        )}
      </Shown>
    </>
  );
}

function ModelCard({ of }: { of: ServedModel }) {
  return (
    <Panel title={of.model} note={t('serving.count', { count: count(of.replicas), engine: of.engines.join(', ') })} class="model-card">
      <div class="tiles small">
        <Tile label={t('serving.running')} value={count(of.running)} note={t('serving.waitingNote', { count: count(of.waiting) })} kind={(of.waiting ?? 0) > (of.running ?? 0) ? 'attend' : ''} />
        <Tile label={t('serving.generation')} value={number(of.generation, 0)} note={t('serving.perSecond')} />
        <Tile label={t('serving.cache')} value={percent(of.cache)} note={t('serving.cacheNote')} />
        <Tile label={t('serving.gpu')} value={percent(of.utilization)} note={<>{t('serving.gpuNote', { parts: count(of.parts) })} <Coverage value={of.coverage} /></>} />
      </div>
    </Panel>
  );
}

function columns(): Column<Served>[] {
  return [
    { title: t('column.model'), sort: 'model', cell: (one) => <span class="breakable">{one.model ?? absent}</span> },
    { title: t('column.pod'), sort: 'pod', cell: (one) => one.pod ? <PodLink namespace={one.namespace} pod={one.pod} uid={one.podUid} cluster={one.cluster} /> : <span class="breakable">{one.instance ?? absent}</span> },
    { title: t('column.engine'), sort: 'engine', cell: (one) => <>{one.engine}{one.role && <span class="quiet"> {one.role}</span>}{one.asleep && <span class="quiet"> {t('serving.asleep')}</span>}</> },
    { title: t('serving.running'), sort: 'running', num: true, cell: (one) => count(one.running) },
    { title: t('serving.waiting'), sort: 'waiting', num: true, cell: (one) => count(one.waiting) },
    { title: t('serving.cache'), sort: 'kvCacheUsedPercent', num: true, cell: (one) => <Meter value={one.kvCacheUsedPercent} /> },
    { title: t('serving.prompt'), sort: 'promptTokensPerSecond', num: true, rest: true, cell: (one) => number(one.promptTokensPerSecond, 0) },
    { title: t('serving.generation'), sort: 'generationTokensPerSecond', num: true, cell: (one) => number(one.generationTokensPerSecond, 0) },
    { title: t('serving.ttft'), sort: 'timeToFirstTokenSeconds', num: true, cell: (one) => <span title={`p50 ${seconds(one.timeToFirstTokenSeconds.p50)} · p90 ${seconds(one.timeToFirstTokenSeconds.p90)}`}>{seconds(one.timeToFirstTokenSeconds.p99)}</span> },
    { title: t('serving.itl'), num: true, rest: true, cell: (one) => seconds(one.interTokenSeconds.p99) },
    { title: t('serving.hits'), num: true, rest: true, cell: (one) => percent(one.prefixCacheHitPercent) },
    { title: t('serving.gpu'), num: true, cell: (one) => <><Meter value={one.utilization.allocated} /><Coverage value={one.utilization.coverage} /></> },
    { title: t('column.node'), sort: 'node', rest: true, cell: (one) => one.node ?? absent },
  ];
}
