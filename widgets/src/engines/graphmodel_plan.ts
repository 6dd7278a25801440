/** From a model and what is open to levels that can be laid out: nodes, lifted edges, ways in and out, parameters beside their ops. */

import { GraphModel, HUB, ROOT, SOURCE } from './graphmodel';
import { foldsOf, type Part } from './graphmodel_fold';
import { labelOf, partLabel, SIZE, widthOf } from './graphmodel_label';
import { PIN, type Level } from './layout';

export const KIND = { op: 0, module: 1, input: 2, entry: 3, exit: 4, fold: 5, chip: 6, tuck: 7 } as const;
export type Kind = (typeof KIND)[keyof typeof KIND];

/** What the reader has opened. */
export interface Opened {
  isOpen(module: number): boolean;
  /** Is the run of equal blocks that begins with this call drawn as one? */
  isFolded(first: number, length: number): boolean;
}

/** One level and what its nodes stand for. */
export interface LevelPlan {
  module: number;
  level: Level;
  kind: Uint8Array;
  /** Op, call, source, or first call of a fold; of a way in or out the producer: an op row, or -(source row + 1). */
  row: Int32Array;
  /** Calls in a fold. */
  count: Int32Array;
  /** Sources drawn beside each node. */
  chips: (readonly Chip[] | undefined)[];
  /** The producer whose tensor an edge carries, as in `row` of a way in. */
  producer: Int32Array;
  /** How many tensors the edge stands for. */
  tensors: Int32Array;
}

/** A source beside the op that uses it; `op` is the view between them, drawn as small, or -1. Widths in world units. */
export interface Chip { source: number; op: number; label: string; width: number; opWidth: number; side: -1 | 1; at: number; more: number }

/** Names of nodes within their level. */
export const keyOf = (kind: Kind, row: number) => (row >= 0 ? row * 8 + kind + 1 : row * 8 - kind);

/** All levels that are shown, inner ones before those that contain them; the last one is the outermost. */
export function planOf(model: GraphModel, opened: Opened): LevelPlan[] {
  const plans: LevelPlan[] = [], scratch = new Scratch(model);
  const build = (module: number): number => {
    const { parts, tucked } = partsOf(model, module, opened), inner: number[] = [];
    for (const part of parts) inner.push(part.kind === KIND.module && opened.isOpen(part.row) ? build(part.row) : -1);
    return plans.push(levelOf(model, module, parts, tucked, inner, scratch)) - 1;
  };
  build(ROOT);
  return plans;
}

/** Ops and calls of a level in the order in which they ran, equal neighbours folded; and the ops that stand beside others. */
export function partsOf(model: GraphModel, module: number, opened: Pick<Opened, 'isFolded'>): { parts: Part[]; tucked: number[] } {
  const parts: Part[] = [], tucked: number[] = [], calls = model.calls(module);
  const ops = (from: number, to: number) => {
    for (let op = from; op < to; op++) {
      if (model.tuckedInto(op) === -1) parts.push({ kind: KIND.op, row: op, first: op, last: op, count: 1 });
      else tucked.push(op);
    }
  };
  let at = model.first(module);
  for (const { first: call, length } of foldsOf(model, calls)) {
    if (length > 1 && opened.isFolded(calls[call]!, length)) {
      const row = calls[call]!, last = model.last(calls[call + length - 1]!);
      ops(at, model.first(row));
      parts.push({ kind: KIND.fold, row, first: model.first(row), last, count: length });
      at = last + 1;
    } else for (let k = call; k < call + length; k++) {
      const row = calls[k]!;
      ops(at, model.first(row));
      parts.push({ kind: KIND.module, row, first: model.first(row), last: model.last(row), count: 1 });
      at = Math.max(at, model.last(row) + 1);
    }
  }
  ops(at, model.last(module) + 1);
  return { parts, tucked };
}

/** Arrays over all ops, allocated once for a plan. */
class Scratch {
  readonly part: Int32Array;
  /** The last part that was seen to use an op or a source, by its number in the plan: edges come grouped by their consumer. */
  readonly seenOp: Int32Array;
  readonly seenSource: Int32Array;
  /** Number of the first part of the next level. */
  parts = 1;
  constructor(model: GraphModel) {
    this.part = new Int32Array(model.ops);
    this.seenOp = new Int32Array(model.ops);
    this.seenSource = new Int32Array(model.sources);
  }
}

