import { describe, expect, it } from 'vitest';
import { csvOf } from './csv';

describe('a table as CSV', () => {
  it('has a column for each member, and members of members with a dot', () => {
    expect(csvOf([{ id: 'a', instance: { gi: 1, profile: '1g.10gb' } }, { id: 'b', instance: null }])).toBe('id,instance.gi,instance.profile\r\na,1,1g.10gb\r\nb,,\r\n');
  });
  it.each([
    ['what is absent is empty', null, ''], ['0 is not absent', 0, '0'], ['a negative number is one', -1.5, '-1.5'], ['a flag', false, 'false'],
    ['texts of a list', ['a', 'b'], 'a;b'], ['a list of objects is their number', [{}, {}], '2'], ['an empty list', [], ''],
    ['a comma', 'a,b', '"a,b"'], ['quotes', 'say "x"', '"say ""x"""'], ['lines', 'a\r\nb', '"a\r\nb"'],
    ['a formula', '=1+1', "'=1+1"], ['a formula in a list', ['@x', 'y'], "'@x;y"], ['a formula with quotes', '+"a"', `"'+""a"""`],
  ])('%s', (_, value, text) => {
    expect(csvOf([{ value }])).toBe(`value\r\n${text}\r\n`);
  });
  it('is empty without rows', () => expect(csvOf([])).toBe('\r\n'));
});
