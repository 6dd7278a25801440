// @vitest-environment happy-dom
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { binOf } from '../../engines/bins';
import { hubOf } from '../../hub';
import type { Attachment, Histograms, Stats } from '../../store/types';
import { DemoHost, type DemoOptions } from '../../testing/demo';
import { histograms } from './index';
import { moved } from './list';
import { troubleOf, Axes, marks, moments, outline, spoken, withEnds } from './model';
import { nearestStep } from './scrubber';

beforeEach(() => {
  delete (globalThis as any)[Symbol.for('tapescope.hub.1')];
  document.body.replaceChildren();
  vi.stubGlobal('IntersectionObserver', undefined);          // here nothing has a place on a screen: all tiles count as seen
});
afterEach(() => vi.unstubAllGlobals());

// Not inside act, which would hold back every render until its end: playing goes from render to render.
const until = <T,>(fn: () => T): Promise<T> => vi.waitFor(fn, { timeout: 6000, interval: 20 });

class WithoutBins extends DemoHost {
  send(message: any): void {
    if (message.kind !== 'histograms') super.send(message);
  }
}

async function mounted(options: DemoOptions = { steps: 12 }, more: Record<string, unknown> = {}, Host: typeof DemoHost = DemoHost) {
  const el = document.createElement('div');
  const host = new Host(options);
  host.options = more;
  document.body.append(el);
  let stop = () => {};
  await act(() => { stop = histograms(el, host); });
  await until(() => {
    const last = options.trouble ? el.querySelector('pre') : tiles(el)[22]?.querySelector('.ts-hist-facts > span');
    expect(last?.textContent).toMatch(/\S/);
    if (!options.trouble) expect(el.querySelector('.ts-scrub b')!.textContent).toBe('11');
  });
  const at: Attachment = hubOf().attach(host);
  return { el, at, stop: () => act(() => { at.release(); stop(); }) };
}

const tiles = (el: Element) => [...el.querySelectorAll<HTMLElement>('.ts-hist-tile')];
const press = (target: Element, key: string) => act(() => void target.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true })));

const column = <T,>(make: { from(v: number[]): T }, values: number[]) => ({ data: make.from(values), length: values.length });

function stats(key: string, rows: Partial<Record<keyof Stats['fields'], number>>[]): Stats {
  const names = ['mean', 'std', 'min', 'max', 'norm', 'nan', 'inf', 'zero', 'subnormal', 'count'] as const;
  const fields = Object.fromEntries(names.map((n) => [n, column(Float32Array, rows.map((r) => r[n] ?? 0))])) as Stats['fields'];
  return { key, step: column(Int32Array, rows.map((_, i) => i)), fields };
}

function series(key: string, rows: number[][]): Histograms {
  const one = rows.map((values) => {
    const bins = values.map(binOf).sort((a, b) => a - b);
    const counts = new Array<number>(bins[bins.length - 1]! - bins[0]! + 1).fill(0);
    for (const b of bins) counts[b - bins[0]!]!++;
    return { first: bins[0]!, counts };
  });
  let at = 0;
  const start = one.map((r) => (at += r.counts.length) - r.counts.length);
  return {
    key, step: column(Int32Array, rows.map((_, i) => i)), first: column(Uint16Array, one.map((r) => r.first)), size: column(Uint16Array, one.map((r) => r.counts.length)),
    start: column(Uint32Array, start), counts: column(Uint32Array, one.flatMap((r) => r.counts)),
  };
}

const store = (keys: string[]) => ({
  graph: null, graphs: new Map(), text: () => '', stats: new Map<string, Stats>(), histograms: new Map(keys.map((k) => [k, series(k, [[0.1, -0.2], [0.3]])])),
});

