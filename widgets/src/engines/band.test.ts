import { expect, it } from 'vitest';
import { bandOf } from './band';

it('a band joins runs that were sampled at different steps, and ends with each of them', () => {
  const u = undefined;
  const band = bandOf([0, 1, 2, 3, 4], [[0, u, 2, u, 4], [4, 4, null, 4, u]]);
  expect(band.mean).toEqual([2, 2.5, 2, 3.5, 4]);
  expect(band.low).toEqual([0, 1, 2, 3, 4]);
  expect(band.high).toEqual([4, 4, 2, 4, 4]);
  expect(bandOf([1], [[null]])).toEqual({ mean: [null], low: [null], high: [null] });
  expect(bandOf([], [])).toEqual({ mean: [], low: [], high: [] });
});
