#!/usr/bin/env node
// grafana_dashboards.mjs [ROOT]: writes the Grafana dashboards under ROOT/deploy: grafana/NAME.json to import, grafana/api/NAME.json
// as POST /api/dashboards/db takes it, and the chart's copy, since a chart reads no file outside of itself. What a panel shows
// stands in the tables below; where a panel stands follows from their order.
import { mkdirSync, writeFileSync } from 'node:fs';

const columns = 24;
const datasource = { type: 'prometheus', uid: '${datasource}' };

// ---- PromQL ----
// The same series may come twice, scraped and from a textfile, or from two exporters of a node: max by (what it is about)
// counts it once.

const by = (labels, selector) => `max by (${labels}) (${selector})`;
const on_node = (metric, more = '') => `${metric}{Hostname=~"$node"${more && `, ${more}`}}`;
const or_zero = (count, of) => `${count} or 0 * count(${of})`; // 0 where others are told of, nothing where nothing is

const session_count = by('Hostname, UUID, gpu, GPU_I_ID', on_node('gpu_session_count'));
const process_labels = 'Hostname, gpu, GPU_I_PROFILE, pid, command, namespace, pod, container';
const of_process = (metric, more) => by(process_labels, on_node(metric, more));

const instance = 'GPU_I_ID!="", pod=~"$pod"';
const instance_labels = 'Hostname, UUID, gpu, GPU_I_PROFILE, GPU_I_ID';
const of_instance = (metric) => by(`${instance_labels}, namespace, pod`, on_node(metric, instance));
const instances = by(instance_labels, on_node('DCGM_FI_DEV_FB_USED', instance));
const busy = by('UUID, GPU_I_ID', on_node('DCGM_FI_PROF_GR_ENGINE_ACTIVE', instance));
const slices = `sum by (UUID, GPU_I_ID) (${by('UUID, GPU_I_ID, GPU_CI_ID', on_node('gpu_instance_compute_slices'))})`;
const busy_slices = `sum(${busy} * on (UUID, GPU_I_ID) ${slices})`;
const in_mig = by('UUID', on_node('gpu_instance_compute_slices'));
const weighted = (over) =>
  `${by('Hostname, UUID, gpu', on_node('gpu_weighted_utilization_ratio', `over="${over}", weight="compute_slices"`))} and on (UUID) ${in_mig}`;

const per_device = 'Hostname, UUID, gpu, modelName';
const of_device = (metric) => by(per_device, on_node(metric));
const devices = of_device('DCGM_FI_DEV_GPU_TEMP');
// In MIG mode a board has no utilization of its own but the weighted one; dcgm-exporter has the other alone.
const utilization = (labels) =>
  `${by(labels, on_node('gpu_weighted_utilization_ratio', 'over="device", weight="compute_slices"'))} or on (UUID) ${by(labels, on_node('DCGM_FI_DEV_GPU_UTIL'))} / 100`;
const whole = (metric) => `sum by (Hostname, UUID) (${by('Hostname, UUID, GPU_I_ID', on_node(metric))})`;
const memory_share = (labels) =>
  `sum by (${labels}) (${whole('DCGM_FI_DEV_FB_USED')}) / (sum by (${labels}) (${whole('DCGM_FI_DEV_FB_USED')}) + sum by (${labels}) (${whole('DCGM_FI_DEV_FB_FREE')}))`;

// Money an hour, as each server of a fleet tells it: they tell the same.
const owned = by('team, project', 'gpu_hourly_cost{team=~"$team", project=~"$project"}');
const all_owned = `sum(${by('team, project', 'gpu_hourly_cost')})`;
const nobodys = by('kind', 'gpu_hourly_cost_of_nobody');
const all_costs = `(${all_owned} or vector(0)) + sum(${nobodys})`;
const over_range = (hourly) => `sum_over_time((${hourly})[$__range:1m]) / 60`;

// ---- the dashboards ----
// A panel is [type, title, width, height, unit, queries, more]; a query is [expression, legend]. A title alone begins a row.

