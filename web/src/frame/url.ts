// Where the reader is. Every view is a link: the page stands in the path, its filters and the time range in the query.
import { batch, signal } from '@preact/signals';

/** The context path, without a slash behind it. The built file lies in `assets/`, this one in `src/frame/`. */
export function contextOf(module: string): string {
  const path = new URL(module, 'http://x').pathname;
  const at = Math.max(path.lastIndexOf('/assets/'), path.lastIndexOf('/src/'));
  return at > 0 ? path.slice(0, at) : '';
}

const built = contextOf(import.meta.url);
export const context = import.meta.env.DEV || import.meta.env.MODE === 'test' ? '/k8s-monitor' : built;

export const path = signal('/');
export const query = signal(new URLSearchParams());

/** What goes along from page to page. */
const kept = ['range', 'from', 'to', 'zone', 'cluster'];

function read(): void {
  const here = window.location.pathname;
  batch(() => {
    path.value = (here.startsWith(context) ? here.slice(context.length) : here).replace(/\/+$/, '') || '/';
    query.value = new URLSearchParams(window.location.search);
  });
}

/** The address of a page, with what goes along. */
export function href(to: string, parameters: Record<string, string | null | undefined> = {}): string {
  const [where = '', own = ''] = to.split('?');
  const next = new URLSearchParams(own);
  for (const key of kept) {
    const value = query.value.get(key);
    if (value !== null && !next.has(key)) next.set(key, value);
  }
  for (const [key, value] of Object.entries(parameters)) {
    if (value === null || value === undefined || value === '') next.delete(key);
    else next.set(key, value);
  }
  const text = next.toString();
  return context + where + (text ? `?${text}` : '');
}

/** `replace` where going back should pass over the page that is left. */
export function go(address: string, replace = false): void {
  if (address === window.location.pathname + window.location.search) return;
  if (replace) window.history.replaceState(null, '', address);
  else window.history.pushState(null, '', address);
  read();
  window.scrollTo(0, 0);
}

/** Changes parameters of this view; `replace` where going back should pass over it. */
export function setQuery(changes: Record<string, string | null | undefined>, replace = true): void {
  const next = new URLSearchParams(query.value);
  for (const [key, value] of Object.entries(changes)) {
    if (value === null || value === undefined || value === '') next.delete(key);
    else next.set(key, value);
  }
  const text = next.toString();
  const address = window.location.pathname + (text ? `?${text}` : '');
  if (replace) window.history.replaceState(null, '', address);
  else window.history.pushState(null, '', address);
  read();
}

/** Follows the address bar and clicks on own links. */
export function followLinks(): void {
  read();
  window.addEventListener('popstate', read);
  document.addEventListener('click', (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element | null)?.closest?.('a');
    if (!link || link.target || link.hasAttribute('download') || link.origin !== window.location.origin) return;
    if (!link.pathname.startsWith(context + '/') || link.pathname.startsWith(`${context}/api/`)) return;
    event.preventDefault();
    go(link.pathname + link.search);
  });
}

/** The parts of a path that fits a pattern as /pods/:namespace/:name; null where it does not. */
export function match(pattern: string, where: string): Record<string, string> | null {
  const want = pattern.split('/');
  const have = where.split('/');
  if (want.length !== have.length) return null;
  const out: Record<string, string> = {};
  for (let i = 0; i < want.length; i++) {
    const part = want[i]!;
    if (part.startsWith(':')) {
      try {
        out[part.slice(1)] = decodeURIComponent(have[i]!);
      } catch {
        return null;
      }
    } else if (part !== have[i]) return null;
  }
  return out;
}

export const part = encodeURIComponent;
