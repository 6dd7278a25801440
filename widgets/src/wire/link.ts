/** A host's end of the wire: says `attach`, sends, acknowledges what was drawn, and knows in words why it is not live. */

import { KernelRoom, type Carrier, type Interest } from '../room';
import type { Host, Link } from '../store/types';
import type { Ticker } from '../ticker';
import { WireError } from './frame';
import { PROTOCOL, requestId, type Attached, type FrameMessage, type Incoming, type Outgoing } from './messages';

/** Silence after which the reader is told; the kernel may still answer later. */
export const PATIENCE_MS = 4000;
/** A command acts when the training loop reaches a step or the cell ends; after this long its button is free again. */
export const COMMAND_MS = 60_000;

export const UNANSWERED = 'The kernel does not answer: is tapescope imported?';

interface Holder { enter(room: KernelRoom | null): void }

export class Wire implements Link, Carrier {
  state: Link['state'] = 'connecting';
  reason = 'Connecting to the kernel';
  room: KernelRoom | null = null;
  private readonly client = requestId('page');
  private readonly holders = new Set<Holder>();
  private readonly listeners = new Set<() => void>();
  private readonly pending = new Map<string, { resolve: (value: any) => void; reject: (error: Error) => void; timer: ReturnType<typeof setTimeout> }>();
  private readonly stopListening: () => void;
  private attachRequest = '';
  private patience: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly host: Host, readonly ticker: Ticker,
    private readonly roomOf: (kernel: string) => KernelRoom, private readonly closed: () => void,
  ) {
    const offs = [host.listen((message, buffers) => this.receive(message, buffers ?? [])), host.whenCut?.(reason => this.lose(reason))];
    this.stopListening = () => { for (const off of offs) off?.(); };
  }

  get kernel(): string | null {
    return this.room?.kernel ?? null;
  }

  get recordings(): Link['recordings'] {
    return this.room?.recordings ?? [];
  }

  on(fn: () => void): () => void {
    this.listeners.add(fn);
    return () => this.listeners.delete(fn);
  }

  hold(holder: Holder): void {
    this.holders.add(holder);
  }

  letGo(holder: Holder): void {
    this.holders.delete(holder);
    if (this.holders.size) return;
    clearTimeout(this.patience);
    this.failAll('the view was closed');
    this.room?.quit(this, false);
    this.room?.closeIfEmpty();
    this.stopListening();
    this.closed();
  }

  attach(): void {
    this.attachRequest = requestId();
    this.become('connecting', 'Connecting to the kernel');
    this.send({ type: 'attach', protocol: PROTOCOL, client: this.client, request: this.attachRequest });
    clearTimeout(this.patience);
    this.patience = setTimeout(() => this.become('connecting', UNANSWERED), PATIENCE_MS);
  }

  lose(reason: string): void {
    clearTimeout(this.patience);
    this.attachRequest = '';
    this.failAll(reason);
    this.room?.quit(this, true);
    this.become('dead', reason);
  }

  command(verb: string, args: object, recording: string): Promise<any> {
    const request = requestId('c');
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.pending.delete(request);
        reject(new Error(`${verb}: no answer yet; it acts at the next step or when the cell ends`));
      }, COMMAND_MS);
      this.pending.set(request, { resolve, reject, timer });
      this.send({ type: 'command', request, recording, verb, args });
    });
  }

  // Carrier: what the room asks of us.

  open(interest: Interest, verb: 'subscribe' | 'query'): string {
    const request = requestId(verb === 'query' ? 'q' : 's');
    const { kind, recording, id, steps } = interest;
    this.send({ type: verb, request, recording, kind, ...(id !== undefined && { id }), ...(steps && { steps }) });
    return request;
  }

  close(request: string, verb: 'unsubscribe' | 'cancel'): void {
    this.send({ type: verb, request });
  }

  trouble(reason: string): void {
    this.become(this.state, reason);
  }

  private send(message: Outgoing): void {
    try {
      this.host.send(message);
    } catch (error) {
      this.become('dead', `The message could not be sent: ${(error as Error).message}`);
    }
  }

  private receive(message: Incoming, buffers: readonly DataView[]): void {
    switch (message?.type) {
      case 'attached': return this.onAttached(message);
      case 'recordings':
        this.room?.setRecordings(message.recordings);
        return this.tell();
      case 'frame': return this.onFrame(message, buffers);
      case 'reply': {
        if (message.request === this.attachRequest && !message.ok) {
          clearTimeout(this.patience);
          return this.become('dead', message.error);
        }
        const waiting = this.pending.get(message.request);
        if (waiting) {
          this.pending.delete(message.request);
          clearTimeout(waiting.timer);
          message.ok ? waiting.resolve(message.result) : waiting.reject(Object.assign(new Error(message.error), { said: message.said }));
        } else if (message.ok) this.room?.answered(message.request);
        else if (this.room?.refuse(message.request, message.error)) this.trouble(message.error);
        return;
      }
      default:                                          // a newer kernel may say more than we know
    }
  }

  private onAttached(message: Attached): void {
    if (message.request !== this.attachRequest) return;
    clearTimeout(this.patience);
    if (message.protocol > PROTOCOL) {
      return this.become('dead', `The kernel's tapescope ${message.version} is newer than this page. Reload the page.`);
    }
    const room = this.roomOf(String(message.kernel));
    if (room !== this.room) {
      this.room?.quit(this, true);
      const old = this.room;
      this.room = room;
      room.setRecordings(message.recordings ?? []);
      room.join(this);
      for (const holder of this.holders) holder.enter(room);
      old?.closeIfEmpty();
    } else {
      room.setRecordings(message.recordings ?? []);
      room.join(this);
    }
    this.become(message.replay ? 'replay' : 'live', '');
  }

  private onFrame(message: FrameMessage, buffers: readonly DataView[]): void {
    try {
      this.room?.receive(message, buffers);
    } catch (error) {
      if (!(error instanceof WireError)) console.error('tapescope:', error);
      this.trouble(`A message could not be read: ${(error as Error).message}`);
    }
    // Credit goes back when the frame is on the screen, so that the kernel sends as fast as the page draws.
    this.ticker.after(() => this.send({ type: 'ack', seq: message.seq }));
  }

  private become(state: Link['state'], reason: string): void {
    if (this.state === state && this.reason === reason) return;
    this.state = state;
    this.reason = reason;
    this.tell();
  }

  private tell(): void {
    for (const fn of [...this.listeners]) this.ticker.guard(fn);
  }

  private failAll(reason: string): void {
    for (const waiting of this.pending.values()) {
      clearTimeout(waiting.timer);
      waiting.reject(new Error(reason));
    }
    this.pending.clear();
  }
}
