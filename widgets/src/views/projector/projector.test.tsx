// @vitest-environment happy-dom
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { hubOf } from '../../hub';
import type { Attachment, Projection } from '../../store/types';
import { DemoHost, type DemoOptions } from '../../testing/demo';
import { LITERAL, type Theme } from '../../theme';
import { gestures, type GestureHooks, type Tool } from './gestures';
import { coloursBy, colouringOf, factsOf, found } from './known';
import { pointsOf } from './cloud';
import { projector } from './index';
import { agreement, at as projectionAt, axisName, boundsAll, idOf, keyOf, layers, tally } from './model';
import { Stage } from './stage';

beforeEach(() => {
  delete (globalThis as any)[Symbol.for('tapescope.hub.1')];
  document.body.replaceChildren();
});
afterEach(() => vi.restoreAllMocks());

const until = <T,>(fn: () => T): Promise<T> => vi.waitFor(fn, { timeout: 6000, interval: 20 });

/** Remembers what was said; `silent` kinds get no answer. */
class Listening extends DemoHost {
  said: any[] = [];
  silent = new Set<string>();
  refuse = '';
  #handlers: ((message: any, buffers: DataView[]) => void)[] = [];
  listen(handler: (message: any, buffers: DataView[]) => void): () => void {
    this.#handlers.push(handler);
    return super.listen(handler);
  }
  send(message: any): void {
    this.said.push(message);
    if (message.verb === 'probe.set' && this.refuse) this.#handlers.forEach((h) => h({ type: 'reply', request: message.request, ok: false, error: this.refuse }, []));
    else if (!this.silent.has(message.kind)) super.send(message);
  }
  verbs(): string[] {
    return this.said.filter((m) => m.type === 'command').map((m) => `${m.verb} ${m.args.key}`);
  }
}

async function mounted(options: DemoOptions = { steps: 30 }, more: Record<string, unknown> = {}, prepare: (host: Listening) => void = () => {}) {
  const el = document.createElement('div');
  const host = new Listening(options);
  host.options = more;
  prepare(host);
  document.body.append(el);
  let stop = () => {};
  await act(() => { stop = projector(el, host); });
  const at: Attachment = hubOf().attach(host);
  return { el, host, at, stop: () => act(() => { at.release(); stop(); }) };
}

const click = (target: Element | undefined | null) => act(() => (target as HTMLElement).click());
const press = (target: Element, key: string) => act(() => void target.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true })));
const button = (el: Element, text: string) => [...el.querySelectorAll('button')].find((b) => b.textContent?.startsWith(text));

