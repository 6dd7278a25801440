// @vitest-environment happy-dom
import { act } from 'preact/test-utils';
import { beforeEach, describe, expect, it } from 'vitest';
import { graph } from '.';
import { GraphModel } from '../../engines/graphmodel';
import { decoder, sampleOf } from '../../engines/graphmodel.samples';
import { KIND, planOf } from '../../engines/graphmodel_plan';
import { layoutPlan } from '../../engines/layout_plan';
import { LINE, paletteOf, STYLE } from '../../engines/painter_style';
import { LITERAL } from '../../theme';
import { Scene } from '../../engines/scene';
import { hubOf } from '../../hub';
import type { Run } from '../../store/run';
import type { Graph, Selection } from '../../store/types';
import { DemoHost, type DemoOptions } from '../../testing/demo';
import { between, fit, kept, open as openCamera, reveal, toScreen, toWorld, zoomAt } from './camera';
import { logScale, lookOf, measureOf, threadOf } from './look';
import { Openness } from './opened';
import { outlineOf } from './outline';
import { beforeOf, changeAt, changesFrom, changesOf } from './changes';
import { svgOf } from './picture';
import { search } from './search';
import { prefixOf, traceOf } from './trace';

beforeEach(() => { delete (globalThis as any)[Symbol.for('tapescope.hub.1')]; document.body.replaceChildren(); });
const wait = (ms = 300) => act(() => new Promise<void>(resolve => setTimeout(resolve, ms)));

async function mounted(options: DemoOptions = { steps: 20 }, more: Record<string, unknown> = {}) {
  const el = document.createElement('div'), host = new DemoHost(options), sent: any[] = [];
  const send = host.send.bind(host);
  host.send = m => { sent.push(m); send(m); };
  host.options = more;
  document.body.append(el);
  let stop = () => {};
  await act(() => { stop = graph(el, host); });
  await wait();
  const at = hubOf().attach(host);
  return { el, host, sent, at, stop: () => act(() => { at.release(); stop(); }), key: (key: string, target: Element = el.querySelector('.ts-stage-canvas')!) => act(() => void target.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }))) };
}

const rows = (el: Element) => [...el.querySelectorAll('[role=treeitem]')].map(r => r.querySelector('.ts-clip')!.textContent);

