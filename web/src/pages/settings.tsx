// The server itself: where its data comes from, who may ask, who changed what.
import { useState } from 'preact/hooks';
import { address, Failure, send } from '../api/client';
import { clock, refresh } from '../api/live';
import { useApi } from '../api/use';
import type { AuditRow, Key, KeyWish, MigProfile, Model, NewKey, Node, Scope, Sender, Status, WhoAmI } from '../api/schema';
import { Dialog } from '../frame/dialog';
import { query, setQuery } from '../frame/url';
import { t, word } from '../i18n';
import { ApiTable, Rows, RowsCsv, type Column } from '../ui/table';
import { Badge, Choice, Coverage, Facts, FailureNotice, nodeHref, Notice, PageHead, Panel, Shown, Sure } from '../ui/parts';
import { absent, bytes, count, duration, moment, percent, since } from '../ui/format';

type Tab = 'sources' | 'keys' | 'audit' | 'models' | 'profiles';

export function Settings() {
  const tab = (query.value.get('tab') ?? 'sources') as Tab;
  return (
    <>
      <PageHead title={t('nav.settings')} />
      <Choice label={t('settings.tabs')} value={tab} of={(['sources', 'keys', 'audit', 'models', 'profiles'] as const).map((one) => [one, t(`settings.${one}`)])} pick={(value) => setQuery({ tab: value === 'sources' ? null : value, sort: null }, false)} />
      {tab === 'keys' ? <Keys /> : tab === 'audit' ? <Audit /> : tab === 'models' ? <Models /> : tab === 'profiles' ? <Profiles /> : <Sources />}
    </>
  );
}

function Sources() {
  const told = useApi<Status>(address('/status'));
  const columns: Column<Node>[] = [
    { title: t('column.node'), sort: 'name', cell: (one) => <a class="breakable" href={nodeHref(one.name, one.cluster)}>{one.name}</a> },
    { title: t('column.cluster'), sort: 'cluster', cell: (one) => one.cluster },
    { title: t('column.presence'), cell: (one) => <Badge kind="presence" value={one.presence} plain={one.presence === 'present'} /> },
    { title: t('settings.lastSample'), cell: (one) => <span class="num">{moment(one.lastSeen)}</span> },
    { title: t('settings.lag'), sort: 'lastSeen', num: true, cell: (one) => duration(clock.value - Date.parse(one.lastSeen)) },
  ];
  return (
    <>
      <div class="columns">
        <Panel title={t('settings.ingest')}><Shown of={told}>{(data) => <Ingest of={data} />}</Shown></Panel>
        <Panel title={t('settings.server')}><Shown of={told}>{(data) => <Server of={data} />}</Shown></Panel>
      </div>
      <Shown of={told}>{(data) => data.ingest.senders.length > 0 && <Senders of={data.ingest.senders} />}</Shown>
      <Panel title={t('settings.nodes')} note={t('settings.nodesNote')}>
        <ApiTable<Node> path="/gpu/nodes" columns={columns} rowKey={(one) => `${one.cluster} ${one.name}`} caption={t('settings.nodes')} file="sources" />
      </Panel>
    </>
  );
}

function Ingest({ of }: { of: Status }) {
  return (
    <>
      <Facts of={[
        [t('settings.requests'), count(of.ingest.requests)], [t('settings.samples'), count(of.ingest.samples)], [t('settings.refused'), count(of.ingest.refused)],
        [t('settings.journal'), `${count(of.journal.records)} · ${bytes(of.journal.diskBytes)}`], [t('settings.dropped'), count(of.journal.droppedSamples)],
      ]} />
      {of.ingest.lastRefusal && <Notice icon="warn" kind="warn" title={t('settings.lastRefusal')}><span class="breakable">{of.ingest.lastRefusal}</span></Notice>}
    </>
  );
}

function Senders({ of }: { of: Sender[] }) {
  const columns: Column<Sender>[] = [
    { title: t('settings.agent'), cell: (one) => <span class="breakable">{one.agent ?? absent}</span> },
    { title: t('settings.address'), cell: (one) => <code>{one.address ?? absent}</code> },
    { title: t('settings.lastRequest'), num: true, cell: (one) => since(one.lastRequest, clock.value) },
    { title: t('settings.behind'), num: true, cell: (one) => one.newestSample === null ? absent : duration(Math.max(0, Date.parse(one.lastRequest) - Date.parse(one.newestSample))) },
    { title: t('settings.samples'), num: true, cell: (one) => count(one.samples) },
    { title: t('settings.leftOut'), num: true, rest: true, cell: (one) => count(one.leftOut) },
    { title: t('settings.refused'), num: true, cell: (one) => count(one.refused) },
    { title: t('settings.lastRefusal'), rest: true, cell: (one) => <span class="breakable">{one.lastRefusal ?? absent}</span> },
  ];
  return (
    <Panel title={t('settings.senders')} note={t('settings.sendersNote')} tools={<RowsCsv rows={of} file="senders" />}>
      <Rows rows={of} columns={columns} rowKey={(one) => `${one.agent} ${one.address}`} caption={t('settings.senders')} />
    </Panel>
  );
}

