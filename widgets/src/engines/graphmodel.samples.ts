/** Programs of any size for tests and benchmarks, as the tape would record them. */

import { appendGraph, emptyGraph } from '../store/graph';
import type { Graph } from '../store/types';
import { GraphBuilder, type Ref } from '../testing/graphs';
import { GraphModel } from './graphmodel';

export interface Sample { graph: Graph; model: GraphModel; builder: GraphBuilder }

export function sampleOf(builder: GraphBuilder): Sample {
  const graph = emptyGraph(0);
  appendGraph(graph, builder.frame());
  return { graph, builder, model: new GraphModel(graph, at => builder.strings[at] ?? '') };
}

/** The first `ops` ops of a program, as a growing recording would have sent them: calls that have not returned then are still open. */
export function prefixOf(builder: GraphBuilder, ops: number): Sample {
  const { meta, columns: c } = builder.frame(), cut = (table: ArrayLike<number>, length: number) => (table as Int32Array).slice(0, length) as Int32Array;
  const modules = c.mod_first!.filter((first: number) => first < ops).length, inputs = c.op_inputs as Uint16Array;
  const flat = inputs.slice(0, ops).reduce((sum, n) => sum + n, 0);
  const nodes = (c.node_op as Int32Array).findIndex(op => op >= ops), nodeCount = nodes < 0 ? c.node_op!.length : nodes, nexts = (c.node_nexts as Uint16Array).slice(0, nodeCount).reduce((sum, n) => sum + n, 0);
  const columns: Record<string, any> = {};
  for (const [name, column] of Object.entries(c)) {
    const length = name === 'op_in' ? flat : name === 'node_next' ? nexts : name.startsWith('op_') ? ops : name.startsWith('mod_') ? modules : name.startsWith('node_') ? nodeCount : column.length;
    columns[name] = cut(column as any, length);
  }
  columns.mod_last = (columns.mod_last as Int32Array).map(last => (last >= ops ? -1 : last));
  const graph = emptyGraph(0);
  appendGraph(graph, { kind: 'graph', meta, columns });
  return { graph, builder, model: new GraphModel(graph, at => builder.strings[at] ?? '') };
}

export function random(seed: number): () => number {
  return () => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 4294967296;
}

/** A layered program with residuals, branches, nested calls and parameters; about `ops` ops. */
export function randomProgram(ops: number, seed: number, deepest = 3): GraphBuilder {
  const g = new GraphBuilder(), next = random(seed), pick = (n: number) => Math.floor(next() * n);
  const live: Ref[] = [g.source(0, 'x', [8, 8]), g.source(0, 'mask', [8, 8])];
  let serial = 0;
  const body = (depth: number, length: number, path: string) => {
    for (let i = 0; i < length && g.opCount < ops; i++) {
      if (depth < deepest && next() < 0.25) {
        const name = `${path}${path ? '.' : ''}m${serial++}`;
        g.module(name, ['Block', 'Linear', 'Head'][pick(3)]!, () => body(depth + 1, 1 + pick(9), name));
        continue;
      }
      const ins: Ref[] = [live[Math.max(0, live.length - 1 - pick(4))]!];
      if (next() < 0.35) ins.push(live[Math.max(0, live.length - 1 - pick(14))]!);
      if (next() < 0.04) ins.push(live[pick(live.length)]!);
      if (next() < 0.3) ins.push(g.source(1, `${path}.weight`, [8, 8]));
      live.push(g.op(['add', 'mul', 'relu', 'matmul', 'softmax'][pick(5)]!, ins, [8, 8]));
    }
  };
  while (g.opCount < ops) body(0, 40, '');
  return g;
}