function levelOf(model: GraphModel, module: number, parts: readonly Part[], tucked: readonly number[], inner: readonly number[], scratch: Scratch): LevelPlan {
  const { graph, lastUse, sourceUses } = model, { kind: sourceKind } = graph.sources, { inStart, inCount, ins } = graph.ops;
  const first = model.first(module), last = model.last(module), { part: partOf, seenOp, seenSource } = scratch;
  for (let p = 0; p < parts.length; p++) for (let op = parts[p]!.first; op <= parts[p]!.last; op++) partOf[op] = p;
  for (const op of tucked) { const into = model.tuckedInto(op); partOf[op] = into >= 0 ? partOf[into]! : -1; }

  // Ways in, then inputs, then parts, then ways out: the order of the nodes. Edges name their ends by producer until all are known.
  const entries: number[] = [], entryAt = new Map<number, number>(), inputs: number[] = [], inputAt = new Map<number, number>();
  const edgeFrom: number[] = [], edgeTo: number[] = [], producer: number[] = [], tensors: number[] = [], direct: number[] = [];
  const chips = new Map<number, Chip[]>(), lastEdgeOf = new Int32Array(parts.length).fill(-1), edgeOfPair = new Int32Array(parts.length).fill(-1);
  const IN = 1 << 28, ENTRY = 1 << 29;                  // marks on edgeFrom: an input or a way in instead of a part
  const numbered = scratch.parts;
  scratch.parts += parts.length;
  for (let op = first; op <= last; op++) {
    const p = partOf[op]!;
    if (p < 0) continue;
    const shown = parts[p]!, open = inner[p]! >= 0;
    for (let e = inStart[op]!, end = e + inCount[op]!; e < end; e++) {
      const from = ins[e]!;
      if (from < 0) {
        const source = -from - 1;
        if (sourceKind[source] !== SOURCE.input || sourceUses[source]! > HUB) {
          if (shown.kind === KIND.op) addChip(model, chips, p, source, op === shown.row ? -1 : op, module);
          continue;
        }
        if (seenSource[source] === numbered + p) continue;
        seenSource[source] = numbered + p;
        const at = module === ROOT ? number(inputs, inputAt, source) | IN : number(entries, entryAt, from) | ENTRY;
        edgeFrom.push(at); edgeTo.push(p); producer.push(from); tensors.push(1); direct.push(open ? 1 : 0);
        continue;
      }
      if (from >= first && partOf[from] === p) continue;
      if (seenOp[from] === numbered + p) continue;
      seenOp[from] = numbered + p;
      if (from < first) {
        edgeFrom.push(number(entries, entryAt, from) | ENTRY); edgeTo.push(p); producer.push(from); tensors.push(1); direct.push(open ? 1 : 0);
        continue;
      }
      const q = partOf[from]!;
      if (!open && inner[q]! < 0) {                     // two closed boxes: one line for all tensors between them
        if (lastEdgeOf[q] === p) { tensors[edgeOfPair[q]!]!++; continue; }
        lastEdgeOf[q] = p;
        edgeOfPair[q] = edgeFrom.length;
      }
      edgeFrom.push(q); edgeTo.push(p); producer.push(from); tensors.push(1); direct.push((open ? 1 : 0) | (inner[q]! >= 0 ? 2 : 0));
    }
  }
  const exits: number[] = [];
  if (module !== ROOT && !model.isRunning(module)) for (let op = first; op <= last; op++) if (lastUse[op]! > last) exits.push(op);

  const e0 = entries.length, i0 = inputs.length, n = e0 + i0 + parts.length + exits.length, m = edgeFrom.length + exits.length;
  const level: Level = {
    keys: new Int32Array(n), left: new Float32Array(n), right: new Float32Array(n), height: new Float32Array(n), half: new Float32Array(n),
    inner: new Int32Array(n).fill(-1), pin: new Uint8Array(n), src: new Int32Array(m), dst: new Int32Array(m), srcPort: new Int32Array(m), dstPort: new Int32Array(m),
    hub: new Uint8Array(m), minWidth: module === ROOT ? 0 : captionWidth(model, module), boxed: module !== ROOT,
  };
  const plan: LevelPlan = {
    module, level, kind: new Uint8Array(n), row: new Int32Array(n), count: new Int32Array(n).fill(1), chips: new Array(n), producer: new Int32Array(m), tensors: new Int32Array(m).fill(1),
  };
  const put = (i: number, kind: Kind, row: number) => { plan.kind[i] = kind; plan.row[i] = row; level.keys[i] = keyOf(kind, row); };
  entries.forEach((from, i) => { put(i, KIND.entry, from); level.pin[i] = PIN.entry; });
  inputs.forEach((source, k) => { put(e0 + k, KIND.input, source); size(level, e0 + k, inputWidth(model, source), SIZE.input); });
  parts.forEach((part, k) => {
    const i = e0 + i0 + k;
    put(i, part.kind, part.row);
    plan.count[i] = part.count;
    level.inner[i] = inner[k]!;
    const beside = chips.get(k);
    plan.chips[i] = beside;
    size(level, i, partWidth(model, part, module), part.kind === KIND.op ? SIZE.op : SIZE.module, beside);
  });
  exits.forEach((op, k) => { const i = e0 + i0 + parts.length + k; put(i, KIND.exit, op); level.pin[i] = PIN.exit; });

  const node = (at: number) => (at & ENTRY ? at & ~ENTRY : at & IN ? e0 + (at & ~IN) : e0 + i0 + at);
  const fan = new Map<number, number>();
  for (let e = 0; e < edgeFrom.length; e++) {
    level.src[e] = node(edgeFrom[e]!);
    level.dst[e] = e0 + i0 + edgeTo[e]!;
    plan.producer[e] = producer[e]!;
    plan.tensors[e] = tensors[e]!;
    if (direct[e]! & 1) level.dstPort[e] = keyOf(KIND.entry, producer[e]!);
    if (direct[e]! & 2) level.srcPort[e] = keyOf(KIND.exit, producer[e]!);
    fan.set(level.src[e]!, (fan.get(level.src[e]!) ?? 0) + 1);
  }
  exits.forEach((op, k) => {
    const e = edgeFrom.length + k, p = partOf[op]!;
    level.src[e] = e0 + i0 + p;
    level.dst[e] = e0 + i0 + parts.length + k;
    if (inner[p]! >= 0) level.srcPort[e] = keyOf(KIND.exit, op);
    plan.producer[e] = op;
  });
  for (let e = 0; e < edgeFrom.length; e++) if (fan.get(level.src[e]!)! > HUB) level.hub[e] = 1;
  return plan;
}

