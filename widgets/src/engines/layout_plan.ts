/** Several levels at once, inner ones first, because their sizes are the sizes of the nodes that show them. */

import { layoutLevel, type Level, type Placed } from './layout';
import { extendLevel } from './layout_extend';

export interface Task {
  level: Level;
  /** What is on the screen, if the level only grew: its nodes stay where they are. */
  before: Placed | null;
}

/** Places every level of a plan. Identical sibling blocks are laid out once: equal input has equal output. */
export function layoutPlan(tasks: readonly Task[], cache = new LayoutCache()): Placed[] {
  const done: Placed[] = [];
  const inner = (index: number) => done[index];
  for (const { level, before } of tasks) {
    const extended = before && extendLevel(level, before, inner);
    done.push(extended ?? cache.layout(level, inner));
  }
  return done;
}

/** Remembers layouts by their input. Levels with open modules inside depend on those and are always made anew. */
export class LayoutCache {
  private readonly known = new Map<number, { level: Level; placed: Placed }[]>();
  private size = 0;

  constructor(private readonly most = 2000) {}

  layout(level: Level, inner: (index: number) => Placed | undefined): Placed {
    if (level.inner.some(k => k >= 0)) return layoutLevel(level, inner);
    const hash = hashOf(level), list = this.known.get(hash) ?? [], found = list.find(entry => same(entry.level, level));
    // Sizes and wiring are the same; the names of the nodes and ports are the sibling's own.
    if (found) return { ...found.placed, keys: level.keys, srcPort: level.srcPort, dstPort: level.dstPort, left: level.left, right: level.right, height: level.height };
    const placed = layoutLevel(level, inner);
    if (this.size++ > this.most) { this.known.clear(); this.size = 0; }
    this.known.set(hash, [...list, { level, placed }]);
    return placed;
  }
}

const SHAPE = ['src', 'dst', 'left', 'right', 'height', 'half', 'pin', 'hub'] as const;

function hashOf(level: Level): number {
  let h = Math.imul(level.keys.length + 1, 0x9e3779b1) ^ Math.round(level.minWidth);
  for (const field of SHAPE) for (const v of level[field]) h = Math.imul(h ^ ((v * 8) | 0), 0x01000193);
  return h >>> 0;
}

function same(a: Level, b: Level): boolean {
  return a.minWidth === b.minWidth && a.boxed === b.boxed && SHAPE.every(field => {
    const p = a[field], q = b[field];
    return p.length === q.length && p.every((v, i) => v === q[i]);
  });
}
