/** Levels inside one another as one flat picture in world coordinates: what painter, pointer and keyboard work on. */

import { labelOf, partLabel, SIZE, type Label } from './graphmodel_label';
import type { GraphModel } from './graphmodel';
import { KIND, type Kind, type LevelPlan } from './graphmodel_plan';
import { ROUTE, type Placed } from './layout';

/** Items in pre-order: an open module comes before all that it contains, which ends at `end`. */
export class Scene {
  count = 0;
  kind = new Uint8Array(64);
  row = new Int32Array(64);
  /** Call that the item is shown in. */
  level = new Int32Array(64);
  parent = new Int32Array(64);
  end = new Int32Array(64);
  depth = new Uint8Array(64);
  open = new Uint8Array(64);
  /** Blocks in a fold, uses of a parameter. */
  many = new Int32Array(64);
  x = new Float32Array(64);
  y = new Float32Array(64);
  w = new Float32Array(64);
  h = new Float32Array(64);

  edges = 0;
  from = new Int32Array(64);
  to = new Int32Array(64);
  producer = new Int32Array(64);
  tensors = new Int32Array(64);
  route = new Uint8Array(64);
  /** Of an edge that only crosses the border of an open module: no arrow there. */
  through = new Uint8Array(64);
  pointStart = new Uint32Array(65);
  points = new Float32Array(256);
  /** Left, top, right, bottom of each edge. */
  bounds = new Float32Array(256);
  /** Edges of the level inside an item; the outermost ones are [outer[0], outer[1]). */
  edgeStart = new Int32Array(64);
  edgeEnd = new Int32Array(64);
  outer: [number, number] = [0, 0];
  width = 0;
  tall = 0;
  maxDepth = 0;

  private readonly labels = new Map<number, Label>();
  private readonly chipLabels = new Map<number, string>();
  private byKey: Map<string, number> | null = null;

  constructor(readonly model: GraphModel, plans: readonly LevelPlan[] = [], placed: readonly Placed[] = []) {
    if (plans.length) {
      const top = plans.length - 1;
      this.width = placed[top]!.width;
      this.tall = placed[top]!.tall;
      this.add(plans, placed, top, 0, 0, -1, 0);
    }
  }

  /** Title and second line; made when first asked for. */
  label(i: number): Label {
    let label = this.labels.get(i);
    if (!label) this.labels.set(i, (label = partLabel(this.model, this.kind[i] as Kind, this.row[i]!, this.many[i]!, this.level[i]!)));
    return label;
  }

  chipLabel(i: number): string {
    let label = this.chipLabels.get(i);
    if (label === undefined) {
      label = this.many[i]! > 0 ? `+${this.many[i]! + 1}` : labelOf(this.model, this.row[i]!, this.level[i]!);
      this.chipLabels.set(i, label);
    }
    return label;
  }

  /** Names an item in any scene of the same graph. */
  nameOf(i: number): string {
    const kind = this.kind[i]!, row = this.row[i]!;
    if (kind === KIND.chip) return `c${row} ${this.row[this.parent[i]!]}`;
    if (kind === KIND.entry || kind === KIND.exit) return `${kind} ${row} ${this.level[i]}`;
    return `${kind === KIND.fold ? KIND.module : kind === KIND.tuck ? KIND.op : kind} ${row} `;
  }

  find(name: string): number {
    if (!this.byKey) {
      this.byKey = new Map();
      for (let i = 0; i < this.count; i++) this.byKey.set(this.nameOf(i), i);
    }
    return this.byKey.get(name) ?? -1;
  }

  /** The item that shows an op: itself, or the closed module or fold around it. */
  itemOfOp(op: number): number {
    for (let i = 0; i < this.count;) {
      const kind = this.kind[i]!;
      if ((kind === KIND.op || kind === KIND.tuck) && this.row[i] === op) return i;
      if (kind === KIND.module || kind === KIND.fold) {
        const [first, last] = this.opsOf(i);
        if (op >= first && op <= last) {
          if (!this.open[i]) return i;
          i++;
          continue;
        }
      }
      i = Math.max(i + 1, this.end[i]!);
    }
    return -1;
  }

