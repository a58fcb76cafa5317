// Every page of the application: its path, its place in the navigation, the key that leads there.
import type { ComponentType } from 'preact';
import type { Word } from '../i18n';
import type { IconName } from '../ui/icons';
import { Overview } from '../pages/overview';
import { Inventory } from '../pages/inventory';
import { NodePage } from '../pages/node';
import { DevicePage } from '../pages/device';
import { Pods } from '../pages/pods';
import { PodPage } from '../pages/pod';
import { Sessions } from '../pages/sessions';
import { Serving } from '../pages/serving';
import { Settings } from '../pages/settings';
import { SigningIn } from '../pages/signing_in';

export interface Page {
  path: string;
  show: ComponentType<{ named: Record<string, string> }>;
  /** Under which entry of the navigation it stands. */
  under: string;
}

/** src/server/web.cc serves the application under the same paths. */
export const pages: Page[] = [
  { path: '/', show: Overview, under: '/' },
  { path: '/inventory', show: Inventory, under: '/inventory' },
  { path: '/inventory/:node', show: NodePage, under: '/inventory' },
  { path: '/inventory/:node/:device', show: DevicePage, under: '/inventory' },
  { path: '/pods', show: Pods, under: '/pods' },
  { path: '/pods/:namespace/:pod', show: PodPage, under: '/pods' },
  { path: '/sessions', show: Sessions, under: '/sessions' },
  { path: '/serving', show: Serving, under: '/serving' },
  { path: '/settings', show: Settings, under: '/settings' },
  { path: '/signin', show: SigningIn, under: '/' },
];

export const navigation: { to: string; name: Word; icon: IconName; key: string }[] = [
  { to: '/', name: 'nav.overview', icon: 'overview', key: 'o' },
  { to: '/inventory', name: 'nav.inventory', icon: 'inventory', key: 'i' },
  { to: '/pods', name: 'nav.pods', icon: 'pods', key: 'p' },
  { to: '/sessions', name: 'nav.sessions', icon: 'sessions', key: 's' },
  { to: '/serving', name: 'nav.serving', icon: 'serving', key: 'v' },
  { to: '/settings', name: 'nav.settings', icon: 'settings', key: 't' },
];
