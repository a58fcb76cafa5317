import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { Advice } from '../api/schema';
import { byKind, kinds, measuredAfter, measuredOf, promisedOf, snoozeOf, sumsOf } from './advised';

const said = (kind: Advice['kind'], savingPerMonth: string | null, more: object = {}): Advice => ({
  id: `${kind}-1`, kind, state: 'open', standing: true, reopened: false, firstSaid: '', lastSaid: '', savingPerMonth, costPerMonth: null, currency: 'USD', sentence: '', aim: '',
  subject: { name: 'chat' }, evidence: { from: '', to: '', observedShare: 1, numbers: [] }, reckoned: null, confidence: 1, confidenceWord: 'high', risk: '',
  change: { by: 'hand', text: '' }, undo: { by: 'hand', text: '' }, answer: null, ...more,
});
const accepted = (savingPerMonth: string | null, realised: string | null, more: object = {}) =>
  said('idle-held', savingPerMonth, { state: 'accepted', answer: { time: '2027-01-01T00:00:00Z', by: 'a', until: null, reason: null, savingPerMonth }, realised: { known: realised !== null, savingPerMonth: realised }, ...more });

describe('the sums of advice', () => {
  it('add what is said of workloads, and keep apart what may be the same money', () => {
    const all = [said('idle-held', '100.10'), said('share', '50.00'), said('schedule', null), said('hardware', '100.10'), said('reserve', '7.00'), said('hardware', null)];
    expect(sumsOf(all)).toEqual({ saving: 150.1, apart: 107.1, count: 6, unknown: 2 });
  });
  it('are not unknown where it costs something instead', () => {
    expect(sumsOf([said('quota-too-small', null, { costPerMonth: '1460.00' }), said('quota-too-small', null)])).toEqual({ saving: null, apart: null, count: 2, unknown: 1 });
  });
  it('are nothing known where nothing is, and not 0', () => {
    expect(sumsOf([said('idle-held', null)])).toEqual({ saving: null, apart: null, count: 1, unknown: 1 });
    expect(sumsOf([])).toEqual({ saving: null, apart: null, count: 0, unknown: 0 });
    expect(promisedOf([accepted(null, null)])).toBeNull();
  });
  it('of what was measured say of how many, and may be below 0', () => {
    expect(measuredOf([accepted('9', '8.50'), accepted('9', null), accepted('1', '7', { kind: 'reserve' })])).toEqual({ saving: 8.5, known: 1, waiting: 1 });
    expect(measuredOf([accepted('9', '-3')]).saving).toBe(-3);
    expect(measuredOf([]).saving).toBeNull();
    expect(promisedOf([accepted('9', '8.50'), accepted('1', null)])).toBe(10);
  });
});

describe('what was accepted', () => {
  it('is asked for when seven days behind its bucket are over, and never of a quota', () => {
    expect(measuredAfter(accepted('9', null)) - Date.parse('2027-01-08T00:00:00Z')).toBe(1_800_000);
    expect(measuredAfter(accepted('9', null, { kind: 'hardware', subject: { name: null, deviceId: 'a' } }))).toBeLessThan(Infinity);
    expect(measuredAfter(accepted(null, null, { kind: 'quota' }))).toBe(Infinity);
    expect(measuredAfter(accepted(null, null, { kind: 'quota-too-small' }))).toBe(Infinity);
    expect(measuredAfter(said('idle-held', '9'))).toBe(Infinity);
  });
});

it('groups by kind, the dearest kind first', () => {
  const all = [said('share', '60'), said('idle-held', '50'), said('idle-held', '20'), said('hardware', null)];
  expect(byKind(all).map(({ kind, items }) => [kind, items.map((one) => one.savingPerMonth)])).toEqual([['idle-held', ['50', '20']], ['share', ['60']], ['hardware', [null]]]);
});

it.each([['14', '14d'], ['366', '366d'], ['367', null], ['0', null], ['1.5', null], ['', null], ['-3', null]])('snoozes for %j days as %j', (days, length) => expect(snoozeOf(days)).toBe(length));

it('has all kinds that the API has, to pick from', () => {
  const { schemas } = parse(readFileSync(join(process.cwd(), '../docs/api/openapi.yaml'), 'utf8')).components;
  expect(kinds).toEqual(schemas.Advice.properties.kind.enum);
});
