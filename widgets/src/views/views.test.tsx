// @vitest-environment happy-dom
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { act } from 'preact/test-utils';
import { widget } from '../anywidget/host';
import type { Finding, View } from '../store/types';
import { hubOf } from '../hub';
import { DemoHost, type DemoOptions } from '../testing/demo';
import { encodeFrame } from '../wire/encode';
import { lifeOf } from './dashboard/status';
import { findings } from './findings';
import { tensor, wordsAt, wordsOf } from './tensor';

beforeEach(() => { delete (globalThis as any)[Symbol.for('tapescope.hub.1')]; document.body.replaceChildren(); });

const wait = (ms = 400) => act(() => new Promise<void>(resolve => setTimeout(resolve, ms)));

async function mounted(view: View, options: DemoOptions = { steps: 30 }, more: Record<string, unknown> = {}) {
  const el = document.createElement('div'), host = new DemoHost(options);
  host.options = more;
  document.body.append(el);
  let stop = () => {};
  await act(() => { stop = view(el, host); });
  await wait();
  return { el, host, stop: () => act(stop) };
}

describe('findings', () => {
  it('show cause, number and line, and select what they point at', async () => {
    const { el, stop } = await mounted(findings);
    expect(el.textContent).toMatch(/of 32 units of act2 never fire/);
    expect(el.textContent).toContain('In [3]:8');
    expect(el.textContent).toContain('logits = model(x)');
    expect(el.querySelector('.ts-measure')!.textContent).toMatch(/above0.1/);
    expect(el.textContent).not.toContain('Break here');
    const show = [...el.querySelectorAll('button')].find(b => b.textContent === 'Show me')!;
    await act(() => show.click());
    await wait(50);
    expect(el.querySelector('[aria-current]')).not.toBeNull();
    const mute = [...el.querySelectorAll('button')].find(b => b.textContent === 'Mute')!;
    await act(() => mute.click());
    await wait();
    expect(el.textContent).not.toContain('act2 never fire');
    await stop();
    expect(el.childElementCount).toBe(0);
  });

  it('set a breakpoint at what happened, once, and take it away again', async () => {
    const { el, host, stop } = await mounted(findings, { can: { can_break: true } });
    const sent: [string, any][] = [], send = host.send.bind(host);
    host.send = (m: any) => { if (m.type === 'command') sent.push([m.verb, m.args]); send(m); };
    const button = () => [...el.querySelectorAll('button')].find(b => b.textContent === 'Break here next time')!;
    await act(() => button().click());
    await wait();
    expect(button().getAttribute('aria-pressed')).toBe('true');
    await act(() => button().click());
    await wait();
    expect(button().getAttribute('aria-pressed')).toBe('false');
    expect(sent).toEqual([['debug.break_on', { finding: 'f2' }], ['break.remove', { id: 1 }]]);
    await stop();
  });

  it('keep text from data text', async () => {
    const evil = '<img src=x onerror=alert(1)>';
    const finding: Finding = { id: 'x', rule: evil, severity: 'error', title: evil, cause: evil, fix: evil, value: evil, threshold: evil, source: [evil, 1, evil], graph: 0, node: 0, op: 0, step: 0, parameter: evil };
    const host = {
      hear: (_m: any, _b: any) => {},
      send(m: any) {
        if (m.type === 'attach') this.hear({ type: 'attached', request: m.request, protocol: 1, kernel: 'k', version: '', recordings: [] }, []);
        if (m.type === 'subscribe') this.hear(...encodeFrame({ kind: m.kind, meta: m.kind === 'findings' ? { findings: [finding] } : {}, columns: {} }, { seq: 1, request: m.request, recording: 'r' }));
      },
      listen(fn: any) { this.hear = fn; return () => {}; },
    };
    const el = document.createElement('div');
    document.body.append(el);
    const { setTimeout: later } = globalThis;
    const send = host.send.bind(host);
    host.send = m => void later(() => send(m));
    let stop = () => {};
    await act(() => { stop = findings(el, host); });
    await wait();
    expect(el.querySelector('img')).toBeNull();
    expect(el.textContent).toContain(evil);
    await act(stop);
  });
});

describe('tensor', () => {
  it('sums up the first weight when nothing was chosen, and says what it waits for', async () => {
    const { el, stop } = await mounted(tensor);
    await wait(600);
    expect(el.querySelector('select')!.value).toBe('weight/fc1.weight');
    expect(el.textContent).toContain('float32 (48, 64)');
    expect(el.querySelector('canvas')!.getAttribute('aria-label')).toContain('weight/fc1.weight at step');
    await stop();
    const other = await mounted(tensor, { steps: 30 }, { key: 'weight/absent' });
    expect(other.el.textContent).toContain('Waiting for its next occurrence');
    await other.stop();
  });
});

