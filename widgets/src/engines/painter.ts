/**
 * Draws a scene through a camera. Small scenes are drawn anew in every frame; of large ones a padded bitmap is kept, so that a frame of
 * panning or zooming is one copy. A bitmap is renewed in slices beside the frames, never in the middle of one.
 */

import { draw, LOD, type Camera, type Look, type Window } from './painter_draw';
import { paintPixels } from './painter_pixels';
import type { Palette } from './painter_style';
import type { Scene } from './scene';

export type { Camera, Look } from './painter_draw';

/** Up to this many items and edges in the scene every frame is drawn anew. */
const DIRECT = 900;
const PAD = 0.4, DRIFT = 1.25, SLICE_MS = 7;
/** While things move a coarser bitmap is good enough; four times the pixels cost four times the time. */
const MOVING_RATIO = 1.5;

interface Bitmap { canvas: HTMLCanvasElement; camera: Camera; width: number; height: number; ratio: number; key: string }

export class Painter {
  private front: Bitmap | null = null;
  private back: Bitmap | null = null;
  private work: Generator<void> | null = null;
  private scenes = 0;
  private readonly numbers = new WeakMap<object, number>();

  constructor(private readonly makeCanvas: () => HTMLCanvasElement) {}

  /** Paints; true when a better picture is being made and another frame is wanted. */
  paint(ctx: CanvasRenderingContext2D, width: number, height: number, ratio: number, scene: Scene, look: Look, palette: Palette, camera: Camera, moving: boolean): boolean {
    const { theme } = palette;
    if (scene.count + scene.edges <= DIRECT) {
      this.drop();
      ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
      ctx.fillStyle = theme.bg;
      ctx.fillRect(0, 0, width, height);
      world(ctx, width, height, ratio, camera);
      for (const _ of draw(ctx, scene, look, palette, camera.zoom, windowOf(camera, width, height))) void _;
      return false;
    }
    const fine = moving ? Math.min(ratio, MOVING_RATIO) : ratio, key = `${this.number(scene)} ${this.number(look)} ${look.version} ${this.number(palette)}`;
    const front = this.front;
    const usable = front !== null && front.key === key && covers(front, camera, width, height), sharp = usable && (moving || (front.camera.zoom === camera.zoom && front.ratio >= fine));
    if (!sharp || (usable && nearEdge(front!, camera, width, height))) this.begin(key, width, height, fine, scene, look, palette, camera);
    // Without anything to show the new bitmap is finished now; else it gets a slice of this frame.
    const until = front && front.key === key ? performance.now() + SLICE_MS : Infinity;
    while (this.work && performance.now() < until) if (this.work.next().done) { this.work = null; [this.front, this.back] = [this.back, this.front]; }
    const shown = this.front!;
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    ctx.fillStyle = theme.bg;
    ctx.fillRect(0, 0, width, height);
    const scale = camera.zoom / shown.camera.zoom, w = shown.width * scale, h = shown.height * scale;
    ctx.imageSmoothingEnabled = scale !== 1;
    const x = width / 2 + (shown.camera.x - camera.x) * camera.zoom - w / 2, y = height / 2 + (shown.camera.y - camera.y) * camera.zoom - h / 2;
    if (scale === 1 && shown.ratio === ratio) {
      ctx.setTransform(1, 0, 0, 1, 0, 0);
      ctx.drawImage(shown.canvas, Math.round(x * ratio), Math.round(y * ratio));
    } else ctx.drawImage(shown.canvas, x, y, w, h);
    return this.work !== null || (!moving && !sharp);
  }

  drop(): void {
    this.front = this.back = this.work = null;
  }

  private begin(key: string, width: number, height: number, ratio: number, scene: Scene, look: Look, palette: Palette, camera: Camera): void {
    const { back } = this;
    if (this.work && back && back.key === key && covers(back, camera, width, height) && (back.camera.zoom === camera.zoom || back.camera.zoom / camera.zoom > 0.9 && back.camera.zoom / camera.zoom < 1.1)) return;
    const canvas = back?.canvas ?? this.makeCanvas(), w = Math.ceil(width * (1 + 2 * PAD)), h = Math.ceil(height * (1 + 2 * PAD));
    if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(h * ratio)) { canvas.width = Math.round(w * ratio); canvas.height = Math.round(h * ratio); }
    const at = { ...camera }, ctx = canvas.getContext('2d', { alpha: false })!;
    this.back = { canvas, camera: at, width: w, height: h, ratio, key };
    if (camera.zoom < LOD.pixels) {
      this.work = (function* () {
        const image = ctx.createImageData(canvas.width, canvas.height);
        paintPixels(image, scene, look, palette, at, ratio);
        ctx.putImageData(image, 0, 0);
      })();
      return;
    }
    this.work = (function* () {
      ctx.setTransform(1, 0, 0, 1, 0, 0);
      ctx.fillStyle = palette.theme.bg;
      ctx.fillRect(0, 0, canvas.width, canvas.height);
      world(ctx, w, h, ratio, at);
      yield* draw(ctx, scene, look, palette, at.zoom, windowOf(at, w, h));
    })();
  }

  private number(thing: object): number {
    let n = this.numbers.get(thing);
    if (n === undefined) this.numbers.set(thing, (n = ++this.scenes));
    return n;
  }
}

/** World coordinates from here on. */
export function world(ctx: CanvasRenderingContext2D, width: number, height: number, ratio: number, camera: Camera): void {
  const scale = camera.zoom * ratio;
  ctx.setTransform(scale, 0, 0, scale, (width * ratio) / 2 - camera.x * scale, (height * ratio) / 2 - camera.y * scale);
}

export function windowOf(camera: Camera, width: number, height: number): Window {
  const w = width / 2 / camera.zoom, h = height / 2 / camera.zoom;
  return { left: camera.x - w, top: camera.y - h, right: camera.x + w, bottom: camera.y + h };
}

/** The bitmap shows all that the camera sees, and not much larger or smaller than it was made. */
function covers(bitmap: Bitmap, camera: Camera, width: number, height: number): boolean {
  const scale = camera.zoom / bitmap.camera.zoom;
  if (scale > DRIFT || scale < 1 / DRIFT) return false;
  return Math.abs(bitmap.camera.x - camera.x) * camera.zoom + width / 2 <= (bitmap.width * scale) / 2 + 1 && Math.abs(bitmap.camera.y - camera.y) * camera.zoom + height / 2 <= (bitmap.height * scale) / 2 + 1;
}

/** Half of the padding is used up, or half of the drift: time to begin the next one. */
function nearEdge(bitmap: Bitmap, camera: Camera, width: number, height: number): boolean {
  const scale = camera.zoom / bitmap.camera.zoom, half = Math.sqrt(DRIFT);
  if (scale > half || scale < 1 / half) return true;
  return Math.abs(bitmap.camera.x - camera.x) * camera.zoom > (width * PAD) / 2 || Math.abs(bitmap.camera.y - camera.y) * camera.zoom > (height * PAD) / 2;
}
