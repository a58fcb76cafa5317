// Search over nodes, devices, pods, namespaces and owners: `/` opens it, arrows choose, Enter goes there.
import { useEffect, useState } from 'preact/hooks';
import { address, get } from '../api/client';
import type { DeviceList, NodeList, PodList, UtilizationReport } from '../api/schema';
import { t, word, type Word } from '../i18n';
import { Dialog } from './dialog';
import { searchOpen } from './keys';
import { go, href } from './url';
import { deviceHref, nodeHref, podHref } from '../ui/parts';

export interface Found {
  kind: 'node' | 'device' | 'pod' | 'namespace' | 'team';
  name: string;
  note: string;
  to: string;
}

const kMost = 6;

export async function find(text: string, stop?: AbortSignal): Promise<Found[]> {
  const search = { search: text, limit: kMost };
  const groups = (groupBy: string) => get<UtilizationReport>(address('/gpu/utilization', { groupBy, limit: 1000 }), stop);
  const [nodes, devices, pods, namespaces, teams] = await Promise.all([
    get<NodeList>(address('/gpu/nodes', search), stop), get<DeviceList>(address('/gpu/devices', search), stop),
    get<PodList>(address('/gpu/pods', search), stop), groups('namespace'), groups('team'),
  ]);
  const named = (report: UtilizationReport, kind: 'namespace' | 'team'): Found[] =>
    report.items.filter((one) => one.key.toLowerCase().includes(text.toLowerCase())).slice(0, kMost).map((one) => ({
      kind, name: one.key, note: '', to: href(`/pods?${kind}=${encodeURIComponent(one.key)}`),
    }));
  const all = [
    ...nodes.items.map((one): Found => ({ kind: 'node', name: one.name, note: one.cluster, to: nodeHref(one.name, one.cluster) })),
    ...devices.items.map((one): Found => ({ kind: 'device', name: one.id, note: `${one.modelKey} · ${word('use', one.use)}`, to: deviceHref(one.id, one.node, one.cluster) })),
    ...pods.items.map((one): Found => ({ kind: 'pod', name: `${one.namespace ?? '–'}/${one.name ?? one.uid ?? '–'}`, note: one.node ?? '', to: podHref(one.namespace, one.name ?? one.uid, one.cluster) })),
    ...named(namespaces, 'namespace'),
    ...named(teams, 'team'),
  ];
  // A GPU is found by the pod on it, too: what bears the name itself stands first.
  const bears = (one: Found) => (one.name.toLowerCase().includes(text.toLowerCase()) ? 0 : 1);
  return all.sort((a, b) => bears(a) - bears(b));
}

export function Search() {
  const [text, setText] = useState('');
  const [found, setFound] = useState<Found[] | null>(null);
  const [failed, setFailed] = useState(false);
  const [at, setAt] = useState(0);
  useEffect(() => {
    const wanted = text.trim();
    if (!wanted) return setFound(null);
    const stop = new AbortController();
    const wait = setTimeout(() => {
      find(wanted, stop.signal).then(
        (all) => { setFound(all); setFailed(false); setAt(0); },
        (error: Error) => error.name !== 'AbortError' && setFailed(true));
    }, 120);
    return () => { clearTimeout(wait); stop.abort(); };
  }, [text]);
  const close = () => (searchOpen.value = false);
  const open = (one: Found | undefined) => {
    if (!one) return;
    close();
    go(one.to);
  };
  const keys = (event: KeyboardEvent) => {
    const count = found?.length ?? 0;
    if (event.key === 'ArrowDown' && count) setAt((at + 1) % count);
    else if (event.key === 'ArrowUp' && count) setAt((at + count - 1) % count);
    else if (event.key === 'Enter') open(found?.[at]);
    else return;
    event.preventDefault();
  };
  return (
    <Dialog title={t('search.title')} close={close} class="search" bare>
      <input class="search-field" type="text" role="combobox" aria-expanded={!!found?.length} aria-controls="search-found" aria-autocomplete="list"
        aria-activedescendant={found?.length ? `found-${at}` : undefined} aria-label={t('search.title')} placeholder={t('search.hint')}
        autoFocus autocomplete="off" spellcheck={false} value={text} onInput={(event) => setText(event.currentTarget.value)} onKeyDown={keys} />
      <ul id="search-found" role="listbox" aria-label={t('search.found')} class="search-found">
        {(found ?? []).map((one, i) => (
          <li key={one.kind + one.to} id={`found-${i}`} role="option" aria-selected={i === at} onClick={() => open(one)} onMouseMove={() => i !== at && setAt(i)}>
            <span class="kind">{t(`kind.${one.kind}` as Word)}</span>
            <span class="breakable">{one.name}</span>
            <span class="quiet">{one.note}</span>
          </li>
        ))}
      </ul>
      <p class="quiet search-note" role="status">{failed ? t('state.unreachable') : found && found.length === 0 ? t('search.nothing') : found ? '' : t('search.over')}</p>
    </Dialog>
  );
}