describe('the graph view', () => {
  it('shows modules and ops in an outline, and says how many there are', async () => {
    const { el, stop } = await mounted();
    expect(rows(el)).toEqual(['x', 'y', 'MLP', 'fc1', 'act1', 'fc2', 'act2', 'head', 'cross_entropy']);
    expect(el.querySelector('.ts-status')!.textContent).toContain('6 ops');
    expect(el.querySelector('[role=application]')).not.toBeNull();
    await stop();
    expect(el.childElementCount).toBe(0);
  });

  it('paints what modules give and how much weights move, asked for only while it is shown', async () => {
    for (const [overlay, kind, words] of [['std', 'stats', 'std of the activation'], ['zeros', 'stats', 'share of zeros'], ['ratio', 'scalars', 'update / weight']] as const) {
      const { el, sent, at, stop } = await mounted({ steps: 20 }, { overlay });
      await wait(500);
      expect(sent.filter(m => m.type === 'subscribe' && m.kind === kind)).toHaveLength(1);
      expect(el.querySelector('.ts-graph-legend')!.textContent).toContain(`${words}, step`);
      const store = at.store()!, model = new GraphModel(store.graph!, i => store.text(i)), measure = measureOf(store, model, overlay, 'forward');
      const act1 = [...Array(model.modules).keys()].find(m => store.text(store.graph!.modules.path[m]!) === 'act1')!, value = measure!.ops[model.last(act1)]!;
      if (overlay === 'ratio') expect(measure!.sources.some(v => v > 0)).toBe(true);
      else {
        const { fields, step } = store.stats.get('activation/act1')!, i = step.length - 1;
        expect(value).toBeCloseTo(overlay === 'std' ? fields.std.data[i]! : fields.zero.data[i]! / fields.count.data[i]!);
        expect(measureOf(store, model, overlay, 'forward', step.data[0]!)!.step).toBe(step.data[0]!);
      }
      await stop();
    }
  });

  it('selects on the whole page and shows what is selected', async () => {
    const { el, at, key, stop } = await mounted();
    const row = [...el.querySelectorAll<HTMLElement>('[role=treeitem]')].at(-1)!;
    await act(() => row.click());
    await wait(200);
    expect(at.selection.get()).toMatchObject({ op: 5, module: null, node: 11 });
    const side = el.querySelector('[aria-label="Properties of the selection"]')!;
    expect(side.textContent).toContain('CrossEntropyBackward0');
    expect(side.textContent).toContain('loss = F.cross_entropy(logits, y)');
    expect(el.querySelector('[aria-live]')!.textContent).toContain('cross_entropy, output scalar float32, 2 inputs');
    await key('Escape');
    expect(at.selection.get()).toMatchObject({ op: null, node: null } satisfies Partial<Selection>);
    await act(() => at.selection.set({ op: 2 }));
    await wait(50);
    expect(el.querySelector('.ts-side h2')!.textContent).toBe('linear');
    expect(rows(el)).toContain('linear');             // fc2 was opened for it
    await stop();
  });

  it('opens modules by key, traces, turns to gradients and shows its keys', async () => {
    const { el, at, key, stop } = await mounted();
    await act(() => at.selection.set({ module: 1, op: null }));
    await key('Enter');
    await wait(50);
    expect(rows(el).slice(3, 5)).toEqual(['fc1', 'linear']);
    await act(() => at.selection.set({ op: 2 }));
    await key('t');
    expect(el.querySelector('.ts-side-trace')!.textContent).toBe('▲ 2 upstream▼ 3 downstream−all hops+');
    await key('[');
    await key('[');
    expect(el.querySelector('.ts-side-trace')!.textContent).toContain('▲ 1 upstream▼ 1 downstream−1 hop+');
    await key(']');
    await key(']');
    await key(']');
    expect(el.querySelector('.ts-side-trace')!.textContent).toContain('all hops');
    await key('g');
    await wait(200);
    expect(el.querySelector('[role=radio][aria-checked=true]')!.textContent).toBe('grad_fn');
    expect(el.querySelector('.ts-graph-legend')!.textContent).toContain('gradients flow up');
    await key('?');
    await wait(200);
    expect(el.querySelector('[role=dialog]')!.textContent).toContain('search');
    await key('Escape', el.querySelector('[role=dialog]')!);
    expect(el.querySelector('[role=dialog]')).toBeNull();
    await stop();
  });

  it('finds by words and asks for tensors', async () => {
    const { el, at, sent, stop } = await mounted();
    const input = el.querySelector('input')!;
    await act(() => { input.focus(); input.value = 'relu 32'; input.dispatchEvent(new Event('input', { bubbles: true })); });
    expect([...el.querySelectorAll('[role=option]')].map(o => o.textContent)).toEqual(['reluact2  64×32']);
    await act(() => void input.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true })));
    expect(at.selection.get().op).toBe(3);
    const look = [...el.querySelectorAll('button')].find(b => b.textContent === 'Look at this tensor')!;
    await act(() => look.click());
    expect(sent.find(m => m.verb === 'probe.set')!.args).toEqual({ key: 'output/3' });
    expect(at.selection.get().key).toBe('output/3');
    await act(() => { input.value = '<img src=x onerror=alert(1)>'; input.dispatchEvent(new Event('input', { bubbles: true })); });
    expect(el.querySelector('img')).toBeNull();
    expect(el.textContent).toContain('Nothing is called "<img');
    await stop();
  });

  it('shows the kernels under an op, asked for where they are seen and an op is chosen', async () => {
    for (const can of [{ sees_kernels: true }, {}] as Record<string, boolean>[]) {
      const { el, sent, at, stop } = await mounted({ steps: 20, can }), asked = () => sent.filter(m => m.type === 'subscribe' && m.kind === 'kernels').length;
      expect(asked()).toBe(0);
      await act(() => at.selection.set({ op: 5 }));
      await wait(200);
      expect(asked()).toBe('sees_kernels' in can ? 1 : 0);
      const store = at.store() as Run, name = store.known, node = store.graph!.nodes.op.indexOf(5);
      store.extendStrings(name, ['aten::_log_softmax', 'aten::nll_loss_forward', 'aten::nll_loss_backward', 'aten::relu']);
      const frame = { kind: 'kernels', meta: { graph: store.graph!.id, step: 3 }, columns: { op: Int32Array.of(3, 5, 5, 5), node: Int32Array.of(-1, -1, -1, node), name: Uint32Array.of(name + 3, name, name + 1, name + 2), us: Float32Array.of(1, 2.5, 3, 4) } };
      store.apply(frame);
      await wait(200);
      if ('sees_kernels' in can) {
        const lists = [...el.querySelectorAll('.ts-side-kernels')].map(l => [...l.children].map(row => row.textContent));
        expect(lists).toEqual([['aten::_log_softmax2.5 µs', 'aten::nll_loss_forward3 µs'], ['aten::nll_loss_backward4 µs']]);
        await act(() => at.selection.set({ op: null, source: 0 }));
        expect(el.querySelector('.ts-side-kernels')).toBeNull();
      }
      await stop();
    }
  });

  it('says what to type when nothing was recorded', async () => {
    const { el, stop } = await mounted({ trouble: 'empty' });
    expect(el.textContent).toContain('ts.record()');
    await stop();
  });
});

