// Numbers and times as text. What is absent is a dash, never 0.
import { language } from '../i18n';
import { zone } from '../frame/settings';

export const absent = '–';
type Maybe = number | null | undefined;

function known(value: Maybe): value is number {
  return value !== null && value !== undefined && Number.isFinite(value);
}

/** As English and Korean both write them. (The browser's own formats take 10 ms to load, on a page that is to be there at once.) */
function digits(value: number, most: number): string {
  const [whole, rest] = String(Number(value.toFixed(most))).split('.');
  return whole!.replace(/\B(?=(\d{3})+$)/g, ',') + (rest === undefined ? '' : `.${rest}`);
}

export function count(value: Maybe): string {
  return known(value) ? digits(value, 0) : absent;
}
export function number(value: Maybe, most = 1): string {
  return known(value) ? digits(value, most) : absent;
}
export function percent(value: Maybe, most = 0): string {
  return known(value) ? `${digits(value, value > 0 && value < 10 && most === 0 ? 1 : most)} %` : absent;
}
export function ratio(value: Maybe): string {
  return known(value) ? percent(value * 100) : absent;
}

/** What is used of a whole, in percent; null where either is not known. */
export function shareOf(used: Maybe, whole: Maybe): number | null {
  return known(used) && known(whole) && whole > 0 ? (100 * used) / whole : null;
}

function scaled(value: number, base: number, units: string[]): string {
  let at = 0;
  let rest = value;
  while (Math.abs(rest) >= base && at < units.length - 1) {
    rest /= base;
    at++;
  }
  return `${digits(rest, at === 0 || rest >= 100 ? 0 : 1)} ${units[at]}`;
}
export function bytes(value: Maybe): string {
  return known(value) ? scaled(value, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']) : absent;
}
/** `3 / 80 GiB`: both in the unit of the whole. */
export function bytesOf(used: Maybe, total: Maybe): string {
  if (!known(total)) return bytes(used);
  const at = Math.min(5, Math.max(0, Math.floor(Math.log2(Math.max(1, total)) / 10)));
  const unit = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'][at];
  const whole = total / 1024 ** at;
  const most = whole >= 100 ? 0 : 1;
  return `${known(used) ? digits(used / 1024 ** at, most) : absent} / ${digits(whole, most)} ${unit}`;
}
export function watts(value: Maybe): string {
  return known(value) ? scaled(value, 1000, ['W', 'kW', 'MW']) : absent;
}
export function celsius(value: Maybe): string {
  return known(value) ? `${digits(value, 0)} °C` : absent;
}
export function seconds(value: Maybe): string {
  if (!known(value)) return absent;
  return value < 1 ? `${digits(value * 1000, value < 0.01 ? 1 : 0)} ms` : `${digits(value, 2)} s`;
}

const kSigns: Record<string, string> = { USD: '$', EUR: '€', GBP: '£', JPY: '¥', KRW: '₩', CNY: 'CN¥', INR: '₹' };
const kWhole = ['KRW', 'JPY', 'VND', 'CLP'];

/** An amount as `$1,234.50`; small ones by their first two digits that are not 0. */
export function money(amount: string | Maybe, currency: string): string {
  const value = typeof amount === 'string' ? Number(amount) : amount;
  if (!known(value)) return absent;
  const usual = kWhole.includes(currency) ? 0 : 2;
  const size = Math.abs(value);
  const most = size > 0 && size < 1 / 10 ** (usual - 1) ? Math.min(6, 1 - Math.floor(Math.log10(size))) : usual;
  const [whole, rest = ''] = digits(size, Math.max(usual, most)).split('.');
  const text = whole! + (usual || rest ? `.${rest.padEnd(usual, '0')}` : '');
  return priced(text, value < 0 && /[1-9]/.test(text), currency);
}
function priced(text: string, below0: boolean, currency: string): string {
  const sign = below0 ? '−' : '';
  return kSigns[currency] ? sign + kSigns[currency] + text : `${sign}${text} ${currency}`;
}

/** `$18,521`, `$1.23 M`: where there is little room and no need for cents. */
export function roundMoney(value: Maybe, currency: string): string {
  if (!known(value) || Math.abs(value) < 1_000) return money(value, currency);
  const size = Math.abs(value);
  return priced(size < 999_999.5 ? digits(size, 0) : `${digits(size / 1e6, 2)} M`, value < 0, currency);
}

/** A length of time by its two largest units. */
export function duration(ms: Maybe): string {
  if (!known(ms)) return absent;
  const s = Math.max(0, Math.floor(ms / 1000));
  const korean = language.value === 'ko';
  const units: [number, string][] = korean
    ? [[86400, '일'], [3600, '시간'], [60, '분'], [1, '초']]
    : [[86400, ' d'], [3600, ' h'], [60, ' min'], [1, ' s']];
  const at = units.findIndex(([size]) => s >= size);
  if (at < 0) return `0${units[3]![1]}`;
  const [size, name] = units[at]!;
  const next = units[at + 1];
  const left = next ? Math.floor((s % size) / next[0]) : 0;
  return `${Math.floor(s / size)}${name}${next && left ? ` ${left}${next[1]}` : ''}`;
}

export function since(time: string | null | undefined, now: number): string {
  return time ? duration(now - Date.parse(time)) : absent;
}

/** A moment as 2026-07-31 10:00:00, in the chosen zone and on a 24 h clock. */
export function moment(time: string | number | null | undefined, withSeconds = true): string {
  if (time === null || time === undefined) return absent;
  const at = new Date(time);
  const shown = zone.value === 'utc' ? at : new Date(at.getTime() - at.getTimezoneOffset() * 60_000);
  return shown.toISOString().slice(0, withSeconds ? 19 : 16).replace('T', ' ');
}

/** The name of the chosen zone, as UTC+9. */
export function zoneName(): string {
  if (zone.value === 'utc') return 'UTC';
  const minutes = -new Date().getTimezoneOffset();
  if (minutes === 0) return 'UTC';
  const hours = Math.floor(Math.abs(minutes) / 60);
  const rest = Math.abs(minutes) % 60;
  return `UTC${minutes < 0 ? '−' : '+'}${hours}${rest ? `:${String(rest).padStart(2, '0')}` : ''}`;
}