describe('the outline', () => {
  it('puts parameters in lines and leaves holes where nothing was recorded', () => {
    const o = outline(store(['weight/a', 'grad/a', 'weight/b', 'activation/a', 'my/own', 'plain']));
    expect(o.columns).toEqual(['weight', 'grad']);
    expect(o.parameters.map((l) => [l.name, l.keys])).toEqual([['a', ['weight/a', 'grad/a']], ['b', ['weight/b', null]]]);
    expect(o.activations.map((l) => l.name)).toEqual(['a']);
    expect(o.others.map((l) => l.name)).toEqual(['my/own', 'plain']);
    expect(o.keys).toEqual(['weight/a', 'grad/a', 'weight/b', 'activation/a', 'my/own', 'plain']);
  });

  it('searches for all words in any order', () => {
    const s = store(['weight/encoder.0.fc1', 'grad/encoder.0.fc1', 'weight/head']);
    expect(outline(s, 'FC1 grad').keys).toEqual(['grad/encoder.0.fc1']);
    expect(outline(s, 'nothing').keys).toEqual([]);
  });

  it('leads arrows through lines, holes and singles', () => {
    const o = outline(store(['weight/a', 'grad/a', 'weight/b', 'weight/c', 'grad/c', 'activation/x', 'activation/y', 'activation/z']));
    expect(moved(o, 'weight/a', 'ArrowRight', 2)).toBe('grad/a');
    expect(moved(o, 'grad/a', 'ArrowRight', 2)).toBeNull();
    expect(moved(o, 'grad/a', 'ArrowDown', 2)).toBe('weight/b');
    expect(moved(o, 'weight/b', 'ArrowDown', 2)).toBe('weight/c');
    expect(moved(o, 'grad/c', 'ArrowDown', 2)).toBe('activation/y');
    expect(moved(o, 'activation/x', 'ArrowDown', 2)).toBe('activation/z');
    expect(moved(o, 'activation/z', 'Home', 2)).toBe('weight/a');
    expect(moved(o, 'weight/a', 'End', 2)).toBe('activation/z');
    expect(moved(o, 'weight/a', 'x', 2)).toBeNull();
  });
});

describe('axes', () => {
  it('are the same object until the range changes, shared within a kind only', () => {
    const s = store([]);
    s.histograms.set('weight/a', series('weight/a', [[0.1, -0.1]]));
    s.histograms.set('weight/b', series('weight/b', [[7]]));
    s.histograms.set('grad/a', series('grad/a', [[1e-3]]));
    const axes = new Axes();
    const own = axes.axis(s, 'weight/a', 'linear', 'own');
    axes.renew();
    expect(axes.axis(s, 'weight/a', 'linear', 'own')).toBe(own);
    expect(own.hi).toBeLessThan(0.2);
    const shared = axes.axis(s, 'weight/a', 'linear', 'shared');
    expect(shared).toBe(axes.axis(s, 'weight/b', 'linear', 'shared'));
    expect(shared.hi).toBeGreaterThan(7);
    expect(axes.axis(s, 'grad/a', 'linear', 'shared').hi).toBeLessThan(0.01);
    s.histograms.set('weight/a', series('weight/a', [[0.1, -0.1], [3]]));
    axes.renew();
    expect(axes.axis(s, 'weight/a', 'linear', 'own')).not.toBe(own);
  });

  it('choose symlog by themselves where linear would hide nearly all', () => {
    const s = store([]);
    const bell = Array.from({ length: 500 }, (_, i) => Math.sin(i * 12.9898) * Math.cos(i * 78.233));
    s.histograms.set('grad/near', series('grad/near', [bell]));
    s.histograms.set('grad/far', series('grad/far', [bell.map((v) => v * 1e-4), bell.slice(0, 20)]));
    const axes = new Axes();
    expect(axes.axis(s, 'grad/near', 'auto', 'own').kind).toBe('linear');
    expect(axes.axis(s, 'grad/far', 'auto', 'own').kind).toBe('symlog');
    expect(axes.axis(s, 'grad/far', 'linear', 'own').kind).toBe('linear');
  });

  it('come from the extremes where there are no bins, and from nothing at all', () => {
    const s = store([]);
    s.stats.set('weight/a', stats('weight/a', [{ min: -1, max: 2 }, { min: NaN, max: Infinity }]));
    const axis = new Axes().axis(s, 'weight/a', 'auto', 'own');
    expect([axis.lo, axis.hi]).toEqual([-1, 2]);
    expect(new Axes().axis(s, 'nothing', 'auto', 'shared').hi).toBe(1);
  });

  it('rows end where the statistics say, and wait for them', () => {
    const h = series('weight/a', [[0.3], [0.3], [0.3]]);
    const rows = withEnds(h, stats('weight/a', [{ min: 0.25, max: 0.31 }, { min: 0.26, max: 0.3 }]));
    expect(rows.step.length).toBe(2);
    expect(rows.ends!.hi[0]).toBeCloseTo(0.31);
    expect(withEnds(h, undefined)).toBe(h);
  });
});