const decoded = () => { const { model } = sampleOf(decoder(8, 2)); return model; };
const sceneOf = (model = decoded(), opened = new Openness().of(model)) => { const plans = planOf(model, opened); return new Scene(model, plans, layoutPlan(plans.map(p => ({ level: p.level, before: null })))); };

describe('what is open at first', () => {
  it('is a picture of few boxes, repetitions folded', () => {
    const model = decoded(), scene = sceneOf(model);
    expect(scene.count).toBeLessThan(40);
    expect([...scene.kind.slice(0, scene.count)]).toContain(KIND.fold);
    const openness = new Openness(), last = model.ops - 2;
    expect(openness.expose(model, model.moduleOf(last))).toBe(true);
    const exposed = sceneOf(model, openness.of(model));
    expect(exposed.row[exposed.itemOfOp(last)]).toBe(last);
    openness.all(model, true);
    expect(outlineOf(model, openness.of(model)).length).toBeGreaterThan(model.ops);
    openness.all(model, false);
    expect(sceneOf(model, openness.of(model)).count).toBeLessThan(30);
  });
});

describe('traces', () => {
  it('follow data both ways', () => {
    const model = decoded(), middle = model.last(model.calls(0)[3]!), { up, down, upCount, downCount, sources } = traceOf(model, middle);
    expect(upCount).toBe(middle);
    const weights = Array.from({ length: model.ops }, (_, op) => op).filter(op => op > middle && model.tuckedInto(op) >= 0).length;
    expect(downCount).toBe(model.ops - 1 - middle - weights);
    expect(sources.size).toBeGreaterThan(10);
    expect(prefixOf(up).at(-1)).toBe(upCount);
    expect(down[middle]).toBe(0);
    const scene = sceneOf(model), look = lookOf(scene, { flow: 'forward', overlay: null, trace: traceOf(model, 0) });
    expect(new Set(look.style)).toContain(STYLE.downstream);
    expect([...look.line]).toContain(LINE.downstream);
  });
});

describe('traces of a few hops', () => {
  it('go so far and no farther, along the shortest way', () => {
    const model = decoded(), op = model.last(model.calls(0)[3]!), all = traceOf(model, op);
    let before = 0;
    for (const hops of [1, 2, 3]) {
      const { up, upCount, downCount, reach } = traceOf(model, op, hops);
      // By definition: what has a path of at most so many lines.
      let near = new Set([op]);
      for (let h = 0; h < hops; h++) near = new Set([...near].flatMap(at => [at, ...[...model.inputs(at)].filter(from => from >= 0)]));
      near.delete(op);
      expect([...up.keys()].filter(i => up[i])).toEqual([...near].sort((a, b) => a - b));
      expect(upCount).toBeGreaterThanOrEqual(before);
      expect(reach).toBeLessThanOrEqual(hops);
      expect(downCount).toBeLessThanOrEqual(all.downCount);
      before = upCount;
    }
    expect(traceOf(model, op, all.reach).upCount).toBe(all.upCount);
    expect(traceOf(model, op, all.reach).downCount).toBe(all.downCount);
  });
});

