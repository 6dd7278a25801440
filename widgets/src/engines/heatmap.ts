/** Histograms over steps as a picture: one column of pixels a step, values upwards, colour for density. */

import { rebin, rowAt, type Axis, type Rows } from './bins';

const scratch = { cells: new Float32Array(0), sorted: new Float32Array(0) };

/**
 * What counts as dense in one row: the 95th percentile of its occupied cells. The plain maximum would let one spike (the zeros
 * behind a ReLU, an untouched bias) wash out everything else.
 */
function reference(cells: Float32Array): number {
  if (scratch.sorted.length < cells.length) scratch.sorted = new Float32Array(cells.length);
  let n = 0;
  for (let i = 0; i < cells.length; i++) if (cells[i]! > 0) scratch.sorted[n++] = cells[i]!;
  if (!n) return 0;
  const sorted = scratch.sorted.subarray(0, n).sort();
  return sorted[Math.floor((n - 1) * 0.95)]!;
}

/** The rebinned rows of one series as levels 0..255; extended when rows arrive, redone when the axis changes. */
export class HeatField {
  /** `levels[r * bins + i]`: row r, display bin i (0 is the axis' low end). */
  levels = new Uint8Array(0);
  rows = 0;
  #axis: Axis | null = null;
  #epoch: number | undefined;

  constructor(readonly bins: number) {}

  /** Brings the field up to the series; true when anything changed. */
  update(rows: Rows, axis: Axis): boolean {
    if (axis !== this.#axis || rows.epoch !== this.#epoch || rows.step.length < this.rows) this.rows = 0;
    this.#axis = axis;
    this.#epoch = rows.epoch;
    const { bins } = this;
    const n = rows.step.length;
    if (this.rows === n) return false;
    if (this.levels.length < n * bins) {
      const grown = new Uint8Array(Math.max(n, Math.ceil(this.rows * 1.5)) * bins);
      grown.set(this.levels.subarray(0, this.rows * bins));
      this.levels = grown;
    }
    if (scratch.cells.length !== bins) scratch.cells = new Float32Array(bins);
    for (let r = this.rows; r < n; r++) {
      rebin(rowAt(rows, r), axis, scratch.cells);
      const scale = 1 / (reference(scratch.cells) || 1);
      for (let i = 0; i < bins; i++) {
        const value = scratch.cells[i]!;
        // Less than linear: tails stay visible beside the bulk. Any mass at all is at least level 1.
        this.levels[r * bins + i] = value > 1e-9 ? Math.max(1, Math.min(255, Math.round(215 * (value * scale) ** 0.7))) : 0;
      }
    }
    this.rows = n;
    return true;
  }
}

/** The steps that a picture spans; each row lasts until the next, the last one as long as the mean gap. */
export interface StepSpan {
  from: number;
  to: number;
}

export function stepSpan(steps: { data: Int32Array; length: number }): StepSpan {
  if (!steps.length) return { from: 0, to: 1 };
  const from = steps.data[0]!;
  const last = steps.data[steps.length - 1]!;
  return { from, to: last + Math.max(1, steps.length > 1 ? (last - from) / (steps.length - 1) : 1) };
}

/** The last row at or before `step` (rows ascend), or -1 when all are later. */
export function rowOfStep(steps: { data: Int32Array; length: number }, step: number): number {
  let low = 0;
  let high = steps.length;
  while (low < high) {
    const mid = (low + high) >> 1;
    if (steps.data[mid]! <= step) low = mid + 1;
    else high = mid;
  }
  return low - 1;
}

/**
 * Writes `width` x `field.bins` pixels, the axis' high end on top. Several rows under one column are averaged (rounded up, so
 * that nothing vanishes); a column between two rows shows the earlier one.
 */
export function paintHeat(
  field: HeatField, steps: { data: Int32Array; length: number }, span: StepSpan, pixels: Uint32Array, width: number, table: Uint32Array,
): void {
  const { bins, levels } = field;
  const rows = Math.min(field.rows, steps.length);
  const each = (span.to - span.from) / width;
  const none = table[0]!;
  let row = rowOfStep({ data: steps.data, length: rows }, span.from);
  for (let x = 0; x < width; x++) {
    const end = span.from + each * (x + 1);
    const first = row;
    while (row + 1 < rows && steps.data[row + 1]! < end) row++;
    const low = row > first ? (x === 0 ? Math.max(first, 0) : first + 1) : row;
    const n = row - low + 1;
    if (row < 0) {
      for (let i = 0; i < bins; i++) pixels[i * width + x] = none;
    } else if (n === 1) {
      const base = row * bins;
      for (let i = 0, at = (bins - 1) * width + x; i < bins; i++, at -= width) pixels[at] = table[levels[base + i]!]!;
    } else {
      for (let i = 0, at = (bins - 1) * width + x; i < bins; i++, at -= width) {
        let sum = 0;
        for (let r = low; r <= row; r++) sum += levels[r * bins + i]!;
        pixels[at] = table[Math.ceil(sum / n)]!;
      }
    }
  }
}
