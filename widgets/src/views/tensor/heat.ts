/** A slice as a picture: one cell a value, zero is the ground, and what is not finite is marked whatever the zoom. */

import { parseColour, sequential } from '../../engines/heatmap_lut';
import type { Slice } from '../../engines/slice';
import { show } from '../../chrome';
import { luminance, type Theme } from '../../theme';

export interface Palette { key: string; positive: Uint32Array; negative: Uint32Array; theme: Theme }

export function paletteOf(theme: Theme): Palette {
  const ground = parseColour(theme.bg);
  return { key: theme.bg + theme.mode, positive: sequential(ground, parseColour(theme.forward)), negative: sequential(ground, parseColour(theme.backward)), theme };
}

/** Where the cells are in the canvas, in CSS pixels. */
export interface Placed { left: number; top: number; cell: [width: number, height: number]; rows: number; columns: number }

const MOST_MARKS = 3000;
/** The ramps end near black (or white), where hues meet: a signed picture stops before that. */
const SIGNED_END = 185;

/** `limit`: the magnitude that gets the strongest colour. */
export function paintSlice(canvas: HTMLCanvasElement, slice: Slice, values: Float32Array, limit: number, signed: boolean, palette: Palette): Placed | null {
  const width = canvas.clientWidth, height = canvas.clientHeight, ratio = canvas.ownerDocument.defaultView?.devicePixelRatio ?? 1;
  if (width < 2 || height < 2) return null;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const ctx = canvas.getContext('2d')!;
  ctx.scale(ratio, ratio);
  const { rows, columns } = slice;
  if (!rows || !columns) return null;
  if (rows === 1 && columns > 1) return paintBars(ctx, slice, values, width, Math.min(height, 180), limit, palette);
  // Nearly square cells while there is room, whole pixels while there are enough of them.
  const tidy = (space: number) => (space >= 2 ? Math.floor(space) : space);
  const fit = Math.min(width / columns, height / rows, 40), stretch = fit < 3 ? Infinity : 2.5;
  const cell: [number, number] = [tidy(Math.min(44, width / columns, fit * stretch)), tidy(Math.min(40, height / rows, fit * stretch))];
  const placed: Placed = { left: 0, top: 0, cell, rows, columns };

  const picture = canvas.ownerDocument.createElement('canvas');
  picture.width = columns;
  picture.height = rows;
  const small = picture.getContext('2d')!;
  const image = small.createImageData(columns, rows), pixels = new Uint32Array(image.data.buffer);
  const odd: [number, number, number][] = [];
  const end = signed ? SIGNED_END : 255, scale = limit > 0 ? end / limit : 0;
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) {
    const at = slice.offset(r, c);
    if (at < 0) continue;
    const v = values[at]!;
    if (!Number.isFinite(v)) { odd.push([r, c, v]); continue; }
    const strength = Math.min(end, Math.round(Math.abs(v) * scale));
    pixels[r * columns + c] = (v < 0 ? palette.negative : palette.positive)[v !== 0 && strength === 0 ? 1 : strength]!;
  }
  small.putImageData(image, 0, 0);
  ctx.imageSmoothingEnabled = cell[0] < 1 || cell[1] < 1;
  ctx.imageSmoothingQuality = 'high';
  ctx.drawImage(picture, 0, 0, columns * cell[0], rows * cell[1]);
  const { theme } = palette;
  if (cell[0] >= 10 && cell[1] >= 10) grid(ctx, placed, theme.bg);
  if (cell[0] >= 34 && cell[1] >= 16) numbers(ctx, slice, values, placed, pixels, theme);
  for (const [r, c, v] of odd.slice(0, MOST_MARKS)) mark(ctx, placed, r, c, v, theme);
  ctx.strokeStyle = theme.line;
  ctx.strokeRect(0.5, 0.5, Math.min(width, columns * cell[0]) - 1, Math.min(height, rows * cell[1]) - 1);
  return placed;
}

