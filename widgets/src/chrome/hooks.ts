/** Bridges from stores that notify to components that render. */

import { useEffect, useReducer, useState } from 'preact/hooks';
import type { Attachment, Kind, RunStore, Selection } from '../store/types';

/** Renders again on each call of the returned function. */
export function useRedraw(): () => void {
  const [, redraw] = useReducer((n: number) => n + 1, 0);
  return redraw as () => void;
}

const kept = new WeakMap<object, Map<string, unknown>>();

/** State that outlives the view: the panel makes a view anew whenever its tab is shown, and what the reader has set should still hold. */
export function useKept<T>(host: object, name: string, initial: T): [T, (value: T | ((now: T) => T)) => void] {
  let all = kept.get(host);
  if (!all) kept.set(host, (all = new Map()));
  const [value, setValue] = useState<T>(all.has(name) ? (all.get(name) as T) : initial);
  return [value, next => setValue(now => {
    const made = typeof next === 'function' ? (next as (now: T) => T)(now) : next;
    kept.get(host)!.set(name, made);
    return made;
  })];
}

/** The followed store, its kinds subscribed for as long as the component lives; renders again when they or the link change. */
export function useRun(at: Attachment, kinds: readonly Kind[]): RunStore | null {
  const redraw = useRedraw();
  const [store, setStore] = useState(at.store());
  useEffect(() => {
    const offs = [at.onStore(setStore), at.link.on(redraw), ...kinds.map(kind => at.need(kind))];
    setStore(at.store());
    return () => offs.forEach(off => off());
  }, [at]);
  useEffect(() => {
    const offs = kinds.map(kind => store?.on(kind, redraw));
    redraw();                                           // something may have come between the first picture and now
    return () => offs.forEach(off => off?.());
  }, [store]);
  return store;
}

export function useSelection(at: Attachment): Selection {
  const [value, setValue] = useState(at.selection.get());
  useEffect(() => {
    setValue(at.selection.get());
    return at.selection.on(setValue);
  }, [at]);
  return value;
}
