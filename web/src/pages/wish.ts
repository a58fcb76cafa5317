// What an allocation asks for: from the form's texts to the API's members, and from a problem back to the field that it is about.
import type { AllocationWish, Problem } from '../api/schema';

const kinds = {
  namespace: 'text', podName: 'text', team: 'text', workloadType: 'text', useMig: 'flag', requiredMemory: 'memory', computeSlices: 'whole',
  model: 'text', dtype: 'text', maxModelLen: 'whole', concurrency: 'whole', devices: 'whole', models: 'list', nodeName: 'text', priority: 'whole',
  maxPricePerHour: 'text', leaseSeconds: 'whole', wait: 'flag', mayMove: 'flag',
} as const;
export type Field = keyof typeof kinds;
/** By what it is sized. */
export type Size = 'memory' | 'model' | 'device';
export type Form = Partial<Record<Field, string>> & { size: Size };

const sized: Record<Size, readonly Field[]> = { memory: ['requiredMemory', 'computeSlices'], model: ['model', 'dtype', 'maxModelLen', 'concurrency'], device: [] };

/** What is no number stays as it was written: the server says what is wrong with it. */
const whole = (text: string) => (/^-?\d+$/.test(text) ? Number(text) : text);

export function bodyOf(form: Form, cluster: string | null): AllocationWish {
  const out: Record<string, unknown> = cluster ? { cluster } : {};
  const others = Object.values(sized).flat().filter((one) => !sized[form.size].includes(one));
  for (const [field, kind] of Object.entries(kinds) as [Field, string][]) {
    const text = form[field]?.trim();
    if (!text || others.includes(field)) continue;
    if (kind === 'flag') out[field] = text === 'true';
    else if (kind === 'whole') out[field] = whole(text);
    else if (kind === 'list') out[field] = text.split(/[\s,]+/);
    else if (kind === 'memory' && /^[\d.]+$/.test(text)) out['requiredMemoryGb'] = Number(text);
    else out[field] = text;
  }
  return out as AllocationWish;
}

/** The field that a problem names, and what is wrong with it. */
export function faultOf(problem: Problem | null): [Field, string] | null {
  const [, name, what] = /^(\w+): (.*)$/s.exec(problem?.detail ?? '') ?? [];
  const field = name?.startsWith('requiredMemory') ? 'requiredMemory' : name;
  return field && field in kinds ? [field as Field, what!] : null;
}
