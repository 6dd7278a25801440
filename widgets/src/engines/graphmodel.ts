/**
 * What a graph is made of, indexed for looking at it: which call an op lies in, who uses it, which blocks are alike.
 *
 * Nodes of the picture are module *calls*. The ops of one call are the rows [first, last], and calls nest, so edges lifted to any level
 * of the tree of calls run forward: no cycles, even where weights are shared or a module is called twice.
 */

import type { Graph } from '../store/types';

export const SOURCE = { input: 0, parameter: 1, buffer: 2, constant: 3 } as const;
export const FLAG = { inplace: 1, view: 2, noGrad: 4, recomputed: 8 } as const;

/** The level outside of all modules. */
export const ROOT = -1;
/** A tensor with more consumers than this is named beside each of them: as lines they would be an opaque bundle. */
export const HUB = 24;

export class GraphModel {
  /** Rows that have been taken in; the tables may already hold more. */
  ops = 0;
  modules = 0;
  sources = 0;
  nodes = 0;
  /** Last op that uses the output of an op; -1 for none. */
  lastUse = new Int32Array(0);
  uses = new Int32Array(0);
  sourceUses = new Int32Array(0);
  /** grad_fn row of an op or a source; -1 for none. */
  nodeOfOp = new Int32Array(0);
  nodeOfSource = new Int32Array(0);
  /** Child calls of a level that contain an op, in the order of their calls. */
  private children = new Map<number, number[]>();
  private depths = new Int32Array(0);
  private hashes = new Map<number, number>();
  private consumerStart: Uint32Array | null = null;
  private consumerList = new Int32Array(0);
  private version = -1;

  constructor(readonly graph: Graph, readonly text: (index: number) => string) {
    this.update();
  }

  /** Takes in rows that have been appended since; true when there were any. */
  update(): boolean {
    const { graph: g } = this;
    if (g.version === this.version) return false;
    this.version = g.version;
    const opsBefore = this.ops, modulesBefore = this.modules, nodesBefore = this.nodes;
    this.lastUse = grow(this.lastUse, g.ops.count);
    this.uses = grow(this.uses, g.ops.count, 0);
    this.sourceUses = grow(this.sourceUses, g.sources.count, 0);
    this.nodeOfOp = grow(this.nodeOfOp, g.ops.count);
    this.nodeOfSource = grow(this.nodeOfSource, g.sources.count);
    const { inStart, inCount, ins } = g.ops;
    for (let op = opsBefore; op < g.ops.count; op++) {
      for (let e = inStart[op]!, end = e + inCount[op]!; e < end; e++) {
        const from = ins[e]!;
        if (from >= 0) { this.lastUse[from] = op; this.uses[from]!++; } else this.sourceUses[-from - 1]!++;
      }
    }
    for (let n = nodesBefore; n < g.nodes.count; n++) {
      const op = g.nodes.op[n]!, source = g.nodes.source[n]!;
      if (op >= 0) (this.nodeOfOp = grow(this.nodeOfOp, op + 1))[op] = n;
      else if (source >= 0) (this.nodeOfSource = grow(this.nodeOfSource, source + 1))[source] = n;
    }
    this.depths = grow(this.depths, g.modules.count, 0);
    for (let m = modulesBefore; m < g.modules.count; m++) {
      const parent = g.modules.parent[m]!;
      this.depths[m] = parent < 0 ? 0 : this.depths[parent]! + 1;
      let list = this.children.get(parent);
      if (!list) this.children.set(parent, (list = []));
      list.push(m);
    }
    this.ops = g.ops.count;
    this.modules = g.modules.count;
    this.sources = g.sources.count;
    this.nodes = g.nodes.count;
    this.consumerStart = null;
    return true;
  }

  first(module: number): number {
    return module < 0 ? 0 : this.graph.modules.first[module]!;
  }

  /** The last op of a call; of one that still runs, the last op there is. */
  last(module: number): number {
    if (module < 0 || this.isRunning(module)) return this.ops - 1;
    return this.graph.modules.last[module]!;
  }

  /**
   * The call has not returned, as far as we know. One that returned without an op ends before it begins, so at row 0 it looks as if it
   * still ran: there it runs if the first op lies in it.
   */
  isRunning(module: number): boolean {
    const { first, last, parent } = this.graph.modules;
    if (last[module]! >= 0) return false;
    if (first[module]! > 0 || this.ops === 0) return true;
    let around = this.graph.ops.module[0]!;
    while (around >= 0 && around !== module) around = parent[around]!;
    return around === module;
  }

  opCount(module: number): number {
    return Math.max(0, this.last(module) - this.first(module) + 1);
  }

  depth(module: number): number {
    return module < 0 ? -1 : this.depths[module]!;
  }

  parent(module: number): number {
    return this.graph.modules.parent[module]!;
  }

  /** Child calls that contain at least one op. */
  calls(level: number): number[] {
    return (this.children.get(level) ?? []).filter(m => this.opCount(m) > 0);
  }

  /** The innermost call around an op; ROOT outside of all. */
  moduleOf(op: number): number {
    return this.graph.ops.module[op]!;
  }

