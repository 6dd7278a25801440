/** anywidget's model as a Host. One model is one way to the kernel, however often its output is shown. */

import { hubOf } from '../hub';
import type { ReplayHost } from '../replay/host';
import { inflate } from '../replay/inflate';
import { NOTHING } from '../selection';
import type { Attachment, Host, Selection, View } from '../store/types';
import { partsFrom } from '../parts';

export interface Model {
  /** True while the kernel holds its end. anywidget hides it and passes on only the event, which then means that it closed. */
  comm_live?: boolean;
  get(name: string): any;
  set(name: string, value: unknown): void;
  save_changes(): void;
  send(content: object, callbacks?: unknown, buffers?: ArrayBuffer[]): void;
  on(event: string, handler: (...args: any[]) => void): void;
  off(event: string, handler: (...args: any[]) => void): void;
}

const hosts = new WeakMap<Model, Host>();
/** Silence after which what the widget has kept answers in place of the kernel that made it. */
const PATIENCE_MS = 1500;

function hostOf(model: Model): Host {
  let host = hosts.get(model);
  if (!host) hosts.set(model, (host = withKept(model, kernelOf(model))));
  return host;
}

function kernelOf(model: Model): Host {
  return {
    send: (message, buffers) => model.send(message, undefined, buffers),
    listen(handler) {
      const hear = (message: unknown, buffers: DataView[]) => handler(message, buffers ?? []);
      model.on('msg:custom', hear);
      return () => model.off('msg:custom', hear);
    },
    whenCut(handler) {
      const hear = () => { if (model.comm_live !== true) handler('The kernel that made this output has gone. Run the cell again.'); };
      model.on('comm_live_update', hear);
      return () => model.off('comm_live_update', hear);
    },
    get options() { return model.get('options') ?? {}; },
    get recording() { return model.get('recording') || 'latest'; },
  };
}

/** In a notebook that was saved no kernel answers; then the recording that the widget has kept does. */
function withKept(model: Model, kernel: Host): Host {
  type Handler = Parameters<Host['listen']>[0];
  const handlers = new Map<Handler, () => void>();
  let saved: ReplayHost | null = null, answered = false;
  const replay = async (attach: object) => {
    const kept = model.get('replay') as DataView | undefined;
    if (answered || saved || !kept?.byteLength) return;
    const [{ ReplayHost }, { unpack }] = await Promise.all([import('../replay/host'), import('../replay/packed')]);
    const packed = await unpack(new Uint8Array(kept.buffer, kept.byteOffset, kept.byteLength));
    if (answered) return;
    saved = new ReplayHost(packed, kernel.options);
    for (const handler of handlers.keys()) saved.listen(handler);
    saved.send(attach);
  };
  return {
    ...kernel,
    whenCut: handler => kernel.whenCut!(reason => { if (answered) handler(reason); }),
    get options() { return kernel.options; },
    get recording() { return saved ? 'latest' : kernel.recording; },
    send(message, buffers) {
      if (saved) return saved.send(message);
      if ((message as { type?: string }).type === 'attach') setTimeout(() => void replay(message).catch(error => console.error('tapescope:', error)), model.comm_live === false ? 0 : PATIENCE_MS);
      try {
        kernel.send(message, buffers);
      } catch (error) {                                 // a model without a kernel: what it has kept answers, if there is anything
        if (!(model.get('replay') as DataView | undefined)?.byteLength) throw error;
      }
    },
    listen(handler) {
      const off = kernel.listen((message, buffers) => { answered = true; handler(message, buffers); });
      handlers.set(handler, off);
      const offSaved = saved?.listen(handler);
      return () => { off(); offSaved?.(); handlers.delete(handler); };
    },
  };
}

/** Parts that were saved with the recording, else the kernel's. */
function codeOf(model: Model, at: Attachment): (name: string) => Promise<string> {
  let kept: Promise<Record<string, string>> | null = null;
  return async name => {
    const bytes = model.get('parts') as DataView | undefined;
    if (bytes?.byteLength) kept ??= inflate(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)).then(text => JSON.parse(new TextDecoder().decode(text)));
    return (await kept)?.[name] ?? at.command('view.part', { name });
  };
}

/** What is selected on the page is `view.selection` in Python, and the other way round. */
function shareSelection(model: Model, at: Attachment): () => void {
  if (model.get('selection') === undefined) return () => {};
  const { ticker } = hubOf();
  const tell = () => {
    model.set('selection', { ...at.selection.get() });
    model.save_changes();
  };
  const hear = () => {
    const wish = model.get('selection') as Partial<Selection>;
    at.selection.set(Object.fromEntries(Object.entries(wish ?? {}).filter(([field]) => field in NOTHING)));
  };
  const off = at.selection.on(() => ticker.request(tell));   // a drag over a slider is one message a frame at most
  model.on('change:selection', hear);
  return () => {
    off();
    model.off('change:selection', hear);
  };
}

/** `height`: CSS pixels, unless options.height says otherwise; the reader can drag the lower edge. */
export function widget(view: View, height: number) {
  return {
    render({ model, el }: { model: Model; el: HTMLElement }) {
      const box = el.ownerDocument.createElement('div');
      el.replaceChildren(box);
      el.style.width = '100%';
      const at = hubOf().attach(hostOf(model));         // outlives a change of options, so that the stream goes on
      const unshare = shareSelection(model, at);
      partsFrom(codeOf(model, at));
      let stop = () => {};
      const show = () => {
        stop();
        const wanted = Number(model.get('options')?.height);
        box.style.cssText = `width:100%;height:${wanted > 0 ? wanted : height}px;min-height:80px;resize:vertical;overflow:hidden;border:1px solid var(--ts-line);border-radius:6px`;
        stop = view(box, hostOf(model));
      };
      show();
      model.on('change:options', show);
      model.on('change:recording', show);
      return () => {
        model.off('change:options', show);
        model.off('change:recording', show);
        stop();
        unshare();
        at.release();
        box.remove();
      };
    },
  };
}
