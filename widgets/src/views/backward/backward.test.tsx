// @vitest-environment happy-dom
import { beforeEach, describe, expect, it } from 'vitest';
import { render } from 'preact';
import { act } from 'preact/test-utils';
import { sampleOf } from '../../engines/graphmodel.samples';
import { DemoHost, type DemoOptions } from '../../testing/demo';
import { GraphBuilder } from '../../testing/graphs';
import { readTheme } from '../../theme';
import { ABORT, commandOf, COMMANDS, RUN_TO } from './commands';
import { runArgs, spokenOf } from './held';
import { NodeTab } from './node';
import { backward } from '.';

beforeEach(() => { delete (globalThis as any)[Symbol.for('tapescope.hub.1')]; document.body.replaceChildren(); });

const wait = (ms = 400) => act(() => new Promise<void>(resolve => setTimeout(resolve, ms)));

/** What comes later has come. */
async function loaded(el: HTMLElement): Promise<void> {
  for (let k = 0; k < 50 && (k < 2 || el.querySelector('.ts-later')); k++) await wait(100);
}

async function mounted(options: DemoOptions) {
  const el = document.createElement('div'), host = new DemoHost({ steps: 30, ...options });
  document.body.append(el);
  let stop = () => {};
  await act(() => { stop = backward(el, host); });
  await wait();
  await loaded(el);
  const press = async (key: string, more: KeyboardEventInit = {}) => {
    await act(() => void el.querySelector('canvas')!.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...more })));
    await wait(250);
  };
  const button = (name: string) => [...el.querySelectorAll('button')].find(b => b.textContent!.endsWith(name))!;
  return { el, host, press, button, where: () => el.querySelector('.ts-back-where')?.textContent, stop: () => act(stop) };
}