  moduleOfSource(source: number): number {
    return this.graph.sources.module[source]!;
  }

  /** "encoder.0#1": what names a call in any structure of the same program. */
  nameOf(module: number): string {
    return `${this.text(this.graph.modules.path[module]!)}#${this.graph.modules.call[module]!}`;
  }

  /** Ops that use the output of `op`. */
  consumers(op: number): Int32Array {
    if (!this.consumerStart) this.indexConsumers();
    return this.consumerList.subarray(this.consumerStart![op]!, this.consumerStart![op + 1]!);
  }

  /** Ops that use a source. */
  usersOf(source: number): number[] {
    const { inStart, inCount, ins } = this.graph.ops, found: number[] = [];
    for (let op = 0; op < this.ops; op++) for (let e = inStart[op]!, end = e + inCount[op]!; e < end; e++) if (ins[e] === -source - 1) { found.push(op); break; }
    return found;
  }

  /** Producing op rows, and for sources -(row + 1). */
  inputs(op: number): Int32Array {
    const { inStart, inCount, ins } = this.graph.ops;
    return ins.subarray(inStart[op]!, inStart[op]! + inCount[op]!);
  }

  /** Parameters used by the ops of a level, each once. */
  parametersIn(module: number): number[] {
    const { ins, inStart, inCount } = this.graph.ops, from = this.first(module), to = this.last(module), found = new Set<number>();
    for (let op = from; op <= to; op++) for (let e = inStart[op]!, end = e + inCount[op]!; e < end; e++) {
      const source = -ins[e]! - 1;
      if (source >= 0 && this.graph.sources.kind[source] === SOURCE.parameter) found.add(source);
    }
    return [...found];
  }

  /**
   * The op beside which a view of a parameter stands as a mark of its own: a transposed weight is part of its matmul to whoever looks.
   * -1 where `op` is nothing of the kind, -2 while its consumer has not come yet.
   */
  tuckedInto(op: number): number {
    const { flags, inStart, inCount, ins, module } = this.graph.ops;
    if (!(flags[op]! & FLAG.view) || inCount[op] !== 1) return -1;
    const from = ins[inStart[op]!]!;
    if (from >= 0 || this.graph.sources.kind[-from - 1] === SOURCE.input) return -1;
    if (this.uses[op] === 0) return op >= this.ops - 4 ? -2 : -1;
    const user = this.lastUse[op]!;
    return this.uses[op] === 1 && module[user] === module[op] ? user : -1;
  }

  /** Equal for calls that do the same: same ops, shapes, wiring and nested calls. 0 while a call still runs. */
  hash(module: number): number {
    if (this.isRunning(module)) return 0;
    let hash = this.hashes.get(module);
    if (hash === undefined) this.hashes.set(module, (hash = this.computeHash(module)));
    return hash;
  }

  private computeHash(module: number): number {
    const { ops, sources, modules } = this.graph, first = this.first(module), last = this.last(module);
    let h = mixed(0x811c9dc5, modules.cls[module]!);
    const outside = new Map<number, number>();          // producers outside, numbered as they are met
    for (let op = first; op <= last; op++) {
      h = mixed(mixed(mixed(h, ops.name[op]!), ops.shape[op]!), ops.dtype[op]!);
      for (let e = ops.inStart[op]!, end = e + ops.inCount[op]!; e < end; e++) {
        const from = ops.ins[e]!;
        if (from >= first) h = mixed(h, op - from);
        else {
          const number = outside.get(from) ?? outside.set(from, outside.size).size - 1;
          h = mixed(h, -1 - number);
          // Whether what comes in is the program's input or another block's output makes no difference inside.
          if (from < 0 && sources.kind[-from - 1] !== SOURCE.input) h = mixed(mixed(h, sources.kind[-from - 1]!), sources.shape[-from - 1]!);
        }
      }
    }
    for (const child of this.calls(module)) h = mixed(mixed(h, this.first(child) - first), this.hash(child));
    return h || 1;
  }

  private indexConsumers(): void {
    const { inStart, inCount, ins } = this.graph.ops, start = new Uint32Array(this.ops + 1);
    for (let op = 0; op < this.ops; op++) start[op + 1] = start[op]! + this.uses[op]!;
    const at = start.slice(), list = new Int32Array(start[this.ops]!);
    for (let op = 0; op < this.ops; op++) for (let e = inStart[op]!, end = e + inCount[op]!; e < end; e++) {
      const from = ins[e]!;
      if (from >= 0) list[at[from]!++] = op;
    }
    this.consumerStart = start;
    this.consumerList = list;
  }
}

function mixed(hash: number, value: number): number {
  hash = Math.imul(hash ^ (value & 0xffff), 0x01000193);
  hash = Math.imul(hash ^ (value >>> 16), 0x01000193);
  return hash >>> 0;
}

/** The same values in a column that has room for `length`; what is new is `fill`. */
function grow(column: Int32Array<ArrayBuffer>, length: number, fill = -1): Int32Array<ArrayBuffer> {
  if (length <= column.length) return column;
  const wider = new Int32Array(Math.max(length, column.length * 2));
  wider.set(column);
  wider.fill(fill, column.length);
  return wider;
}
