/** Breakpoints on the picture: which ops, calls and leaves each stands on, and what a click on one of those sends. */

import type { GraphModel } from '../engines/graphmodel';
import { KIND } from '../engines/graphmodel_plan';
import { DOT } from '../engines/painter_style';
import type { Scene } from '../engines/scene';
import type { Breakpoint } from '../store/types';
import type { Target } from './target';

export interface Places { ops: Map<number, Breakpoint[]>; modules: Map<number, Breakpoint[]>; sources: Map<number, Breakpoint[]> }

export const conditional = (b: Breakpoint) => b.when !== null || b.norm_above !== null || b.norm_below !== null;
const placed = (b: Breakpoint) => b.op !== null || b.module !== null || b.parameter !== null || b.line !== null || b.shape !== null;

/** As Python's fnmatch: `*`, `?` and sets in brackets. */
export function matcher(pattern: string): (name: string) => boolean {
  if (!/[*?[]/.test(pattern)) return name => name === pattern;
  const source = pattern.replace(/\[(!?)([^\]]+)\]|\*|\?|[.+^${}()|\\\]]/g, (part, not: string | undefined, set: string | undefined) => (
    part === '*' ? '.*' : part === '?' ? '.' : set !== undefined ? `[${not ? '^' : ''}${set.replace(/[\\^]/g, '\\$&')}]` : `\\${part}`));
  const expression = new RegExp(`^${source}$`);
  return name => expression.test(name);
}

const inside = (path: string, pattern: string) => path === pattern || path.startsWith(`${pattern}.`);
const fits = (shape: string, pattern: (number | null)[]) => { const sizes = shape === '' ? [] : shape.split('x').map(Number); return sizes.length === pattern.length && pattern.every((p, i) => p === null || p === sizes[i]); };

/** Where the breakpoints of the backward and of the forward pass stand in this graph. What is looked at everywhere stands nowhere. */
export function placesOf(model: GraphModel, breakpoints: readonly Breakpoint[]): Places {
  const found: Places = { ops: new Map(), modules: new Map(), sources: new Map() };
  for (const b of breakpoints) if (placed(b)) place(model, b, found);
  return found;
}

function place(model: GraphModel, b: Breakpoint, { ops, modules, sources }: Places): void {
  const { graph, text } = model, put = (map: Map<number, Breakpoint[]>, row: number) => { const list = map.get(row); if (list) list.push(b); else map.set(row, [b]); };
  const path = (op: number) => { const m = model.moduleOf(op); return m >= 0 ? text(graph.modules.path[m]!) : ''; };
  const wholeModule = b.module !== null && b.op === null && b.line === null && b.shape === null && b.parameter === null;
  if (wholeModule && !conditional(b)) {
    for (let m = 0; m < model.modules; m++) if (text(graph.modules.path[m]!) === b.module) put(modules, m);
    return;
  }
  if (b.parameter === null) {
    const named = b.op === null ? null : matcher(b.op);
    let nth = 0;
    for (let op = model.ops - 1; op >= 0; op--) {         // in the order in which the pass comes to them
      const node = model.nodeOfOp[op]!;
      if (node < 0 && !b.forward) continue;
      if (named && !named(text(graph.ops.name[op]!)) && !named(text(graph.ops.label[op]!)) && !(node >= 0 && (named(text(graph.nodes.name[node]!)) || named(text(graph.nodes.name[node]!).replace(/0$/, ''))))) continue;
      if (b.module !== null && !inside(path(op), b.module)) continue;
      if (b.shape !== null && !fits(text(graph.ops.shape[op]!), b.shape)) continue;
      if (b.line !== null && !onLine(model, op, b.line)) continue;
      if (b.nth === null || nth === b.nth) put(ops, op);
      nth++;
    }
  }
  if (!b.forward && (b.parameter !== null || (b.op === null && b.line === null && conditional(b)))) {
    const named = b.parameter === null ? null : matcher(b.parameter);
    for (let s = 0; s < model.sources; s++) {
      if ((model.nodeOfSource[s] ?? -1) < 0) continue;
      const name = text(graph.sources.name[s]!);
      if ((named && !named(name)) || (b.module !== null && !inside(name.slice(0, Math.max(0, name.lastIndexOf('.'))), b.module)) || (b.shape !== null && !fits(text(graph.sources.shape[s]!), b.shape))) continue;
      put(sources, s);
    }
  }
}

