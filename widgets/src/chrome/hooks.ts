/** Bridges from stores that notify to components that render. */

import { useEffect, useReducer, useState } from 'preact/hooks';
import type { Attachment, Kind, RunStore, Selection } from '../store/types';

/** Renders again on each call of the returned function. */
export function useRedraw(): () => void {
  const [, redraw] = useReducer((n: number) => n + 1, 0);
  return redraw as () => void;
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
