// Filters of a page stand in the address; each changes one parameter.
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { query, setQuery } from '../frame/url';
import { t } from '../i18n';
import { Icon } from './icons';
import { Select } from './parts';

export function Filters({ children, keys, label = t('filter.title') }: { children: ComponentChildren; keys: string[]; label?: string }) {
  const set = keys.filter((key) => query.value.get(key));
  return (
    <div class="filters no-print" role="search" aria-label={label}>
      {children}
      {set.length > 0 && <button type="button" class="button small" onClick={() => setQuery(Object.fromEntries(set.map((key) => [key, null])))}><Icon name="close" /> {t('filter.clear')}</button>}
    </div>
  );
}

export function TextFilter({ name, label }: { name: string; label: string }) {
  const now = query.value.get(name) ?? '';
  const [text, setText] = useState(now);
  useEffect(() => setText(now), [now]);
  useEffect(() => {
    if (text === now) return;
    const wait = setTimeout(() => setQuery({ [name]: text }), 250);
    return () => clearTimeout(wait);
  }, [text]);
  return (
    <label class="select">
      <span>{label}</span>
      <input type="search" value={text} spellcheck={false} autocomplete="off" onInput={(event) => setText(event.currentTarget.value)} />
    </label>
  );
}

/** `none`: what it is where nothing is picked. */
export function PickFilter({ name, label, of, none = t('filter.all') }: { name: string; label: string; of: [string, string][]; none?: string }) {
  const now = query.value.get(name) ?? '';
  const known = of.some(([value]) => value === now) || now === '';
  return <Select label={label} value={now} of={[['', none], ...of, ...(known ? [] : [[now, now.replaceAll(',', ', ')] as [string, string]])]} pick={(value) => setQuery({ [name]: value })} />;
}

export function asked(...names: string[]): Record<string, string | null> {
  return Object.fromEntries(names.map((name) => [name, query.value.get(name)]));
}