function Server({ of }: { of: Status }) {
  return (
    <>
      {of.database.failing && <Notice icon="warn" kind="bad" title={t('settings.databaseFails')} />}
      <Facts of={[
        [t('settings.version'), of.version], [t('settings.ready'), of.ready ? t('yes') : t('no')], [t('settings.profilesActive'), of.profiles.join(', ')],
        [t('settings.database'), of.database.kind], [t('settings.saved'), since(of.database.savedAt, clock.value)], [t('settings.unsaved'), count(of.database.unsaved)],
        [t('settings.promql'), of.metricsApi.configured ? <span class="breakable">{of.metricsApi.url} {of.metricsApi.works === false ? of.metricsApi.why : ''}</span> : t('settings.notSet')],
        [t('settings.followers'), count(of.events.clients)], [t('settings.asks'), of.access.asksForKeys ? t('yes') : t('no')],
      ]} />
    </>
  );
}

function Keys() {
  const [adding, add] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  const me = useApi<WhoAmI>(address('/access/whoami'));
  const columns: Column<Key>[] = [
    { title: t('key.name'), cell: (one) => <span class="breakable">{one.name}</span> },
    { title: 'Id', cell: (one) => <code>{one.id}</code> },
    { title: t('key.state'), cell: (one) => <Badge kind="key" value={one.state} plain={one.state === 'active'} /> },
    { title: t('key.scopes'), cell: (one) => one.scopes.join(', ') },
    { title: t('key.sees'), cell: (one) => <span class="breakable">{[...(one.namespaces ?? []), ...(one.teams ?? []).map((team) => `${t('column.team')} ${team}`)].join(', ') || t('key.all')}</span> },
    { title: t('key.created'), num: true, rest: true, cell: (one) => moment(one.created, false) },
    { title: t('key.expires'), num: true, cell: (one) => one.expires ? moment(one.expires, false) : t('key.never') },
    { title: t('key.used'), num: true, rest: true, cell: (one) => one.lastUsed ? since(one.lastUsed, clock.value) : absent },
    { title: t('key.change'), cell: (one) => one.state === 'active' ? <Sure name={t('key.revoke')} sure={t('key.revokeSure')} act={() => send('DELETE', address('/access/keys/{id}', {}, { id: one.id }))} fail={setFailure} /> : absent },
  ];
  return (
    <>
      {me.data?.openToEverybody && <Notice icon="lock" kind="warn" title={t('key.open')}>{t('key.openText')}</Notice>}
      <Panel title={t('settings.keys')} tools={<button type="button" class="button main" onClick={() => add(true)}>{t('key.make')}</button>}>
        {failure && <FailureNotice failure={failure} />}
        <ApiTable<Key> path="/access/keys" columns={columns} rowKey={(one) => one.id} caption={t('settings.keys')} file="keys" fixedOrder />
      </Panel>
      {adding && <MakeKey close={() => add(false)} />}
    </>
  );
}

const scopes: Scope[] = ['read', 'write', 'ingest', 'operate', 'admin', 'node'];

function MakeKey({ close }: { close: () => void }) {
  const [name, setName] = useState('');
  const [chosen, choose] = useState<Scope[]>(['read']);
  const [namespaces, setNamespaces] = useState('');
  const [expiresIn, setExpires] = useState('90d');
  const [made, setMade] = useState<NewKey | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const wish: KeyWish = { name: name.trim(), scopes: chosen };
    const spaces = namespaces.split(/[\s,]+/).filter(Boolean);
    if (spaces.length) wish.namespaces = spaces;
    if (expiresIn.trim()) wish.expiresIn = expiresIn.trim();
    try {
      setMade(await send<NewKey>('POST', address('/access/keys'), wish));
      refresh();
    } catch (error) {
      setFailure(error as Failure);
    }
  };
  return (
    <Dialog title={t('key.make')} close={close}>
      {made ? (
        <div class="form">
          <p>{t('key.once')}</p>
          <p><code class="secret breakable">{made.secret ?? absent}</code></p>
          <p class="actions"><button type="button" class="button main" onClick={close}>{t('frame.close')}</button></p>
        </div>
      ) : (
        <form class="form" onSubmit={submit}>
          <label class="field"><span>{t('key.name')}</span><input type="text" required maxLength={100} autoFocus value={name} onInput={(event) => setName(event.currentTarget.value)} /></label>
          <fieldset>
            <legend>{t('key.scopes')}</legend>
            {scopes.map((one) => (
              <label class="check" key={one}><input type="checkbox" checked={chosen.includes(one)} onChange={(event) => choose(event.currentTarget.checked ? [...chosen, one] : chosen.filter((other) => other !== one))} /> {one} <span class="quiet">{word('scope', one)}</span></label>
            ))}
          </fieldset>
          <label class="field"><span>{t('key.namespaces')}</span><input type="text" value={namespaces} onInput={(event) => setNamespaces(event.currentTarget.value)} /></label>
          <label class="field"><span>{t('key.expiresIn')}</span><input type="text" value={expiresIn} placeholder="90d" onInput={(event) => setExpires(event.currentTarget.value)} /></label>
          {failure && <FailureNotice failure={failure} />}
          <p class="actions"><button type="submit" class="button main" disabled={chosen.length === 0}>{t('key.make')}</button></p>
        </form>
      )}
    </Dialog>
  );
}