describe('a held pass', () => {
  it('shows what stands at the cursor and moves by key and button', async () => {
    const { el, press, button, where, stop } = await mounted({ held: true });
    expect(where()).toBe('before node 3 of 12');
    expect(el.querySelector('h2')!.textContent).toBe('AccumulateGrad  head.bias');
    expect(el.querySelector('.ts-formula math')).not.toBeNull();
    expect(el.querySelector('[role=status]')!.textContent).toMatch(/^AccumulateGrad in head, node 3 of 12, gradient norm /);
    await press('n');
    expect(where()).toBe('before node 4 of 12');
    await press('F10');
    expect(where()).toBe('before node 5 of 12');
    await press('p');
    await act(() => button('Back').click());
    await wait(250);
    expect(where()).toBe('before node 3 of 12');
    await press('c');
    expect(where()).toBe('done');
    expect(button('Step').disabled).toBe(true);
    expect(button('Back').disabled).toBe(false);
    await stop();
    expect(el.childElementCount).toBe(0);
  });

  it('takes a move of the slider along where the view is left before it has rested', async () => {
    const { el, host, stop } = await mounted({ held: true }), sent: any[] = [], send = host.send.bind(host);
    host.send = message => { sent.push(message); send(message); };
    const slider = el.querySelector<HTMLInputElement>('.ts-scrub-line input')!;
    await act(() => { slider.value = '7'; slider.dispatchEvent(new Event('input', { bubbles: true })); });
    expect(sent.filter(m => m.type === 'command')).toEqual([]);
    await stop();
    expect(sent.filter(m => m.type === 'command').map(m => [m.verb, m.args])).toEqual([['debug.go', { index: 7 }]]);
    await wait(300);
    expect(sent.filter(m => m.type === 'command')).toHaveLength(1);
  });

  it('steps from where the slider stands before it has rested, and from where it was played to', async () => {
    const { el, host, press, where, stop } = await mounted({ held: true }), sent: any[] = [], send = host.send.bind(host);
    host.send = message => { if ((message as any).type === 'command') sent.push([(message as any).verb, (message as any).args?.index]); send(message); };
    const slider = el.querySelector<HTMLInputElement>('.ts-scrub-line input')!;
    await act(() => { slider.value = '8'; slider.dispatchEvent(new Event('input', { bubbles: true })); });
    await press('p');
    expect([sent, where()]).toEqual([[['debug.go', 8], ['debug.back', undefined]], 'before node 8 of 12']);
    sent.length = 0;
    await act(() => { slider.value = '1'; slider.dispatchEvent(new Event('input', { bubbles: true })); });
    await wait(400);
    await act(() => void el.querySelector('canvas')!.dispatchEvent(new KeyboardEvent('keydown', { key: 'k', bubbles: true, cancelable: true })));
    for (let k = 0; k < 100 && slider.value === '1'; k++) await wait(5);
    const played = Number(slider.value);
    await press('n');
    expect(sent[0]).toEqual(['debug.go', 1]);
    if (played < 11) {                                                   // else it has come to the end by itself
      expect(sent[1]![1]).toBeGreaterThanOrEqual(played);
      expect([sent[1]![0], sent[2]]).toEqual(['debug.go', ['debug.step', undefined]]);
    }
    sent.length = 0;
    await act(() => { slider.value = '3'; slider.dispatchEvent(new Event('input', { bubbles: true })); });
    await press('F5', { shiftKey: true });
    expect(sent).toEqual([['debug.abort', undefined]]);                  // that is no step: it asks for no place
    await stop();
  });

  it('comes back to where it was although a move away is still on its way', async () => {
    const { el, host, where, stop } = await mounted({ held: true }), send = host.send.bind(host), late: object[] = [];
    const slide = (to: string) => act(() => { const slider = el.querySelector<HTMLInputElement>('.ts-scrub-line input')!; slider.value = to; slider.dispatchEvent(new Event('input', { bubbles: true })); });
    host.send = message => { if ((message as any).type === 'command') late.push(message); else send(message); };
    await slide('9');
    await wait(200);
    await slide('2');
    await wait(200);
    expect(late.map(m => (m as any).args)).toEqual([{ index: 9 }, { index: 2 }]);
    late.forEach(send);
    await wait(300);
    expect(where()).toBe('before node 3 of 12');
    await stop();
  });

  it('keeps the place of the slider while news come that are not of its move', async () => {
    const { el, host, where, stop } = await mounted({ held: true }), send = host.send.bind(host);
    const slide = (to: string) => act(() => { const slider = el.querySelector<HTMLInputElement>('.ts-scrub-line input')!; slider.value = to; slider.dispatchEvent(new Event('input', { bubbles: true })); });
    const late: object[] = [];
    host.send = message => { if ((message as any).verb === 'debug.go') late.push(message); else send(message); };
    await slide('9');
    await wait(200);
    await slide('5');                                           // the move to 9 is on its way, and this one has not rested
    expect(where()).toBe('before node 6 of 12');
    host.send = send;
    late.forEach(send);
    await wait(60);                                             // the pass has come to 9
    expect(where()).toBe('before node 6 of 12');
    await wait(500);
    expect(where()).toBe('before node 6 of 12');
    expect(el.textContent).not.toContain('when you let go');   // and to 5
    await act(() => { const slider = el.querySelector<HTMLInputElement>('.ts-scrub-line input')!; slider.dispatchEvent(new Event('pointerdown', { bubbles: true })); });
    await slide('8');
    host.send({ type: 'command', request: 'of another page', verb: 'debug.go', args: { index: 1 } });
    await wait(300);
    expect(where()).toBe('before node 9 of 12');               // while it is held, too
    await act(() => void el.querySelector('.ts-scrub-line input')!.dispatchEvent(new Event('pointerup', { bubbles: true })));
    await wait(400);
    expect(where()).toBe('before node 9 of 12');
    await stop();
  });

  it('says a refusal in words, and what is missing', async () => {
    const { el, host, press, stop } = await mounted({ held: true });
    const send = host.send.bind(host);
    host.send = m => { if (m.type === 'command') m.verb = 'debug.nonsense'; send(m); };
    await press('n');
    expect(el.querySelector('[role=alert]')!.textContent).toBe('no such verb: debug.nonsense');
    await press('r');
    expect(el.querySelector('[role=alert]')!.textContent).toMatch(/^Select an op/);
    await press('F5', { shiftKey: true });
    expect(el.querySelector('[role=alert]')!.textContent).toContain('debug.nonsense');
    await stop();
  });
});

