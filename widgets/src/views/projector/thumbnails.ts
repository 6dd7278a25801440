/** Pictures of rows, drawn where their points are, as many as have room. */

import type { Projection } from '../../store/types';

/** CSS pixels of the longer side, and how much of a picture another may hide. */
const SIZE = 26, LARGE = 64, ROOM = 0.72;

export class Thumbnails {
  private readonly place = new Map<number, number>();
  private readonly sheet: HTMLCanvasElement;
  private readonly across: number;
  readonly width: number;
  readonly height: number;

  /** The pictures of `entry.image`, on one canvas: a picture is a copy from it. */
  constructor(entry: Projection, document: Document) {
    const { height, width, channels, bytes } = entry.image!, n = Math.min(entry.n, Math.floor(bytes.length / (height * width * channels)));
    this.width = width;
    this.height = height;
    this.across = Math.max(1, Math.ceil(Math.sqrt(n)));
    this.sheet = Object.assign(document.createElement('canvas'), { width: this.across * width, height: Math.max(1, Math.ceil(n / this.across)) * height });
    const pen = this.sheet.getContext('2d');
    if (!pen || !n) return;
    const tile = pen.createImageData(width, height), grey = channels < 3;
    for (let i = 0, at = 0; i < n; i++) {
      for (let p = 0; p < width * height; p++, at += channels) tile.data.set([bytes[at]!, bytes[at + (grey ? 0 : 1)]!, bytes[at + (grey ? 0 : 2)]!, 255], p * 4);
      pen.putImageData(tile, (i % this.across) * width, Math.floor(i / this.across) * height);
      this.place.set(entry.row?.[i] ?? i, i);
    }
  }

  has(row: number): boolean { return this.place.has(row); }

  /** At x, y as its middle, `ink` around it. */
  draw(pen: CanvasRenderingContext2D, row: number, x: number, y: number, ink: string, size = SIZE): void {
    const i = this.place.get(row);
    if (i === undefined) return;
    const k = size / Math.max(this.width, this.height), w = this.width * k, h = this.height * k;
    pen.imageSmoothingEnabled = k < 1;
    pen.drawImage(this.sheet, (i % this.across) * this.width, Math.floor(i / this.across) * this.height, this.width, this.height, x - w / 2, y - h / 2, w, h);
    pen.strokeStyle = ink;
    pen.lineWidth = 1.5;
    pen.strokeRect(x - w / 2, y - h / 2, w, h);
  }

  /** Draws what has room, in the order given; says of how many points. */
  scatter(pen: CanvasRenderingContext2D, points: Iterable<{ row: number; x: number; y: number; ink: string }>): number {
    const taken = new Set<number>(), cell = SIZE * ROOM;
    let drawn = 0;
    for (const { row, x, y, ink } of points) {
      if (!this.place.has(row)) continue;
      const key = Math.floor(x / cell) * 65536 + Math.floor(y / cell);
      if (taken.has(key)) continue;
      taken.add(key);
      this.draw(pen, row, x, y, ink);
      drawn++;
    }
    return drawn;
  }

  /** The picture of the point under the pointer, large, beside it. */
  lift(pen: CanvasRenderingContext2D, row: number, x: number, y: number, ink: string): void {
    this.draw(pen, row, Math.max(LARGE / 2 + 2, x - LARGE / 2 - 10), Math.max(LARGE / 2 + 2, y - LARGE / 2 - 6), ink, LARGE);
  }
}
