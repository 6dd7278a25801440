/** What the kernel tells of runs, and orders and groups of them. */

export type Value = number | string | boolean | null | undefined;
export interface Run { name: string; state: string; step: number; began: number; error: string; id: string | null; params: Record<string, Value>; metrics: Record<string, Value> }
export interface Listing { folder: string; total: number; shown: number; params: string[]; metrics: string[]; runs: Run[] }
export type Sort = { by: string; down: boolean } | null;
/** A group of runs over steps: their mean, and the least and the greatest of them. */
export interface Band { name: string; runs: number; steps: number[]; mean: (number | null)[]; low: (number | null)[]; high: (number | null)[] }
export interface Compared { tag: string; groups: number; bands: Band[] }

const valueOf = (run: Run, by: string): Value => (by === 'name' ? run.name : by === 'step' ? run.step : by === 'began' ? -run.began : run.params[by] ?? run.metrics[by]);

/** In the order of a column; what lacks it comes last, whichever way. Without an order the newest is the first. */
export function sorted(runs: readonly Run[], sort: Sort): Run[] {
  if (!sort) return [...runs].reverse();
  const lacks = (v: Value) => v === undefined || v === null;
  return [...runs].sort((a, b) => {
    const x = valueOf(a, sort.by), y = valueOf(b, sort.by);
    if (lacks(x) || lacks(y)) return Number(lacks(x)) - Number(lacks(y));
    return (typeof x === 'number' && typeof y === 'number' ? x - y : String(x) < String(y) ? -1 : String(x) > String(y) ? 1 : 0) * (sort.down ? -1 : 1);
  });
}

export interface Group { name: string; runs: Run[] }

/** Runs with equal values of parameters, in the order in which the first of each stands; all as one where there are no parameters. */
export function grouped(runs: readonly Run[], by: readonly string[]): Group[] {
  const found = new Map<string, Group>();
  for (const run of runs) {
    const key = JSON.stringify(by.map(name => run.params[name] ?? null));
    const group = found.get(key) ?? { name: by.map(name => `${name} = ${run.params[name] ?? '–'}`).join(', '), runs: [] };
    group.runs.push(run);
    found.set(key, group);
  }
  return [...found.values()];
}

/** Mean, least and greatest of a metric's newest finite values. */
export function spread(runs: readonly Run[], metric: string): { mean: number; low: number; high: number } | null {
  const values = runs.map(run => run.metrics[metric]).filter((v): v is number => typeof v === 'number' && Number.isFinite(v));
  return values.length ? { mean: values.reduce((sum, v) => sum + v, 0) / values.length, low: Math.min(...values), high: Math.max(...values) } : null;
}

export function ageOf(seconds: number): string {
  for (const [size, unit] of [[86400, 'd'], [3600, 'h'], [60, 'min']] as const) if (seconds >= size) return `${Math.floor(seconds / size)} ${unit}`;
  return `${Math.max(0, Math.floor(seconds))} s`;
}
