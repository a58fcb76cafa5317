// What makes views read again: a tick each few seconds, and the one event stream of this tab when something changes.
// Both rest while the tab is hidden or the reader has paused them.
import { batch, computed, effect, signal } from '@preact/signals';
import { address, asksForKey, headers, lastReply, refused, unreachableSince } from './client';
import { EventReader } from './sse';
import { credential, expired } from '../frame/settings';
import type { Event } from './schema';

const kEvery = 5_000; // ms: agents are asked every 5 s as a rule
const kSettle = 700; // several events at once are one reading
const kStaleAfter = 30_000;

export const paused = signal(false);
export const hidden = signal(document.visibilityState === 'hidden');
/** Goes up when views should read again. */
export const tick = signal(0);
/** Now, once a second. */
export const clock = signal(Date.now());
export const streams = signal(false);
/** What the fleet costs an hour, as it was told last; null: it has not been, or is not for this reader. */
export const hourlyCost = signal<Event['cost']>(null);
/** The latest events of this tab, the newest first. */
export const events = signal<Event[]>([]);

/** Seconds since the last reply, where that is longer than it should be. */
export const staleFor = computed(() => {
  if (lastReply.value === 0) return null;
  const age = clock.value - lastReply.value;
  return age > kStaleAfter || unreachableSince.value !== null ? Math.max(0, Math.round(age / 1000)) : null;
});

export function refresh(): void {
  tick.value++;
}

let settle: ReturnType<typeof setTimeout> | undefined;
function soon(): void {
  settle ??= setTimeout(() => {
    settle = undefined;
    if (!paused.value && !hidden.value) refresh();
  }, kSettle);
}

function take(type: string, data: string): void {
  if (type === 'gap') return soon();
  if (type === 'ready') return;
  try {
    const event = JSON.parse(data) as Event;
    if (event.cost) {
      hourlyCost.value = event.cost; // comes each 15 s: no reason to read anything again
      return;
    }
    events.value = [event, ...events.value].slice(0, 50);
    soon();
  } catch {
    // a kind of event that this page does not know
  }
}

async function follow(stop: AbortSignal): Promise<void> {
  let lastId: string | null = null;
  let wait = 500;
  while (!stop.aborted) {
    try {
      const sent = headers({ Accept: 'text/event-stream', ...(lastId === null ? {} : { 'Last-Event-ID': lastId }) });
      const reply: Response = await fetch(address('/events'), { signal: stop, headers: sent });
      if (!reply.ok || !reply.body) {
        if (reply.status === 401) refused(sent['Authorization']);
        throw new Error(String(reply.status));
      }
      streams.value = true;
      if (unreachableSince.value !== null) refresh();
      wait = 500;
      const reader: ReadableStreamDefaultReader<string> = reply.body.pipeThrough(new TextDecoderStream()).getReader();
      const parser = new EventReader();
      for (;;) {
        const { value, done }: ReadableStreamReadResult<string> = await reader.read();
        if (done) break;
        for (const one of parser.feed(value)) {
          lastId = one.id ?? lastId;
          take(one.type, one.data);
        }
      }
    } catch {
      // the server is away, or the tab was hidden
    }
    streams.value = false;
    if (stop.aborted) return;
    await new Promise((resolve) => setTimeout(resolve, wait));
    wait = Math.min(wait * 2, 10_000);
  }
}

export function startLive(): void {
  document.addEventListener('visibilitychange', () => (hidden.value = document.visibilityState === 'hidden'));
  setInterval(() => {
    batch(() => {
      clock.value = Date.now();
      const every = unreachableSince.value === null ? kEvery : 2_000;
      if (!hidden.value && !paused.value && Date.now() - lastTick >= every) {
        lastTick = Date.now();
        refresh();
      }
    });
  }, 1_000);
  effect(() => {
    void credential.value;
    hourlyCost.value = null;
  });
  effect(() => {
    const runs = !hidden.value && !paused.value && !((asksForKey.value || expired.value) && credential.value === null);
    void credential.value; // another key, another stream
    if (!runs) return;
    const stop = new AbortController();
    void follow(stop.signal);
    return () => stop.abort();
  });
}
let lastTick = Date.now();
