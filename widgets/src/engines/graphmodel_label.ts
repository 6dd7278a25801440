/** What is written on nodes, and how wide that is. */

import { ROOT, type GraphModel } from './graphmodel';
import { KIND, type Kind } from './graphmodel_plan';

/** World units: pixels at zoom 1. */
export const SIZE = { op: 34, module: 42, input: 26, text: 12, note: 9.5, chip: 14, chipText: 8.5, chipGap: 5, chipMost: 76, most: 208 } as const;

export interface Label { title: string; note: string }

/** Title and second line of a node; `level` is the call that it is shown in. */
export function partLabel(model: GraphModel, kind: Kind, row: number, count: number, level: number): Label {
  const { graph, text } = model;
  if (kind === KIND.op || kind === KIND.tuck) {
    const label = text(graph.ops.label[row]!), shape = shapeText(text(graph.ops.shape[row]!));
    return { title: text(graph.ops.name[row]!), note: label ? `${label}  ${shape}` : shape };
  }
  if (kind === KIND.input) return { title: text(graph.sources.name[row]!) || 'input', note: shapeText(text(graph.sources.shape[row]!)) };
  const { path, cls, call } = graph.modules, own = pathWithin(model, row, level), className = text(cls[row]!);
  if (kind === KIND.fold) {
    const calls = model.calls(model.parent(row)), end = calls[calls.indexOf(row) + count - 1] ?? row;
    const names = path[end] === path[row] ? own : `${own} … ${text(path[end]!).split('.').at(-1)}`;
    return NUMBER.test(own) || !own ? { title: `${className} ×${count}`, note: names } : { title: names, note: `${className} ×${count}` };
  }
  const again = call[row]! > 0 ? `  call ${call[row]! + 1}` : '';
  const out = model.isRunning(row) ? '…' : shapeText(text(graph.ops.shape[model.last(row)]!));
  // The third child of a Sequential says nothing by its name.
  if (NUMBER.test(own)) return { title: className + again, note: `${own}  ${out}` };
  return own ? { title: own + again, note: `${className}  ${out}` } : { title: className + again, note: out };
}

const NUMBER = /^\d+$/;

/** A call's path without what the reader sees around it already. */
function pathWithin(model: GraphModel, module: number, level: number): string {
  const full = model.text(model.graph.modules.path[module]!), around = level === ROOT ? '' : model.text(model.graph.modules.path[level]!);
  return around && full.startsWith(`${around}.`) ? full.slice(around.length + 1) : full;
}

/** A source's name without the path of the call that it is shown in. */
export function labelOf(model: GraphModel, source: number, level: number): string {
  const full = model.text(model.graph.sources.name[source]!), around = level === ROOT ? '' : model.text(model.graph.modules.path[level]!);
  if (around && full.startsWith(`${around}.`)) return full.slice(around.length + 1);
  return full.split('.').at(-1) || ['input', 'parameter', 'buffer', 'constant'][model.graph.sources.kind[source]!] || '?';
}

/** "64x10" as people write it. */
export const shapeText = (shape: string) => (shape === '' ? 'scalar' : shape.replaceAll('x', '×'));

const NARROW = /[iljtfr.,:;'|!()[\] ]/, WIDE = /[mwMW@%…×]/, UPPER = /[A-Z_]/;

/** Width of a text in a usual sans-serif, without a page to measure on; on the wide side, so that nothing is cut. */
export function widthOf(text: string, size: number): number {
  let em = 0;
  for (const c of text) em += NARROW.test(c) ? 0.36 : WIDE.test(c) ? 0.88 : UPPER.test(c) ? 0.68 : 0.57;
  return em * size;
}
