/** Figures of charts, store, histogram painters and point stage, for the page that run.py opens. Nothing is sent anywhere. */

import { axisOf, BINS, binOf, type Rows } from '../src/engines/bins';
import { nearestRows } from '../src/engines/points';
import { colouring } from '../src/engines/points_palette';
import { Pyramid, windowOf, type Track } from '../src/engines/pyramid';
import { Run } from '../src/store/run';
import type { Projection, Stats } from '../src/store/types';
import { addStyle, dress, readTheme } from '../src/theme';
import { PageTicker } from '../src/ticker';
import { FocusPlot } from '../src/views/histograms/plot';
import { paintOf, TilePainter } from '../src/views/histograms/tiles';
import { Chart, type Line } from '../src/views/metrics/chart';
import { STYLE as METRICS } from '../src/views/metrics/style';
import { boundsAll } from '../src/views/projector/model';
import { Stage } from '../src/views/projector/stage';

const figures: [string, number, string][] = [];
const note = (what: string, value: number, unit = 'ms') => {
  figures.push([what, value, unit]);
  console.log(`${what}: ${value.toFixed(2)} ${unit}`);
};
const frame = () => new Promise<number>((resolve) => requestAnimationFrame(resolve));
const median = (list: number[]) => [...list].sort((a, b) => a - b)[list.length >> 1]!;
const p95 = (list: number[]) => [...list].sort((a, b) => a - b)[Math.floor(list.length * 0.95)]!;

let seed = 1;
const next = () => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 4294967296;
const normal = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());

/** `steps` rows of 2,000 normally distributed values whose width grows. */
function series(steps: number, capacity = steps): Rows & { append(): void } {
  const sample = Array.from({ length: 2000 }, normal);
  const rows = {
    step: { data: new Int32Array(capacity), length: 0 }, first: { data: new Uint16Array(capacity) }, size: { data: new Uint16Array(capacity) },
    start: { data: new Uint32Array(capacity) }, counts: { data: new Uint32Array(capacity * 400) },
  };
  let at = 0;
  const append = () => {
    const r = rows.step.length;
    const counts = new Uint32Array(BINS);
    const scale = 0.05 * (1 + r / 300);
    for (const v of sample) counts[binOf(v * scale)]!++;
    const first = counts.findIndex(Boolean);
    const last = counts.findLastIndex(Boolean);
    const part = counts.subarray(first, last + 1);
    if (at + part.length > rows.counts.data.length) {
      const wider = new Uint32Array(rows.counts.data.length * 2);
      wider.set(rows.counts.data);
      rows.counts.data = wider;
    }
    rows.counts.data.set(part, at);
    rows.first.data[r] = first;
    rows.size.data[r] = part.length;
    rows.start.data[r] = at;
    rows.step.data[r] = r;
    at += part.length;
    rows.step.length++;
  };
  for (let r = 0; r < steps; r++) append();
  return Object.assign(rows, { append });
}

const NO_STATS: Stats | undefined = undefined;

async function heatmaps(root: HTMLElement): Promise<void> {
  const COUNT = 200;
  const STEPS = 500;
  const data = Array.from({ length: COUNT }, () => series(STEPS, STEPS + 8));
  const paint = paintOf(readTheme(root));
  const canvases = data.map(() => {
    const canvas = document.createElement('canvas');
    canvas.style.cssText = 'width: 216px; height: 46px; float: left; margin: 2px';
    root.append(canvas);
    return canvas;
  });
  await frame();
  const painter = new TilePainter();
  let axis = axisOf('linear', -0.6, 0.6);
  const all = () => {
    const begin = performance.now();
    canvases.forEach((canvas, i) => painter.paint(canvas, String(i), { histograms: data[i], stats: NO_STATS, axis, hue: 'forward', step: null }, paint));
    return performance.now() - begin;
  };
  const begin = performance.now();
  note(`${COUNT} heat maps of ${STEPS} steps, first paint (script)`, all());
  await frame();
  await frame();
  note(`${COUNT} heat maps, first paint until on screen`, performance.now() - begin);
  note(`${COUNT} heat maps, repaint (script)`, median(Array.from({ length: 9 }, all)));
  axis = axisOf('symlog', -0.6, 0.6, 0.01);
  note(`${COUNT} heat maps, new axis (script)`, all());
  const appended = Array.from({ length: 5 }, () => {
    data.forEach((d) => d.append());
    return all();
  });
  note(`${COUNT} heat maps, one more step in each (script)`, median(appended));
  const large = document.createElement('canvas');
  large.style.cssText = 'width: 580px; height: 600px';
  root.replaceChildren(large);
  const plot = new FocusPlot();
  for (const mode of ['heat', 'ridge', 'overlay', 'bands'] as const) {
    const times = Array.from({ length: 9 }, (_, i) => {
      const begin = performance.now();
      plot.paint(large, `${mode}`, { histograms: data[0], stats: NO_STATS, axis, hue: 'forward', step: i * 10 }, mode, paint);
      return performance.now() - begin;
    });
    note(`large ${mode}, first`, times[0]!);
    note(`large ${mode}, again`, median(times));
  }
}

