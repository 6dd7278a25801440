/** Programs for the demo, written as the tape would record them. */

import type { Frame } from '../wire/frame';

export type Ref = { op: number } | { src: number };

const SITE_FILE = 'In [3]';

export class GraphBuilder {
  readonly strings: string[] = [''];
  private readonly index = new Map<string, number>([['', 0]]);
  private readonly ops = { name: [] as number[], module: [] as number[], site: [] as number[], flags: [] as number[], shape: [] as number[], dtype: [] as number[], label: [] as number[], inputs: [] as number[], ins: [] as number[] };
  private readonly srcs = { kind: [] as number[], name: [] as number[], shape: [] as number[], dtype: [] as number[], module: [] as number[] };
  private readonly mods = { parent: [] as number[], path: [] as number[], cls: [] as number[], call: [] as number[], first: [] as number[], last: [] as number[] };
  private readonly nodes = { name: [] as number[], op: [] as number[], src: [] as number[], nexts: [] as number[], next: [] as number[] };
  private readonly sites = { file: [] as number[], line: [] as number[], text: [] as number[], fn: [] as number[], cell: [] as number[] };
  private readonly nodeOfOp = new Map<number, number>();
  private readonly nodeOfSource = new Map<number, number>();
  private open: number[] = [];

  text(s: string): number {
    let at = this.index.get(s);
    if (at === undefined) { at = this.strings.push(s) - 1; this.index.set(s, at); }
    return at;
  }

  site(line: number, text: string, fn = '<module>'): number {
    const known = this.sites.line.findIndex((l, i) => l === line && this.strings[this.sites.text[i]!] === text);
    if (known >= 0) return known;
    this.sites.file.push(this.text(SITE_FILE)); this.sites.line.push(line); this.sites.text.push(this.text(text)); this.sites.fn.push(this.text(fn)); this.sites.cell.push(this.text('In [3]'));
    return this.sites.line.length - 1;
  }

  source(kind: 0 | 1 | 2 | 3, name: string, shape: number[], dtype = 'float32'): Ref {
    this.srcs.kind.push(kind); this.srcs.name.push(this.text(name)); this.srcs.shape.push(this.text(shape.join('x'))); this.srcs.dtype.push(this.text(dtype));
    this.srcs.module.push(this.open.at(-1) ?? -1);
    return { src: this.srcs.kind.length - 1 };
  }

  module<T>(path: string, cls: string, body: () => T): T {
    const row = this.mods.path.length;
    this.mods.parent.push(this.open.at(-1) ?? -1); this.mods.path.push(this.text(path)); this.mods.cls.push(this.text(cls)); this.mods.call.push(0);
    this.mods.first.push(this.ops.name.length); this.mods.last.push(-1);
    this.open.push(row);
    const result = body();
    this.open.pop();
    this.mods.last[row] = this.ops.name.length - 1;
    return result;
  }

  op(name: string, inputs: Ref[], shape: number[], { site = 0, flags = 0, label = '', backward = `${name[0]!.toUpperCase()}${name.slice(1).replace(/_(\w)/g, (_, c) => c.toUpperCase())}Backward0` } = {}): Ref {
    const row = this.ops.name.length;
    this.ops.name.push(this.text(name)); this.ops.module.push(this.open.at(-1) ?? -1); this.ops.site.push(site); this.ops.flags.push(flags);
    this.ops.shape.push(this.text(shape.join('x'))); this.ops.dtype.push(this.text('float32')); this.ops.label.push(this.text(label)); this.ops.inputs.push(inputs.length);
    const next: number[] = [];
    for (const input of inputs) {
      this.ops.ins.push('op' in input ? input.op : -(input.src + 1));
      next.push('op' in input ? this.nodeOfOp.get(input.op) ?? -1 : this.accumulate(input.src));
    }
    if (!(flags & 4) && next.some(n => n >= 0)) this.nodeOfOp.set(row, this.node(backward, row, -1, next));
    return { op: row };
  }

