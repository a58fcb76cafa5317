// What advice says, in the reader's language: made of its kind, its subject and the numbers that it stands on.
import type { Advice } from '../api/schema';
import { inWords, word } from '../i18n';
import { bytes, duration, number, percent } from '../ui/format';
import { subjectOf } from './advised';

const units: Record<string, (value: number) => string> = {
  bytes, ratio: (value) => percent(100 * value, 1), hours: (value) => duration(value * 3_600_000),
};
const told = ['devices', 'parts', 'tokens', 'tokens/s']; // the names of others say what they count

export function numberOf({ value, unit }: Advice['evidence']['numbers'][number]): string {
  const plain = number(value, 1);
  return units[unit]?.(value) ?? (told.includes(unit) ? `${plain} ${word('evidenceUnit', unit)}` : plain);
}

/** What sentences in the reader's language are made of: whom it is about, and what it stands on. */
export function valuesOf(of: Advice): Record<string, string | null | undefined> {
  const { namespace, kind, name, deviceId, model, pods } = subjectOf(of);
  const who = name ? [kind, namespace ? `${namespace}/${name}` : name].filter(Boolean).join(' ') : null;
  return { ...Object.fromEntries(of.evidence.numbers.map((one) => [one.name, numberOf(one)])), who, namespace, deviceId, model, pods: pods?.join(', '), aim: of.aim };
}

export function sentenceOf(of: Advice): string {
  return inWords(`adviceSaid.${of.kind}`, of.sentence, valuesOf(of));
}

/** What to do: a command as it is, and sentences in the reader's language. */
export function stepOf(of: Advice['change']): string {
  return of.word ? inWords(`adviceStep.${of.word}`, of.text, of.values) : of.text;
}
