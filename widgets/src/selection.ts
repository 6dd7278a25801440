/** What the page looks at: one object, many views of it. */

import type { Selection } from './store/types';

export const NOTHING: Selection = {
  op: null, node: null, module: null, source: null, key: null, step: null, site: null, point: null, finding: null, steps: null, points: null,
};

type Listener = (selection: Selection, change: Partial<Selection>) => void;

/** The fields in which `to` differs from `from`. */
export function differenceOf(from: Selection, to: Partial<Selection>): Partial<Selection> {
  const change: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(to)) if (value !== undefined && !same(from[field as keyof Selection], value)) change[field] = value;
  return change;
}

const same = (a: unknown, b: unknown) => a === b || (Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((v, i) => v === b[i]));

export class SelectionBus {
  private value: Selection = { ...NOTHING };
  private readonly listeners = new Set<Listener>();

  get(): Selection {
    return this.value;
  }

  /** Tells everyone at once, but only of what really changed. */
  set(change: Partial<Selection>): void {
    const real = differenceOf(this.value, change);
    if (Object.keys(real).length === 0) return;
    this.value = { ...this.value, ...real };
    for (const fn of [...this.listeners]) {
      try { fn(this.value, real); } catch (error) { console.error('tapescope:', error); }
    }
  }

  on(fn: Listener): () => void {
    this.listeners.add(fn);
    return () => this.listeners.delete(fn);
  }
}
