/** What changes with every move of the pointer, drawn over the picture; and where an arrow key leads. */

import { ROOT } from '../../engines/graphmodel';
import { KIND } from '../../engines/graphmodel_plan';
import { ROUTE } from '../../engines/layout';
import type { Look } from '../../engines/painter';
import { edgePath } from '../../engines/painter_draw';
import type { Scene } from '../../engines/scene';
import type { Theme } from '../../theme';

/** Outlines of what is chosen and hovered, and their lines in full. World coordinates are set. */
export function drawOver(ctx: CanvasRenderingContext2D, scene: Scene, look: Look, theme: Theme, zoom: number, chosen: readonly number[], hovered: number): void {
  const hot = hovered >= 0 ? [hovered, ...chosen] : chosen;
  if (hot.length && hot.length < 200) {
    // Lines of what is looked at, in full: those that are only hinted at as stubs too.
    ctx.strokeStyle = look.upward ? theme.backward : theme.forward;
    ctx.lineWidth = Math.max(1.8, 1.4 / zoom);
    ctx.beginPath();
    let drawn = 0;
    const wanted = new Set(hot);
    for (let e = 0; e < scene.edges && drawn < 3000; e++) {
      if (!wanted.has(scene.from[e]!) && !wanted.has(scene.to[e]!)) continue;
      drawn++;
      if (scene.route[e] === ROUTE.stub) direct(ctx, scene, e); else edgePath(ctx, scene, e, true);
    }
    ctx.stroke();
  }
  for (const i of chosen) outline(ctx, scene, i, theme.forward, Math.max(2, 1.6 / zoom), 3 / zoom);
  if (hovered >= 0 && !chosen.includes(hovered)) outline(ctx, scene, hovered, theme.muted, Math.max(1.2, 1 / zoom), 2 / zoom);
}

function outline(ctx: CanvasRenderingContext2D, scene: Scene, i: number, color: string, width: number, away: number): void {
  const x = scene.x[i]!, y = scene.y[i]!, w = scene.w[i]!, h = scene.h[i]!, kind = scene.kind[i]!;
  ctx.beginPath();
  ctx.roundRect(x - away, y - away, w + 2 * away, h + 2 * away, (kind === KIND.chip || kind === KIND.tuck || kind === KIND.input ? h / 2 : 6) + away);
  ctx.strokeStyle = color;
  ctx.lineWidth = width;
  ctx.stroke();
}

/** A hinted line as it would run. */
function direct(ctx: CanvasRenderingContext2D, scene: Scene, e: number): void {
  const { points: p } = scene, a = scene.pointStart[e]! * 2, b = (scene.pointStart[e + 1]! - 1) * 2, half = Math.max(20, (p[b + 1]! - p[a + 1]!) / 2);
  ctx.moveTo(p[a]!, p[a + 1]!);
  ctx.bezierCurveTo(p[a]!, p[a + 1]! + half, p[b]!, p[b + 1]! - half, p[b]!, p[b + 1]!);
}

export const middle = (scene: Scene, i: number) => scene.x[i]! + scene.w[i]! / 2;

/** Up and down follow lines, else and to the sides the nearest in that direction. */
export function neighbour(scene: Scene, item: number, dx: number, dy: number): number {
  if (item < 0) return scene.count ? Math.max(0, firstOf(scene)) : -1;
  if (dy !== 0) {
    const ends: number[] = [];
    for (let e = 0; e < scene.edges; e++) {
      let to = dy > 0 ? (scene.from[e] === item ? scene.to[e]! : -1) : scene.to[e] === item ? scene.from[e]! : -1;
      if (to >= 0 && (scene.kind[to] === KIND.entry || scene.kind[to] === KIND.exit)) to = scene.parent[to]!;
      if (to >= 0) ends.push(to);
    }
    if (ends.length) return ends.sort((a, b) => Math.abs(middle(scene, a) - middle(scene, item)) - Math.abs(middle(scene, b) - middle(scene, item)))[0]!;
  }
  let best = -1, least = Infinity;
  for (let i = 0; i < scene.count; i++) {
    const kind = scene.kind[i]!;
    if (i === item || kind === KIND.entry || kind === KIND.exit) continue;
    const x = middle(scene, i) - middle(scene, item), y = scene.y[i]! + scene.h[i]! / 2 - scene.y[item]! - scene.h[item]! / 2;
    const along = dx * x + dy * y, aside = Math.abs(dx ? y : x);
    if (along > 4 && aside < along * 1.6 + 20 && along + aside * 2.5 < least) { least = along + aside * 2.5; best = i; }
  }
  return best;
}

function firstOf(scene: Scene): number {
  for (let i = 0; i < scene.count; i++) if (scene.level[i] === ROOT && scene.kind[i] !== KIND.entry) return i;
  return -1;
}
