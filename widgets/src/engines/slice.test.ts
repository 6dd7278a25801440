import { describe, expect, it } from 'vitest';
import { defaultChoice, fitChoice, sliceOf, sparkBins } from './slice';

describe('slices', () => {
  const shape = [2, 3, 4, 5], flat = (i: number[]) => ((i[0]! * 3 + i[1]!) * 4 + i[2]!) * 5 + i[3]!;

  it('agree with C order for any two dimensions', () => {
    for (const [row, column] of [[2, 3], [0, 1], [3, 0], [1, 3]] as const) {
      const s = sliceOf(shape, { row, column, at: [1, 2, 3, 4] });
      expect([s.rows, s.columns]).toEqual([shape[row], shape[column]]);
      for (let r = 0; r < s.rows; r++) for (let c = 0; c < s.columns; c++) expect(s.offset(r, c)).toBe(flat(s.index(r, c)));
    }
  });

  it('take any rank and empty tensors', () => {
    expect(sliceOf([], defaultChoice([]))).toMatchObject({ rows: 1, columns: 1 });
    expect(sliceOf([], defaultChoice([])).index(0, 0)).toEqual([]);
    const long = sliceOf([1000], defaultChoice([1000]));
    expect(long.rows * long.columns).toBeGreaterThanOrEqual(1000);
    expect(long.offset(long.rows - 1, long.columns - 1)).toBe(-1);
    expect(sliceOf([0], defaultChoice([0])).rows).toBe(0);
    expect(sliceOf([0, 4], defaultChoice([0, 4])).rows).toBe(0);
    expect(sliceOf([50, 50], defaultChoice([50, 50]), 7)).toMatchObject({ rows: 1, columns: 7 });
  });

  it('keep a choice that fits', () => {
    expect(fitChoice({ row: 0, column: 1, at: [0, 0, 9] }, [4, 4, 3])).toEqual({ row: 0, column: 1, at: [0, 0, 2] });
    expect(fitChoice({ row: 0, column: 1, at: [0, 0] }, [4, 4, 3])).toEqual(defaultChoice([4, 4, 3]));
  });
});

it('a sparkline shows the bulk, whatever nan and outliers there are', () => {
  const values = Float32Array.from({ length: 2000 }, (_, i) => i / 1000 - 1);
  values[0] = 1e30; values[1] = NaN; values[2] = -Infinity;
  const { counts, from, to } = sparkBins(values);
  expect(from).toBeGreaterThan(-1.1);
  expect(to).toBeLessThan(1.1);
  expect(counts.reduce((a, b) => a + b, 0)).toBe(1998);
  expect(sparkBins(new Float32Array([5, 5])).counts[16]).toBe(2);
  expect(sparkBins(new Float32Array([NaN])).from).toBeNaN();
});