describe('the model', () => {
  const p = (step: number, xyz: number[], label: number[] | null = null): Projection =>
    ({ key: 'activation/a', step, n: xyz.length / 3, method: 'pca', explained: [0.5, 0.3], xyz: Float32Array.from(xyz), label: label && Int32Array.from(label) });

  it('names keys, axes and steps', () => {
    expect([keyOf('fc1'), keyOf('weight/emb')]).toEqual(['activation/fc1', 'weight/emb']);
    expect([axisName('pca', 0), axisName('tsne', 1), axisName('umap', 2), axisName('', 0), axisName('mine', 0)]).toEqual(['PC1', 't-SNE 2', 'UMAP 3', 'axis 1', 'mine 1']);
    expect([idOf('activation/a', 'pca', 3), idOf('activation/a', 'tsne', 3)]).toEqual(['activation/a', 'tsne3:activation/a']);
    const list = [p(0, [0, 0, 0]), p(10, [0, 0, 0]), p(20, [0, 0, 0])];
    expect([projectionAt(list, null)!.step, projectionAt(list, 14)!.step, projectionAt(list, 10)!.step, projectionAt(list, -5)!.step]).toEqual([20, 10, 10, 0]);
    expect(projectionAt([], null)).toBeNull();
  });

  it('puts all steps into one cube', () => {
    const all = boundsAll([p(0, [-1, -1, -1, 1, 1, 1]), p(1, [3, 0, 0, 5, 2, 0])]);
    for (const xyz of [[-1, -1, -1], [1, 1, 1], [3, 0, 0], [5, 2, 0]]) {
      xyz.forEach((v, d) => expect(Math.abs(v - all.centre[d]!)).toBeLessThanOrEqual(all.half + 1e-9));
    }
    expect(boundsAll([]).half).toBe(1);
  });

  it('counts labels and neighbours', () => {
    expect([...tally(Int32Array.from([3, 1, 3]), [0, 1, 2])]).toEqual([[1, 1], [3, 2]]);
    expect(agreement([{ row: 1, distance: 0, label: 7 }, { row: 2, distance: 0, label: 1 }], 7)).toBe('1 of 2 share label 7');
    expect(agreement([{ row: 1, distance: 0, label: 7 }], 7, { 7: 'the' })).toBe('1 of 1 share label the');
    expect(agreement([], 7)).toBe('');
  });

  it('knows what to colour by, and finds points by words and numbers', () => {
    const shown: Projection = { ...p(0, [0, 0, 0, 1, 1, 1, 2, 2, 2], [0, 1, 1]), predicted: Int32Array.of(0, 0, 1), values: new Map([['loss', Float32Array.of(0.5, NaN, 1.5)]]), names: { 0: 'cat', 1: 'dog' }, row: Int32Array.of(7, 8, 9) };
    expect(coloursBy(shown)).toEqual(['label', 'predicted', 'right', 'value/loss', 'row']);
    expect(colouringOf(shown, 'right').labels.map(l => [l.label, l.count])).toEqual([[0, 2], [1, 1]]);
    expect([...colouringOf(shown, 'value/loss').index]).toEqual([0, 120, 119]);
    expect(colouringOf(shown, 'value/loss').range).toEqual([0.5, 1.5]);
    expect([...found(shown, 'do')!]).toEqual([1, 2]);
    expect([...found(shown, '#9')!]).toEqual([2]);
    expect([...found(shown, 'owl')!]).toEqual([]);
    expect(found(shown, ' ')).toBeNull();
    expect(factsOf(shown, 1)).toEqual(['dog', 'answered cat', 'loss NaN']);
  });

  it('lists modules once, in order, and what was projected without one', () => {
    const texts = ['', 'a', 'a.b', 'Linear'];
    const modules = { count: 4, path: Uint32Array.of(0, 1, 2, 1), cls: Uint32Array.of(0, 3, 3, 3) };
    const found = layers({ graph: { modules } as any, projections: new Map([['weight/e', []]]), text: (i) => texts[i]! });
    expect(found.map((l) => [l.key, l.cls, l.depth])).toEqual([['activation/a', 'Linear', 0], ['activation/a.b', 'Linear', 1], ['weight/e', '', 0]]);
  });
});

const THEME = { ...LITERAL.light, mode: 'light', dark: false, font: 'sans-serif', mono: 'monospace', series: [] } as unknown as Theme;

function staged(n = 300) {
  const due = new Set<() => void>();
  const ticker = { request: (fn: () => void) => void due.add(fn), after: () => {}, guard: (fn: () => void) => fn() };
  const stage = new Stage(document.createElement('canvas'), document.createElement('canvas'), { ticker, shared: new Map(), moves: false }, THEME);
  const xyz = Float32Array.from({ length: n * 3 }, (_, i) => Math.sin(i * 12.9898) * (i % 3 === 2 ? 0.4 : 1));
  const projection: Projection = { key: 'k', step: 0, n, method: 'pca', explained: [], xyz, label: Int32Array.from({ length: n }, (_, i) => i % 4) };
  stage.resize(400, 300, 1);
  stage.show(projection, boundsAll([projection]));
  stage.paint(colouringOf(projection, 'label'), undefined, null);
  return { stage, projection, run: () => { const now = [...due]; due.clear(); now.forEach((fn) => fn()); } };
}

