// Server-sent events, read from a fetch: EventSource cannot send a key.
export interface ServerEvent {
  type: string;
  data: string;
  id: string | null;
}

/** Takes pieces of a stream as they come and gives whole events. */
export class EventReader {
  private rest = '';
  private type = '';
  private data: string[] = [];
  private id: string | null = null;

  feed(text: string): ServerEvent[] {
    const out: ServerEvent[] = [];
    this.rest += text;
    // A CR at the very end may be the first half of CR LF: it waits for what comes.
    const held = this.rest.endsWith('\r') ? '\r' : '';
    const lines = this.rest.slice(0, this.rest.length - held.length).split(/\r\n|\n|\r/);
    this.rest = lines.pop()! + held;
    for (const line of lines) {
      if (line === '') {
        if (this.data.length) out.push({ type: this.type || 'message', data: this.data.join('\n'), id: this.id });
        this.type = '';
        this.data = [];
        continue;
      }
      if (line.startsWith(':')) continue;
      const colon = line.indexOf(':');
      const field = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
      if (field === 'event') this.type = value;
      else if (field === 'data') this.data.push(value);
      else if (field === 'id' && !value.includes('\0')) this.id = value;
    }
    return out;
  }
}
