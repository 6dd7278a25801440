/** A recording that was packed by `views/packed.py`: an index, and compressed parts that are opened when somebody asks for them. */

import { decodeColumn, WireError, type Frame } from '../wire/frame';
import type { ColumnHeader, RecordingInfo } from '../wire/messages';
import { inflate } from './inflate';

export interface Index {
  format: number; version: string; recording: RecordingInfo;
  notes: string[]; strings: string[];
  parts: { kind: string; id: string }[];
  /** Keys whose values or projections are here. */
  keys: string[];
}

export const FORMAT = 1;
const BYTES: Record<string, number> = { u1: 1, u2: 2, u4: 4, i4: 4, f4: 4, f8: 8 };

export class Packed {
  private readonly open = new Map<number, Promise<Frame[]>>();

  constructor(readonly index: Index, private readonly part: (i: number) => Uint8Array) {
    if (index.format > FORMAT) throw new WireError(`This page was packed by a newer Tapescope (${index.version}) than its views.`);
  }

  /** The frames of a part; it is opened once. */
  frames(i: number): Promise<Frame[]> {
    let known = this.open.get(i);
    if (!known) this.open.set(i, (known = inflate(this.part(i)).then(framesOf)));
    return known;
  }
}

/** What a widget keeps: the length of the index, the index, the parts. */
export async function unpack(bytes: Uint8Array): Promise<Packed> {
  const size = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const index = JSON.parse(new TextDecoder().decode(await inflate(bytes.subarray(4, 4 + size))));
  const starts: number[] = [4 + size];
  for (const n of index.sizes as number[]) starts.push(starts.at(-1)! + n);
  return new Packed(index, i => bytes.subarray(starts[i], starts[i + 1]));
}

export function framesOf(bytes: Uint8Array): Frame[] {
  const size = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const headers = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + size))) as { kind: string; meta: Record<string, any>; columns: ColumnHeader[] }[];
  let at = 4 + size;
  return headers.map(({ kind, meta, columns }) => ({
    kind, meta, columns: Object.fromEntries(columns.map(([name, dtype, length]) => {
      const end = at + length * (BYTES[dtype] ?? 0);
      const column = decodeColumn(`${kind}.${name}`, dtype, length, gathered(bytes.subarray(at, end), length));
      at = end;
      return [name, column];
    })),
  }));
}

/** Bytes of one significance lie together, which compresses well; here each number's bytes are put side by side again. */
function gathered(bytes: Uint8Array, length: number): Uint8Array {
  const size = length ? bytes.length / length : 0, out = new Uint8Array(bytes.length);
  for (let b = 0; b < size; b++) for (let i = 0, at = b * length; i < length; i++) out[i * size + b] = bytes[at + i]!;
  return out;
}
