// What stands around every page.
import { useEffect, useLayoutEffect } from 'preact/hooks';
import { asksForKey, unreachableSince } from '../api/client';
import { clock, paused, staleFor, streams } from '../api/live';
import { language, languages, t, type Language } from '../i18n';
import { Icon, Logo } from '../ui/icons';
import { Nothing, PageHead, Select, Skeleton } from '../ui/parts';
import { duration, moment } from '../ui/format';
import { Dialog } from './dialog';
import { helpOpen, pressed, searchOpen } from './keys';
import { kSignInPage } from './issuer';
import { closeOtherMenus, Menu } from './menu';
import { navigation, fileMissing, pageAt, type Page } from './pages';
import { RangePicker } from './range_picker';
import { Search } from './search';
import { chooseZone, credential, expired, signOut, theme, tokenUntil, zone, type Theme, type Zone } from './settings';
import { SignIn } from './sign_in';
import { href, path } from './url';

function Navigation({ under }: { under: string | undefined }) {
  return (
    <nav class="nav no-print" aria-label={t('frame.pages')}>
      <div class="nav-inside">
      <a class="brand" href={href('/')}><Logo /><span>Tessera</span></a>
      <ul>
        {navigation.map((one) => (
          <li key={one.to}>
            <a href={href(one.to)} aria-current={one.to === under ? 'page' : undefined}><Icon name={one.icon} /><span>{t(one.name)}</span></a>
          </li>
        ))}
      </ul>
      </div>
    </nav>
  );
}

function LiveMark() {
  const stale = staleFor.value;
  const kind = paused.value ? 'paused' : stale !== null ? 'stale' : streams.value ? 'live' : 'polling';
  const text = paused.value ? t('live.paused') : stale !== null ? t('live.stale', { age: stale }) : streams.value ? t('live.live') : t('live.polling');
  return (
    <button type="button" class={`live ${kind}`} aria-pressed={paused.value} title={paused.value ? t('live.resume') : t('live.pause')} onClick={() => (paused.value = !paused.value)}>
      <i aria-hidden="true" />
      <span class="num">{text}</span>
      <Icon name={paused.value ? 'play' : 'pause'} />
    </button>
  );
}

function View() {
  return (
    <Menu button={<Icon name="settings" />} label={t('frame.view')}>
      <Select label={t('frame.theme')} value={theme.value} of={(['auto', 'light', 'dark'] as const).map((one) => [one, t(`theme.${one}`)])} pick={(value) => (theme.value = value as Theme)} />
      <Select label={t('frame.language')} value={language.value} of={Object.entries(languages)} pick={(value) => (language.value = value as Language)} />
      <Select label={t('frame.zone')} value={zone.value} of={[['local', t('zone.local')], ['utc', 'UTC']]} pick={(value) => chooseZone(value as Zone)} />
      <Who />
      <button type="button" class="button" onClick={() => (helpOpen.value = true)}><Icon name="help" /> {t('help.title')}</button>
    </Menu>
  );
}

function Who() {
  if (!credential.value) return <button type="button" class="button" onClick={() => (asksForKey.value = true)}><Icon name="lock" /> {t('signIn.open')}</button>;
  return (
    <>
      {tokenUntil.value && <p class="quiet">{t('signIn.until', { time: moment(tokenUntil.value) })}</p>}
      <button type="button" class="button" onClick={signOut}><Icon name="lock" /> {t('signIn.out')}</button>
    </>
  );
}

function Help() {
  const keys: [string, string][] = [
    ['/', t('help.search')], ['?', t('help.help')], ['.', t('help.pause')], ['r', t('help.refresh')], ['t', t('help.theme')],
    ...navigation.map((one): [string, string] => [`g ${one.key}`, t(one.name)]),
    ['← → ↑ ↓', t('help.map')],
    ['← →', t('help.read')], ['+ -', t('help.zoom')], ['0', t('help.lastHour')],
  ];
  return (
    <Dialog title={t('help.title')} close={() => (helpOpen.value = false)}>
      <dl class="keys">
        {keys.map(([key, what]) => <div key={what}><dt>{key.split(' ').map((one) => <kbd key={one}>{one}</kbd>)}</dt><dd>{what}</dd></div>)}
      </dl>
      <p class="quiet">{t('help.charts')}</p>
    </Dialog>
  );
}

function Unreachable() {
  const since = unreachableSince.value;
  if (since === null) return null;
  return <p class="banner" role="alert"><Icon name="warn" /> {t('live.unreachable', { age: duration(clock.value - since) })}</p>;
}

function Expired() {
  if (!expired.value) return null;
  return (
    <p class="banner" role="alert">
      <Icon name="lock" /> {t('signIn.expired')} <button type="button" class="button" onClick={() => (asksForKey.value = true)}>{t('signIn.open')}</button>
    </p>
  );
}

function NoPage() {
  return <><PageHead title={t('state.noPage')} /><p><a href={href('/')}>{t('nav.overview')}</a></p></>;
}

function Inside({ page, named }: { page: Page; named: Record<string, string> }) {
  const Show = page.show();
  useEffect(() => {
    if (!Show) void page.ready();
  }, [page]);
  if (Show) return <Show named={named} />;
  if (!fileMissing.value) return <Skeleton lines={8} />;
  return <Nothing title={t('state.unreachable')}><button type="button" class="button" onClick={() => window.location.reload()}>{t('state.again')}</button></Nothing>;
}

export function Frame() {
  const where = path.value;
  const at = pageAt(where);
  const under = at?.page.under;
  useLayoutEffect(() => { // not after the first picture, when somebody may press already
    document.addEventListener('keydown', pressed);
    document.addEventListener('pointerdown', closeOtherMenus);
    return () => {
      document.removeEventListener('keydown', pressed);
      document.removeEventListener('pointerdown', closeOtherMenus);
    };
  }, []);
  const entry = navigation.find((one) => one.to === under);
  useEffect(() => {
    const last = where.split('/').filter(Boolean).slice(1).map(decodeURIComponent).join(' / ');
    document.title = `${last ? `${last} · ` : ''}${entry ? t(entry.name) : ''} · Tessera`;
  }, [where, language.value]);
  return (
    <div class="frame">
      <button type="button" class="skip" onClick={() => document.getElementById('main')?.focus()}>{t('frame.skip')}</button>
      <Navigation under={under} />
      <div class="body">
        <header class="top no-print">
          <button type="button" class="search-open" aria-label={t('search.title')} onClick={() => (searchOpen.value = true)}>
            <Icon name="search" /> <span>{t('search.title')}</span> <kbd>/</kbd>
          </button>
          <div class="tools">
            <RangePicker />
            <LiveMark />
            <View />
          </div>
        </header>
        <Unreachable />
        <Expired />
        <main id="main" tabIndex={-1}>
          {at ? <Inside key={where} {...at} /> : <NoPage />}
        </main>
      </div>
      {searchOpen.value && <Search />}
      {helpOpen.value && <Help />}
      {asksForKey.value && where !== kSignInPage && <SignIn />}
    </div>
  );
}