  itemOfModule(module: number): number {
    for (let at = module; at >= 0; at = this.model.parent(at)) {
      const i = this.find(`${KIND.module} ${at} `);
      if (i >= 0) return i;
      const op = this.model.first(at), shown = this.itemOfOp(op);
      if (shown >= 0 && this.kind[shown] === KIND.fold) return shown;
    }
    return -1;
  }

  /** Items that show a source: the input's node, or the parameter beside each op that uses it. */
  itemsOfSource(source: number): number[] {
    const found: number[] = [];
    for (let i = 0; i < this.count; i++) if ((this.kind[i] === KIND.chip || this.kind[i] === KIND.input) && this.row[i] === source) found.push(i);
    return found;
  }

  /** First and last op that an item stands for. */
  opsOf(i: number): [number, number] {
    const row = this.row[i]!;
    switch (this.kind[i]) {
      case KIND.op: case KIND.tuck: return [row, row];
      case KIND.module: return [this.model.first(row), this.model.last(row)];
      case KIND.fold: {
        const calls = this.model.calls(this.model.parent(row)), last = calls[calls.indexOf(row) + this.many[i]! - 1] ?? row;
        return [this.model.first(row), this.model.last(last)];
      }
      default: return [0, -1];
    }
  }

  /** The smallest thing at a point, or -1. Frames of open modules count only at their captions and borders. */
  hit(px: number, py: number, caption: number, slack = 0): number {
    let found = -1;
    for (let i = 0; i < this.count;) {
      const inside = px >= this.x[i]! - slack && px <= this.x[i]! + this.w[i]! + slack && py >= this.y[i]! - slack && py <= this.y[i]! + this.h[i]! + slack;
      const kind = this.kind[i]!;
      if (this.open[i]) {
        if (!inside) { i = this.end[i]!; continue; }
        if (py <= this.y[i]! + caption) found = i;
      } else if (inside && kind !== KIND.entry && kind !== KIND.exit) found = i;
      i++;
    }
    return found;
  }

  /** The innermost open module around a point, or -1. */
  frameAt(px: number, py: number): number {
    let found = -1;
    for (let i = 0; i < this.count;) {
      const inside = this.open[i] && px >= this.x[i]! && px <= this.x[i]! + this.w[i]! && py >= this.y[i]! && py <= this.y[i]! + this.h[i]!;
      if (inside) found = i;
      i = inside || !this.open[i] ? i + 1 : this.end[i]!;
    }
    return found;
  }

