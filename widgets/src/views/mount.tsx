/** Turns a component into a View: dressed root, attachment, and both undone at the end. */

import { render, type ComponentType } from 'preact';
import { language, onWords } from '../chrome';
import { hubOf } from '../hub';
import type { Attachment, Host, View } from '../store/types';
import { dress } from '../theme';

export interface ViewProps { at: Attachment; host: Host; root: HTMLElement }

export function viewOf(Component: ComponentType<ViewProps>): View {
  return (el, host) => {
    const undress = dress(el, host.options?.theme);
    const at = hubOf().attach(host);
    const show = () => render(<Component key={language()} at={at} host={host} root={el} />, el);
    show();
    const silent = onWords(show);
    const tell = () => { if (at.link.state === 'live') at.command('selection.set', { ...at.selection.get() }).catch(() => {}); };
    const untold = host.tellsSelection ? at.selection.on(() => hubOf().ticker.request(tell)) : undefined;
    return () => {
      untold?.();
      silent();
      render(null, el);
      at.release();
      undress();
    };
  };
}
