/** Many runs as one: mean, lowest and highest at each x, each run carried on between its samples by a straight line. */

type Values = readonly (number | null | undefined)[];

export interface Band { mean: (number | null)[]; low: (number | null)[]; high: (number | null)[] }

export function bandOf(x: readonly number[], runs: readonly Values[]): Band {
  const full = runs.map(ys => carried(x, ys));
  const band: Band = { mean: [], low: [], high: [] };
  for (let i = 0; i < x.length; i++) {
    let sum = 0, n = 0, low = Infinity, high = -Infinity;
    for (const ys of full) {
      const v = ys[i]!;
      if (!Number.isFinite(v)) continue;
      sum += v; n++;
      if (v < low) low = v;
      if (v > high) high = v;
    }
    band.mean.push(n ? sum / n : null);
    band.low.push(n ? low : null);
    band.high.push(n ? high : null);
  }
  return band;
}

/** Fills gaps between two samples; before the first and after the last a run has no say, and null (nan, inf) stays a hole. */
function carried(x: readonly number[], ys: Values): Float64Array {
  const out = new Float64Array(x.length).fill(NaN);
  let before = -1;
  for (let i = 0; i < x.length; i++) {
    const v = ys[i];
    if (v === undefined) continue;
    if (v === null) { before = -1; continue; }
    out[i] = v;
    if (before >= 0) for (let k = before + 1; k < i; k++) out[k] = out[before]! + ((v - out[before]!) * (x[k]! - x[before]!)) / (x[i]! - x[before]!);
    before = i;
  }
  return out;
}
