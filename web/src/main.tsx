import { render } from 'preact';
import { startLive } from './api/live';
import { Frame } from './frame/frame';
import { applySettings } from './frame/settings';
import { followLinks } from './frame/url';
import { applyLanguage } from './i18n';

applySettings();
applyLanguage();
followLinks();
startLive();
render(<Frame />, document.getElementById('app')!);