function number(list: number[], at: Map<number, number>, what: number): number {
  let k = at.get(what);
  if (k === undefined) at.set(what, (k = list.push(what) - 1));
  return k;
}

const MOST_CHIPS = 4;

/** Parameters, buffers and constants stand beside each op that uses them, as small as they matter there. */
function addChip(model: GraphModel, chips: Map<number, Chip[]>, part: number, source: number, op: number, module: number): void {
  let list = chips.get(part);
  if (!list) chips.set(part, (list = []));
  if (list.some(chip => chip.source === source && chip.op === op)) return;
  const last = list[MOST_CHIPS - 1];
  if (last) { last.more++; last.label = `+${last.more + 1}`; return; }
  const label = labelOf(model, source, module), width = (text: string) => Math.min(SIZE.chipMost, Math.ceil((widthOf(text, SIZE.chipText) + 11) / 4) * 4);
  const opWidth = op >= 0 ? width(model.text(model.graph.ops.name[op]!)) + SIZE.chipGap : 0;
  list.push({ source, op, label, width: width(label), opWidth, side: list.length < 2 ? -1 : 1, at: list.length % 2, more: 0 });
}

function size(level: Level, i: number, width: number, height: number, chips?: readonly Chip[]): void {
  const beside = (side: number) => (chips ?? []).reduce((most, chip) => (chip.side === side ? Math.max(most, chip.width + chip.opWidth + SIZE.chipGap) : most), 0);
  level.half[i] = width / 2;
  level.left[i] = width / 2 + beside(-1);
  level.right[i] = width / 2 + beside(1);
  level.height[i] = height;
}

const rounded = (width: number) => Math.min(SIZE.most, Math.ceil(width / 8) * 8);

function partWidth(model: GraphModel, part: Part, level: number): number {
  const { title, note } = partLabel(model, part.kind, part.row, part.count, level);
  const room = part.kind === KIND.op ? 22 : 40;
  return rounded(Math.max(part.kind === KIND.op ? 64 : 96, widthOf(title, SIZE.text) + room, widthOf(note, SIZE.note) + room));
}

function inputWidth(model: GraphModel, source: number): number {
  const { title, note } = partLabel(model, KIND.input, source, 1, ROOT);
  return rounded(widthOf(title, SIZE.text) + (note ? widthOf(note, SIZE.note) + 8 : 0) + 26);
}

function captionWidth(model: GraphModel, module: number): number {
  const { title, note } = partLabel(model, KIND.module, module, 1, model.parent(module));
  return Math.ceil(widthOf(title, SIZE.text) + widthOf(note, SIZE.note) + 52);
}
