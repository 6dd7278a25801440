/** What the projector shows, from what the store holds: layers to choose from, steps, bounds, colours, words. */

import { t } from '../../chrome';
import { boundsOf, type Bounds } from '../../engines/points';
import { rowOfStep } from '../../engines/heatmap';
import type { Projection, RunStore } from '../../store/types';

export interface Layer {
  key: string;
  path: string;
  /** Class of the module, or "" for something recorded without one. */
  cls: string;
  depth: number;
}

/** "fc1" means the output of module fc1; anything with a kind before it stands for itself. */
export const keyOf = (text: string): string => (text.includes('/') ? text : `activation/${text}`);

export type Method = 'pca' | 'tsne' | 'axes' | 'own';

/** Under which the kernel has a projection of `key`: a t-SNE is made anew for each number of dimensions. `more`: the axes, or the name of the user's method. */
export const idOf = (key: string, method: Method, dimensions: 2 | 3, more = ''): string =>
  method === 'pca' ? key : method === 'tsne' ? `tsne${dimensions}:${key}` : `${method}:${more}:${key}`;

export const nameOf = (key: string): string => (key.startsWith('activation/') ? key.slice('activation/'.length) : key);

/** Module paths in the order the program calls them, then whatever else has been projected. */
export function layers(store: Pick<RunStore, 'graph' | 'projections' | 'text'>): Layer[] {
  const found = new Map<string, Layer>();
  const { graph } = store;
  if (graph) {
    for (let i = 0; i < graph.modules.count; i++) {
      const path = store.text(graph.modules.path[i]!);
      const key = `activation/${path}`;
      if (path && !found.has(key)) found.set(key, { key, path, cls: store.text(graph.modules.cls[i]!), depth: path.split('.').length - 1 });
    }
  }
  for (const key of store.projections.keys()) if (!found.has(key) && !/^(tsne[23]|axes|own|pictures):/.test(key)) found.set(key, { key, path: nameOf(key), cls: '', depth: 0 });
  return [...found.values()];
}

const own = new WeakMap<Projection, Bounds>();

/** One cube for all steps, so that growth and drift are seen as such; each step is measured once. */
export function boundsAll(list: readonly Projection[]): Bounds {
  const all = list.map((p) => {
    let b = own.get(p);
    if (!b) own.set(p, (b = boundsOf([p.xyz])));
    return b;
  });
  if (all.length === 0) return boundsOf([]);
  if (all.length === 1) return all[0]!;
  const centre = [0, 1, 2].map((d) => {
    const lo = Math.min(...all.map((b) => b.centre[d]! - b.half));
    const hi = Math.max(...all.map((b) => b.centre[d]! + b.half));
    return (lo + hi) / 2;
  }) as [number, number, number];
  const reach = (b: Bounds, size: number, axes: number) => size + Math.max(...centre.slice(0, axes).map((c, d) => Math.abs(b.centre[d]! - c)));
  return { centre, half: Math.max(...all.map((b) => reach(b, b.half, 3))), radius: Math.max(...all.map((b) => reach(b, b.radius, 2))) };
}

/** The projection shown at `step` (null: the newest): the last one at or before it, else the first. */
export function at(list: readonly Projection[] | undefined, step: number | null): Projection | null {
  if (!list?.length) return null;
  if (step === null) return list[list.length - 1]!;
  const row = rowOfStep({ data: Int32Array.from(list, (p) => p.step), length: list.length }, step);
  return list[Math.max(row, 0)]!;
}

/** Name of axis d: "PC1", "t-SNE 2". */
export function axisName(method: string, d: number): string {
  const known: Record<string, string> = { pca: 'PC', tsne: 't-SNE ', 't-sne': 't-SNE ', umap: 'UMAP ', '': 'axis ' };
  return `${known[method.toLowerCase()] ?? `${method} `}${d + 1}`;
}

/** Number of rows of each label, ascending by label. */
export function tally(label: Int32Array, rows: ArrayLike<number>): Map<number, number> {
  const counts = new Map<number, number>();
  for (let i = 0; i < rows.length; i++) {
    const l = label[rows[i]!]!;
    counts.set(l, (counts.get(l) ?? 0) + 1);
  }
  return new Map([...counts].sort((a, b) => a[0] - b[0]));
}

export interface Near {
  row: number;
  distance: number;
  label: number | null;
}

/** A label as it is read: its word, where it has one. */
export const wordOf = (label: number, names?: Record<string, string>): string => names?.[label] ?? String(label);

/** "8 of 10 share label 7", or "" without labels. */
export function agreement(near: readonly Near[], label: number | null, names?: Record<string, string>): string {
  if (label === null || !near.length) return '';
  return t('{0} of {1} share label {2}', near.filter((n) => n.label === label).length, near.length, wordOf(label, names));
}