describe('the stage', () => {
  it('picks rows where they are drawn, flat and turned', () => {
    const { stage, projection, run } = staged();
    run();
    for (const depth of [0, 1] as const) {
      stage.fold(depth);
      run();
      for (let row = 0; row < projection.n; row += 7) expect(stage.rowOf(stage.slotOf(row))).toBe(row);
      stage.box = [-1e4, -1e4, 1e4, 1e4];
      expect([...stage.enclosed()]).toEqual([...Array(projection.n).keys()]);
      stage.box = [-1e4, -1e4, -1e3, 1e4];
      expect(stage.enclosed()).toHaveLength(0);
      stage.box = null;
    }
    expect(stage.pick(-500, -500)).toBe(-1);
    expect(stage.pick(200, 150, 400)).toBeGreaterThanOrEqual(0);
    expect([stage.slotOf(-1), stage.slotOf(1e6), stage.rowOf(-1)]).toEqual([-1, -1, -1]);
  });

  it('zooms about the pointer', () => {
    const { stage } = staged();
    const before = stage.lens;
    stage.zoomAt(2, 120, 80);
    const after = stage.lens;
    expect((120 - after.x) / after.scale).toBeCloseTo((120 - before.x) / before.scale, 9);
    expect((80 - after.y) / after.scale).toBeCloseTo((80 - before.y) / before.scale, 9);
    stage.fit();
    expect([stage.camera.zoom, stage.camera.panX]).toEqual([1, 0]);
  });

  it('keeps its rows over steps and starts over with others', () => {
    const { stage, projection } = staged();
    stage.picked = 5;
    stage.show({ ...projection, step: 1 }, boundsAll([projection]));
    expect(stage.picked).toBe(5);
    stage.show({ ...projection, key: 'other' }, boundsAll([projection]));
    expect(stage.picked).toBe(-1);
    stage.dispose();
  });
});

describe('gestures', () => {
  function bound(tool: Tool = 'move') {
    const { stage, run } = staged();
    run();
    const el = document.createElement('canvas');
    el.tabIndex = 0;
    document.body.append(el);
    const heard: [string, ...unknown[]][] = [];
    const hooks: GestureHooks = {
      tool: () => tool, hover: (s) => heard.push(['hover', s]), pick: (s) => heard.push(['pick', s]),
      enclose: (rows) => heard.push(['enclose', rows?.length ?? null]), step: (by) => heard.push(['step', by]), escape: () => heard.push(['escape']),
    };
    const off = gestures(el, stage, hooks);
    const point = (type: string, x: number, y: number, more = {}) => el.dispatchEvent(Object.assign(new MouseEvent(type, { clientX: x, clientY: y, bubbles: true, ...more }), { pointerId: 1 }));
    return { stage, el, heard, off, point };
  }

  it('drag moves, a click picks', () => {
    const { stage, point, heard, off } = bound();
    point('pointerdown', 100, 100);
    point('pointermove', 130, 90);
    point('pointerup', 130, 90);
    expect([stage.camera.panX, stage.camera.panY]).toEqual([30, -10]);
    expect(heard.some(([what]) => what === 'pick')).toBe(false);
    point('pointerdown', 5, 5);
    point('pointerup', 5, 5);
    expect(heard.slice(-2)).toEqual([['pick', -1], ['enclose', null]]);
    off();
    point('pointerdown', 1, 1);
    expect(heard.slice(-2)).toEqual([['pick', -1], ['enclose', null]]);
  });

  it('boxes and lassoes enclose rows', () => {
    const box = bound('box');
    box.point('pointerdown', 0, 0);
    box.point('pointermove', 399, 299);
    expect(box.stage.box).toEqual([0, 0, 399, 299]);
    box.point('pointerup', 399, 299);
    expect(box.heard.at(-1)![1]).toBeGreaterThan(250);
    expect(box.stage.box).toBeNull();
    const lasso = bound();
    lasso.point('pointerdown', 10, 10, { shiftKey: true });
    for (const [x, y] of [[390, 10], [390, 290], [10, 290]]) lasso.point('pointermove', x!, y!);
    lasso.point('pointerup', 10, 290);
    expect(lasso.heard.at(-1)![1]).toBeGreaterThan(200);
  });

  it('turns in 3D and obeys the keyboard', () => {
    const { stage, el, point, heard } = bound();
    stage.fold(1);
    const { yaw } = stage.camera;
    point('pointerdown', 100, 100);
    point('pointermove', 150, 100);
    point('pointerup', 150, 100);
    expect(stage.camera.yaw).toBeGreaterThan(yaw);
    const key = (k: string, more = {}) => el.dispatchEvent(new KeyboardEvent('keydown', { key: k, cancelable: true, ...more }));
    key('+');
    expect(stage.camera.zoom).toBeCloseTo(1.2);
    key(' ');
    expect(stage.camera.zoom).toBe(1);
    key('Enter');
    key('.');
    key(',');
    key('Escape');
    expect(heard.slice(-4).map((h) => h[0])).toEqual(['pick', 'step', 'step', 'escape']);
    expect(heard.at(-4)![1]).toBeGreaterThanOrEqual(0);
    expect(key('a')).toBe(true);
    expect(key('+', { ctrlKey: true })).toBe(true);
  });

  it('leaves the wheel to the notebook until focused', () => {
    const { stage, el } = bound();
    const wheel = () => el.dispatchEvent(new WheelEvent('wheel', { deltaY: -100, cancelable: true }));
    expect(wheel()).toBe(true);
    expect(stage.camera.zoom).toBe(1);
    el.focus();
    expect(wheel()).toBe(false);
    expect(stage.camera.zoom).toBeGreaterThan(1);
  });
});

