import { describe, expect, it } from 'vitest';
import { decodeColumn, decodeFrame, WireError } from './frame';
import { encodeFrame } from './encode';

const rest = { seq: 1, request: 'r', recording: 'a' };

describe('frames', () => {
  it('survive a round trip in every dtype', () => {
    const columns = {
      a: Uint8Array.of(1, 255), b: Uint16Array.of(65535), c: Uint32Array.of(4294967295), d: Int32Array.of(-1, 2),
      e: Float32Array.of(NaN, Infinity, -0), f: Float64Array.of(1e300), g: new Float32Array(0),
    };
    const [message, buffers] = encodeFrame({ kind: 'x', meta: { k: 1 }, columns }, rest);
    const frame = decodeFrame(JSON.parse(JSON.stringify(message)), buffers);
    expect(frame.columns).toEqual(columns);
    expect(frame.meta).toEqual({ k: 1 });
  });

  it('read columns at any byte offset', () => {
    const source = Float64Array.of(1.5, -2.5);
    for (let offset = 0; offset < 9; offset++) {
      const memory = new Uint8Array(offset + 16);
      memory.set(new Uint8Array(source.buffer), offset);
      expect(decodeColumn('x', 'f8', 2, new DataView(memory.buffer, offset, 16))).toEqual(source);
    }
  });

  it('say what is wrong', () => {
    const view = new DataView(new ArrayBuffer(7));
    expect(() => decodeColumn('scalars.value', 'f8', 1, view)).toThrow('column scalars.value: cut short, 7 of 8 bytes');
    expect(() => decodeColumn('x', 'c8', 1, view)).toThrow('unknown dtype "c8"');
    expect(() => decodeColumn('x', 'toString', 1, view)).toThrow(WireError);
    expect(() => decodeColumn('x', 'f4', -1, view)).toThrow('not a length');
    expect(() => decodeFrame({ type: 'frame', ...rest, kind: 'x', columns: [['a', 'f4', 1]] }, [])).toThrow('1 columns announced, 0 buffers');
  });
});