describe('another structure', () => {
  it('is told apart op by op; the one that ran last is the one to compare with', () => {
    const first = decoded(), a = first.graph, b = decoded().graph, text = (i: number) => first.text(i), cut = { ...b, id: 9, ops: { ...b.ops, count: b.ops.count - 3 }, steps: [0, 4, 5] as [number, number, number] };
    expect(changesOf(a, b, text)).toMatchObject({ added: 0, gone: 0 });
    const { added, gone, fresh, since } = changesOf(a, cut, text);
    expect([added, gone, since, fresh.reduce((n, v) => n + v, 0)]).toEqual([3, 0, 4, 3]);
    expect(changesOf(cut, a, text)).toMatchObject({ added: 0, gone: 3 });
    expect(beforeOf({ graphs: new Map([[0, a], [9, cut]]) }, a)).toBe(cut);
    expect(beforeOf({ graphs: new Map([[0, a]]) }, a)).toBeNull();
  });

  it('of another recording is drawn as Python has aligned it: new, changed, and what stood there', () => {
    const c = changesFrom({ graph: 0, against: 'base', added: [2, 3], changed: [[5, '64×32 → 64×48']], gone: [[0, 'relu'], [7, 'tanh'], [7, 'relu'], [7, 'mul']] }, 10);
    expect(c).toMatchObject({ added: 2, gone: 4, names: ['relu ×2', 'tanh', 'mul'], against: 'base' });
    expect([[0, 0], [1, 1], [2, 2], [5, 5], [7, 7], [0, 9]].map(([a, z]) => changeAt(c, a!, z!))).toEqual([
      { how: 'gone', words: '−relu' }, null, { how: 'new', words: 'new' }, { how: 'changed', words: '64×32 → 64×48' }, { how: 'gone', words: '3 gone' }, { how: 'new', words: '2 of 10 new, 64×32 → 64×48, 4 gone' },
    ]);
    const model = decoded(), scene = sceneOf(model), store: any = { graphs: new Map([[0, model.graph]]) };
    const look = (difference: any) => lookOf(scene, { flow: 'forward', overlay: measureOf(store, model, 'changes', 'forward', null, difference), trace: null });
    const d = { graph: model.graph.id, against: 'base', added: [model.ops - 1], changed: [], gone: [[0, 'relu']] }, drawn = look(d);
    const boxes = [...Array(scene.count).keys()].filter(i => drawn.note?.(i));
    expect(boxes.some(i => drawn.note!(i)!.includes('new') && drawn.mark[i])).toBe(true);
    expect(boxes.some(i => drawn.note!(i)!.includes('−relu'))).toBe(true);
    expect(look({ ...d, graph: 99 }).note).toBeUndefined();
  });

  it('is what the view shows when it is asked to, and the legend says against what', async () => {
    const v = await mounted({ steps: 20 }, { overlay: 'changes', difference: { graph: 0, against: 'the run before', added: [1], changed: [[0, 'a → b']], gone: [] } });
    const legend = v.el.querySelector('[aria-label=Legend]')!.textContent!;
    expect(legend).toContain('1 new');
    expect(legend).toContain('1 changed');
    expect(legend).toContain('against the run before');
    await v.stop();
  });
});

describe('a picture in a file', () => {
  it('is well-formed SVG of what is in sight, whatever names say', () => {
    const model = decoded(), scene = sceneOf(model), hex = LITERAL.light, theme: any = { mode: 'light', dark: false, series: ['#111111', '#222222', '#333333', '#444444'], font: '"Odd <font>", sans-serif', mono: 'monospace' };
    for (const [name, value] of Object.entries(hex)) theme[name.replace(/-(\w)/, (_, c) => c.toUpperCase())] = value;
    const look = lookOf(scene, { flow: 'forward', overlay: null, trace: null, threads: true }), size = { width: 400, height: 300 };
    const seen = { scene, look: { ...look, title: () => '</text><script>alert(1)</script>&\u0001' }, palette: paletteOf(theme), camera: openCamera({ x: 0, y: 0, w: scene.width, h: scene.tall }, size), size };
    const svg = svgOf({ ...seen, camera: { ...seen.camera, zoom: 1 } }, 'a < b');
    const doc = new DOMParser().parseFromString(svg, 'image/svg+xml');
    expect(doc.querySelector('parsererror')).toBeNull();
    expect(doc.querySelector('script')).toBeNull();
    expect(doc.querySelectorAll('path').length).toBeGreaterThan(5);
    expect(doc.querySelectorAll('text').length).toBeGreaterThan(5);
    expect(svg).not.toMatch(/NaN|undefined|\u0001/);
    expect(svg.length).toBeLessThan(400_000);
    expect([...Array(scene.edges).keys()].map(e => threadOf(scene, e)).every(s => /^(scalar|[\d\u00d7]+) /.test(s))).toBe(true);
  });
});