  private add(plans: readonly LevelPlan[], placed: readonly Placed[], at: number, x0: number, y0: number, parent: number, depth: number): void {
    const plan = plans[at]!, p = placed[at]!, { level } = plan, n = level.keys.length, itemOf = new Int32Array(n);
    this.maxDepth = Math.max(this.maxDepth, depth);
    const edges = this.addEdges(plan, p, x0, y0);
    if (parent < 0) this.outer = edges;
    else [this.edgeStart[parent], this.edgeEnd[parent]] = edges;
    for (let k = 0; k < n; k++) {
      const kind = plan.kind[k]!, open = level.inner[k]! >= 0, half = level.half[k]!;
      const left = open ? p.left[k]! : half, width = open ? p.left[k]! + p.right[k]! : half * 2;
      const i = (itemOf[k] = this.item(kind as Kind, plan.row[k]!, plan.module, parent, depth, x0 + p.x[k]! - left, y0 + p.y[k]!, width, p.height[k]!));
      this.many[i] = plan.count[k]!;
      if (open) {
        this.open[i] = 1;
        this.add(plans, placed, level.inner[k]!, this.x[i]!, this.y[i]!, i, depth + 1);
      }
      for (const chip of plan.chips[k] ?? []) {
        const rows = Math.min(2, plan.chips[k]!.filter(c => c.side === chip.side).length), pitch = SIZE.chip + 3;
        const top = this.y[i]! + this.h[i]! / 2 - (rows * pitch - 3) / 2 + chip.at * pitch;
        let beside = chip.side < 0 ? this.x[i]! : this.x[i]! + this.w[i]!;
        const put = (kind: Kind, row: number, width: number) => {
          const c = this.item(kind, row, plan.module, i, depth, chip.side < 0 ? beside - SIZE.chipGap - width : beside + SIZE.chipGap, top, width, SIZE.chip);
          beside = chip.side < 0 ? this.x[c]! : this.x[c]! + width;
          this.end[c] = c + 1;
          return c;
        };
        if (chip.op >= 0) put(KIND.tuck, chip.op, chip.opWidth - SIZE.chipGap);
        this.many[put(KIND.chip, chip.source, chip.width)] = chip.more;
      }
      this.end[i] = open ? this.count : i + 1;
    }
    for (let e = edges[0], k = 0; e < edges[1]; e++, k++) {
      this.from[e] = itemOf[level.src[k]!]!;
      this.to[e] = itemOf[level.dst[k]!]!;
      this.through[e] = (plan.kind[level.dst[k]!] === KIND.exit || level.dstPort[k] !== 0 ? 1 : 0) | (plan.kind[level.src[k]!] === KIND.entry || level.srcPort[k] !== 0 ? 2 : 0);
    }
  }

  private item(kind: Kind, row: number, level: number, parent: number, depth: number, x: number, y: number, w: number, h: number): number {
    const i = this.count++;
    if (i >= this.kind.length) for (const field of ['kind', 'row', 'level', 'parent', 'end', 'depth', 'open', 'many', 'x', 'y', 'w', 'h', 'edgeStart', 'edgeEnd'] as const) (this[field] as unknown) = doubled(this[field]);
    this.kind[i] = kind; this.row[i] = row; this.level[i] = level; this.parent[i] = parent; this.depth[i] = depth;
    this.x[i] = x; this.y[i] = y; this.w[i] = w; this.h[i] = h;
    return i;
  }

  private addEdges(plan: LevelPlan, p: Placed, x0: number, y0: number): [number, number] {
    const start = this.edges, m = plan.level.src.length;
    while (start + m > this.from.length) for (const field of ['from', 'to', 'producer', 'tensors', 'route', 'through', 'bounds', 'pointStart'] as const) (this[field] as unknown) = doubled(this[field]);
    for (let e = 0; e < m; e++) {
      const i = this.edges++, a = p.bendStart[e]!, b = p.bendStart[e + 1]!;
      this.producer[i] = plan.producer[e]!;
      this.tensors[i] = plan.tensors[e]!;
      this.route[i] = p.route[e]!;
      let at = this.pointStart[i]!, left = Infinity, right = -Infinity, top = Infinity, bottom = -Infinity;
      while ((at + b - a) * 2 > this.points.length) this.points = doubled(this.points);
      for (let k = a; k < b; k++, at++) {
        const px = x0 + p.bends[k * 2]!, py = y0 + p.bends[k * 2 + 1]!;
        this.points[at * 2] = px;
        this.points[at * 2 + 1] = py;
        left = Math.min(left, px); right = Math.max(right, px); top = Math.min(top, py); bottom = Math.max(bottom, py);
      }
      if (p.route[e] === ROUTE.stub) { top = Math.min(top, bottom) - 12; bottom += 12; }
      this.bounds.set([left - 4, top, right + 4, bottom], i * 4);
      this.pointStart[i + 1] = at;
    }
    return [start, this.edges];
  }
}

function doubled<T extends Uint8Array | Int32Array | Uint32Array | Float32Array>(column: T): T {
  const wider = new (column.constructor as new (length: number) => T)(column.length * 2);
  wider.set(column as never);
  return wider;
}