describe('the view', () => {
  it('offers the layers, probes the chosen one and clears the probe at the end', async () => {
    const { el, host, at, stop } = await mounted();
    await until(() => expect(button(el, 'fc1')).toBeTruthy());
    expect([...el.querySelectorAll('.ts-proj-layers button span:first-child')].map((s) => s.textContent)).toEqual(['fc1', 'act1', 'fc2', 'act2', 'head']);
    await click(button(el, 'fc2'));
    expect(host.verbs()).toEqual(['probe.set activation/fc2']);
    expect(host.said.some((m) => m.type === 'subscribe' && m.kind === 'projection' && m.id === 'activation/fc2')).toBe(true);
    expect(at.selection.get().key).toBe('activation/fc2');
    await until(() => expect(el.querySelector('[role=application]')).toBeTruthy());
    const select = el.querySelector<HTMLSelectElement>('select')!;
    await act(() => { select.value = 'activation/fc1'; select.dispatchEvent(new Event('change', { bubbles: true })); });
    await until(() => expect(host.verbs()).toContain('probe.clear activation/fc2'));
    await stop();
    expect(host.verbs().at(-1)).toBe('probe.clear activation/fc1');
    expect(el.childElementCount).toBe(0);
  });

  it('takes the layer it was made for, shows legend, variance and steps', async () => {
    const { el, at, stop } = await mounted({ steps: 60 }, { key: 'fc1' });
    await until(() => expect(el.querySelectorAll('.ts-proj-legend button')).toHaveLength(10));
    expect(el.querySelector('[aria-label="Explained variance"]')!.textContent).toMatch(/PC1\d+%PC2\d+%PC3\d+%/);
    const slider = el.querySelector<HTMLInputElement>('.ts-scrub input')!;
    await until(() => expect(el.querySelector('.ts-scrub b')!.textContent).not.toBe('0'));
    await press(slider, 'Home');
    await press(slider, 'ArrowLeft');
    const { step } = at.selection.get();
    await until(() => expect(el.querySelector('[role=application]')!.getAttribute('aria-label')).toContain(`of step ${step}`));
    await stop();
  });

  it('shows the picked point with its neighbours and walks along them', async () => {
    const { el, at, stop } = await mounted({ steps: 30 }, { key: 'fc1' });
    await until(() => expect(el.querySelector('.ts-proj-legend')).toBeTruthy());
    await act(() => at.selection.set({ point: 12 }));
    await until(() => expect(el.querySelectorAll('.ts-proj-near button').length).toBeGreaterThan(3));
    expect(el.textContent).toMatch(/row 12 · label \d/);
    expect(el.textContent).toMatch(/\d of \d+ share label \d/);
    await click(el.querySelector('.ts-proj-near button'));
    expect(at.selection.get().point).not.toBe(12);
    await click(el.querySelector('[aria-label="Let go of the point"]'));
    expect(at.selection.get().point).toBeNull();
    await act(() => at.selection.set({ point: 1e6 }));           // a row of another recording
    await until(() => expect(el.querySelector('.ts-proj-near')).toBeNull());
    await stop();
  });

  it('shows one label alone and turns to 3D', async () => {
    const { el, stop } = await mounted({ steps: 30 }, { key: 'fc1' });
    await until(() => expect(el.querySelector('.ts-proj-legend button')).toBeTruthy());
    const label = el.querySelector('.ts-proj-legend button')!;
    await click(label);
    expect(label.getAttribute('aria-pressed')).toBe('true');
    await click(label);
    expect(label.getAttribute('aria-pressed')).toBe('false');
    await click(button(el, '3D'));
    expect(el.querySelector('[role=application]')!.getAttribute('aria-label')).toContain('3D');
    const by = [...el.querySelectorAll('select')].at(-1)!;
    await act(() => { by.value = 'row'; by.dispatchEvent(new Event('change', { bubbles: true })); });
    expect(el.querySelector('.ts-proj-ramp')!.getAttribute('aria-label')).toMatch(/colours from 0 to \d+/);
    await stop();
  });

  it('waits for the first step, and says when none can come', async () => {
    const live = await mounted({ steps: 500, begin: 20, rate: 1 }, { key: 'fc1' }, (h) => h.silent.add('projection'));
    await until(() => expect(live.el.textContent).toContain('Waiting for the next step'));
    await live.stop();
    const over = await mounted({ steps: 20 }, { key: 'fc1' }, (h) => h.silent.add('projection'));
    await until(() => expect(over.el.querySelector('pre')!.textContent).toContain('values="full", module="fc1"'));
    await over.stop();
    const refused = await mounted({ steps: 20 }, { key: 'fc1' }, (h) => { h.silent.add('projection'); h.refuse = 'no module is called "fc1"'; });
    await until(() => expect(refused.el.querySelector('[role=alert]')!.textContent).toContain('no module is called "fc1"'));
    await refused.stop();
  });

  it('says what to type when there is nothing', async () => {
    const { el, stop } = await mounted({ trouble: 'empty' });
    await until(() => expect(el.querySelector('pre')!.textContent).toContain('ts.record('));
    await stop();
  });

  it('lets nothing go unnamed', async () => {
    const { el, at, stop } = await mounted({ steps: 30 }, { key: 'fc1' });
    await until(() => expect(el.querySelector('.ts-proj-legend')).toBeTruthy());
    await act(() => at.selection.set({ point: 3 }));
    for (const control of el.querySelectorAll('button, input, select, [tabindex], [role=img], [role=group]')) {
      const label = control.getAttribute('aria-label') ?? control.closest('label')?.textContent ?? control.textContent;
      expect(label, control.outerHTML.slice(0, 120)).toMatch(/\S/);
    }
    for (const canvas of el.querySelectorAll('canvas')) expect(canvas.hasAttribute('aria-hidden') || canvas.hasAttribute('aria-label')).toBe(true);
    await stop();
  });
});

it('enclosed points are rows of the tensor, as Python counts them', () => {
  expect(pointsOf({ n: 5 }, null)).toBeNull();
  expect([...pointsOf({ n: 5 }, [4, 0, 9, -1, 1.5])!]).toEqual([4, 0]);
  expect([...pointsOf({ n: 3, row: Int32Array.of(10, 20, 30) }, [30, 11, 10])!]).toEqual([2, 0]);
});