function onLine(model: GraphModel, op: number, [file, line]: [string, number]): boolean {
  const { graph, text } = model, s = graph.ops.site[op]!;
  return s >= 0 && s < graph.sites.count && graph.sites.line[s] === line && (text(graph.sites.file[s]!) === file || text(graph.sites.cell[s]!) === file);
}

export function listAt(places: Places, target: Target | null): readonly Breakpoint[] {
  if (!target) return [];
  return (target.kind === 'op' ? places.ops : target.kind === 'module' ? places.modules : places.sources).get(target.row) ?? [];
}

/** Breakpoints at which a parameter's gradient stops a pass, and those of them that stand there alone. */
export function stopsAt(breakpoints: readonly Breakpoint[], parameter: string): { stops: Breakpoint[]; own: Breakpoint[] } {
  const stops = breakpoints.filter(b => b.parameter !== null && !b.forward && matcher(b.parameter)(parameter));
  return { stops, own: stops.filter(b => b.parameter === parameter) };
}

/** The sign of a place; an enabled breakpoint counts more than a disabled one, an unconditional one more than a conditional one. */
export function dotOf(list: readonly Breakpoint[] | undefined): number {
  if (!list?.length) return DOT.none;
  const on = list.filter(b => b.enabled);
  return on.some(b => !conditional(b)) ? DOT.on : on.length ? DOT.condition : DOT.off;
}

/** Breakpoints that stand on one thing alone: a click on it takes these away. */
export function removable(places: Places, target: Target): Breakpoint[] {
  const spread = new Map<Breakpoint, number>();
  for (const map of [places.ops, places.modules, places.sources]) for (const list of map.values()) for (const b of list) spread.set(b, (spread.get(b) ?? 0) + 1);
  return listAt(places, target).filter(b => spread.get(b) === 1 || (target.kind === 'module' && b.module !== null));
}

/** What `break.add` is told of a place; null where no pass can pause. */
export function fieldsOf(model: GraphModel, target: Target, forward = false): Record<string, unknown> | null {
  const { graph, text } = model;
  if (target.kind === 'module') { const path = text(graph.modules.path[target.row]!); return path ? { module: path, ...(forward && { forward }) } : null; }
  if (target.kind === 'source') { const name = text(graph.sources.name[target.row]!); return !forward && name && (model.nodeOfSource[target.row] ?? -1) >= 0 ? { parameter: name } : null; }
  const node = model.nodeOfOp[target.row]!;
  if (!forward) return node >= 0 ? { node } : null;
  const module = model.moduleOf(target.row), path = module >= 0 ? text(graph.modules.path[module]!) : '', site = graph.ops.site[target.row]!;
  return {
    op: text(graph.ops.name[target.row]!), forward: true, ...(path && { module: path }),
    ...(site >= 0 && { line: [text(graph.sites.cell[site]!) || text(graph.sites.file[site]!), graph.sites.line[site]!] }),
  };
}

/** The signs of a whole scene. A closed module says that some stand in it, unless one stands on itself. */
export function dotsOf(scene: Scene, places: Places): Uint8Array | undefined {
  if (!places.ops.size && !places.modules.size && !places.sources.size) return undefined;
  const dots = new Uint8Array(scene.count), rows = [...places.ops.keys()].sort((a, b) => a - b);
  for (let i = 0; i < scene.count; i++) {
    const row = scene.row[i]!;
    switch (scene.kind[i]) {
      case KIND.op: case KIND.tuck: dots[i] = dotOf(places.ops.get(row)); break;
      case KIND.chip: case KIND.input: dots[i] = dotOf(places.sources.get(row)); break;
      case KIND.module: case KIND.fold: {
        dots[i] = dotOf(places.modules.get(row));
        if (dots[i] || scene.open[i]) break;
        const [first, last] = scene.opsOf(i);
        if (rows.some(op => op >= first && op <= last && dotOf(places.ops.get(op)) !== DOT.off)) dots[i] = DOT.within;
        break;
      }
      default:
    }
  }
  return dots;
}

/** Something on which a breakpoint stands; null for one that is looked at everywhere. */
export function showOf(places: Places, b: Breakpoint): Target | null {
  for (const [kind, map] of [['op', places.ops], ['source', places.sources], ['module', places.modules]] as const) for (const [row, list] of map) if (list.some(one => one.id === b.id)) return { kind, row };
  return null;
}
