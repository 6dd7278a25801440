import { expect, it } from 'vitest';
import { axisFor, inside, pathOf } from './parallel';

const say = String;

it('an axis is what its values are: numbers, powers of ten, words', () => {
  const lr = axisFor('lr', [1e-4, 1e-2, 1e-3], say), drop = axisFor('dropout', [0, 0.5, 0.25], say), opt = axisFor('optimizer', ['sgd', 'adam', null, 'adam'], say);
  expect([lr.kind, drop.kind, opt.kind]).toEqual(['log', 'number', 'word']);
  expect(lr.at(1e-3)).toBeCloseTo(0.5);
  expect(drop.at(0.25)).toBe(0.5);
  expect([opt.at('adam'), opt.at('sgd'), opt.at(null), opt.at('lion')]).toEqual([0, 1, null, null]);
  expect(opt.ticks.map(t => t.label)).toEqual(['adam', 'sgd']);
  expect(axisFor('flag', [true, false], say).kind).toBe('word');
  expect(axisFor('mixed', [1, 'auto'], say).kind).toBe('word');
});

it('one value, no value and values that are not finite have a place or none, and never throw', () => {
  expect(axisFor('one', [3, 3], say).at(3)).toBe(0.5);
  expect(axisFor('none', [], say).ticks).toEqual([]);
  const bad = axisFor('loss', [NaN, Infinity], say);
  expect([bad.at(NaN), bad.at(0.5)]).toEqual([null, 0.5]);
  const some = axisFor('loss', [NaN, 1, 2], say);
  expect([some.at(NaN), some.at(1), some.at(2)]).toEqual([null, 0, 1]);
  expect(axisFor('many', Array.from({ length: 100 }, (_, i) => `w${i}`), say).ticks.length).toBeLessThanOrEqual(12);
});

it('brushes keep the rows that are inside all of them; a row without the value is outside', () => {
  const rows = [{ lr: 1e-4, loss: 2 }, { lr: 1e-2, loss: 1 }, { loss: 1 }], axes = [axisFor('lr', rows.map(r => r.lr), say), axisFor('loss', rows.map(r => r.loss), say)];
  expect(inside(axes, rows, new Map())).toEqual([true, true, true]);
  expect(inside(axes, rows, new Map([['lr', [0.5, 1]]]))).toEqual([false, true, false]);
  expect(inside(axes, rows, new Map([['lr', [0, 1]], ['loss', [0.9, 1]]]))).toEqual([true, false, false]);
});

it('a line goes through the axes and is broken where there is no value', () => {
  const rows = [{ a: 0, b: 1, c: 0 }, { a: 1, c: 1 }], axes = ['a', 'b', 'c'].map(n => axisFor(n, rows.map(r => (r as any)[n]), say));
  expect(pathOf(axes, rows[0]!, i => i * 100, s => s * 10).match(/[MC]/g)).toEqual(['M', 'C', 'C']);
  expect(pathOf(axes, rows[1]!, i => i * 100, s => s * 10)).toBe('M0 10M200 10');
});
