/** Code that comes when it is first wanted. */

import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { View } from '../store/types';
import { Failure } from './states';
import { t } from './words';

/** A component in code of its own; known once, it is there at once. */
export function later<P extends object>(load: () => Promise<ComponentType<P>>): ComponentType<P> {
  let made: ComponentType<P> | null = null;
  return function Later(props: P) {
    const [, redraw] = useState(0), [failure, setFailure] = useState('');
    useEffect(() => {
      if (made) return undefined;
      let shown = true;
      load().then(component => { made = component; if (shown) redraw(1); }, (error: Error) => { if (shown) setFailure(error.message); });
      return () => { shown = false; };
    }, []);
    const Component = made;
    if (Component) return <Component {...props} />;
    return failure ? <Failure title="This part could not be loaded" reason={failure} /> : <p class="ts-later" role="status">{t('Loading…')}</p>;
  };
}

/** The same for a whole view. */
export function laterView(load: () => Promise<View>): View {
  return (el, host) => {
    let stop = () => {}, shown = true;
    const note = el.ownerDocument.createElement('p');
    Object.assign(note, { className: 'ts-later', textContent: t('Loading…') });
    note.setAttribute('role', 'status');
    el.append(note);
    load().then(view => { if (shown) { note.remove(); stop = view(el, host); } }, (error: Error) => { note.textContent = t('This part could not be loaded: {0}', error.message); });
    return () => { shown = false; note.remove(); stop(); };
  };
}

/** Fetches while there is time what may be wanted when the kernel has none. */
export function useAhead(...loads: (() => Promise<unknown>)[]): void {
  useEffect(() => {
    const timer = setTimeout(() => { for (const load of loads) load().catch(() => {}); }, 400);
    return () => clearTimeout(timer);
  }, []);
}
