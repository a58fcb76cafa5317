import { expect, it } from 'vitest';
import { EventReader } from './sse';

const stream = ': hello\n\nid: 7\nevent: device.health\ndata: {"a":1}\n\nevent: gap\ndata:x\r\ndata: y\r\n\r\nid: 9\n\n';
const whole = [
  { type: 'device.health', data: '{"a":1}', id: '7' },
  { type: 'gap', data: 'x\ny', id: '7' },
];

it('reads events however the stream is cut', () => {
  for (let size = 1; size <= stream.length; size++) {
    const reader = new EventReader();
    const out = [];
    for (let at = 0; at < stream.length; at += size) out.push(...reader.feed(stream.slice(at, at + size)));
    expect(out, `pieces of ${size}`).toEqual(whole);
  }
});
