/** In which order a backward pass visits the nodes: newest first, and a leaf as soon as the last gradient for it has come. */

import type { Graph } from '../../store/types';

/** What a node is to a pass that stands at its cursor. */
export const PASS = { outside: 0, pending: 1, current: 2, done: 3 } as const;

/** Nodes that may be visited to find the beginning of a pass: some 100 ms. */
const WORK = 1_000_000;

type Nodes = Graph['nodes'];
const isLeaf = (nodes: Nodes, n: number) => nodes.op[n]! < 0 && nodes.source[n]! >= 0;

/** The visit from `roots` down, as rows of nodes; O(n log n). */
export function visit(nodes: Nodes, roots: readonly number[]): Int32Array {
  const seen = new Uint8Array(nodes.count), waiting = new Int32Array(nodes.count), inner: number[] = [];
  const stack = roots.filter(n => n >= 0 && n < nodes.count);
  for (const n of stack) seen[n] = 1;
  while (stack.length) {
    const n = stack.pop()!;
    if (isLeaf(nodes, n)) continue;
    inner.push(n);
    each(nodes, n, to => {
      if (isLeaf(nodes, to)) waiting[to]!++;
      if (!seen[to]) { seen[to] = 1; stack.push(to); }
    });
  }
  inner.sort((a, b) => nodes.op[b]! - nodes.op[a]! || b - a);
  const order: number[] = [];
  for (const n of inner) {
    order.push(n);
    each(nodes, n, to => { if (isLeaf(nodes, to) && --waiting[to]! === 0) order.push(to); });
  }
  return Int32Array.from(order);
}

/** Nodes that no other node leads to, newest first: where a pass can begin. */
export function rootsOf(nodes: Nodes): number[] {
  const reached = new Uint8Array(nodes.count), found: number[] = [];
  for (let n = 0; n < nodes.count; n++) each(nodes, n, to => { reached[to] = 1; });
  for (let n = nodes.count - 1; n >= 0; n--) if (!reached[n] && !isLeaf(nodes, n)) found.push(n);
  return found;
}

/**
 * The visit of a held pass, which tells only its length and where it stands; `known` is the visit that explained the stop before.
 * Null when no beginning explains it: then `statesOf` goes by age alone.
 */
export function orderOf(graph: Graph, total: number, index: number, node: number, known: Int32Array | null = null): Int32Array | null {
  const { nodes } = graph;
  const fits = (order: Int32Array) => order.length === total && (index >= total || node < 0 || order[index] === node);
  if (known && fits(known)) return known;
  const roots = rootsOf(nodes), tries = Math.max(2, Math.min(64, Math.floor(WORK / nodes.count)));
  for (const wish of [...roots.slice(0, tries).map(root => [root]), roots]) {
    const order = visit(nodes, wish);
    if (fits(order)) return order;
    const byRow = order.slice().sort((a, b) => b - a);    // a recorder that numbers leaves together with the nodes that lead to them
    if (fits(byRow)) return byRow;
  }
  return null;
}

/** The state of each node. Without an order all ops that came later than the current one count as done. */
export function statesOf(graph: Graph, order: Int32Array | null, index: number, node: number): Uint8Array {
  const { nodes } = graph, states = new Uint8Array(nodes.count);
  if (order) order.forEach((n, k) => { states[n] = k < index ? PASS.done : k > index ? PASS.pending : PASS.current; });
  else {
    const now = node >= 0 ? nodes.op[node]! : -1;
    for (let n = 0; n < nodes.count; n++) states[n] = node < 0 || (now >= 0 && nodes.op[n]! > now) ? PASS.done : PASS.pending;
    if (node >= 0) states[node] = PASS.current;
  }
  return states;
}

/** The visit that reaches most: what a step's loss does, where other losses were made too. */
export function longestVisit(nodes: Nodes): Int32Array {
  let longest: Int32Array = new Int32Array(0);
  for (const root of rootsOf(nodes).slice(0, Math.max(2, Math.min(64, Math.floor(WORK / nodes.count))))) {
    const found = visit(nodes, [root]);
    if (found.length > longest.length) longest = found;
    if (longest.length * 2 > nodes.count) break;
  }
  return longest;
}

function each(nodes: Nodes, n: number, fn: (to: number) => void): void {
  for (let e = nodes.nextStart[n]!, end = e + nodes.nextCount[n]!; e < end; e++) if (nodes.nexts[e]! >= 0) fn(nodes.nexts[e]!);
}
