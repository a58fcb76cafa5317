import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { en } from './en';
import { ko } from './ko';
import { language, t, word, type Word } from './index';

const root = join(process.cwd(), 'src');
const sources = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((one) => /\.tsx?$/.test(one) && !one.includes('.test.') && !one.startsWith('i18n'))
  .map((one) => ({ name: one, text: readFileSync(join(root, one), 'utf8') }));
const blanks = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(String).sort();

describe('messages', () => {
  it('has each in every language, with the same blanks', () => {
    expect(Object.keys(ko).sort()).toEqual(Object.keys(en).sort());
    for (const key of Object.keys(en) as Word[]) {
      expect(ko[key], key).not.toBe('');
      expect(blanks(ko[key]), key).toEqual(blanks(en[key]));
    }
  });
  it('is Korean where it is not a name', () => {
    const names = new Set(['CSV', 'GPU', 'MIG', 'PID']);
    for (const [key, text] of Object.entries(ko)) if (!names.has(text)) expect(text, key).toMatch(/[가-힣]/);
  });
  it('has no message that nothing shows', () => {
    const all = sources.map((one) => one.text).join('\n');
    const families = [...all.matchAll(/word\('(\w+)'/g), ...all.matchAll(/Badge kind="(\w+)"/g), ...all.matchAll(/t\(`(\w+)\.\$/g)].map((one) => one[1]);
    for (const key of Object.keys(en)) expect(all.includes(`'${key}'`) || families.includes(key.split('.')[0]), key).toBe(true);
  });
  it('puts no words of its own into pages', () => {
    // Text between tags that is neither a message nor a name.
    const bare = /<(?:p|h1|h2|h3|span|button|th|dt|label|summary|a|b)(?: [^<>{}]*)?>\s*[A-Z]?[a-z]+ [a-z ]+</g;
    for (const { name, text } of sources) expect(text.match(bare) ?? [], name).toEqual([]);
  });
  it('fills blanks in, and leaves what it does not know', () => {
    language.value = 'en';
    expect(t('live.stale', { age: 40 })).toBe('Stale 40 s');
    expect(t('overview.nodes', { nodes: 1, instances: '2' })).toBe('1 node, 2 instances');
    expect(word('health', 'unhealthy')).toBe('unhealthy');
    expect(word('health', 'on_fire')).toBe('on fire');
    expect(word('health', null)).toBe('–');
  });
});

describe('values of the API', () => {
  const schemas = parse(readFileSync(join(process.cwd(), '../docs/api/openapi.yaml'), 'utf8')).components.schemas;
  const kinds = { health: 'Health', presence: 'Presence', use: 'Use', severity: 'Severity', attribution: 'Attribution', event: 'EventType', weight: 'Weight', scope: 'Scope', allocation: 'AllocationState' };
  it.each(Object.entries(kinds))('has a word for every %s', (kind, schema) => {
    for (const value of schemas[schema].enum) if (value !== null) expect(en, `${kind}.${value}`).toHaveProperty([`${kind}.${value}`]);
  });
});