  get opCount(): number { return this.ops.name.length; }
  get nodeCount(): number { return this.nodes.name.length; }
  nodeName(row: number): string { return this.strings[this.nodes.name[row]!]!; }
  opOfNode(row: number): number { return this.nodes.op[row]!; }
  sourceOfNode(row: number): number { return this.nodes.src[row]!; }
  sourceName(row: number): string { return this.strings[this.srcs.name[row]!]!; }
  nodeOf(op: number): number { return this.nodeOfOp.get(op) ?? -1; }
  siteOf(op: number): [string, number, string, string] {
    const s = this.ops.site[op]!;
    return [SITE_FILE, this.sites.line[s]!, this.strings[this.sites.text[s]!]!, 'In [3]'];
  }
  modulePath(op: number): string { const m = this.ops.module[op]!; return m < 0 ? '' : this.strings[this.mods.path[m]!]!; }

  frame(graph = 0): Frame {
    const s = Uint32Array.from.bind(Uint32Array), i = Int32Array.from.bind(Int32Array), u2 = Uint16Array.from.bind(Uint16Array);
    const { ops, srcs, mods, nodes, sites } = this;
    return {
      kind: 'graph', meta: { graph, current: graph, start: { op: 0, src: 0, mod: 0, node: 0, site: 0 }, closed: [] },
      columns: {
        op_name: s(ops.name), op_module: i(ops.module), op_site: i(ops.site), op_flags: Uint8Array.from(ops.flags), op_shape: s(ops.shape), op_dtype: s(ops.dtype), op_label: s(ops.label), op_inputs: u2(ops.inputs), op_in: i(ops.ins),
        src_kind: Uint8Array.from(srcs.kind), src_name: s(srcs.name), src_shape: s(srcs.shape), src_dtype: s(srcs.dtype), src_module: i(srcs.module),
        mod_parent: i(mods.parent), mod_path: s(mods.path), mod_class: s(mods.cls), mod_call: i(mods.call), mod_first: i(mods.first), mod_last: i(mods.last),
        node_name: s(nodes.name), node_op: i(nodes.op), node_src: i(nodes.src), node_nexts: u2(nodes.nexts), node_next: i(nodes.next),
        site_file: s(sites.file), site_line: i(sites.line), site_text: s(sites.text), site_function: s(sites.fn), site_cell: s(sites.cell),
      },
    };
  }

  private node(name: string, op: number, src: number, next: number[]): number {
    this.nodes.name.push(this.text(name)); this.nodes.op.push(op); this.nodes.src.push(src); this.nodes.nexts.push(next.length); this.nodes.next.push(...next);
    return this.nodes.name.length - 1;
  }

  private accumulate(src: number): number {
    if (this.srcs.kind[src] !== 1) return -1;
    let node = this.nodeOfSource.get(src);
    if (node === undefined) this.nodeOfSource.set(src, (node = this.node('AccumulateGrad', -1, src, [])));
    return node;
  }
}

/** The program that `train` runs. */
export function mlpGraph(batch: number, sizes: readonly number[]): GraphBuilder {
  const g = new GraphBuilder();
  const line = { call: g.site(8, 'logits = model(x)'), loss: g.site(9, 'loss = F.cross_entropy(logits, y)') };
  const linear = (name: string, x: Ref, i: number, o: number) => g.module(name, 'Linear', () => {
    const w = g.source(1, `${name}.weight`, [o, i]), b = g.source(1, `${name}.bias`, [o]);
    return g.op('linear', [x, w, b], [batch, o], { site: line.call, label: '', backward: 'AddmmBackward0' });
  });
  const x = g.source(0, 'x', [batch, sizes[0]!]), y = g.source(0, 'y', [batch], 'int64');
  const logits = g.module('', 'MLP', () => {
    const h1 = g.module('act1', 'ReLU', ((h) => () => g.op('relu', [h], [batch, sizes[1]!], { site: line.call }))(linear('fc1', x, sizes[0]!, sizes[1]!)));
    const h2 = g.module('act2', 'ReLU', ((h) => () => g.op('relu', [h], [batch, sizes[2]!], { site: line.call }))(linear('fc2', h1, sizes[1]!, sizes[2]!)));
    return linear('head', h2, sizes[2]!, sizes[3]!);
  });
  g.op('cross_entropy', [logits, y], [], { site: line.loss, label: 'loss', backward: 'CrossEntropyBackward0' });
  return g;
}

