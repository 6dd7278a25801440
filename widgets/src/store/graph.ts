/** Graph tables: frames append to them, and a frame that comes twice changes nothing. */

import { WireError, type Frame, type Values } from '../wire/frame';
import { grown, type Typed } from './columns';
import type { Graph } from './types';

const u8 = () => new Uint8Array(0);
const u16 = () => new Uint16Array(0);
const u32 = () => new Uint32Array(0);
const i32 = () => new Int32Array(0);

export function emptyGraph(id: number): Graph {
  return {
    id, version: 0,
    ops: { count: 0, name: u32(), module: i32(), site: i32(), flags: u8(), shape: u32(), dtype: u32(), label: u32(), inStart: u32(), inCount: u16(), ins: i32() },
    sources: { count: 0, kind: u8(), name: u32(), shape: u32(), dtype: u32(), module: i32() },
    modules: { count: 0, parent: i32(), path: u32(), cls: u32(), call: i32(), first: i32(), last: i32() },
    nodes: { count: 0, name: u32(), op: i32(), source: i32(), nextStart: u32(), nextCount: u16(), nexts: i32() },
    sites: { count: 0, file: u32(), line: i32(), text: u32(), fn: u32(), cell: u32() },
  };
}

type Table = { count: number } & Record<string, Typed | number>;

/** Our name for each column of the wire, a table at a time; the first one is always sent and gives the row count. */
const OPS = { name: 'op_name', module: 'op_module', site: 'op_site', flags: 'op_flags', shape: 'op_shape', dtype: 'op_dtype', label: 'op_label', inCount: 'op_inputs' };
const SOURCES = { name: 'src_name', kind: 'src_kind', shape: 'src_shape', dtype: 'src_dtype', module: 'src_module' };
const MODULES = { path: 'mod_path', parent: 'mod_parent', cls: 'mod_class', call: 'mod_call', first: 'mod_first', last: 'mod_last' };
const NODES = { name: 'node_name', op: 'node_op', source: 'node_src', nextCount: 'node_nexts' };
const SITES = { file: 'site_file', line: 'site_line', text: 'site_text', fn: 'site_function', cell: 'site_cell' };

/** Applies one `graph` frame. Throws WireError when rows are missing before it. */
export function appendGraph(graph: Graph, frame: Frame): void {
  const start = (frame.meta.start ?? {}) as Record<string, number>;
  const rows = (name: keyof typeof graph & ('ops' | 'sources' | 'modules' | 'nodes' | 'sites'), columns: Record<string, string>, from?: number) =>
    append(graph[name] as unknown as Table, columns, frame.columns, from, name);
  const ops = rows('ops', OPS, start.op);
  rows('sources', SOURCES, start.src);
  rows('modules', MODULES, start.mod);
  const nodes = rows('nodes', NODES, start.node);
  rows('sites', SITES, start.site);
  fillFlat(graph.ops as any, 'inStart', 'inCount', 'ins', ops, frame.columns.op_in);
  fillFlat(graph.nodes as any, 'nextStart', 'nextCount', 'nexts', nodes, frame.columns.node_next);
  for (const [module, last] of (frame.meta.closed ?? []) as [number, number][]) {
    if (module >= 0 && module < graph.modules.count) graph.modules.last[module] = last;
  }
  if (frame.meta.steps) graph.steps = frame.meta.steps;
  graph.version++;
}

function append(table: Table, names: Record<string, string>, columns: Record<string, Values>, from: number | undefined, what: string): [number, number] {
  const entries = Object.entries(names);
  const added = columns[entries[0]![1]]?.length ?? 0;
  const start = from ?? table.count;
  if (added === 0) return [table.count, table.count];
  if (start > table.count) throw new WireError(`graph.${what}: rows ${table.count} to ${start - 1} are missing`);
  for (const [name, column] of entries) {
    const values = columns[column];
    if (!values || values.length !== added) throw new WireError(`graph.${column}: ${values?.length ?? 0} rows beside ${added}`);
    const data = grown(table[name] as Typed, start + added);
    data.set(values as any, start);
    table[name] = data;
  }
  table.count = Math.max(table.count, start + added);
  return [start, start + added];
}

/** Lays the flat lists of rows [from, to) behind those of the rows before them. */
function fillFlat(table: Table, startName: string, countName: string, flatName: string, [from, to]: [number, number], values: Values | undefined): void {
  if (from === to) return;
  const counts = table[countName] as Uint16Array;
  const starts = (table[startName] = grown(table[startName] as Uint32Array, to));
  let at = from ? starts[from - 1]! + counts[from - 1]! : 0;
  const begin = at;
  for (let row = from; row < to; row++) {
    starts[row] = at;
    at += counts[row]!;
  }
  if ((values?.length ?? 0) !== at - begin) throw new WireError(`graph.${flatName}: ${values?.length ?? 0} entries for ${at - begin}`);
  const flat = (table[flatName] = grown(table[flatName] as Int32Array, at));
  if (values) (flat as Int32Array).set(values as any, begin);
}