const node_variable = ['node', 'Node', (known) => `label_values(${known}, Hostname)`];
const pod_variable = ['pod', 'Pod', () => 'label_values(DCGM_FI_DEV_FB_USED{GPU_I_ID!="", Hostname=~"$node"}, pod)'];

const team_variable = ['team', 'Team', (known) => `label_values(${known}, team)`];
const project_variable = ['project', 'Project', (known) => `label_values(${known}{team=~"$team"}, project)`];

const dashboards = [
  {
    name: 'sessions',
    title: 'GPU sessions',
    description: 'Who uses which GPU: processes, pods and what they hold. Of tessera-agent, scraped or by its textfile.',
    known: 'gpu_session_count',
    variables: [node_variable],
    panels: [
      ['stat', 'Busy GPUs', 4, 4, 'none', [[or_zero(`count(${session_count} > 0)`, session_count), '']],
        { about: 'GPUs with a process on them; in MIG mode each instance counts as one.' }],
      ['stat', 'GPUs', 4, 4, 'none', [[`count(${session_count})`, '']], { about: 'In MIG mode each instance counts as one.' }],
      ['stat', 'Busy share', 4, 4, 'percentunit', [[`count(${session_count} > 0) / count(${session_count}) or 0 * count(${session_count})`, '']]],
      ['stat', 'Sessions', 4, 4, 'none', [[`sum(${session_count})`, '']]],
      ['stat', 'Held and not used', 4, 4, 'none',
        [[or_zero(`count(${by('UUID, GPU_I_ID, namespace, pod, container', on_node('gpu_allocation_used'))} == 0)`, session_count), '']],
        { about: 'GPUs and instances that a container holds by the kubelet\'s word, and no process of its pod runs on.' }],
      ['stat', 'Sessions known', 4, 4, 'percentunit', [[`min(${on_node('gpu_sessions_coverage_ratio')})`, '']],
        { about: 'On the node where least is known. Below 100 % the numbers beside it are too small.' }],
      ['bargauge', 'Sessions per GPU', 8, 12, 'none', [[session_count, '{{Hostname}} {{gpu}}']]],
      ['table', 'Processes', 16, 12, 'none',
        [[of_process('gpu_process_info', 'status="active"'), ''], [of_process('gpu_process_memory_used_bytes'), 'Memory'],
          [of_process('gpu_process_utilization'), 'SM'], [`time() - ${of_process('gpu_process_start_time_seconds')}`, 'Age']],
        { units: { Memory: 'bytes', SM: 'percent', Age: 's' }, about: 'SM: share of time in which kernels of the process ran; NVML tells none in MIG mode.' }],
      ['timeseries', 'Sessions over time', 12, 8, 'none', [[`sum by (Hostname) (${session_count})`, '{{Hostname}}']], { stacked: true }],
      ['timeseries', 'Sessions over time, by namespace', 12, 8, 'none',
        [[`count by (namespace) (${of_process('gpu_process_info', 'status="active"')})`, '{{namespace}}']],
        { stacked: true, about: 'Processes outside of Kubernetes have no namespace.' }],
      ['timeseries', 'Memory over time, by pod', 12, 8, 'bytes',
        [[`sum by (namespace, pod) (${of_process('gpu_process_memory_used_bytes')})`, '{{namespace}}/{{pod}}']], { stacked: true }],
      ['timeseries', 'Sessions begun', 12, 8, 'none',
        [[`sum by (Hostname) (${by('Hostname, UUID, gpu, GPU_I_ID', `increase(${on_node('gpu_sessions_started_total')}[$__rate_interval])`)})`, '{{Hostname}}']]],
    ],
  },
  {
    name: 'mig',
    title: 'GPU instances (MIG)',
    description: 'How boards are cut, who has the instances and how busy they are. Of tessera-agent or dcgm-exporter.',
    known: 'DCGM_FI_DEV_FB_USED{GPU_I_ID!=""}',
    variables: [node_variable, pod_variable],
    panels: [
      ['stat', 'Boards in MIG mode', 4, 4, 'none', [[`count(count by (UUID) (${instances}))`, '']]],
      ['stat', 'Instances', 4, 4, 'none', [[`count(${instances})`, '']]],
      ['stat', 'Instances held', 4, 4, 'none',
        [[or_zero(`count(${by(instance_labels, on_node('DCGM_FI_DEV_FB_USED', `${instance}, pod!=""`))})`, instances), '']]],
      ['bargauge', 'Instances by profile', 12, 4, 'none', [[`count by (GPU_I_PROFILE) (${instances})`, '{{GPU_I_PROFILE}}']]],
      ['table', 'Current layout', 24, 9, 'none',
        [[of_instance('DCGM_FI_DEV_FB_USED'), 'Memory used'], [of_instance('DCGM_FI_DEV_FB_FREE'), 'Memory free'],
          [of_instance('DCGM_FI_PROF_GR_ENGINE_ACTIVE'), 'Busy']],
        { units: { 'Memory used': 'mbytes', 'Memory free': 'mbytes', Busy: 'percentunit' } }],
      ['timeseries', 'Busy, per instance', 12, 9, 'percentunit',
        [[of_instance('DCGM_FI_PROF_GR_ENGINE_ACTIVE'), '{{Hostname}} {{gpu}} {{GPU_I_PROFILE}} #{{GPU_I_ID}} {{pod}}']], { max: 1 }],
      ['timeseries', 'Memory used, per instance', 12, 9, 'percentunit',
        [[`${by(instance_labels, on_node('DCGM_FI_DEV_FB_USED', instance))} / (${by(instance_labels, on_node('DCGM_FI_DEV_FB_USED', instance))} + ${by(instance_labels, on_node('DCGM_FI_DEV_FB_FREE', instance))})`,
          '{{Hostname}} {{gpu}} {{GPU_I_PROFILE}} #{{GPU_I_ID}}']], { max: 1 }],
      ['timeseries', 'Layout changes over time', 12, 9, 'none',
        [[`count by (Hostname, gpu, GPU_I_PROFILE) (${instances})`, '{{Hostname}} {{gpu}} {{GPU_I_PROFILE}}']],
        { stacked: true, steps: true, about: 'Instances of each profile; a step is a change.' }],
      ['state-timeline', 'Instances over time', 12, 9, 'none',
        [[`${instances} >= bool 0`, '{{Hostname}} {{gpu}} {{GPU_I_PROFILE}} #{{GPU_I_ID}}']], { about: 'A bar for as long as the instance is there.' }],
      'Weighted by size: with tessera-agent, or with dcgm-exporter by way of tessera-relay',
      ['gauge', 'Busy, weighted, over the instances', 8, 8, 'percentunit', [[`${busy_slices} / sum(${slices} and on (UUID, GPU_I_ID) ${busy})`, '']],
        { max: 1, about: 'Of the instances chosen above: each counts by its compute slices.' }],
      ['gauge', 'Busy, weighted, over each whole board', 16, 8, 'percentunit', [[weighted('device'), '{{Hostname}} {{gpu}}']],
        { max: 1, about: 'What is not cut into an instance counts as idle.' }],
      ['timeseries', 'Simple against weighted', 12, 9, 'percentunit',
        [[`avg(${busy})`, 'simple mean of the instances'], [`${busy_slices} / sum(${slices} and on (UUID, GPU_I_ID) ${busy})`, 'weighted by compute slices'],
          [`${busy_slices} / sum(${by('UUID', on_node('gpu_device_compute_slices'))} and on (UUID) ${busy})`, 'weighted, over the whole boards']],
        { max: 1, about: 'The simple mean takes a small instance for as much as a large one: read the weighted one.' }],
      ['timeseries', 'Weighted, per board', 12, 9, 'percentunit', [[weighted('allocated'), '{{Hostname}} {{gpu}}']], { max: 1 }],
      'With tessera-agent alone',
      ['table', 'Placements', 24, 9, 'none', [[by('Hostname, gpu, GPU_I_PROFILE, GPU_I_ID, GPU_CI_ID, start, size, mig_uuid', on_node('gpu_instance_info')), '']],
        { about: 'start and size are memory slices; the driver tells them to root alone.' }],
    ],
  },
  {
    name: 'fleet',
    title: 'GPU fleet',
    description: 'Nodes, boards, how busy, how warm, what they draw, what is wrong. Of tessera-agent or dcgm-exporter.',
    known: 'DCGM_FI_DEV_GPU_TEMP',
    variables: [node_variable],
    panels: [
      ['stat', 'Nodes', 4, 4, 'none', [[`count(count by (Hostname) (${devices}))`, '']]],
      ['stat', 'GPUs', 4, 4, 'none', [[`count(count by (UUID) (${devices}))`, '']]],
      ['stat', 'Busy, mean of the GPUs', 4, 4, 'percentunit', [[`avg(${utilization('UUID')})`, '']],
        { about: 'In MIG mode a board counts with its instances, weighted by size over the whole board.' }],
      ['stat', 'Memory used', 4, 4, 'percentunit',
        [[`sum(${whole('DCGM_FI_DEV_FB_USED')}) / (sum(${whole('DCGM_FI_DEV_FB_USED')}) + sum(${whole('DCGM_FI_DEV_FB_FREE')}))`, '']]],
      ['stat', 'Power', 4, 4, 'watt', [[`sum(${by('UUID', on_node('DCGM_FI_DEV_POWER_USAGE'))})`, '']]],
      ['stat', 'Warmest', 4, 4, 'celsius', [[`max(${devices})`, '']]],
      ['bargauge', 'GPUs by model', 8, 8, 'none', [[`count by (modelName) (count by (UUID, modelName) (${devices}))`, '{{modelName}}']]],
      ['bargauge', 'GPUs and instances held, by namespace', 8, 8, 'none',
        [[`count by (namespace) (${by('UUID, GPU_I_ID, namespace, pod', on_node('DCGM_FI_DEV_FB_USED', 'pod!=""'))})`, '{{namespace}}']]],
      ['bargauge', 'Last XID', 8, 8, 'none', [[by('Hostname, gpu', on_node('DCGM_FI_DEV_XID_ERRORS')), '{{Hostname}} {{gpu}}']],
        { about: 'The code of the last XID event, 0 before any: a code and no count.' }],
      ['timeseries', 'Busy, by node', 12, 8, 'percentunit', [[`avg by (Hostname) (${utilization('Hostname, UUID')})`, '{{Hostname}}']], { max: 1 }],
      ['timeseries', 'Memory used, by node', 12, 8, 'percentunit', [[memory_share('Hostname'), '{{Hostname}}']], { max: 1 }],
      ['timeseries', 'Power, by node', 12, 8, 'watt', [[`sum by (Hostname) (${by('Hostname, UUID', on_node('DCGM_FI_DEV_POWER_USAGE'))})`, '{{Hostname}}']], { stacked: true }],
      ['timeseries', 'Temperature, warmest of each node', 12, 8, 'celsius', [[`max by (Hostname) (${devices})`, '{{Hostname}}']]],
      ['table', 'GPUs', 24, 10, 'none',
        [[devices, 'Temperature'], [of_device('DCGM_FI_DEV_POWER_USAGE'), 'Power'], [of_device('DCGM_FI_DEV_SM_CLOCK'), 'SM clock']],
        { units: { Temperature: 'celsius', Power: 'watt', 'SM clock': 'rotmhz' } }],
      'With tessera-agent alone',
      ['stat', 'GPUs that do not answer', 6, 4, 'none',
        [[or_zero(`count(${by('UUID', on_node('tessera_agent_device_up'))} == 0)`, on_node('tessera_agent_device_up')), '']]],
      ['stat', 'Nodes without a driver', 6, 4, 'none',
        [[or_zero(`count(${by('Hostname', on_node('tessera_agent_driver_up'))} == 0)`, on_node('tessera_agent_driver_up')), '']]],
      ['stat', 'Blind nodes', 6, 4, 'none',
        [[or_zero(`count(max by (Hostname) (${on_node('tessera_agent_blind')}) == 1)`, on_node('tessera_agent_blind')), '']],
        { about: 'Nodes where something keeps processes from being attributed: tessera_agent_blind says what.' }],
      ['stat', 'Oldest collection', 6, 4, 's', [[`time() - min(${by('Hostname', on_node('tessera_agent_last_collection_timestamp_seconds'))})`, '']]],
    ],
  },
  {
    name: 'cost',
    title: 'GPU cost',
    description: 'What GPUs cost an hour, and whom, in the currency of the server\'s settings. Of tessera-server\'s /metrics; bills come from its ledger (tessera cost).',
    known: 'gpu_hourly_cost',
    variables: [team_variable, project_variable],
    panels: [
      ['stat', 'An hour, all GPUs', 4, 4, 'none', [[all_costs, '']], { decimals: 2 }],
      ['stat', 'A month of this', 4, 4, 'none', [[`(${all_costs}) * 730`, '']], { decimals: 0, about: '730 hours as the last one.' }],
      ['stat', 'An hour, teams chosen', 4, 4, 'none', [[`sum(${owned})`, '']], { decimals: 2 }],
      ['stat', 'An hour, nobody has it', 4, 4, 'none', [[`sum(${by('kind', 'gpu_hourly_cost_of_nobody{kind="unallocated"}')})`, '']], { decimals: 2 }],
      ['stat', 'Share that somebody has', 4, 4, 'percentunit', [[`(${all_owned} or vector(0)) / (${all_costs})`, '']]],
      ['stat', 'Ledger behind by', 4, 4, 's', [['time() - max(tessera_server_cost_closed_until_timestamp_seconds)', '']],
        { about: 'A quarter of an hour is closed ten minutes after it has ended, so up to 25 minutes are as it should be.' }],
      ['bargauge', 'An hour, by team', 12, 9, 'none', [[`sum by (team) (${owned})`, '{{team}}']], { decimals: 2, about: 'Without a name: nobody says whose it is.' }],
      ['bargauge', 'An hour, by project', 12, 9, 'none', [[`sum by (project) (${owned})`, '{{project}}']], { decimals: 2 }],
      ['timeseries', 'An hour over time, by team', 12, 9, 'none', [[`sum by (team) (${owned})`, '{{team}}']], { stacked: true }],
      ['timeseries', 'An hour over time, nobody\'s', 12, 9, 'none', [[nobodys, '{{kind}}']],
        { stacked: true, about: 'unallocated: nobody had it. unobserved: nobody knows. overhead: pods of the platform itself.' }],
      ['table', 'Teams and projects', 12, 9, 'none', [[owned, 'An hour'], [over_range(owned), 'In the time shown']],
        { units: { 'An hour': 'none', 'In the time shown': 'none' }, about: 'In the time shown: of the hourly amounts, each minute. It is no bill.' }],
      ['timeseries', 'Share that somebody has', 12, 9, 'percentunit', [[`(${all_owned} or vector(0)) / (${all_costs})`, 'of all GPUs']], { max: 1 }],
    ],
  },
];

