/** What lies over the points: axes, names of labels where their points are, rings, the lasso. */

import type { Lens, Screen } from '../../engines/points';
import { UNIT } from '../../engines/points';
import { css, mix, type RGB } from '../../engines/heatmap_lut';
import { DIM, type Palette } from '../../engines/points_palette';
import type { Thumbnails } from './thumbnails';
import type { Trails } from './trails';

export interface OverlayState {
  width: number;
  height: number;
  lens: Lens;
  screen: Screen;
  radius: number;
  background: RGB;
  ink: RGB;
  faint: RGB;
  accent: RGB;
  font: string;
  axes: { name: string; share: number | null }[];
  depth: number;
  palette: Palette;
  colour: Uint8Array;
  hover: number;
  picked: number;
  near: readonly number[];
  names: { text: string; colour: number }[];
  lasso: readonly number[] | null;
  box: readonly [number, number, number, number] | null;
  thumbnails: Thumbnails | null;
  pictured: boolean;
  trails: Trails | null;
  /** Row of the tensor of a slot, and the slot of a point. */
  rowOf(slot: number): number;
  slotOf(point: number): number;
}

export function paintOverlay(pen: CanvasRenderingContext2D, s: OverlayState): void {
  pen.clearRect(0, 0, s.width, s.height);
  if (s.thumbnails && s.pictured) s.thumbnails.scatter(pen, pictures(s));
  s.trails?.draw(pen, s.lens, (point) => s.palette.colours[s.colour[s.slotOf(point)]! & 127]!);
  if (s.names.length) names(pen, s);
  rings(pen, s);
  const lifted = s.hover >= 0 ? s.hover : s.picked;
  if (s.thumbnails && lifted >= 0 && Number.isFinite(s.screen.x[lifted]!)) s.thumbnails.lift(pen, s.rowOf(lifted), s.screen.x[lifted]!, s.screen.y[lifted]!, css(s.palette.colours[s.colour[lifted]! & 127]!));
  gizmo(pen, s);
  if (s.box) outline(pen, s, [s.box[0], s.box[1], s.box[2], s.box[1], s.box[2], s.box[3], s.box[0], s.box[3]]);
  if (s.lasso && s.lasso.length >= 4) outline(pen, s, s.lasso);
}

/** Bright points in the picture, in an order that is the same at every step; the picked one and its neighbours first. */
function* pictures(s: OverlayState): Iterable<{ row: number; x: number; y: number; ink: string }> {
  const { x, y } = s.screen, chosen = s.picked >= 0 ? [s.picked, ...s.near] : [];
  for (let i = -chosen.length; i < s.screen.count; i++) {
    const slot = i < 0 ? chosen[i + chosen.length]! : i, colour = s.colour[slot]!;
    if (colour >= DIM || !(x[slot]! > 0 && x[slot]! < s.width && y[slot]! > 0 && y[slot]! < s.height)) continue;
    yield { row: s.rowOf(slot), x: x[slot]!, y: y[slot]!, ink: css(s.palette.colours[colour]!) };
  }
}

/** The three axes as the camera sees them, in the lower left corner, with the share of variance each explains. */
function gizmo(pen: CanvasRenderingContext2D, s: OverlayState): void {
  const size = 30;
  const { m } = s.lens;
  const flat = s.depth < 0.5;
  const ox = flat ? 18 : 46;
  const oy = s.height - (flat ? 20 : 46);
  pen.font = `10.5px ${s.font}`;
  pen.textBaseline = 'middle';
  const drawn = s.axes.slice(0, flat ? 2 : 3).map((axis, d) => ({
    axis, x: m[d]! * UNIT * size, y: -m[3 + d]! * UNIT * size, z: m[6 + d]! * UNIT,
  })).sort((a, b) => a.z - b.z);
  for (const { axis, x, y, z } of drawn) {
    const ink = mix(s.background, s.ink, flat ? 0.62 : 0.5 + 0.3 * Math.max(z, -0.7));
    pen.strokeStyle = css(ink);
    pen.fillStyle = css(ink);
    pen.lineWidth = 1.25;
    pen.beginPath();
    pen.moveTo(ox, oy);
    pen.lineTo(ox + x, oy + y);
    pen.stroke();
    const length = Math.hypot(x, y);
    if (length < 7) continue;                                // the axis points at the reader: its name would lie on the others
    const [ux, uy] = [x / length, y / length];
    pen.beginPath();
    pen.moveTo(ox + x + ux * 4, oy + y + uy * 4);
    pen.lineTo(ox + x - uy * 2.6, oy + y + ux * 2.6);
    pen.lineTo(ox + x + uy * 2.6, oy + y - ux * 2.6);
    pen.fill();
    const text = axis.share === null ? axis.name : `${axis.name} ${(axis.share * 100).toFixed(axis.share < 0.1 ? 1 : 0)}%`;
    pen.textAlign = ux > 0.35 ? 'left' : ux < -0.35 ? 'right' : flat ? 'left' : 'center';
    halo(pen, s, text, ox + x + ux * 8 - (flat && Math.abs(ux) < 0.35 ? 6 : 0), oy + y + uy * 11, mix(s.background, s.ink, 0.72));
  }
}

