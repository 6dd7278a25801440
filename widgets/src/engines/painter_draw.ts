/** The picture itself, in slices: a caller with little time stops between them. */

import { SIZE } from './graphmodel_label';
import { KIND } from './graphmodel_plan';
import { GAP, ROUTE } from './layout';
import { DOT, MARK, STYLE, type Palette } from './painter_style';
import { fitted, measured } from './painter_text';
import type { Scene } from './scene';

/** World point in the middle of the view, and pixels a world unit. */
export interface Camera { x: number; y: number; zoom: number }

/** How a scene is to be shown. Numbers index the palette. */
export interface Look {
  style: Uint8Array;
  line: Uint8Array;
  mark: Uint8Array;
  /** Breakpoints, by item. */
  dot?: Uint8Array;
  /** Title and second line, where they differ from the scene's own; undefined keeps those. */
  title?(item: number): string | undefined;
  note?(item: number): string | undefined;
  /** Small third line, close up. */
  detail?(item: number): string | undefined;
  /** What is written beside the lines: shape and type of what they carry. */
  thread?(edge: number): string;
  /** Data flows up: gradients. */
  upward: boolean;
  /** Lines for what does not flow may be left without arrows. */
  version: number;
}

/** Levels of detail by zoom. */
export const LOD = { pixels: 0.12, text: 0.45, notes: 0.68, details: 1.5 } as const;

export interface Window { left: number; top: number; right: number; bottom: number }

const SLICE = 400;

/** Visible items, frames and edges, by culling whole modules at once. */
export function visible(scene: Scene, view: Window): { items: number[]; frames: number[]; edges: number[] } {
  const items: number[] = [], frames: number[] = [], edges: number[] = [];
  const take = (from: number, to: number) => {
    const { bounds: b } = scene;
    for (let e = from, k = from * 4; e < to; e++, k += 4) if (b[k]! < view.right && b[k + 2]! > view.left && b[k + 1]! < view.bottom && b[k + 3]! > view.top) edges.push(e);
  };
  take(scene.outer[0], scene.outer[1]);
  for (let i = 0; i < scene.count;) {
    const x = scene.x[i]!, y = scene.y[i]!;
    if (x > view.right || y > view.bottom || x + scene.w[i]! < view.left || y + scene.h[i]! < view.top) { i = scene.open[i] ? scene.end[i]! : i + 1; continue; }
    if (scene.open[i]) {
      frames.push(i);
      take(scene.edgeStart[i]!, scene.edgeEnd[i]!);
    } else items.push(i);
    i++;
  }
  return { items, frames, edges };
}

/** Draws in world coordinates; the transform is set. Yields between slices of work. */
export function* draw(ctx: CanvasRenderingContext2D, scene: Scene, look: Look, palette: Palette, zoom: number, view: Window): Generator<void> {
  const seen = visible(scene, view), thin = Math.max(1, 0.75 / zoom);
  yield;
  for (const i of seen.frames) frame(ctx, scene, i, palette, zoom);
  yield* lines(ctx, scene, look, palette, zoom, seen.edges, thin);
  if (look.thread && zoom >= LOD.notes) threads(ctx, scene, look, palette, seen.edges);
  if (zoom >= 0.25) for (const i of seen.frames) caption(ctx, scene, i, palette, zoom);
  const buckets = new Map<number, number[]>();
  for (const i of seen.items) {
    const kind = scene.kind[i]!;
    if (kind === KIND.entry || kind === KIND.exit) continue;
    if ((kind === KIND.chip || kind === KIND.tuck) && zoom < 0.3) continue;
    const key = look.style[i]! * 2 + (kind === KIND.fold ? 1 : 0), list = buckets.get(key);
    if (list) list.push(i); else buckets.set(key, [i]);
  }
  if (zoom > 0.5) ports(ctx, scene, seen.items, palette);
  for (const [key, list] of buckets) {
    const style = palette.boxes[key >> 1]!;
    for (let from = 0; from < list.length; from += SLICE) {
      boxes(ctx, scene, list.slice(from, from + SLICE), style, thin, zoom, (key & 1) === 1, palette.theme.bg);
      yield;
    }
  }
  if (zoom >= LOD.text) yield* texts(ctx, scene, look, palette, zoom, seen.items);
  if (zoom >= 0.3) for (const i of seen.items) if (look.mark[i]) mark(ctx, scene, i, look.mark[i]!, palette, look.style[i]!, zoom);
  if (look.dot) for (const list of [seen.frames, seen.items]) for (const i of list) if (look.dot[i]) dot(ctx, scene, i, look.dot[i]!, palette, zoom);
}

