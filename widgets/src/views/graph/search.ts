/** Finds ops, modules and sources by words of their names, shapes, types and lines. */

import type { GraphModel } from '../../engines/graphmodel';
import { shapeText } from '../../engines/graphmodel_label';
import type { OutlineId } from './outline';

export interface Hit { id: OutlineId; title: string; note: string; rank: number }

const MOST = 60;

/** Where and what an op's line is: "In [3]:8 loss = ...". */
function lineOf(model: GraphModel, op: number): string {
  const { sites, ops } = model.graph, s = ops.site[op]!;
  return s >= 0 && s < sites.count ? `${model.text(sites.cell[s]!) || model.text(sites.file[s]!).split(/[\\\\/]/).pop()}:${sites.line[s]} ${model.text(sites.text[s]!)}` : '';
}

/** All words must occur, in any order; names that begin with the first word come first. */
export function search(model: GraphModel, query: string): { hits: Hit[]; total: number } {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean), hits: Hit[] = [];
  if (!words.length) return { hits, total: 0 };
  const { graph, text } = model;
  const consider = (id: OutlineId, title: string, note: string, more = '', type = '') => {
    const all = `${title} ${note} ${more}`.toLowerCase();
    if (!words.every(w => all.includes(w) || w === type)) return;      // "32" means a shape, "float32" a type
    const name = title.toLowerCase();
    hits.push({ id, title, note, rank: name === words[0] ? 0 : name.startsWith(words[0]!) ? 1 : name.includes(words[0]!) ? 2 : 3 });
  };
  for (let m = 0; m < model.modules; m++) {
    const path = text(graph.modules.path[m]!), cls = text(graph.modules.cls[m]!);
    if (model.opCount(m) > 0) consider(`m${m}`, path || cls, `${cls}${graph.modules.call[m]! > 0 ? `  call ${graph.modules.call[m]! + 1}` : ''}`);
  }
  for (let s = 0; s < model.sources; s++) consider(`s${s}`, text(graph.sources.name[s]!), shapeText(text(graph.sources.shape[s]!)), ['input', 'parameter', 'buffer', 'constant'][graph.sources.kind[s]!]);
  for (let op = 0; op < model.ops; op++) {
    const module = model.moduleOf(op), path = module >= 0 ? text(graph.modules.path[module]!) : '';
    consider(`o${op}`, text(graph.ops.name[op]!), `${path}${path ? '  ' : ''}${shapeText(text(graph.ops.shape[op]!))}`, `${text(graph.ops.label[op]!)} ${lineOf(model, op)}`, text(graph.ops.dtype[op]!));
  }
  const total = hits.length;
  hits.sort((a, b) => a.rank - b.rank);
  return { hits: hits.slice(0, MOST), total };
}
