/**
 * Point clouds as int16 positions in random order, and the camera that 2D and 3D share.
 *
 * Slots are drawn in a seeded random order, so any prefix is a uniform sample: what is too many to draw while moving is drawn as
 * a prefix. A row of the data and its slot are related by `order` and `slotOf`.
 */

/** Positions lie within a cube of this half width. */
export const UNIT = 32767;

export interface Order {
  /** Row of each slot. */
  row: Uint32Array;
  /** Slot of each row. */
  slot: Uint32Array;
}

/** The same n gives the same order on every page. */
export function shuffled(n: number): Order {
  const row = Uint32Array.from({ length: n }, (_, i) => i);
  let state = 0x9e3779b9 ^ n;
  for (let i = n - 1; i > 0; i--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const j = Math.floor((state / 4294967296) * (i + 1));
    const kept = row[i]!;
    row[i] = row[j]!;
    row[j] = kept;
  }
  const slot = new Uint32Array(n);
  for (let i = 0; i < n; i++) slot[row[i]!] = i;
  return { row, slot };
}

/** The cube all steps of a projection are shown in. */
export interface Bounds {
  centre: [number, number, number];
  /** Half width of the cube. */
  half: number;
  /** Radius that holds 99 % of the points: what the camera fits. */
  radius: number;
}

/** Bounds of all clouds together; non-finite coordinates do not count. */
export function boundsOf(clouds: readonly Float32Array[]): Bounds {
  const lo = [Infinity, Infinity, Infinity];
  const hi = [-Infinity, -Infinity, -Infinity];
  let n = 0;
  for (const xyz of clouds) {
    n += xyz.length / 3;
    for (let i = 0; i < xyz.length; i++) {
      const v = xyz[i]!;
      if (!Number.isFinite(v)) continue;
      const d = i % 3;
      if (v < lo[d]!) lo[d] = v;
      if (v > hi[d]!) hi[d] = v;
    }
  }
  const centre = lo.map((l, d) => (l <= hi[d]! ? (l + hi[d]!) / 2 : 0)) as [number, number, number];
  let half = 0;
  for (let d = 0; d < 3; d++) if (hi[d]! >= lo[d]!) half = Math.max(half, (hi[d]! - lo[d]!) / 2);
  // Seen from the front the third axis takes no room; a sample of distances is enough for a percentile.
  const stride = Math.max(1, Math.floor(n / 20000));
  const far: number[] = [];
  let i = 0;
  for (const xyz of clouds) {
    for (let p = 0; p < xyz.length; p += 3, i++) {
      if (i % stride) continue;
      const r = Math.max(Math.abs(xyz[p]! - centre[0]), Math.abs(xyz[p + 1]! - centre[1]));
      if (Number.isFinite(r)) far.push(r);
    }
  }
  far.sort((a, b) => a - b);
  return { centre, half: half || 1, radius: far[Math.floor((far.length - 1) * 0.99)] || half || 1 };
}

/** Int16 positions in slot order; rows with a non-finite coordinate go to the far corner, where `isLost` finds them. */
export function quantise(xyz: Float32Array, order: Order, bounds: Bounds): Int16Array {
  const n = order.row.length;
  const out = new Int16Array(n * 3);
  const scale = UNIT / bounds.half;
  const [cx, cy, cz] = bounds.centre;
  for (let s = 0; s < n; s++) {
    const p = order.row[s]! * 3;
    const x = (xyz[p]! - cx) * scale;
    const y = (xyz[p + 1]! - cy) * scale;
    const z = (xyz[p + 2]! - cz) * scale;
    const lost = !Number.isFinite(x + y + z);
    out[s * 3] = lost ? -32768 : Math.max(-UNIT, Math.min(UNIT, Math.round(x)));
    out[s * 3 + 1] = lost ? -32768 : Math.max(-UNIT, Math.min(UNIT, Math.round(y)));
    out[s * 3 + 2] = lost ? -32768 : Math.max(-UNIT, Math.min(UNIT, Math.round(z)));
  }
  return out;
}

export interface Camera {
  /** Turn around the vertical and the horizontal axis, radians. */
  yaw: number;
  pitch: number;
  zoom: number;
  panX: number;
  panY: number;
  /** 0 is flat (2D: no depth, no perspective), 1 is full 3D; between them the view folds over. */
  depth: number;
}

export const front = (): Camera => ({ yaw: 0, pitch: 0, zoom: 1, panX: 0, panY: 0, depth: 0 });

/** How far the eye stands from the centre, in cube half widths: smaller is more perspective. */
export const EYE = 3.6;