function frame(ctx: CanvasRenderingContext2D, scene: Scene, i: number, palette: Palette, zoom: number): void {
  const x = scene.x[i]!, y = scene.y[i]!, w = scene.w[i]!, h = scene.h[i]!;
  ctx.beginPath();
  ctx.roundRect(x, y, w, h, 7);
  ctx.fillStyle = palette.frames[Math.min(palette.frames.length - 1, scene.depth[i]!)]!;
  ctx.fill();
  ctx.strokeStyle = palette.boxes[STYLE.module]!.stroke;
  ctx.lineWidth = Math.max(1, 0.6 / zoom);
  ctx.stroke();
}

/** Over the lines: those that come in from above must not run through the name. */
function caption(ctx: CanvasRenderingContext2D, scene: Scene, i: number, palette: Palette, zoom: number): void {
  const { theme } = palette, x = scene.x[i]!, y = scene.y[i]!, w = scene.w[i]!, size = Math.max(SIZE.text, 9.5 / zoom), room = Math.min(w - 30, 400);
  if (size > GAP.header) return;
  const { title, note } = scene.label(i), middle = y + GAP.header / 2;
  // The name stands left of where the first line comes in, the note behind it or, without room there, beyond that line.
  const trunk = entryOf(scene, i) - x, small = size * 0.85, head = fitted(ctx, title, '600', theme.font, size, room), used = measured(ctx, head, '600', theme.font) * size;
  const long = measured(ctx, note, '', theme.font) * small, beyond = trunk > 0 && 28 + used + long > trunk - 4 && long < w - trunk - 14 && 20 + used < trunk + 6;
  const at = beyond ? Math.max(x + trunk + 7, x + 28 + used) : x + 28 + used, tail = beyond ? note : fitted(ctx, note, '', theme.font, small, w - 36 - used);
  ctx.fillStyle = palette.frames[Math.min(palette.frames.length - 1, scene.depth[i]!)]!;
  const patch = (from: number, width: number) => { if (trunk > 0 && from < x + trunk && from + width > x + trunk) ctx.fillRect(from - 2, middle - size * 0.7, width + 4, size * 1.4); };
  patch(x + 6, 14 + used);
  if (tail) patch(at, measured(ctx, tail, '', theme.font) * small);
  caret(ctx, x + 12, middle, true, theme.muted);
  ctx.textBaseline = 'middle';
  ctx.textAlign = 'left';
  ctx.font = `600 ${size}px ${theme.font}`;
  ctx.fillStyle = theme.fg;
  ctx.fillText(head, x + 20, middle);
  ctx.font = `${small}px ${theme.font}`;
  ctx.fillStyle = theme.muted;
  ctx.fillText(tail, at, middle + 0.5);
}

/** Where the first line enters an open module; -1 when none does. */
function entryOf(scene: Scene, i: number): number {
  for (let k = i + 1; k < scene.end[i]! && scene.kind[k] === KIND.entry; k++) if (scene.parent[k] === i) return scene.x[k]!;
  return -1;
}

export function caret(ctx: CanvasRenderingContext2D, x: number, y: number, open: boolean, color: string): void {
  ctx.beginPath();
  if (open) { ctx.moveTo(x - 4, y - 2); ctx.lineTo(x + 4, y - 2); ctx.lineTo(x, y + 3); } else { ctx.moveTo(x - 2, y - 4); ctx.lineTo(x + 3, y); ctx.lineTo(x - 2, y + 4); }
  ctx.fillStyle = color;
  ctx.fill();
}

