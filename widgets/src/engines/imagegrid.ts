/** Tensors as pictures: which stretches of the flat values are tiles, and their colours. */

export interface Grid {
  tiles: { offset: number; label: string }[];
  height: number; width: number;
  /** Values from one pixel to the next, from one row of pixels to the next, and from one channel to the next. */
  stepX: number; stepY: number; stepC: number;
  /** 3: red, green, blue; 1: one number a pixel. */
  channels: 1 | 3;
}

const MOST = 256;

/**
 * A tensor's tiles: filters [out, in, h, w] are out x in tiles (three inputs are colours), feature maps and attention [n, c, h, w] are the
 * c tiles of one sample, inputs [n, 1 or 3, h, w] are n tiles, [n, h, w] are n tiles, a matrix is one.
 */
export function gridOf(shape: readonly number[], what: 'filters' | 'maps' | 'inputs', sample = 0): Grid | null {
  if (shape.length < 2 || shape.some(n => n < 1)) return null;
  const [h, w] = shape.slice(-2) as [number, number], area = h * w, lead = shape.slice(0, -2), tiles: Grid['tiles'] = [];
  const colour = what !== 'maps' && shape.length === 4 && shape[1] === 3, grid = { height: h, width: w, stepX: 1, stepY: w, stepC: area, channels: colour ? 3 : 1 } as const;
  if (shape.length >= 4 && what === 'maps') {
    const per = lead.slice(1).reduce((a, b) => a * b, 1), base = Math.min(Math.max(0, sample), lead[0]! - 1) * per;
    for (let c = 0; c < Math.min(per, MOST); c++) tiles.push({ offset: (base + c) * area, label: String(c) });
  } else {
    const n = lead.reduce((a, b) => a * b, 1), step = colour ? 3 : 1;
    for (let i = 0; i < n && tiles.length < MOST; i += step) tiles.push({ offset: i * area, label: shape.length === 4 && !colour && what === 'filters' ? `${Math.floor(i / shape[1]!)}, ${i % shape[1]!}` : String(i / step) });
  }
  return { tiles, ...grid };
}

/** Least and greatest finite value of a tile set; equal bounds where there is nothing to tell apart. */
export function rangeOf(values: ArrayLike<number>, grid: Grid): [number, number] {
  let low = Infinity, high = -Infinity;
  for (const { offset } of grid.tiles) for (let i = 0; i < grid.height * grid.width * grid.channels; i++) {
    const v = values[offset + i]!;
    if (Number.isFinite(v)) { if (v < low) low = v; if (v > high) high = v; }
  }
  return low <= high ? [low, high] : [0, 0];
}

/** RGBA of one tile, 0xAABBGGRR; `colourOf` maps a value where there are no colours. What is not finite gets `bad`. */
export function paintTile(out: Uint32Array, values: ArrayLike<number>, grid: Grid, tile: number, colourOf: (v: number) => number, [low, high]: readonly [number, number], bad: number): void {
  const { offset } = grid.tiles[tile]!, { width, height, stepX, stepY, stepC } = grid, span = high - low || 1;
  for (let r = 0; r < height; r++) for (let c = 0; c < width; c++) {
    const at = offset + r * stepY + c * stepX, v = values[at]!;
    if (grid.channels === 1) out[r * width + c] = Number.isFinite(v) ? colourOf(v) : bad;
    else {
      const byte = (k: number) => Math.round(Math.min(1, Math.max(0, (values[at + k * stepC]! - low) / span)) * 255);
      out[r * width + c] = Number.isFinite(v + values[at + stepC]! + values[at + 2 * stepC]!) ? (0xff000000 | (byte(2) << 16) | (byte(1) << 8) | byte(0)) >>> 0 : bad;
    }
  }
}

const READERS: Record<string, (view: DataView, at: number) => number> = {
  f4: (v, i) => v.getFloat32(i, true), f8: (v, i) => v.getFloat64(i, true), i4: (v, i) => v.getInt32(i, true), u4: (v, i) => v.getUint32(i, true), i2: (v, i) => v.getInt16(i, true), u2: (v, i) => v.getUint16(i, true),
  i1: (v, i) => v.getInt8(i), u1: (v, i) => v.getUint8(i), b1: (v, i) => v.getUint8(i), i8: (v, i) => Number(v.getBigInt64(i, true)), u8: (v, i) => Number(v.getBigUint64(i, true)),
};

/** Numbers of an array as it was logged (NumPy's dtype names, little-endian); null for a type that is no number. What is missing at the end is missing. */
export function numbersOf(bytes: Uint8Array, dtype: string): Float64Array | null {
  const name = dtype.replace(/^[<>|=]/, ''), read = READERS[name], size = Number(name.slice(1));
  if (!read || dtype.startsWith('>')) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float64Array.from({ length: Math.floor(bytes.byteLength / size) }, (_, i) => read(view, i * size));
}
