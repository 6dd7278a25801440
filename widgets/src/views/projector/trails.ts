/** Where chosen points have come from: their places at the steps before, as lines that fade backwards. */

import { css, type RGB } from '../../engines/heatmap_lut';
import { project, quantise, screenFor, type Bounds, type Lens, type Screen } from '../../engines/points';
import type { Projection } from '../../store/types';

const MOST = 60;

export class Trails {
  private readonly places: Int16Array;
  private readonly screen: Screen;
  private readonly steps: number;

  /** Trails of `points` (places in the projection) through those of `list` up to `shown` that have the same rows. */
  constructor(list: readonly Projection[], shown: Projection, readonly points: readonly number[], bounds: Bounds) {
    const past = list.filter(p => p.step <= shown.step && p.n === shown.n && sameRows(p.row, shown.row)), few = points.slice(0, MOST);
    this.points = few;
    this.steps = past.length;
    const xyz = new Float32Array(few.length * past.length * 3);
    few.forEach((point, i) => past.forEach((p, s) => xyz.set(p.xyz.subarray(point * 3, point * 3 + 3), (i * past.length + s) * 3)));
    const n = few.length * past.length, own = Uint32Array.from({ length: n }, (_, i) => i);
    this.places = quantise(xyz, { row: own, slot: own }, bounds);
    this.screen = screenFor(n);
  }

  draw(pen: CanvasRenderingContext2D, lens: Lens, inkOf: (point: number) => RGB): void {
    const { steps, screen } = this;
    if (steps < 2) return;
    project(this.places, this.places, 0, lens, screen, this.points.length * steps);
    pen.lineWidth = 1.4;
    pen.lineCap = 'round';
    this.points.forEach((point, i) => {
      const ink = inkOf(point);
      for (let s = 1, at = i * steps + 1; s < steps; s++, at++) {
        const [x0, x1] = [screen.x[at - 1]!, screen.x[at]!];
        if (!Number.isFinite(x0 + x1)) continue;
        pen.strokeStyle = css(ink, 0.15 + (0.7 * s) / steps);
        pen.beginPath();
        pen.moveTo(x0, screen.y[at - 1]!);
        pen.lineTo(x1, screen.y[at]!);
        pen.stroke();
      }
    });
  }
}

const sameRows = (a?: Int32Array, b?: Int32Array) => a === b || (!!a && !!b && a.length === b.length && a.every((v, i) => v === b[i]));
