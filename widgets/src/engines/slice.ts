/** Two dimensions of a tensor of any rank as rows and columns, the others held at an index. */

export interface Slice {
  rows: number; columns: number;
  /** Flat offset of a cell, or -1 where there is none (the end of a wrapped vector). */
  offset(row: number, column: number): number;
  /** Index of a cell in the tensor, as Python would write it. */
  index(row: number, column: number): number[];
}

/** Which dimensions are rows and columns, and the index of each of the others. */
export interface Choice { row: number; column: number; at: number[] }

const WRAP = 64;

export function defaultChoice(shape: readonly number[]): Choice {
  return { row: Math.max(0, shape.length - 2), column: Math.max(0, shape.length - 1), at: shape.map(() => 0) };
}

/** A choice made for another shape, made to fit this one. */
export function fitChoice(choice: Choice, shape: readonly number[]): Choice {
  if (choice.at.length !== shape.length || choice.row === choice.column) return defaultChoice(shape);
  return { ...choice, at: choice.at.map((i, d) => Math.min(Math.max(0, i), Math.max(0, shape[d]! - 1))) };
}

/** Slice of a C-ordered tensor; a vector of more than 64 is wrapped into rows, and so is a `flat` sample whose shape is lost. */
export function sliceOf(shape: readonly number[], choice: Choice, flat?: number): Slice {
  if (flat !== undefined || shape.length < 2) {
    const n = flat ?? shape.reduce((a, b) => a * b, 1);
    const columns = n <= WRAP ? Math.max(1, n) : Math.min(256, 2 ** Math.ceil(Math.log2(Math.sqrt(n) * 1.6)));
    return {
      rows: Math.ceil(n / columns) || 0, columns,
      offset: (r, c) => (r * columns + c < n ? r * columns + c : -1),
      index: (r, c) => (shape.length || flat !== undefined ? [r * columns + c] : []),
    };
  }
  const strides = new Array<number>(shape.length).fill(1);
  for (let d = shape.length - 2; d >= 0; d--) strides[d] = strides[d + 1]! * shape[d + 1]!;
  const { row, column, at } = fitChoice(choice, shape);
  const base = at.reduce((sum, i, d) => (d === row || d === column ? sum : sum + i * strides[d]!), 0);
  return {
    rows: shape[row]!, columns: shape[column]!,
    offset: (r, c) => base + r * strides[row]! + c * strides[column]!,
    index: (r, c) => at.map((i, d) => (d === row ? r : d === column ? c : i)),
  };
}

/** Counts of `bins` equal stretches between the smallest and the largest finite value; the outermost 0.5 % are gathered in the end bins. */
export function sparkBins(values: Float32Array, bins = 32): { counts: Uint32Array; from: number; to: number } {
  const sample: number[] = [];
  const stride = Math.max(1, Math.floor(values.length / 4096));
  for (let i = 0; i < values.length; i += stride) if (Number.isFinite(values[i]!)) sample.push(values[i]!);
  sample.sort((a, b) => a - b);
  const counts = new Uint32Array(bins);
  if (sample.length === 0) return { counts, from: NaN, to: NaN };
  const from = sample[Math.floor(sample.length * 0.005)]!, to = sample[Math.ceil(sample.length * 0.995) - 1]!;
  const width = (to - from) / bins;
  for (const v of sample) {
    const bin = width > 0 ? Math.min(bins - 1, Math.max(0, Math.floor((v - from) / width))) : Math.floor(bins / 2);
    counts[bin] = counts[bin]! + 1;
  }
  return { counts, from, to };
}
