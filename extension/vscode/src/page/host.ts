/** The panel's page end of the wire: what the extension host passes on, as the Host that views talk to. */

import type { Host } from '@tapescope/widgets';
import type { Parcel } from '../framing';

export interface VsCode { postMessage(message: unknown): void; getState(): unknown; setState(state: unknown): void }
/** Extension host to page. */
export type ToPage = { kind: 'parcel'; parcel: Parcel } | { kind: 'cut'; reason: string };

/**
 * VS Code hears every key that a page has heard, too: `b` on a graph would add a cell, F5 start its debugger. What a view has used it is not told,
 * nor, where keys are `alone`, anything but Escape, Tab and what has a modifier.
 */
export function keepKeys(el: HTMLElement, alone: boolean): void {
  el.addEventListener('keydown', e => {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    if (e.defaultPrevented || (alone && e.key !== 'Escape' && e.key !== 'Tab')) e.stopPropagation();
  });
}

export class PanelHost implements Host {
  options: Record<string, unknown> = {};
  private readonly handlers = new Set<(message: any, buffers: DataView[]) => void>();
  private readonly cutters = new Set<(reason: string) => void>();

  constructor(private readonly code: Pick<VsCode, 'postMessage'>) {}

  send(message: object): void {
    this.code.postMessage({ kind: 'wire', message });
  }

  listen(handler: (message: any, buffers: DataView[]) => void): () => void {
    this.handlers.add(handler);
    return () => this.handlers.delete(handler);
  }

  whenCut(handler: (reason: string) => void): () => void {
    this.cutters.add(handler);
    return () => this.cutters.delete(handler);
  }

  openSource(source: { file: string; line: number; cell: string }): void {
    this.code.postMessage({ kind: 'source', source });
  }

  /** A message of the extension host. */
  receive(data: ToPage): void {
    if (data?.kind === 'cut') {
      for (const fn of [...this.cutters]) fn(data.reason);
      return;
    }
    if (data?.kind !== 'parcel') return;
    const { message, sizes, payload } = data.parcel;
    let at = payload.byteOffset;
    const buffers = sizes.map(n => new DataView(payload.buffer, (at += n) - n, n));
    for (const handler of [...this.handlers]) handler(message, buffers);
  }
}