describe('a pass that a cell waits in', () => {
  const live = (host: DemoHost) => { const send = host.send.bind(host); return { send, deaf: false, set(on: boolean) { this.deaf = on; host.send = m => { if (!(on && m.type === 'command')) send(m); }; } }; };

  it('scrubs, plays and sets breakpoints', async () => {
    const { el, press, button, where, stop } = await mounted({ held: true });
    const slider = el.querySelector<HTMLInputElement>('.ts-scrub input')!;
    await act(() => { slider.value = '7'; slider.dispatchEvent(new Event('input', { bubbles: true })); });
    expect(where()).toBe('before node 8 of 12');                                    // the page goes ahead
    expect(el.textContent).toContain('The pass comes here when you let go');
    await wait(500);
    expect(el.textContent).not.toContain('when you let go');                       // and the pass has followed
    await press('k');
    await wait(700);
    expect(where()).toBe('before node 12 of 12');
    await press('b');
    await press('4');
    expect(el.querySelectorAll('.ts-breaks li').length).toBe(1);
    await press('b');
    expect(el.textContent).toContain('None yet');
    await act(() => button('New breakpoint').click());
    await act(() => void el.querySelector('form')!.dispatchEvent(new Event('submit', { bubbles: true, cancelable: true })));
    expect(el.querySelector('.ts-break-form [role=alert]')!.textContent).toMatch(/^Say where/);
    await stop();
  });

  it('says so where clicks do not arrive, and what to do instead', async () => {
    const { el, host, stop } = await mounted({ held: true, live: true });
    expect(el.querySelector('.ts-back-why')!.textContent).toMatch(/^Paused:/);
    await wait(2600);
    expect(el.textContent).not.toContain('Clicks do not reach');                   // this kernel answers
    await stop();
    document.body.replaceChildren();
    delete (globalThis as any)[Symbol.for('tapescope.hub.1')];
    void host;
    const other = new DemoHost({ steps: 30, held: true, live: true }), way = live(other), box = document.createElement('div');
    way.set(true);
    document.body.append(box);
    let end = () => {};
    await act(() => { end = backward(box, other); });
    await wait();
    await wait(2800);
    expect(box.querySelector('[role=alert]')!.textContent).toMatch(/Clicks do not reach the kernel.*dbg = ts\.debug\(loss\)/);
    await act(end);
  });
});

describe('without a held pass', () => {
  it('replays the recorded gradients and tells how to hold one', async () => {
    const { el, host, press, button, stop } = await mounted({});
    const asked: string[] = [], send = host.send.bind(host);
    host.send = (m: any) => { if (m.type === 'query' && m.kind === 'tensor') asked.push(m.id); send(m); };
    expect(el.textContent).toContain('dbg = ts.debug(loss)');
    expect(el.textContent).toContain('0 of 12');
    await press('n');
    expect(el.textContent).toContain('1 of 12');
    await loaded(el);
    await wait();
    await wait();
    expect(asked.at(-1)).toMatch(/^gradient\/\d+$/);                               // what arrived there, where it was copied
    await act(() => button('Play').click());
    await wait(900);
    expect(Number(/(\d+) of 12/.exec(el.textContent!)![1])).toBeGreaterThan(1);
    await stop();
  });

  it('walks the recorded forward pass op by op, with the values of the step that is selected', async () => {
    const { el, host, press, button, where, stop } = await mounted({});
    const asked: any[] = [], send = host.send.bind(host);
    host.send = (m: any) => { if (m.type === 'query' && m.kind === 'tensor') asked.push([m.id, m.steps]); send(m); };
    await act(() => button('Forward').click());
    await loaded(el);
    await wait();
    const name = () => el.querySelector('h2')!.textContent, at = () => Number(/op (\d+) of/.exec(where()!)![1]), total = Number(/of (\d+)/.exec(where()!)![1]);
    expect([at(), el.querySelector('[role=status]')!.textContent]).toEqual([1, expect.stringContaining(`op 1 of ${total}`)]);
    expect(asked).toContainEqual(['output/0', [29, 29]]);
    expect(el.querySelectorAll('.ts-tcard canvas').length).toBeGreaterThan(0);     // its values, as they were copied
    expect(el.textContent).not.toContain('Values were not copied');
    const first = name();
    await press('n');
    await press('F10');
    expect([at(), name() !== first || el.querySelector('nav')?.textContent]).toEqual([3, expect.anything()]);
    await press('p');
    expect(at()).toBe(2);
    const module = () => [...el.querySelectorAll('.ts-stack li')].map(li => li.textContent).join('.'), here = module();
    await press('m');
    expect(module()).not.toBe(here);
    await press('b');
    expect(button('Break here').getAttribute('aria-pressed')).toBe('true');
    const stopped = at();
    while (at() > 1) await press('p');
    await press('c');
    expect(at()).toBe(stopped);                                                    // a breakpoint of the forward pass
    await press('k');
    await wait(700);
    expect(at()).toBe(total);                                                      // played to its end
    await stop();
  });

  it('says so where nothing was recorded', async () => {
    const { el, stop } = await mounted({ trouble: 'empty' });
    expect(el.textContent).toContain('Nothing recorded yet');
    await stop();
  });
});

