/** The large picture of the chosen tensor: heat map, ridgeline, overlay or percentile bands, with axes. */

import type { Axis } from '../../engines/bins';
import { short, stepTicks, ticks } from '../../engines/bins_ticks';
import { HeatField, paintHeat, rowOfStep, stepSpan, type StepSpan } from '../../engines/heatmap';
import { css, mix } from '../../engines/heatmap_lut';
import { baseline, OVERLAY_LIFT, paintOverlay, paintRidgeline, sliceAt, slices, TOP, type Box, type Slices } from '../../engines/ridgeline';
import { BandField, paintBands, statBands, type Bands } from '../../engines/ridgeline_bands';
import { markTrouble, sized, stepX, Stretcher, type Paint, type TileData } from './tiles';

export const MODES = [
  { value: 'heat', label: 'Heat map' }, { value: 'ridge', label: 'Ridgeline' }, { value: 'overlay', label: 'Overlaid' }, { value: 'bands', label: 'Percentiles' },
] as const;
export type Mode = (typeof MODES)[number]['value'];

/** What lies under a point of the picture. */
export interface Reading {
  step: number;
  value: number;
}

export class FocusPlot {
  #field: HeatField | null = null;
  #bands = new BandField();
  #stretch = new Stretcher();
  #key = '';
  #box: Box = { x: 0, y: 0, width: 0, height: 0 };
  #span: StepSpan = { from: 0, to: 1 };
  #axis: Axis | null = null;
  #slices: Slices | null = null;
  #slicedFor = '';
  #mode: Mode = 'heat';

