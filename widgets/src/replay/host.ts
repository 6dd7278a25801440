/** A Host that answers as a kernel does, from a packed recording: the views do not know the difference. */

import type { Host } from '../store/types';
import { encodeFrame } from '../wire/encode';
import type { Frame } from '../wire/frame';
import { PROTOCOL, type Incoming } from '../wire/messages';
import type { Packed } from './packed';

/** Frames on their way that the page has not drawn. */
const WINDOW = 8;
const NEWEST = new Set(['clocks', 'gradients', 'status', 'findings']);

interface Asked { request: string; kind: string; id?: string; steps?: [number, number] }

export class ReplayHost implements Host {
  options: Record<string, unknown>;
  private readonly handlers = new Set<(message: any, buffers: DataView[]) => void>();
  private readonly asked = new Map<string, Asked>();
  private readonly muted = new Set<string>();
  private readonly waiting: (() => void)[] = [];
  private flying = 0;
  private seq = 0;
  private told = false;

  constructor(private readonly packed: Packed, options: Record<string, unknown> = {}) {
    this.options = options;
  }

  listen(handler: (message: any, buffers: DataView[]) => void): () => void {
    this.handlers.add(handler);
    return () => this.handlers.delete(handler);
  }

  send(message: any): void {
    queueMicrotask(() => this.receive(message));
  }

  private receive(m: any): void {
    const { recording, version } = this.packed.index;
    switch (m.type) {
      case 'attach':
        this.told = false;
        return this.say({ type: 'attached', request: m.request, protocol: PROTOCOL, kernel: `packed-${recording.id}-${recording.name}-${recording.began ?? ''}`, version, recordings: [recording], replay: true });
      case 'ack':
        this.flying--;
        return this.waiting.shift()?.();
      case 'unsubscribe': case 'cancel':
        this.asked.delete(m.request);
        return;
      case 'subscribe': case 'query':
        this.asked.set(m.request, m);
        void this.serve(m, m.type === 'query').catch(error => this.say({ type: 'reply', request: m.request, ok: false, error: String((error as Error)?.message ?? error) }));
        return;
      case 'command': return this.command(m);
      default:
    }
  }

  private async serve(asked: Asked, once: boolean): Promise<void> {
    const { parts } = this.packed.index, found: Frame[] = [];
    for (let i = 0; i < parts.length; i++) {
      if (parts[i]!.kind === asked.kind && (asked.id === undefined || parts[i]!.id === '' || parts[i]!.id === asked.id)) found.push(...await this.packed.frames(i));
    }
    const chosen = this.choose(found, asked, once);
    for (let i = 0; i < chosen.length; i++) {
      while (this.flying >= WINDOW) await new Promise<void>(go => this.waiting.push(go));
      if (!this.asked.has(asked.request)) return;
      this.frame(chosen[i]!, asked.request, once && i < chosen.length - 1);
    }
    if (once) {
      this.asked.delete(asked.request);
      this.say({ type: 'reply', request: asked.request, ok: true, result: null });
    }
  }

  /** What a kernel would send of it. Of a step that was thinned, the nearest one before it. */
  private choose(frames: Frame[], { kind, steps }: Asked, once: boolean): Frame[] {
    if (kind === 'findings') return frames.slice(-1).map(f => ({ ...f, meta: { findings: (f.meta.findings ?? []).filter((one: any) => !this.muted.has(one.id)) } }));
    if (steps && NEWEST.has(kind)) {
      const inside = frames.filter(f => f.meta.step >= steps[0] && f.meta.step <= steps[1]);
      return inside.length ? inside : (frames.filter(f => f.meta.step <= steps[1]).slice(-1).concat(frames.slice(0, 1))).slice(0, 1);
    }
    return NEWEST.has(kind) && !once ? frames.slice(-1) : frames;
  }

  private command(m: { request: string; verb: string; args: any }): void {
    const { request } = m;
    if (m.verb === 'probe.clear') return this.say({ type: 'reply', request, ok: true, result: null });
    if (m.verb === 'probe.set' && this.packed.index.keys.includes(m.args?.key)) return this.say({ type: 'reply', request, ok: true, result: { key: m.args.key } });
    if (m.verb === 'findings.mute') {
      this.muted.add(String(m.args?.id));
      this.say({ type: 'reply', request, ok: true, result: null });
      for (const asked of this.asked.values()) if (asked.kind === 'findings') void this.serve(asked, false);
      return;
    }
    const why = m.verb === 'probe.set' ? `${m.args?.key} was not copied while this was recorded` : 'this is a saved recording, and its program is not here';
    this.say({ type: 'reply', request, ok: false, error: `${m.verb}: ${why}` });
  }

  private frame(frame: Frame, request: string, more: boolean): void {
    const { recording, strings } = this.packed.index;
    const [header, buffers] = encodeFrame(frame, { seq: ++this.seq, request, recording: recording.id, more, ...(!this.told && { strings: [0, strings] as [number, string[]] }) });
    this.told = true;
    this.flying++;
    this.say(header, buffers);
  }

  private say(message: Incoming, buffers: DataView[] = []): void {
    for (const handler of [...this.handlers]) handler(message, buffers);
  }
}