describe('words', () => {
  const s = stats('grad/a', [{ mean: 0.5, std: 2, count: 100 }, { nan: 3, inf: 1, zero: 40, count: 100 }]);

  it('mark nan, inf and many zeros', () => {
    expect(marks(s, 0)).toEqual([]);
    expect(marks(s, 1).map((m) => [m.text, m.trouble])).toEqual([['nan 3%', true], ['inf 1%', true], ['0: 40%', false]]);
    expect(marks(undefined, 0)).toEqual([]);
  });

  it('say what a tile shows', () => {
    expect(moments(s, 0)).toBe('\u03bc\u00a00.5  \u03c3\u00a02');
    expect(spoken('grad/a', s, 1)).toBe('a gradient, step 1, mean 0, standard deviation 0, 3 of 100 values are nan, 1 of 100 values are inf, 40% of the values are exactly zero');
    expect(spoken('weight/a', undefined, -1)).toBe('a weight');
  });

  it('snap to a step that exists', () => {
    expect(nearestStep([0, 10, 20], 4)).toBe(0);
    expect(nearestStep([0, 10, 20], 16)).toBe(20);
    expect(nearestStep([5], 0)).toBe(5);
  });
});

describe('the view', () => {
  it('shows every parameter with its gradient and update, and activations', async () => {
    const { el, stop } = await mounted();
    expect([...el.querySelectorAll('[role=columnheader]')].map((c) => c.textContent)).toEqual(['Weight', 'Gradient', 'Update']);
    expect([...el.querySelectorAll('.ts-hist-name b')].map((n) => n.textContent).slice(0, 3)).toEqual(['fc1.weight', 'fc1.bias', 'fc2.weight']);
    expect(tiles(el).length).toBe(23);
    expect(tiles(el)[0]!.querySelector('.ts-hist-facts')!.textContent).toMatch(/^\u03bc\u00a0\S+  \u03c3\u00a0\S+$/);
    expect(tiles(el)[0]!.querySelector('.ts-hidden')!.textContent).toMatch(/^fc1.weight weight, step 11, mean/);
    await stop();
    expect(el.childElementCount).toBe(0);
  });

  it('selects by click and by arrows, and follows the page', async () => {
    const { el, at, stop } = await mounted();
    await act(() => tiles(el)[1]!.click());
    expect(at.selection.get().key).toBe('grad/fc1.weight');
    expect(el.querySelector('h2')!.textContent).toBe('fc1.weight');
    await press(tiles(el)[1]!, 'ArrowDown');
    expect(at.selection.get().key).toBe('grad/fc1.bias');
    expect(tiles(el).filter((t) => t.tabIndex === 0).map((t) => t.dataset.key)).toEqual(['grad/fc1.bias']);
    await act(() => at.selection.set({ key: 'activation/fc2', step: 3 }));
    await until(() => {
      expect(el.querySelector('[aria-selected=true]')!.getAttribute('data-key')).toBe('activation/fc2');
      expect(el.querySelector('.ts-scrub b')!.textContent).toBe('3');
      expect(tiles(el)[0]!.querySelector('.ts-hidden')!.textContent).toContain('step 3');
    });
    await stop();
  });

  it('searches, and says when nothing is found', async () => {
    const { el, stop } = await mounted();
    const box = el.querySelector<HTMLInputElement>('input[type=search]')!;
    const type = (text: string) => act(() => { box.value = text; box.dispatchEvent(new Event('input', { bubbles: true })); });
    await type('head grad');
    expect(tiles(el).map((t) => t.dataset.key)).toEqual(['grad/head.weight', 'grad/head.bias']);
    await type('<b>');
    expect(el.textContent).toContain('Nothing is called "<b>"');
    await press(box, 'Escape');
    expect(tiles(el).length).toBe(23);
    await stop();
  });

  it('scrubs, plays and goes back to the newest step', async () => {
    const { el, at, stop } = await mounted();
    const slider = el.querySelector<HTMLInputElement>('.ts-scrub input')!;
    await press(slider, 'ArrowLeft');
    expect(at.selection.get().step).toBe(10);
    await until(() => expect(el.querySelector('.ts-scrub b')!.textContent).toBe('10'));
    await press(el.querySelector('.ts-hist')!, ',');
    expect(at.selection.get().step).toBe(9);
    await act(() => el.querySelector<HTMLElement>('[aria-label="Play the steps"]')!.click());
    await until(() => expect(at.selection.get().step).toBe(11));
    await act(() => [...el.querySelectorAll('button')].find((b) => b.textContent === 'Last')!.click());
    expect(at.selection.get().step).toBeNull();
    await stop();
  });

  it('shows mean and spread where no bins were recorded', async () => {
    const { el, stop } = await mounted({ steps: 12 }, {}, WithoutBins);
    expect(tiles(el).length).toBe(23);
    expect(el.textContent).toContain('ts.record(values="histogram")');
    expect([...el.querySelectorAll('[aria-label=Picture] button')].map((b) => b.textContent)).toEqual(['Mean and spread']);
    await stop();
  });

  it('says what to type when there is nothing', async () => {
    const { el, stop } = await mounted({ trouble: 'empty' });
    expect(el.querySelector('pre')!.textContent).toContain('ts.record(');
    await stop();
  });

  it('lets nothing go unnamed', async () => {
    const { el, stop } = await mounted();
    for (const control of el.querySelectorAll('button, input, select, [tabindex], [role=img], [role=gridcell]')) {
      const label = control.getAttribute('aria-label') ?? control.closest('label')?.textContent ?? control.textContent;
      expect(label, control.outerHTML.slice(0, 120)).toMatch(/\S/);
    }
    for (const cell of el.querySelectorAll('[role=gridcell], [role=rowheader], [role=columnheader]')) expect(cell.closest('[role=row]')).not.toBeNull();
    for (const row of el.querySelectorAll('[role=row]')) expect(row.closest('[role=grid]')).not.toBeNull();
    expect(el.querySelectorAll('[role=gridcell][tabindex="0"]').length).toBe(1);
    await stop();
  });
});

