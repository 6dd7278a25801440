/** The way from one picture to the next: what is in both moves, what is new grows out of the box that it was in. */

import type { Scene } from './scene';

export const TWEEN_MS = 160;
/** Larger scenes change at once: a slow animation is worse than none. */
export const TWEEN_MOST = 3500;

type Rect = [x: number, y: number, w: number, h: number];

export class Tween {
  private readonly target: Float32Array;
  private readonly start: Float32Array;
  private readonly points: Float32Array;
  private readonly startPoints: Float32Array;
  private readonly bounds: Float32Array;

  /** Moves `scene` itself; at the end it is what it was. */
  constructor(before: Scene, readonly scene: Scene) {
    const n = scene.count;
    this.target = new Float32Array(n * 4);
    this.start = new Float32Array(n * 4);
    const was = new Int32Array(n).fill(-1);
    for (let i = 0; i < n; i++) {
      const rect: Rect = [scene.x[i]!, scene.y[i]!, scene.w[i]!, scene.h[i]!];
      this.target.set(rect, i * 4);
      was[i] = before.find(scene.nameOf(i));
      this.start.set(was[i]! >= 0 ? rectOf(before, was[i]!) : this.grownFrom(i, rect), i * 4);
    }
    this.points = scene.points.slice(0, scene.pointStart[scene.edges]! * 2);
    this.startPoints = this.points.slice();
    for (let e = 0; e < scene.edges; e++) {
      const from = scene.from[e]! * 4, to = scene.to[e]! * 4, a = scene.pointStart[e]!, b = scene.pointStart[e + 1]! - 1;
      const [t, s] = [this.target, this.start];
      const dx0 = s[from]! + s[from + 2]! / 2 - t[from]! - t[from + 2]! / 2, dy0 = s[from + 1]! + s[from + 3]! - t[from + 1]! - t[from + 3]!;
      const dx1 = s[to]! + s[to + 2]! / 2 - t[to]! - t[to + 2]! / 2, dy1 = s[to + 1]! - t[to + 1]!;
      for (let k = a; k <= b; k++) {
        const share = b > a ? (k - a) / (b - a) : 0;
        this.startPoints[k * 2]! += dx0 + (dx1 - dx0) * share;
        this.startPoints[k * 2 + 1]! += dy0 + (dy1 - dy0) * share;
      }
    }
    this.bounds = scene.bounds.slice(0, scene.edges * 4);
  }

  /** `t` from 0 to 1. */
  set(t: number): void {
    const s = this.scene, { start: a, target: b } = this, share = t >= 1 ? 1 : 1 - (1 - t) ** 3;
    for (let i = 0, k = 0; i < s.count; i++, k += 4) {
      s.x[i] = a[k]! + (b[k]! - a[k]!) * share;
      s.y[i] = a[k + 1]! + (b[k + 1]! - a[k + 1]!) * share;
      s.w[i] = a[k + 2]! + (b[k + 2]! - a[k + 2]!) * share;
      s.h[i] = a[k + 3]! + (b[k + 3]! - a[k + 3]!) * share;
    }
    for (let k = 0; k < this.points.length; k++) s.points[k] = this.startPoints[k]! + (this.points[k]! - this.startPoints[k]!) * share;
    if (share < 1) for (let e = 0; e < s.edges; e++) s.bounds.set([-Infinity, -Infinity, Infinity, Infinity], e * 4);
    else s.bounds.set(this.bounds);
  }

  /** A place inside the nearest box around that was there before, in proportion to where it will be. */
  private grownFrom(i: number, [x, y, w, h]: Rect): Rect {
    const { scene } = this, parent = scene.parent[i]!;
    if (parent < 0) return [x + w / 2, y, 0, h];
    const [tx, ty, tw, th] = this.target.subarray(parent * 4, parent * 4 + 4) as unknown as Rect, [sx, sy, sw, sh] = this.start.subarray(parent * 4, parent * 4 + 4) as unknown as Rect;
    const fx = tw > 0 ? sw / tw : 1, fy = th > 0 ? sh / th : 1;
    return [sx + (x - tx) * fx, sy + (y - ty) * fy, w * fx, h * fy];
  }
}

const rectOf = (scene: Scene, i: number): Rect => [scene.x[i]!, scene.y[i]!, scene.w[i]!, scene.h[i]!];
