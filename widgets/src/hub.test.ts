import { beforeEach, describe, expect, it, vi } from 'vitest';
import { hubOf, type Hub } from './hub';
import type { Host } from './store/types';
import { encodeFrame } from './wire/encode';
import { UNANSWERED } from './wire/link';

/** A host whose other end is the test. */
class Line implements Host {
  sent: any[] = [];
  handlers = new Set<(message: any, buffers: DataView[]) => void>();
  send(message: any) { this.sent.push(message); }
  listen(handler: (message: any, buffers: DataView[]) => void) { this.handlers.add(handler); return () => void this.handlers.delete(handler); }
  say(message: any, buffers: DataView[] = []) { for (const fn of this.handlers) fn(message, buffers); }
  of(type: string) { return this.sent.filter(m => m.type === type); }
  answer(kernel = '1', recordings: any[] = []) {
    this.say({ type: 'attached', request: this.of('attach').at(-1).request, protocol: 1, kernel, version: '0', recordings });
  }
  frame(kind: string, recording: string, rest: any = {}) {
    const request = rest.request ?? this.of('subscribe').filter(m => m.kind === kind).at(-1)!.request;
    this.say(...encodeFrame({ kind, meta: rest.meta ?? {}, columns: rest.columns ?? {} }, { seq: rest.seq ?? 1, request, recording, strings: rest.strings, more: rest.more }));
  }
}

const info = (id: string) => ({ id, name: id, state: 'recording', step: 0, capabilities: {} });
const scalars = (...values: number[]) => ({
  strings: [0, ['loss']] as [number, string[]],
  columns: { tag: new Uint32Array(values.length), step: Int32Array.from(values), time: new Float64Array(values.length), value: Float64Array.from(values) },
});

let hub: Hub;
beforeEach(() => {
  delete (globalThis as any)[Symbol.for('tapescope.hub.1')];
  hub = hubOf();
  vi.useFakeTimers();
});

