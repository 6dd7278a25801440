/** What a program does now that it did not do before: two structures of one recording, op by op. */

import { t } from '../../chrome';
import type { Graph, RunStore } from '../../store/types';

/** By op: `fresh` 1 where it is new; `changed` what about it is another, `lost` names of ops that stood behind it. `against`: a recording, where it is another one. */
export interface Changes { fresh: Uint8Array; added: number; gone: number; since: number; names: string[]; against?: string; changed?: ReadonlyMap<number, string>; lost?: ReadonlyMap<number, readonly string[]> }

/** What `compare(a, b).graph()` asks of the view: rows of the graph of b. */
export interface Difference { graph: number; against: string; added: number[]; changed: [row: number, words: string][]; gone: [row: number, name: string][] }

export function changesFrom(d: Difference, ops: number): Changes {
  const fresh = new Uint8Array(ops), lost = new Map<number, string[]>(), names = new Map<string, number>();
  for (const row of d.added) if (row < ops) fresh[row] = 1;
  for (const [row, name] of d.gone) { lost.set(row, [...(lost.get(row) ?? []), name]); names.set(name, (names.get(name) ?? 0) + 1); }
  return { fresh, added: d.added.length, gone: d.gone.length, since: -1, names: counted(names), against: d.against, changed: new Map(d.changed), lost };
}

const counted = (names: ReadonlyMap<string, number>) => [...names].sort((a, b) => b[1] - a[1]).map(([name, n]) => (n > 1 ? `${name} ×${n}` : name));

/** What happened among the ops first..last, in words; `how` is the gravest of it. Null where nothing did. */
export function changeAt(c: Changes, first: number, last: number): { how: 'new' | 'changed' | 'gone'; words: string } | null {
  let fresh = 0, one = '', changed = 0;
  const lost: string[] = [];
  for (let op = first; op <= last; op++) {
    fresh += c.fresh[op] ?? 0;
    const words = c.changed?.get(op);
    if (words !== undefined) { changed++; one = words; }
    lost.push(...(c.lost?.get(op) ?? []));
  }
  const told = [fresh > 0 && (last > first ? t('{0} of {1} new', fresh, last - first + 1) : t('new')), changed > 0 && (changed > 1 ? t('{0} changed', changed) : one),
    lost.length > 0 && (lost.length > 2 ? t('{0} gone', lost.length) : lost.map(name => `−${name}`).join(' '))].filter(Boolean);
  return told.length ? { how: fresh ? 'new' : changed ? 'changed' : 'gone', words: told.join(', ') } : null;
}

/** The structure that ran last before this one became current: the other one with the latest step. */
export function beforeOf(store: Pick<RunStore, 'graphs'>, graph: Graph): Graph | null {
  let best: Graph | null = null;
  for (const other of store.graphs.values()) if (other !== graph && other.ops.count > 0 && (!best || (other.steps?.[1] ?? -1) > (best.steps?.[1] ?? -1))) best = other;
  return best;
}

/** Ops are the same when name, shape and module are, and they come as often: the third `relu` of a module is the third one there. */
export function changesOf(graph: Graph, other: Graph, text: (index: number) => string): Changes {
  const keyOf = (g: Graph, op: number) => `${g.ops.module[op]! >= 0 ? text(g.modules.path[g.ops.module[op]!]!) : ''}|${text(g.ops.name[op]!)}|${text(g.ops.shape[op]!)}`;
  const left = new Map<string, number>(), fresh = new Uint8Array(graph.ops.count), names = new Map<string, number>();
  for (let op = 0; op < other.ops.count; op++) { const key = keyOf(other, op); left.set(key, (left.get(key) ?? 0) + 1); }
  let added = 0, gone = 0;
  for (let op = 0; op < graph.ops.count; op++) {
    const key = keyOf(graph, op), n = left.get(key) ?? 0;
    if (n > 0) left.set(key, n - 1);
    else { fresh[op] = 1; added++; }
  }
  for (const [key, n] of left) if (n > 0) { gone += n; const name = key.split('|')[1]!; names.set(name, (names.get(name) ?? 0) + n); }
  return { fresh, added, gone, since: other.steps?.[1] ?? -1, names: counted(names) };
}
