// @vitest-environment happy-dom
import { beforeEach, expect, it } from 'vitest';
import { act } from 'preact/test-utils';
import { Run } from '../../store/run';
import { encodeFrame } from '../../wire/encode';
import { groupsOf, media } from '.';
import { candidates } from './maps';

beforeEach(() => { delete (globalThis as any)[Symbol.for('tapescope.hub.1')]; document.body.replaceChildren(); });

const text = (s: string) => new TextEncoder().encode(s);
const entry = (kind: string, tag: string, step: number, bytes: Uint8Array, more: object = {}) => ({ kind: 'media', meta: { kind, tag, step, time: step, mime: 'text/markdown', ...more }, columns: { bytes } });

it('shows what was logged as text, at the step looked at, and never as HTML', async () => {
  const frames = [entry('text', 'notes', 0, text('# one')), entry('text', 'notes', 9, text('**two** <img src=x onerror=alert(1)>')), entry('hparams', 'run', 0, text('{"lr": 0.001, "opt": "<b>"}'), { mime: 'application/json' }),
    entry('pr_curve', 'odd', 0, new Uint8Array(8), { mime: 'application/x-array', shape: [2, 1], dtype: '<f4' }), entry('hologram', 'h', 0, text('..'), { mime: 'x/y' })];
  let hear: (m: any, b: any) => void = () => {};
  const host = {
    send(m: any) {
      setTimeout(() => {
        if (m.type === 'attach') hear({ type: 'attached', request: m.request, protocol: 1, kernel: 'k', version: '', recordings: [{ id: 'r', name: 'n', state: 'stopped', step: 9, capabilities: {} }] }, []);
        if (m.type === 'subscribe' && m.kind === 'media') frames.forEach((f, i) => hear(...encodeFrame(f, { seq: i, request: m.request, recording: 'r' })));
        if (m.type === 'query') hear({ type: 'reply', request: m.request, ok: true }, []);
      });
    },
    listen(fn: any) { hear = fn; return () => {}; },
  };
  const el = document.createElement('div');
  document.body.append(el);
  let stop = () => {};
  await act(() => { stop = media(el, host as any); });
  await act(() => new Promise<void>(resolve => setTimeout(resolve, 400)));
  expect(el.querySelector('.ts-media-text b')!.textContent).toBe('two');
  expect(el.querySelector('img')).toBeNull();
  expect(el.textContent).toContain('<img src=x onerror=alert(1)>');
  expect(el.textContent).toContain('0.001');
  expect(el.textContent).toContain('no precision-recall curve');
  expect(el.textContent).toContain('hologram: 2 bytes of x/y');
  const slider = el.querySelector<HTMLInputElement>('.ts-scrub input')!;
  await act(() => { slider.value = '0'; slider.dispatchEvent(new Event('input', { bubbles: true })); });
  expect(el.querySelector('.ts-media-text h3')!.textContent).toBe('one');
  await act(() => stop());
});

it('parts of a mesh are one thing, a filter is a regular expression', () => {
  const run = new Run('r');
  for (const part of ['vertices', 'faces']) run.apply(entry('mesh', 'chair', 3, new Uint8Array(4), { part }) as any);
  run.apply(entry('text', 'notes', 3, text('x')) as any);
  run.apply(entry('custom_scalars', 'layout', 0, text('{}')) as any);
  expect(groupsOf(run, '').map(g => [g.name, g.lists.length])).toEqual([['mesh/chair', 2], ['text/notes', 1]]);
  expect(groupsOf(run, '^text').map(g => g.tag)).toEqual(['notes']);
});

it('knows what of a model is a picture', () => {
  const names = ['conv.weight', '6x1x3x3', 'fc.weight', '5x32', 'conv', 'Conv2d', 'conv2d', '8x6x10x10', 'softmax', '8x4x7x7', 'float32', '', '8x1x12x12'], s = (n: string) => names.indexOf(n), run = new Run('r');
  run.extendStrings(0, names);
  const u = (...v: string[]) => Uint32Array.from(v, s), i = (...v: number[]) => Int32Array.of(...v);
  run.apply({ kind: 'graph', meta: { graph: 0, current: 0, start: {} }, columns: {
    op_name: u('conv2d', 'softmax'), op_module: i(0, -1), op_site: i(-1, -1), op_flags: new Uint8Array(2), op_shape: u('8x6x10x10', '8x4x7x7'), op_dtype: u('float32', 'float32'), op_label: u('', ''), op_inputs: Uint16Array.of(1, 0), op_in: i(-3),
    src_kind: Uint8Array.of(1, 1, 0), src_name: u('conv.weight', 'fc.weight', ''), src_shape: u('6x1x3x3', '5x32', '8x1x12x12'), src_dtype: u('float32', 'float32', 'float32'), src_module: i(0, -1, -1),
    mod_parent: i(-1), mod_path: u('conv'), mod_class: u('Conv2d'), mod_call: i(0), mod_first: i(0), mod_last: i(0),
  } });
  expect(candidates(run).map(c => [c.key, c.what])).toEqual([['input/conv', 'inputs'], ['weight/conv.weight', 'filters'], ['activation/conv', 'maps'], ['output/1', 'maps']]);
});
