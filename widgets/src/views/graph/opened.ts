/** Which modules are open and which repetitions are folded: by name, so that it holds for every structure of a program. */

import { ROOT, type GraphModel } from '../../engines/graphmodel';
import { foldsOf } from '../../engines/graphmodel_fold';
import { partsOf, type Opened } from '../../engines/graphmodel_plan';

/** About as many boxes as one looks at with pleasure. */
const BUDGET = 26;
const FOLD_FROM = 7;

export class Openness {
  private readonly opened = new Map<string, boolean>();
  private readonly folded = new Map<string, boolean>();
  private automatic = new Set<number>();

  /** True once the reader has opened or closed something. */
  get touched(): boolean {
    return this.opened.size + this.folded.size > 0;
  }

  setOpen(model: GraphModel, module: number, open: boolean): void {
    this.opened.set(model.nameOf(module), open);
  }

  setFolded(model: GraphModel, first: number, folded: boolean): void {
    this.folded.set(model.nameOf(first), folded);
  }

  /** Makes `op` visible: opens all around it. True when something had to change. */
  expose(model: GraphModel, module: number): boolean {
    const view = this.of(model);
    let changed = false;
    for (let at = module; at >= 0; at = model.parent(at)) {
      if (!view.isOpen(at)) { this.setOpen(model, at, true); changed = true; }
      const calls = model.calls(model.parent(at)), position = calls.indexOf(at), run = foldsOf(model, calls).find(r => position >= r.first && position < r.first + r.length);
      if (run && run.length > 1 && view.isFolded(calls[run.first]!, run.length)) { this.setFolded(model, calls[run.first]!, false); changed = true; }
    }
    return changed;
  }

  all(model: GraphModel, open: boolean): void {
    for (let m = 0; m < model.modules; m++) this.opened.set(model.nameOf(m), open || model.depth(m) === 0);
    for (const key of this.folded.keys()) this.folded.set(key, !open);
    if (open) for (let m = ROOT; m < model.modules; m++) this.foldsIn(model, m).forEach(first => this.setFolded(model, first, false));
  }

  of(model: GraphModel): Opened {
    this.automatic = this.choose(model);
    return {
      isOpen: module => this.opened.get(model.nameOf(module)) ?? this.automatic.has(module),
      isFolded: (first, length) => this.folded.get(model.nameOf(first)) ?? length >= FOLD_FROM,
    };
  }

  private foldsIn(model: GraphModel, module: number): number[] {
    const calls = model.calls(module);
    return foldsOf(model, calls).filter(r => r.length > 1).map(r => calls[r.first]!);
  }

  /** Opens level after level while the picture stays small. A layer of one or two ops says more closed than open. */
  private choose(model: GraphModel): Set<number> {
    const chosen = new Set<number>(), folding = { isFolded: (first: number, length: number) => this.folded.get(model.nameOf(first)) ?? length >= FOLD_FROM };
    const top = partsOf(model, ROOT, folding).parts;
    let shown = top.length, level = top.filter(p => p.kind === 1).map(p => p.row);
    while (level.length) {
      let cost = 0;
      const next: number[] = [], now: number[] = [];
      for (const m of level) {
        if (model.depth(m) > 0 && model.calls(m).length === 0) continue;
        if (model.opCount(m) > 4000 && model.calls(m).length === 0) continue;
        const { parts } = partsOf(model, m, folding);
        cost += parts.length - 1;
        now.push(m);
        for (const p of parts) if (p.kind === 1) next.push(p.row);
      }
      if (now.length === 0 || (shown + cost > BUDGET && model.depth(now[0]!) > 0)) break;
      for (const m of now) chosen.add(m);
      shown += cost;
      level = next;
    }
    return chosen;
  }
}
