/** The writing side of the wire: for the demo, for tests and for exported pages. */

import type { Frame, Values } from './frame';
import type { ColumnHeader, FrameMessage } from './messages';

export function dtypeOf(values: Values): string {
  if (values instanceof Uint8Array) return 'u1';
  if (values instanceof Uint16Array) return 'u2';
  if (values instanceof Uint32Array) return 'u4';
  if (values instanceof Int32Array) return 'i4';
  return values instanceof Float32Array ? 'f4' : 'f8';
}

/** Header and buffers of one frame; every buffer is a copy, as on the real wire. */
export function encodeFrame(
  frame: Frame, rest: { seq: number; request: string; recording: string; strings?: [number, string[]]; more?: boolean },
): [FrameMessage, DataView[]] {
  const columns: ColumnHeader[] = [];
  const buffers: DataView[] = [];
  for (const [name, values] of Object.entries(frame.columns)) {
    columns.push([name, dtypeOf(values), values.length]);
    buffers.push(new DataView(values.slice().buffer));
  }
  return [{ type: 'frame', more: false, ...rest, kind: frame.kind, meta: frame.meta, columns }, buffers];
}
