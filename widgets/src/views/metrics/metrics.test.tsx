// @vitest-environment happy-dom
import { beforeEach, describe, expect, it } from 'vitest';
import { act } from 'preact/test-utils';
import { windowOf } from '../../engines/pyramid';
import { hubOf } from '../../hub';
import { Run } from '../../store/run';
import { DemoHost } from '../../testing/demo';
import { compare, csvOf } from './compare';
import { metrics } from '.';
import { stepAt, Tracks, xOf } from './tracks';

const wait = (ms = 400) => act(() => new Promise<void>(resolve => setTimeout(resolve, ms)));

function runWith(rows: Record<string, [step: number, value: number, time?: number][]>): Run {
  const run = new Run('r1'), tags = Object.keys(rows), flat = tags.flatMap((tag, t) => rows[tag]!.map(([step, value, time]) => ({ t, step, value, time: time ?? step / 10 })));
  run.extendStrings(0, tags);
  run.apply({ kind: 'scalars', meta: {}, columns: { tag: Uint32Array.from(flat, r => r.t), step: Int32Array.from(flat, r => r.step), time: Float64Array.from(flat, r => r.time), value: Float64Array.from(flat, r => r.value) } });
  return run;
}

describe('the horizontal axis', () => {
  it('is a step, seconds, the clock or an epoch, and each leads back to the step', () => {
    const run = runWith({ loss: Array.from({ length: 41 }, (_, i) => [i, 1 / (i + 1), i * 2]), epoch: [[0, 0], [20, 1], [40, 2]] }), tracks = new Tracks();
    tracks.began = () => 1000;
    const at = (axis: 'step' | 'time' | 'wall' | 'epoch') => Array.from(tracks.of(run, 'loss', axis, 0)!.x).slice(0, 41)[30];
    expect([at('step'), at('time'), at('wall'), at('epoch')]).toEqual([30, 60, 1060, 1.5]);
    for (const axis of ['step', 'time', 'wall', 'epoch'] as const) expect(stepAt(run, axis, xOf(run, axis, 30, 1000), 1000)).toBe(30);
  });

  it('steps that go back are drawn in their order, and nothing is lost', () => {
    const run = runWith({ loss: [[0, 5], [10, 4], [20, 3], [5, 9], [15, NaN], [30, 1]] });
    const track = new Tracks().of(run, 'loss', 'step', 0.5)!;
    expect(Array.from(track.x)).toEqual([0, 5, 10, 15, 20, 30]);
    expect(Array.from(track.y)).toEqual([5, 9, 4, NaN, 3, 1]);
    const { raw, bad } = windowOf([track], 0, 30, 100);
    expect(raw[0]).toEqual([5, 9, 4, null, 3, 1]);
    expect(bad).toEqual([15]);
  });

  it('columns of a logarithmic axis are equally wide in decades and leave step 0 out', () => {
    const n = 20_000, run = runWith({ loss: Array.from({ length: n }, (_, i) => [i, i]) }), track = new Tracks().of(run, 'loss', 'step', 0)!;
    const { x, raw } = windowOf([track], 1, n - 1, 50, true);
    expect(x[0]).toBeCloseTo(1);
    expect(x[2]! / x[0]!).toBeCloseTo((n - 1) ** (1 / 50), 6);
    expect(Math.max(...raw[0]!.filter((v): v is number => typeof v === 'number'))).toBe(n - 1);
    const few = windowOf([track], 1, 50, 50, true);
    expect(few.x[0]).toBe(1);
  });

  it('a series of nothing but nan has a chart', () => {
    const run = runWith({ loss: [[0, NaN], [1, NaN]] }), { raw, bad } = windowOf([new Tracks().of(run, 'loss', 'step', 0.6)!], 0, 1, 100);
    expect([raw[0], bad]).toEqual([[null, null], [0, 1]]);
  });
});