/** A decoder-only transformer, for something larger to look at. */
export function transformerGraph(layers = 6, batch = 8, length = 64, width = 128): GraphBuilder {
  const g = new GraphBuilder();
  const site = g.site(14, 'logits = model(tokens)'), lossSite = g.site(15, 'loss = F.cross_entropy(logits.view(-1, vocab), targets)');
  const at = { site }, shape = [batch, length, width];
  const linear = (name: string, x: Ref, o: number) => g.module(name, 'Linear', () =>
    g.op('linear', [x, g.source(1, `${name}.weight`, [o, width]), g.source(1, `${name}.bias`, [o])], [batch, length, o], { site, backward: 'AddmmBackward0' }));
  const norm = (name: string, x: Ref) => g.module(name, 'LayerNorm', () =>
    g.op('layer_norm', [x, g.source(1, `${name}.weight`, [width]), g.source(1, `${name}.bias`, [width])], shape, at));
  const tokens = g.source(0, 'tokens', [batch, length], 'int64'), targets = g.source(0, 'targets', [batch * length], 'int64');
  const logits = g.module('', 'GPT', () => {
    const mask = g.source(2, 'mask', [length, length]);
    let x = g.op('add', [
      g.module('wte', 'Embedding', () => g.op('embedding', [g.source(1, 'wte.weight', [512, width]), tokens], shape, at)),
      g.module('wpe', 'Embedding', () => g.op('embedding', [g.source(1, 'wpe.weight', [length, width]), g.source(3, 'positions', [length], 'int64')], [length, width], at)),
    ], shape, at);
    for (let l = 0; l < layers; l++) {
      x = g.module(`blocks.${l}`, 'Block', () => {
        const p = `blocks.${l}`;
        const h = norm(`${p}.ln1`, x);
        const a = g.module(`${p}.attn`, 'Attention', () => {
          const [q, k, v] = ['q', 'k', 'v'].map(n => g.op('transpose', [linear(`${p}.attn.${n}`, h, width)], [batch, 4, length, width / 4], { site, flags: 2 })) as [Ref, Ref, Ref];
          const scores = g.op('matmul', [q, g.op('transpose', [k], [batch, 4, width / 4, length], { site, flags: 2 })], [batch, 4, length, length], at);
          const scaled = g.op('mul', [scores], [batch, 4, length, length], at);
          const masked = g.op('masked_fill', [scaled, mask], [batch, 4, length, length], at);
          const weights = g.op('softmax', [masked], [batch, 4, length, length], at);
          return linear(`${p}.attn.proj`, g.op('reshape', [g.op('matmul', [weights, v], [batch, 4, length, width / 4], at)], shape, at), width);
        });
        const r = g.op('add', [x, a], shape, at);
        const m = g.module(`${p}.mlp`, 'FeedForward', () => linear(`${p}.mlp.down`, g.op('gelu', [linear(`${p}.mlp.up`, norm(`${p}.ln2`, r), width * 4)], [batch, length, width * 4], at), width));
        return g.op('add', [r, m], shape, at);
      });
    }
    return linear('head', norm('ln_f', x), 512);
  });
  g.op('cross_entropy', [g.op('view', [logits], [batch * length, 512], { site: lossSite, flags: 2 }), targets], [], { site: lossSite, label: 'loss' });
  return g;
}
