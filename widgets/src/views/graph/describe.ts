/** Items in words: the card beside the pointer, what is read aloud. */

import { show } from '../../chrome';
import { SOURCE, type GraphModel } from '../../engines/graphmodel';
import { shapeText } from '../../engines/graphmodel_label';
import { KIND } from '../../engines/graphmodel_plan';
import type { Scene } from '../../engines/scene';
import type { RunStore } from '../../store/types';

export interface Site { file: string; line: number; cell: string; text: string; fn: string }

export function siteOf(model: GraphModel, op: number): Site | null {
  const { graph, text } = model, s = graph.ops.site[op]!;
  if (s < 0 || s >= graph.sites.count) return null;
  return { file: text(graph.sites.file[s]!), line: graph.sites.line[s]!, cell: text(graph.sites.cell[s]!), text: text(graph.sites.text[s]!).trim(), fn: text(graph.sites.fn[s]!) };
}

export const placeOf = (site: Site) => `${site.cell || site.file.split(/[\\/]/).pop()}:${site.line}`;

const SOURCES = ['input', 'parameter', 'buffer', 'constant'];
export const sourceKind = (model: GraphModel, source: number) => SOURCES[model.graph.sources.kind[source]!] ?? 'tensor';

/** "64×10 float32" */
export function typeOf(model: GraphModel, op: number): string {
  const { ops } = model.graph;
  return `${shapeText(model.text(ops.shape[op]!))} ${model.text(ops.dtype[op]!)}`;
}

export function sourceType(model: GraphModel, source: number): string {
  const { sources } = model.graph;
  return `${shapeText(model.text(sources.shape[source]!))} ${model.text(sources.dtype[source]!)}`;
}

export function modulePath(model: GraphModel, module: number): string {
  if (module < 0) return '';
  const { graph, text } = model, path = text(graph.modules.path[module]!), cls = text(graph.modules.cls[module]!);
  return path ? `${path} (${cls})` : cls;
}

export function cardOf(scene: Scene, i: number, store: RunStore | null): string {
  const { model } = scene, row = scene.row[i]!, { graph, text } = model, lines: string[] = [];
  switch (scene.kind[i]) {
    case KIND.op: case KIND.tuck: {
      lines.push([text(graph.ops.name[row]!), text(graph.ops.label[row]!)].filter(Boolean).join('  '), typeOf(model, row));
      const path = modulePath(model, model.moduleOf(row)), node = model.nodeOfOp[row]!, site = siteOf(model, row);
      if (path) lines.push(path);
      if (node >= 0) lines.push(text(graph.nodes.name[node]!));
      const us = store?.clocks?.graph === graph.id ? store.clocks.opUs[row] : undefined;
      if (us !== undefined && us >= 0) lines.push(`${show(us, 3)} µs`);
      if (site) lines.push(`${placeOf(site)}  ${site.text}`);
      break;
    }
    case KIND.module: case KIND.fold: {
      const { title, note } = scene.label(i), ops = scene.opsOf(i);
      lines.push(title, note, `${ops[1] - ops[0] + 1} op${ops[1] > ops[0] ? 's' : ''}`, scene.open[i] ? 'Double click to close' : scene.kind[i] === KIND.fold ? 'Double click to unfold' : 'Double click to open');
      break;
    }
    default: lines.push(text(graph.sources.name[row]!) || sourceKind(model, row), sourceType(model, row), `${sourceKind(model, row)}, used ${model.sourceUses[row]}×`);
  }
  return lines.join('\n');
}

/** For the live region. */
export function spoken(model: GraphModel, kind: 'op' | 'module' | 'source', row: number): string {
  const { graph, text } = model;
  if (kind === 'op') return `${text(graph.ops.name[row]!)}, output ${typeOf(model, row).replaceAll('×', ' by ')}, ${model.inputs(row).length} inputs, ${model.uses[row]} uses${model.moduleOf(row) >= 0 ? `, in ${modulePath(model, model.moduleOf(row))}` : ''}`;
  if (kind === 'module') return `module ${modulePath(model, row)}, ${model.opCount(row)} ops`;
  return `${sourceKind(model, row)} ${text(graph.sources.name[row]!)}, ${sourceType(model, row).replaceAll('×', ' by ')}`;
}

export const isParameter = (model: GraphModel, source: number) => model.graph.sources.kind[source] === SOURCE.parameter;

/** Elements of a shape as the tape writes it. */
export const elements = (shape: string) => (shape === '' ? 1 : shape.split('x').reduce((n, d) => n * Number(d), 1));
