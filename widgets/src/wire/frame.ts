/** A frame's binary half: one typed array a column, over the message's own memory where alignment allows it. */

import type { FrameMessage } from './messages';

export type Values = Uint8Array | Uint16Array | Uint32Array | Int32Array | Float32Array | Float64Array;

export interface Frame {
  kind: string;
  meta: Record<string, any>;
  columns: Record<string, Values>;
}

/** What the other side sent cannot be read; the text says which column and why. */
export class WireError extends Error {
  override name = 'WireError';
}

const TYPES: Record<string, { new (buffer: ArrayBuffer, offset: number, length: number): Values; BYTES_PER_ELEMENT: number }> = {
  u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, i4: Int32Array, f4: Float32Array, f8: Float64Array,
};

// The wire is little-endian, and so is every machine with a browser that we know of.
export function decodeFrame(message: FrameMessage, buffers: readonly ArrayBufferView[]): Frame {
  const headers = message.columns ?? [];
  if (!Array.isArray(headers)) throw new WireError(`frame ${message.kind}: "columns" is not a list`);
  if (buffers.length < headers.length) {
    throw new WireError(`frame ${message.kind}: ${headers.length} columns announced, ${buffers.length} buffers arrived`);
  }
  const columns: Record<string, Values> = {};
  headers.forEach(([name, dtype, length], i) => {
    columns[name] = decodeColumn(`${message.kind}.${name}`, dtype, length, buffers[i]!);
  });
  return { kind: message.kind, meta: message.meta ?? {}, columns };
}

export function decodeColumn(where: string, dtype: string, length: number, view: ArrayBufferView | ArrayBuffer): Values {
  const type = Object.hasOwn(TYPES, dtype) ? TYPES[dtype]! : undefined;
  if (!type) throw new WireError(`column ${where}: unknown dtype "${dtype}"`);
  if (!Number.isInteger(length) || length < 0) throw new WireError(`column ${where}: ${length} is not a length`);
  const bytes = length * type.BYTES_PER_ELEMENT;
  if (view.byteLength < bytes) throw new WireError(`column ${where}: cut short, ${view.byteLength} of ${bytes} bytes`);
  const [memory, offset] = ArrayBuffer.isView(view) ? [view.buffer as ArrayBuffer, view.byteOffset] : [view, 0];
  return offset % type.BYTES_PER_ELEMENT
    ? new type(memory.slice(offset, offset + bytes), 0, length)
    : new type(memory, offset, length);
}