describe('hub', () => {
  it('is one a page', () => expect(hubOf()).toBe(hub));

  it('opens one stream for many views, and closes it with the last', () => {
    const line = new Line();
    const a = hub.attach(line), b = hub.attach(line);
    expect(line.of('attach')).toHaveLength(1);
    const offA = a.need('scalars'), offB = b.need('scalars');
    line.answer();
    expect(line.of('subscribe')).toHaveLength(1);
    expect(a.link.state).toBe('live');
    offA();
    expect(line.of('unsubscribe')).toHaveLength(0);
    offB(); offB();
    expect(line.of('unsubscribe')).toEqual([{ type: 'unsubscribe', request: line.of('subscribe')[0].request }]);
    a.release(); b.release();
    expect(line.handlers.size).toBe(0);
  });

  it('hands the stream to the next host of the same kernel, and starts its tables again', () => {
    const first = new Line(), second = new Line();
    const a = hub.attach(first), b = hub.attach(second);
    a.need('scalars'); b.need('scalars');
    first.answer('7'); second.answer('7');
    expect(second.of('subscribe')).toHaveLength(0);
    first.frame('scalars', 'x', scalars(1, 2));
    expect(b.store()!.series.get('loss')!.value.length).toBe(2);
    expect(b.store()).toBe(a.store());
    a.release();
    expect(second.of('subscribe')).toHaveLength(1);
    second.frame('scalars', 'x', scalars(1, 2, 3));
    expect(b.store()!.series.get('loss')!.value.length).toBe(3);
    b.release();
  });

  it('keeps kernels apart and follows a host to its new kernel', () => {
    const line = new Line(), other = new Line();
    const a = hub.attach(line), b = hub.attach(other);
    a.need('scalars'); b.need('scalars');
    line.answer('1', [info('x')]); other.answer('2', [info('y')]);
    expect(a.store()!.id).toBe('x');
    expect(b.store()!.id).toBe('y');
    const seen: (string | null)[] = [];
    a.onStore(store => seen.push(store?.id ?? null));
    hub.lost(line, 'The kernel restarts');
    expect([a.link.state, a.link.reason]).toEqual(['dead', 'The kernel restarts']);
    expect(a.store()!.id).toBe('x');
    hub.reconnect(line);
    line.answer('3', []);
    expect(seen).toEqual([null]);
    expect(line.of('subscribe')).toHaveLength(2);
    line.frame('scalars', 'z', scalars(1));
    expect(a.store()!.id).toBe('z');
    a.release(); b.release();
  });

  it('follows the latest recording and never falls back to an older one', () => {
    const line = new Line();
    const a = hub.attach(line), old = hub.attach(line, 'x');
    a.need('scalars'); a.need('status');
    line.answer('1', [info('x')]);
    a.selection.set({ op: 4, key: 'weight/fc1' });
    line.frame('scalars', 'y', scalars(1));
    line.frame('status', 'x', { meta: { step: 9 } });
    expect(a.store()!.id).toBe('y');
    expect(old.store()!.id).toBe('x');
    expect(a.selection.get()).toMatchObject({ op: null, key: 'weight/fc1' });
    a.release(); old.release();
  });

  it('serves the latest and the same recording by its id with one stream, and parts them when a newer one begins', () => {
    const panel = new Line();
    const a = hub.attach(panel), b = hub.attach(panel, 'x');
    a.need('scalars'); b.need('scalars');
    panel.answer('1', [info('x')]);
    const open = () => {
      const gone = new Set(panel.of('unsubscribe').map(m => m.request));
      return panel.of('subscribe').filter(m => !gone.has(m.request)).map(m => m.recording);
    };
    expect(open()).toEqual(['latest']);
    panel.frame('scalars', 'x', scalars(1, 2));
    b.selection.set({ op: 3, key: 'k' });
    expect(a.selection.get()).toMatchObject({ op: 3, key: 'k' });
    const heard: unknown[] = [];
    a.selection.on((_, change) => heard.push(change));
    panel.frame('scalars', 'y', scalars(5));
    expect(heard).toEqual([{ op: null }]);
    expect(open()).toEqual(['latest', 'x']);
    panel.frame('scalars', 'x', scalars(1, 2, 3));
    expect([a.store()!.id, b.store()!.id]).toEqual(['y', 'x']);
    expect([...b.store()!.series.get('loss')!.value.data.subarray(0, 3)]).toEqual([1, 2, 3]);
    expect(b.selection.get().op).toBe(3);
    b.release();
    expect(open()).toEqual(['latest']);
    a.release();
    expect(open()).toEqual([]);
  });

  it('keeps the strings of a frame that crossed an unsubscribe: the kernel says them once', () => {
    const line = new Line();
    const panel = hub.attach(line);
    panel.need('status');
    const leave = panel.need('scalars');
    line.answer();
    const gone = line.of('subscribe').find(m => m.kind === 'scalars').request;
    leave();
    const drawn = hub.attach(line);
    drawn.need('scalars');
    line.frame('scalars', 'x', { ...scalars(1, 2), request: gone });
    expect(drawn.store()!.id).toBe('x');
    expect(drawn.store()!.series.size).toBe(0);
    line.frame('scalars', 'x', { ...scalars(1, 2), strings: [1, ['accuracy']], seq: 2 });
    expect(drawn.link.reason).toBe('');
    expect([...drawn.store()!.series.keys()]).toEqual(['loss']);
    // A late frame of a recording whose store is gone needs strings that nobody here has: it is no trouble to anybody.
    line.frame('scalars', 'y', { ...scalars(1), strings: [5, ['late']], request: gone, seq: 3 });
    expect(drawn.link.reason).toBe('');
    panel.release(); drawn.release();
  });

  it('acknowledges after the frame was drawn', () => {
    const line = new Line();
    const a = hub.attach(line);
    a.need('status');
    line.answer();
    const order: string[] = [];
    line.frame('status', 'x', { seq: 5 });
    a.store()!.on('status', () => order.push('drawn'));
    const send = line.send.bind(line);
    line.send = m => { order.push(m.type); send(m); };
    expect(line.of('ack')).toHaveLength(0);
    vi.runAllTimers();
    expect(order).toEqual(['drawn', 'ack']);
    expect(line.of('ack')).toEqual([{ type: 'ack', seq: 5 }]);
    a.release();
  });

  it('goes on after a frame that cannot be read', () => {
    const line = new Line();
    const a = hub.attach(line);
    a.need('scalars');
    line.answer();
    const { request } = line.of('subscribe')[0];
    line.say({ type: 'frame', seq: 1, request, recording: 'x', kind: 'scalars', columns: [['tag', 'c8', 1]] }, [new DataView(new ArrayBuffer(8))]);
    expect(a.link.reason).toContain('unknown dtype "c8"');
    line.frame('scalars', 'x', scalars(1));
    expect(a.store()!.series.size).toBe(1);
    vi.runAllTimers();
    expect(line.of('ack')).toHaveLength(2);
    line.say(null); line.say({ type: 'news' });
    a.release();
  });

  it('shows the clocks of the step that is looked at, and the newest again', async () => {
    const line = new Line();
    const a = hub.attach(line);
    a.need('clocks');
    line.answer('1', [info('x')]);
    const clocks = (step: number) => ({ meta: { graph: 0, step }, columns: { op_us: Float32Array.of(step), node_us: Float32Array.of(0) } });
    line.frame('clocks', 'x', clocks(9));
    a.selection.set({ step: 3 }); a.selection.set({ step: 4 });
    vi.advanceTimersByTime(200);
    expect(line.of('query')).toMatchObject([{ kind: 'clocks', steps: [4, 4] }]);
    line.frame('clocks', 'x', { ...clocks(4), request: line.of('query')[0].request });
    line.frame('clocks', 'x', clocks(10));
    expect(a.store()!.clocks!.step).toBe(4);
    a.selection.set({ step: null });
    expect(a.store()!.clocks!.step).toBe(10);
    const empty = a.query('gradients', { steps: [5, 5] });
    line.say({ type: 'reply', request: line.of('query').at(-1).request, ok: true });
    await empty;
    a.release();
  });

  it('hears of a cut from the host itself, and lets another host take over', () => {
    const first = new Line() as Line & { whenCut?: Host['whenCut'] }, second = new Line();
    let cut = (_reason: string) => {};
    first.whenCut = fn => { cut = fn; return () => {}; };
    const a = hub.attach(first), b = hub.attach(second);
    a.need('scalars'); b.need('scalars');
    first.answer('1', [info('x')]); second.answer('1', [info('x')]);
    cut('The comm was closed');
    expect([a.link.state, a.link.reason]).toEqual(['dead', 'The comm was closed']);
    expect(first.of('unsubscribe')).toHaveLength(0);
    expect(second.of('subscribe')).toHaveLength(1);
    second.frame('scalars', 'x', scalars(1, 2));
    expect(a.store()!.series.get('loss')!.value.length).toBe(2);
    a.release(); b.release();
  });

  it('says so when nobody answers, and still takes a late answer', () => {
    const line = new Line();
    const a = hub.attach(line);
    vi.advanceTimersByTime(5000);
    expect(a.link.reason).toBe(UNANSWERED);
    line.answer();
    expect(a.link.state).toBe('live');
    a.release();
  });

  it('answers commands and queries, and fails them when the connection goes', async () => {
    const line = new Line();
    const a = hub.attach(line);
    line.answer('1', [info('x')]);
    const done = a.command('probe.set', { key: 'k' });
    expect(line.of('command')[0]).toMatchObject({ verb: 'probe.set', recording: 'x', args: { key: 'k' } });
    line.say({ type: 'reply', request: line.of('command')[0].request, ok: true, result: 3 });
    expect(await done).toBe(3);
    const refused = a.command('nonsense');
    line.say({ type: 'reply', request: line.of('command')[1].request, ok: false, error: 'no such verb' });
    await expect(refused).rejects.toThrow('no such verb');
    const asked = a.query('tensor', { id: 'k', steps: [3, 3] });
    const { request } = line.of('query')[0];
    line.frame('tensor', 'x', { request, meta: { key: 'k', step: 3 }, more: true });
    line.frame('tensor', 'x', { request, meta: { key: 'k', step: 4 } });
    await asked;
    expect(a.store()!.tensors.get('k')!.map(t => t.step)).toEqual([3, 4]);
    const lost = a.command('debug.step');
    hub.lost(line, 'gone');
    await expect(lost).rejects.toThrow('gone');
    a.release();
  });
});
