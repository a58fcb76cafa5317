// Every page of the application: its path, its place in the navigation, the key that leads there.
import type { ComponentType } from 'preact';
import { signal, type ReadonlySignal } from '@preact/signals';
import type { Word } from '../i18n';
import type { IconName } from '../ui/icons';
import { Overview, readAhead } from '../pages/overview';
import { SigningIn } from '../pages/signing_in';
import { match } from './url';

type Show = ComponentType<{ named: Record<string, string> }>;

/** Pages that come in a file of their own. */
function file<T>(load: () => Promise<T>): { all: ReadonlySignal<T | null>; load: () => Promise<void> } {
  const all = signal<T | null>(null);
  return { all, load: async () => {
    try {
      all.value ??= await load();
    } catch {
      fileMissing.value = true;
    }
  } };
}
/** One did not come: the server is away, or is another one by now. */
export const fileMissing = signal(false);
const others = file(() => import('../pages/others'));
const usage = file(() => import('../pages/usage'));
const manage = file(() => import('../pages/manage'));
const planned = file(() => import('../pages/planned'));
export async function loadOthers(): Promise<void> {
  await others.load();
  await usage.load();
  await manage.load();
  await planned.load();
}

export interface Page {
  path: string;
  /** Undefined until it has been loaded. */
  show: () => Show | undefined;
  /** Under which entry of the navigation it stands. */
  under: string;
  /** What its first picture waits for. */
  ready: () => Promise<unknown>;
}

const page = <T>(from: { all: ReadonlySignal<T | null>; load: () => Promise<void> }) => (path: string, under: string, show: (all: T) => Show): Page =>
  ({ path, under, show: () => from.all.value === null ? undefined : show(from.all.value), ready: from.load });
const other = page(others);
const used = page(usage);
const managed = page(manage);
const plans = page(planned);

/** src/server/web.cc serves the application under the same paths. */
export const pages: Page[] = [
  { path: '/', show: () => Overview, under: '/', ready: readAhead },
  other('/inventory', '/inventory', (all) => all.Inventory),
  other('/inventory/:node', '/inventory', (all) => all.NodePage),
  other('/inventory/:node/:device', '/inventory', (all) => all.DevicePage),
  used('/pods', '/pods', (all) => all.Pods),
  used('/pods/:namespace/:pod', '/pods', (all) => all.PodPage),
  used('/sessions', '/sessions', (all) => all.Sessions),
  used('/serving', '/serving', (all) => all.Serving),
  managed('/allocations', '/allocations', (all) => all.Allocations),
  managed('/allocations/new', '/allocations', (all) => all.Allocate),
  managed('/cost', '/cost', (all) => all.CostPage),
  plans('/budgeting', '/budgeting', (all) => all.BudgetsPage), // /budgets is a route of the API
  managed('/alerting', '/alerting', (all) => all.Alerts), // /alerts is a route of the API
  plans('/advising', '/advising', (all) => all.AdvicePage), // /advice is a route of the API
  plans('/benchmarking', '/benchmarking', (all) => all.BenchmarksPage), // /benchmarks is a route of the API
  managed('/forecast', '/forecast', (all) => all.ForecastPage),
  managed('/settings', '/settings', (all) => all.Settings),
  { path: '/signin', show: () => SigningIn, under: '/', ready: async () => {} },
];

/** The page at a path, and what the path names; none where there is no such page. */
export function pageAt(where: string): { page: Page; named: Record<string, string> } | null {
  for (const page of pages) {
    const named = match(page.path, where);
    if (named !== null) return { page, named };
  }
  return null;
}

export const navigation: { to: string; name: Word; icon: IconName; key: string }[] = [
  { to: '/', name: 'nav.overview', icon: 'overview', key: 'o' },
  { to: '/inventory', name: 'nav.inventory', icon: 'inventory', key: 'i' },
  { to: '/pods', name: 'nav.pods', icon: 'pods', key: 'p' },
  { to: '/sessions', name: 'nav.sessions', icon: 'sessions', key: 's' },
  { to: '/serving', name: 'nav.serving', icon: 'serving', key: 'v' },
  { to: '/allocations', name: 'nav.allocations', icon: 'allocations', key: 'a' },
  { to: '/cost', name: 'nav.cost', icon: 'cost', key: 'c' },
  { to: '/budgeting', name: 'nav.budgets', icon: 'budgets', key: 'b' },
  { to: '/alerting', name: 'nav.alerts', icon: 'alerts', key: 'l' },
  { to: '/forecast', name: 'nav.forecast', icon: 'forecast', key: 'f' },
  { to: '/advising', name: 'nav.advice', icon: 'advice', key: 'd' },
  { to: '/benchmarking', name: 'nav.benchmarks', icon: 'benchmarks', key: 'm' },
  { to: '/settings', name: 'nav.settings', icon: 'settings', key: 't' },
];
