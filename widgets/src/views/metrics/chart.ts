/** One chart: a canvas, the pointer over it, and what the numbers under the pointer are. It draws at most two points a pixel column and line. */

import { makeTip, show, t, type Tip } from '../../chrome';
import { bandOf } from '../../engines/band';
import { fillBand, Frame, scaleOf, strokeLine, ticksOf, type Stroke, type Ys } from '../../engines/plot';
import { lowerBound, windowOf, type Track } from '../../engines/pyramid';
import type { Theme } from '../../theme';
import type { Axis } from './tracks';

/** `group`: lines of one group are drawn as one band when bands are asked for. `key` is what the reader hides or renames: a run or a tag. */
export interface Line { key: string; name: string; color: string; dash: readonly number[]; track: Track; primary: boolean; group: string }

/** Something that happened at an x: a finding, with its words. */
export interface Mark { x: number; words: string }

export interface ChartState {
  axis: Axis; log: boolean; logX: boolean; smoothing: number; band: boolean; marks: readonly Mark[];
  /** What all charts of the view show: null is everything. */
  range: readonly [number, number] | null;
  /** Where the selected step stands. */
  now: number | null;
}

export interface ChartCalls {
  /** The value of each line (as given to `draw`) at the cursor, at the selected step, or the latest. */
  read?(values: readonly (number | null)[]): void;
  zoom(range: [number, number] | null): void;
  /** The pointer is over (or the keys moved to) this x; null when it left. */
  hover(x: number | null): void;
  pick(x: number): void;
}

/** Pointer travel that makes a click a brush. */
const BRUSH_PX = 4;
const TOP = 6, RIGHT = 8, BOTTOM = 20;

export class Chart {
  private readonly canvas: HTMLCanvasElement;
  private readonly hair: HTMLElement;
  private readonly brush: HTMLElement;
  private readonly tip: Tip;
  private frame: Frame | null = null;
  private lines: Line[] = [];
  private hovered: number | null = null;
  private grabbed: number | null = null;

  constructor(private readonly el: HTMLElement, private readonly value: HTMLElement, private theme: Theme, private state: ChartState, private readonly calls: ChartCalls) {
    const make = <K extends 'canvas' | 'div'>(tag: K, name: string) => {
      const made = el.ownerDocument.createElement(tag);
      made.className = name;
      el.append(made);
      return made;
    };
    this.canvas = make('canvas', 'ts-plot-canvas');
    this.hair = make('div', 'ts-plot-hair');
    this.brush = make('div', 'ts-plot-brush');
    this.tip = makeTip(el);
    this.hair.hidden = this.brush.hidden = true;
    el.onpointerdown = e => {
      if (e.button !== 0) return;
      try { el.setPointerCapture(e.pointerId); } catch { /* a made-up event has no pointer */ }
      this.grabbed = this.place(e);
    };
    el.onpointermove = e => this.move(e);
    el.onpointerup = e => this.drop(e);
    el.onpointercancel = () => this.letGo();
    el.onpointerleave = () => { this.tip.hide(); calls.hover(null); };
    el.ondblclick = () => calls.zoom(null);
  }

  setTheme(theme: Theme): void {
    this.theme = theme;
  }

  /** Draws `lines` as they are now. */
  draw(lines: Line[], state: ChartState): void {
    this.lines = lines;
    this.state = state;
    const { el, canvas, theme } = this, { clientWidth: width, clientHeight: height } = el, ratio = el.ownerDocument.defaultView?.devicePixelRatio ?? 1;
    const ctx = width < 40 || height < 40 ? null : canvas.getContext('2d');
    if (!ctx) return;
    const [x0, x1] = this.span(), logX = state.logX && x0 > 0 && x1 > x0, aligned = windowOf(lines.map(l => l.track), x0, x1, Math.max(50, Math.floor(width / 2)), logX);
    const { strokes, bands } = this.strokesOf(aligned.x, aligned.raw, aligned.smooth);
    const drawn = [...strokes.map(s => s.ys), ...bands.flatMap(b => [b.high, b.low])];
    const y = scaleOf(drawn, state.log && drawn.some(ys => ys.some(v => typeof v === 'number' && v > 0)));
    const w = Math.round(width * ratio), h = Math.round(height * ratio);
    if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    ctx.clearRect(0, 0, width, height);
    ctx.font = `10.5px ${theme.font}`;
    const ys = ticksOf(y, Math.max(2, Math.floor((height - TOP - BOTTOM) / 30))), words = ys.map(v => show(v, 3));
    const left = Math.ceil(Math.max(24, ...words.map(word => ctx.measureText(word).width))) + 8;
    const frame = (this.frame = new Frame({ left, top: TOP, width: width - left - RIGHT, height: height - TOP - BOTTOM }, { min: x0, max: x1, log: logX }, y));
    this.axes(ctx, frame, ys, words);
    ctx.save();
    ctx.beginPath();
    ctx.rect(frame.box.left, 0, frame.box.width, height);
    ctx.clip();
    ctx.lineJoin = 'round';
    for (const band of bands) fillBand(ctx, frame, aligned.x, band.high, band.low, band.color);
    for (const stroke of strokes) strokeLine(ctx, frame, aligned.x, stroke);
    this.drawMarks(ctx, frame, aligned.bad);
    ctx.restore();
    this.say();
  }

