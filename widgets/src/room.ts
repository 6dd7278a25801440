/** All that a page knows of one kernel process: its recordings, the stores, and which host carries the stream. */

import { SelectionBus } from './selection';
import { Run } from './store/run';
import type { Kind } from './store/types';
import type { Ticker } from './ticker';
import { decodeFrame } from './wire/frame';
import type { FrameMessage, RecordingInfo } from './wire/messages';

export interface Interest { kind: Kind; recording: string; id?: string; steps?: [number, number] }

/** What the room asks of a host's end. */
export interface Carrier {
  open(interest: Interest, verb: 'subscribe' | 'query'): string;
  close(request: string, verb: 'unsubscribe' | 'cancel'): void;
  trouble(reason: string): void;
}

const LOOK_MS = 80;

/** What some views want, and how many of them. */
interface Want { interest: Interest; holders: number }
/** What the kernel sends: one subscription may serve many wants. `fresh` until its first frame. */
interface Stream { interest: Interest; request: string | null; fresh: boolean }
interface Query { interest: Interest; resolve: () => void; reject: (error: Error) => void }

export class KernelRoom {
  recordings: RecordingInfo[] = [];
  private readonly order: string[] = [];                // recordings from oldest to newest, as far as we have heard
  private readonly runs = new Map<string, Run>();
  private readonly buses = new Map<string, SelectionBus>();
  private readonly wants = new Map<string, Want>();
  private readonly streams = new Map<string, Stream>();
  private readonly byRequest = new Map<string, Stream>();
  private readonly queries = new Map<string, Query>();
  private readonly listeners = new Set<() => void>();
  private readonly carriers: Carrier[] = [];
  private looking: ReturnType<typeof setTimeout> | undefined;

  constructor(readonly kernel: string, private readonly ticker: Ticker, private readonly gone: () => void) {}

  get active(): Carrier | null {
    return this.carriers[0] ?? null;
  }

  /** A host that reaches this kernel. The first carries the stream; one that comes back after a break starts its subscriptions again. */
  join(carrier: Carrier): void {
    if (!this.carriers.includes(carrier)) this.carriers.push(carrier);
    if (this.active === carrier) this.resubscribe();
  }

  /** `silent`: the way is already cut, so nothing can be unsubscribed. */
  quit(carrier: Carrier, silent: boolean): void {
    const at = this.carriers.indexOf(carrier);
    if (at < 0) return;
    this.carriers.splice(at, 1);
    if (at > 0) return;
    if (!silent) for (const stream of this.streams.values()) if (stream.request) carrier.close(stream.request, 'unsubscribe');
    for (const query of this.queries.values()) query.reject(new Error('the connection that asked has gone'));
    this.queries.clear();
    if (this.active) this.resubscribe();
    else {
      for (const stream of this.streams.values()) stream.request = null;
      this.byRequest.clear();
    }
  }

  /** Nobody looks any more: stores and selection may go. */
  closeIfEmpty(): void {
    if (this.carriers.length === 0 && this.wants.size === 0) { clearTimeout(this.looking); this.gone(); }
  }

  want(interest: Interest): void {
    const key = keyOf(interest), want = this.wants.get(key);
    if (want) want.holders++;
    else {
      this.wants.set(key, { interest, holders: 1 });
      this.reconcile();
    }
  }

  drop(interest: Interest): void {
    const key = keyOf(interest), want = this.wants.get(key);
    if (!want || --want.holders > 0) return;
    this.wants.delete(key);
    this.reconcile();
  }

  query(interest: Interest): Promise<void> {
    const carrier = this.active;
    if (!carrier) return Promise.reject(new Error('no connection to the kernel'));
    return new Promise((resolve, reject) => this.queries.set(carrier.open(interest, 'query'), { interest, resolve, reject }));
  }

  store(recording: string): Run | null {
    const id = this.resolve(recording);
    return this.order.includes(id) ? this.run(id) : null;
  }

  /** The selection of a recording, whether it is named by its id or as the latest. */
  selection(recording: string): SelectionBus {
    const id = this.resolve(recording);
    let bus = this.buses.get(id);
    if (!bus) {
      this.buses.set(id, (bus = new SelectionBus()));
      bus.on((_, change) => { if (change.step !== undefined) this.lookAt(id, change.step); });
    }
    return bus;
  }

  onRecordings(fn: () => void): () => void {
    this.listeners.add(fn);
    return () => this.listeners.delete(fn);
  }

