// Alerts in words: what was observed in the unit of its name, and where its subject has a page.
import type { Alert, AlertMatcher, AlertRule } from '../api/schema';
import { t } from '../i18n';
import { celsius, duration, number, percent, ratio } from '../ui/format';
import { deviceHref, nodeHref, podHref } from '../ui/parts';

type Format = (value: number) => string;

/** By how the name of what is observed ends. */
const units: [RegExp, Format][] = [
  [/Celsius$/, (value) => celsius(value)],
  [/Percent$/, (value) => percent(value)],
  [/Ratio$/, (value) => ratio(value)],
  [/Seconds$/, (value) => duration(value * 1000)],
  [/Reached$/, (value) => number(value, 2)],
  [/Deviation$|Xids$|Waiting$|Requests$|Uncorrected$/, (value) => number(value, 1)],
];

/** What has no unit is a flag. */
export function observed(name: string | undefined, value: number): string {
  if (name === undefined) return number(value, 2);
  const unit = units.find(([end]) => end.test(name));
  return unit ? unit[1](value) : t(value > 0 ? 'yes' : 'no');
}

export function conditionOf(rule: AlertRule): string {
  const flag = !units.some(([end]) => end.test(rule.observes));
  return flag ? rule.observes : `${rule.observes} ${rule.beyond === 'above' ? '>' : '<'} ${observed(rule.observes, rule.threshold)}`;
}

/** Where resolved is not just the end of the condition. */
export function clearOf(rule: AlertRule): string | null {
  return rule.clear === rule.threshold ? null : `${rule.beyond === 'above' ? '≤' : '≥'} ${observed(rule.observes, rule.clear)}`;
}

/** The page of what an alert is about, and its name. */
export function subjectOf(labels: Alert['labels']): { name: string; to: string } | null {
  const { cluster, device_id: device, namespace, node, pod } = labels;
  if (pod && namespace) return { name: `${namespace}/${pod}`, to: podHref(namespace, pod, cluster) };
  if (device) return { name: device, to: deviceHref(device, node, cluster) };
  if (node) return { name: node, to: nodeHref(node, cluster) };
  return null;
}

export const matcherText = (one: AlertMatcher) => `${one.label} ${one.equal === false ? '≠' : '='} ${one.value}`;

/** What a silence of just this alert has to match. */
export function matchersOf(alert: Alert): AlertMatcher[] {
  return [{ label: 'alertname', value: alert.alert }, ...Object.entries(alert.labels).filter(([label]) => !['alertname', 'severity', 'model'].includes(label)).map(([label, value]) => ({ label, value }))];
}

/** What docs say of it is a link where the server's administrator has said where docs are. */
export const isLink = (runbook: string) => /^https?:\/\//.test(runbook);
