// What a million tokens costs, where engines tell of them.
import { address } from '../api/client';
import { useApi } from '../api/use';
import type { TokenCost, TokenCosts } from '../api/schema';
import { query } from '../frame/url';
import { t } from '../i18n';
import { RowsCsv, Rows, type Column } from '../ui/table';
import { Panel } from '../ui/parts';
import { absent, count, money } from '../ui/format';

export function Tokens() {
  const told = useApi<TokenCosts>(address('/cost/tokens'));
  const cluster = query.value.get('cluster');
  const rows = told.data?.items.filter((one) => !cluster || one.cluster === cluster) ?? [];
  if (rows.length === 0) return null; // no engine tells of tokens: there is nothing to have a price
  return (
    <Panel title={t('cost.tokens')} note={t('cost.tokensNote')} tools={<RowsCsv rows={rows} file="cost-tokens" />}>
      <Rows rows={rows} columns={columns(told.data!.currency)} rowKey={(one) => `${one.cluster} ${one.model} ${one.team}`} caption={t('cost.tokens')} />
    </Panel>
  );
}

function columns(currency: string): Column<TokenCost>[] {
  const price = (of: keyof TokenCost['perMillionTokens'], rest = false): Column<TokenCost> =>
    ({ title: t(`tokens.${of}`), num: true, rest, cell: (one) => money(one.perMillionTokens[of], currency) });
  return [
    { title: t('column.model'), cell: (one) => <span class="breakable">{one.model ?? absent}</span> },
    { title: t('column.team'), cell: (one) => one.team ?? <span class="quiet">{t('allocations.nobody')}</span> },
    price('blended'), price('blendedOfUsed'), price('prompt', true), price('generated', true), price('perOutput'),
    { title: t('cost.perHour'), num: true, cell: (one) => money(one.costPerHour, currency) },
    { title: t('tokens.idle'), num: true, cell: (one) => money(one.idleCostPerHour, currency) },
    { title: t('tokens.read'), num: true, rest: true, cell: (one) => count(one.promptTokensPerHour) },
    { title: t('tokens.made'), num: true, rest: true, cell: (one) => count(one.generatedTokensPerHour) },
  ];
}
