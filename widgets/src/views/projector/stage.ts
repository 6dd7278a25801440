/**
 * The drawn cloud: camera, morph between steps, GPU or soft raster, picking. Knows canvases but no framework and no store.
 *
 * Two canvases: the points, redrawn when they or the camera move, and an overlay for everything that follows the pointer.
 */

import { parseColour, pixel, type RGB } from '../../engines/heatmap_lut';
import {
  front, lensOf, markOf, project, quantise, screenFor, shuffled, type Bounds, type Camera, type Lens, type Order, type Screen,
} from '../../engines/points';
import { GlCloud } from '../../engines/points_gl';
import { colouring, DIM, labelPalette, valuePalette, type Colouring, type Palette } from '../../engines/points_palette';
import { inBox, inLasso, PickGrid } from '../../engines/points_pick';
import { DepthOrder, drawSoft } from '../../engines/points_soft';
import type { Projection } from '../../store/types';
import type { Theme } from '../../theme';
import type { Ticker } from '../../ticker';
import { axisName, wordOf } from './model';
import { paintOverlay } from './overlay';
import type { Thumbnails } from './thumbnails';
import type { Trails } from './trails';
import { ease, Tweens } from './tweens';

const MORPH_MS = 260;
const FOLD_MS = 420;
/** So many points are drawn by the soft raster while something moves; the rest follows when it rests. */
const SAMPLE = 50_000;
const REST_MS = 130;
/** Up to here each point has a rim that keeps it apart from what is behind it. */
const RIMS = 8_000;
const PICK_RADIUS = 9;

export const TURNED = { yaw: 0.62, pitch: 0.42 };

export interface StageHooks {
  ticker: Ticker;
  /** The hub's map of what a page has one of: the GL context lives there. */
  shared: Map<string, unknown>;
  /** False for readers who prefer reduced motion. */
  moves: boolean;
}

export class Stage {
  readonly camera: Camera = front();
  colours: Colouring = colouring(null, 0);
  palette: Palette;
  /** Slots, -1 for none. */
  hover = -1;
  picked = -1;
  near: number[] = [];
  lasso: number[] | null = null;
  box: [number, number, number, number] | null = null;
  named = true;
  thumbnails: Thumbnails | null = null;
  /** All points as pictures; else the one under the pointer. */
  pictured = false;
  trails: Trails | null = null;

  #projection: Projection | null = null;
  /** What the slide to `#projection` began with. */
  #from: Projection | null = null;
  #bounds: Bounds = { centre: [0, 0, 0], half: 1, radius: 1 };
  #order: Order = shuffled(0);
  #a: Int16Array = new Int16Array(0);
  #b: Int16Array = new Int16Array(0);
  #t = 1;
  #colour = new Uint8Array(0);
  #dimmed = 0;
  #names: Record<string, string> | undefined;
  /** In CSS pixels, for picking and the overlay; `#wide` in device pixels. */
  #screen: Screen = screenFor(0);
  #wide: Screen | null = null;
  #fresh = false;
  #grid = new PickGrid();
  #gridFresh = false;
  #depthOrder = new DepthOrder();
  #image: ImageData | null = null;
  #gl: GlCloud | null = null;
  #glFresh = false;
  #glTried = false;
  #theme: Theme;
  #width = 0;
  #height = 0;
  #ratio = 1;
  #inset = 0;
  #visible = true;
  #movedAt = -Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #tweens = new Tweens();
  #radius = 1;

  constructor(private readonly points: HTMLCanvasElement, private readonly over: HTMLCanvasElement, private readonly hooks: StageHooks, theme: Theme) {
    this.#theme = theme;
    this.palette = labelPalette(parseColour(theme.bg), theme.dark);
  }

