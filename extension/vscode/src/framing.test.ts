import { expect, it } from 'vitest';
import { Decoder, encode, FramingError } from './framing';

/** A message as Python writes it. */
function parcel(message: object, buffers: Uint8Array[] = []): Buffer {
  const text = Buffer.from(JSON.stringify(message)), head = Buffer.alloc(8 + 4 * buffers.length);
  head.writeUInt32LE(text.length, 0);
  head.writeUInt32LE(buffers.length, 4);
  buffers.forEach((b, i) => head.writeUInt32LE(b.length, 8 + 4 * i));
  return Buffer.concat([head, text, ...buffers]);
}

it('messages come whole, however the pipe cuts them', () => {
  const floats = new Uint8Array(new Float64Array([1, 2.5]).buffer), bytes = Buffer.concat([parcel({ type: 'frame', text: 'ü' }, [floats, new Uint8Array(0), new Uint8Array([7])]), parcel({ type: 'reply' })]);
  for (const n of [1, 3, 8, 64, bytes.length]) {
    const decoder = new Decoder(), found = [];
    for (let at = 0; at < bytes.length; at += n) found.push(...decoder.push(bytes.subarray(at, at + n)));
    expect(found.map(p => [p.message.type, p.sizes])).toEqual([['frame', [16, 0, 1]], ['reply', []]]);
    expect(found[0]!.message.text).toBe('ü');
    expect([...found[0]!.payload]).toEqual([...floats, 7]);
    expect(found[0]!.payload.constructor).toBe(Uint8Array);
  }
});

it('what is encoded is read again', () => {
  expect(new Decoder().push(encode({ type: 'ack', seq: 3 }))[0]).toMatchObject({ message: { type: 'ack', seq: 3 }, sizes: [] });
});

it.each([
  ['too long', Buffer.from([255, 255, 255, 255, 0, 0, 0, 0])], ['text of another program', Buffer.from('Traceback (most recent call last)')],
  ['no JSON', Buffer.concat([Buffer.from([2, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('{!')])], ['no type', parcel([1])],
])('%s is refused', (_, bytes) => {
  expect(() => new Decoder().push(bytes)).toThrow(FramingError);
});
