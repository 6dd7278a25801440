/** Runs side by side: what they were started with, and what came of them. */

import { axisFor, type ParallelAxis, type Value } from '../../engines/parallel';
import { show } from '../../chrome';
import type { Link, RunStore } from '../../store/types';

export interface Compared {
  /** Names of columns: parameters first, then results. */
  params: string[]; results: string[];
  rows: Record<string, Value>[];
  axes: ParallelAxis[];
}

const MOST_RESULTS = 6;
/** Results in the order in which one asks for them; of everything else the first few tags. */
const WANTED = /^(loss|acc|accuracy|error|f1|auc)$|(^|\/)(loss|acc|accuracy)(\/|$)/i;
const PLAIN = /^(grad_norm|update_ratio|step_time|lr|epoch)(\/|$)/;

/** The value that a run ended with: the last finite one. */
export function last(store: RunStore, tag: string): number | undefined {
  const series = store.series.get(tag);
  for (let i = (series?.value.length ?? 0) - 1; i >= 0; i--) if (Number.isFinite(series!.value.data[i]!)) return series!.value.data[i]!;
  return series?.value.length ? NaN : undefined;
}

export function compare(runs: readonly { id: string; store: RunStore | null }[], recordings: Link['recordings']): Compared {
  const info = new Map(recordings.map(r => [r.id, r])), params = new Set<string>(), tags = new Set<string>();
  for (const run of runs) {
    for (const name of Object.keys(info.get(run.id)?.params ?? {})) params.add(name);
    for (const tag of run.store?.series.keys() ?? []) if (!PLAIN.test(tag)) tags.add(tag);
  }
  const results = [...tags].sort((a, b) => Number(WANTED.test(b)) - Number(WANTED.test(a)) || a.length - b.length || (a < b ? -1 : 1)).filter(tag => !params.has(tag)).slice(0, MOST_RESULTS);
  const rows = runs.map(run => ({ ...(info.get(run.id)?.params ?? {}), ...Object.fromEntries(results.map(tag => [tag, run.store ? last(run.store, tag) : undefined])) }) as Record<string, Value>);
  const axes = [...params, ...results].map(name => axisFor(name, rows.map(row => row[name]), v => show(v, 3)));
  return { params: [...params], results, rows, axes };
}

/** Rows as comma-separated values. */
export function csvOf(header: readonly string[], rows: readonly (readonly Value[])[]): string {
  const cell = (v: Value) => { const s = v === null || v === undefined ? '' : String(v); return /[",\n\r]/.test(s) ? `"${s.replaceAll('"', '""')}"` : s; };
  return [header, ...rows].map(row => row.map(cell).join(',')).join('\n') + '\n';
}