/** One attention block as people write it, one head: the piece that layouts are compared on. */
export function attentionBlock(): GraphBuilder {
  const g = new GraphBuilder();
  const w = (name: string) => g.source(1, name, [64, 64]);
  const x = g.source(0, 'x', [8, 64]), mask = g.source(0, 'mask', [8, 8]);
  const linear = (name: string, from: Ref) => g.op('addmm', [g.op('t', [w(`${name}.weight`)], [64, 64], { flags: 2 }), from, w(`${name}.bias`)], [8, 64]);
  const norm = g.op('layer_norm', [x, w('ln.weight'), w('ln.bias')], [8, 64]);
  const heads = [0, 1, 2].map(h => {
    const [q, k, v] = ['q', 'k', 'v'].map(n => g.op('view', [linear(`${n}${h}`, norm)], [8, 64], { flags: 2 })) as [Ref, Ref, Ref];
    const scores = g.op('mul', [g.op('matmul', [q, g.op('transpose', [k], [64, 8], { flags: 2 })], [8, 8])], [8, 8]);
    return g.op('matmul', [g.op('softmax', [g.op('masked_fill', [scores, mask], [8, 8])], [8, 8]), v], [8, 64]);
  });
  const added = g.op('add', [x, linear('proj', g.op('cat', heads, [8, 192]))], [8, 64]);
  const up = g.op('gelu', [linear('up', g.op('layer_norm', [added], [8, 64]))], [8, 256]);
  g.op('add', [added, linear('down', up)], [8, 64]);
  return g;
}

/** A decoder of many layers with heads written out: `layers` * about 90 ops. */
export function decoder(layers: number, heads = 8): GraphBuilder {
  const g = new GraphBuilder();
  const linear = (name: string, x: Ref) => g.module(name, 'Linear', () => g.op('addmm', [x, g.op('t', [g.source(1, `${name}.weight`, [64, 64])], [64, 64], { flags: 2 }), g.source(1, `${name}.bias`, [64])], [8, 64]));
  const norm = (name: string, x: Ref) => g.module(name, 'LayerNorm', () => g.op('layer_norm', [x, g.source(1, `${name}.weight`, [64]), g.source(1, `${name}.bias`, [64])], [8, 64]));
  let x: Ref = g.source(0, 'tokens', [8, 64]);
  const mask = g.source(0, 'mask', [8, 8]);
  g.module('', 'GPT', () => {
    for (let l = 0; l < layers; l++) x = g.module(`h.${l}`, 'Block', () => {
      const p = `h.${l}`, h = norm(`${p}.ln1`, x);
      const a = g.module(`${p}.attn`, 'Attention', () => linear(`${p}.attn.proj`, g.op('cat', Array.from({ length: heads }, (_, i) => g.module(`${p}.attn.heads.${i}`, 'Head', () => {
        const [q, k, v] = ['q', 'k', 'v'].map(n => linear(`${p}.attn.heads.${i}.${n}`, h)) as [Ref, Ref, Ref];
        const scores = g.op('masked_fill', [g.op('mul', [g.op('matmul', [q, g.op('transpose', [k], [64, 8], { flags: 2 })], [8, 8])], [8, 8]), mask], [8, 8]);
        return g.op('matmul', [g.op('softmax', [scores], [8, 8]), v], [8, 8]);
      })), [8, 64])));
      const r = g.op('add', [x, a], [8, 64]);
      return g.op('add', [r, g.module(`${p}.mlp`, 'MLP', () => linear(`${p}.mlp.down`, g.op('gelu', [linear(`${p}.mlp.up`, norm(`${p}.mlp.ln`, r))], [8, 64])))], [8, 64]);
    });
  });
  g.op('cross_entropy', [x, g.source(0, 'targets', [8])], [], { label: 'loss' });
  return g;
}

/** As `decoder`, without modules: everything on one level. */
export function flat(ops: number): GraphBuilder {
  const g = new GraphBuilder();
  let x: Ref = g.source(0, 'x', [8, 8]), skip = x;
  for (let i = 0; g.opCount < ops; i++) {
    const a = g.op('matmul', [x, g.source(1, `w${i}`, [8, 8])], [8, 8]), b = g.op('matmul', [x, g.source(1, `v${i}`, [8, 8])], [8, 8]);
    const c = g.op('mul', [g.op('sigmoid', [a], [8, 8]), g.op('tanh', [b], [8, 8])], [8, 8]);
    x = g.op('add', [c, skip], [8, 8]);
    if (i % 3 === 0) skip = x;
  }
  return g;
}