it('what is in trouble comes first where that is asked for', () => {
  const column = (...v: number[]) => ({ data: Float32Array.from(v), length: v.length });
  const stats = (o: Partial<Record<string, number>>): any => ({ step: { data: Int32Array.of(0), length: 1 }, fields: Object.fromEntries(['mean', 'std', 'min', 'max', 'norm', 'nan', 'inf', 'zero', 'subnormal', 'count'].map(f => [f, column(o[f] ?? (f === 'count' ? 100 : f === 'norm' ? 1 : 0))])) });
  const all = new Map<string, any>([
    ['weight/a', stats({})], ['grad/a', stats({})], ['update/a', stats({ norm: 1e-3 })], ['weight/b', stats({})], ['grad/b', stats({ zero: 90 })], ['update/b', stats({ norm: 1e-3 })],
    ['weight/c', stats({ nan: 1 })], ['grad/c', stats({})], ['update/c', stats({ norm: 1e-3 })], ['weight/d', stats({})], ['grad/d', stats({})], ['update/d', stats({ norm: 1e-9 })],
  ]);
  const store: any = { graph: null, graphs: new Map(), histograms: new Map(), stats: all, text: String };
  expect(outline(store).parameters.map(l => l.name)).toEqual(['a', 'b', 'c', 'd']);
  expect(outline(store, '', 'trouble').parameters.map(l => l.name)).toEqual(['c', 'd', 'b', 'a']);
  expect([troubleOf(all, 'update/a'), troubleOf(all, 'nobody')]).toEqual([0, 0]);
});

it('breaks at a parameter by a click on its row, by a key on its tile, and beside its large picture', async () => {
  const { el, at, stop } = await mounted();
  const release = at.need('debug'), points = () => (at.store()!.debug?.breakpoints ?? []).map(b => b.parameter);
  const dot = () => el.querySelector<HTMLButtonElement>('.ts-hist-name button')!, name = dot().closest('.ts-hist-name')!.querySelector('b')!.textContent!;
  expect(dot().getAttribute('aria-label')).toBe(`Break at ${name}`);
  dot().click();
  await until(() => { expect(points()).toEqual([name]); expect(dot().getAttribute('aria-pressed')).toBe('true'); });
  expect(el.querySelectorAll('.ts-hist-name button[aria-pressed=true]').length).toBe(1);
  await press(tiles(el)[0]!, 'b');
  await until(() => { expect(points()).toEqual([]); expect(dot().getAttribute('aria-pressed')).toBe('false'); });
  [...el.querySelectorAll<HTMLButtonElement>('.ts-hist-focus button')].find(b => b.textContent === 'Break here')!.click();
  await until(() => expect(points()).toHaveLength(1));
  const activation = [...el.querySelectorAll('.ts-hist-name')].find(n => /act|fc/.test(n.textContent!) && !n.querySelector('button'));
  expect(activation).toBeDefined();                            // no gradient is accumulated there
  release();
  await stop();
});
