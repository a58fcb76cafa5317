import { render } from 'preact';
import { startLive } from './api/live';
import { Frame } from './frame/frame';
import { loadOthers, pageAt } from './frame/pages';
import { applySettings } from './frame/settings';
import { followLinks, path } from './frame/url';
import { applyLanguage, bringWords, language } from './i18n';

const kPatience = 300; // ms: for a first picture with numbers in it. A slower reply gets a place to come to.
const patience = () => new Promise((resolve) => setTimeout(resolve, kPatience));

async function start(): Promise<void> {
  followLinks();
  const ready = pageAt(path.value)?.page.ready();
  applySettings();
  applyLanguage();
  await bringWords(language.value);
  await Promise.race([ready, patience()]);
  render(<Frame />, document.getElementById('app')!);
  startLive();
  await patience();
  await loadOthers(); // before somebody goes there
}
void start();
