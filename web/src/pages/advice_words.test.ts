import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Advice } from '../api/schema';
import { bringWords, inWords, language } from '../i18n';
import { server } from '../i18n/ko/server';
import { sentenceOf, stepOf, valuesOf } from './advice_words';
import { kinds } from './advised';

type Numbers = Advice['evidence']['numbers'];
const subject = { namespace: 'ml', kind: 'Deployment', name: 'chat', model: 'L40S', deviceId: 'w1-GPU-00', pods: ['chat-0', 'embed-0'] };
const numbers: Numbers = [
  { name: 'quiet', value: 30, unit: 'hours' }, { name: 'held', value: 4, unit: 'devices' }, { name: 'used', value: 1, unit: 'devices' },
  { name: 'quietHoursOfDay', value: 9, unit: 'hours' }, { name: 'heldAtLeast', value: 3, unit: 'devices' }, { name: 'times', value: 5, unit: 'times' },
  { name: 'moves', value: 2, unit: 'moves' }, { name: 'frees', value: 1, unit: 'devices' },
  { name: 'refusedDays', value: 4, unit: 'days' },
];
const of = (kind: Advice['kind'], told: Numbers = numbers) => ({ kind, subject, aim: '1g.10gb', sentence: 'It says so.', evidence: { numbers: told } }) as unknown as Advice;

beforeAll(() => bringWords('ko'));
afterEach(() => { language.value = 'en'; });

describe('what advice says', () => {
  it('is the server’s own sentence in English', () => {
    expect(sentenceOf(of('idle-held'))).toBe('It says so.');
  });
  it.each([...kinds])('is Korean for %s, with its numbers in it', (kind) => {
    language.value = 'ko';
    expect(sentenceOf(of(kind))).toMatch(/[가-힣].*\.$/);
    expect(sentenceOf(of(kind))).not.toMatch(/[{}]|It says so/);
  });
  it('names whom and how much', () => {
    language.value = 'ko';
    expect(sentenceOf(of('drop-unused'))).toBe('Deployment ml/chat: 파드마다 4 개 GPU 점유하지만 1 개 GPU만 사용합니다.');
    expect(inWords('adviceAim.drop-unused', '1 GPUs a pod', valuesOf(of('drop-unused')))).toBe('파드마다 1 개 GPU');
  });
  it('stays as it is told where a number is not known, or the kind is not', () => {
    language.value = 'ko';
    expect(sentenceOf(of('idle-held', []))).toBe('It says so.');
    expect(sentenceOf(of('another' as Advice['kind']))).toBe('It says so.');
  });
});

describe('what is done by hand', () => {
  const step = { by: 'hand' as const, text: 'In the manifest of pod a in namespace ml: ask for 1 of nvidia.com/gpu; then make it anew.', word: 'ask-for', values: { who: 'pod a', namespace: 'ml', count: '1', resource: 'nvidia.com/gpu' } };
  it('is the server’s own sentence in English', () => {
    expect(stepOf(step)).toBe(step.text);
  });
  it('is Korean, with what stands in it', () => {
    language.value = 'ko';
    expect(stepOf(step)).toBe('네임스페이스 ml의 pod a 매니페스트에서 nvidia.com/gpu: 1 요청으로 바꾸고 다시 만드세요.');
  });
  it('stays as it is told where it is a command, or of an older server', () => {
    language.value = 'ko';
    expect(stepOf({ by: 'kubectl', text: 'kubectl cordon w1', word: null, values: {} })).toBe('kubectl cordon w1');
    expect(stepOf({ by: 'hand', text: 'Let it come again.' })).toBe('Let it come again.');
  });
  it('has Korean for each sentence that the server has', () => {
    const folder = join(process.cwd(), '../src/fleet/advice');
    const source = readdirSync(folder).filter((one) => /\.cc$/.test(one)).map((one) => readFileSync(join(folder, one), 'utf8')).join('\n');
    const words = [...source.matchAll(/Saying\{\s*"([a-z-]+)"/g)].map((one) => one[1]!);
    expect(words.length).toBeGreaterThan(15);
    for (const name of words) expect(server, name).toHaveProperty([`adviceStep.${name}`]);
    for (const name of ['selector', 'no-selector', 'as-it-stood', 'model-nodes']) expect(server, name).toHaveProperty([`adviceStep.${name}-replicas`]);
  });
});

describe('what the server says in English', () => {
  it('has Korean for each method that forecasts are made by', () => {
    const source = readFileSync(join(process.cwd(), '../src/fleet/forecast/methods.cc'), 'utf8');
    const names = [...source.matchAll(/^ +\{"([^"]+)", Needs::/gm)].map((one) => one[1]!);
    expect(names.length).toBeGreaterThan(10);
    for (const name of names) expect(server, name).toHaveProperty([`forecastMethod.${name}`]);
  });
  it('is asked for by nothing that is not there', () => {
    for (const [key, text] of Object.entries(server)) expect(text, key).toMatch(/[가-힣]/);
    expect(inWords('forecastReason.noHistory', 'nothing is known of it')).toBe('nothing is known of it');
  });
});
