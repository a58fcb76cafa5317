// A view's data: read, and read again at each tick. What was read last stays until something newer has come.
import { useEffect, useRef, useState } from 'preact/hooks';
import { get, Failure } from './client';
import { paused, tick } from './live';
import { credential, expired } from '../frame/settings';

export interface Told<T> {
  data: T | null;
  failure: Failure | null;
  /** Nothing has come yet. */
  loading: boolean;
}

/** Reads with `read` whenever `key` changes and, if `live`, at each tick. A null key reads nothing. */
export function useRead<T>(key: string | null, read: (stop: AbortSignal) => Promise<T>, live = true): Told<T> {
  const [told, tell] = useState<Told<T> & { key: string | null }>({ data: null, failure: null, loading: true, key });
  const beat = live && !paused.value ? tick.value : 0;
  const busy = useRef<{ key: string | null; stop: AbortController } | null>(null);
  const who = credential.value;
  useEffect(() => {
    if (key === null) return;
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
    read(stop.signal).then(
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