it('runs are compared by what they were started with and the last finite value of what came of it', () => {
  const a = runWith({ loss: [[0, 2], [1, 0.5], [2, NaN]], 'grad_norm/w': [[0, 1]], accuracy: [[1, 0.9]] });
  const { params, results, rows, axes } = compare([{ id: 'r1', store: a }, { id: 'r2', store: null }], [
    { id: 'r1', name: 'a', state: '', step: 2, capabilities: {}, params: { lr: 0.1, optimizer: 'sgd' } }, { id: 'r2', name: 'b', state: '', step: 0, capabilities: {}, params: { lr: 0.001 } },
  ]);
  expect([params, results]).toEqual([['lr', 'optimizer'], ['loss', 'accuracy']]);
  expect(rows).toEqual([{ lr: 0.1, optimizer: 'sgd', loss: 0.5, accuracy: 0.9 }, { lr: 0.001, loss: undefined, accuracy: undefined }]);
  expect(axes.map(x => x.kind)).toEqual(['log', 'word', 'number', 'number']);
  expect(csvOf(['a', 'b'], [['x,"y"', 1], [null, NaN]])).toBe('a,b\n"x,""y""",1\n,NaN\n');
});

describe('the view', () => {
  beforeEach(() => { delete (globalThis as any)[Symbol.for('tapescope.hub.1')]; document.body.replaceChildren(); });

  it('hides a line, shows one alone, zooms by the selection and keeps what was set when it comes back', async () => {
    const el = document.createElement('div'), host = new DemoHost({ steps: 40 });
    document.body.append(el);
    let stop = () => {};
    await act(() => { stop = metrics(el, host); });
    await wait();
    const card = () => [...el.querySelectorAll('.ts-card')].find(c => c.querySelector('.ts-card-title')!.textContent === 'gradient norms')!;
    const lines = () => [...card().querySelectorAll<HTMLElement>('.ts-line')];
    const pressed = () => lines().map(l => l.getAttribute('aria-pressed') === 'true');
    expect(lines().length).toBe(6);
    await act(() => lines()[1]!.click());
    expect(pressed()).toEqual([true, false, true, true, true, true]);
    await act(() => void lines()[0]!.dispatchEvent(new MouseEvent('click', { bubbles: true, shiftKey: true })));
    expect(pressed()).toEqual([true, false, false, false, false, false]);
    await act(() => void lines()[0]!.dispatchEvent(new MouseEvent('click', { bubbles: true, shiftKey: true })));
    expect(pressed().every(Boolean)).toBe(true);
    await act(() => lines()[2]!.click());
    const at = hubOf().attach(host);
    await act(() => at.selection.set({ steps: [5, 9] }));
    const all = [...el.querySelectorAll('button')].find(b => b.textContent === 'Show all')!;
    await act(() => all.click());
    expect(at.selection.get().steps).toBeNull();
    await act(() => stop());
    await act(() => { stop = metrics(el, host); });
    await wait();
    expect(pressed()[2]).toBe(false);
    await act(() => stop());
    at.release();
  });

  it('runs stand in a table, are shown by a press, and named by the reader', async () => {
    const el = document.createElement('div'), host = new DemoHost({ steps: 20 });
    host.options = { page: 'runs' };
    document.body.append(el);
    let stop = () => {};
    await act(() => { stop = metrics(el, host); });
    const rows = () => [...el.querySelectorAll('tbody tr')];
    for (let i = 0; i < 40 && rows().length < 3; i++) await wait(200);
    expect(rows().length).toBe(3);
    expect(rows()[0]!.querySelectorAll('td').length).toBeGreaterThan(4);
    expect(el.querySelectorAll('.ts-parallel-line').length).toBe(3);
    await act(() => rows()[1]!.querySelector('input')!.click());
    expect(rows()[1]!.querySelector('input')!.checked).toBe(true);
    await act(() => void rows()[1]!.querySelector('.ts-name')!.dispatchEvent(new KeyboardEvent('keydown', { key: 'F2', bubbles: true })));
    const box = rows()[1]!.querySelector<HTMLInputElement>('input.ts-name')!;
    box.value = 'the <b>good</b> one';
    await act(() => void box.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true })));
    expect(rows()[1]!.querySelector('.ts-name')!.textContent).toBe('the <b>good</b> one');
    const charts = [...el.querySelectorAll('[role=radio]')].find(b => b.textContent === 'Charts') as HTMLElement;
    await act(() => charts.click());
    expect([...el.querySelectorAll('.ts-runs-lines .ts-line')].map(l => l.textContent)).toEqual([expect.stringContaining('digits'), 'the <b>good</b> one']);
    await act(() => stop());
  });
});