describe('words along the axes of a tensor', () => {
  const axes = [{ axis: 2, by: 0, words: [['the', 'house'], ['a', 'river']] }, { axis: 3, by: 0, words: [['the', 'house'], ['a', 'river']] }];
  it('are those of the row of the batch that is shown', () => {
    expect(wordsAt(axes, [1, 0, 0, 1])).toBe('  a \u2192 river');
    expect(wordsAt(undefined, [0, 0])).toBe('');
    expect(wordsOf(axes, 3, [1, 0, 0, 0])).toEqual(['a', 'river']);
    expect(wordsOf(axes, 1, [1, 0, 0, 0])).toBeNull();
    expect(wordsOf([{ axis: 0, words: ['x', 'y'] }], 0, [0, 0])).toEqual(['x', 'y']);
  });

  it('stand over the picture, and come with the store', async () => {
    const { el, host, stop } = await mounted(tensor, { steps: 3 }, { key: 'attention/layer' });
    const at = hubOf().attach(host);
    await act(() => { (at.store() as any).apply({ kind: 'tensor', meta: { key: 'attention/layer', step: 2, shape: [2, 1, 2, 2], dtype: 'float32', strided: 1, stats: {}, axes }, columns: { values: new Float32Array(8) } }); });
    at.release();
    await wait(200);
    expect([...el.querySelectorAll('.ts-words')].map(e => e.textContent)).toEqual(['dim 2 the \u00b7 house', 'dim 3 the \u00b7 house']);
    await stop();
  });
});

describe('without data', () => {
  it('the next line to type is shown', async () => {
    for (const view of [findings, tensor]) {
      const { el, stop } = await mounted(view, { trouble: 'empty' });
      expect(el.textContent).toContain('ts.record()');
      await stop();
    }
  });

  it('a silent kernel is named', async () => {
    const { el, stop } = await mounted(findings, { trouble: 'silent' });
    await wait(4200);
    expect(el.textContent).toContain('is tapescope imported?');
    expect(el.textContent).toContain('import tapescope as ts');
    await stop();
  });
});

it('the state is one word', () => {
  const run = (state: string, held = false, notes: string[] = []) => ({ status: { state, notes }, debug: held ? { state: 'held' } : null }) as any;
  expect(lifeOf({ state: 'live' }, run('recording'))).toBe('live');
  expect(lifeOf({ state: 'live' }, run('recording', true))).toBe('paused');
  expect(lifeOf({ state: 'live' }, run('recording', false, ['paused after step 7']))).toBe('paused');
  expect(lifeOf({ state: 'live' }, run('stopped', false, ['paused after step 7']))).toBe('stopped');
  expect(lifeOf({ state: 'replay' }, run('stopped'))).toBe('replay');
  expect(lifeOf({ state: 'dead' }, null)).toBe('dead');
  expect(lifeOf({ state: 'live' }, null)).toBe('ready');
});

it('an anywidget output is one host, follows its options and cleans up', async () => {
  const handlers = new Map<string, Set<(...args: any[]) => void>>();
  const options: Record<string, unknown> = { height: 200 };
  const model = {
    sent: [] as any[],
    selection: {} as any, saved: 0,
    get(name: string) { return name === 'options' ? options : name === 'selection' ? this.selection : ''; },
    set(_name: string, value: any) { this.selection = value; },
    save_changes() { this.saved++; },
    send(m: any) { this.sent.push(m); },
    on(e: string, fn: any) { (handlers.get(e) ?? handlers.set(e, new Set()).get(e)!).add(fn); },
    off(e: string, fn: any) { handlers.get(e)?.delete(fn); },
  };
  const view = vi.fn(findings);
  const { render } = widget(view, 300);
  const a = document.createElement('div'), b = document.createElement('div');
  document.body.append(a, b);
  const stopA = render({ model, el: a }), stopB = render({ model, el: b });
  expect(view.mock.calls[0]![1]).toBe(view.mock.calls[1]![1]);
  expect(model.sent.filter(m => m.type === 'attach')).toHaveLength(1);
  expect((a.firstChild as HTMLElement).style.height).toBe('200px');
  options.height = 0;
  for (const fn of [...handlers.get('change:options')!]) fn();
  expect((a.firstChild as HTMLElement).style.height).toBe('300px');
  const request = model.sent.find(m => m.type === 'attach').request;
  for (const fn of [...handlers.get('msg:custom')!]) fn({ type: 'attached', request, protocol: 1, kernel: 'w', version: '', recordings: [{ id: 'r', name: '', state: 'stopped', step: 0, capabilities: {} }] }, []);
  const at = hubOf().attach(view.mock.calls[0]![1]);
  at.selection.set({ step: 3 });
  await wait(60);
  expect(model.selection.step).toBe(3);
  model.selection = { key: 'weight/fc1', odd: 1 };
  for (const fn of [...handlers.get('change:selection')!]) fn();
  expect(at.selection.get()).toMatchObject({ key: 'weight/fc1', step: 3 });
  expect('odd' in at.selection.get()).toBe(false);
  at.release();
  stopA(); stopB();
  expect([...handlers.values()].every(set => set.size === 0)).toBe(true);
  expect(a.childElementCount).toBe(0);
});