async function points(root: HTMLElement, n: number): Promise<void> {
  const xyz = new Float32Array(n * 3);
  const label = new Int32Array(n);
  for (let i = 0; i < n; i++) {
    label[i] = i % 20;
    for (let d = 0; d < 3; d++) xyz[i * 3 + d] = normal() * 0.3 + 2 * Math.sin((i % 20) * (d + 1.7));
  }
  const moved = xyz.map((v) => v * 1.1 + 0.1);
  const projection = (step: number, of: Float32Array): Projection => ({ key: 'k', step, n, method: 'pca', explained: [0.4, 0.2, 0.1], xyz: of, label });
  const [first, second] = [projection(0, xyz), projection(1, moved)];
  const canvases = [0, 1].map(() => {
    const canvas = document.createElement('canvas');
    canvas.style.cssText = 'position: absolute; inset: 0; width: 1200px; height: 750px';
    return canvas;
  });
  root.replaceChildren(...canvases);
  await frame();
  const ticker = new PageTicker();
  const stage = new Stage(canvases[0]!, canvases[1]!, { ticker, shared: new Map(), moves: true }, readTheme(root));
  const name = `${n.toLocaleString('en')} points`;
  let begin = performance.now();
  stage.resize(1200, 750, 1);
  stage.show(first, boundsAll([first]));
  stage.paint(colouring(label, label.length), undefined, null);
  await frame();
  await frame();
  note(`${name}, first paint (${stage.accelerated ? 'WebGL' : 'soft'})`, performance.now() - begin);
  await new Promise((resolve) => setTimeout(resolve, 300));

  const spin = async (frames: number) => {
    const times: number[] = [];
    let last = await frame();
    for (let i = 0; i < frames; i++) {
      stage.turn(0.02, 0.004);
      const now = await frame();
      times.push(now - last);
      last = now;
    }
    return times.slice(2);
  };
  const flat: number[] = [];
  let last = await frame();
  for (let i = 0; i < 40; i++) {
    stage.pan(i % 2 ? 6 : -6, 3);
    const now = await frame();
    flat.push(now - last);
    last = now;
  }
  note(`${name}, 2D moving, frame`, median(flat));
  note(`${name}, 2D moving, frame p95`, p95(flat));
  stage.camera.depth = 1;
  const turned = await spin(40);
  note(`${name}, 3D turning, frame`, median(turned));
  note(`${name}, 3D turning, frame p95`, p95(turned));
  await new Promise((resolve) => setTimeout(resolve, 600));
  begin = performance.now();
  stage.pick(600, 375);
  note(`${name}, first pick after a move`, performance.now() - begin);
  begin = performance.now();
  for (let i = 0; i < 100; i++) stage.pick(300 + i * 6, 200 + i * 3);
  note(`${name}, pick`, (performance.now() - begin) / 100);
  stage.lasso = Array.from({ length: 120 }, (_, i) => (i % 2 ? 375 + 250 * Math.sin((i - 1) / 38) : 600 + 300 * Math.cos(i / 38)));
  begin = performance.now();
  const inside = stage.enclosed().length;
  note(`${name}, lasso of 60 corners (${inside.toLocaleString('en')} inside)`, performance.now() - begin);
  stage.lasso = null;
  begin = performance.now();
  stage.show(second, boundsAll([first, second]));
  note(`${name}, new step (script before the slide)`, performance.now() - begin);
  const slide: number[] = [];
  last = await frame();
  for (let i = 0; i < 12; i++) {
    const now = await frame();
    slide.push(now - last);
    last = now;
  }
  note(`${name}, slide between steps, frame`, median(slide));
  begin = performance.now();
  nearestRows(xyz, 0, 10);
  note(`${name}, ten neighbours`, performance.now() - begin);
  const memory = (performance as { memory?: { usedJSHeapSize: number } }).memory;
  if (memory) note(`${name}, heap`, memory.usedJSHeapSize / 1e6, 'MB');
  stage.dispose();
}

const memory = () => (performance as { memory?: { usedJSHeapSize: number } }).memory?.usedJSHeapSize ?? NaN;

