/** Typed arrays that grow: amortised O(1) a row, one allocation a doubling. */

import type { Column } from './types';

export type Typed = Float32Array | Float64Array | Int32Array | Uint32Array | Uint16Array | Uint8Array;
type Maker<T> = { new (length: number): T };

export function grown<T extends Typed>(data: T, length: number): T {
  if (data.length >= length) return data;
  const wider = new (data.constructor as Maker<T>)(Math.max(length, data.length * 2, 16));
  wider.set(data as any);
  return wider;
}

export class Grow<T extends Typed> implements Column<T> {
  length = 0;
  data: T;

  constructor(type: Maker<T>, capacity = 16) {
    this.data = new type(capacity);
  }

  push(value: number): void {
    if (this.length === this.data.length) this.data = grown(this.data, this.length + 1);
    this.data[this.length++] = value;
  }

  append(values: ArrayLike<number>): void {
    this.data = grown(this.data, this.length + values.length);
    this.data.set(values as any, this.length);
    this.length += values.length;
  }

  /** Keeps the rows named in `rows`, which ascend. */
  keep(rows: ArrayLike<number>): void {
    for (let i = 0; i < rows.length; i++) this.data[i] = this.data[rows[i]!]!;
    this.length = rows.length;
  }

  clear(): void {
    this.length = 0;
  }
}
