/** Neighbours of a point: among the vectors themselves, which the kernel has; where nobody can be asked, among the places drawn. */

import { useEffect, useMemo, useState } from 'preact/hooks';
import { nearestRows } from '../../engines/points';
import type { Attachment, Projection } from '../../store/types';
import type { Near } from './model';

export type Metric = 'cosine' | 'l2' | 'seen';
const NEIGHBOURS = 10;

/** `key`: what is projected. Says by which metric they were found. */
export function useNear(at: Attachment, key: string, shown: Projection, picked: number | null, metric: Metric, flat: boolean): { near: Near[]; by: Metric } {
  const [told, setTold] = useState<{ of: string; rows: number[]; distances: number[] } | null>(null);
  const row = picked === null ? null : shown.row?.[picked] ?? picked, of = `${key} ${shown.step} ${row} ${metric}`;
  useEffect(() => {
    if (row === null || metric === 'seen' || at.link.state !== 'live') return;
    let wanted = true;
    at.command('projection.near', { key, step: shown.step, row, k: NEIGHBOURS, metric }).then(
      ({ rows, distances }) => { if (wanted) setTold({ of, rows, distances }); }, () => { if (wanted) setTold({ of, rows: [], distances: [] }); });
    return () => { wanted = false; };
  }, [at, of]);
  return useMemo(() => {
    if (picked === null) return { near: [], by: metric };
    const labelled = (near: { row: number; distance: number }[]) => near.map(n => ({ ...n, label: shown.label?.[n.row] ?? null }));
    if (told?.of === of && told.rows.length) {
      const place = shown.row && new Map(Array.from(shown.row, (r, i) => [r, i]));
      return { near: labelled(told.rows.map((r, i) => ({ row: place ? place.get(r) ?? -1 : r, distance: told.distances[i]! })).filter(n => n.row >= 0)), by: metric };
    }
    return { near: labelled(nearestRows(shown.xyz, picked, NEIGHBOURS, flat)), by: 'seen' as const };
  }, [told, of, shown, picked, flat]);
}
