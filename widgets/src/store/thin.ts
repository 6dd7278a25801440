/** What a bounded table lets go of: the older three quarters lose detail, the newest quarter never. */

/** Rows to keep: of every four older rows the smallest and the largest value, so that spikes stay, and every non-finite one beside a finite. */
export function thinnedExtremes(values: ArrayLike<number>, length: number): Int32Array {
  const old = Math.floor((length * 3) / 4 / 4) * 4;
  const rows = new Int32Array(length);
  let n = 0;
  for (let at = 0; at < old; at += 4) {
    let low = at, high = at, odd = -1;
    for (let i = at; i < at + 4; i++) {
      const v = values[i]!;
      if (!Number.isFinite(v)) { odd = i; continue; }
      if (!(v >= values[low]!)) low = i;
      if (!(v <= values[high]!)) high = i;
    }
    const pair = odd >= 0 ? [odd, Number.isFinite(values[low]!) && low !== odd ? low : odd] : low === high ? [at, at + 3] : [low, high];
    pair.sort((a, b) => a - b);
    rows[n++] = pair[0]!;
    if (pair[1] !== pair[0]) rows[n++] = pair[1]!;
  }
  for (let i = old; i < length; i++) rows[n++] = i;
  return rows.subarray(0, n);
}

/** Rows to keep: every other one of the older rows; `marked` rows (with non-finite values) win over their neighbour. */
export function thinnedPairs(length: number, marked?: (row: number) => boolean): Int32Array {
  const old = Math.floor((length * 3) / 4 / 2) * 2;
  const rows = new Int32Array(length);
  let n = 0;
  for (let at = 0; at < old; at += 2) rows[n++] = marked?.(at + 1) ? at + 1 : at;
  for (let i = old; i < length; i++) rows[n++] = i;
  return rows.subarray(0, n);
}
