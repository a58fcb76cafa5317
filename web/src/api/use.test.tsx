import { render } from 'preact';
import { act } from 'preact/test-utils';
import { afterEach, expect, it, vi } from 'vitest';
import { Failure } from './client';
import { tick } from './live';
import { readAhead, useRead } from './use';

const box = document.createElement('div');
afterEach(() => render(null, box));

/** What a view of `key` shows, from its first picture on. */
function view(key: string, read: () => Promise<string>): string[] {
  const seen: string[] = [];
  function View() {
    const { data, failure, loading } = useRead<string>(key, read);
    seen.push(failure ? failure.detail : loading ? '…' : data!);
    return null;
  }
  act(() => render(<View />, box));
  return seen;
}
const settled = () => act(async () => {});

it('reads what nobody has read ahead', async () => {
  const seen = view('a', async () => 'one');
  await settled();
  expect(seen).toEqual(['…', 'one']);
});

it('shows at once what was read ahead, and reads it anew at the next tick only', async () => {
  await readAhead('b', async () => 'early');
  const read = vi.fn(async () => 'later');
  const seen = view('b', read);
  await settled();
  expect(seen).toEqual(['early']);
  expect(read).not.toHaveBeenCalled();
  act(() => void tick.value++);
  await settled();
  expect(seen.at(-1)).toBe('later');
});

it('waits for what is still on its way, and does not ask twice', async () => {
  let come: (text: string) => void = () => {};
  void readAhead('c', () => new Promise<string>((resolve) => (come = resolve)));
  const read = vi.fn(async () => 'again');
  const seen = view('c', read);
  come('late');
  await settled();
  expect(seen).toEqual(['…', 'late']);
  expect(read).not.toHaveBeenCalled();
});

it('tells in the view what went wrong ahead of it', async () => {
  await readAhead('d', async () => { throw new Failure(503, 'T', 'not yet', null); });
  const seen = view('d', async () => 'x');
  await settled();
  expect(seen.at(-1)).toBe('not yet');
});
