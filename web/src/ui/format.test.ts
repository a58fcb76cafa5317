import { beforeEach, describe, expect, it } from 'vitest';
import { language } from '../i18n';
import { chooseZone } from '../frame/settings';
import { bytes, bytesOf, celsius, count, duration, moment, money, number, percent, ratio, roundMoney, seconds, shareOf, watts } from './format';

beforeEach(() => {
  language.value = 'en';
  chooseZone('utc');
});

describe('numbers', () => {
  it.each([null, undefined, NaN])('shows %s as a dash, never as 0', (value) => {
    for (const format of [count, percent, ratio, bytes, watts, celsius, seconds, duration]) expect(format(value)).toBe('–');
  });
  it('makes no share of what is not known', () => {
    expect(shareOf(null, 80)).toBeNull();
    expect(shareOf(20, 0)).toBeNull();
    expect(shareOf(0, 80)).toBe(0);
    expect(shareOf(20, 80)).toBe(25);
  });
  it('writes money as its currency is written, and tells a small amount from none', () => {
    expect(money('1234567.5', 'USD')).toBe('$1,234,567.50');
    expect(money('1234567.5', 'KRW')).toBe('₩1,234,568');
    expect(money(12, 'CHF')).toBe('12.00 CHF');
    expect(money('-0.25', 'EUR')).toBe('−€0.25');
    expect(money(0.0036155, 'USD')).toBe('$0.0036');
    expect(money('0.000001', 'USD')).toBe('$0.000001');
    expect(money('0.000000', 'USD')).toBe('$0.00');
    for (const none of [null, undefined, NaN]) expect(money(none, 'USD')).toBe('–');
  });
  it('rounds money where there is little room', () => {
    expect(roundMoney(999.5, 'USD')).toBe('$999.50');
    expect(roundMoney(18_520.5, 'USD')).toBe('$18,521');
    expect(roundMoney(-999_999.4, 'USD')).toBe('−$999,999');
    expect(roundMoney(1_526_000, 'KRW')).toBe('₩1.53 M');
    expect(roundMoney(2e9, 'CHF')).toBe('2,000 M CHF');
    expect(roundMoney(null, 'USD')).toBe('–');
  });
  it('keeps zero', () => {
    expect(count(0)).toBe('0');
    expect(percent(0)).toBe('0 %');
    expect(bytes(0)).toBe('0 B');
  });
  it('rounds to what can be read', () => {
    expect(percent(41.43)).toBe('41 %');
    expect(percent(0.44)).toBe('0.4 %');
    expect(percent(72.46, 1)).toBe('72.5 %');
    expect(ratio(0.8108)).toBe('81 %');
    expect(bytes(85_520_809_984)).toBe('79.6 GiB');
    expect(bytesOf(9_663_676_416, 21_072_183_296)).toBe('9 / 19.6 GiB');
    expect(bytesOf(null, 21_072_183_296)).toBe('– / 19.6 GiB');
    expect(watts(2054)).toBe('2.1 kW');
    expect(seconds(0.0234)).toBe('23 ms');
    expect(count(12345)).toBe('12,345');
    expect(count(1234567.5)).toBe('1,234,568');
    expect(number(-1234.56, 1)).toBe('-1,234.6');
    expect(number(2, 2)).toBe('2');
  });
});

describe('times', () => {
  it('names the two largest units', () => {
    expect(duration(40_000)).toBe('40 s');
    expect(duration(3_660_000)).toBe('1 h 1 min');
    expect(duration(90_000_000)).toBe('1 d 1 h');
    expect(duration(-5)).toBe('0 s');
    language.value = 'ko';
    expect(duration(3_660_000)).toBe('1시간 1분');
  });
  it('writes moments on a 24 h clock in the chosen zone', () => {
    expect(moment('2026-07-31T00:05:09.000Z')).toBe('2026-07-31 00:05:09');
    expect(moment('2026-07-31T23:05:09.000Z', false)).toBe('2026-07-31 23:05');
    expect(moment(null)).toBe('–');
  });
});
