/** A kernel that is not there: a Host that answers as the real link does, with a real little training run behind it. */

import type { Host } from '../store/types';
import { encodeFrame } from '../wire/encode';
import type { Frame } from '../wire/frame';
import { PROTOCOL } from '../wire/messages';
import * as frames from './frames';
import { mlpGraph, transformerGraph } from './graphs';
import { SIZES, train, type Training } from './train';

export interface DemoOptions {
  /** Steps trained, and how many of them have happened when a view attaches (all, unless it is to be live). */
  steps?: number; begin?: number;
  /** Steps a second; 0 stands still. */
  rate?: number;
  graph?: 'mlp' | 'transformer';
  /** "empty": nothing recorded; "silent": a kernel without tapescope. */
  trouble?: 'none' | 'empty' | 'silent';
  held?: boolean;
  /** The held pass is inside a cell that runs. */
  live?: boolean;
  /** Capabilities beside those of the demo. */
  can?: Record<string, boolean>;
}

interface Subscription { request: string; kind: string; id?: string; recording: string; cursor: number; once: boolean; steps?: [number, number] }

const PERIOD_MS = 66;
const MOST_STEPS = 25;                                   // rows a frame, so that frames stay small

export class DemoHost implements Host {
  options: Record<string, unknown> = {};
  private readonly handlers = new Set<(message: any, buffers: DataView[]) => void>();
  private readonly demos: frames.Demo[];
  private readonly subscriptions = new Map<string, Subscription>();
  private readonly sentStrings = new Map<string, number>();
  private readonly probes = new Set<string>();
  private readonly muted = new Set<string>();
  private readonly o: Required<DemoOptions>;
  private timer: ReturnType<typeof setInterval> | undefined;
  private step: number;
  private seq = 0;
  private unacknowledged = 0;
  private held = { index: 0, state: 'none' as 'held' | 'done' | 'aborted' | 'none', reason: '', version: 0 };
  private breakpoints: any[] = [];
  private made = 0;
  private began = Date.now();

  constructor(options: DemoOptions = {}) {
    const steps = options.steps ?? 200;
    this.o = { steps, begin: options.begin ?? steps, rate: 0, graph: 'mlp', trouble: 'none', held: false, live: false, can: {}, ...options };
    this.step = this.o.begin;
    if (this.o.held) this.held = { index: 2, state: 'held', reason: 'ts.debug(loss)', version: 1 };
    const make = (id: string, name: string, seed: number, count: number): frames.Demo => {
      let run: Training | undefined;                     // trained when somebody first looks
      return {
        get run() { return (run ??= train(count, 64, seed)); },
        count, graph: this.o.graph === 'mlp' ? mlpGraph(64, SIZES) : transformerGraph(), id, name, perSecond: this.o.rate || 20,
      };
    };
    this.demos = this.o.trouble === 'none' ? [make('demo-0', 'digits', 23, Math.min(steps, 170)), make('demo-1', 'baseline', 19, Math.min(steps, 150)), make('demo-2', 'digits', 7, steps)] : [];
  }

  listen(handler: (message: any, buffers: DataView[]) => void): () => void {
    this.handlers.add(handler);
    this.timer ??= setInterval(() => this.pump(), PERIOD_MS);
    return () => {
      this.handlers.delete(handler);
      if (this.handlers.size === 0) { clearInterval(this.timer); this.timer = undefined; }
    };
  }

  send(message: any): void {
    if (this.o.trouble !== 'silent') setTimeout(() => this.receive(message));
  }

  private receive(m: any): void {
    if (m.type === 'attach') return this.say({ type: 'attached', request: m.request, protocol: PROTOCOL, kernel: 'demo', version: '0.1.0', recordings: this.recordings() });
    if (m.type === 'ack') this.unacknowledged = Math.max(0, this.unacknowledged - 1);
    if (m.type === 'unsubscribe' || m.type === 'cancel') this.subscriptions.delete(m.request);
    if (m.type === 'subscribe' || m.type === 'query') {
      this.subscriptions.set(m.request, { request: m.request, kind: m.kind, id: m.id, recording: m.recording, cursor: 0, once: m.type === 'query', steps: m.steps });
      this.pump();
    }
    if (m.type === 'command') this.command(m);
  }

  private command(m: { request: string; verb: string; args: any }): void {
    const total = this.newest?.graph.nodeCount ?? 0;
    const hold = (index: number, reason: string) => {
      this.held = { index: Math.max(0, Math.min(index, total - 1)), state: index >= total ? 'done' : 'held', reason, version: this.held.version + 1 };
    };
    switch (m.verb) {
      case 'probe.set': this.probes.add(m.args.key); break;
      case 'probe.clear': this.probes.delete(m.args.key); break;
      case 'findings.mute': this.muted.add(m.args.id); break;
      case 'debug.step': case 'debug.into': hold(this.held.index + 1, 'step'); break;
      case 'debug.back': hold(this.held.index - 1, 'step back'); break;
      case 'debug.out': hold(this.held.index + 3, 'out'); break;
      case 'debug.continue': hold(total, 'ran to the end'); break;
      case 'debug.run_to': hold(m.args.index ?? (m.args.node !== undefined ? total - 1 - m.args.node : this.held.index), 'run to'); break;
      case 'debug.go': hold(m.args.index, 'went'); break;
      case 'debug.replay': case 'debug.next_module': hold(this.held.index + (m.verb === 'debug.replay' ? 0 : 2), m.verb); break;
      case 'debug.reset': hold(0, 'started again'); break;
      case 'break.add': this.breakpoints.push({ ...frames.breakpoint(this.newest!, m.args), id: ++this.made, hits: 0 }); this.held.version++; break;
      case 'break.edit': this.breakpoints = this.breakpoints.map(b => (b.id === m.args.id ? { ...b, ...m.args } : b)); this.held.version++; break;
      case 'break.remove': this.breakpoints = this.breakpoints.filter(b => b.id !== m.args.id); this.held.version++; break;
      case 'debug.break_on': this.breakpoints.push({ ...frames.breakpoint(this.newest!, { text: `break here next time: ${(frames.findings(this.newest!, this.step - 1, this.muted).meta.findings as any[]).find(f => f.id === m.args.finding).title}` }), id: ++this.made, hits: 0 }); this.held.version++; break;
      case 'break.clear': this.breakpoints = []; this.held.version++; break;
      case 'ping': break;
      case 'debug.abort': this.held = { ...this.held, state: 'aborted', version: this.held.version + 1 }; break;
      case 'debug.edit': case 'record.start': case 'record.stop': break;
      default: return this.say({ type: 'reply', request: m.request, ok: false, error: `no such verb: ${m.verb}` });
    }
    const moved = m.verb.startsWith('debug.') ? { state: this.held.state, index: this.held.index, total } : null;
    this.say({ type: 'reply', request: m.request, ok: true, result: m.verb === 'break.add' ? { id: this.made } : moved });
    this.pump();
  }

