/** The small heat maps: only those in sight are drawn, and never for longer than a part of a frame. */

import { HeatField, paintHeat, stepSpan, type StepSpan } from '../../engines/heatmap';
import { parseColour, sequential, type RGB } from '../../engines/heatmap_lut';
import { paintBands, statBands } from '../../engines/ridgeline_bands';
import type { Axis, Rows } from '../../engines/bins';
import type { Stats } from '../../store/types';
import type { Theme } from '../../theme';
import type { Ticker } from '../../ticker';

/** Milliseconds of painting a frame; the rest of many tiles waits for the next one. */
const BUDGET = 8;

/** The theme as the painters want it: numbers, and one look-up table a hue. */
export interface Paint {
  background: RGB;
  panel: RGB;
  ink: RGB;
  faint: RGB;
  trouble: RGB;
  hues: { forward: RGB; backward: RGB };
  tables: { forward: Uint32Array; backward: Uint32Array };
  font: string;
}

export function paintOf(theme: Theme): Paint {
  const panel = parseColour(theme.panel);
  const forward = parseColour(theme.forward);
  const backward = parseColour(theme.backward);
  return {
    background: parseColour(theme.bg), panel, ink: parseColour(theme.fg), faint: parseColour(theme.muted), trouble: parseColour(theme.trouble),
    hues: { forward, backward }, tables: { forward: sequential(panel, forward), backward: sequential(panel, backward) }, font: theme.font,
  };
}

/** Device pixels per CSS pixel that are worth drawing. */
export const density = (): number => Math.min(globalThis.devicePixelRatio || 1, 2);

/** Gives the canvas the size of its box; null where there is nothing to draw on. */
export function sized(canvas: HTMLCanvasElement, ratio = density()): { pen: CanvasRenderingContext2D; width: number; height: number } | null {
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  const pen = width && height ? canvas.getContext('2d') : null;
  if (!pen) return null;
  const w = Math.round(width * ratio);
  const h = Math.round(height * ratio);
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
  }
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  return { pen, width, height };
}

/** One canvas and pixel buffer for all heat maps that must be stretched. */
export class Stretcher {
  #canvas: HTMLCanvasElement | null = null;
  #image: ImageData | null = null;

