/** One chart: uPlot draws what the pyramids hand over, at most two points a pixel column and line. */

import uPlot from 'uplot';
import { makeTip, show, type Tip } from '../../chrome';
import { bandOf } from '../../engines/band';
import { lowerBound, windowOf, type Track } from '../../engines/pyramid';
import type { Theme } from '../../theme';
import type { Axis } from './tracks';

/** `group`: lines of one group are drawn as one band when bands are asked for. */
export interface Line { name: string; color: string; dash: boolean; track: Track; primary: boolean; group: string }

export interface ChartState {
  axis: Axis; log: boolean; smoothing: number; band: boolean;
  /** What all charts of the view show: null is everything. */
  range: [number, number] | null;
  step: number | null;
}

export interface ChartCalls {
  zoom(range: [number, number] | null): void;
  /** The pointer is over (or the keys moved to) this x; null when it left. */
  hover(x: number | null): void;
  pick(x: number): void;
}

export class Chart {
  private plot: uPlot | null = null;
  private lines: Line[] = [];
  private bad: number[] = [];
  private signature = '';
  private size = { width: 0, height: 0 };
  private readonly tip: Tip;
  private hovered: number | null = null;

  constructor(private readonly el: HTMLElement, private readonly value: HTMLElement, private theme: Theme, private state: ChartState,
    private readonly calls: ChartCalls, private readonly syncKey: string) {
    this.tip = makeTip(el);
  }

  setTheme(theme: Theme): void {
    this.theme = theme;
    this.signature = '';
  }

  /** Draws `lines` as they are now. Cheap to call: it only moves data that is in sight. */
  draw(lines: Line[], state: ChartState): void {
    this.lines = lines;
    this.state = state;
    const { clientWidth: width, clientHeight: height } = this.el;
    if (width < 40 || height < 40) return;
    const [x0, x1] = this.span();
    const aligned = windowOf(lines.map(l => l.track), x0, x1, Math.max(50, Math.floor(width / 2)));
    this.bad = aligned.bad;
    const positive = state.log && aligned.raw.some(ys => ys.some(v => typeof v === 'number' && v > 0));
    const guard = (ys: (number | null | undefined)[]) => (positive ? ys.map(v => (typeof v === 'number' && v <= 0 ? null : v)) : ys);
    const groups = state.band ? [...new Set(lines.map(l => l.group))] : [];
    const data = state.band
      ? [aligned.x, ...groups.flatMap(group => {
        const b = bandOf(aligned.x, lines.flatMap((l, i) => (l.group === group ? [(l.track.smooth ? aligned.smooth : aligned.raw)[i]!] : [])));
        return [guard(b.high), guard(b.low), guard(b.mean)];
      })]
      : [aligned.x, ...lines.flatMap((l, i) => (l.track.smooth ? [guard(aligned.raw[i]!), guard(aligned.smooth[i]!)] : [guard(aligned.raw[i]!)]))];
    const signature = JSON.stringify([positive, state.axis, groups, this.theme.mode, this.theme.bg, lines.map(l => [l.name, l.color, l.dash, !!l.track.smooth, l.primary])]);
    if (!this.plot || signature !== this.signature) {
      this.signature = signature;
      this.plot?.destroy();
      this.plot = new uPlot(this.options(width, height, positive), data as uPlot.AlignedData, this.el);
      this.plot.over.addEventListener('dblclick', () => this.calls.zoom(null));
      this.plot.over.addEventListener('click', () => { if (this.plot?.cursor.left! >= 0) this.calls.pick(this.plot!.posToVal(this.plot!.cursor.left!, 'x')); });
      this.plot.over.addEventListener('mouseleave', () => { this.tip.hide(); this.calls.hover(null); });
    } else {
      if (width !== this.size.width || height !== this.size.height) this.plot.setSize({ width, height });
      this.plot.setData(data as uPlot.AlignedData);
    }
    this.size = { width, height };
    this.say();
  }

  /** Moves the hover to x, from another chart or by key. */
  hover(x: number | null): void {
    if (this.hovered === x) return;
    this.hovered = x;
    this.say();
    this.plot?.redraw(false, false);
  }

