// A view's data: read, and read again at each tick. What was read last stays until something newer has come.
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { get, Failure } from './client';
import { paused, tick } from './live';
import { credential, expired } from '../frame/settings';

export interface Told<T> {
  data: T | null;
  failure: Failure | null;
  /** Nothing has come yet. */
  loading: boolean;
}

/** What is read before the view that shows it is drawn, by its key. */
const ahead = new Map<string, { reply: Promise<unknown>; data: unknown }>();

/** Begins to read what a view will want first, under the key that it will read it by; done when that has come. */
export function readAhead<T>(key: string, read: () => Promise<T>): Promise<unknown> {
  const one: { reply: Promise<T>; data: T | null } = { reply: read(), data: null };
  ahead.set(key, one);
  return one.reply.then((data) => (one.data = data), () => {}); // the view tells what went wrong
}

/** Reads with `read` whenever `key` changes and, if `live`, at each tick. A null key reads nothing. */
export function useRead<T>(key: string | null, read: (stop: AbortSignal) => Promise<T>, live = true): Told<T> {
  const [told, tell] = useState<Told<T> & { key: string | null }>(() => {
    const data = (key === null ? null : (ahead.get(key)?.data ?? null)) as T | null;
    return { data, failure: null, loading: data === null, key };
  });
  const beat = live && !paused.value ? tick.value : 0;
  const busy = useRef<{ key: string | null; stop: AbortController } | null>(null);
  const who = credential.value;
  // Before the frame is painted: asking need not wait for that.
  useLayoutEffect(() => {
    if (key === null) return;
    const early = ahead.get(key) as { reply: Promise<T>; data: T | null } | undefined;
    ahead.delete(key);
    if (early?.data) return; // is shown already
    // A slow reply is waited for: a tick must not cut it off again and again.
    if (busy.current?.key === key + who) return;
    busy.current?.stop.abort();
    const stop = new AbortController();
    const mine = { key: key + who, stop };
    busy.current = mine;
    const done = () => {
      if (busy.current === mine) busy.current = null;
      return !stop.signal.aborted;
    };
    (early?.reply ?? read(stop.signal)).then(
      (data) => {
        if (done()) tell({ data, failure: null, loading: false, key });
      },
      (error: unknown) => {
        if (!done()) return;
        const failure = error instanceof Failure ? error : new Failure(-1, 'Error', String(error), null);
        tell((before) => failure.status === 401 && expired.value && before.key === key && before.data !== null
          ? { data: before.data, failure: null, loading: false, key } // the frame says once for all that it is from before
          : { data: keeps(failure) ? before.data : null, failure, loading: false, key });
      },
    );
  }, [key, beat, who]);
  useEffect(() => () => busy.current?.stop.abort(), []);
  return told;
}

/** Old data stays while the server is away; not where it says that there is nothing for this reader. */
function keeps(failure: Failure): boolean {
  return ![401, 403, 404].includes(failure.status);
}

export function useApi<T>(url: string | null, live = true): Told<T> {
  return useRead<T>(url, (stop) => get<T>(url!, stop), live);
}

const kSlow = 60_000; // ms

/** Of what changes by the quarter of an hour and takes the server some work: read again once a minute at most, and when `key` changes. */
export function useSlow<T>(key: string | null, read: (stop: AbortSignal) => Promise<T>): Told<T> {
  const last = useRef<{ key: string; time: number; data: T } | null>(null);
  return useRead<T>(key, async (stop) => {
    const mine = `${key} ${credential.value}`; // what one reader was told is not for the next
    if (last.current?.key === mine && Date.now() - last.current.time < kSlow) return last.current.data;
    const data = await read(stop);
    last.current = { key: mine, time: Date.now(), data };
    return data;
  });
}

export function useSlowApi<T>(url: string): Told<T> {
  return useSlow<T>(url, (stop) => get<T>(url, stop));
}