function* lines(ctx: CanvasRenderingContext2D, scene: Scene, look: Look, palette: Palette, zoom: number, edges: readonly number[], thin: number): Generator<void> {
  const buckets = new Map<number, number[]>();
  for (const e of edges) { const list = buckets.get(look.line[e]!); if (list) list.push(e); else buckets.set(look.line[e]!, [e]); }
  ctx.lineJoin = 'round';
  for (const [style, list] of [...buckets].sort((a, b) => order(a[0]) - order(b[0]))) {
    const { color, width, dash } = palette.lines[style]!;
    ctx.strokeStyle = ctx.fillStyle = color;
    ctx.lineWidth = Math.max(width, thin * 0.9);
    ctx.setLineDash(zoom > 0.4 ? dash : []);
    for (let from = 0; from < list.length; from += SLICE) {
      const part = list.slice(from, from + SLICE);
      ctx.beginPath();
      for (const e of part) edgePath(ctx, scene, e, zoom > 0.35);
      ctx.stroke();
      if (zoom >= 0.55) {
        ctx.beginPath();
        for (const e of part) if (scene.route[e] !== ROUTE.stub) arrow(ctx, scene, e, look.upward);
        ctx.fill();
      }
      yield;
    }
  }
  ctx.setLineDash([]);
}

/** Where a line begins, once for all lines that carry the same away from there. */
function threads(ctx: CanvasRenderingContext2D, scene: Scene, look: Look, palette: Palette, edges: readonly number[]): void {
  const { theme } = palette, size = SIZE.chipText, said = new Set<string>();
  ctx.font = `${size}px ${theme.font}`;
  ctx.textAlign = 'left';
  ctx.textBaseline = 'middle';
  for (const e of edges) {
    if (scene.route[e] === ROUTE.stub || look.line[e] === 1) continue;
    const { points: p } = scene, a = scene.pointStart[e]! * 2, x = p[a]!, y = p[a + 1]!, place = `${Math.round(x)} ${Math.round(y)}`;
    if (said.has(place)) continue;
    said.add(place);
    const words = look.thread!(e);
    if (!words) continue;
    ctx.fillStyle = theme.muted;
    ctx.fillText(fitted(ctx, words, '', theme.font, size, 110), x + 4, y + 8);
  }
}

/** What matters most is drawn last. */
const order = (style: number) => (style === 1 ? -1 : style);

/** Vertical tangents at every point, so that chains of bends are smooth. */
export function edgePath(ctx: CanvasRenderingContext2D | Path2D, scene: Scene, e: number, curved: boolean): void {
  const { points: p } = scene, from = scene.pointStart[e]!, to = scene.pointStart[e + 1]! - 1;
  let x0 = p[from * 2]!, y0 = p[from * 2 + 1]!;
  ctx.moveTo(x0, y0);
  if (scene.route[e] === ROUTE.stub) {
    // Only its ends: both say that there is more.
    ctx.lineTo(x0, y0 + 7);
    ctx.moveTo(p[to * 2]!, p[to * 2 + 1]! - 7);
    ctx.lineTo(p[to * 2]!, p[to * 2 + 1]!);
    return;
  }
  for (let k = from + 1; k <= to; k++) {
    const x1 = p[k * 2]!, y1 = p[k * 2 + 1]!, half = (y1 - y0) / 2;
    if (!curved || Math.abs(x1 - x0) < 0.5) ctx.lineTo(x1, y1);
    else ctx.bezierCurveTo(x0, y0 + half, x1, y1 - half, x1, y1);
    x0 = x1;
    y0 = y1;
  }
}

function arrow(ctx: CanvasRenderingContext2D, scene: Scene, e: number, upward: boolean): void {
  const { points: p } = scene, at = upward ? scene.pointStart[e]! : scene.pointStart[e + 1]! - 1;
  if (scene.through[e]! & (upward ? 2 : 1)) return;
  const x = p[at * 2]!, y = p[at * 2 + 1]!, d = upward ? 1 : -1;
  ctx.moveTo(x, y);
  ctx.lineTo(x - 3.2, y + d * 6);
  ctx.lineTo(x + 3.2, y + d * 6);
  ctx.closePath();
}

function ports(ctx: CanvasRenderingContext2D, scene: Scene, items: readonly number[], palette: Palette): void {
  ctx.beginPath();
  for (const i of items) {
    if (scene.kind[i] !== KIND.entry && scene.kind[i] !== KIND.exit) continue;
    ctx.moveTo(scene.x[i]! + 2.2, scene.y[i]!);
    ctx.arc(scene.x[i]!, scene.y[i]!, 2.2, 0, 7);
  }
  ctx.fillStyle = palette.port;
  ctx.fill();
}

