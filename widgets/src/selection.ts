/** What the page looks at: one object, many views of it. */

import type { Selection } from './store/types';

export const NOTHING: Selection = {
  op: null, node: null, module: null, source: null, key: null, step: null, site: null, point: null, finding: null,
};

type Listener = (selection: Selection, change: Partial<Selection>) => void;

export class SelectionBus {
  private value: Selection = { ...NOTHING };
  private readonly listeners = new Set<Listener>();

  get(): Selection {
    return this.value;
  }

  /** Tells everyone at once, but only of what really changed. */
  set(change: Partial<Selection>): void {
    const real: Partial<Selection> = {};
    for (const [field, value] of Object.entries(change)) {
      if (value !== undefined && this.value[field as keyof Selection] !== value) (real as any)[field] = value;
    }
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

  /** Row numbers mean nothing in another recording; names (`key`) still do. */
  forgetRows(): void {
    this.set({ ...NOTHING, key: this.value.key });
  }
}
