/** The tree beside the canvas: the same modules and ops, as text. */

import type { TreeRow } from '../../chrome';
import { ROOT, SOURCE, type GraphModel } from '../../engines/graphmodel';
import { partLabel } from '../../engines/graphmodel_label';
import { KIND, partsOf, type Opened } from '../../engines/graphmodel_plan';
import { h } from 'preact';

/** "m12" a call, "f12" folded calls, "o5" an op, "s3" an input. */
export type OutlineId = `${'m' | 'f' | 'o' | 's'}${number}`;

const MOST = 20_000;

export function outlineOf(model: GraphModel, opened: Opened): TreeRow[] {
  const rows: TreeRow[] = [];
  const { kind } = model.graph.sources;
  for (let s = 0; s < model.sources; s++) if (kind[s] === SOURCE.input) rows.push(row(`s${s}`, 0, null, partLabel(model, KIND.input, s, 1, ROOT), 'input'));
  const walk = (level: number, depth: number) => {
    const { parts, tucked } = partsOf(model, level, opened), all = [...parts, ...tucked.map(op => ({ kind: KIND.op, row: op, first: op, last: op, count: 1 }))].sort((a, b) => a.first - b.first);
    all.forEach((part, i) => {
      if (rows.length > MOST) return;
      const label = partLabel(model, part.kind, part.row, part.count, level), place = { setSize: all.length, position: i + 1 };
      if (part.kind === KIND.op) rows.push({ ...row(`o${part.row}`, depth, null, label, 'op'), ...place });
      else if (part.kind === KIND.fold) rows.push({ ...row(`f${part.row}`, depth, false, label, 'module'), ...place });
      else {
        const open = opened.isOpen(part.row);
        rows.push({ ...row(`m${part.row}`, depth, open, label, 'module'), ...place });
        if (open) walk(part.row, depth + 1);
      }
    });
  };
  walk(ROOT, 0);
  return rows;
}

function row(id: OutlineId, level: number, open: boolean | null, { title, note }: { title: string; note: string }, kind: string): TreeRow {
  return {
    id, level, open, text: title, title: note ? `${title}  ${note}` : title,
    label: h('span', { class: 'ts-outline-row', 'data-kind': kind }, h('span', { class: 'ts-clip' }, title), h('span', { class: 'ts-outline-note' }, note)),
  };
}

export const parseId = (id: string): { kind: 'm' | 'f' | 'o' | 's'; row: number } => ({ kind: id[0] as 'm', row: Number(id.slice(1)) });