  /** Moves the hover to x, from another chart or by key. */
  hover(x: number | null): void {
    if (this.hovered === x) return;
    this.hovered = x;
    this.say();
  }

  /** The x of the sample beside the hovered one, for the arrow keys. */
  beside(step: number): number | null {
    const track = this.lines[0]?.track;
    if (!track) return null;
    const at = this.hovered === null ? track.length - 1 : lowerBound(track.x, track.length, this.hovered) + step;
    return track.x[Math.min(track.length - 1, Math.max(0, at))] ?? null;
  }

  destroy(): void {
    this.tip.remove();
  }

  private strokesOf(x: readonly number[], raw: readonly Ys[], smooth: readonly Ys[]): { strokes: Stroke[]; bands: { high: Ys; low: Ys; color: string }[] } {
    const { lines, state } = this, many = lines.length > 12, strokes: Stroke[] = [], bands: { high: Ys; low: Ys; color: string }[] = [];
    if (state.band) for (const group of new Set(lines.map(l => l.group))) {
      const { color, dash } = lines.filter(l => l.group === group).at(-1)!, b = bandOf(x, lines.flatMap((l, i) => (l.group === group ? [(l.track.smooth ? smooth : raw)[i]!] : [])));
      bands.push({ high: b.high, low: b.low, color: fade(color, 0.16) });
      strokes.push({ ys: b.high, color: fade(color, 0.3), width: 0.5 }, { ys: b.low, color: fade(color, 0.3), width: 0.5 }, { ys: b.mean, color, width: 1.6, dash });
    } else lines.forEach((line, i) => {
      if (line.track.smooth) strokes.push({ ys: raw[i]!, color: fade(line.color, 0.28), width: 1 }, { ys: smooth[i]!, color: line.color, width: many ? 1 : 1.6, dash: line.dash });
      else strokes.push({ ys: raw[i]!, color: line.color, width: many ? 1 : 1.4, dash: line.dash });
    });
    return { strokes, bands };
  }

  private axes(ctx: CanvasRenderingContext2D, f: Frame, ys: number[], words: string[]): void {
    const { box, x } = f, { axis } = this.state, whole = axis === 'step', timed = axis === 'time' || axis === 'wall';
    const xs = ticksOf(x, Math.max(2, Math.floor(box.width / (axis === 'wall' ? 66 : 52))), timed && !x.log).filter(v => !whole || Number.isInteger(v));
    ctx.fillStyle = this.theme.inset;
    for (const v of ys) ctx.fillRect(box.left, Math.round(f.top(v)), box.width, 1);
    for (const v of xs) ctx.fillRect(Math.round(f.left(v)), box.top, 1, box.height);
    ctx.fillStyle = this.theme.muted;
    ctx.textBaseline = 'middle';
    ctx.textAlign = 'right';
    ys.forEach((v, i) => ctx.fillText(words[i]!, box.left - 6, f.top(v)));
    ctx.textBaseline = 'alphabetic';
    ctx.textAlign = 'center';
    for (const v of xs) {
      const word = timed ? (axis === 'wall' ? hour(v) : clock(v)) : compact(v), half = ctx.measureText(word).width / 2;
      ctx.fillText(word, Math.min(f.left(v), box.left + box.width + RIGHT - half), box.top + box.height + 14);
    }
  }

  private span(): [number, number] {
    const { range, logX } = this.state;
    let x0 = Infinity, x1 = -Infinity;
    for (const { track } of this.lines) {
      x0 = Math.min(x0, logX ? track.x[lowerBound(track.x, track.length, Number.MIN_VALUE)] ?? Infinity : track.x[0]!);
      x1 = Math.max(x1, track.x[track.length - 1]!);
    }
    if (range) return logX && !(range[0] > 0) ? [Math.min(x0, range[1]), range[1]] : [range[0], range[1]];
    if (!(x1 >= x0)) return [0, 1];
    return x1 > x0 ? [x0, x1] : [x0 - 0.5, x1 + 0.5];
  }

  private place(e: PointerEvent): number {
    const { box } = this.frame ?? { box: { left: 0, width: 1 } };
    return Math.min(box.left + box.width, Math.max(box.left, e.clientX - this.el.getBoundingClientRect().left));
  }

  private move(e: PointerEvent): void {
    const { frame } = this;
    if (!frame) return;
    const left = this.place(e), x = frame.xAt(left);
    if (this.grabbed !== null && Math.abs(left - this.grabbed) >= BRUSH_PX) {
      this.brush.hidden = false;
      Object.assign(this.brush.style, { left: `${Math.min(left, this.grabbed)}px`, width: `${Math.abs(left - this.grabbed)}px`, top: `${TOP}px`, height: `${frame.box.height}px` });
      this.tip.hide();
    }
    this.hovered = x;
    this.say();
    this.calls.hover(x);
    if (this.brush.hidden) this.tell(frame, x, left, e.clientY - this.el.getBoundingClientRect().top);
  }

