// @vitest-environment happy-dom
import { afterEach, describe, expect, it } from 'vitest';
import { render } from 'preact';
import { act } from 'preact/test-utils';
import { speak } from '../chrome';
import { sampleOf } from '../engines/graphmodel.samples';
import { DOT } from '../engines/painter_style';
import type { Attachment, Breakpoint, DebugState, Said } from '../store/types';
import { GraphBuilder } from '../testing/graphs';
import { draftOf, fieldsOfDraft } from './editor';
import { BreakList } from './list';
import { dotOf, fieldsOf, listAt, matcher, placesOf, removable, showOf } from './places';
import { es } from '../words/es';
import { pauseWords, told, wordsOf } from './words';

let made = 0;
const breakpoint = (fields: Partial<Breakpoint>): Breakpoint => ({
  id: ++made, hits: 0, words: '', op: null, module: null, parameter: null, line: null, shape: null, nth: null, when: null, norm_above: null, norm_below: null, factor: 10, step: null,
  forward: false, exception: false, once: false, enabled: true, ignore: 0, text: '', ...fields,
});

function sample() {
  const g = new GraphBuilder(), x = g.source(0, 'x', [2]), w = g.source(1, 'enc.w', [2]), v = g.source(1, 'head.v', [3]);
  let h: ReturnType<GraphBuilder['op']> = x;
  g.module('enc', 'Linear', () => { h = g.op('mul', [x, w], [2]); h = g.op('relu', [h], [2]); });
  g.module('head', 'Linear', () => { h = g.op('mul', [h, v], [3]); });
  g.op('sum', [h], []);
  return sampleOf(g).model;
}

describe('places of breakpoints', () => {
  it('matches names as the kernel does', () => {
    expect(['relu', 'relu6', 'gelu'].map(matcher('relu*'))).toEqual([true, true, false]);
    expect(['a.weight', 'b.weight', 'a.bias'].map(matcher('[!b].*t'))).toEqual([true, false, false]);
    expect(['a+b', 'aab'].map(matcher('a+?'))).toEqual([true, false]);
  });

  it('finds ops by name, module, shape and number, in the order of the pass', () => {
    const model = sample(), at = (fields: Partial<Breakpoint>) => [...placesOf(model, [breakpoint(fields)]).ops.keys()];
    expect(at({ op: 'mul' })).toEqual([2, 0]);
    expect(at({ op: 'mul', module: 'enc' })).toEqual([0]);
    expect(at({ op: 'mul', nth: 1 })).toEqual([0]);
    expect(at({ shape: [null] })).toEqual([2, 1, 0]);
    expect(at({ op: 'nothing' })).toEqual([]);
  });

  it('stands on a module where the pass comes into it, and on what is in it where a condition decides', () => {
    const model = sample(), whole = placesOf(model, [breakpoint({ module: 'enc' })]), some = placesOf(model, [breakpoint({ module: 'enc', when: 'nonfinite' })]);
    expect([whole.modules.size, whole.ops.size]).toEqual([1, 0]);
    expect([some.modules.size, some.ops.size, [...some.sources.keys()]]).toEqual([0, 2, [1]]);
    expect(placesOf(model, [breakpoint({ when: 'zero' })]).ops.size).toBe(0);                // everywhere is no place
  });

  it('takes away what stands on one thing alone, and says what a new one is', () => {
    const model = sample(), all = breakpoint({ op: 'mul' }), one = breakpoint({ op: 'mul', nth: 0 }), places = placesOf(model, [all, one]), target = { kind: 'op', row: 2 } as const;
    expect(listAt(places, target).map(b => b.id)).toEqual([all.id, one.id]);
    expect(removable(places, target)).toEqual([one]);
    expect(showOf(places, one)).toEqual(target);
    expect(fieldsOf(model, target)).toEqual({ node: model.nodeOfOp[2] });
    expect(fieldsOf(model, { kind: 'source', row: 1 })).toEqual({ parameter: 'enc.w' });
    expect(fieldsOf(model, { kind: 'source', row: 0 })).toBeNull();                          // no gradient comes to an input
    expect(fieldsOf(model, target, true)).toMatchObject({ op: 'mul', module: 'head', forward: true });
  });

  it('shows what counts most', () => {
    const on = breakpoint({ op: 'a' }), off = breakpoint({ op: 'a', enabled: false }), condition = breakpoint({ op: 'a', norm_above: 1 });
    expect([[], [off], [off, condition], [off, condition, on]].map(dotOf)).toEqual([DOT.none, DOT.off, DOT.condition, DOT.on]);
  });
});

