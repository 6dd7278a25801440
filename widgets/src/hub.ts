/**
 * One hub a page, whatever brought it here: the panel and forty cell outputs share stores, selection, ticker and one stream a kernel.
 *
 * A host is one way to a kernel. Every attached host says `attach`; the kernel's answer names its process, and hosts of one
 * process form a `KernelRoom`. The room's first host carries all subscriptions; when it goes, the next one takes over.
 */

import { KernelRoom, type Interest } from './room';
import { PageTicker, type Ticker } from './ticker';
import { Wire } from './wire/link';
import type { Attachment, Host, Kind, RunStore } from './store/types';
import { SelectionBus } from './selection';

export interface Hub {
  /** Joins a view to what `recording` names: an id, or "latest", the default. Every attachment must be released. */
  attach(host: Host, recording?: string): Attachment;
  /** The host has a new connection (kernel restarted, comm reopened): says `attach` again and resubscribes. */
  reconnect(host: Host): void;
  /** The host has no connection for now; views keep what they have and say why. */
  lost(host: Host, reason: string): void;
  readonly ticker: Ticker;
  /** Things of which a page has one (a WebGL context), shared by every bundle on it. */
  readonly shared: Map<string, unknown>;
}

const KEY = Symbol.for('tapescope.hub.1');

export function hubOf(): Hub {
  const page = globalThis as { [KEY]?: Hub };
  return (page[KEY] ??= new PageHub());
}

class PageHub implements Hub {
  readonly ticker: Ticker = new PageTicker();
  readonly shared = new Map<string, unknown>();
  private readonly wires = new Map<Host, Wire>();
  private readonly rooms = new Map<string, KernelRoom>();

  attach(host: Host, recording = host.recording || 'latest'): Attachment {
    let wire = this.wires.get(host);
    if (!wire) {
      wire = new Wire(host, this.ticker, kernel => this.room(kernel), () => this.wires.delete(host));
      this.wires.set(host, wire);
      wire.attach();
    }
    return new Joined(wire, recording);
  }

  reconnect(host: Host): void {
    this.wires.get(host)?.attach();
  }

  lost(host: Host, reason: string): void {
    this.wires.get(host)?.lose(reason);
  }

  private room(kernel: string): KernelRoom {
    let room = this.rooms.get(kernel);
    if (!room) {
      room = new KernelRoom(kernel, this.ticker, () => this.rooms.delete(kernel));
      this.rooms.set(kernel, room);
    }
    return room;
  }
}

/** A view's hold on a recording. It follows its wire from room to room as kernels come and go. */
class Joined implements Attachment {
  readonly link: Wire;
  readonly selection: Attachment['selection'];
  private readonly needs = new Set<Interest>();
  private readonly storeListeners = new Set<(store: RunStore | null) => void>();
  private readonly selectionListeners = new Map<object, { fn: Parameters<SelectionBus['on']>[0]; off: () => void }>();
  private readonly own = new SelectionBus();            // until the kernel is known
  private room: KernelRoom | null = null;
  private seen: RunStore | null = null;
  private leave: (() => void)[] = [];
  private released = false;

  constructor(wire: Wire, private readonly recording: string) {
    this.link = wire;
    wire.hold(this);
    this.selection = {
      get: () => this.bus().get(),
      set: change => this.bus().set(change),
      on: fn => {
        const token = {};
        this.selectionListeners.set(token, { fn, off: this.bus().on(fn) });
        return () => {
          this.selectionListeners.get(token)?.off();
          this.selectionListeners.delete(token);
        };
      },
    };
    this.enter(wire.room);
  }

  /** Called by the wire when the kernel behind it becomes known or changes. */
  enter(room: KernelRoom | null): void {
    if (room === this.room || this.released) return;
    for (const off of this.leave) off();
    for (const interest of this.needs) this.room?.drop(interest);
    for (const entry of this.selectionListeners.values()) entry.off();
    this.room = room;
    this.leave = room ? [room.onRecordings(() => this.look())] : [];
    for (const entry of this.selectionListeners.values()) entry.off = this.bus().on(entry.fn);
    for (const interest of this.needs) room?.want(interest);
    this.look();
  }

  store(): RunStore | null {
    return this.room?.store(this.recording) ?? null;
  }

  onStore(fn: (store: RunStore | null) => void): () => void {
    this.storeListeners.add(fn);
    return () => this.storeListeners.delete(fn);
  }

  need(kind: Kind, options: { id?: string } = {}): () => void {
    const interest: Interest = { kind, id: options.id, recording: this.recording };
    this.needs.add(interest);
    this.room?.want(interest);
    return () => {
      if (this.needs.delete(interest)) this.room?.drop(interest);
    };
  }

  query(kind: Kind, options: { id?: string; steps?: [number, number] } = {}): Promise<void> {
    if (!this.room) return Promise.reject(new Error(this.link.reason || 'not connected'));
    return this.room.query({ kind, recording: this.recording, ...options });
  }

  release(): void {
    if (this.released) return;
    for (const off of this.leave) off();
    for (const interest of this.needs) this.room?.drop(interest);
    for (const entry of this.selectionListeners.values()) entry.off();
    this.released = true;
    this.needs.clear();
    this.storeListeners.clear();
    this.selectionListeners.clear();
    this.link.letGo(this);
  }

  private bus(): SelectionBus {
    return this.room?.selection(this.recording) ?? this.own;
  }

  private look(): void {
    const store = this.store();
    if (store === this.seen) return;
    this.seen = store;
    for (const fn of [...this.storeListeners]) this.link.ticker.guard(() => fn(store));
  }
}