/** A vector: bars from a common zero line. */
function paintBars(ctx: CanvasRenderingContext2D, slice: Slice, values: Float32Array, width: number, height: number, limit: number, { theme }: Palette): Placed {
  const n = slice.columns, w = width / n, gap = w > 4 ? 1 : 0;
  let low = 0, high = 0;
  for (let c = 0; c < n; c++) {
    const v = Math.min(limit, Math.max(-limit, values[slice.offset(0, c)]!));
    if (v < low) low = v;
    if (v > high) high = v;
  }
  const zero = high === low ? height - 1 : Math.round((high / (high - low)) * (height - 2)) + 1, unit = (height - 2) / (high - low || 1);
  const placed: Placed = { left: 0, top: 0, cell: [w, height], rows: 1, columns: n };
  for (let c = 0; c < n; c++) {
    const v = values[slice.offset(0, c)]!;
    if (!Number.isFinite(v)) { mark(ctx, { ...placed, cell: [Math.max(w, 8), height] }, 0, (c * w) / Math.max(w, 8), v, theme); continue; }
    const tall = Math.max(1, Math.min(limit, Math.abs(v)) * unit);
    ctx.fillStyle = v < 0 ? theme.backward : theme.forward;
    ctx.fillRect(c * w, v < 0 ? zero : zero - tall, w - gap, tall);
  }
  ctx.fillStyle = theme.faint;
  ctx.fillRect(0, zero, width, 1);
  return placed;
}

function grid(ctx: CanvasRenderingContext2D, { cell: [w, h], rows, columns }: Placed, color: string): void {
  ctx.strokeStyle = color;
  ctx.lineWidth = 1;
  ctx.beginPath();
  for (let c = 1; c < columns; c++) { ctx.moveTo(c * w - 0.5, 0); ctx.lineTo(c * w - 0.5, rows * h); }
  for (let r = 1; r < rows; r++) { ctx.moveTo(0, r * h - 0.5); ctx.lineTo(columns * w, r * h - 0.5); }
  ctx.stroke();
}

function numbers(ctx: CanvasRenderingContext2D, slice: Slice, values: Float32Array, { cell: [w, h], rows, columns }: Placed, pixels: Uint32Array, theme: Theme): void {
  ctx.font = `10px ${theme.mono}`;
  ctx.textAlign = 'center';
  ctx.textBaseline = 'middle';
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) {
    const at = slice.offset(r, c), p = pixels[r * columns + c]!;
    if (at < 0 || !Number.isFinite(values[at]!)) continue;
    ctx.fillStyle = luminance([p & 255, (p >> 8) & 255, (p >> 16) & 255]) > 0.36 ? '#10151c' : '#ffffff';
    ctx.fillText(show(values[at]!, 2), (c + 0.5) * w, (r + 0.5) * h + 0.5, w - 2);
  }
}

/** nan: a cross; inf: a triangle that points where it went. Never hue alone, never smaller than can be seen. */
function mark(ctx: CanvasRenderingContext2D, { cell: [w, h] }: Placed, r: number, c: number, v: number, theme: Theme): void {
  const x = (c + 0.5) * w, y = (r + 0.5) * h, s = Math.max(2.5, Math.min(w, h) * 0.32);
  ctx.fillStyle = theme.troubleSoft;
  ctx.fillRect(x - Math.max(w, 2 * s) / 2, y - Math.max(h, 2 * s) / 2, Math.max(w, 2 * s), Math.max(h, 2 * s));
  ctx.strokeStyle = ctx.fillStyle = theme.trouble;
  ctx.lineWidth = Math.max(1.2, s / 3);
  ctx.beginPath();
  if (Number.isNaN(v)) {
    ctx.moveTo(x - s, y - s); ctx.lineTo(x + s, y + s); ctx.moveTo(x + s, y - s); ctx.lineTo(x - s, y + s);
    ctx.stroke();
  } else {
    const up = v > 0 ? -1 : 1;
    ctx.moveTo(x, y + up * s); ctx.lineTo(x - s, y - up * s); ctx.lineTo(x + s, y - up * s);
    ctx.fill();
  }
}

/** The colour bar under the picture. */
export function rampCss(palette: Palette, signed: boolean): string {
  const colour = (p: number) => `rgb(${p & 255} ${(p >> 8) & 255} ${(p >> 16) & 255})`;
  const stops: string[] = [];
  const end = signed ? SIGNED_END : 255, at = (share: number) => Math.round(end * share);
  if (signed) for (let t = 1; t > 0; t -= 0.125) stops.push(colour(palette.negative[at(t)]!));
  for (let t = 0; t <= 1; t += 0.125) stops.push(colour(palette.positive[at(t)]!));
  return `linear-gradient(to right, ${stops.join(', ')})`;
}