describe('the list', () => {
  const listed = async (breakpoints: Breakpoint[]) => {
    const el = document.createElement('div'), sent: [string, any][] = [], answers: ((result: object | Error) => void)[] = [];
    document.body.append(el);
    const at = { command: (verb: string, args: object) => { sent.push([verb, args]); return new Promise((resolve, reject) => answers.push(r => (r instanceof Error ? reject(r) : resolve(r)))); } } as unknown as Attachment;
    const news = (list: Breakpoint[]) => act(() => render(<BreakList at={at} breakpoints={list} />, el));
    await news(breakpoints);
    const box = (name: string) => [...el.querySelectorAll<HTMLInputElement>('input[type=checkbox]')].find(b => (b.getAttribute('aria-label') ?? b.closest('label')!.textContent!.trim()) === name)!;
    return { el, sent, news, box, press: (name: string) => act(() => box(name).click()), answer: (result: object | Error) => act(() => { answers.shift()!(result); return new Promise<void>(resolve => setTimeout(resolve)); }), said: () => el.querySelector('[role=status]')!.textContent };
  };

  it('turns a breakpoint off and on again by two presses, though the news of the first have not come', async () => {
    const b = breakpoint({ words: 'backward at mul', op: 'mul' }), { sent, news, box, press, answer, said } = await listed([b]), name = 'Enable: backward at mul';
    await press(name);
    expect(box(name).checked).toBe(false);
    await press(name);                                          // before the kernel has answered: not sent twice
    expect(sent).toEqual([['break.edit', { id: b.id, enabled: false }]]);
    await answer({ id: b.id });
    expect(said()).toBe(`breakpoint ${b.id} is off`);
    await press(name);
    await answer({ id: b.id });
    expect(sent[1]).toEqual(['break.edit', { id: b.id, enabled: true }]);
    expect(said()).toBe(`breakpoint ${b.id} is on`);
    await news([{ ...b, enabled: false }]);                     // what the kernel says counts
    expect(box(name).checked).toBe(false);
  });

  it('adds and takes away one that stands everywhere by two presses, and shows a refusal', async () => {
    const { el, sent, box, press, answer, said } = await listed([]), name = 'Any nan or inf';
    await press(name);
    await answer({ id: 77 });
    expect([said(), box(name).checked]).toEqual(['Any nan or inf: on', true]);
    await press(name);
    await answer({});
    expect([said(), box(name).checked]).toEqual(['Any nan or inf: off', false]);
    expect(sent).toEqual([['break.add', { when: 'nonfinite' }], ['break.remove', { id: 77 }]]);
    await press(name);
    await answer(new Error('no'));
    expect([el.querySelector('[role=alert]')!.textContent, box(name).checked]).toEqual(['no', false]);
  });
});

describe('the form', () => {
  it('is data, and says what is missing', () => {
    const empty = draftOf(null);
    expect(fieldsOfDraft(empty, null)).toMatch(/^Say where/);
    expect(fieldsOfDraft({ ...empty, place: 'anywhere' }, null)).toMatch(/condition/);
    expect(fieldsOfDraft({ ...empty, name: 'log', condition: 'above', limit: 'x' }, null)).toMatch(/number/);
    expect(fieldsOfDraft({ ...empty, name: 'log', ignore: '-1' }, null)).toMatch(/whole number/);
    expect(fieldsOfDraft({ ...empty, name: 'log', step: 'soon' }, null)).toMatch(/10-20/);
    expect(fieldsOfDraft({ ...empty, name: ' log ', condition: 'above', limit: '1e3', step: '10 - 20', ignore: '2' }, null))
      .toEqual({ op: 'log', when: null, norm_above: 1000, norm_below: null, ignore: 2, once: false, forward: false, step: [10, 20] });
  });

  it('gives a breakpoint back as it was, line and number untouched', () => {
    const b = breakpoint({ op: 'mul', line: ['In [1]', 3], nth: 1, when: 'jump', factor: 5, step: 4, once: true }), fields = fieldsOfDraft(draftOf(b), b) as Record<string, unknown>;
    expect({ ...b, ...fields }).toEqual(b);
  });
});

describe('words of stops', () => {
  afterEach(() => speak('en', {}));
  const held = (fields: Partial<DebugState>): DebugState => ({
    state: 'held', live: true, graph: 0, index: 6, total: 11, node: 3, reason: '', arrived: [],
    at: { name: 'ReluBackward0', label: 'relu', module: 'encoder.1', source: ['a.py', 4, 'y = x.relu()', 'In [3]'], formula: '', grad_in: [], saved: [], grad_out: [], shares: [] }, ...fields,
  });

  it('are those of the kernel in English', () => {
    const b = breakpoint({ words: 'backward at relu when norm > 3', op: 'relu', norm_above: 3 });
    expect(wordsOf(b)).toBe(b.words);
    expect(pauseWords(held({ reason: `breakpoint ${b.id}: ${b.words}`, breakpoints: [b] }))).toBe(`before node 7 of 11, ReluBackward0 in encoder.1 \u2014 In [3], line 4 \u2014 breakpoint ${b.id}: ${b.words}`);
  });

  it('are made anew of what a breakpoint is in another language', () => {
    speak('es', es);
    const b = breakpoint({ words: 'x', op: 'relu', module: 'encoder', norm_above: 3, step: [2, 5] }), e = breakpoint({ words: 'an exception is raised', exception: true });
    expect(wordsOf(b)).toBe('hacia atr\u00e1s en relu dentro de encoder cuando norma > 3 en los pasos 2 a 5');
    expect(wordsOf(breakpoint({ text: 'mine', op: 'relu', words: 'mine' }))).toBe('mine');
    const says = (...reason: Said[]) => told({ reason: '', said: { reason }, breakpoints: [b, e] });
    expect(says('{0}; {1}', ['breakpoint {0}: {1}', b.id, 'x'], ['breakpoint {0}: {1}', e.id, 'ValueError: no'])).toBe(`parada ${b.id}: ${wordsOf(b)}; parada ${e.id}: ValueError: no`);
    expect(says('stepped over {0} node', 1)).toBe('avanz\u00f3 1 nodo');
    expect(says('went to node {0}', 12)).toBe('fue al nodo 12');
    expect(says('something new')).toBe('something new');
    expect(told({ reason: 'of an older kernel' })).toBe('of an older kernel');
    expect(pauseWords(held({ reason: 'stepped back', said: { reason: ['stepped back'] }, at: { ...held({}).at!, source: null } }))).toBe('antes del nodo 7 de 11, ReluBackward0 en encoder.1 \u2014 retrocedi\u00f3');
  });
});