  setRecordings(recordings: RecordingInfo[]): void {
    this.recordings = recordings;
    for (const info of recordings) {
      this.meet(info.id);
      const run = this.runs.get(info.id);
      if (run && info.name) run.name = info.name;
    }
    this.tell();
  }

  /** Applies a frame; throws WireError, in words for the reader, when it cannot be read. */
  receive(message: FrameMessage, buffers: readonly ArrayBufferView[]): void {
    const stream = this.byRequest.get(message.request);
    const query = this.queries.get(message.request);
    const news = this.meet(message.recording);
    const run = this.run(message.recording);
    // The kernel sends every string once: those of a frame that crossed our unsubscribe on the way are not said again.
    if (message.strings && (stream || query || message.strings[0] <= run.known)) run.extendStrings(message.strings[0], message.strings[1]);
    if (!stream && !query) {
      if (news) this.tell();
      return;
    }
    if (stream?.fresh) {
      stream.fresh = false;
      run.restart(stream.interest.kind, stream.interest.id);
    }
    try {
      run.apply(decodeFrame(message, buffers), query !== undefined);
    } finally {
      if (query && !message.more) {
        this.queries.delete(message.request);
        query.resolve();
      }
      if (news) this.tell();
    }
  }

  /** A query without rows may be answered by a bare reply. */
  answered(request: string): void {
    this.queries.get(request)?.resolve();
    this.queries.delete(request);
  }

  /** A subscription or query was refused. */
  refuse(request: string, error: string): boolean {
    const query = this.queries.get(request);
    this.queries.delete(request);
    query?.reject(new Error(error));
    return Boolean(query) || this.byRequest.has(request);
  }

  /** Recordings are met in the order in which they began, so the last one met is the latest. */
  private meet(id: string): boolean {
    if (this.order.includes(id)) return false;
    this.order.push(id);
    this.reconcile();
    return true;
  }

  private resolve(recording: string): string {
    return recording === 'latest' ? this.order.at(-1) ?? '' : recording;
  }

  private run(id: string): Run {
    let run = this.runs.get(id);
    if (!run) {
      run = new Run(id, this.ticker);
      run.name = this.recordings.find(info => info.id === id)?.name ?? '';
      this.runs.set(id, run);
      this.trim();
    }
    return run;
  }

  /** Keeps the stores that somebody follows, and the few newest. */
  private trim(): void {
    const held = new Set([...this.wants.values()].map(want => this.resolve(want.interest.recording)));
    for (const id of this.order.slice(0, -4)) if (!held.has(id)) this.runs.delete(id);
  }

  /** Asks for what changes with the step and is not kept on the page; a slider that moves on asks once, where it rests. */
  private lookAt(recording: string, step: number | null): void {
    clearTimeout(this.looking);
    if (step === null) return this.store(recording)?.follow();
    this.looking = setTimeout(() => {
      for (const kind of ['clocks', 'gradients'] as const) {
        if ([recording, 'latest'].some(name => this.streams.has(keyOf({ recording: name, kind })))) this.query({ kind, recording, steps: [step, step] }).catch(() => {});
      }
    }, LOOK_MS);
  }

  /**
   * Opens and closes subscriptions until they serve exactly what is wanted. The stream of the latest recording also serves those who
   * named that recording by its id: no row comes twice.
   */
  private reconcile(): void {
    const wanted = new Map<string, Interest>();
    for (const { interest } of this.wants.values()) {
      const latest = { ...interest, recording: 'latest' };
      const covered = interest.recording === this.order.at(-1) && this.wants.has(keyOf(latest));
      wanted.set(keyOf(covered ? latest : interest), covered ? latest : interest);
    }
    for (const [key, stream] of this.streams) {
      if (wanted.has(key)) continue;
      this.streams.delete(key);
      if (!stream.request) continue;
      this.byRequest.delete(stream.request);
      this.active?.close(stream.request, 'unsubscribe');
    }
    for (const [key, interest] of wanted) {
      if (this.streams.has(key)) continue;
      const stream: Stream = { interest, request: null, fresh: true };
      this.streams.set(key, stream);
      this.open(stream);
    }
  }

  private resubscribe(): void {
    this.byRequest.clear();
    for (const stream of this.streams.values()) this.open(stream);
  }

  private open(stream: Stream): void {
    stream.fresh = true;
    stream.request = this.active?.open(stream.interest, 'subscribe') ?? null;
    if (stream.request) this.byRequest.set(stream.request, stream);
  }

  private tell(): void {
    for (const fn of [...this.listeners]) this.ticker.guard(fn);
  }
}

const keyOf = ({ recording, kind, id }: Interest): string => JSON.stringify([recording, kind, id ?? null]);