/** The camera as numbers for one canvas: rows of the rotation (depth folded in) and scale and offset in pixels. */
export interface Lens {
  m: Float64Array;
  scale: number;
  x: number;
  y: number;
  perspective: number;
}

export function lensOf(camera: Camera, bounds: Bounds, width: number, height: number): Lens {
  const { depth } = camera;
  const cy = Math.cos(camera.yaw * depth);
  const sy = Math.sin(camera.yaw * depth);
  const cp = Math.cos(camera.pitch * depth);
  const sp = Math.sin(camera.pitch * depth);
  const d = depth / UNIT;
  const u = 1 / UNIT;
  const fit = (0.44 * Math.min(width, height) * bounds.half) / bounds.radius;
  return {
    //                  x              y         z
    m: Float64Array.of(cy * u, 0, sy * d, sp * sy * u, cp * u, -sp * cy * d, -cp * sy * u, sp * u, cp * cy * d),
    scale: fit * camera.zoom,
    x: width / 2 + camera.panX,
    y: height / 2 + camera.panY,
    perspective: depth / EYE,
  };
}

/** Screen positions of the first `count` slots; `z` grows towards the eye (-1.8..1.8), x is NaN for lost or hidden points. */
export interface Screen {
  x: Float32Array;
  y: Float32Array;
  z: Float32Array;
  count: number;
}

export const screenFor = (n: number): Screen => ({ x: new Float32Array(n), y: new Float32Array(n), z: new Float32Array(n), count: 0 });

/** Positions between cloud `a` (t = 0) and cloud `b` (t = 1) seen through the lens. */
export function project(a: Int16Array, b: Int16Array, t: number, lens: Lens, out: Screen, count: number): void {
  const [m0, , m2, m3, m4, m5, m6, m7, m8] = lens.m as unknown as number[] as [number, number, number, number, number, number, number, number, number];
  const { scale, perspective } = lens;
  const still = a === b || t <= 0;
  const { x, y, z } = out;
  for (let s = 0, p = 0; s < count; s++, p += 3) {
    let px = a[p]!;
    let py = a[p + 1]!;
    let pz = a[p + 2]!;
    if (px === -32768 || b[p] === -32768) {
      x[s] = NaN;
      continue;
    }
    if (!still) {
      px += (b[p]! - px) * t;
      py += (b[p + 1]! - py) * t;
      pz += (b[p + 2]! - pz) * t;
    }
    const qz = m6 * px + m7 * py + m8 * pz;
    const w = 1 - qz * perspective;
    const k = w > 0.05 ? scale / w : NaN;
    x[s] = lens.x + (m0 * px + m2 * pz) * k;
    y[s] = lens.y - (m3 * px + m4 * py + m5 * pz) * k;
    z[s] = qz;
  }
  out.count = count;
}

/** Radius and opacity of a mark in CSS pixels, from how much room each point has. */
export function markOf(n: number, width: number, height: number, zoom: number): { radius: number; alpha: number } {
  const room = (width * height * 0.3) / Math.max(n, 1);
  const grown = Math.max(zoom, 0.25) ** 0.4;
  const radius = Math.min(Math.max(0.36 * Math.sqrt(room), 0.85), 4.2) * grown;
  const crowd = Math.min(1, room / 3);
  return { radius: Math.min(Math.max(radius, 0.85), 11), alpha: Math.min(0.92, 0.4 + 0.52 * Math.sqrt(crowd) * Math.min(grown, 1.6)) };
}

/** Rows nearest to `row` in the projected space (straight distance), nearest first. */
export function nearestRows(xyz: Float32Array, row: number, k: number, flat = false): { row: number; distance: number }[] {
  const n = Math.floor(xyz.length / 3);
  const best: { row: number; distance: number }[] = [];
  const [x, y, z] = [xyz[row * 3]!, xyz[row * 3 + 1]!, xyz[row * 3 + 2]!];
  let worst = Infinity;
  for (let i = 0; i < n; i++) {
    const dz = flat ? 0 : xyz[i * 3 + 2]! - z;
    const d = (xyz[i * 3]! - x) ** 2 + (xyz[i * 3 + 1]! - y) ** 2 + dz * dz;
    if (i === row || !(d < worst)) continue;
    let at = best.length;
    while (at > 0 && best[at - 1]!.distance > d) at--;
    best.splice(at, 0, { row: i, distance: d });
    if (best.length > k) best.pop();
    if (best.length === k) worst = best[k - 1]!.distance;
  }
  for (const b of best) b.distance = Math.sqrt(b.distance);
  return best;
}
