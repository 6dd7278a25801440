/**
 * One hub a page, whatever brought it here: the panel and forty cell outputs share stores, selection, ticker and one stream a kernel.
 *
 * A host is one way to a kernel. Every attached host says `attach`; the kernel's answer names its process, and hosts of one
 * process form a `KernelRoom`. The room's first host carries all subscriptions; when it goes, the next one takes over.
 */

import { KernelRoom, type Interest } from './room';
import { PageTicker, type Ticker } from './ticker';
import { Wire } from './wire/link';
import { differenceOf, SelectionBus } from './selection';
import type { Attachment, Host, Kind, RunStore, Selection } from './store/types';

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
  private readonly selectionListeners = new Set<{ fn: Parameters<SelectionBus['on']>[0] }>();
  private bus = new SelectionBus();                     // our own until the recording is known
  private leaveBus = () => {};
  private leaveRoom = () => {};
  private room: KernelRoom | null = null;
  private seen: RunStore | null = null;
  private released = false;

  constructor(wire: Wire, private readonly recording: string) {
    this.link = wire;
    wire.hold(this);
    this.selection = {
      get: () => this.bus.get(),
      set: change => this.bus.set(change),
      on: fn => {
        const entry = { fn };
        this.selectionListeners.add(entry);
        return () => this.selectionListeners.delete(entry);
      },
    };
    this.follow(this.bus);
    this.enter(wire.room);
  }

  /** Called by the wire when the kernel behind it becomes known or changes. */
  enter(room: KernelRoom | null): void {
    if (room === this.room || this.released) return;
    this.leaveRoom();
    for (const interest of this.needs) this.room?.drop(interest);
    this.room = room;
    this.leaveRoom = room ? room.onRecordings(() => this.look()) : () => {};
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

  command(verb: string, args: object = {}): Promise<any> {
    return this.link.command(verb, args, this.store()?.id ?? this.recording);
  }

  release(): void {
    if (this.released) return;
    this.leaveRoom();
    this.leaveBus();
    for (const interest of this.needs) this.room?.drop(interest);
    this.released = true;
    this.needs.clear();
    this.storeListeners.clear();
    this.selectionListeners.clear();
    this.link.letGo(this);
  }

  /** Another recording may be ours now: its store and its selection. */
  private look(): void {
    if (this.room) this.follow(this.room.selection(this.recording));
    const store = this.store();
    if (store === this.seen) return;
    this.seen = store;
    for (const fn of [...this.storeListeners]) this.link.ticker.guard(() => fn(store));
  }

  private follow(bus: SelectionBus): void {
    const before = this.bus.get();
    this.leaveBus();
    this.bus = bus;
    // Row numbers mean nothing in another recording; a tensor's name still does.
    if (before.key !== null && bus.get().key === null) bus.set({ key: before.key });
    this.leaveBus = bus.on((value, change) => this.tell(value, change));
    const change = differenceOf(before, bus.get());
    if (Object.keys(change).length) this.tell(bus.get(), change);
  }

  private tell(value: Selection, change: Partial<Selection>): void {
    for (const { fn } of [...this.selectionListeners]) this.link.ticker.guard(() => fn(value, change));
  }
}