  private get newest(): frames.Demo | undefined {
    return this.demos.at(-1);
  }

  private recordings() {
    return this.demos.map(d => ({ id: d.id, name: d.name, state: this.isOver(d) ? 'stopped' : 'recording', step: this.stepOf(d) - 1, capabilities: { can_step: true, can_rewind: true, can_edit_grad: true } }));
  }

  private stepOf(d: frames.Demo): number { return d === this.newest ? Math.min(this.step, d.count) : d.count; }
  private isOver(d: frames.Demo): boolean { return this.stepOf(d) >= d.count; }

  private say(message: any, buffers: DataView[] = []): void {
    for (const handler of [...this.handlers]) handler(message, buffers);
  }

  private pump(): void {
    if (this.o.rate > 0) this.step = Math.min(this.o.steps, this.o.begin + Math.floor(((Date.now() - this.began) / 1000) * this.o.rate));
    for (const s of [...this.subscriptions.values()]) {
      while (this.unacknowledged < 60) {                 // the real link allows two a client; the demo fills a page at once
        const more = this.serve(s);
        if (more === null || !more) break;
      }
    }
  }

  /** Sends the next frame of a subscription; true when there is more, null when there was nothing. */
  private serve(s: Subscription): boolean | null {
    const d = s.recording === 'latest' ? this.newest : this.demos.find(one => one.id === s.recording);
    if (!d) return null;
    const end = this.stepOf(d), at = s.cursor;
    const rows = (make: (from: number, to: number) => Frame): boolean | null => {
      if (at >= end) return this.finish(s, null, d);
      s.cursor = Math.min(end, at + MOST_STEPS);
      return this.finish(s, make(at, s.cursor), d, s.cursor < end);
    };
    const whole = (version: number, make: () => Frame | null): boolean | null => {
      if (at === version) return null;
      s.cursor = version;
      return this.finish(s, make(), d);
    };
    switch (s.kind) {
      case 'scalars': return rows((a, b) => frames.scalars(d, a, b));
      case 'stats': return rows((a, b) => frames.stats(d, a, b));
      case 'histograms': return rows((a, b) => frames.histograms(d, a, b));
      case 'graph': return whole(1, () => d.graph.frame());
      case 'clocks': return whole(end, () => (end > 0 ? frames.clocks(d, s.steps?.[0] ?? end - 1) : null));
      case 'gradients': return whole(end, () => (end > 0 ? frames.gradients(d, s.steps?.[0] ?? end - 1) : null));
      case 'findings': return whole(end * 10 + this.muted.size + 1, () => frames.findings(d, end - 1, this.muted));
      case 'status': return whole(end + 1, () => { const f = frames.status(d, end - 1, this.isOver(d) ? 'stopped' : 'recording'); f.meta.capabilities = { ...(f.meta.capabilities as object), ...this.o.can }; return f; });
      case 'debug': return whole(this.held.version + 1, () => { const f = frames.debug(d, this.held.index, this.held.state, this.held.reason); f.meta.breakpoints = [...this.breakpoints]; f.meta.live = this.o.live; return f; });
      case 'tensor': {
        if (!s.id) return null;
        if (s.steps) return this.finish(s, frames.tensor(d, s.id, Math.min(end - 1, s.steps[0])), d);
        const stride = 5, next = Math.min(end - 1, Math.floor(at / stride) * stride);
        if (next < 0 || at >= end) return null;
        s.cursor = next + stride;
        return this.finish(s, frames.tensor(d, s.id, next), d, s.cursor < end);
      }
      case 'projection': {
        const list = frames.projections(d, s.id ?? 'activation/fc1', end);
        if (at >= list.length) return null;
        s.cursor = at + 1;
        return this.finish(s, list[at]!, d, s.cursor < list.length);
      }
      default: return null;
    }
  }

  private finish(s: Subscription, frame: Frame | null, d: frames.Demo, more = false): boolean | null {
    if (s.once && !more) this.subscriptions.delete(s.request);
    if (!frame) { if (s.once && !more) this.say({ type: 'reply', request: s.request, ok: true, result: null }); return more || null; }
    const sent = this.sentStrings.get(d.id) ?? 0, strings = d.graph.strings.slice(sent);
    this.sentStrings.set(d.id, d.graph.strings.length);
    const [header, buffers] = encodeFrame(frame, { seq: ++this.seq, request: s.request, recording: d.id, more, ...(strings.length && { strings: [sent, strings] as [number, string[]] }) });
    this.unacknowledged++;
    this.say(header, buffers);
    return more;
  }
}
