/** Geometry and drawing of a chart on a 2D context: two scales with ticks, lines that may have holes, bands. */

export interface Scale { min: number; max: number; log: boolean }
export interface Box { left: number; top: number; width: number; height: number }
/** null breaks a line (nothing finite there), undefined lets it pass (no sample there). */
export type Ys = readonly (number | null | undefined)[];
export interface Stroke { ys: Ys; color: string; width: number; dash?: readonly number[] }

/** From values to CSS pixels and back. */
export class Frame {
  constructor(readonly box: Box, readonly x: Scale, readonly y: Scale) {}

  left(x: number): number { return this.box.left + shareOf(this.x, x) * this.box.width; }
  top(y: number): number { return this.box.top + (1 - shareOf(this.y, y)) * this.box.height; }
  xAt(left: number): number { return valueAt(this.x, (left - this.box.left) / this.box.width); }
  yAt(top: number): number { return valueAt(this.y, 1 - (top - this.box.top) / this.box.height); }
}

const shareOf = ({ min, max, log }: Scale, v: number) => (log ? Math.log(v / min) / Math.log(max / min) : (v - min) / (max - min));
const valueAt = ({ min, max, log }: Scale, share: number) => (log ? min * (max / min) ** share : min + share * (max - min));

/** A scale over all finite values of `lists`, with room around them; positive ones only where it is logarithmic. */
export function scaleOf(lists: readonly Ys[], log: boolean): Scale {
  let min = Infinity, max = -Infinity;
  for (const ys of lists) for (const v of ys) if (typeof v === 'number' && (!log || v > 0)) { if (v < min) min = v; if (v > max) max = v; }
  if (!(min <= max)) return log ? { min: 0.1, max: 1, log } : { min: 0, max: 1, log };
  if (log) return max > min * 1.001 ? { min: min / (max / min) ** 0.04, max: max * (max / min) ** 0.04, log } : { min: min / 2, max: max * 2, log };
  // Closer than a float32 can tell apart: a flat line, not a picture of its rounding.
  if (max - min <= 2e-7 * Math.max(Math.abs(min), Math.abs(max))) return min === 0 ? { min: -1, max: 1, log } : { min: min - Math.abs(min) * 0.1, max: max + Math.abs(max) * 0.1, log };
  const room = (max - min) * 0.06;
  return { min: min >= 0 && min < room ? Math.min(min, 0) : min - room, max: max + room, log };
}

const ROUND = [1, 2, 5];
const SECONDS = [60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400, 28_800, 86_400];

/** At most `most` round numbers inside a scale. `seconds`: above a minute, round in minutes and hours. */
export function ticksOf({ min, max, log }: Scale, most: number, seconds = false): number[] {
  if (!(max > min) || most < 1) return [];
  if (log) {
    const low = Math.ceil(Math.log10(min) - 1e-9), high = Math.floor(Math.log10(max) + 1e-9), skip = Math.max(1, Math.ceil((high - low + 1) / most));
    const inside = [];
    for (let d = low; d <= high; d += skip) inside.push(10 ** d);
    if (inside.length > 1) return inside;
    const finer = [];
    for (let d = low - 1; d <= high; d++) for (const m of ROUND) { const v = m * 10 ** d; if (v >= min && v <= max) finer.push(v); }
    if (finer.length > 1 && finer.length <= most) return finer;
  }
  const least = (max - min) / most, base = 10 ** Math.floor(Math.log10(least));
  const step = (seconds && least > 30 && SECONDS.find(s => s >= least)) || [...ROUND, 10].map(m => m * base).find(s => s >= least * (1 - 1e-9))!;
  const ticks = [];
  for (let k = Math.ceil(min / step - 1e-9); k * step <= max + step * 1e-9; k++) ticks.push(Number((k * step).toPrecision(12)));
  return ticks;
}

/** One path a line. A sample that stands alone between holes is a dot: it would be invisible otherwise. */
export function strokeLine(ctx: CanvasRenderingContext2D, frame: Frame, xs: readonly number[], { ys, color, width, dash }: Stroke): void {
  const { box, x, y } = frame, at = (v: number) => (x.log ? Math.log(v) : v), kx = box.width / (at(x.max) - at(x.min)), x0 = box.left - at(x.min) * kx, { log } = y;
  const low = log ? Math.log(y.min) : y.min, ky = box.height / ((log ? Math.log(y.max) : y.max) - low), y0 = box.top + box.height + low * ky;
  const dots: number[] = [];
  let run = 0, px = 0, py = 0;
  ctx.beginPath();
  for (let i = 0; i < ys.length; i++) {
    const v = ys[i];
    if (v === undefined) continue;
    if (v === null || (log && v <= 0)) { if (run === 1) dots.push(px, py); run = 0; continue; }
    px = x0 + at(xs[i]!) * kx;
    py = y0 - (log ? Math.log(v) : v) * ky;
    if (run++) ctx.lineTo(px, py); else ctx.moveTo(px, py);
  }
  if (run === 1) dots.push(px, py);
  ctx.strokeStyle = color;
  ctx.lineWidth = width;
  ctx.setLineDash(dash as number[] ?? []);
  ctx.stroke();
  ctx.fillStyle = color;
  for (let i = 0; i < dots.length; i += 2) { ctx.beginPath(); ctx.arc(dots[i]!, dots[i + 1]!, Math.max(2, width), 0, 7); ctx.fill(); }
}

/** The area between two lines that have their holes in the same places. */
export function fillBand(ctx: CanvasRenderingContext2D, frame: Frame, xs: readonly number[], high: Ys, low: Ys, color: string): void {
  const ok = (i: number) => [high[i], low[i]].every(v => typeof v === 'number' && (!frame.y.log || v > 0));
  ctx.fillStyle = color;
  ctx.beginPath();
  for (let from = 0; from < xs.length; from++) {
    if (!ok(from)) continue;
    let to = from;
    while (to < xs.length && ok(to)) ctx.lineTo(frame.left(xs[to]!), frame.top(high[to++] as number));
    for (let i = to - 1; i >= from; i--) ctx.lineTo(frame.left(xs[i]!), frame.top(low[i] as number));
    ctx.closePath();
    ctx.fill();
    ctx.beginPath();
    from = to;
  }
}