  image(width: number, height: number): { image: ImageData; pixels: Uint32Array } {
    if (!this.#image || this.#image.width !== width || this.#image.height !== height) this.#image = new ImageData(width, height);
    return { image: this.#image, pixels: new Uint32Array(this.#image.data.buffer) };
  }

  /** Puts the image made last into the box, pixel edges kept sharp. */
  put(pen: CanvasRenderingContext2D, x: number, y: number, width: number, height: number): void {
    const image = this.#image;
    if (!image) return;
    const canvas = (this.#canvas ??= pen.canvas.ownerDocument.createElement('canvas'));
    if (canvas.width !== image.width || canvas.height !== image.height) {
      canvas.width = image.width;
      canvas.height = image.height;
    }
    canvas.getContext('2d')?.putImageData(image, 0, 0);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(canvas, x, y, width, height);
  }
}

export interface TileData {
  histograms: Rows | undefined;
  stats: Stats | undefined;
  axis: Axis;
  hue: 'forward' | 'backward';
  step: number | null;
}

/** x of a step inside a span. */
export const stepX = (span: StepSpan, step: number, x: number, width: number): number => x + (width * (step - span.from)) / (span.to - span.from || 1);

/** Small wedges over the steps that had nan or inf: trouble is marked by place and shape, not by colour alone. */
export function markTrouble(pen: CanvasRenderingContext2D, stats: Stats | undefined, span: StepSpan, box: { x: number; y: number; width: number }, colour: string): void {
  if (!stats) return;
  const { nan, inf } = stats.fields;
  pen.fillStyle = colour;
  let last = -Infinity;
  for (let r = 0; r < stats.step.length; r++) {
    if (!(nan.data[r]! > 0 || inf.data[r]! > 0)) continue;
    const x = stepX(span, stats.step.data[r]!, box.x, box.width);
    if (x - last < 4) continue;
    last = x;
    pen.beginPath();
    pen.moveTo(x - 3, box.y);
    pen.lineTo(x + 3, box.y);
    pen.lineTo(x, box.y + 6);
    pen.fill();
  }
}

const hex = (p: RGB) => `rgb(${p[0]}, ${p[1]}, ${p[2]})`;

export class TilePainter {
  #fields = new Map<string, HeatField>();
  #stretch = new Stretcher();

  paint(canvas: HTMLCanvasElement, key: string, data: TileData, paint: Paint): void {
    const surface = sized(canvas);
    if (!surface) return;
    const { pen, width, height } = surface;
    const { histograms, stats, axis } = data;
    const steps = histograms?.step.length ? histograms.step : stats?.step;
    if (!steps?.length) return;
    const span = stepSpan(steps);
    if (histograms?.step.length) {
      let field = this.#fields.get(key);
      if (!field || field.bins !== height) this.#fields.set(key, (field = new HeatField(height)));
      field.update(histograms, axis);
      const { pixels, image } = this.#stretch.image(width, height);
      paintHeat(field, histograms.step, span, pixels, width, paint.tables[data.hue]);
      if (canvas.width === width && canvas.height === height) pen.putImageData(image, 0, 0);
      else this.#stretch.put(pen, 0, 0, width, height);
    } else if (stats) {
      pen.fillStyle = hex(paint.panel);
      pen.fillRect(0, 0, width, height);
      paintBands(pen, statBands(stats.fields, stats.step), axis, span, { x: 0, y: 1, width, height: height - 2 },
        { background: paint.panel, hue: paint.hues[data.hue], ink: paint.ink, chosen: -1 });
    }
    const zero = axis.forward(0);
    if (zero > 0.03 && zero < 0.97) {
      pen.fillStyle = hex(paint.ink);
      pen.globalAlpha = 0.16;
      pen.fillRect(0, Math.round(height * (1 - zero)), width, 1);
      pen.globalAlpha = 1;
    }
    markTrouble(pen, stats, span, { x: 0, y: 0, width }, hex(paint.trouble));
    if (data.step !== null && data.step >= span.from && data.step <= span.to) {
      const x = Math.min(Math.round(stepX(span, data.step, 0, width)), width - 1);
      pen.fillStyle = hex(paint.background);
      pen.globalAlpha = 0.6;
      pen.fillRect(x - 1, 0, 3, height);
      pen.globalAlpha = 1;
      pen.fillStyle = hex(paint.ink);
      pen.fillRect(x, 0, 1, height);
    }
  }

  /** Forgets what is cached of tensors that are no longer shown. */
  forget(key?: string): void {
    if (key === undefined) this.#fields.clear();
    else this.#fields.delete(key);
  }
}

/** Keeps count of which tiles are in sight and repaints those that need it. */
export class TileBoard {
  #tiles = new Map<Element, { key: string; visible: boolean; dirty: boolean }>();
  #observer: IntersectionObserver | null = null;

  /** `draw` gets the tile's element and key; it is called inside an animation frame. */
  constructor(private readonly ticker: Ticker, private readonly draw: (el: HTMLElement, key: string) => void, root: Element | null = null) {
    if (typeof IntersectionObserver !== 'function') return;
    this.#observer = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        const tile = this.#tiles.get(entry.target);
        if (!tile) continue;
        tile.visible = entry.isIntersecting;
        if (tile.visible) tile.dirty = true;
      }
      this.ticker.request(this.#run);
    }, { root, rootMargin: '120px 0px' });
  }

  add(el: HTMLElement, key: string): () => void {
    this.#tiles.set(el, { key, visible: !this.#observer, dirty: true });
    this.#observer?.observe(el);
    if (!this.#observer) this.ticker.request(this.#run);
    return () => {
      this.#observer?.unobserve(el);
      this.#tiles.delete(el);
    };
  }

  /** Repaints what is in sight, with `key` only that one's tiles. */
  refresh(key?: string): void {
    for (const tile of this.#tiles.values()) if (key === undefined || tile.key === key) tile.dirty = true;
    this.ticker.request(this.#run);
  }

  /** Tiles in sight. */
  get visible(): number {
    let n = 0;
    for (const tile of this.#tiles.values()) if (tile.visible) n++;
    return n;
  }

  close(): void {
    this.#observer?.disconnect();
    this.#tiles.clear();
  }

  #run = (): void => {
    const end = performance.now() + BUDGET;
    for (const [el, tile] of this.#tiles) {
      if (!tile.visible || !tile.dirty) continue;
      if (performance.now() > end) {
        this.ticker.request(this.#run);
        return;
      }
      tile.dirty = false;
      this.ticker.guard(() => this.draw(el as HTMLElement, tile.key));
    }
  };
}

/** A colour bar for the density scale: from nothing to dense. */
export const rampCss = (table: Uint32Array): string => {
  const stops = [0, 32, 64, 96, 128, 160, 192, 224, 255].map((i) => table[i]!);
  return `linear-gradient(to right, ${stops.map((p) => `rgb(${p & 255}, ${(p >>> 8) & 255}, ${(p >>> 16) & 255})`).join(', ')})`;
};