function boxes(ctx: CanvasRenderingContext2D, scene: Scene, list: readonly number[], style: Palette['boxes'][number], thin: number, zoom: number, stacked: boolean, ground: string): void {
  ctx.strokeStyle = style.stroke;
  ctx.lineWidth = Math.max(style.width, thin * 0.8);
  ctx.setLineDash(zoom > 0.4 ? style.dash : []);
  if (stacked) for (const shift of [6, 3]) {
    ctx.beginPath();
    for (const i of list) ctx.roundRect(scene.x[i]! + shift, scene.y[i]! + shift, scene.w[i]!, scene.h[i]!, 6);
    ctx.fillStyle = ground;
    ctx.fill();
    ctx.fillStyle = style.fill;
    ctx.fill();
    ctx.stroke();
  }
  ctx.beginPath();
  for (const i of list) {
    const x = scene.x[i]!, y = scene.y[i]!, w = scene.w[i]!, h = scene.h[i]!;
    if (zoom < 0.3) ctx.rect(x, y, w, h);
    else ctx.roundRect(x, y, w, h, scene.kind[i] === KIND.input || scene.kind[i] === KIND.chip || scene.kind[i] === KIND.tuck ? h / 2 : scene.kind[i] === KIND.op ? 5 : 6);
  }
  ctx.fillStyle = style.fill;
  ctx.fill();
  if (zoom > 0.16) ctx.stroke();
  ctx.setLineDash([]);
}

function* texts(ctx: CanvasRenderingContext2D, scene: Scene, look: Look, palette: Palette, zoom: number, items: readonly number[]): Generator<void> {
  const { theme } = palette, size = Math.max(SIZE.text, 9 / zoom), small = Math.max(SIZE.note, 7.4 / zoom), noted = zoom >= LOD.notes;
  ctx.textBaseline = 'middle';
  let drawn = 0;
  const put = (text: string | undefined, weight: string, family: string, px: number, room: number, x: number, y: number, color: string, align: CanvasTextAlign) => {
    if (!text) return;
    const fit = fitted(ctx, text, weight, family, px, room);
    if (!fit) return;
    const font = `${weight} ${px}px ${family}`;
    if (ctx.font !== font) ctx.font = font;
    ctx.fillStyle = color;
    ctx.textAlign = align;
    ctx.fillText(fit, x, y);
  };
  for (const i of items) {
    const kind = scene.kind[i]!, x = scene.x[i]!, y = scene.y[i]!, w = scene.w[i]!, h = scene.h[i]!, style = palette.boxes[look.style[i]!]!;
    if (kind === KIND.entry || kind === KIND.exit) continue;
    if (++drawn % 250 === 0) yield;
    if (kind === KIND.chip || kind === KIND.tuck) {
      if (zoom >= 0.68) put(look.title?.(i) ?? (kind === KIND.chip ? scene.chipLabel(i) : scene.label(i).title), '', theme.font, SIZE.chipText, w - 5, x + w / 2, y + h / 2 + 0.5, style.text, 'center');
      continue;
    }
    const label = scene.label(i), title = look.title?.(i) ?? label.title, note = look.note?.(i) ?? label.note;
    if (kind === KIND.input) {
      // Far out letters are larger than the layout has reckoned with: the shape goes before it stands on the name.
      const taken = measured(ctx, title, '600', theme.font) * size + (note ? measured(ctx, note, '', theme.font) * small : 0);
      if (!noted || !note || taken > w - 28) put(title, '600', theme.font, size, w - 12, x + w / 2, y + h / 2 + 0.5, style.text, 'center');
      else {
        put(title, '600', theme.font, size, w - 12, x + 12, y + h / 2 + 0.5, style.text, 'left');
        put(note, '', theme.font, small, w * 0.6, x + w - 12, y + h / 2 + 0.5, style.note, 'right');
      }
      continue;
    }
    const block = kind !== KIND.op, left = block ? x + 20 : x + w / 2, align = block ? 'left' : 'center', room = block ? w - 28 : w - 10;
    const detail = zoom >= LOD.details ? look.detail?.(i) : undefined;
    if (block) caret(ctx, x + 11, y + (noted ? 15 : h / 2), false, style.note);
    if (!noted) { put(title, block ? '600' : '', theme.font, size, room, left, y + h / 2 + 0.5, style.text, align); continue; }
    const lift = detail ? 3 : 0;
    put(title, block ? '600' : '', theme.font, size, room, left, y + (block ? 15.5 : 12) - lift, style.text, align);
    put(note, '', theme.font, small, room, left, y + (block ? 29.5 : 24.5) - lift - (detail ? 0.8 : 0), style.note, align);
    put(detail, '', theme.mono, 6.4, room, left, y + h - 5.4, style.note, align);
  }
}