it('gives every command its own keys', () => {
  const all = [...COMMANDS, ABORT, RUN_TO], keys = all.flatMap(c => c.keys);
  expect(new Set(keys).size).toBe(keys.length);
  const press = (key: string, more: KeyboardEventInit = {}) => commandOf(new KeyboardEvent('keydown', { key, ...more }))?.verb;
  expect(['n', 's', 'o', 'p', 'c', 'F5', 'F10', 'F11'].map(k => press(k))).toEqual(['debug.step', 'debug.into', 'debug.out', 'debug.back', 'debug.continue', 'debug.continue', 'debug.step', 'debug.into']);
  expect([press('F5', { shiftKey: true }), press('F11', { shiftKey: true }), press('n', { ctrlKey: true })]).toEqual(['debug.abort', 'debug.out', undefined]);
});

it('runs to ops, leaves and modules, and to nothing without grad', () => {
  const g = new GraphBuilder(), x = g.source(0, 'x', [2]), w = g.source(1, 'w', [2]);
  g.module('fc', 'Linear', () => g.op('mul', [x, w], [2]));
  const { model } = sampleOf(g);
  expect(runArgs(model, { kind: 'op', row: 0 })).toEqual({ node: 1 });
  expect(runArgs(model, { kind: 'source', row: 1 })).toEqual({ node: 0 });
  expect(runArgs(model, { kind: 'source', row: 0 })).toBeNull();
  expect(runArgs(model, { kind: 'module', row: 0 })).toEqual({ module: 'fc' });
});

it('speaks of values that are not finite', () => {
  const t = { name: 'g', shape: [2], dtype: 'float32', bytes: 8, min: 0, max: 1, mean: 0.5, norm: 1, nonfinite: 2, values: null };
  const at = { name: 'MulBackward0', label: 'mul', module: 'fc', source: null, formula: '', grad_in: [t], saved: [], grad_out: [], shares: [] };
  expect(spokenOf({ state: 'held', graph: 0, index: 1, total: 9, node: 3, reason: 'step', at, arrived: [] })).toBe('MulBackward0 in fc, node 2 of 9, gradient norm 1, 2 values are not finite');
});

it('says where each gradient goes', async () => {
  const el = document.createElement('div'), some = (name: string, to?: string) => ({ name, shape: [2], dtype: 'float32', bytes: 8, min: 0, max: 1, mean: 0.5, norm: 1, nonfinite: 0, values: new Float32Array([0, 1]), ...(to ? { to } : {}) });
  const at = { name: 'AddBackward0', label: 'add', module: '', source: null, formula: '', grad_in: [some('grad_in[0]')], saved: [], grad_out: [some('grad_out[0]', 'head.bias'), some('grad_out[1]', 'MulBackward0')], shares: [] };
  await act(() => render(<NodeTab at={at} index={3} forward={false} model={null} host={new DemoHost()} theme={readTheme(el)} onChoose={() => {}} />, el));
  expect([...el.querySelectorAll('.ts-tcard-head b')].map(b => b.textContent)).toEqual(['grad_in[0]', 'to head.bias→ head.bias', 'to MulBackward0→ MulBackward0']);
  await act(() => el.querySelectorAll<HTMLElement>('.ts-tcard td button')[1]!.click());
  expect([...el.querySelectorAll('.ts-element dt')].map(d => d.textContent)).toEqual(['gradient in [0]', 'gradient out → head.bias', 'gradient out → MulBackward0']);
});