it('a search knows lines, shapes and types', async () => {
  const model = decoded(), op = [...Array(model.ops).keys()].find(i => model.text(model.graph.ops.shape[i]!))!, shape = model.text(model.graph.ops.shape[op]!).replaceAll('x', '\u00d7');
  expect(search(model, shape).total).toBeGreaterThan(0);
  expect(search(model, 'float32').total).toBeGreaterThan(0);
});

describe('overlays', () => {
  it('colour by logarithm, add times up inside modules, and mark what is not finite', () => {
    const model = decoded(), scene = sceneOf(model), node = Int32Array.from({ length: model.nodes }, (_, i) => i);
    const store: any = {
      clocks: { graph: 0, step: 4, opUs: new Float32Array(model.ops).fill(2), nodeUs: new Float32Array(model.nodes).fill(3) },
      gradients: { graph: 0, step: 4, node, norm: new Float32Array(model.nodes).fill(0.5), nonfinite: new Uint8Array(model.nodes) }, findings: [],
    };
    const time = measureOf(store, model, 'time', 'forward')!, whole = scene.itemOfModule(0);
    const fold = [...scene.kind.slice(0, scene.count)].indexOf(KIND.fold), [first, last] = scene.opsOf(fold);
    expect(lookOf(scene, { flow: 'forward', overlay: time, trace: null }).note!(fold)).toBe(`${(last - first + 1) * 2} µs`);
    expect(whole).toBeGreaterThanOrEqual(0);
    expect(measureOf(store, model, 'gradient', 'forward')!.sources.some(v => v === 0.5)).toBe(true);
    store.gradients.nonfinite[model.nodeOfOp[model.ops - 1]!] = 1;
    const bad = measureOf(store, model, 'nonfinite', 'forward')!, look = lookOf(scene, { flow: 'forward', overlay: bad, trace: null });
    expect(bad.found).toBe(1);
    expect(look.style[scene.itemOfOp(model.ops - 1)]).toBe(STYLE.trouble);
    expect(measureOf({ ...store, clocks: { ...store.clocks, graph: 9 } }, model, 'time', 'forward')!.low).toBe(Infinity);
    expect([logScale(1, 100)(10), logScale(1, 100)(0), logScale(5, 5)(5)]).toEqual([0.5, 0, 0.5]);
  });
});

describe('search', () => {
  it('takes words in any order, exact names first', () => {
    const model = decoded(), { hits, total } = search(model, 'mlp addmm');
    expect(total).toBe(16);
    expect(hits.every(h => h.id[0] === 'o' && h.note.includes('mlp'))).toBe(true);
    expect(search(model, 'gelu').hits[0]!.title).toBe('gelu');
    expect(search(model, '   ').total).toBe(0);
  });
});

describe('the camera', () => {
  const size = { width: 800, height: 600 }, box = { x: 0, y: 0, w: 300, h: 4000 };
  it('zooms to the pointer, fits, reveals, and never loses the picture', () => {
    const camera = { x: 10, y: 20, zoom: 1 }, [wx, wy] = toWorld(camera, size, 100, 50), near = zoomAt(camera, size, 100, 50, 2);
    expect(toScreen(near, size, wx, wy)).toEqual([100, 50]);
    expect(fit(box, size).zoom).toBeCloseTo(548 / 4000, 3);
    const first = openCamera(box, size);
    expect(first.zoom).toBeGreaterThan(0.6);
    expect(toScreen(first, size, 0, 0)[1]).toBeCloseTo(26, 0);
    const moved = reveal(first, size, { x: 100, y: 3900, w: 60, h: 34 }), [, y] = toScreen(moved, size, 0, 3934);
    expect(y).toBeLessThanOrEqual(600);
    expect(reveal(moved, size, { x: 100, y: 3900, w: 60, h: 34 })).toEqual(moved);
    const far = kept({ x: 1e6, y: -1e6, zoom: 1 }, size, box);
    expect(toScreen(far, size, 300, 0)[0]).toBeGreaterThan(0);
    expect(between(camera, near, 1)).toEqual(near);
  });
});

it('a structure that was replaced stays selectable', async () => {
  const { el, at, stop } = await mounted();
  const store = at.store()!, other = { ...store.graph!, id: 7 } as Graph;
  store.graphs.set(7, other);
  await act(() => at.selection.set({ op: 1 }));
  await wait(50);
  expect([...el.querySelectorAll('option')].some(o => o.textContent!.includes('6 ops'))).toBe(true);
  await stop();
});
