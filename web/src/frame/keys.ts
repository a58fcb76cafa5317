// Keys of the frame. None acts while the reader types, and none takes a browser's own.
import { signal } from '@preact/signals';
import { go, href } from './url';
import { navigation } from './pages';
import { paused, refresh } from '../api/live';
import { theme } from './settings';

export const searchOpen = signal(false);
export const helpOpen = signal(false);

let wentToG = 0;

function types(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName));
}

export function pressed(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey || types(event.target)) return;
  if (document.querySelector('dialog[open]')) return;
  if (Date.now() - wentToG < 1200) {
    wentToG = 0;
    const page = navigation.find((one) => one.key === event.key);
    if (page) {
      event.preventDefault();
      go(href(page.to));
      return;
    }
  }
  const act = actions[event.key];
  if (!act) return;
  event.preventDefault();
  act();
}

const actions: Record<string, () => void> = {
  '/': () => (searchOpen.value = true),
  '?': () => (helpOpen.value = true),
  g: () => (wentToG = Date.now()),
  '.': () => (paused.value = !paused.value),
  r: refresh,
  t: () => (theme.value = theme.value === 'auto' ? 'light' : theme.value === 'light' ? 'dark' : 'auto'),
};
