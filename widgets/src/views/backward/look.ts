/** The forward picture, read backwards: what has run, what runs now, what waits. Each with a sign, not by hue alone. */

import { t } from '../../chrome';
import type { GraphModel } from '../../engines/graphmodel';
import { KIND } from '../../engines/graphmodel_plan';
import type { Look } from '../../engines/painter';
import { LINE, MARK, STYLE } from '../../engines/painter_style';
import type { Scene } from '../../engines/scene';
import { flows, lookOf } from '../graph/look';
import type { Places } from '../../breaks/places';
import type { Origin } from '../../store/types';
import { PASS } from './order';

export interface Extras { places?: Places; notes?: ReadonlyMap<number, string> | null; trail?: Origin | null }

export function passLook(scene: Scene, states: Uint8Array, { places, notes: told, trail }: Extras = {}): Look {
  const look = lookOf(scene, { flow: 'grad', overlay: null, trace: null, places }), { style, mark, line } = look, { model } = scene;
  const notes = new Map<number, string>(), item = new Uint8Array(scene.count);
  for (let i = 0; i < scene.count; i++) {
    const kind = scene.kind[i]!;
    if (kind === KIND.entry || kind === KIND.exit) continue;
    if (kind === KIND.module || kind === KIND.fold) {
      const { state, done, all } = within(model, states, scene.opsOf(i));
      item[i] = state;
      if (!scene.open[i] && all > 1 && done > 0 && done < all) notes.set(i, t('{0} of {1} done', done, all));
    } else item[i] = states[nodeOf(scene, i)] ?? PASS.outside;
    const chip = kind === KIND.chip || kind === KIND.tuck;
    if (scene.open[i]) continue;
    if (item[i] === PASS.done) { style[i] = STYLE.done; if (!chip) mark[i] = MARK.check; }
    else if (item[i] === PASS.current) { style[i] = STYLE.current; if (!chip) mark[i] = MARK.arrow; }
    else if (item[i] === PASS.pending) { style[i] = STYLE.pending; if (!chip) mark[i] = MARK.none; }
    else style[i] = STYLE.ghost;
  }
  for (let e = 0; e < scene.edges; e++) {
    const to = ending(scene, scene.to[e]!), made = scene.producer[e]!;
    const producer = made >= 0 ? states[model.nodeOfOp[made]!] : states[model.nodeOfSource[-made - 1] ?? -1];
    // A gradient has come back along an edge when its consumer has run.
    line[e] = !flows(scene, e) || producer === undefined || producer === PASS.outside ? LINE.ghost : producer === PASS.done || producer === PASS.current || item[to] === PASS.done ? LINE.done : LINE.pending;
  }
  if (told) for (let i = 0; i < scene.count; i++) { const words = told.get(nodeOf(scene, i)); if (words) notes.set(i, words); }
  if (trail?.found) markTrail(scene, trail, look, notes);
  const note = look.note;
  return { ...look, note: i => notes.get(i) ?? note?.(i) };
}

/** The way from the loss to where a value went wrong: lines in the colour of trouble, and a cross where it began. */
function markTrail(scene: Scene, trail: Origin, { style, mark, line }: Look, notes: Map<number, string>): void {
  const { model } = scene, { op: opOf } = model.graph.nodes, on = new Set(trail.path.map(p => scene.itemOfOp(opOf[p.node] ?? -1))), first = scene.itemOfOp(opOf[trail.node] ?? -1);
  for (let e = 0; e < scene.edges; e++) if (on.has(ending(scene, scene.from[e]!)) && on.has(ending(scene, scene.to[e]!))) line[e] = LINE.trouble;
  if (first < 0) return;
  if (style[first] !== STYLE.current) style[first] = STYLE.trouble;
  mark[first] = MARK.cross;
  notes.set(first, trail.kind ?? '');
}

/** A forward pass under way: the graph as it is, and the op that has just run. */
export function forwardLook(scene: Scene, op: number, places?: Places): Look {
  const look = lookOf(scene, { flow: 'forward', overlay: null, trace: null, places }), item = op < 0 ? -1 : scene.itemOfOp(op);
  if (item >= 0) { look.style[item] = STYLE.chosen; look.mark[item] = MARK.down; }
  return look;
}

/** Row of the node that an item stands for; -1 for none. */
export function nodeOf(scene: Scene, i: number): number {
  const { model } = scene, row = scene.row[i]!;
  switch (scene.kind[i]) {
    case KIND.op: case KIND.tuck: return model.nodeOfOp[row]!;
    case KIND.chip: case KIND.input: return model.nodeOfSource[row] ?? -1;
    default: return -1;
  }
}

function within(model: GraphModel, states: Uint8Array, [first, last]: [number, number]): { state: number; done: number; all: number } {
  let done = 0, all = 0, now = false;
  for (let op = first; op <= last; op++) {
    const state = states[model.nodeOfOp[op]!] ?? PASS.outside;
    if (state === PASS.outside) continue;
    all++;
    if (state === PASS.done) done++;
    if (state === PASS.current) now = true;
    // The leaves of a closed module are in it as well.
    for (const from of model.inputs(op)) if (from < 0 && states[model.nodeOfSource[-from - 1] ?? -1] === PASS.current) now = true;
  }
  return { state: now ? PASS.current : all === 0 ? PASS.outside : done === all ? PASS.done : PASS.pending, done, all };
}

/** A way into or out of an open module stands for that module. */
function ending(scene: Scene, i: number): number {
  return (scene.kind[i] === KIND.entry || scene.kind[i] === KIND.exit) && scene.parent[i]! >= 0 ? scene.parent[i]! : i;
}

/** The op that stands for a node in the picture: its own, or the first that uses its leaf. */
export function placeOf(model: GraphModel, node: number): number {
  const { nodes } = model.graph;
  if (node < 0 || node >= nodes.count) return -1;
  return nodes.op[node]! >= 0 ? nodes.op[node]! : model.usersOf(nodes.source[node]!)[0] ?? -1;
}
