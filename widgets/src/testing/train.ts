/** A real MLP, trained in the page on ten Gaussian clusters: the demo shows numbers that belong together. */

export const SIZES = [64, 48, 32, 10] as const;
const LAYERS = ['fc1', 'fc2', 'head'] as const;

export interface Snapshot {
  step: number; loss: number; accuracy: number; lr: number; gradNorm: number; ms: number;
  /** Values by tape key: "weight/fc1.weight", "grad/...", "update/...", "activation/act1". */
  values: Map<string, Float32Array>;
  shapes: Map<string, number[]>;
}

export interface Training { steps: Snapshot[]; points: Float32Array[]; labels: Int32Array; pointSteps: number[]; batch: number }

/** mulberry32, so that screenshots repeat. */
export function random(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** y[n, o] = x[n, i] W[o, i]^T + b */
function linear(x: Float32Array, w: Float32Array, b: Float32Array, n: number, i: number, o: number): Float32Array {
  const y = new Float32Array(n * o);
  for (let r = 0; r < n; r++) {
    for (let c = 0; c < o; c++) {
      let sum = b[c]!;
      for (let k = 0; k < i; k++) sum += x[r * i + k]! * w[c * i + k]!;
      y[r * o + c] = sum;
    }
  }
  return y;
}

export function train(stepCount = 200, batch = 64, seed = 7): Training {
  const next = random(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  const centres = Float32Array.from({ length: 10 * SIZES[0] }, () => normal() * 0.45);
  const sample = (n: number): [Float32Array, Int32Array] => {
    const y = Int32Array.from({ length: n }, () => Math.floor(next() * 10));
    return [Float32Array.from({ length: n * SIZES[0] }, (_, i) => centres[y[Math.floor(i / SIZES[0])]! * SIZES[0] + (i % SIZES[0])]! + normal() * 0.8), y];
  };
  const weights = LAYERS.map((_, l) => Float32Array.from({ length: SIZES[l]! * SIZES[l + 1]! }, () => (next() * 2 - 1) / Math.sqrt(SIZES[l]!)));
  const biases = LAYERS.map((_, l) => Float32Array.from({ length: SIZES[l + 1]! }, () => (next() * 2 - 1) / Math.sqrt(SIZES[l]!)));
  for (let c = 0; c < 5; c++) biases[1]![c] = -3;       // five units that never fire, for the finding
  const parameters = LAYERS.flatMap((name, l) => [{ name: `${name}.weight`, data: weights[l]!, shape: [SIZES[l + 1]!, SIZES[l]!] }, { name: `${name}.bias`, data: biases[l]!, shape: [SIZES[l + 1]!] }]);
  const moments = parameters.map(p => [new Float32Array(p.data.length), new Float32Array(p.data.length)] as const);
  const forward = (x: Float32Array, n: number) => {
    const a: Float32Array[] = [x], z: Float32Array[] = [];
    for (let l = 0; l < 3; l++) {
      z.push(linear(a[l]!, weights[l]!, biases[l]!, n, SIZES[l]!, SIZES[l + 1]!));
      if (l < 2) a.push(z[l]!.map(v => (v > 0 ? v : 0)));
    }
    return { a, z };
  };
  const [probe, labels] = sample(400);
  const run: Training = { steps: [], points: [], labels, pointSteps: [], batch };

  for (let step = 0; step < stepCount; step++) {
    const [x, y] = sample(batch);
    const { a, z } = forward(x, batch);
    const logits = z[2]!, grad = new Float32Array(logits.length);
    let loss = 0, hits = 0;
    for (let r = 0; r < batch; r++) {
      const row = logits.subarray(r * 10, r * 10 + 10);
      const top = Math.max(...row);
      const total = row.reduce((sum, v) => sum + Math.exp(v - top), 0);
      loss += (Math.log(total) + top - row[y[r]!]!) / batch;
      if (row.indexOf(top) === y[r]) hits++;
      for (let c = 0; c < 10; c++) grad[r * 10 + c] = (Math.exp(row[c]! - top) / total - (c === y[r] ? 1 : 0)) / batch;
    }
    const values = new Map<string, Float32Array>(), shapes = new Map<string, number[]>();
    const keep = (key: string, data: Float32Array, shape: number[]) => { values.set(key, data); shapes.set(key, shape); };
    keep('input/x', x, [batch, SIZES[0]]);
    const grads: Float32Array[] = [];
    let g = grad;
    for (let l = 2; l >= 0; l--) {
      const i = SIZES[l]!, o = SIZES[l + 1]!;
      keep(`activation/${LAYERS[l]}`, z[l]!, [batch, o]);
      keep(`output_grad/${LAYERS[l]}`, g, [batch, o]);
      const dw = new Float32Array(i * o), db = new Float32Array(o), dx = new Float32Array(batch * i);
      for (let r = 0; r < batch; r++) {
        for (let c = 0; c < o; c++) {
          const gr = g[r * o + c]!;
          if (gr === 0) continue;
          db[c] = db[c]! + gr;
          for (let k = 0; k < i; k++) { dw[c * i + k] = dw[c * i + k]! + gr * a[l]![r * i + k]!; dx[r * i + k] = dx[r * i + k]! + gr * weights[l]![c * i + k]!; }
        }
      }
      grads[l * 2] = dw;
      grads[l * 2 + 1] = db;
      if (l > 0) {
        keep(`activation/act${l}`, a[l]!, [batch, i]);
        keep(`output_grad/act${l}`, dx, [batch, i]);
        g = dx.map((v, k) => (z[l - 1]![k]! > 0 ? v : 0));
      }
    }
    const lr = 0.004 * (step < 20 ? (step + 1) / 20 : 0.5 * (1 + Math.cos((Math.PI * (step - 20)) / (stepCount - 20))) + 0.02);
    let squares = 0;
    parameters.forEach((p, n) => {
      const [m, v] = moments[n]!, before = p.data.slice();
      const update = grads[n]!.map((d, k) => {
        squares += d * d;
        m[k] = 0.9 * m[k]! + 0.1 * d;
        v[k] = 0.99 * v[k]! + 0.01 * d * d;
        return (-lr * m[k]!) / (1 - 0.9 ** (step + 1)) / (Math.sqrt(v[k]! / (1 - 0.99 ** (step + 1))) + 1e-8);
      });
      keep(`weight/${p.name}`, before, p.shape);
      keep(`grad/${p.name}`, grads[n]!, p.shape);
      keep(`update/${p.name}`, update, p.shape);
      p.data.set(before.map((w, k) => w + update[k]!));
    });
    run.steps.push({ step, loss, accuracy: hits / batch, lr, gradNorm: Math.sqrt(squares), ms: 1.9 + next() * 0.5 + (next() > 0.97 ? 3 : 0), values, shapes });
    if (step % 10 === 0 || step === stepCount - 1) {
      run.points.push(forward(probe, 400).z[0]!);
      run.pointSteps.push(step);
    }
  }
  return run;
}

/** The first `count` principal axes of x [n, d], by power iteration; returns them and their share of the variance. */
export function principalAxes(x: Float32Array, d: number, count = 3): { axes: Float32Array[]; mean: Float32Array; explained: number[] } {
  const n = x.length / d, mean = new Float32Array(d), next = random(1);
  for (let i = 0; i < x.length; i++) mean[i % d] = mean[i % d]! + x[i]! / n;
  const c = x.map((v, i) => v - mean[i % d]!);
  const total = c.reduce((sum, v) => sum + v * v, 0);
  const axes: Float32Array[] = [], explained: number[] = [];
  for (let k = 0; k < count; k++) {
    let axis = Float32Array.from({ length: d }, () => next() - 0.5);
    let size = 0;
    for (let round = 0; round < 40; round++) {
      const out = new Float32Array(d);
      for (let r = 0; r < n; r++) {
        let dot = 0;
        for (let j = 0; j < d; j++) dot += c[r * d + j]! * axis[j]!;
        for (let j = 0; j < d; j++) out[j] = out[j]! + dot * c[r * d + j]!;
      }
      for (const other of axes) {
        const dot = out.reduce((sum, v, j) => sum + v * other[j]!, 0);
        for (let j = 0; j < d; j++) out[j] = out[j]! - dot * other[j]!;
      }
      size = Math.hypot(...out);
      axis = out.map(v => v / size);
    }
    axes.push(axis);
    explained.push(size / total);
  }
  return { axes, mean, explained };
}