  /** Rows of the projection shown. */
  get n(): number { return this.#order.row.length; }

  get lens(): Lens {
    return lensOf(this.camera, this.#bounds.radius === this.#radius ? this.#bounds : { ...this.#bounds, radius: this.#radius }, this.#room, this.#height);
  }

  rowOf(slot: number): number {
    return this.#order.row[slot] ?? -1;
  }

  slotOf(row: number): number {
    return row >= 0 && row < this.n ? this.#order.slot[row]! : -1;
  }

  setTheme(theme: Theme): void {
    this.#theme = theme;
    this.#repaint();
  }

  /** Shows a projection, sliding there from the one shown when both have the same rows. */
  show(projection: Projection, bounds: Bounds): void {
    const before = this.#projection;
    const same = before !== null && before.n === projection.n && before.key === projection.key;
    if (before === projection && bounds.half === this.#bounds.half && bounds.radius === this.#bounds.radius) return;
    if (!same) {
      this.#order = shuffled(Math.floor(projection.xyz.length / 3));
      this.#screen = screenFor(this.n);
      this.hover = this.picked = -1;
      this.near = [];
    }
    // An interrupted slide goes on from the nearer of its ends.
    const from = same ? (this.#t < 0.5 ? this.#from ?? before : before) : null;
    this.#from = from;
    this.#projection = projection;
    const oldRadius = this.#radius;
    this.#bounds = bounds;
    this.#b = quantise(projection.xyz, this.#order, bounds);
    this.#a = from && from !== projection ? quantise(from.xyz, this.#order, bounds) : this.#b;
    this.#glFresh = false;
    if (from && this.hooks.moves) {
      this.#tween('morph', MORPH_MS, (t) => {
        this.#t = ease(t);
        this.#radius = oldRadius + (bounds.radius - oldRadius) * ease(t);
      });
    } else {
      this.#tweens.stop('morph');
      this.#t = 1;
      this.#radius = bounds.radius;
    }
    this.draw();
  }

  /** Colours the rows; `keep` says which of them stay bright, `names` are words for classes. */
  paint(colours: Colouring, names: Record<string, string> | undefined, keep: ((row: number) => boolean) | null): void {
    const n = this.n;
    this.colours = colours;
    this.#names = names;
    this.#colour = new Uint8Array(n);
    this.#dimmed = 0;
    for (let s = 0; s < n; s++) {
      const row = this.#order.row[s]!;
      const dim = keep !== null && !keep(row);
      if (dim) this.#dimmed++;
      this.#colour[s] = this.colours.index[row]! | (dim ? DIM : 0);
    }
    this.#repaint();
  }

  #repaint(): void {
    const background = parseColour(this.#theme.bg);
    if (this.colours.kind !== 'value') this.palette = labelPalette(background, this.#theme.dark);
    else this.palette = valuePalette(background, parseColour(this.#theme.forward));
    this.#glFresh = false;
    this.draw();
  }

  /** Folds between flat (2D) and turned (3D). */
  fold(depth: 0 | 1): void {
    const from = this.camera.depth;
    if (from === depth) return;
    if (depth === 1 && this.camera.yaw === 0 && this.camera.pitch === 0) Object.assign(this.camera, TURNED);
    if (!this.hooks.moves) {
      this.camera.depth = depth;
      this.moved();
      return;
    }
    this.#tween('fold', FOLD_MS, (t) => { this.camera.depth = from + (depth - from) * ease(t); });
  }

  /** Back to the whole cloud. */
  fit(): void {
    const from = { ...this.camera };
    const to = { zoom: 1, panX: 0, panY: 0, ...(this.camera.depth > 0.5 ? TURNED : {}) };
    const step = (t: number) => {
      for (const [name, value] of Object.entries(to) as [keyof Camera, number][]) this.camera[name] = from[name] + (value - from[name]) * ease(t);
    };
    if (this.hooks.moves) this.#tween('camera', MORPH_MS, step);
    else {
      step(1);
      this.moved();
    }
  }

  zoomAt(factor: number, x = this.#room / 2, y = this.#height / 2): void {
    const { camera } = this;
    const zoom = Math.min(Math.max(camera.zoom * factor, 0.2), 400);
    const k = zoom / camera.zoom;
    camera.panX = (camera.panX - (x - this.#room / 2)) * k + (x - this.#room / 2);
    camera.panY = (camera.panY - (y - this.#height / 2)) * k + (y - this.#height / 2);
    camera.zoom = zoom;
    this.moved();
  }

  turn(dx: number, dy: number): void {
    this.camera.yaw += dx;
    this.camera.pitch = Math.min(Math.max(this.camera.pitch + dy, -Math.PI / 2), Math.PI / 2);
    this.moved();
  }

  pan(dx: number, dy: number): void {
    this.camera.panX += dx;
    this.camera.panY += dy;
    this.moved();
  }

  /** Leaves so many CSS pixels at the right to the panels when fitting. */
  set inset(pixels: number) {
    if (pixels === this.#inset) return;
    this.#inset = pixels;
    this.draw();
  }

  get #room(): number {
    return Math.max(this.#width - this.#inset, this.#width / 2);
  }

  /** The camera was changed by hand. */
  moved(): void {
    this.#tweens.stop('camera');
    this.#movedAt = performance.now();
    this.draw();
  }

  resize(width: number, height: number, ratio: number): void {
    if (width === this.#width && height === this.#height && ratio === this.#ratio) return;
    [this.#width, this.#height, this.#ratio] = [width, height, ratio];
    this.draw();
  }

  /** Out of sight the GL buffers are given back. */
  setVisible(visible: boolean): void {
    this.#visible = visible;
    if (visible) this.draw();
    else this.#release();
  }

  draw(): void {
    this.#fresh = false;
    this.#gridFresh = false;
    this.hooks.ticker.request(this.#frame);
  }

  drawOverlay(): void { this.hooks.ticker.request(this.#overlay); }

  /** The slot under a point, or -1. */
  pick(x: number, y: number, radius = PICK_RADIUS): number {
    const screen = this.#projected(this.n);
    if (!this.#gridFresh) {
      this.#grid.build(screen, this.#width, this.#height);
      this.#gridFresh = true;
    }
    return this.#grid.nearest(x, y, radius);
  }

  /** The slot nearest to the middle of the picture. */
  pickMiddle(): number {
    return this.pick(this.#room / 2, this.#height / 2, Math.max(this.#width, this.#height));
  }

  /** Rows inside the lasso or box drawn now. */
  enclosed(): Uint32Array {
    const screen = this.#projected(this.n);
    const slots = this.lasso ? inLasso(screen, this.lasso) : this.box ? inBox(screen, ...this.box) : new Uint32Array(0);
    return slots.map((slot) => this.#order.row[slot]!).sort();
  }

  /** Whether the GPU draws. */
  get accelerated(): boolean { return this.#gl !== null; }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#tweens.stop();
    this.#visible = false;
    this.#release();
  }

  #release(): void {
    this.#gl?.release();
    this.#gl = null;
    this.#glTried = false;
    this.#glFresh = false;
  }

  #tween(name: string, length: number, step: (t: number) => void): void {
    this.#tweens.start(name, length, step);
    this.draw();
  }

  #projected(count: number): Screen {
    if (!this.#fresh || this.#screen.count < count) {
      project(this.#a, this.#b, this.#t, this.lens, this.#screen, count);
      this.#fresh = true;
    }
    return this.#screen;
  }

  #frame = (): void => {
    if (!this.#visible || !this.#width || !this.#height || !this.#projection) return;
    const now = performance.now();
    this.#tweens.advance(now);
    const moving = this.#tweens.running || now - this.#movedAt < REST_MS;
    this.#fresh = this.#gridFresh = false;
    if (!this.#drawGl()) this.#drawSoft(moving);
    this.#overlay();
    if (this.#tweens.running) this.hooks.ticker.request(this.#frame);
    else if (moving) {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.draw(), REST_MS);
    }
  };

  #mark(): { radius: number; alpha: number; rim: number } {
    const { radius, alpha } = markOf(this.n, this.#width, this.#height, this.camera.zoom);
    const rim = this.n <= RIMS ? 0.7 : 0;
    return { radius, alpha: rim ? 1 : alpha, rim };
  }

  #drawGl(): boolean {
    if (this.#gl?.lost) this.#release();
    if (!this.#gl && !this.#glTried) {
      this.#glTried = true;
      this.#gl = GlCloud.acquire(this.hooks.shared);
    }
    const pen = this.#gl && this.#surface(this.points, this.#ratio);
    if (!this.#gl || !pen) return false;
    if (!this.#glFresh) {
      this.#gl.upload(this.#a, this.#b, this.#colour);
      this.#glFresh = true;
    }
    const { radius, alpha, rim } = this.#mark();
    const r = this.#ratio;
    const lens = this.lens;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    this.#gl.draw(pen, {
      palette: this.palette, radius: radius * r, alpha, rim: rim * r, depth: this.camera.depth, t: this.#t, count: this.n, dimmed: this.#dimmed > 0,
      lens: { ...lens, x: lens.x * r, y: lens.y * r, scale: lens.scale * r }, width: this.points.width, height: this.points.height,
    });
    return true;
  }

  #drawSoft(moving: boolean): void {
    const count = moving ? Math.min(this.n, SAMPLE) : this.n;
    // Four times the pixels cost more than they show while things move.
    const ratio = moving && count > 10_000 ? 1 : this.#ratio;
    const pen = this.#surface(this.points, ratio);
    if (!pen) return;
    const { width, height } = this.points;
    if (this.#image?.width !== width || this.#image.height !== height) this.#image = new ImageData(width, height);
    const pixels = new Uint32Array(this.#image.data.buffer);
    pixels.fill(pixel(parseColour(this.#theme.bg)));
    const { radius, alpha, rim } = this.#mark();
    const lens = this.lens;
    let screen = this.#screen;
    if (ratio === 1) screen = this.#projected(count);
    else {
      this.#wide = this.#wide?.x.length === this.n ? this.#wide : screenFor(this.n);
      screen = this.#wide;
      project(this.#a, this.#b, this.#t, { ...lens, x: lens.x * ratio, y: lens.y * ratio, scale: lens.scale * ratio }, screen, count);
    }
    const order = this.camera.depth > 0 ? this.#depthOrder.sort(screen) : null;
    drawSoft(pixels, width, height, screen, { palette: this.palette, colour: this.#colour, radius: radius * ratio, alpha, rim: rim * ratio, depth: this.camera.depth }, order);
    pen.putImageData(this.#image, 0, 0);
  }

  #overlay = (): void => {
    const pen = this.#surface(this.over, this.#ratio);
    const projection = this.#projection;
    if (!pen || !projection || !this.#visible) return;
    pen.setTransform(this.#ratio, 0, 0, this.#ratio, 0, 0);
    const theme = this.#theme;
    const colour = (text: string): RGB => parseColour(text);
    paintOverlay(pen, {
      width: this.#width, height: this.#height, lens: this.lens, screen: this.#projected(this.n), radius: this.#mark().radius,
      background: colour(theme.bg), ink: colour(theme.fg), faint: colour(theme.faint), accent: colour(theme.forward), font: theme.font,
      axes: [0, 1, 2].map((d) => ({ name: projection.axes ? projection.axes[d] ?? '' : axisName(projection.method, d), share: projection.explained[d] ?? null })).filter(a => a.name), depth: this.camera.depth,
      palette: this.palette, colour: this.#colour, hover: this.hover, picked: this.picked, near: this.near,
      names: this.named && this.colours.kind === 'label' ? this.colours.labels.filter((l) => l.label >= 0).map((l) => ({ text: wordOf(l.label, this.#names), colour: l.colour })) : [],
      lasso: this.lasso, box: this.box, thumbnails: this.thumbnails, pictured: this.pictured, trails: this.trails, rowOf: (slot) => projection.row?.[this.rowOf(slot)] ?? this.rowOf(slot), slotOf: (row) => this.slotOf(row),
    });
  };

  #surface(canvas: HTMLCanvasElement, ratio: number): CanvasRenderingContext2D | null {
    const width = Math.round(this.#width * ratio);
    const height = Math.round(this.#height * ratio);
    if (!width || !height) return null;
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
    }
    return canvas.getContext('2d');
  }
}