  private drop(e: PointerEvent): void {
    const { frame, grabbed } = this, left = this.place(e);
    this.letGo();
    if (!frame || grabbed === null) return;
    if (Math.abs(left - grabbed) < BRUSH_PX) this.calls.pick(frame.xAt(left));
    else this.calls.zoom([frame.xAt(Math.min(left, grabbed)), frame.xAt(Math.max(left, grabbed))]);
  }

  private letGo(): void {
    this.grabbed = null;
    this.brush.hidden = true;
  }

  /** Real sample at or before x: what a reader wants to know, not what was drawn there. */
  private at(line: Line, x: number): number | null {
    const { track } = line;
    let i = lowerBound(track.x, track.length, x);
    if (i >= track.length || (i > 0 && x - track.x[i - 1]! < track.x[i]! - x)) i--;
    return i >= 0 ? track.y[i]! : null;
  }

  private say(): void {
    const { frame, lines, state } = this, x = this.hovered ?? state.now;
    const first = lines.find(l => l.primary) ?? lines[0];
    const inside = frame !== null && this.hovered !== null && this.hovered >= frame.x.min && this.hovered <= frame.x.max;
    this.hair.hidden = !inside;
    if (inside) Object.assign(this.hair.style, { left: `${frame.left(this.hovered!)}px`, top: `${TOP}px`, height: `${frame.box.height}px` });
    const values = lines.map(l => (x === null ? l.track.y[l.track.length - 1]! : this.at(l, x)));
    this.calls.read?.(values);
    if (!first) { this.value.textContent = ''; return; }
    const now = values[lines.indexOf(first)] ?? null, one = first.primary;   // several tags have no one value
    this.value.textContent = one ? show(now) : this.hovered === null ? t('{0} lines', lines.length) : this.where(this.hovered);
    this.value.toggleAttribute('data-bad', one && now !== null && !Number.isFinite(now));
  }

  private where(x: number): string {
    const { axis } = this.state;
    return axis === 'step' ? t('step {0}', Math.round(x)) : axis === 'epoch' ? t('epoch {0}', show(x, 4)) : axis === 'wall' ? hour(x) : clock(x);
  }

  /** The card beside the pointer: the lines nearest to it, and what happened there. */
  private tell(frame: Frame, x: number, left: number, top: number): void {
    const rows = this.lines.map(l => ({ name: l.name, v: this.at(l, x) })).filter(r => r.v !== null);
    const marks = this.state.marks.filter(m => Math.abs(frame.left(m.x) - left) < 6).map(m => `▼ ${m.words}`);
    if (rows.length < 2 && !marks.length) return this.tip.hide();
    const away = (v: number) => Math.abs(frame.top(v) - top), nearest = rows.length <= 8 ? rows : rows.sort((a, b) => away(a.v!) - away(b.v!)).slice(0, 6);
    const lines = nearest.sort((a, b) => b.v! - a.v!).map(r => `${show(r.v)}  ${r.name}`);
    this.tip.show([this.where(x), ...lines, ...(rows.length > nearest.length ? [t('and {0} more', rows.length - nearest.length)] : []), ...marks].join('\n'), left, top);
  }

  /** Where values were not finite, what was found, and the selected step. */
  private drawMarks(ctx: CanvasRenderingContext2D, frame: Frame, bad: readonly number[]): void {
    const { top, height } = frame.box, base = top + height;
    ctx.setLineDash([]);
    ctx.fillStyle = this.theme.trouble;
    const triangle = (at: number, from: number, to: number) => { ctx.beginPath(); ctx.moveTo(at - 4, from); ctx.lineTo(at + 4, from); ctx.lineTo(at, to); ctx.fill(); };
    for (const x of bad) {
      const at = frame.left(x);
      ctx.globalAlpha = 0.25;
      ctx.fillRect(at - 0.5, top, 1, height);
      ctx.globalAlpha = 1;
      triangle(at, base, base - 7);
    }
    for (const { x } of this.state.marks) triangle(frame.left(x), 0, 6);
    const { now } = this.state;
    if (now === null || !Number.isFinite(now)) return;
    ctx.strokeStyle = this.theme.fg;
    ctx.lineWidth = 1;
    ctx.setLineDash([3, 3]);
    ctx.beginPath();
    const at = Math.round(frame.left(now)) + 0.5;
    ctx.moveTo(at, top); ctx.lineTo(at, base);
    ctx.stroke();
  }
}

const fade = (hex: string, alpha: number) => (alpha >= 1 ? hex : hex + Math.round(alpha * 255).toString(16).padStart(2, '0'));
const compact = (v: number) => (Math.abs(v) >= 1e6 ? `${v / 1e6}M` : Math.abs(v) >= 1e4 ? `${v / 1e3}k` : String(v));
const clock = (s: number) => (s < 60 ? `${Number(s.toFixed(s < 10 ? 1 : 0))}s` : `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, '0')}`);
const hour = (s: number) => new Date(s * 1000).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit' });
