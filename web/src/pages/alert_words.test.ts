import { beforeEach, describe, expect, it } from 'vitest';
import type { Alert, AlertRule } from '../api/schema';
import { language } from '../i18n';
import { clearOf, conditionOf, isLink, matchersOf, matcherText, observed, subjectOf } from './alert_words';

beforeEach(() => void (language.value = 'en'));
const rule = (observes: string, threshold: number, clear: number, beyond: 'above' | 'below' = 'above') => ({ observes, threshold, clear, beyond }) as AlertRule;

describe('alerts in words', () => {
  it.each([
    ['temperatureCelsius', 87.4, '87 °C'], ['utilizationPercent', 97.2, '97 %'], ['busyShareRatio', 0.83, '83 %'], ['sessionAgeSeconds', 7200, '2 h'],
    ['neighbourPowerDeviation', -6.25, '-6.3'], ['deviceXids', 2, '2'], ['heldIdle', 1, 'yes'], [undefined, 3.14159, '3.14'],
  ])('has %s of %f as %s', (name, value, text) => expect(observed(name, value)).toBe(text));
  it('tells by what a rule fires, and at what it is resolved where that is not the same', () => {
    const hot = rule('temperatureCelsius', 85, 80);
    expect([conditionOf(hot), clearOf(hot)]).toEqual(['temperatureCelsius > 85 °C', '≤ 80 °C']);
    const near = rule('slowdownMarginCelsius', 5, 8, 'below');
    expect([conditionOf(near), clearOf(near)]).toEqual(['slowdownMarginCelsius < 5 °C', '≥ 8 °C']);
    const silent = rule('nodeSilent', 0, 0);
    expect([conditionOf(silent), clearOf(silent)]).toEqual(['nodeSilent', null]);
  });
  it('leads to the pod, else the GPU, else the node', () => {
    const device = { cluster: 'east', node: 'w-1', device_id: 'w-1-GPU-00' };
    expect(subjectOf({ ...device, namespace: 'ml', pod: 'a' })).toMatchObject({ name: 'ml/a' });
    expect(subjectOf(device)).toEqual({ name: 'w-1-GPU-00', to: '/k8s-monitor/inventory/w-1/w-1-GPU-00?cluster=east' });
    expect(subjectOf({ cluster: 'east', node: 'w-1' })).toMatchObject({ name: 'w-1' });
    expect(subjectOf({ cluster: 'east' })).toBeNull();
  });
  it('silences just the alert that is shown', () => {
    const alert = { alert: 'GPUOverheating', labels: { alertname: 'GPUOverheating', severity: 'critical', cluster: 'c', gpu: '0' } } as unknown as Alert;
    expect(matchersOf(alert).map(matcherText)).toEqual(['alertname = GPUOverheating', 'cluster = c', 'gpu = 0']);
    expect(matcherText({ label: 'node', value: 'a', equal: false })).toBe('node ≠ a');
  });
  it('makes a link of a whole address alone', () => {
    expect([isLink('https://docs.example/alerts.md#x'), isLink('alerts.md#x'), isLink('javascript:alert(1)')]).toEqual([true, false, false]);
  });
});