  paint(canvas: HTMLCanvasElement, key: string, data: TileData, mode: Mode, paint: Paint): void {
    const surface = sized(canvas);
    if (!surface) return;
    const { pen, width, height } = surface;
    if (key !== this.#key) {
      this.#key = key;
      this.#field = null;
      this.#bands = new BandField();
      this.#slicedFor = '';
    }
    pen.clearRect(0, 0, width, height);
    const { histograms, stats, axis } = data;
    const steps = histograms?.step.length ? histograms.step : stats?.step;
    if (!steps?.length) return;
    this.#mode = histograms?.step.length ? mode : 'bands';
    this.#axis = axis;
    this.#span = stepSpan(steps);
    pen.font = `10.5px ${paint.font}`;
    const timed = this.#mode === 'heat' || this.#mode === 'bands';
    const marks = ticks(axis, Math.max(2, Math.floor(timed ? height / 44 : width / 90)));
    const left = timed ? Math.max(30, ...marks.map((t) => pen.measureText(t.label).width + 12)) : 14;
    const right = timed ? 12 : 46;
    const box: Box = { x: left, y: 10, width: Math.max(1, width - left - right), height: Math.max(1, height - 10 - 24) };
    this.#box = box;
    const style = { background: paint.background, hue: paint.hues[data.hue], ink: paint.ink, chosen: -1 };

    if (timed) this.#grid(pen, box, marks, paint);
    else this.#values(pen, box, marks, paint);
    if (this.#mode === 'heat' && histograms) {
      const bins = Math.max(24, Math.min(Math.round(box.height / 2), 160));
      if (!this.#field || this.#field.bins !== bins) this.#field = new HeatField(bins);
      this.#field.update(histograms, axis);
      const columns = Math.round(box.width);
      paintHeat(this.#field, histograms.step, this.#span, this.#stretch.image(columns, bins).pixels, columns, paint.tables[data.hue]);
      this.#stretch.put(pen, box.x, box.y, box.width, box.height);
    } else if (this.#mode === 'bands') {
      const bands: Bands | null = histograms?.step.length ? this.#bands.update(histograms) : stats ? statBands(stats.fields, stats.step) : null;
      if (bands) paintBands(pen, bands, axis, this.#span, box, style);
    } else if (histograms) {
      const bins = Math.max(32, Math.min(Math.round(box.width / 2), 320));
      const wanted = `${histograms.step.length} ${histograms.epoch} ${bins} ${axis.kind} ${axis.lo} ${axis.hi} ${axis.knee} ${this.#mode}`;
      if (wanted !== this.#slicedFor || !this.#slices) {
        this.#slices = slices(histograms, axis, bins, this.#mode === 'overlay' ? 24 : Math.max(8, Math.min(48, Math.round(box.height / 9))));
        this.#slicedFor = wanted;
      }
      style.chosen = data.step === null ? -1 : nearestSlice(this.#slices, data.step);
      (this.#mode === 'ridge' ? paintRidgeline : paintOverlay)(pen, this.#slices, box, style);
      this.#stepsAtRight(pen, box, this.#slices, style.chosen, paint);
    }
    if (timed) {
      markTrouble(pen, stats, this.#span, box, css(paint.trouble));
      if (data.step !== null) this.#cursor(pen, box, data.step, paint);
    }
  }

  /** The step and value under a point in CSS pixels of the canvas, or null outside the picture. */
  read(x: number, y: number): Reading | null {
    const box = this.#box;
    const axis = this.#axis;
    if (!axis || x < box.x || x > box.x + box.width || y < box.y - 6 || y > box.y + box.height + 6) return null;
    const u = (x - box.x) / box.width;
    if (this.#mode === 'heat' || this.#mode === 'bands') {
      return { step: Math.round(this.#span.from + u * (this.#span.to - this.#span.from)), value: axis.inverse(1 - (y - box.y) / box.height) };
    }
    const shown = this.#slices;
    if (!shown?.rows.length) return null;
    const s = this.#mode === 'ridge' ? sliceAt(box, y, shown.rows.length) : this.#overlayAt(shown, u, y);
    return { step: shown.steps[s]!, value: axis.inverse(u) };
  }

  /** The curve that passes nearest to the pointer. */
  #overlayAt(shown: Slices, u: number, y: number): number {
    const bin = Math.min(shown.bins - 1, Math.max(0, Math.floor(u * shown.bins)));
    const box = this.#box;
    let best = 0;
    let least = Infinity;
    for (let s = 0; s < shown.rows.length; s++) {
      const at = box.y + box.height - Math.min(shown.heights[s * shown.bins + bin]! / shown.peak, TOP) * box.height * OVERLAY_LIFT;
      if (Math.abs(at - y) <= least) {
        least = Math.abs(at - y);
        best = s;
      }
    }
    return best;
  }

  #grid(pen: CanvasRenderingContext2D, box: Box, marks: { at: number; label: string; value: number }[], paint: Paint): void {
    pen.textBaseline = 'middle';
    pen.textAlign = 'right';
    for (const t of marks) {
      const y = Math.round(box.y + box.height * (1 - t.at)) + 0.5;
      pen.strokeStyle = css(mix(paint.background, paint.ink, t.value === 0 ? 0.22 : 0.1));
      pen.lineWidth = 1;
      pen.beginPath();
      pen.moveTo(box.x - 4, y);
      pen.lineTo(box.x + box.width, y);
      pen.stroke();
      pen.fillStyle = css(paint.faint);
      pen.fillText(t.label, box.x - 7, y);
    }
    pen.textAlign = 'center';
    pen.textBaseline = 'top';
    const all = stepTicks(this.#span.from, this.#span.to, Math.max(2, Math.floor(box.width / 90)));
    for (const step of all) {
      const x = stepX(this.#span, step, box.x, box.width);
      pen.fillStyle = css(paint.faint);
      pen.fillRect(Math.round(x), box.y + box.height, 1, 4);
      pen.textAlign = x < box.x + 12 ? 'left' : x > box.x + box.width - 16 ? 'right' : 'center';
      pen.fillText(step === all[0] ? `step ${short(step, 6)}` : short(step, 6), x, box.y + box.height + 7);
    }
  }

  #values(pen: CanvasRenderingContext2D, box: Box, marks: { at: number; label: string; value: number }[], paint: Paint): void {
    pen.textAlign = 'center';
    pen.textBaseline = 'top';
    for (const t of marks) {
      const x = Math.round(box.x + box.width * t.at) + 0.5;
      pen.strokeStyle = css(mix(paint.background, paint.ink, t.value === 0 ? 0.22 : 0.1));
      pen.lineWidth = 1;
      pen.beginPath();
      pen.moveTo(x, box.y);
      pen.lineTo(x, box.y + box.height + 4);
      pen.stroke();
      pen.fillStyle = css(paint.faint);
      pen.fillText(t.label, x, box.y + box.height + 7);
    }
  }

  #stepsAtRight(pen: CanvasRenderingContext2D, box: Box, shown: Slices, chosen: number, paint: Paint): void {
    const n = shown.rows.length;
    pen.textAlign = 'left';
    pen.textBaseline = 'middle';
    if (this.#mode === 'overlay') {
      pen.textBaseline = 'top';
      pen.fillStyle = css(chosen >= 0 ? paint.ink : paint.faint);
      pen.fillText(chosen >= 0 ? `step ${shown.steps[chosen]}` : '', box.x + box.width - 40, box.y);
      return;
    }
    let last = -Infinity;
    const label = (s: number, ink: boolean) => {
      const y = baseline(box, s, n);
      pen.fillStyle = css(ink ? paint.ink : paint.faint);
      pen.fillText(String(shown.steps[s]), box.x + box.width + 6, y);
    };
    const keep = chosen >= 0 ? baseline(box, chosen, n) : -Infinity;
    for (let s = 0; s < n; s++) {
      const y = baseline(box, s, n);
      if (y - last < 16 || Math.abs(y - keep) < 14) continue;
      label(s, false);
      last = y;
    }
    if (chosen >= 0) label(chosen, true);
  }

  #cursor(pen: CanvasRenderingContext2D, box: Box, step: number, paint: Paint): void {
    if (step < this.#span.from || step > this.#span.to) return;
    const x = Math.round(stepX(this.#span, step, box.x, box.width));
    pen.fillStyle = css(paint.background, 0.65);
    pen.fillRect(x - 1, box.y, 3, box.height);
    pen.fillStyle = css(paint.ink);
    pen.fillRect(x, box.y, 1, box.height);
    pen.beginPath();
    pen.moveTo(x - 3.5, box.y - 5);
    pen.lineTo(x + 4.5, box.y - 5);
    pen.lineTo(x + 0.5, box.y);
    pen.fill();
  }
}

const nearestSlice = (shown: Slices, step: number): number => {
  const row = rowOfStep({ data: shown.steps, length: shown.steps.length }, step);
  return row < 0 ? 0 : row + 1 < shown.steps.length && shown.steps[row + 1]! - step < step - shown.steps[row]! ? row + 1 : row;
};