  /** The x of the sample beside the hovered one, for the arrow keys. */
  beside(step: number): number | null {
    const track = this.lines[0]?.track;
    if (!track) return null;
    const at = this.hovered === null ? track.length - 1 : lowerBound(track.x, track.length, this.hovered) + step;
    return track.x[Math.min(track.length - 1, Math.max(0, at))] ?? null;
  }

  destroy(): void {
    this.plot?.destroy();
    this.tip.remove();
  }

  private span(): [number, number] {
    if (this.state.range) return this.state.range;
    let x0 = Infinity, x1 = -Infinity;
    for (const { track } of this.lines) { x0 = Math.min(x0, track.x[0]!); x1 = Math.max(x1, track.x[track.length - 1]!); }
    if (!(x1 >= x0)) return [0, 1];
    return x1 > x0 ? [x0, x1] : [x0 - 0.5, x1 + 0.5];
  }

  /** Real sample at or before x: what a reader wants to know, not what was drawn there. */
  private at(line: Line, x: number): number | null {
    const { track } = line;
    let i = lowerBound(track.x, track.length, x);
    if (i >= track.length || (i > 0 && x - track.x[i - 1]! < track.x[i]! - x)) i--;
    return i >= 0 ? track.y[i]! : null;
  }

  private say(): void {
    const x = this.hovered;
    const first = this.lines.find(l => l.primary) ?? this.lines[0];
    if (!first) { this.value.textContent = ''; return; }
    const last = first.track.y[first.track.length - 1]!;
    const now = x === null ? last : this.at(first, x);
    const one = first.primary;                          // several tags have no one value
    this.value.textContent = one ? show(now) : x === null ? `${this.lines.length} lines` : this.where(x);
    this.value.toggleAttribute('data-bad', one && now !== null && !Number.isFinite(now));
  }

  private where(x: number): string {
    return this.state.axis === 'step' ? `step ${Math.round(x)}` : clock(x);
  }

  private options(width: number, height: number, log: boolean): uPlot.Options {
    const { theme, lines } = this;
    const axis: uPlot.Axis = {
      stroke: theme.muted, font: `10.5px ${theme.font}`, grid: { stroke: theme.inset, width: 1 }, ticks: { show: false }, gap: 4,
    };
    const many = lines.length > 12;
    const series: uPlot.Series[] = [{}], bands: uPlot.Band[] = [];
    if (this.state.band) for (const group of new Set(lines.map(l => l.group))) {
      const { color } = lines.filter(l => l.group === group).at(-1)!, edge: uPlot.Series = { stroke: fade(color, 0.3), width: 0.5, points: { show: false } };
      bands.push({ series: [series.length, series.length + 1], fill: fade(color, 0.16) });
      series.push(edge, { ...edge }, { stroke: color, width: 1.6, points: { show: false } });
    } else for (const line of lines) {
      const base: uPlot.Series = { points: { show: (_u, _i, from, to) => to - from < 2 && line.track.length < 3, size: 4, fill: line.color }, spanGaps: false, ...(line.dash && { dash: [4, 3] }) };
      if (line.track.smooth) {
        series.push({ ...base, stroke: fade(line.color, 0.28), width: 1 });
        series.push({ ...base, stroke: line.color, width: many ? 1 : 1.6 });
      } else series.push({ ...base, stroke: fade(line.color, line.dash ? 0.8 : 1), width: many ? 1 : 1.4 });
    }
    return {
      width, height, padding: [6, 8, 0, 0], legend: { show: false }, series, bands,
      cursor: { y: false, points: { show: false }, drag: { x: true, y: false, setScale: false }, sync: { key: this.syncKey, setSeries: false, scales: ['x', null] } },
      scales: {
        x: { time: false, range: () => this.span() },
        y: log ? { distr: 3 } : { range: (_u, min, max) => pad(min, max) },
      },
      axes: [
        { ...axis, size: 22, space: 44, values: (_u, ticks) => ticks.map(v => (this.state.axis === 'step' ? (Number.isInteger(v) ? compact(v) : '') : clock(v))) },
        { ...axis, size: 48, values: (_u, ticks) => ticks.map(v => (v === null ? '' : show(v, 3))), ...(log && { filter: decades, grid: { ...axis.grid, filter: decades } }) },
      ],
      hooks: {
        setCursor: [u => this.onCursor(u)],
        setSelect: [u => {
          if (u.select.width < 4) return;
          this.calls.zoom([u.posToVal(u.select.left, 'x'), u.posToVal(u.select.left + u.select.width, 'x')]);
          u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        }],
        draw: [u => this.drawMarks(u)],
      },
    };
  }

