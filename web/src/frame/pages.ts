// Every page of the application: its path, its place in the navigation, the key that leads there.
import type { ComponentType } from 'preact';
import { signal } from '@preact/signals';
import type { Word } from '../i18n';
import type { IconName } from '../ui/icons';
import { Overview, readAhead } from '../pages/overview';
import { SigningIn } from '../pages/signing_in';
import { match } from './url';

type Others = typeof import('../pages/others');
type Show = ComponentType<{ named: Record<string, string> }>;

const others = signal<Others | null>(null);
/** Their file did not come: the server is away, or is another one by now. */
export const othersMissing = signal(false);
export async function loadOthers(): Promise<void> {
  try {
    others.value = await import('../pages/others');
  } catch {
    othersMissing.value = true;
  }
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

const other = (path: string, under: string, show: (all: Others) => Show): Page =>
  ({ path, under, show: () => others.value === null ? undefined : show(others.value), ready: loadOthers });

/** src/server/web.cc serves the application under the same paths. */
export const pages: Page[] = [
  { path: '/', show: () => Overview, under: '/', ready: readAhead },
  other('/inventory', '/inventory', (all) => all.Inventory),
  other('/inventory/:node', '/inventory', (all) => all.NodePage),
  other('/inventory/:node/:device', '/inventory', (all) => all.DevicePage),
  other('/pods', '/pods', (all) => all.Pods),
  other('/pods/:namespace/:pod', '/pods', (all) => all.PodPage),
  other('/sessions', '/sessions', (all) => all.Sessions),
  other('/serving', '/serving', (all) => all.Serving),
  other('/allocations', '/allocations', (all) => all.Allocations),
  other('/allocations/new', '/allocations', (all) => all.Allocate),
  other('/settings', '/settings', (all) => all.Settings),
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
  { to: '/settings', name: 'nav.settings', icon: 'settings', key: 't' },
];
