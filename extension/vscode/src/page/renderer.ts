/** Outputs of our own MIME type in a notebook: the recording that the output carries, in the view that made it. No kernel, no extension host. The graph comes with this file, others when one is met. */

import { graph, speak, t, type View } from '@tapescope/widgets';
import { HEIGHTS } from '@tapescope/widgets/heights';
import { ReplayHost } from '@tapescope/widgets/replay/host';
import { unpack } from '@tapescope/widgets/replay/packed';
import { keepKeys } from './host';

/** The list of runs belongs to no recording: its output carries a table and a picture, and these VS Code draws itself. */
type Drawn = Exclude<keyof typeof HEIGHTS, 'runs'>;

const others = (view: Exclude<Drawn, 'graph'>) => async () => (await import('./views.js'))[view];
const VIEWS: Record<Drawn, () => Promise<View>> = {
  graph: async () => graph, backward: others('backward'), dashboard: others('dashboard'), findings: others('findings'), histograms: others('histograms'), media: others('media'),
  metrics: others('metrics'), projector: others('projector'), tensor: others('tensor'),
};
const FORMAT = 1;

interface Item { id: string; mime: string; json(): unknown }
interface Output { format: number; view: Drawn; options: Record<string, unknown>; data: string }

export async function activate() {
  const shown = new Map<string, () => void>();
  if (/^es\b/i.test(navigator.language)) speak('es', (await import('./es.js')).es);      // the page around it says `en` in every language
  const close = (id?: string) => {
    for (const [one, stop] of [...shown]) if (id === undefined || one === id) { shown.delete(one); stop(); }
  };
  return {
    async renderOutputItem(item: Item, element: HTMLElement): Promise<void> {
      close(item.id);
      let gone = false;
      shown.set(item.id, () => { gone = true; });
      try {
        const { view, options, data } = readOutput(item.json());
        const coming = VIEWS[view]();
        coming.catch(() => {});                            // a damaged recording is said first
        const packed = await unpack(bytesOf(data)).catch(() => { throw new Error(t('what it carries is damaged. Run the cell again.')); });
        const draw = await coming;
        if (gone) return;
        if (typeof packed.index?.recording?.id !== 'string' || !Array.isArray(packed.index.parts)) throw new Error(t('what it carries is damaged. Run the cell again.'));
        const height = Number(options.height) > 0 ? Number(options.height) : HEIGHTS[view];
        const box = document.createElement('div');
        box.style.cssText = `width:100%;height:${height}px;min-height:80px;resize:vertical;overflow:hidden;border:1px solid var(--ts-line);border-radius:6px`;
        element.replaceChildren(box);
        keepKeys(box, true);
        const stop = draw(box, new ReplayHost(packed, options));
        shown.set(item.id, () => { stop(); box.remove(); });
      } catch (error) {
        const words = document.createElement('p');
        words.setAttribute('role', 'alert');
        words.textContent = t('This Tapescope output cannot be shown: {0}', (error as Error).message);
        element.replaceChildren(words);
      }
    },
    disposeOutputItem: close,
  };
}

/** A notebook may come from anybody: what is in it is checked before it is used. */
export function readOutput(value: unknown): Output {
  const found = value as Partial<Output> | null;
  if (typeof found !== 'object' || found === null || typeof found.format !== 'number') throw new Error(t('it is not what Tapescope writes.'));
  if (found.format > FORMAT) throw new Error(t('it was written by a newer Tapescope. Update the extension.'));
  if (typeof found.view !== 'string' || !Object.hasOwn(VIEWS, found.view)) throw new Error(t('there is no view {0} in this version.', String(found.view).slice(0, 40)));
  if (typeof found.data !== 'string' || !/^[A-Za-z0-9+/]+=*$/.test(found.data)) throw new Error(t('what it carries is damaged. Run the cell again.'));
  const options = typeof found.options === 'object' && found.options !== null && !Array.isArray(found.options) ? found.options : {};
  return { format: found.format, view: found.view as Drawn, options, data: found.data };
}

function bytesOf(text: string): Uint8Array {
  const raw = atob(text), bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return bytes;
}
