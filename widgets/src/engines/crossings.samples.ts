/** Levels of a recorded graph, how ours are laid out, and how many pairs of lines cross in a drawing. */

import { GraphModel } from './graphmodel';
import { planOf, type LevelPlan } from './graphmodel_plan';
import { ROUTE, type Placed } from './layout';
import { layoutPlan } from './layout_plan';
import { appendGraph, emptyGraph } from '../store/graph';

export interface Recorded { meta: any; strings: string[]; columns: Record<string, number[]> }
/** A line as x, y, x, y, ... */
export type Line = number[];
export interface Drawn { plan: LevelPlan; placed: Placed; /** Edges that are drawn as lines, each pair of nodes once. */ edges: [from: number, to: number][]; lines: Line[] }

const TYPES: Record<string, (v: number[]) => ArrayLike<number>> = { op_flags: v => Uint8Array.from(v), src_kind: v => Uint8Array.from(v), op_inputs: v => Uint16Array.from(v), node_nexts: v => Uint16Array.from(v) };
const WORDS = /^(op_(name|shape|dtype|label)|src_(name|shape|dtype)|mod_(path|class)|node_name)$/;

/** Every level of the graph with all modules open, as the view draws it. */
export function drawn({ meta, strings, columns }: Recorded): Drawn[] {
  const graph = emptyGraph(0), typed = Object.fromEntries(Object.entries(columns).map(([name, v]) => [name, TYPES[name]?.(v) ?? (WORDS.test(name) ? Uint32Array.from(v) : Int32Array.from(v))]));
  const sites = { site_file: new Uint32Array(0), site_line: new Int32Array(0), site_text: new Uint32Array(0), site_function: new Uint32Array(0), site_cell: new Uint32Array(0) };
  appendGraph(graph, { kind: 'graph', meta, columns: { ...typed, ...sites } as any });
  const plans = planOf(new GraphModel(graph, i => strings[i] ?? ''), { isOpen: () => true, isFolded: () => false });
  const placed = layoutPlan(plans.map(plan => ({ level: plan.level, before: null })));
  return plans.map((plan, i) => {
    const p = placed[i]!, seen = new Set<string>(), edges: [number, number][] = [], lines: Line[] = [];
    for (let e = 0; e < p.route.length; e++) {
      const from = p.src[e]!, to = p.dst[e]!;
      if (p.route[e] === ROUTE.stub || seen.has(`${from} ${to} ${p.srcPort[e]} ${p.dstPort[e]}`)) continue;
      seen.add(`${from} ${to} ${p.srcPort[e]} ${p.dstPort[e]}`);
      edges.push([from, to]);
      lines.push([...p.bends.subarray(p.bendStart[e]! * 2, p.bendStart[e + 1]! * 2)]);
    }
    return { plan, placed: p, edges, lines };
  });
}

/** Pairs of lines that cross; lines that begin as one and part are one until then. */
export function crossingPairs(lines: readonly Line[]): number {
  const side = (ax: number, ay: number, bx: number, by: number, cx: number, cy: number) => Math.sign(Math.round(((bx - ax) * (cy - ay) - (by - ay) * (cx - ax)) * 1e3));
  const meet = (p: Line, q: Line) => {
    for (let i = 0; i + 3 < p.length; i += 2) for (let k = 0; k + 3 < q.length; k += 2) {
      const [ax, ay, bx, by, cx, cy, dx, dy] = [p[i]!, p[i + 1]!, p[i + 2]!, p[i + 3]!, q[k]!, q[k + 1]!, q[k + 2]!, q[k + 3]!];
      if (side(ax, ay, bx, by, cx, cy) * side(ax, ay, bx, by, dx, dy) < 0 && side(cx, cy, dx, dy, ax, ay) * side(cx, cy, dx, dy, bx, by) < 0) return true;
    }
    return false;
  };
  let count = 0;
  for (let i = 0; i < lines.length; i++) for (let k = i + 1; k < lines.length; k++) if (meet(lines[i]!, lines[k]!)) count++;
  return count;
}
