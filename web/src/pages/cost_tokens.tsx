// What a million tokens costs, where engines tell of them.
import { address, get } from '../api/client';
import { useApi, useSlow } from '../api/use';
import type { TokenCost, TokenCosts } from '../api/schema';
import { query, setQuery } from '../frame/url';
import { t } from '../i18n';
import { RowsCsv, Rows, type Column } from '../ui/table';
import { Choice, Panel, Shown } from '../ui/parts';
import { absent, count, duration, money, number, ratio } from '../ui/format';

/** Of the last minutes, or of the page's window: which then says how much of it was observed. */
export function Tokens({ window }: { window: string }) {
  const past = query.value.get('tokens') === 'window';
  const url = address('/cost/tokens', past ? { window } : {});
  const now = useApi<TokenCosts>(past ? null : url);
  const was = useSlow<TokenCosts>(past ? url : null, (stop) => get<TokenCosts>(url, stop));
  const told = past ? was : now;
  const cluster = query.value.get('cluster');
  const rows = told.data?.items.filter((one) => !cluster || one.cluster === cluster) ?? [];
  if (rows.length === 0 && !past) return null; // no engine tells of tokens: there is nothing to have a price
  const when = <Choice label={t('tokens.when')} value={past ? 'window' : 'now'} of={[['now', t('tokens.now')], ['window', t('tokens.window')]]} pick={(value) => setQuery({ tokens: value === 'now' ? null : value }, false)} />;
  return (
    <Panel title={t('cost.tokens')} note={t(past ? 'cost.tokensPastNote' : 'cost.tokensNote')} tools={<>{when}<RowsCsv rows={rows} file="cost-tokens" /></>}>
      <Shown of={told}>
        {(data) => <Rows rows={rows} columns={columns(data.currency, past)} rowKey={(one) => `${one.cluster} ${one.model} ${one.team}`} caption={t('cost.tokens')} />}
      </Shown>
    </Panel>
  );
}

function columns(currency: string, past: boolean): Column<TokenCost>[] {
  const price = (of: keyof TokenCost['perMillionTokens'], rest = false): Column<TokenCost> =>
    ({ title: t(`tokens.${of}`), num: true, rest, cell: (one) => money(one.perMillionTokens[of], currency) });
  return [
    { title: t('column.model'), cell: (one) => <span class="breakable">{one.model ?? absent}</span> },
    { title: t('column.team'), cell: (one) => one.team ?? <span class="quiet">{t('allocations.nobody')}</span> },
    price('blended'), price('blendedOfUsed'), price('prompt', true), price('generated', true), price('perOutput'),
    ...(past ? observed : []),
    { title: t('cost.perHour'), num: true, cell: (one) => money(one.costPerHour, currency) },
    { title: t('tokens.idle'), num: true, cell: (one) => money(one.idleCostPerHour, currency) },
    { title: t('tokens.read'), num: true, rest: true, cell: (one) => count(one.promptTokensPerHour) },
    { title: t('tokens.made'), num: true, rest: true, cell: (one) => count(one.generatedTokensPerHour) },
  ];
}

/** How much of its pods' time the price is of. */
const observed: Column<TokenCost>[] = [
  { title: t('tokens.covered'), num: true, cell: (one) => (one.coveredSeconds === null ? absent : duration(one.coveredSeconds * 1000)) },
  { title: t('tokens.coverage'), num: true, cell: (one) => ratio(one.coverage) },
  { title: t('tokens.unobserved'), num: true, rest: true, cell: (one) => number(one.unobservedGpuHours) },
];
