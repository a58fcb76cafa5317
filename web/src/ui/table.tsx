// A table of the API: sorted and cut by the server, so that it holds at any size; with its CSV.
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { address, downloadCsv, Failure, get, save, type Parameters } from '../api/client';
import { csvOf } from '../api/csv';
import { useRead } from '../api/use';
import type { Path } from '../api/schema';
import { t } from '../i18n';
import { query, setQuery } from '../frame/url';
import { FailureNotice, Nothing, Shown } from './parts';
import { count } from './format';
import { Icon } from './icons';

export interface Column<T> {
  title: string;
  cell: (row: T) => ComponentChildren;
  /** Member that the server sorts by. */
  sort?: string;
  /** Numbers stand at the right. */
  num?: boolean;
  /** Not on small screens. */
  rest?: boolean;
}

interface Page<T> {
  items: T[];
  total: number;
  nextCursor: string | null;
}

const kPage = 100;

interface Props<T> {
  path: Path;
  named?: Record<string, string>;
  parameters?: Parameters;
  columns: Column<T>[];
  rowKey: (row: T) => string;
  caption: string;
  empty?: ComponentChildren;
  /** Which parameter of the address has the order. */
  sortKey?: string;
  /** The order until the reader picks another one; the server's own unless given. */
  order?: string;
  file: string;
  /** Rows the reader may leave out, on this side. */
  fixedOrder?: boolean;
}

export function ApiTable<T>(props: Props<T>) {
  const sortKey = props.sortKey ?? 'sort';
  const sort = props.fixedOrder ? '' : (query.value.get(sortKey) ?? props.order ?? '');
  const base = address(props.path, { ...props.parameters, sort }, props.named);
  const [want, setWant] = useState({ base, rows: kPage });
  const rows = want.base === base ? want.rows : kPage;
  const told = useRead<Page<T>>(`${base} ${rows}`, async (stop) => {
    const all: Page<T> = { items: [], total: 0, nextCursor: null };
    do {
      const limit = Math.min(1000, rows - all.items.length);
      const cursor = all.nextCursor;
      const page = await get<Page<T>>(address(props.path, { ...props.parameters, sort, limit, cursor }, props.named), stop);
      all.items.push(...page.items);
      all.total = page.total;
      all.nextCursor = page.nextCursor;
    } while (all.nextCursor !== null && all.items.length < rows);
    return all;
  });
  const total = told.data?.total;
  return (
    <div class="table-box">
      <div class="table-bar">
        <span class="quiet" aria-live="polite">{total === undefined ? '' : t('table.rows', { shown: count(told.data!.items.length), total: count(total) })}</span>
        <CsvButton path={props.path} parameters={{ ...props.parameters, sort }} named={props.named ?? {}} file={props.file} />
      </div>
      <Shown of={told} lines={8} empty={(data) => data.items.length === 0 && (props.empty ?? <Nothing title={t('state.nothing')} />)}>
        {(data) => (
          <>
            <Rows {...props} rows={data.items} sort={sort} order={(next) => setQuery({ [sortKey]: next })} />
            {data.nextCursor !== null && (
              <button type="button" class="button more" onClick={() => setWant({ base, rows: rows + (rows >= 500 ? 1000 : 200) })}>
                {t('table.more')}
              </button>
            )}
          </>
        )}
      </Shown>
    </div>
  );
}

export function CsvButton(props: { path: Path; parameters: Parameters; named: Record<string, string>; file: string }) {
  const [failure, setFailure] = useState<Failure | null>(null);
  useEffect(() => setFailure(null), [JSON.stringify(props.parameters)]);
  return (
    <>
      <button type="button" class="button small no-print" onClick={() => {
        setFailure(null);
        downloadCsv(props.path, props.parameters, props.named, `${props.file}.csv`).catch((error: unknown) => setFailure(error as Failure));
      }}>
        <Icon name="download" /> {t('table.csv')}
      </button>
      {failure && <FailureNotice failure={failure} />}
    </>
  );
}

/** Of rows that the page holds whole. */
export function RowsCsv(props: { rows: readonly object[]; file: string }) {
  if (props.rows.length === 0) return null;
  return (
    <button type="button" class="button small no-print" onClick={() => save(new Blob([csvOf(props.rows)], { type: 'text/csv' }), `${props.file}.csv`)}>
      <Icon name="download" /> {t('table.csv')}
    </button>
  );
}

/** The order after a click: rising, falling, the server's own. */
export function nextOrder(sort: string, member: string, numbers: boolean): string {
  const [first, second] = numbers ? [`-${member}`, member] : [member, `-${member}`];
  if (sort === first) return second;
  return sort === second ? '' : first;
}

export function Rows<T>(props: { rows: T[]; columns: Column<T>[]; rowKey: (row: T) => string; caption: string; sort?: string; order?: (sort: string) => void }) {
  return (
    <div class="table-scroll" tabIndex={0} role="region" aria-label={props.caption}>
      <table>
        <caption class="hidden">{props.caption}</caption>
        <thead>
          <tr>
            {props.columns.map((column) => {
              const sorted = column.sort && props.sort?.replace(/^-/, '') === column.sort ? (props.sort.startsWith('-') ? 'descending' : 'ascending') : undefined;
              return (
                <th key={column.title} scope="col" class={`${column.num ? 'num' : ''} ${column.rest ? 'rest' : ''}`} aria-sort={sorted}>
                  {column.sort && props.order ? (
                    <button type="button" onClick={() => props.order!(nextOrder(props.sort ?? '', column.sort!, column.num ?? false))}>
                      {column.title}
                      {sorted && <span aria-hidden="true" class="arrow">{sorted === 'ascending' ? '↑' : '↓'}</span>}
                    </button>
                  ) : column.title}
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody>
          {props.rows.map((row) => (
            <tr key={props.rowKey(row)}>
              {props.columns.map((column) => (
                <td key={column.title} class={`${column.num ? 'num' : ''} ${column.rest ? 'rest' : ''}`}>{column.cell(row)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