  private onCursor(u: uPlot): void {
    const left = u.cursor.left ?? -1;
    const x = left >= 0 ? u.posToVal(left, 'x') : null;
    const mine = (u.cursor as { event?: Event }).event !== undefined;
    if (x !== this.hovered) {
      this.hovered = x;
      this.say();
      if (mine && x !== null) this.calls.hover(x);
    }
    if (!mine || x === null) return this.tip.hide();
    const rows = this.lines.map(l => ({ name: l.name, v: this.at(l, x) })).filter(r => r.v !== null);
    if (rows.length < 2) return this.tip.hide();
    const top = u.posToVal(u.cursor.top ?? 0, 'y');
    const nearest = rows.length <= 8 ? rows : rows.sort((a, b) => Math.abs(Math.log(Math.abs(a.v! / top))) - Math.abs(Math.log(Math.abs(b.v! / top)))).slice(0, 6);
    const text = nearest.sort((a, b) => b.v! - a.v!).map(r => `${show(r.v)}  ${r.name}`).join('\n');
    this.tip.show(`${this.where(x)}\n${text}${rows.length > nearest.length ? `\nand ${rows.length - nearest.length} more` : ''}`, left + u.over.offsetLeft, (u.cursor.top ?? 0) + u.over.offsetTop);
  }

  /** Where values were not finite, and the selected step. */
  private drawMarks(u: uPlot): void {
    const { ctx } = u, ratio = uPlot.pxRatio, { left, top, width, height } = u.bbox;
    ctx.save();
    ctx.fillStyle = this.theme.trouble;
    for (const x of this.bad) {
      const at = u.valToPos(x, 'x', true), base = top + height;
      if (at < left || at > left + width) continue;
      ctx.globalAlpha = 0.25;
      ctx.fillRect(at - 0.5 * ratio, top, ratio, height);
      ctx.globalAlpha = 1;
      ctx.beginPath();
      ctx.moveTo(at - 4 * ratio, base); ctx.lineTo(at + 4 * ratio, base); ctx.lineTo(at, base - 7 * ratio);
      ctx.fill();
    }
    const mark = (x: number | null, color: string, dash: number[]) => {
      if (x === null) return;
      const at = Math.round(u.valToPos(x, 'x', true));
      if (at < left || at > left + width) return;
      ctx.strokeStyle = color;
      ctx.lineWidth = ratio;
      ctx.setLineDash(dash);
      ctx.beginPath();
      ctx.moveTo(at, top); ctx.lineTo(at, top + height);
      ctx.stroke();
    };
    mark(this.state.axis === 'step' ? this.state.step : null, this.theme.fg, [3 * ratio, 3 * ratio]);
    ctx.restore();
  }
}

function pad(min: number | null, max: number | null): [number, number] {
  if (min === null || max === null) return [0, 1];
  // Closer than a float32 can tell apart: a flat line, not a picture of its rounding.
  if (max - min <= 2e-7 * Math.max(Math.abs(min), Math.abs(max))) return min === 0 ? [-1, 1] : [min - Math.abs(min) * 0.1, max + Math.abs(max) * 0.1];
  const room = (max - min) * 0.06;
  return [min >= 0 && min < room ? Math.min(min, 0) : min - room, max + room];
}

const fade = (hex: string, alpha: number) => (alpha >= 1 ? hex : hex + Math.round(alpha * 255).toString(16).padStart(2, '0'));
const decades = (_u: uPlot, splits: number[]) => splits.map(v => (Math.abs(Math.log10(v) - Math.round(Math.log10(v))) < 1e-9 ? v : null));
const compact = (v: number) => (Math.abs(v) >= 1e6 ? `${v / 1e6}M` : Math.abs(v) >= 1e4 ? `${v / 1e3}k` : String(v));
const clock = (s: number) => (s < 60 ? `${Number(s.toFixed(s < 10 ? 1 : 0))}s` : `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, '0')}`);