/** Ten million samples asked for windows of any width, and a hundred lines redrawn as they move. */
async function charts(root: HTMLElement): Promise<void> {
  const n = 10_000_000, y = new Float64Array(n), x = new Float64Array(n), pyramid = new Pyramid();
  for (let i = 0; i < n; i++) { x[i] = i; y[i] = Math.sin(i / 9e4) + (next() - 0.5) * 0.3; }
  let begin = performance.now();
  pyramid.extend(y, n);
  note('10,000,000 samples, taken in', performance.now() - begin);
  const track: Track = { x, y, length: n, pyramid, smooth: null }, times: number[] = [];
  for (let k = 0; k < 60; k++) {
    const width = n ** (0.4 + 0.6 * next()), from = next() * (n - width);
    begin = performance.now();
    windowOf([track], from, from + width, 1000);
    times.push(performance.now() - begin);
  }
  note('10,000,000 samples, any window of 1,000 columns', median(times));
  note('10,000,000 samples, any window of 1,000 columns, p95', p95(times));

  // Lines that grow by ten samples a frame, the newest ten thousand of each in sight.
  const points = 10_000, frames_ = 60, lines: Line[] = Array.from({ length: 100 }, (_, s) => {
    const ys = Float64Array.from({ length: points + 10 * frames_ }, (_, i) => Math.sin(i / 300 + s) + normal() * 0.1), own = new Pyramid();
    own.extend(ys, points);
    return { key: String(s), name: String(s), color: readTheme(root).series[s % 8]!, dash: [], primary: false, group: 'g', track: { x, y: ys, length: points, pyramid: own, smooth: null } };
  });
  const box = document.createElement('div'), value = document.createElement('span');
  box.style.cssText = 'position: relative; width: 1000px; height: 500px';
  addStyle(root, 'bench-metrics', METRICS);
  root.replaceChildren(box);
  box.className = 'ts-plot';
  const state = { axis: 'step' as const, log: false, logX: false, smoothing: 0, band: false, marks: [], range: null, now: null };
  const chart = new Chart(box, value, readTheme(root), state, { zoom() {}, hover() {}, pick() {} });
  const scripts: number[] = [], frames: number[] = [];
  let last = await frame();
  for (let k = 0; k < frames_; k++) {
    begin = performance.now();
    for (const { track: t } of lines) t.pyramid.extend(t.y, (t.length += 10));
    chart.draw(lines, { ...state, range: [(k + 1) * 10, points + (k + 1) * 10 - 1] });
    scripts.push(performance.now() - begin);
    const now = await frame();
    frames.push(now - last);
    last = now;
  }
  note('100 lines of 10,000 points redrawn, script', median(scripts));
  note('100 lines of 10,000 points redrawn', 1000 / median(frames), 'Hz');
  chart.destroy();
}

/** A minute of 200,000 rows a second into the store, as fast as it goes: how much of the minute that takes, and what is left behind. */
async function store(): Promise<void> {
  const before = memory(), run = new Run('r'), tags = 50, rows = 10_000, seconds = 60, rate = 200_000;
  run.extendStrings(0, Array.from({ length: tags }, (_, i) => `tag/${i}`));
  const tag = Uint32Array.from({ length: rows }, (_, i) => i % tags);
  let spent = 0, worst = 0;
  for (let at = 0; at < seconds * rate; at += rows) {
    const step = Int32Array.from({ length: rows }, (_, i) => Math.floor((at + i) / tags)), columns = { tag, step, time: Float64Array.from(step), value: Float64Array.from(step, Math.sin) };
    const begin = performance.now();
    run.apply({ kind: 'scalars', meta: {}, columns });
    const took = performance.now() - begin;
    spent += took;
    worst = Math.max(worst, took);
    if (at % (rows * 20) === 0) await frame();
  }
  note('200,000 rows a second for a minute into the store, share of the time', (spent / (seconds * 1000)) * 100, '%');
  note('the longest frame of 10,000 rows', worst);
  await new Promise(resolve => setTimeout(resolve, 500));
  note('heap afterwards, above before', (memory() - before) / 1e6, 'MB');
  note('rows kept of 12,000,000', [...run.series.values()].reduce((sum, s) => sum + s.value.length, 0), 'rows');
}

async function run(): Promise<void> {
  const root = document.getElementById('view')!;
  dress(root, new URLSearchParams(location.search).get('theme') ?? 'light');
  await store();                                        // first: what others leave behind would be counted
  await charts(root);
  root.replaceChildren();
  await heatmaps(root);
  await points(root, 10_000);
  await points(root, 100_000);
  await points(root, 1_000_000);
  root.replaceChildren(Object.assign(document.createElement('pre'), { textContent: figures.map(([what, value, unit]) => `${what.padEnd(64)} ${value.toFixed(2).padStart(9)} ${unit}`).join('\n') }));
  (globalThis as { figures?: unknown }).figures = figures;
}

void run();
