/** Points and triangles turned and painted back to front: enough to look at what a program logged as a mesh. */

export interface Mesh { vertices: Float64Array; faces: Int32Array | null; colours: Float64Array | null }

export interface Facet { path: number[]; shade: number; colour: readonly [number, number, number] | null; depth: number }

const MOST_FACES = 40_000, MOST_POINTS = 100_000;

/** Projects a mesh into a box of `size` pixels; triangles (or points, with one corner) sorted from back to front. */
export function facetsOf({ vertices, faces, colours }: Mesh, yaw: number, pitch: number, size: number): Facet[] {
  const n = Math.min(Math.floor(vertices.length / 3), MOST_POINTS), low = [Infinity, Infinity, Infinity], high = [-Infinity, -Infinity, -Infinity];
  for (let i = 0; i < n; i++) for (let d = 0; d < 3; d++) { const v = vertices[i * 3 + d]!; if (Number.isFinite(v)) { low[d] = Math.min(low[d]!, v); high[d] = Math.max(high[d]!, v); } }
  const middle = low.map((v, d) => (v + high[d]!) / 2), radius = Math.hypot(...low.map((v, d) => high[d]! - v)) / 2 || 1;
  const [cy, sy, cp, sp] = [Math.cos(yaw), Math.sin(yaw), Math.cos(pitch), Math.sin(pitch)], k = (size / 2 / radius) * 0.94;
  const turned = new Float64Array(n * 3);
  for (let i = 0; i < n; i++) {
    const [x, y, z] = [0, 1, 2].map(d => vertices[i * 3 + d]! - middle[d]!) as [number, number, number], a = x * cy + z * sy, b = z * cy - x * sy;
    turned.set([a * k, (y * cp - b * sp) * -k, (b * cp + y * sp) * k], i * 3);
  }
  const out: Facet[] = [], tint = (i: number): Facet['colour'] => (colours && colours.length >= i * 3 + 3 ? [colours[i * 3]!, colours[i * 3 + 1]!, colours[i * 3 + 2]!] : null);
  if (!faces) {
    for (let i = 0; i < n; i++) if (Number.isFinite(turned[i * 3]!)) out.push({ path: [turned[i * 3]!, turned[i * 3 + 1]!], shade: 1, colour: tint(i), depth: turned[i * 3 + 2]! });
  } else for (let f = 0; f + 2 < Math.min(faces.length, MOST_FACES * 3); f += 3) {
    const at = [faces[f]!, faces[f + 1]!, faces[f + 2]!];
    if (at.some(i => i < 0 || i >= n)) continue;
    const [p, q, r] = at.map(i => [turned[i * 3]!, turned[i * 3 + 1]!, turned[i * 3 + 2]!]) as [number[], number[], number[]];
    const u = p.map((v, d) => q[d]! - v), w = p.map((v, d) => r[d]! - v), normal = [u[1]! * w[2]! - u[2]! * w[1]!, u[2]! * w[0]! - u[0]! * w[2]!, u[0]! * w[1]! - u[1]! * w[0]!], length = Math.hypot(...normal) || 1;
    out.push({ path: [p[0]!, p[1]!, q[0]!, q[1]!, r[0]!, r[1]!], shade: 0.35 + 0.65 * Math.abs((normal[2]! * 0.8 + normal[1]! * -0.6) / length), colour: tint(at[0]!), depth: (p[2]! + q[2]! + r[2]!) / 3 });
  }
  return out.sort((a, b) => a.depth - b.depth);
}
