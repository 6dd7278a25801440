/** Copies of values, asked for when the cursor rests, as the cards of tensors take them. */

import { useEffect, useState } from 'preact/hooks';
import { useRedraw } from '../../chrome';
import type { Attachment, RunStore } from '../../store/types';
import { elements } from '../graph/describe';
import type { Summary } from './summary';

/** The cursor rests so long before values are asked for. */
const REST_MS = 120;

/** Asks for the copies of these keys at a step; true when all have been answered. */
export function useCopies(at: Attachment, store: RunStore, keys: readonly string[], step: number, playing: boolean): boolean {
  const redraw = useRedraw(), [asked, setAsked] = useState(''), key = `${step} ${keys.join()}`;
  useEffect(() => {
    if (playing) return undefined;
    let gone = false;
    const timer = setTimeout(() => {
      const wanted = [...new Set(keys)].filter(k => !copyOf(store, k, step));
      const shows = () => { if (!gone) redraw(); };
      void Promise.allSettled(wanted.map(k => at.query('tensor', { id: k, steps: [step, step] }).finally(shows))).then(() => { if (!gone) setAsked(key); });
    }, REST_MS);
    return () => { gone = true; clearTimeout(timer); };
  }, [at, store, key, playing]);
  return asked === key;
}

const copyOf = (store: RunStore, key: string, step: number) => store.tensors.get(key)?.find(v => v.step === step);

/** `shape`: "64x10", as the graph has it, where there is no copy. */
export function summaryOf(store: RunStore, key: string, step: number, name: string, shape: string, dtype: string): Summary {
  const copy = copyOf(store, key, step), sizes = copy?.shape ?? (shape === '' ? [] : shape.split('x').map(Number)), { stats = {} as Record<string, number> } = copy ?? {};
  const whole = copy && copy.values.length === sizes.reduce((a, b) => a * b, 1), of = copy?.dtype ?? dtype;
  return {
    name, shape: sizes, dtype: of, bytes: elements(sizes.join('x')) * Number(/(\d+)$/.exec(of)?.[1] ?? 8) / 8, min: stats.min ?? null, max: stats.max ?? null, mean: stats.mean ?? null, norm: stats.norm ?? null,
    nonfinite: (stats.nan ?? 0) + (stats.inf ?? 0), values: copy?.values ?? null, ...(copy && !whole && { sample: copy.part ?? [copy.values.length] }),
  };
}