function halo(pen: CanvasRenderingContext2D, s: OverlayState, text: string, x: number, y: number, ink: RGB): void {
  pen.strokeStyle = css(s.background, 0.85);
  pen.lineWidth = 3;
  pen.lineJoin = 'round';
  pen.strokeText(text, x, y);
  pen.fillStyle = css(ink);
  pen.fillText(text, x, y);
}

/** Each label's name at the middle of its points: colour is never the only way to tell labels apart. */
function names(pen: CanvasRenderingContext2D, s: OverlayState): void {
  const xs: number[][] = s.names.map(() => []);
  const ys: number[][] = s.names.map(() => []);
  const place = new Map(s.names.map((n, i) => [n.colour, i]));
  const stride = Math.max(1, Math.floor(s.screen.count / 6000));
  for (let p = 0; p < s.screen.count; p += stride) {
    const i = place.get(s.colour[p]!);                       // a dimmed colour has another index and no name
    if (i === undefined || !(s.screen.x[p]! > 0 && s.screen.x[p]! < s.width && s.screen.y[p]! > 0 && s.screen.y[p]! < s.height)) continue;
    xs[i]!.push(s.screen.x[p]!);
    ys[i]!.push(s.screen.y[p]!);
  }
  const middle = (list: number[]) => list.sort((a, b) => a - b)[list.length >> 1]!;
  pen.font = `650 14px ${s.font}`;
  pen.textAlign = 'center';
  pen.textBaseline = 'middle';
  const taken: [number, number, number][] = [];
  const order = s.names.map((_, i) => i).filter((i) => xs[i]!.length > 2).sort((a, b) => xs[b]!.length - xs[a]!.length);
  for (const i of order) {
    const { text, colour } = s.names[i]!;
    const x = middle(xs[i]!);
    const y = middle(ys[i]!);
    const half = pen.measureText(text).width / 2 + 3;
    if (taken.some(([tx, ty, th]) => Math.abs(tx - x) < th + half && Math.abs(ty - y) < 17)) continue;
    taken.push([x, y, half]);
    pen.strokeStyle = css(s.background, 0.92);
    pen.lineWidth = 5;
    pen.lineJoin = 'round';
    pen.strokeText(text, x, y);
    pen.fillStyle = css(mix(s.palette.colours[colour]!, s.ink, 0.5));
    pen.fillText(text, x, y);
  }
}

function rings(pen: CanvasRenderingContext2D, s: OverlayState): void {
  const { x, y } = s.screen;
  const ring = (slot: number, grow: number, width: number, ink: RGB) => {
    if (slot < 0 || !Number.isFinite(x[slot]!)) return;
    pen.beginPath();
    pen.arc(x[slot]!, y[slot]!, s.radius + grow, 0, Math.PI * 2);
    pen.strokeStyle = css(s.background, 0.9);
    pen.lineWidth = width + 2;
    pen.stroke();
    pen.strokeStyle = css(ink);
    pen.lineWidth = width;
    pen.stroke();
  };
  const dot = (slot: number) => {
    if (slot < 0 || !Number.isFinite(x[slot]!)) return;
    pen.beginPath();
    pen.arc(x[slot]!, y[slot]!, s.radius + 0.75, 0, Math.PI * 2);
    pen.fillStyle = css(s.palette.colours[s.colour[slot]! & 127]!);
    pen.fill();
  };
  if (s.picked >= 0 && Number.isFinite(x[s.picked]!)) {
    pen.strokeStyle = css(s.ink, 0.45);
    pen.lineWidth = 1;
    pen.beginPath();
    for (const slot of s.near) {
      if (!Number.isFinite(x[slot]!)) continue;
      pen.moveTo(x[s.picked]!, y[s.picked]!);
      pen.lineTo(x[slot]!, y[slot]!);
    }
    pen.stroke();
    for (const slot of s.near) {
      dot(slot);
      ring(slot, 2, 1.25, s.ink);
    }
    dot(s.picked);
    ring(s.picked, 4, 2, s.ink);
  }
  if (s.hover >= 0 && s.hover !== s.picked) {
    dot(s.hover);
    ring(s.hover, 2.5, 1.5, s.ink);
  }
}

function outline(pen: CanvasRenderingContext2D, s: OverlayState, polygon: readonly number[]): void {
  pen.beginPath();
  for (let i = 0; i < polygon.length; i += 2) (i ? pen.lineTo : pen.moveTo).call(pen, polygon[i]!, polygon[i + 1]!);
  pen.closePath();
  pen.fillStyle = css(s.accent, 0.12);
  pen.fill();
  pen.strokeStyle = css(s.accent);
  pen.lineWidth = 1.25;
  pen.setLineDash([4, 3]);
  pen.stroke();
  pen.setLineDash([]);
}