/** Breakpoints sit on the upper left corner. */
export function dot(ctx: CanvasRenderingContext2D, scene: Scene, i: number, sign: number, palette: Palette, zoom: number): void {
  const { theme } = palette, r = dotRadius(scene, i, zoom), x = scene.x[i]!, y = scene.y[i]!;
  ctx.setLineDash([]);
  ctx.beginPath();
  ctx.arc(x, y, r, 0, 7);
  const hollow = sign === DOT.off || sign === DOT.none || sign === DOT.within;
  ctx.fillStyle = hollow ? theme.bg : theme.trouble;
  ctx.fill();
  ctx.strokeStyle = sign === DOT.none ? theme.muted : hollow ? theme.trouble : theme.bg;
  ctx.lineWidth = r * 0.3;
  ctx.stroke();
  if (sign === DOT.within) {
    ctx.beginPath();
    ctx.arc(x, y, r * 0.42, 0, 7);
    ctx.fillStyle = theme.trouble;
    ctx.fill();
  }
  if (sign !== DOT.condition) return;
  ctx.fillStyle = theme.bg;
  ctx.fillRect(x - r * 0.55, y - r * 0.5, r * 1.1, r * 0.32);
  ctx.fillRect(x - r * 0.55, y + r * 0.16, r * 1.1, r * 0.32);
}

export const dotRadius = (scene: Scene, i: number, zoom: number) => (scene.kind[i] === KIND.chip || scene.kind[i] === KIND.tuck ? Math.min(5, Math.max(3.4, 3.4 / zoom)) : Math.min(11, Math.max(5.5, 5.5 / zoom)));

/** Signs sit on the upper right corner, over the border. */
function mark(ctx: CanvasRenderingContext2D, scene: Scene, i: number, sign: number, palette: Palette, style: number, zoom: number): void {
  const chip = scene.kind[i] === KIND.chip || scene.kind[i] === KIND.tuck;
  if (chip && zoom < 0.6) return;
  const { theme } = palette, r = chip ? 4 : Math.min(9, Math.max(6, 5 / zoom)), x = scene.x[i]! + scene.w[i]! - (chip ? 1 : 2), y = scene.y[i]! + (chip ? 1 : 2);
  const color = sign === MARK.cross ? theme.trouble : sign === MARK.check || sign === MARK.ring || sign === MARK.arrow ? theme.backward : palette.boxes[style]!.stroke;
  ctx.beginPath();
  ctx.arc(x, y, r, 0, 7);
  ctx.fillStyle = theme.bg;
  ctx.fill();
  ctx.strokeStyle = color;
  ctx.lineWidth = chip ? 0.9 : 1.3;
  ctx.stroke();
  ctx.beginPath();
  const s = r * 0.5;
  switch (sign) {
    case MARK.check: ctx.moveTo(x - s, y); ctx.lineTo(x - s * 0.2, y + s * 0.8); ctx.lineTo(x + s, y - s * 0.7); break;
    case MARK.cross: ctx.moveTo(x - s, y - s); ctx.lineTo(x + s, y + s); ctx.moveTo(x + s, y - s); ctx.lineTo(x - s, y + s); break;
    case MARK.up: case MARK.arrow: ctx.moveTo(x, y + s); ctx.lineTo(x, y - s); ctx.moveTo(x - s, y); ctx.lineTo(x, y - s); ctx.lineTo(x + s, y); break;
    case MARK.down: ctx.moveTo(x, y - s); ctx.lineTo(x, y + s); ctx.moveTo(x - s, y); ctx.lineTo(x, y + s); ctx.lineTo(x + s, y); break;
    default:
  }
  ctx.lineWidth = chip ? 1.1 : 1.6;
  ctx.stroke();
}