function Audit() {
  const columns: Column<AuditRow>[] = [
    { title: '#', num: true, cell: (one) => String(one.sequence) },
    { title: t('audit.time'), cell: (one) => <span class="num">{moment(one.time)}</span> },
    { title: t('audit.actor'), cell: (one) => <span class="breakable">{one.actor}</span> },
    { title: t('audit.action'), cell: (one) => one.action },
    { title: t('audit.object'), cell: (one) => <span class="breakable">{one.object}</span> },
    { title: t('audit.result'), cell: (one) => <span class="breakable">{one.result}</span> },
    { title: t('audit.peer'), rest: true, cell: (one) => one.peer },
    { title: t('audit.hash'), rest: true, cell: (one) => <code title={one.hash}>{one.hash.slice(0, 12)}…</code> },
  ];
  return <Panel title={t('settings.audit')} note={t('audit.note')}><ApiTable<AuditRow> path="/audit" columns={columns} rowKey={(one) => String(one.sequence)} caption={t('settings.audit')} file="audit" fixedOrder /></Panel>;
}

function Models() {
  const columns: Column<Model>[] = [
    { title: t('column.model'), cell: (one) => <span class="breakable">{one.key}</span> },
    { title: t('device.architecture'), cell: (one) => one.architecture ?? absent },
    { title: t('column.memory'), num: true, cell: (one) => bytes(one.memoryBytes) },
    { title: t('column.gpus'), num: true, cell: (one) => count(one.deviceCount) },
    { title: t('column.utilization'), num: true, cell: (one) => <>{percent(one.utilization)} {one.utilization !== null && <Coverage value={one.coverage} />}</> },
    { title: 'MIG', cell: (one) => one.migCapable === null ? absent : one.migCapable ? t('model.mig', { count: one.maxMigInstances ?? '–' }) : t('no') },
    { title: t('model.status'), cell: (one) => <>{word('model', one.status)}{!one.supported && <span class="quiet"> · {t('model.unsupported')}</span>}</> },
    { title: t('model.names'), rest: true, cell: (one) => <span class="breakable">{one.names.join(', ')}</span> },
  ];
  return <Panel title={t('settings.models')}><ApiTable<Model> path="/gpu/models" columns={columns} rowKey={(one) => one.key} caption={t('settings.models')} file="models" fixedOrder /></Panel>;
}

function Profiles() {
  const columns: Column<MigProfile>[] = [
    { title: t('column.profile'), cell: (one) => one.profile },
    { title: t('column.model'), cell: (one) => <span class="breakable">{one.modelKey}</span> },
    { title: t('column.slices'), num: true, cell: (one) => count(one.computeSlices) },
    { title: 'SM', num: true, cell: (one) => count(one.smCount) },
    { title: t('column.memory'), num: true, cell: (one) => bytes(one.memoryBytes) },
    { title: t('profile.places'), cell: (one) => <span class="num">{one.placements.map((place) => place.start).join(' ') || absent}</span> },
    { title: t('profile.most'), num: true, cell: (one) => count(one.maxInstances) },
    { title: t('column.instances'), num: true, cell: (one) => `${count(one.instancesInUse)} / ${count(one.instanceCount)}` },
    { title: t('device.driver'), rest: true, cell: (one) => one.driverVersions.join(', ') },
  ];
  return <Panel title={t('settings.profiles')}><ApiTable<MigProfile> path="/gpu/mig-profiles" columns={columns} rowKey={(one) => `${one.modelKey} ${one.profile} ${one.memoryBytes} ${one.driverVersions.join()}`} caption={t('settings.profiles')} file="mig-profiles" fixedOrder /></Panel>;
}