// ---- as Grafana reads them ----

const letters = 'ABCDEFGH';
const column_names = {
  Hostname: 'Node', gpu: 'GPU', GPU_I_PROFILE: 'Profile', GPU_I_ID: 'Instance', GPU_CI_ID: 'Compute instance', pid: 'PID', command: 'Command',
  team: 'Team', project: 'Project', namespace: 'Namespace', pod: 'Pod', container: 'Container', modelName: 'Model', mig_uuid: 'MIG UUID', start: 'Start', size: 'Size',
};

const options = {
  stat: { reduceOptions: { calcs: ['lastNotNull'] }, colorMode: 'none', graphMode: 'none' },
  gauge: { reduceOptions: { calcs: ['lastNotNull'] }, showThresholdMarkers: false },
  bargauge: { reduceOptions: { calcs: ['lastNotNull'] }, orientation: 'horizontal', displayMode: 'gradient' },
  timeseries: { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi', sort: 'desc' } },
  'state-timeline': { mergeValues: true, showValue: 'never', legend: { showLegend: false } },
  table: { showHeader: true },
};

function field_config(type, unit, { max, stacked, steps, decimals }) {
  const defaults = { unit, min: 0 };
  if (decimals !== undefined) defaults.decimals = decimals;
  if (max !== undefined) defaults.max = max;
  if (type === 'timeseries') {
    defaults.custom = { fillOpacity: stacked ? 20 : 0, stacking: { mode: stacked ? 'normal' : 'none' }, showPoints: 'never' };
    if (steps) defaults.custom.lineInterpolation = 'stepAfter';
  }
  return { defaults, overrides: [] };
}

/** One row of the table for each set of labels, a column for each query that has a name. */
function as_table(panel, queries, units) {
  const values = queries.map(([, name], at) => [`Value #${letters[at]}`, name]);
  panel.fieldConfig.overrides = Object.entries(units ?? {}).map(([name, unit]) => ({
    matcher: { id: 'byName', options: name }, properties: [{ id: 'unit', value: unit }],
  }));
  // Of one query the column is called Value.
  const renamed = Object.fromEntries(values.filter(([, name]) => name));
  const hidden = Object.fromEntries(['Time', 'UUID', 'Value', ...values.filter(([, name]) => !name).map(([column]) => column)].map((column) => [column, true]));
  panel.transformations = [
    { id: 'merge', options: {} },
    { id: 'organize', options: { excludeByName: hidden, renameByName: { ...column_names, ...renamed } } },
  ];
}

function panel_of([type, title, w, h, unit, queries, more = {}], id, x, y) {
  const instant = type !== 'timeseries' && type !== 'state-timeline';
  const targets = queries.map(([expr, legendFormat], at) => ({
    refId: letters[at], datasource, expr, instant, range: !instant, legendFormat, ...(type === 'table' && { format: 'table' }),
  }));
  const panel = {
    id, type, title, ...(more.about && { description: more.about }), datasource, gridPos: { x, y, w, h },
    fieldConfig: field_config(type, unit, more), options: options[type], targets,
  };
  if (type === 'table') as_table(panel, queries, more.units);
  return panel;
}

/** From left to right, and below where a line is full. */
function placed(panels) {
  let x = 0, y = 0, line = 0;
  const end_line = () => { y += line; x = 0; line = 0; };
  return panels.map((panel, at) => {
    const [w, h] = typeof panel === 'string' ? [columns, 1] : panel.slice(2, 4);
    if (x + w > columns) end_line();
    const out = typeof panel === 'string'
      ? { id: at + 1, type: 'row', title: panel, collapsed: false, gridPos: { x: 0, y, w, h }, panels: [] }
      : panel_of(panel, at + 1, x, y);
    x += w;
    line = Math.max(line, h);
    return out;
  });
}

const source_variable = { name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus', refresh: 1 };

function variable_of([name, label, query], known) {
  const text = query(known);
  return {
    name, label, type: 'query', datasource, query: { query: text, refId: name }, definition: text, refresh: 2, sort: 1, multi: true, includeAll: true, allValue: '.*',
    current: { text: 'All', value: '$__all' },
  };
}

function dashboard_of({ name, title, description, known, variables, panels }) {
  return {
    uid: `tessera-${name}`, title, description, tags: ['tessera', 'gpu'], schemaVersion: 39, editable: true, refresh: '30s', time: { from: 'now-6h', to: 'now' },
    links: [{ type: 'dashboards', title: 'GPU', tags: ['tessera'], asDropdown: false, keepTime: true, includeVars: true }],
    templating: { list: [source_variable, ...variables.map((one) => variable_of(one, known))] },
    panels: placed(panels),
  };
}

const [root = new URL('..', import.meta.url).pathname] = process.argv.slice(2);
const write = (folder, name, text) => {
  mkdirSync(`${root}/deploy/${folder}`, { recursive: true });
  writeFileSync(`${root}/deploy/${folder}/${name}.json`, `${text}\n`);
};
for (const one of dashboards) {
  const dashboard = dashboard_of(one);
  write('grafana', one.name, JSON.stringify(dashboard, null, 1));
  write('grafana/api', one.name, JSON.stringify({ dashboard, overwrite: true, message: 'tessera' }));
  write('helm/tessera/dashboards', one.name, JSON.stringify(dashboard));
}
